/* SPDX-License-Identifier: Apache-2.0 */
/* Rows whose pixels are copies of a row's: nearest neighbors, and what other filters do where each output has one tap.
 */
#include "kernels/image/internal.h"

static void samples_by_steps(const fv_resize_curve *curve, int64_t count, int32_t *first)
{
    double at = curve->from + curve->scale * 0.5;
    for (int64_t i = 0; i < curve->begin + count; i++, at += curve->scale) {
        if (i >= curve->begin)
            first[i - curve->begin] = (int32_t)((int64_t)at < curve->in ? (int64_t)at : curve->in - 1);
    }
}

void FV_SYM(fv_image_nearest)(const fv_resize_curve *curve, int64_t count, int32_t *to)
{
    const double scale = curve->scale, from = curve->from;
    /* Each of the additions is off by at most 2^-53 of `in`. Without waiting for one after the other, they can only
       give another sample where a center is so near an edge. */
    const double doubt = (double)(curve->begin + count + 4) * (double)curve->in * 0x1p-52;
    const int32_t begin = (int32_t)curve->begin, n = (int32_t)count;
    int32_t *restrict first = to, near_edge = doubt >= 0.25;
    for (int32_t i = 0; i < n; i++) {
        const double at = from + ((double)(begin + i) + 0.5) * scale;
        const int32_t sample = (int32_t)at;
        const double part = at - (double)sample;
        first[i] = sample;
        near_edge |= (part < doubt) | (part > 1.0 - doubt);
    }
    if (near_edge)
        samples_by_steps(curve, count, first);
}

/* Where each byte of the row comes from. */
FV_INLINE void positions(const int32_t *restrict first, int64_t n, int32_t pixel, int32_t *restrict at)
{
    for (int64_t x = 0; x < n; x++)
        for (int32_t k = 0; k < pixel; k++)
            at[x * pixel + k] = first[x] * pixel + k;
}

/* The group's bytes of window k, counted from the window's beginning; 0x80 for those of others. */
FV_INLINE void pick_window(int group, const int32_t *restrict at, int32_t base, uint8_t *restrict pick)
{
    for (int b = 0; b < group; b++) {
        const uint32_t from = (uint32_t)(at[b] - base);
        pick[b] = (uint8_t)(from < (uint32_t)group ? from : 0x80);
    }
}

/* Tables of groups of so many bytes, none where a group's come from more windows than are faster than single moves. */
FV_INLINE void tables(fv_image_pick *p, int group, int32_t most, int64_t bytes)
{
    const int32_t pixel = (int32_t)p->pixel;
    int32_t widest = 0;
    p->groups = bytes / group;
    for (int64_t g = 0; g < p->groups; g++) {
        /* From the beginning of a pixel to the end of one: the next may be the same. */
        const int32_t first = p->at[g * group], last = p->at[g * group + group - 1];
        p->base[g] = first - first % pixel;
        const int32_t span = last - last % pixel + pixel - 1 - p->base[g];
        widest = span > widest ? span : widest;
    }
    const int32_t windows = widest / group + 1;
    if (windows > most)
        return;
    p->windows = windows;
    /* Groups with less between their ends begin earlier, so that no window lies a group or more behind the last pixel:
       it is `widest` at least from the first to there. */
    const int32_t last = p->at[bytes - 1], end = last - last % pixel + pixel, latest = end - windows * group;
    for (int64_t g = 0; g < p->groups; g++)
        p->base[g] = p->base[g] <= latest ? p->base[g] : latest > 0 ? latest : 0;
    for (int32_t k = 0; k < windows; k++)
        for (int64_t g = 0; g < p->groups; g++)
            pick_window(group, p->at + g * group, p->base[g] + group * k, p->pick + (k * p->groups + g) * group);
}

