/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of a resampled axis: plain loops over some outputs at a time, which the compiler makes vectors of. Doubles
   without fused multiply-adds: the same bits everywhere, and but for Lanczos' sines those of Pillow. */
#include "kernels/image/internal.h"

enum { BLOCK = FV_RESIZE_BLOCK, FEW = 4 };

/* sinc(x) sinc(x / 3) for |x| <= 3 as a polynomial in s = x^2 / 4.5 - 1, which is between -1 and 1: its Chebyshev
   series to degree 18, good to 2e-15. Terms of even and odd powers. */
static const double even_terms[] = {
    0x1.478f906a94814p-6, -0x1.b8e5e0bfa643ap-2, 0x1.55a9ed86e4b3cp-2,  0x1.f86a5d2e08998p-2,  0x1.47f4c4c5bf03fp-4,
    0x1.10a9d4ae639abp-8, 0x1.87c782772c0bep-14, 0x1.1e44183ba7bd0p-20, 0x1.d900a981fbe94p-28, 0x1.e2cb655fa4732p-36};
static const double odd_terms[] = {0x1.08e6651b36763p-3,   0x1.12bf4987f1caep-2,
                                   -0x1.47e784f465e68p-1,  -0x1.e34342399d65dp-3,
                                   -0x1.50ba3fa295b8dp-6,  -0x1.66a70b459ed2dp-11,
                                   -0x1.69b1fd3565d33p-17, -0x1.890c3d6a099dcp-24,
                                   -0x1.febeab9898410p-32, 0.0};
enum { LAST_TERM = sizeof even_terms / sizeof *even_terms - 1 };

FV_INLINE double shape_at(fv_resize_shape shape, double x)
{
    const double m = fabs(x);
    if (shape == FV_SHAPE_TRIANGLE)
        return m < 1.0 ? 1.0 - m : 0.0;
    if (shape == FV_SHAPE_BOX)
        return ((x > -0.5) & (x <= 0.5)) ? 1.0 : 0.0;
    if (shape == FV_SHAPE_CUBIC) {
        /* Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2. */
        const double a = -0.5;
        const double inner = ((a + 2.0) * m - (a + 3.0)) * m * m + 1.0, outer = (((m - 5.0) * m + 8.0) * m - 4.0) * a;
        return m < 1.0 ? inner : m < 2.0 ? outer : 0.0;
    }
    const double s = (m * m - 4.5) * (1.0 / 4.5), s2 = s * s;
    double even = even_terms[LAST_TERM], odd = odd_terms[LAST_TERM];
    for (int i = LAST_TERM - 1; i >= 0; i--) {
        even = even * s2 + even_terms[i];
        odd = odd * s2 + odd_terms[i];
    }
    return m < 3.0 ? even + odd * s : 0.0;
}

/* A block of outputs, as many as BLOCK or FEW: the last ones may be repeated. */
typedef struct block {
    double center[BLOCK], sum[BLOCK];
    int32_t first[BLOCK], taps[BLOCK];
} block;

/* First samples and numbers of taps of outputs i on. */
FV_INLINE void block_spans(const fv_resize_curve *curve, int lanes, int64_t i, int64_t last, block *restrict b)
{
    const double most = (double)curve->in, from = curve->from, scale = curve->scale, support = curve->support;
    const int32_t begin = (int32_t)(curve->begin + i), end = (int32_t)(curve->begin + last);
    for (int32_t j = 0; j < lanes; j++) {
        const int32_t at = begin + j < end ? begin + j : end;
        const double center = from + ((double)at + 0.5) * scale;
        const double lo = center - support + 0.5, hi = center + support + 0.5;
        b->center[j] = center;
        b->first[j] = (int32_t)(lo < 0.0 ? 0.0 : lo);
        b->taps[j] = (int32_t)(hi > most ? most : hi) - b->first[j];
        b->sum[j] = 0.0;
    }
}

FV_INLINE void block_weights(const fv_resize_curve *curve, fv_resize_shape shape, int lanes, int32_t most,
                             block *restrict b, double *restrict weight)
{
    const double narrow = curve->narrow;
    for (int32_t t = 0; t < most; t++, weight += lanes) {
        for (int32_t j = 0; j < lanes; j++) {
            const double x = ((double)(b->first[j] + t) - b->center[j] + 0.5) * narrow;
            const double v = shape_at(shape, x);
            weight[j] = t < b->taps[j] ? v : 0.0;
            b->sum[j] += weight[j];
        }
    }
    for (int32_t j = 0; j < lanes; j++)
        b->sum[j] = b->sum[j] != 0.0 ? b->sum[j] : 1.0;
}

/* Rounded to nearest, halves away from zero. */
FV_INLINE int32_t in_units(double weight)
{
    const double v = weight * (double)(1 << FV_RESIZE_BITS);
    return (int32_t)(v + (v < 0.0 ? -0.5 : 0.5));
}

