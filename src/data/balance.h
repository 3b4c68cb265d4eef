/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of unequal size: how often each sample is drawn in an epoch, or how much each class counts in the loss. */
#ifndef FV_DATA_BALANCE_H
#define FV_DATA_BALANCE_H

#include <fovea/data.h>

typedef struct fv_balance_input {
    const int32_t *labels; /* n, in [0, classes) */
    int64_t n, classes;
    fv_balance how;
    double power;
} fv_balance_input;

/*
 * With n_k samples of class k, n_max and n_min those of the largest and the smallest class that has any, a class is
 * drawn
 *     OVERSAMPLE   round(n_max (n_k / n_max)^(1 - power)) times in an epoch: power 1 draws every class n_max times
 *     UNDERSAMPLE  round(n_min (n_k / n_min)^(1 - power)) times: power 1 draws every class n_min times
 *     NONE, WEIGHTS  n_k times
 * and within a class every sample equally often up to one, those with one more being another set in every epoch.
 *
 * Writes the epoch's order, shuffled, to `order` (*count numbers in [0, n)) unless it is NULL; *count is the same in
 * every epoch. Pure function of its arguments; 0 <= in->power <= 1. VALUE, ARGUMENT (a label outside of [0, classes)).
 */
fv_status fv_balance_order(fv_ctx *ctx, const fv_balance_input *in, uint64_t seed, int64_t epoch, int64_t *order,
                           int64_t *count);

/*
 * Loss weights of the classes: weight_k = c n_k^-power with c such that the mean over the samples is 1; 0 for a class
 * without samples. All 1 unless `how` is WEIGHTS.
 */
fv_status fv_balance_weights(fv_ctx *ctx, const fv_balance_input *in, float *weights);

#endif
