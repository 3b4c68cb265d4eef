/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of 8-bit pixels times 16-bit weights go by pairs of taps, as the multipliers of 16-bit pairs want them. */
#include "kernels/image/internal.h"

#include <stdbool.h>

enum { BLOCK = 64 }; /* bytes of a plain loop whose sums stay in registers and L1 */

static const int32_t half = 1 << (FV_RESIZE_BITS - 1);

static inline uint8_t round_sum(int32_t sum)
{
    int32_t v = sum >> FV_RESIZE_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static inline int32_t whole_weight(int16_t high, int16_t low)
{
    return high * (1 << FV_RESIZE_LOW) + low;
}

/* ---- rows ---- */

/* Any number of channels, a vector of channels at a time. */
static void rows_any(const fv_resize_axis *a, int64_t c, const uint8_t *const src[FV_RESIZE_ROWS],
                     uint8_t *const dst[FV_RESIZE_ROWS])
{
    const vi least = vi_set1(0), most = vi_set1(255);
    for (int r = 0; r < FV_RESIZE_ROWS; r++) {
        for (int64_t i = 0; i < a->count; i++) {
            const int16_t *high = a->high + i * a->width, *low = a->low + i * a->width;
            const uint8_t *p = src[r] + a->first[i] * c;
            for (int64_t k = 0; k < c; k += VF) {
                vi sum = vi_set1(half);
                for (int32_t t = 0; t < a->taps[i]; t++)
                    sum = vi_add(sum, vi_mul(vi_set1(whole_weight(high[t], low[t])), vi_load_u8(p + t * c + k)));
                sum = vi_sar(sum, FV_RESIZE_BITS);
                sum = vi_select(vi_gt(sum, most), most, vi_select(vi_gt(least, sum), least, sum));
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
            const int16_t *high = a->high + i * a->width, *low = a->low + i * a->width;
            const uint8_t *p = src[r] + a->first[i] * 3;
            int32_t s0 = half, s1 = half, s2 = half;
            for (int32_t t = 0; t < a->taps[i]; t++, p += 3) {
                const int32_t w = whole_weight(high[t], low[t]);
                s0 += w * p[0];
                s1 += w * p[1];
                s2 += w * p[2];
            }
            dst[r][3 * i] = round_sum(s0);
            dst[r][3 * i + 1] = round_sum(s1);
            dst[r][3 * i + 2] = round_sum(s2);
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

/* Both parts of a sum, put together and rounded. */
FV_INLINE vi finish(vi high, vi low)
{
    return vi_sar(vi_add(vi_add(vi_shl(high, FV_RESIZE_LOW), low), vi_set1(half)), FV_RESIZE_BITS);
}

/* Sums of output i: channels 0 to 3 of each group. */
FV_INLINE void color_sums(const fv_resize_axis *a, int64_t i, int c, const uint8_t *const *src, vb first, vb second,
                          vi sum[GROUPED])
{
    const int16_t *high = a->high + i * a->width, *low = a->low + i * a->width;
    const int64_t at = (int64_t)a->first[i] * c;
    const uint8_t *p[FV_RESIZE_ROWS];
    vi upper[GROUPED], lower[GROUPED];
    for (int r = 0; r < FV_RESIZE_ROWS; r++)
        p[r] = src[r] + at;
    for (int g = 0; g < GROUPED; g++)
        upper[g] = lower[g] = vi_set1(0);
    int32_t t = 0;
    for (; t + 2 < a->most; t += 4) {
        const vb high0 = vb_pair(high + t), high1 = vb_pair(high + t + 2);
        const vb low0 = vb_pair(low + t), low1 = vb_pair(low + t + 2);
        for (int g = 0; g < GROUPED; g++) {
            const vb x = vb_gather(p + g * VB), x0 = vb_shuffle(x, first), x1 = vb_shuffle(x, second);
            upper[g] = vi_add(upper[g], vi_add(vb_madd(x0, high0), vb_madd(x1, high1)));
            lower[g] = vi_add(lower[g], vi_add(vb_madd(x0, low0), vb_madd(x1, low1)));
        }
        for (int r = 0; r < FV_RESIZE_ROWS; r++)
            p[r] += 4 * c;
    }
    if (t < a->most) {
        for (int g = 0; g < GROUPED; g++) {
            const vb x0 = vb_shuffle(vb_gather(p + g * VB), first);
            upper[g] = vi_add(upper[g], vb_madd(x0, vb_pair(high + t)));
            lower[g] = vi_add(lower[g], vb_madd(x0, vb_pair(low + t)));
        }
    }
    for (int g = 0; g < GROUPED; g++)
        sum[g] = finish(upper[g], lower[g]);
}

/* n < 16 bytes, by moves that may overlap: a call of memcpy would take longer. */
FV_INLINE void copy_few(uint8_t *dst, const uint8_t *src, int64_t n)
{
    if (n >= 8) {
        uint64_t head, tail;
        memcpy(&head, src, 8);
        memcpy(&tail, src + n - 8, 8);
        memcpy(dst, &head, 8);
        memcpy(dst + n - 8, &tail, 8);
    } else if (n >= 4) {
        uint32_t head, tail;
        memcpy(&head, src, 4);
        memcpy(&tail, src + n - 4, 4);
        memcpy(dst, &head, 4);
        memcpy(dst + n - 4, &tail, 4);
    } else {
        for (int64_t i = 0; i < n; i++)
            dst[i] = src[i];
    }
}

/* The first n bytes of each group; all 16 where there is room. */
FV_INLINE void put(uint8_t *const dst[FV_RESIZE_ROWS], int64_t at, int g, vb a, int64_t n, bool room)
{
    uint8_t *p[VB], part[VB][16];
    for (int r = 0; r < VB; r++)
        p[r] = room ? dst[g * VB + r] + at : part[r];
    vb_scatter(p, a);
    for (int r = 0; r < VB && !room; r++)
        copy_few(dst[g * VB + r] + at, part[r], n);
}

FV_INLINE void rows_color(const fv_resize_axis *a, int c, const uint8_t *const *src, uint8_t *const *dst)
{
    const vb first = vb_repeat(pairs[c - 3][0]), second = vb_repeat(pairs[c - 3][1]), close = vb_repeat(dense);
    for (int64_t i = 0; i < a->count; i += 4) {
        const int64_t n = a->count - i < 4 ? a->count - i : 4;
        vi sum[4][GROUPED];
        for (int64_t j = 0; j < 4; j++) {
            if (j < n)
                color_sums(a, i + j, c, src, first, second, sum[j]);
            else
                memcpy(sum[j], sum[0], sizeof sum[j]); /* to be cut off */
        }
        for (int g = 0; g < GROUPED; g++) {
            vb pixels = vb_narrow(sum[0][g], sum[1][g], sum[2][g], sum[3][g]);
            if (c == 3)
                pixels = vb_shuffle(pixels, close);
            put(dst, i * c, g, pixels, n * c, (a->count - i) * c >= 16);
        }
    }
}

/* Eight taps of one channel fill a group; its four sums are added at the end, for four outputs together. */
FV_INLINE void grey_sums(const fv_resize_axis *a, int64_t i, const uint8_t *const *src, vi upper[GROUPED],
                         vi lower[GROUPED])
{
    const int16_t *high = a->high + i * a->width, *low = a->low + i * a->width;
    const int64_t at = a->first[i];
    for (int g = 0; g < GROUPED; g++)
        upper[g] = lower[g] = vi_set1(0);
    for (int32_t t = 0; t < a->most; t += 8) {
        const vb high0 = vb_repeat(high + t), low0 = vb_repeat(low + t);
        const uint8_t *p[FV_RESIZE_ROWS];
        for (int r = 0; r < FV_RESIZE_ROWS; r++)
            p[r] = src[r] + at + t;
        for (int g = 0; g < GROUPED; g++) {
            const vb x = vb_zip_lo(vb_gather(p + g * VB), vb_zero());
            upper[g] = vi_add(upper[g], vb_madd(x, high0));
            lower[g] = vi_add(lower[g], vb_madd(x, low0));
        }
    }
}

static void rows_grey(const fv_resize_axis *a, const uint8_t *const *src, uint8_t *const *dst)
{
    for (int64_t i = 0; i < a->count; i += 4) {
        const int64_t n = a->count - i < 4 ? a->count - i : 4;
        vi upper[4][GROUPED], lower[4][GROUPED];
        for (int64_t j = 0; j < 4; j++) {
            if (j < n) {
                grey_sums(a, i + j, src, upper[j], lower[j]);
                continue;
            }
            memcpy(upper[j], upper[0], sizeof upper[j]); /* to be cut off */
            memcpy(lower[j], lower[0], sizeof lower[j]);
        }
        for (int g = 0; g < GROUPED; g++) {
            const vi up = vb_hadd(vb_hadd(upper[0][g], upper[1][g]), vb_hadd(upper[2][g], upper[3][g]));
            const vi down = vb_hadd(vb_hadd(lower[0][g], lower[1][g]), vb_hadd(lower[2][g], lower[3][g]));
            const vi sum = finish(up, down);
            put(dst, i, g, vb_narrow(sum, sum, sum, sum), n, a->count - i >= 16);
        }
    }
}

/* Four outputs that lie close together fill a group with two taps of each. */
static void rows_grey_quads(const fv_resize_axis *a, const uint8_t *const *src, uint8_t *const *dst)
{
    for (int64_t i = 0; i < a->count; i += 16) {
        vi sum[4][GROUPED];
        for (int64_t j = 0; j < 4; j++) {
            const int64_t quad = i + 4 * j;
            const int16_t *high = a->quad_high + quad * a->width, *low = a->quad_low + quad * a->width;
            const vb pick = vb_repeat(a->quad_pick + quad * 4);
            const int64_t at = a->first[quad < a->count ? quad : a->count - 1];
            const uint8_t *p[FV_RESIZE_ROWS];
            vi upper[GROUPED], lower[GROUPED];
            for (int r = 0; r < FV_RESIZE_ROWS; r++)
                p[r] = src[r] + at;
            for (int g = 0; g < GROUPED; g++)
                upper[g] = lower[g] = vi_set1(0);
            for (int32_t t = 0; t < a->most; t += 2, high += 8, low += 8) {
                const vb high0 = vb_repeat(high), low0 = vb_repeat(low);
                for (int g = 0; g < GROUPED; g++) {
                    const vb x = vb_shuffle(vb_gather(p + g * VB), pick);
                    upper[g] = vi_add(upper[g], vb_madd(x, high0));
                    lower[g] = vi_add(lower[g], vb_madd(x, low0));
                }
                for (int r = 0; r < FV_RESIZE_ROWS; r++)
                    p[r] += 2;
            }
            for (int g = 0; g < GROUPED; g++)
                sum[j][g] = finish(upper[g], lower[g]);
        }
        const int64_t n = a->count - i < 16 ? a->count - i : 16;
        for (int g = 0; g < GROUPED; g++)
            put(dst, i, g, vb_narrow(sum[0][g], sum[1][g], sum[2][g], sum[3][g]), n, n == 16);
    }
}

static void rows(const fv_resize_axis *a, int64_t c, const uint8_t *const src[FV_RESIZE_ROWS],
                 uint8_t *const dst[FV_RESIZE_ROWS])
{
    if (c == 3)
        rows_color(a, 3, src, dst);
    else if (c == 4)
        rows_color(a, 4, src, dst);
    else if (c == 1 && a->quads)
        rows_grey_quads(a, src, dst);
    else if (c == 1)
        rows_grey(a, src, dst);
    else
        rows_any(a, c, src, dst);
}

#endif

/* ---- columns ---- */

static void column_plain(int64_t n, int32_t taps, const int16_t *high, const int16_t *low, const uint8_t *src,
                         int64_t stride, uint8_t *dst)
{
    int32_t sum[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        const int64_t m = n - at < BLOCK ? n - at : BLOCK;
        for (int j = 0; j < BLOCK; j++)
            sum[j] = half;
        for (int32_t t = 0; t < taps; t++) {
            const uint8_t *p = src + t * stride + at;
            const int32_t w = whole_weight(high[t], low[t]);
            for (int64_t j = 0; j < m; j++)
                sum[j] += w * p[j];
        }
        for (int64_t j = 0; j < m; j++)
            dst[at + j] = round_sum(sum[j]);
    }
}

#if VF == 1

static void column(int64_t n, int32_t taps, const int16_t *high, const int16_t *low, const uint8_t *src, int64_t stride,
                   uint8_t *dst)
{
    column_plain(n, taps, high, low, src, stride, dst);
}

static void narrow(const fv_resize_axis *a, int64_t n, const uint8_t *src, int64_t stride, uint8_t *dst)
{
    for (int64_t y = 0; y < a->count; y++)
        column_plain(n, a->taps[y], a->high + y * a->width, a->low + y * a->width, src + a->first[y] * stride, stride,
                     dst + y * n);
}

#else

/* Bytes src[at[g]] to src[at[g] + 15] of each group g; `parts` is false where they lie side by side. */
FV_INLINE vb load_groups(const uint8_t *src, const int64_t at[VB], bool parts)
{
    if (!parts)
        return vb_load(src + at[0]);
    const uint8_t *p[VB];
    for (int g = 0; g < VB; g++)
        p[g] = src + at[g];
    return vb_gather(p);
}

FV_INLINE void column_block(int32_t taps, const int16_t *high, const int16_t *low, const uint8_t *src, int64_t stride,
                            uint8_t *dst, const int64_t at[VB], bool parts)
{
    vi upper[4], lower[4];
    for (int j = 0; j < 4; j++)
        upper[j] = lower[j] = vi_set1(0);
    for (int32_t t = 0; t < taps; t += 2, src += 2 * stride) {
        /* The last weight of an odd number of taps has a zero beside it. */
        const vb h = vb_pair(high + t), l = vb_pair(low + t);
        const vb x = load_groups(src, at, parts), y = t + 1 < taps ? load_groups(src + stride, at, parts) : x;
        const vb left = vb_zip_lo(x, y), right = vb_zip_hi(x, y);
        const vb part[4] = {vb_zip_lo(left, vb_zero()), vb_zip_hi(left, vb_zero()), vb_zip_lo(right, vb_zero()),
                            vb_zip_hi(right, vb_zero())};
        for (int j = 0; j < 4; j++) {
            upper[j] = vi_add(upper[j], vb_madd(part[j], h));
            lower[j] = vi_add(lower[j], vb_madd(part[j], l));
        }
    }
    for (int j = 0; j < 4; j++)
        upper[j] = finish(upper[j], lower[j]);
    const vb bytes = vb_narrow(upper[0], upper[1], upper[2], upper[3]);
    if (!parts) {
        vb_store(dst + at[0], bytes);
        return;
    }
    uint8_t *p[VB];
    for (int g = 0; g < VB; g++)
        p[g] = dst + at[g];
    vb_scatter(p, bytes);
}

/* Rows of fewer than 16 bytes: a group is an output. */
FV_INLINE void narrow_block(const fv_resize_axis *a, int64_t y, int parts, const uint8_t *src, int64_t stride,
                            uint8_t *const *dst)
{
    static const uint8_t pair_of[4][16] = {{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3},
                                           {4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7},
                                           {8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11},
                                           {12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15}};
    const uint8_t *even[VB], *odd[VB], *high[VB], *low[VB], *end[VB];
    vi upper[4], lower[4];
    int32_t taps = 0;
    for (int g = 0; g < VB; g++) {
        const int64_t at = y + g < a->count ? y + g : a->count - 1;
        even[g] = src + a->first[at] * stride;
        end[g] = even[g] + (a->taps[at] - 1) * stride;
        high[g] = (const uint8_t *)(a->high + at * a->width);
        low[g] = (const uint8_t *)(a->low + at * a->width);
        taps = a->taps[at] > taps ? a->taps[at] : taps;
    }
    for (int j = 0; j < 4; j++)
        upper[j] = lower[j] = vi_set1(0);
    for (int32_t t = 0; t < taps; t += FV_RESIZE_TAPS) {
        const vb all_high = vb_gather(high), all_low = vb_gather(low);
        for (int k = 0; k < 4 && t + 2 * k < taps; k++) {
            for (int g = 0; g < VB; g++) {
                /* Where a group has fewer taps, its last row is read again, without weight. */
                even[g] = even[g] < end[g] ? even[g] : end[g];
                odd[g] = even[g] < end[g] ? even[g] + stride : end[g];
            }
            const vb pair = vb_repeat(pair_of[k]), h = vb_shuffle(all_high, pair), l = vb_shuffle(all_low, pair);
            const vb x = vb_gather(even), z = vb_gather(odd), left = vb_zip_lo(x, z), right = vb_zip_hi(x, z);
            const vb part[4] = {vb_zip_lo(left, vb_zero()), vb_zip_hi(left, vb_zero()), vb_zip_lo(right, vb_zero()),
                                vb_zip_hi(right, vb_zero())};
            for (int j = 0; j < parts; j++) {
                upper[j] = vi_add(upper[j], vb_madd(part[j], h));
                lower[j] = vi_add(lower[j], vb_madd(part[j], l));
            }
            for (int g = 0; g < VB; g++)
                even[g] += 2 * stride;
        }
        for (int g = 0; g < VB; g++) {
            high[g] += FV_RESIZE_TAPS * sizeof *a->high;
            low[g] += FV_RESIZE_TAPS * sizeof *a->low;
        }
    }
    for (int j = 0; j < 4; j++)
        upper[j] = finish(upper[j], lower[j]);
    vb_scatter(dst, vb_narrow(upper[0], upper[1], upper[2], upper[3]));
}

static void narrow(const fv_resize_axis *a, int64_t n, const uint8_t *src, int64_t stride, uint8_t *dst)
{
    for (int64_t y = 0; y < a->count; y += VB) {
        uint8_t *to[VB];
        for (int64_t g = 0; g < VB; g++)
            to[g] = dst + (y + g) * n;
        if (n <= 4)
            narrow_block(a, y, 1, src, stride, to);
        else if (n <= 8)
            narrow_block(a, y, 2, src, stride, to);
        else
            narrow_block(a, y, 4, src, stride, to);
    }
}

static void column(int64_t n, int32_t taps, const int16_t *high, const int16_t *low, const uint8_t *src, int64_t stride,
                   uint8_t *dst)
{
    enum { WIDTH = 16 * VB };
    int64_t at[VB];
    if (n < 16) {
        column_plain(n, taps, high, low, src, stride, dst);
        return;
    }
    /* The last group, or block, may lie over the one before: it writes the same bytes again. */
    if (n < WIDTH) {
        for (int64_t g = 0; g < VB; g++)
            at[g] = 16 * g < n - 16 ? 16 * g : n - 16;
        column_block(taps, high, low, src, stride, dst, at, true);
        return;
    }
    for (int64_t from = 0; from < n; from += WIDTH) {
        at[0] = from + WIDTH <= n ? from : n - WIDTH;
        column_block(taps, high, low, src, stride, dst, at, false);
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
const fv_image_kernels FV_SYM(fv_image_kernels) = {.resize_weights = FV_SYM(fv_image_weights),
                                                   .resize_quads = FV_SYM(fv_image_quads),
                                                   .nearest_samples = FV_SYM(fv_image_nearest),
                                                   .pick_table = FV_SYM(fv_image_pick_table),
                                                   .pick_rows = FV_SYM(fv_image_pick_rows),
                                                   .resize_rows = rows,
                                                   .resize_column = column,
                                                   .resize_narrow = narrow,
                                                   .resize_rows_f32 = rows_f32,
                                                   .resize_column_f32 = column_f32,
                                                   .warp_positions = FV_SYM(fv_image_positions),
                                                   .warp_bilinear = FV_SYM(fv_image_bilinear),
                                                   .sharpen = FV_SYM(fv_image_sharpen),
                                                   .normals = FV_SYM(fv_image_normals),
                                                   .add_noise = FV_SYM(fv_image_add_noise)};