/* Two taps side by side, into the table of outputs i to i + n - 1. */
FV_INLINE void store_pairs(fv_resize_axis *a, int lanes, int64_t i, int64_t n, int32_t most, const block *restrict b,
                           const double *restrict weight)
{
    int16_t high[2 * BLOCK], low[2 * BLOCK];
    for (int32_t t = 0; t < most; t += 2, weight += 2 * lanes) {
        for (int32_t j = 0; j < lanes; j++) {
            const int32_t w0 = in_units(weight[j] / b->sum[j]), w1 = in_units(weight[lanes + j] / b->sum[j]);
            high[2 * j] = (int16_t)(w0 >> FV_RESIZE_LOW);
            high[2 * j + 1] = (int16_t)(w1 >> FV_RESIZE_LOW);
            low[2 * j] = (int16_t)(w0 & ((1 << FV_RESIZE_LOW) - 1));
            low[2 * j + 1] = (int16_t)(w1 & ((1 << FV_RESIZE_LOW) - 1));
        }
        for (int64_t j = 0; j < n; j++) {
            memcpy(a->high + (i + j) * a->width + t, high + 2 * j, 2 * sizeof *high);
            memcpy(a->low + (i + j) * a->width + t, low + 2 * j, 2 * sizeof *low);
        }
    }
}

/* Outputs i to i + n - 1, n <= lanes. */
FV_INLINE void fill_block(const fv_resize_curve *curve, fv_resize_shape shape, int lanes, int64_t i, int64_t n,
                          fv_resize_axis *a)
{
    block b;
    int32_t most = 0;
    block_spans(curve, lanes, i, a->count - 1, &b);
    for (int32_t j = 0; j < lanes; j++)
        most = b.taps[j] > most ? b.taps[j] : most;
    memcpy(a->first + i, b.first, (size_t)n * sizeof *a->first);
    memcpy(a->taps + i, b.taps, (size_t)n * sizeof *a->taps);
    block_weights(curve, shape, lanes, most, &b, curve->line);
    if (a->real) {
        for (int64_t t = 0; t < most; t++)
            for (int64_t j = 0; j < n; j++)
                a->real[(i + j) * a->width + t] = (float)(curve->line[t * lanes + j] / b.sum[j]);
    } else {
        memset(curve->line + most * lanes, 0, (size_t)lanes * sizeof *curve->line); /* beside an odd last tap */
        store_pairs(a, lanes, i, n, most, &b, curve->line);
    }
    a->most = most > a->most ? most : a->most;
}

FV_INLINE void fill(const fv_resize_curve *curve, fv_resize_shape shape, fv_resize_axis *a)
{
    a->most = 0;
    for (int64_t i = 0; i < a->count; i += BLOCK) {
        const int64_t n = a->count - i;
        if (n <= FEW)
            fill_block(curve, shape, FEW, i, n, a);
        else
            fill_block(curve, shape, BLOCK, i, n < BLOCK ? n : BLOCK, a);
    }
}

void FV_SYM(fv_image_weights)(const fv_resize_curve *curve, fv_resize_axis *a)
{
    const size_t weights = (size_t)(a->count * a->width);
    if (a->real) {
        memset(a->real, 0, weights * sizeof *a->real);
    } else {
        memset(a->high, 0, weights * sizeof *a->high);
        memset(a->low, 0, weights * sizeof *a->low);
    }
    if (curve->shape == FV_SHAPE_TRIANGLE)
        fill(curve, FV_SHAPE_TRIANGLE, a);
    else if (curve->shape == FV_SHAPE_BOX)
        fill(curve, FV_SHAPE_BOX, a);
    else if (curve->shape == FV_SHAPE_CUBIC)
        fill(curve, FV_SHAPE_CUBIC, a);
    else
        fill(curve, FV_SHAPE_LANCZOS, a);
}

/* Tables for four outputs at a time, see fv_resize_axis. */
void FV_SYM(fv_image_quads)(fv_resize_axis *a)
{
    const int64_t pairs = (a->most + 1) / 2,
                  padded = (a->count + FV_RESIZE_QUADS - 1) / FV_RESIZE_QUADS * FV_RESIZE_QUADS;
    a->quads = true;
    for (int64_t i = 0; i < padded; i += 4) {
        int64_t at[4];
        uint8_t *pick = a->quad_pick + i * 4;
        for (int64_t j = 0; j < 4; j++) {
            at[j] = i + j < a->count ? i + j : a->count - 1;
            const int32_t step = a->first[at[j]] - a->first[at[0]];
            if (step < 0 || step > 14)
                a->quads = false;
            const uint8_t bytes[4] = {(uint8_t)step, 0x80, (uint8_t)(step + 1), 0x80};
            memcpy(pick + 4 * j, bytes, sizeof bytes);
        }
        if (!a->quads)
            return;
        int16_t *high = a->quad_high + i * a->width, *low = a->quad_low + i * a->width;
        for (int64_t t = 0; t < pairs; t++, high += 8, low += 8) {
            for (int64_t j = 0; j < 4; j++) {
                memcpy(high + 2 * j, a->high + at[j] * a->width + 2 * t, 4);
                memcpy(low + 2 * j, a->low + at[j] * a->width + 2 * t, 4);
            }
        }
    }
}