void FV_SYM(fv_image_pick_table)(fv_image_pick *p)
{
    const int64_t bytes = p->count * p->pixel, padded = (bytes + 63) / 64 * 64;
    p->windows = 0;
    if (VF == 1 || bytes < 16 || p->pixel > 16)
        return;
    if (p->pixel == 1)
        positions(p->first, p->count, 1, p->at);
    else if (p->pixel == 3)
        positions(p->first, p->count, 3, p->at);
    else if (p->pixel == 4)
        positions(p->first, p->count, 4, p->at);
    else
        positions(p->first, p->count, (int32_t)p->pixel, p->at);
    for (int64_t b = bytes; b < padded; b++)
        p->at[b] = p->at[bytes - 1];
    if (VF == 16 && p->vbmi)
        tables(p, 64, p->pixel <= 3 ? FV_PICK_WINDOWS : 24 / (int32_t)p->pixel, padded);
    else
        tables(p, 16, 4, padded);
}

#if VF > 1

/* The row at dst again and again: `times` in all. By blocks that begin where they were written: else the processor
   would have to wait until they are in memory. */
static void repeat(int64_t n, int64_t times, uint8_t *dst)
{
    for (int64_t at = 0; times > 1 && at < n; at += 16 * VB) {
        const int64_t from = at + 16 * VB <= n || at == 0 ? at : n - 16 * VB;
        const vb block = vb_load(dst + from);
        for (int64_t r = 1; r < times; r++)
            vb_store(dst + r * n + from, block);
    }
}

FV_INLINE vb pick_block(const fv_image_pick *p, int windows, int64_t g, const uint8_t *src)
{
    vi all = vi_set1(0);
    for (int k = 0; k < windows; k++) {
        const uint8_t *from[VB];
        for (int j = 0; j < VB; j++)
            from[j] = src + p->base[g + j] + 16 * k;
        const vb pick = vb_load(p->pick + (k * p->groups + g) * 16);
        all = vi_or(all, vb_as_vi(vb_shuffle(vb_gather(from), pick)));
    }
    return vi_as_vb(all);
}

FV_INLINE void by_windows(const fv_image_pick *p, int windows, const uint8_t *src, int64_t times, uint8_t *dst)
{
    for (int64_t g = 0; g < p->groups; g += VB)
        vb_store(dst + 16 * g, pick_block(p, windows, g, src));
    repeat(p->count * p->pixel, times, dst);
}

#endif

#if VF == 16

#define VBMI __attribute__((target("avx512vbmi")))

/* Groups are whole vectors here, whose bytes one instruction permutes. */
VBMI FV_INLINE void by_vectors(const fv_image_pick *p, int windows, const uint8_t *src, uint8_t *dst)
{
    const int64_t table = p->groups * 64;
    for (int64_t at = 0; at < table; at += 64) {
        const uint8_t *from = src + p->base[at / 64];
        vb all = vb_zero();
        for (int k = 0; k < windows; k++) {
            const vb pick = vb_load(p->pick + k * table + at);
            const __mmask64 others = _mm512_movepi8_mask(pick);
            all = _mm512_mask_permutexvar_epi8(all, ~others, pick, vb_load(from + 64 * k));
        }
        vb_store(dst + at, all);
    }
}

VBMI static void vector_row(const fv_image_pick *p, const uint8_t *src, uint8_t *dst)
{
    if (p->windows == 1)
        by_vectors(p, 1, src, dst);
    else if (p->windows == 2)
        by_vectors(p, 2, src, dst);
    else if (p->windows == 3)
        by_vectors(p, 3, src, dst);
    else
        by_vectors(p, p->windows, src, dst);
}

#endif

void FV_SYM(fv_image_pick_rows)(const fv_image_pick *p, const uint8_t *src, int64_t times, uint8_t *dst)
{
#if VF == 16
    if (p->vbmi) {
        vector_row(p, src, dst);
        repeat(p->count * p->pixel, times, dst);
        return;
    }
#endif
#if VF > 1
    if (p->windows == 1)
        by_windows(p, 1, src, times, dst);
    else if (p->windows == 2)
        by_windows(p, 2, src, times, dst);
    else if (p->windows == 3)
        by_windows(p, 3, src, times, dst);
    else
        by_windows(p, 4, src, times, dst);
#else
    (void)p, (void)src, (void)times, (void)dst; /* there never are tables */
#endif
}
