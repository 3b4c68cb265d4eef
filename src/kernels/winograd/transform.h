/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms along one line of a tile, in the order of operations that all of them have. */
#ifndef FV_KERNELS_WINOGRAD_TRANSFORM_H
#define FV_KERNELS_WINOGRAD_TRANSFORM_H

#include "kernels/simd/tile_walk.h"
#include "kernels/winograd/winograd.h"

/* Points +-sqrt(A), +-sqrt(B) and +-sqrt(C) by their squares. */
#define A4        0.5
#define B4        2.0
#define A6        0.25
#define B6        1.0
#define C6        4.0
#define SQRT_HALF 0.70710678118654752440
#define SQRT_2    1.41421356237309504880

FV_INLINE vf constant(double x)
{
    return vf_set1((float)x);
}
/* a + k * b and a - k * b */
FV_INLINE vf plus(vf a, double k, vf b)
{
    return vf_fma(constant(k), b, a);
}
FV_INLINE vf minus(vf a, double k, vf b)
{
    return vf_fnma(constant(k), b, a);
}

/* ---- B^T: m + 2 pixels to m + 2 points ---- */

FV_INLINE void input_line_2(const vf *d, vf *v)
{
    v[0] = vf_sub(d[0], d[2]);
    v[1] = vf_add(d[1], d[2]);
    v[2] = vf_sub(d[2], d[1]);
    v[3] = vf_sub(d[3], d[1]);
}

/* A point x among +-sqrt(A), +-sqrt(B) takes the even part d4 - B d2 and x times the odd part d3 - B d1 with the other
 * square; 0 and infinity take the product of all factors. */
FV_INLINE void input_line_4(const vf *d, vf *v)
{
    const vf even_a = minus(d[4], B4, d[2]), odd_a = minus(d[3], B4, d[1]);
    const vf even_b = minus(d[4], A4, d[2]), odd_b = minus(d[3], A4, d[1]);
    v[0] = vf_add(minus(d[4], A4 + B4, d[2]), d[0]);
    v[1] = plus(even_a, SQRT_HALF, odd_a);
    v[2] = minus(even_a, SQRT_HALF, odd_a);
    v[3] = plus(even_b, SQRT_2, odd_b);
    v[4] = minus(even_b, SQRT_2, odd_b);
    v[5] = vf_add(minus(d[5], A4 + B4, d[3]), d[1]);
}

/* x^4 - (s) x^2 + t of three values that are two apart. */
FV_INLINE vf quartic(vf x4, double s, vf x2, double t, vf x0)
{
    return plus(minus(x4, s, x2), t, x0);
}

FV_INLINE void input_line_6(const vf *d, vf *v)
{
    const double all = A6 + B6 + C6, pairs = A6 * B6 + A6 * C6 + B6 * C6, product = A6 * B6 * C6;
    const vf even_a = quartic(d[6], B6 + C6, d[4], B6 * C6, d[2]), odd_a = quartic(d[5], B6 + C6, d[3], B6 * C6, d[1]);
    const vf even_b = quartic(d[6], A6 + C6, d[4], A6 * C6, d[2]), odd_b = quartic(d[5], A6 + C6, d[3], A6 * C6, d[1]);
    const vf even_c = quartic(d[6], A6 + B6, d[4], A6 * B6, d[2]), odd_c = quartic(d[5], A6 + B6, d[3], A6 * B6, d[1]);
    v[0] = minus(quartic(d[6], all, d[4], pairs, d[2]), product, d[0]);
    v[1] = plus(even_a, 0.5, odd_a);
    v[2] = minus(even_a, 0.5, odd_a);
    v[3] = vf_add(even_b, odd_b);
    v[4] = vf_sub(even_b, odd_b);
    v[5] = plus(even_c, 2.0, odd_c);
    v[6] = minus(even_c, 2.0, odd_c);
    v[7] = minus(quartic(d[7], all, d[5], pairs, d[3]), product, d[1]);
}

/* ---- A^T: m + 2 points to m pixels ---- */

FV_INLINE void output_line_2(const vf *s, vf *y)
{
    y[0] = vf_add(vf_add(s[0], s[1]), s[2]);
    y[1] = vf_add(vf_sub(s[1], s[2]), s[3]);
}

/* Pixel i is the sum of x^i times the sum at point x: even powers by sums of a pair of points, odd ones by
 * differences. */
FV_INLINE void output_line_4(const vf *s, vf *y)
{
    const vf even_a = vf_add(s[1], s[2]), odd_a = vf_sub(s[1], s[2]);
    const vf even_b = vf_add(s[3], s[4]), odd_b = vf_sub(s[3], s[4]);
    y[0] = vf_add(vf_add(s[0], even_a), even_b);
    y[1] = plus(vf_mul(constant(SQRT_2), odd_b), SQRT_HALF, odd_a);
    y[2] = plus(vf_mul(constant(B4), even_b), A4, even_a);
    y[3] = plus(plus(s[5], B4 * SQRT_2, odd_b), A4 * SQRT_HALF, odd_a);
}

FV_INLINE void output_line_6(const vf *s, vf *y)
{
    const vf even_a = vf_add(s[1], s[2]), odd_a = vf_sub(s[1], s[2]);
    const vf even_b = vf_add(s[3], s[4]), odd_b = vf_sub(s[3], s[4]);
    const vf even_c = vf_add(s[5], s[6]), odd_c = vf_sub(s[5], s[6]);
    y[0] = vf_add(vf_add(vf_add(s[0], even_a), even_b), even_c);
    y[1] = plus(plus(odd_b, 2.0, odd_c), 0.5, odd_a);
    y[2] = plus(plus(even_b, 4.0, even_c), 0.25, even_a);
    y[3] = plus(plus(odd_b, 8.0, odd_c), 0.125, odd_a);
    y[4] = plus(plus(even_b, 16.0, even_c), 0.0625, even_a);
    y[5] = plus(plus(vf_add(s[7], odd_b), 32.0, odd_c), 0.03125, odd_a);
}

/* ---- G, in float64: rows of [1, x, x^2] over the product of the differences to the other points ---- */

static const double filter_2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

/* 2 A (A - B) = -3/2 and 2 B (B - A) = 6 */
static const double filter_4[6][3] = {{1, 0, 0},
                                      {-2.0 / 3, -2.0 / 3 * SQRT_HALF, -1.0 / 3},
                                      {-2.0 / 3, 2.0 / 3 * SQRT_HALF, -1.0 / 3},
                                      {1.0 / 6, SQRT_2 / 6, 1.0 / 3},
                                      {1.0 / 6, -SQRT_2 / 6, 1.0 / 3},
                                      {0, 0, 1}};

/* -A B C = -1; 2 A (A - B) (A - C) = 45/32, 2 B (B - A) (B - C) = -9/2, 2 C (C - A) (C - B) = 90 */
static const double filter_6[8][3] = {{-1, 0, 0},
                                      {32.0 / 45, 16.0 / 45, 8.0 / 45},
                                      {32.0 / 45, -16.0 / 45, 8.0 / 45},
                                      {-2.0 / 9, -2.0 / 9, -2.0 / 9},
                                      {-2.0 / 9, 2.0 / 9, -2.0 / 9},
                                      {1.0 / 90, 2.0 / 90, 4.0 / 90},
                                      {1.0 / 90, -2.0 / 90, 4.0 / 90},
                                      {0, 0, 1}};

#endif
