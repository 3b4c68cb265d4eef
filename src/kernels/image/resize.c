/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of 8-bit pixels times 16-bit weights go by pairs of taps, as the multipliers of 16-bit pairs want them. */
#include "kernels/image/image.h"

#include <stdbool.h>

#include "kernels/simd/simd_bytes.h"

enum { BLOCK = 64 }; /* bytes of a plain loop whose sums stay in registers and L1 */

static inline uint8_t round_sum(int32_t sum, int32_t bits)
{
    int32_t v = sum >> bits;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* ---- rows ---- */

/* Any number of channels, a vector of channels at a time. */
static void rows_any(const fv_resize_axis *a, int64_t c, const uint8_t *const src[FV_RESIZE_ROWS],
                     uint8_t *const dst[FV_RESIZE_ROWS])
{
    const vi low = vi_set1(0), high = vi_set1(255);
    for (int r = 0; r < FV_RESIZE_ROWS; r++) {
        for (int64_t i = 0; i < a->count; i++) {
            const int16_t *weight = a->weight + i * a->width;
            const uint8_t *p = src[r] + a->first[i] * c;
            for (int64_t k = 0; k < c; k += VF) {
                vi sum = vi_set1(1 << (a->bits[i] - 1));
                for (int32_t t = 0; t < a->taps[i]; t++)
                    sum = vi_add(sum, vi_mul(vi_set1(weight[t]), vi_load_u8(p + t * c + k)));
                sum = vi_sar(sum, a->bits[i]);
                sum = vi_select(vi_gt(sum, high), high, vi_select(vi_gt(low, sum), low, sum));
                vi_store_u8_n(dst[r] + i * c + k, sum, c - k < VF ? (int)(c - k) : VF);
            }
        }
    }
}

#if VF == 1

static void rows(const fv_resize_axis *a, int64_t c, const uint8_t *const src[FV_RESIZE_ROWS],
                 uint8_t *const dst[FV_RESIZE_ROWS])
{
    if (c != 3) {
        rows_any(a, c, src, dst);
        return;
    }
    for (int r = 0; r < FV_RESIZE_ROWS; r++) {
        for (int64_t i = 0; i < a->count; i++) {
            const int16_t *weight = a->weight + i * a->width;
            const uint8_t *p = src[r] + a->first[i] * 3;
            const int32_t bits = a->bits[i];
            int32_t s0 = 1 << (bits - 1), s1 = s0, s2 = s0;
            for (int32_t t = 0; t < a->taps[i]; t++, p += 3) {
                s0 += weight[t] * p[0];
                s1 += weight[t] * p[1];
                s2 += weight[t] * p[2];
            }
            dst[r][3 * i] = round_sum(s0, bits);
            dst[r][3 * i + 1] = round_sum(s1, bits);
            dst[r][3 * i + 2] = round_sum(s2, bits);
        }
    }
}

#else

/* A group of 16 bytes is a row; GROUPED vectors are the rows of a call. Four outputs are made at once, so that their 16
   sums fill a group. */
enum { GROUPED = FV_RESIZE_ROWS / VB, Z = 0x80 };

/* Pairs of taps: the channels of pixels 0 and 1, and of 2 and 3, widened to 16 bits. */
static const uint8_t pairs[2][2][16] = {
    {{0, Z, 3, Z, 1, Z, 4, Z, 2, Z, 5, Z, Z, Z, Z, Z}, {6, Z, 9, Z, 7, Z, 10, Z, 8, Z, 11, Z, Z, Z, Z, Z}},
    {{0, Z, 4, Z, 1, Z, 5, Z, 2, Z, 6, Z, 3, Z, 7, Z}, {8, Z, 12, Z, 9, Z, 13, Z, 10, Z, 14, Z, 11, Z, 15, Z}},
};
/* Four pixels of four bytes to pixels of three. */
static const uint8_t dense[16] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, Z, Z, Z, Z};

