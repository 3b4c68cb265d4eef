/* SPDX-License-Identifier: Apache-2.0 */
/* Contrast by histograms, and sharpness: what needs a look at more than the pixel. */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "data/image/color.h"
#include "data/image/pixels.h"
#include "data/image/warp.h"
#include "kernels/image/image.h"
#include "kernels/kernels.h"

/* ---- histogram equalization ---- */

static int level_of(const fv_image *image, int64_t i)
{
    const float v = fv_element(image, i);
    if (image->depth == FV_DEPTH_8)
        return (int)v;
    return image->depth == FV_DEPTH_16 ? (int)v >> 8 : v > 0.0f ? v < 1.0f ? (int)(v * 256.0f) : 255 : 0;
}

/* Pillow's table for 8 bits; false when the channel stays as it is. */
static bool equalize_table(const int64_t count[256], uint8_t table[256])
{
    int64_t total = 0, last = 0, used = 0;
    for (int v = 0; v < 256; v++) {
        total += count[v];
        last = count[v] ? count[v] : last;
        used += count[v] != 0;
    }
    const int64_t step = (total - last) / 255;
    if (used <= 1 || step == 0)
        return false;
    int64_t sum = step / 2;
    for (int v = 0; v < 256; v++) {
        table[v] = (uint8_t)(sum / step > 255 ? 255 : sum / step);
        sum += count[v];
    }
    return true;
}

static void equalize_real(fv_image *image, int64_t k, const int64_t count[256])
{
    const int64_t n = image->h * image->w * image->c;
    const float full = fv_full_scale(image->depth), unit = full == 1.0f ? 256.0f : 1.0f / 256.0f;
    float below[257] = {0};
    int64_t sum = 0;
    for (int v = 0; v < 256; v++)
        below[v + 1] = (float)((double)(sum += count[v]) / (double)(image->h * image->w));
    for (int64_t i = k; i < n; i += image->c) {
        const int level = level_of(image, i);
        const float share = fv_element(image, i) * unit - (float)level;
        const float inside = share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
        fv_round_element(image->depth, image->data, i,
                         full * (below[level] + inside * (below[level + 1] - below[level])));
    }
}

void fv_color_equalize(fv_image *image)
{
    const int64_t c = image->c, n = image->h * image->w * c;
    for (int64_t k = 0; k < fv_color_channels(image); k++) {
        int64_t count[256] = {0};
        uint8_t table[256];
        for (int64_t i = k; i < n; i += c)
            count[level_of(image, i)]++;
        if (image->depth != FV_DEPTH_8)
            equalize_real(image, k, count);
        else if (equalize_table(count, table))
            for (int64_t i = k; i < n; i += c)
                image->data[i] = table[image->data[i]];
    }
}

/* ---- sharpness ---- */

fv_status fv_color_sharpness(fv_resize_scratch *scratch, fv_image *image, float factor)
{
    const int64_t c = image->c, stride = image->w * c;
    const size_t bytes = (size_t)(image->h * stride) * fv_depth_bytes(image->depth);
    if (factor == 1.0f || image->h < 3 || image->w < 3)
        return FV_OK;
    fv_image from = *image;
    from.data = fv_scratch_get(scratch, bytes);
    if (!from.data)
        return FV_ERR_NO_MEMORY;
    memcpy(from.data, image->data, bytes);
    const float full = fv_full_scale(image->depth);
    const fv_image_kernels *kernels = fv_kernels_of(scratch->ctx)->image;
    for (int64_t y = 1; y + 1 < image->h; y++) {
        if (image->depth == FV_DEPTH_8 && c != 4) {
            const int64_t begin = y * stride + c;
            kernels->sharpen(stride - 2 * c, c, stride, factor, from.data + begin, image->data + begin);
            continue;
        }
        for (int64_t i = y * stride + c; i < (y + 1) * stride - c; i++) {
            if (c == 4 && i % 4 == 3)
                continue;
            float sum = 4.0f * fv_element(&from, i);
            for (int64_t dy = -stride; dy <= stride; dy += stride)
                sum += fv_element(&from, i + dy - c) + fv_element(&from, i + dy) + fv_element(&from, i + dy + c);
            float smooth = sum / 13.0f;
            if (image->depth != FV_DEPTH_F32)
                smooth = floorf(smooth + 0.5f);
            float v = smooth + factor * (fv_element(&from, i) - smooth);
            v = v > 0.0f ? v < full ? v : full : 0.0f;
            fv_put_element(image->depth, image->data, i, image->depth == FV_DEPTH_16 ? v + 0.5f : v);
        }
    }
    return FV_OK;
}

/* ---- CLAHE ---- */

typedef struct tiles {
    int ny, nx, bins;
    int64_t h, w;    /* of one tile */
    uint32_t *count; /* bins */
    uint16_t *table; /* ny x nx x bins: what a level becomes in a tile */
    uint16_t *level; /* of each pixel of the image */
} tiles;

/* Grey, or luma, as a whole number of [0, bins). */
static uint16_t clahe_level(const fv_image *image, int64_t pixel)
{
    const int64_t i = pixel * image->c;
    const float v = fv_has_colors(image) ? fv_luma(image, i) : fv_element(image, i);
    if (image->depth == FV_DEPTH_F32)
        return (uint16_t)((v > 0.0f ? v < 1.0f ? v : 1.0f : 0.0f) * 65535.0f + 0.5f);
    return (uint16_t)v;
}

