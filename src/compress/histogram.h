/* SPDX-License-Identifier: Apache-2.0 */
/* What numbers a value takes, in bounded memory: a histogram whose range doubles as larger ones come. */
#ifndef FV_COMPRESS_HISTOGRAM_H
#define FV_COMPRESS_HISTOGRAM_H

#include <fovea/compress.h>

/* Bins of each sign. */
#define FV_HISTOGRAM_HALF 2048

typedef struct fv_histogram {
    double limit; /* bins are limit / HALF wide, from -limit to limit; 0: nothing but zeros yet */
    double low, high;
    int64_t zeros, others;
    int64_t bin[2 * FV_HISTOGRAM_HALF]; /* numbers other than 0 */
} fv_histogram;

/* Adds numbers; false: one is not finite. */
bool fv_histogram_add(fv_histogram *h, const float *x, int64_t count);
/* The range for 256 levels by a rule: it contains 0, and lies within what was seen. `percentile`: of PERCENTILE. */
void fv_histogram_range(const fv_histogram *h, fv_calibration rule, double percentile, double *low, double *high);
/* Share of the numbers that lie beyond a range. */
double fv_histogram_beyond(const fv_histogram *h, double low, double high);

#endif
