/* SPDX-License-Identifier: Apache-2.0 */
/* exp, log, log1p, tanh, sigmoid, erf and the normal distribution over a vf: one sequence of operations for every
   instruction set, hence the same bits. Kernel sources only; other code uses math.h.

   Largest errors in units in the last place over all float32 arguments, as check_math measures them:
   exp 1.0, log 0.9, log1p (on [0, 1]) 1.3, tanh 1.4, sigmoid 2.5, erf 2.0, normal 8.0. Results that are denormal round
   once at the end, but for those of normal. Coefficients: near-minimax fits made for this file (interpolation at
   Chebyshev nodes in 200-bit arithmetic). */
#ifndef FV_KERNELS_VMATH_H
#define FV_KERNELS_VMATH_H

#include "kernels/simd/simd.h"

/* a[0] + a[1]*x + ... + a[degree]*x^degree by Horner's rule. */
static inline vf fv_vf_poly(vf x, const float *a, int degree)
{
    vf y = vf_set1(a[degree]);
    for (int i = degree - 1; i >= 0; i--)
        y = vf_fma(y, x, vf_set1(a[i]));
    return y;
}

static inline vf fv_vf_nan(void)
{
    return vi_as_vf(vi_set1(0x7fc00000));
}

static inline vf fv_vf_inf(void)
{
    return vi_as_vf(vi_set1(0x7f800000));
}

/* e^x. Overflow gives +Inf, underflow passes through the denormals to +0, NaN stays NaN. */
static inline vf fv_vf_exp(vf x)
{
    static const float p[] = {0x1.000000p-1f, 0x1.555556p-3f,  0x1.5554eap-5f,
                              0x1.1110e0p-7f, 0x1.6d4316p-10f, 0x1.a124e4p-13f};
    /* Beyond these bounds the result is +Inf or +0 anyway; the operand order lets NaN through. */
    vf t = vf_max(vf_set1(-104.0f), vf_min(vf_set1(89.0f), x));
    /* Adding 1.5 * 2^23 leaves round(t / ln 2) in the low bits. */
    const vf magic = vf_set1(0x1.8p23f);
    vf z = vf_fma(t, vf_set1(0x1.715476p0f), magic);
    vf n = vf_sub(z, magic);
    vf r = vf_fnma(n, vf_set1(0x1.62e430p-1f), t);
    r = vf_fnma(n, vf_set1(-0x1.05c610p-29f), r);
    vf y = vf_add(vf_set1(1.0f), vf_fma(vf_mul(r, r), fv_vf_poly(r, p, 5), r));
    /* 2^n in two factors, so that a denormal result is rounded once and n = 128 still works. */
    vi k = vi_sub(vf_as_vi(z), vf_as_vi(magic));
    vi k1 = vi_sar(k, 1), k2 = vi_sub(k, k1);
    y = vf_mul(y, vi_as_vf(vi_shl(vi_add(k1, vi_set1(127)), 23)));
    return vf_mul(y, vi_as_vf(vi_shl(vi_add(k2, vi_set1(127)), 23)));
}

/* Natural logarithm. log(+-0) = -Inf, log(+Inf) = +Inf, NaN for negative arguments and NaN. */
static inline vf fv_vf_log(vf x)
{
    static const float p[] = {0x1.555554p-2f,  -0x1.fffffcp-3f, 0x1.999d5ap-3f,  -0x1.555b4ap-3f, 0x1.23d21ap-3f,
                              -0x1.fcf4c6p-4f, 0x1.dea282p-4f,  -0x1.d635bcp-4f, 0x1.1d8ea6p-4f};
    vm tiny = vf_lt(x, vf_set1(0x1p-126f));
    vf scaled = vf_select(tiny, vf_mul(x, vf_set1(0x1p23f)), x);
    /* x = 2^e * m with m in [sqrt(1/2), sqrt(2)) */
    vi bits = vi_sub(vf_as_vi(scaled), vi_set1(0x3f3504f3));
    vf e = vi_to_vf(vi_sar(bits, 23));
    e = vf_sub(e, vf_select(tiny, vf_set1(23.0f), vf_zero()));
    vf m = vi_as_vf(vi_add(vi_and(bits, vi_set1(0x007fffff)), vi_set1(0x3f3504f3)));
    vf f = vf_sub(m, vf_set1(1.0f));
    vf f2 = vf_mul(f, f);
    /* log(1 + f) = f - f^2/2 + f^3 p(f); e * ln 2 in two parts, the first exact */
    vf y = vf_mul(vf_mul(f2, f), fv_vf_poly(f, p, 8));
    y = vf_fma(e, vf_set1(0x1.7f7d1cp-20f), y);
    y = vf_fma(vf_set1(-0.5f), f2, y);
    y = vf_add(f, y);
    y = vf_fma(e, vf_set1(0x1.62e400p-1f), y);
    y = vf_select(vf_eq(x, vf_zero()), vf_neg(fv_vf_inf()), y);
    y = vf_select(vf_eq(x, fv_vf_inf()), x, y);
    return vf_select(vf_ge(x, vf_zero()), y, fv_vf_nan());
}