/* Sums of output i: channels 0 to 3 of each group. */
FV_INLINE void color_sums(const fv_resize_axis *a, int64_t i, int c, const uint8_t *const *src, vb lo, vb hi,
                          vi sum[GROUPED])
{
    const int16_t *weight = a->weight + i * a->width;
    const int64_t at = (int64_t)a->first[i] * c;
    const int32_t bits = a->bits[i];
    const uint8_t *p[FV_RESIZE_ROWS];
    vi more[GROUPED];
    for (int r = 0; r < FV_RESIZE_ROWS; r++)
        p[r] = src[r] + at;
    for (int g = 0; g < GROUPED; g++) {
        sum[g] = vi_set1(1 << (bits - 1));
        more[g] = vi_set1(0);
    }
    int32_t t = 0;
    for (; t + 2 < a->most; t += 4) {
        const vb first = vb_pair(weight + t), second = vb_pair(weight + t + 2);
        for (int g = 0; g < GROUPED; g++) {
            const vb x = vb_gather(p + g * VB);
            sum[g] = vi_add(sum[g], vb_madd(vb_shuffle(x, lo), first));
            more[g] = vi_add(more[g], vb_madd(vb_shuffle(x, hi), second));
        }
        for (int r = 0; r < FV_RESIZE_ROWS; r++)
            p[r] += 4 * c;
    }
    if (t < a->most) {
        const vb first = vb_pair(weight + t);
        for (int g = 0; g < GROUPED; g++)
            sum[g] = vi_add(sum[g], vb_madd(vb_shuffle(vb_gather(p + g * VB), lo), first));
    }
    for (int g = 0; g < GROUPED; g++)
        sum[g] = vi_sar(vi_add(sum[g], more[g]), bits);
}

/* The first n bytes of each group; all 16 where there is room. */
FV_INLINE void put(uint8_t *const dst[FV_RESIZE_ROWS], int64_t at, int g, vb a, int n, bool room)
{
    uint8_t *p[VB], part[VB][16];
    for (int r = 0; r < VB; r++)
        p[r] = room ? dst[g * VB + r] + at : part[r];
    vb_scatter(p, a);
    for (int r = 0; r < VB && !room; r++)
        memcpy(dst[g * VB + r] + at, part[r], (size_t)n);
}

FV_INLINE void rows_color(const fv_resize_axis *a, int c, const uint8_t *const *src, uint8_t *const *dst)
{
    const vb lo = vb_repeat(pairs[c - 3][0]), hi = vb_repeat(pairs[c - 3][1]), close = vb_repeat(dense);
    for (int64_t i = 0; i < a->count; i += 4) {
        const int64_t n = a->count - i < 4 ? a->count - i : 4;
        vi sum[4][GROUPED];
        for (int64_t j = 0; j < 4; j++)
            color_sums(a, i + (j < n ? j : n - 1), c, src, lo, hi, sum[j]);
        for (int g = 0; g < GROUPED; g++) {
            vb pixels = vb_narrow(sum[0][g], sum[1][g], sum[2][g], sum[3][g]);
            if (c == 3)
                pixels = vb_shuffle(pixels, close);
            put(dst, i * c, g, pixels, (int)n * c, (a->count - i) * c >= 16);
        }
    }
}

static void rows_grey(const fv_resize_axis *a, const uint8_t *const *src, uint8_t *const *dst)
{
    for (int64_t i = 0; i < a->count; i += 4) {
        const int64_t n = a->count - i < 4 ? a->count - i : 4;
        vi sum[4][GROUPED];
        int32_t bits[4];
        for (int64_t j = 0; j < 4; j++) {
            const int64_t out = i + (j < n ? j : n - 1);
            const int16_t *weight = a->weight + out * a->width;
            bits[j] = a->bits[out];
            for (int g = 0; g < GROUPED; g++)
                sum[j][g] = vi_set1(0);
            for (int32_t t = 0; t < a->most; t += 8) {
                const vb w = vb_repeat(weight + t);
                const uint8_t *p[FV_RESIZE_ROWS];
                for (int r = 0; r < FV_RESIZE_ROWS; r++)
                    p[r] = src[r] + a->first[out] + t;
                for (int g = 0; g < GROUPED; g++)
                    sum[j][g] = vi_add(sum[j][g], vb_madd(vb_zip_lo(vb_gather(p + g * VB), vb_zero()), w));
            }
        }
        for (int g = 0; g < GROUPED; g++) {
            const vi all = vb_hadd(vb_hadd(sum[0][g], sum[1][g]), vb_hadd(sum[2][g], sum[3][g]));
            int32_t part[VF];
            vi_store(part, all);
            for (int r = 0; r < VB; r++)
                for (int64_t j = 0; j < n; j++)
                    dst[g * VB + r][i + j] = round_sum(part[4 * r + j] + (1 << (bits[j] - 1)), bits[j]);
        }
    }
}

static void rows(const fv_resize_axis *a, int64_t c, const uint8_t *const src[FV_RESIZE_ROWS],
                 uint8_t *const dst[FV_RESIZE_ROWS])
{
    if (c == 3)
        rows_color(a, 3, src, dst);
    else if (c == 4)
        rows_color(a, 4, src, dst);
    else if (c == 1)
        rows_grey(a, src, dst);
    else
        rows_any(a, c, src, dst);
}