/* Bins above the limit give what they have too much to all. */
static void clip_counts(uint32_t *count, int bins, int64_t limit)
{
    int64_t excess = 0;
    for (int v = 0; v < bins; v++) {
        if ((int64_t)count[v] > limit) {
            excess += (int64_t)count[v] - limit;
            count[v] = (uint32_t)limit;
        }
    }
    const int64_t each = excess / bins;
    int64_t rest = excess % bins;
    for (int v = 0; v < bins; v++)
        count[v] += (uint32_t)each;
    if (rest == 0)
        return;
    const int64_t step = bins / rest;
    for (int64_t v = 0; v < bins && rest > 0; v += step, rest--)
        count[v]++;
}

static void tile_table(const tiles *t, const fv_image *image, int ty, int tx, float clip_limit)
{
    const int64_t area = t->h * t->w;
    memset(t->count, 0, (size_t)t->bins * sizeof *t->count);
    for (int64_t y = ty * t->h; y < (ty + 1) * t->h; y++) {
        const uint16_t *row = t->level + fv_fill_index(y, image->h, FV_FILL_REFLECT) * image->w;
        for (int64_t x = tx * t->w; x < (tx + 1) * t->w; x++)
            t->count[row[fv_fill_index(x, image->w, FV_FILL_REFLECT)]]++;
    }
    if (clip_limit > 0.0f) {
        const double limit = (double)clip_limit * (double)area / (double)t->bins;
        clip_counts(t->count, t->bins, limit < 1.0 ? 1 : limit > (double)area ? area : (int64_t)limit);
    }
    const float scale = (float)(t->bins - 1) / (float)area;
    uint16_t *table = t->table + (int64_t)(ty * t->nx + tx) * t->bins;
    uint32_t sum = 0;
    for (int v = 0; v < t->bins; v++) {
        const float y = (float)(sum += t->count[v]) * scale + 0.5f;
        table[v] = (uint16_t)(y < (float)(t->bins - 1) ? y : (float)(t->bins - 1));
    }
}

/* The two tiles around place i of an axis and the second one's share. */
static float around(int64_t i, int64_t size, int count, int *first, int *second)
{
    const float at = (float)i * (1.0f / (float)size) - 0.5f, low = floorf(at);
    *first = low < 0.0f ? 0 : (int)low;
    *second = (int)low + 1 < count ? (int)low + 1 : count - 1;
    return at - low;
}

static void clahe_pixels(const tiles *t, fv_image *image)
{
    const int64_t c = image->c;
    const float unit = image->depth == FV_DEPTH_F32 ? 1.0f / 65535.0f : 1.0f;
    for (int64_t y = 0; y < image->h; y++) {
        int y0, y1, x0, x1;
        const float fy = around(y, t->h, t->ny, &y0, &y1);
        for (int64_t x = 0; x < image->w; x++) {
            const int64_t pixel = y * image->w + x;
            const float fx = around(x, t->w, t->nx, &x0, &x1);
            const uint16_t level = t->level[pixel], *table = t->table + level;
            const float top = (float)table[(int64_t)(y0 * t->nx + x0) * t->bins] * (1.0f - fx) +
                              (float)table[(int64_t)(y0 * t->nx + x1) * t->bins] * fx;
            const float bottom = (float)table[(int64_t)(y1 * t->nx + x0) * t->bins] * (1.0f - fx) +
                                 (float)table[(int64_t)(y1 * t->nx + x1) * t->bins] * fx;
            const float mixed = top * (1.0f - fy) + bottom * fy;
            if (!fv_has_colors(image)) {
                fv_round_element(image->depth, image->data, pixel * c, mixed * unit);
                continue;
            }
            for (int64_t k = 0; k < 3; k++)
                fv_round_element(image->depth, image->data, pixel * c + k,
                                 fv_element(image, pixel * c + k) + (mixed - (float)level) * unit);
        }
    }
}

fv_status fv_color_clahe(fv_resize_scratch *scratch, fv_image *image, int tiles_y, int tiles_x, float clip_limit)
{
    if (tiles_y < 1 || tiles_x < 1 || tiles_y > 1024 || tiles_x > 1024 || !(clip_limit >= 0.0f))
        return fv_fail(scratch->ctx, FV_ERR_ARGUMENT,
                       "CLAHE: %d x %d tiles, limit %g: expected 1 to 1024 tiles and a limit of at least 0", tiles_y,
                       tiles_x, (double)clip_limit);
    if (image->c != 1 && !fv_has_colors(image))
        return FV_OK;
    tiles t = {.ny = tiles_y, .nx = tiles_x, .bins = image->depth == FV_DEPTH_8 ? 256 : 65536};
    const int64_t pixels = image->h * image->w;
    const int64_t tables = (int64_t)tiles_y * tiles_x * t.bins;
    t.h = (image->h + tiles_y - 1) / tiles_y;
    t.w = (image->w + tiles_x - 1) / tiles_x;
    uint8_t *memory =
        fv_scratch_get(scratch, (size_t)t.bins * sizeof *t.count + (size_t)(tables + pixels) * sizeof *t.table);
    if (!memory)
        return FV_ERR_NO_MEMORY;
    t.count = (uint32_t *)(void *)memory;
    t.table = (uint16_t *)(void *)(memory + (size_t)t.bins * sizeof *t.count);
    t.level = t.table + tables;
    for (int64_t i = 0; i < pixels; i++)
        t.level[i] = clahe_level(image, i);
    for (int ty = 0; ty < tiles_y; ty++)
        for (int tx = 0; tx < tiles_x; tx++)
            tile_table(&t, image, ty, tx, clip_limit);
    clahe_pixels(&t, image);
    return FV_OK;
}
