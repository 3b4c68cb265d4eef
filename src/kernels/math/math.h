/* SPDX-License-Identifier: Apache-2.0 */
/* Elementary functions of float32 with the same bits on every instruction set. Errors: see vmath.h. */
#ifndef FV_KERNELS_MATH_H
#define FV_KERNELS_MATH_H

#include <stdint.h>

/* dst[i] = f(src[i]) for i < n; dst may be src. */
typedef struct fv_math_kernels {
    void (*exp)(int64_t n, const float *src, float *dst);
    void (*log)(int64_t n, const float *src, float *dst);
    void (*log1p)(int64_t n, const float *src, float *dst); /* arguments in [0, 1] */
    void (*tanh)(int64_t n, const float *src, float *dst);
    void (*sigmoid)(int64_t n, const float *src, float *dst);
    void (*erf)(int64_t n, const float *src, float *dst);
    void (*normal)(int64_t n, const float *src, float *dst); /* (1 + erf(x / sqrt 2)) / 2 */
} fv_math_kernels;

/* One value, for code outside the kernels: the bits of the functions above. */
float fv_expf(float x);
float fv_logf(float x);
float fv_log1pf(float x);
float fv_tanhf(float x);
float fv_sigmoidf(float x);
float fv_erff(float x);
float fv_normalf(float x);

#endif