#endif

/* ---- columns ---- */

static void column_plain(int64_t n, int32_t taps, const int16_t *weight, int32_t bits, const uint8_t *src,
                         int64_t stride, uint8_t *dst)
{
    int32_t sum[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        const int64_t m = n - at < BLOCK ? n - at : BLOCK;
        for (int j = 0; j < BLOCK; j++)
            sum[j] = 1 << (bits - 1);
        for (int32_t t = 0; t < taps; t++) {
            const uint8_t *p = src + t * stride + at;
            const int32_t w = weight[t];
            for (int64_t j = 0; j < m; j++)
                sum[j] += w * p[j];
        }
        for (int64_t j = 0; j < m; j++)
            dst[at + j] = round_sum(sum[j], bits);
    }
}

#if VF == 1

static void column(int64_t n, int32_t taps, const int16_t *weight, int32_t bits, const uint8_t *src, int64_t stride,
                   uint8_t *dst)
{
    column_plain(n, taps, weight, bits, src, stride, dst);
}

#else

FV_INLINE void column_block(int32_t taps, const int16_t *weight, int32_t bits, const uint8_t *src, int64_t stride,
                            uint8_t *dst)
{
    vi sum[4];
    for (int j = 0; j < 4; j++)
        sum[j] = vi_set1(1 << (bits - 1));
    for (int32_t t = 0; t < taps; t += 2, src += 2 * stride) {
        /* The last weight of an odd number of taps has a zero beside it. */
        const vb w = vb_pair(weight + t), x = vb_load(src), y = t + 1 < taps ? vb_load(src + stride) : x;
        const vb lo = vb_zip_lo(x, y), hi = vb_zip_hi(x, y);
        sum[0] = vi_add(sum[0], vb_madd(vb_zip_lo(lo, vb_zero()), w));
        sum[1] = vi_add(sum[1], vb_madd(vb_zip_hi(lo, vb_zero()), w));
        sum[2] = vi_add(sum[2], vb_madd(vb_zip_lo(hi, vb_zero()), w));
        sum[3] = vi_add(sum[3], vb_madd(vb_zip_hi(hi, vb_zero()), w));
    }
    for (int j = 0; j < 4; j++)
        sum[j] = vi_sar(sum[j], bits);
    vb_store(dst, vb_narrow(sum[0], sum[1], sum[2], sum[3]));
}

static void column(int64_t n, int32_t taps, const int16_t *weight, int32_t bits, const uint8_t *src, int64_t stride,
                   uint8_t *dst)
{
    const int64_t block = 16 * VB;
    if (n < block) {
        column_plain(n, taps, weight, bits, src, stride, dst);
        return;
    }
    /* The last block may lie over the one before: it writes the same bytes again. */
    for (int64_t at = 0; at < n; at += block) {
        const int64_t from = at + block <= n ? at : n - block;
        column_block(taps, weight, bits, src + from, stride, dst + from);
    }
}

#endif

/* ---- float32 ---- */

static void rows_f32(const fv_resize_axis *a, int64_t c, const float *src, float *dst)
{
    for (int64_t i = 0; i < a->count; i++) {
        const float *weight = a->real + i * a->width, *p = src + a->first[i] * c;
        for (int64_t k = 0; k < c; k++) {
            float sum = 0.0f;
            for (int32_t t = 0; t < a->taps[i]; t++)
                sum = fmaf(weight[t], p[t * c + k], sum);
            dst[i * c + k] = sum;
        }
    }
}

static void column_f32(int64_t n, int32_t taps, const float *weight, const float *src, int64_t stride, float *dst)
{
    for (int64_t j = 0; j < n; j += VF) {
        const int m = n - j < VF ? (int)(n - j) : VF;
        vf sum = vf_zero();
        for (int32_t t = 0; t < taps; t++) {
            const float *p = src + t * stride + j;
            sum = vf_fma(vf_set1(weight[t]), m == VF ? vf_load(p) : vf_load_n(p, m), sum);
        }
        vf_store_n(dst + j, sum, m);
    }
}

extern const fv_image_kernels FV_SYM(fv_image_kernels);
const fv_image_kernels FV_SYM(fv_image_kernels) = {
    .resize_rows = rows, .resize_column = column, .resize_rows_f32 = rows_f32, .resize_column_f32 = column_f32};
