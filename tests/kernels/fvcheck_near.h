/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison with a float64 reference, for kernels whose order of operations is their own business. */
#ifndef FV_TESTS_KERNELS_FVCHECK_NEAR_H
#define FV_TESTS_KERNELS_FVCHECK_NEAR_H

#include "fvcheck.h"

/* |got - want| <= bound * 2^-24 * max(|want|, scale); where want is NaN or infinite as a float, got must be the same.
 */
bool fvc_near(fvc *t, const char *what, const float *got, const double *want, int64_t n, double bound, double scale);
/* Same bits, any NaN equal to any NaN. */
bool fvc_equal_f64(fvc *t, const char *what, const double *got, const double *want, int64_t n);

/* Buffers of doubles and int32, and what fills them. */
double *fvc_doubles(fvc *t, int64_t n);
int32_t *fvc_int32s(fvc *t, int64_t n);
/* kind 0: small integers; 1: floats in [-1, 1); 2: the same with NaN, infinities, denormals and zeros among them. */
void fvc_fill_kind(fvc *t, float *p, int64_t n, int kind);

/* malloc for timing, filled with numbers in [-1, 1); exits when out of memory. */
float *fvc_bench_floats(fvc *t, int64_t n);

#endif
