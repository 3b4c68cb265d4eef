/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms along one line of a tile, in the order of operations that all of them have. */
#ifndef FV_KERNELS_WINOGRAD_TRANSFORM_H
#define FV_KERNELS_WINOGRAD_TRANSFORM_H

#include "kernels/simd/tile_walk.h"
#include "kernels/winograd/winograd.h"

/* Points +-sqrt(A), +-sqrt(B), ... by their squares, for 6, 8 and 10 points. The product of a set is 1. */
#define A6        0.5
#define B6        2.0
#define A8        0.25
#define B8        1.0
#define C8        4.0
#define A10       0.16
#define B10       0.64
#define C10       1.5625
#define D10       6.25
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

/* ---- B^T: n pixels to n points ---- */

/* F(2,3): with the signs of Lavin and Gray's matrices. */
FV_INLINE void input_4(const vf *d, vf *v)
{
    v[0] = vf_sub(d[0], d[2]);
    v[1] = vf_add(d[1], d[2]);
    v[2] = vf_sub(d[2], d[1]);
    v[3] = vf_sub(d[1], d[3]);
}

/* A point x among +-sqrt(A), +-sqrt(B) takes the even part d4 - B d2 and x times the odd part d3 - B d1 with the other
 * square; 0 and infinity take the product of all factors. */
FV_INLINE void input_6(const vf *d, vf *v)
{
    const vf even_a = minus(d[4], B6, d[2]), odd_a = minus(d[3], B6, d[1]);
    const vf even_b = minus(d[4], A6, d[2]), odd_b = minus(d[3], A6, d[1]);
    v[0] = vf_add(minus(d[4], A6 + B6, d[2]), d[0]);
    v[1] = plus(even_a, SQRT_HALF, odd_a);
    v[2] = minus(even_a, SQRT_HALF, odd_a);
    v[3] = plus(even_b, SQRT_2, odd_b);
    v[4] = minus(even_b, SQRT_2, odd_b);
    v[5] = vf_add(minus(d[5], A6 + B6, d[3]), d[1]);
}

/* x^4 - (s) x^2 + t of three values that are two apart. */
FV_INLINE vf quartic(vf x4, double s, vf x2, double t, vf x0)
{
    return plus(minus(x4, s, x2), t, x0);
}

FV_INLINE void input_8(const vf *d, vf *v)
{
    const double all = A8 + B8 + C8, pairs = A8 * B8 + A8 * C8 + B8 * C8, product = A8 * B8 * C8;
    const vf even_a = quartic(d[6], B8 + C8, d[4], B8 * C8, d[2]), odd_a = quartic(d[5], B8 + C8, d[3], B8 * C8, d[1]);
    const vf even_b = quartic(d[6], A8 + C8, d[4], A8 * C8, d[2]), odd_b = quartic(d[5], A8 + C8, d[3], A8 * C8, d[1]);
    const vf even_c = quartic(d[6], A8 + B8, d[4], A8 * B8, d[2]), odd_c = quartic(d[5], A8 + B8, d[3], A8 * B8, d[1]);
    v[0] = minus(quartic(d[6], all, d[4], pairs, d[2]), product, d[0]);
    v[1] = plus(even_a, 0.5, odd_a);
    v[2] = minus(even_a, 0.5, odd_a);
    v[3] = vf_add(even_b, odd_b);
    v[4] = vf_sub(even_b, odd_b);
    v[5] = plus(even_c, 2.0, odd_c);
    v[6] = minus(even_c, 2.0, odd_c);
    v[7] = minus(quartic(d[7], all, d[5], pairs, d[3]), product, d[1]);
}

/* (x^2 - a) (x^2 - b) (x^2 - c) of values d[0], d[2], d[4], d[6]. */
FV_INLINE vf sextic(const vf *d, double a, double b, double c)
{
    return minus(quartic(d[6], a + b + c, d[4], a * b + a * c + b * c, d[2]), a * b * c, d[0]);
}

/* Points +-x with the other squares a, b and c. */
FV_INLINE void input_pair_10(const vf *d, double x, double a, double b, double c, vf *v)
{
    const vf even = sextic(d + 2, a, b, c), odd = sextic(d + 1, a, b, c);
    v[0] = plus(even, x, odd);
    v[1] = minus(even, x, odd);
}

FV_INLINE void input_10(const vf *d, vf *v)
{
    const double all = A10 + B10 + C10 + D10, pairs = (A10 + B10) * (C10 + D10) + A10 * B10 + C10 * D10;
    const double triples = A10 * B10 * (C10 + D10) + (A10 + B10) * C10 * D10;
    v[0] = vf_add(minus(quartic(d[8], all, d[6], pairs, d[4]), triples, d[2]), d[0]);
    input_pair_10(d, 0.4, B10, C10, D10, v + 1);
    input_pair_10(d, 0.8, A10, C10, D10, v + 3);
    input_pair_10(d, 1.25, A10, B10, D10, v + 5);
    input_pair_10(d, 2.5, A10, B10, C10, v + 7);
    v[9] = vf_add(minus(quartic(d[9], all, d[7], pairs, d[5]), triples, d[3]), d[1]);
}