/* log(1 + x) for 0 <= x <= 1: the rounding error of 1 + x is put back to first order. */
static inline vf fv_vf_log1p(vf x)
{
    vf one = vf_set1(1.0f);
    vf u = vf_add(one, x);
    vf lost = vf_sub(x, vf_sub(u, one));
    return vf_add(fv_vf_log(u), vf_div(lost, u));
}

/* Odd, exact at 0 (sign kept) and at +-Inf. */
static inline vf fv_vf_tanh(vf x)
{
    static const float p[] = {-0x1.555556p-2f, 0x1.1110eap-3f,  -0x1.ba08c4p-5f,
                              0x1.64a976p-6f,  -0x1.116a16p-7f, 0x1.2c83c0p-9f};
    vf a = vf_abs(x), one = vf_set1(1.0f), two = vf_set1(2.0f);
    vf u = vf_mul(a, a);
    vf small = vf_fma(vf_mul(a, u), fv_vf_poly(u, p, 5), a);
    vf big = vf_sub(one, vf_div(two, vf_add(fv_vf_exp(vf_add(a, a)), one)));
    vf y = vf_select(vf_lt(a, vf_set1(0.625f)), small, big);
    vi sign = vi_and(vf_as_vi(x), vi_set1(INT32_MIN));
    return vi_as_vf(vi_or(vf_as_vi(y), sign));
}

/* 1 / (1 + e^-x), written with e^-|x| so that nothing overflows and the left tail keeps its relative precision. */
static inline vf fv_vf_sigmoid(vf x)
{
    vf e = fv_vf_exp(vf_neg(vf_abs(x))), one = vf_set1(1.0f);
    return vf_div(vf_select(vf_ge(x, vf_zero()), one, e), vf_add(one, e));
}

/* The share of the normal distribution that lies below x, (1 + erf(x / sqrt 2)) / 2, and *bell = e^(-x^2 / 2). With
   a = |x| the tail is bell * r(a), where r(a) = e^(a^2 / 2) erfc(a / sqrt 2) / 2 is t times a polynomial in
   t = 4 / (4 + a): so the left tail keeps its relative precision. Beyond 16 the tail is 0. */
static inline vf fv_vf_normal(vf x, vf *bell)
{
    static const float p[] = {0x1.989160p-4f, 0x1.977e2ep-4f, 0x1.87a000p-4f, 0x1.246858p-4f,  0x1.6bf7cap-4f,
                              0x1.01c280p-7f, 0x1.1f55eep-5f, 0x1.79d084p-5f, -0x1.ed5ec4p-5f, 0x1.0750a6p-6f};
    const vf one = vf_set1(1.0f), four = vf_set1(4.0f), half = vf_set1(0.5f);
    vf a = vf_min(vf_set1(16.0f), vf_abs(x));
    vf s = vf_mul(a, a);
    vf lost = vf_fma(a, a, vf_neg(s)); /* a * a = s + lost */
    vf e = fv_vf_exp(vf_mul(vf_neg(half), s));
    e = vf_fnma(vf_mul(half, lost), e, e);
    vf t = vf_div(four, vf_add(four, a));
    vf tail = vf_mul(e, vf_mul(t, fv_vf_poly(t, p, 9)));
    *bell = e;
    return vf_select(vf_lt(x, vf_zero()), tail, vf_sub(one, tail));
}

/* The error function. Odd, the sign of 0 kept; +-1 from 4 on. Up to 1 it is a plus a times a polynomial, then 1 less
 * twice a tail. */
static inline vf fv_vf_erf(vf x)
{
    static const float p[] = {0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2d10p-4f, -0x1.b7fabap-6f,
                              0x1.541270p-8f, -0x1.a45088p-11f, 0x1.4a5690p-14f};
    const vf a = vf_abs(x), one = vf_set1(1.0f);
    vf bell, tail = fv_vf_normal(vf_mul(a, vf_set1(-1.4142135624f)), &bell);
    vf y = vf_select(vf_lt(a, one), vf_fma(a, fv_vf_poly(vf_mul(a, a), p, 6), a), vf_fnma(vf_set1(2.0f), tail, one));
    vi sign = vi_and(vf_as_vi(x), vi_set1(INT32_MIN));
    return vi_as_vf(vi_or(vf_as_vi(y), sign));
}

#endif
