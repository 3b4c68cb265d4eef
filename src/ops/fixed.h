/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-point arithmetic of quantized integers, as TensorFlow Lite defines it: the same integers on every machine.
 * A factor is multiplier * 2^(shift - 31) with the multiplier in [2^30, 2^31). Products round halves up, shifts round
 * halves away from 0. Numbers "of n integer bits" are int32 in units of 2^(n - 31).
 */
#ifndef FV_OPS_FIXED_H
#define FV_OPS_FIXED_H

#include <stdint.h>

#include "ops/ref.h"

static inline int32_t fv_fixed_clamp(int64_t x, int64_t low, int64_t high)
{
    return (int32_t)(x < low ? low : x > high ? high : x);
}

/* a * b / 2^31, rounded, saturated. */
static inline int32_t fv_fixed_mul(int32_t a, int32_t b)
{
    const int64_t ab = (int64_t)a * b, nudge = ab >= 0 ? INT64_C(1) << 30 : 1 - (INT64_C(1) << 30);
    const int64_t high = (ab + nudge) / (INT64_C(1) << 31);
    return high > INT32_MAX ? INT32_MAX : (int32_t)high;
}

/* x / 2^n, rounded; n of 0 to 31. */
static inline int32_t fv_fixed_right(int32_t x, int n)
{
    const int64_t mask = (INT64_C(1) << n) - 1, rest = (int64_t)x & mask, half = (mask >> 1) + (x < 0);
    return (int32_t)(((int64_t)x >> n) + (rest > half));
}

/* x * 2^n, wrapping. */
static inline int32_t fv_fixed_left(int32_t x, int n)
{
    return (int32_t)((uint32_t)x << n);
}

/* x * multiplier * 2^(shift - 31); shift of -31 to 30, nearer ones taken for others. */
static inline int32_t fv_fixed_scale(int32_t x, int32_t multiplier, int64_t shift)
{
    const int left = shift > 30  ? 30
                     : shift > 0 ? (int)shift
                                 : 0,
              right = shift < -31 ? 31
                      : shift < 0 ? (int)-shift
                                  : 0;
    return fv_fixed_right(fv_fixed_mul(fv_fixed_left(x, left), multiplier), right);
}

/* The same with one rounding, halves up. */
static inline int32_t fv_fixed_scale_once(int32_t x, int32_t multiplier, int64_t shift)
{
    const int total = 31 - (int)(shift > 30 ? 30 : shift < -31 ? -31 : shift);
    const int64_t y = ((int64_t)x * multiplier + (INT64_C(1) << (total - 1))) >> total;
    return fv_fixed_clamp(y, INT32_MIN, INT32_MAX);
}

/* The factor as multiplier and shift. */
void fv_fixed_factor(double factor, int32_t *multiplier, int32_t *shift);
/* Of a filter: src * wei / dst, all of them floats. `floats`: it begins with a product of floats, as that of one scale
 * for a whole matrix. */
void fv_fixed_filter_factor(double src, double wei, double dst, bool floats, int32_t *multiplier, int32_t *shift);
/* e^x of x <= 0 with `bits` integer bits (at most 5), with none. */
int32_t fv_fixed_exp(int32_t x, int bits);
/* 1 / (1 + x) of x in [0, 1) with no integer bits, with none. */
int32_t fv_fixed_inverse(int32_t x);
/* 1 / (1 + e^-x) and tanh x, of x with 4 integer bits, with none. */
int32_t fv_fixed_logistic(int32_t x);
int32_t fv_fixed_tanh(int32_t x);

/* ---- operators of 8-bit integers: what their files share ---- */

/* Row of an attribute that is an integer. */
#define FV_Q_ROW(T, key, member, default_, low, high, doc)                                                             \
    {                                                                                                                  \
        key, FV_ATTR_INT, offsetof(T, member), default_, low, high, NULL, doc                                          \
    }
#define FV_Q_ZERO(T, key, member, doc)  FV_Q_ROW(T, key, member, 0, -32768, 65535, doc)
#define FV_Q_MUL(T, key, member, doc)   FV_Q_ROW(T, key, member, 1073741824, -2147483648.0, 2147483647, doc)
#define FV_Q_SHIFT(T, key, member, doc) FV_Q_ROW(T, key, member, 0, -31, 30, doc)
#define FV_Q_RANGE(T)                                                                                                  \
    FV_Q_ROW(T, "min", min, -128, -128, 255, "Least value of dst."),                                                   \
        FV_Q_ROW(T, "max", max, 127, -128, 255, "Largest value of dst.")

/* Operand i is there, has `rank` dimensions (0: any) and is i8 or u8, as operand 0 is. */
fv_status fv_q_operand(fv_ctx *ctx, const fv_node *node, int i, int rank);
/* Two such operands of any rank, with broadcasting; the result has the first one's dtype. */
fv_status fv_q_binary_infer(fv_ctx *ctx, const fv_node *node);

/* The factor of q_mean's sums: the division by the number of terms is part of it, mul * 2^k / terms with the largest k
 * that fits. */
void fv_q_mean_factor(const fv_q_mean_attr *attr, int64_t terms, int32_t *mul, int64_t *shift);

/* Element i of 8-bit integers of either sign. */
static inline int32_t fv_q_get(fv_dtype dtype, const void *data, int64_t i)
{
    return dtype == FV_I8 ? (int32_t)((const int8_t *)data)[i] : (int32_t)((const uint8_t *)data)[i];
}

static inline void fv_q_set(fv_dtype dtype, void *data, int64_t i, int64_t x, int64_t low, int64_t high)
{
    const int32_t least = dtype == FV_I8 ? -128 : 0, most = dtype == FV_I8 ? 127 : 255;
    const int32_t y = fv_fixed_clamp(fv_fixed_clamp(x, low, high), least, most);
    if (dtype == FV_I8)
        ((int8_t *)data)[i] = (int8_t)y;
    else
        ((uint8_t *)data)[i] = (uint8_t)y;
}

/* quantize_samples: the zero point of a sample from its least and largest number, 0 among them, as a float; `scale` is
 * the reciprocal of its scale. NaN where the range is infinite. */
float fv_q_sample_zero(const float range[2], float scale);

#endif