/* ---- A^T: n points to m pixels ---- */

FV_INLINE void output_2_of_4(const vf *s, vf *y)
{
    y[0] = vf_add(vf_add(s[0], s[1]), s[2]);
    y[1] = vf_sub(vf_sub(s[1], s[2]), s[3]);
}

FV_INLINE void output_2_of_6(const vf *s, vf *y)
{
    const vf odd_a = vf_sub(s[1], s[2]), odd_b = vf_sub(s[3], s[4]);
    y[0] = vf_add(vf_add(s[0], vf_add(s[1], s[2])), vf_add(s[3], s[4]));
    y[1] = plus(plus(s[5], SQRT_2, odd_b), SQRT_HALF, odd_a);
}

/* Pixel i is the sum of x^i times the sum at point x: even powers by sums of a pair of points, odd ones by
 * differences. */
FV_INLINE void output_4_of_6(const vf *s, vf *y)
{
    const vf even_a = vf_add(s[1], s[2]), odd_a = vf_sub(s[1], s[2]);
    const vf even_b = vf_add(s[3], s[4]), odd_b = vf_sub(s[3], s[4]);
    y[0] = vf_add(vf_add(s[0], even_a), even_b);
    y[1] = plus(vf_mul(constant(SQRT_2), odd_b), SQRT_HALF, odd_a);
    y[2] = plus(vf_mul(constant(B6), even_b), A6, even_a);
    y[3] = plus(plus(s[5], B6 * SQRT_2, odd_b), A6 * SQRT_HALF, odd_a);
}

FV_INLINE void output_6_of_8(const vf *s, vf *y)
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

FV_INLINE void output_4_of_10(const vf *s, vf *y)
{
    const vf even_a = vf_add(s[1], s[2]), odd_a = vf_sub(s[1], s[2]);
    const vf even_b = vf_add(s[3], s[4]), odd_b = vf_sub(s[3], s[4]);
    const vf even_c = vf_add(s[5], s[6]), odd_c = vf_sub(s[5], s[6]);
    const vf even_d = vf_add(s[7], s[8]), odd_d = vf_sub(s[7], s[8]);
    y[0] = vf_add(vf_add(vf_add(vf_add(s[0], even_a), even_b), even_c), even_d);
    y[1] = plus(plus(plus(vf_mul(constant(2.5), odd_d), 1.25, odd_c), 0.8, odd_b), 0.4, odd_a);
    y[2] = plus(plus(plus(vf_mul(constant(D10), even_d), C10, even_c), B10, even_b), A10, even_a);
    y[3] = plus(plus(plus(plus(s[9], D10 * 2.5, odd_d), C10 * 1.25, odd_c), B10 * 0.8, odd_b), A10 * 0.4, odd_a);
}

/* ---- G, in float64 ---- */

#define TAPS_MAX   7
#define POINTS_MAX 10

/* Rows of [1, x, x^2, ...] over the product of the differences to the other points, which for x and -x is 2 x^2 times
 * that of the differences of squares; at infinity the last tap. */
FV_INLINE void filter_rows(int n, int taps, double g[POINTS_MAX][TAPS_MAX])
{
    static const double squares[][4] = {{1.0}, {A6, B6}, {A8, B8, C8}, {A10, B10, C10, D10}};
    static const double roots[][4] = {{1.0}, {SQRT_HALF, SQRT_2}, {0.5, 1.0, 2.0}, {0.4, 0.8, 1.25, 2.5}};
    const int pairs = n / 2 - 1;
    for (int i = 0; i < taps; i++) {
        g[0][i] = i == 0 ? (pairs == 3 ? -1.0 : 1.0) : 0.0; /* of 0 and three pairs the input has the other sign */
        g[n - 1][i] = i == taps - 1 ? 1.0 : 0.0;
    }
    for (int j = 0; j < pairs; j++) {
        const double square = squares[pairs - 1][j];
        double product = 2.0 * square, even = 1.0;
        for (int i = 0; i < pairs; i++)
            product *= i == j ? 1.0 : square - squares[pairs - 1][i];
        for (int i = 0; i < taps; i++, even *= i % 2 ? 1.0 : square) {
            g[1 + 2 * j][i] = even / product * (i % 2 ? roots[pairs - 1][j] : 1.0);
            g[2 + 2 * j][i] = i % 2 ? -g[1 + 2 * j][i] : g[1 + 2 * j][i];
        }
    }
}

#endif
