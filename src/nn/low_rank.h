/* SPDX-License-Identifier: Apache-2.0 */
/* What of a matrix its largest singular values keep. */
#ifndef FV_NN_LOW_RANK_H
#define FV_NN_LOW_RANK_H

#include "base/ctx.h"

/*
 * The nearest matrix of rank `rank` to a (rows x columns, floats): left (rows x rank) times right (rank x columns),
 * both of the same size component by component. singular: min(rows, columns) singular values, descending; rank is
 * chosen by `choose` from them, 1 to min(rows, columns). *left and *right are the caller's (fv_free). They come from
 * the eigenvectors of a a' or a' a, whichever is smaller, in float64: below 1e-8 of the largest, singular values are
 * what rounding left.
 */
typedef struct fv_low_rank {
    int64_t rows, columns, rank;
    double *singular;
    float *left, *right;
    double error; /* |a - left right| / |a|, of the sums of squares; 0 where a is 0 */
} fv_low_rank;
typedef int64_t (*fv_rank_choice)(void *arg, const double *singular, int64_t count);
fv_status fv_low_rank_find(fv_ctx *ctx, const float *a, int64_t rows, int64_t columns, fv_rank_choice choose, void *arg,
                           fv_low_rank *found);
void fv_low_rank_clear(fv_ctx *ctx, fv_low_rank *found);
/* Bytes that it needs at once. */
int64_t fv_low_rank_bytes(int64_t rows, int64_t columns);

#endif
