/* SPDX-License-Identifier: Apache-2.0 */
/* What a search over settings decides by: draws, rungs, and whether a difference is more than noise. Pure functions. */
#ifndef FOVEA_TUNE_H
#define FOVEA_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Uniform in [0, 1), 53 bits: what trial number `trial` takes of the setting `key`. Depends on nothing but the
 * arguments, so that more trials or more settings leave the others' draws as they are. */
FV_API double fv_tune_draw(uint64_t seed, int64_t trial, const char *key);

enum { FV_RUNGS_MAX = 3 };
/**
 * Successive halving (Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
 * optimization", 2016): behind how many epochs trials are compared. rungs[0..n): rising, the last one is `epochs`, each
 * one before it is the next by `reduction`, rounded up. Returns n, at most FV_RUNGS_MAX: 1 where reduction is 1, and no
 * more than there are trials and epochs for.
 */
FV_API int fv_tune_rungs(int64_t epochs, int64_t trials, int64_t reduction, int64_t rungs[FV_RUNGS_MAX]);
/**
 * Which of the trials in a rung go on to the next one: of the `here` ones among 1..n-1 one in `reduction` (rounded
 * down, at least one), the best by score, of equal ones those with the lowest numbers; and trial 0, which others are
 * measured by. A score that is not finite never goes on. Returns how many do.
 */
FV_API int64_t fv_tune_promote(const double *score, const bool *here, int64_t n, bool higher_is_better,
                               int64_t reduction, bool *goes_on);

/** Mean of some numbers, and how far it may be off. */
typedef struct fv_mean {
    int64_t n;        /* finite ones */
    double mean;      /* NaN: there are none */
    double deviation; /* of one of them, by n - 1; NaN of fewer than two */
    double error;     /* of the mean: deviation / sqrt(n) */
    double margin; /* the mean is within this of the true one, 95 % confidence (Student's t); NaN of fewer than two */
} fv_mean;
FV_API void fv_mean_of(const double *values, int64_t n, fv_mean *mean);

#ifdef __cplusplus
}
#endif
#endif
