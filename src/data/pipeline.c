/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image -> network input, in one order of operations: alpha composited, channels converted, resized and cropped in
 * 8 bits, normalized through a table of 256 floats per channel.
 */
#include "data/pipeline.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"

fv_status fv_applier_init(fv_ctx *ctx, const fv_pipeline *pipeline, fv_applier *applier)
{
    const fv_pipeline *p = pipeline;
    *applier = (fv_applier){.channels.ctx = ctx, .resized.ctx = ctx, .work.ctx = ctx};
    if (p->h < 1 || p->w < 1 || p->h > INT32_MAX || p->w > INT32_MAX)
        return fv_fail(ctx, FV_ERR_VALUE, "pipeline: input of %lld x %lld pixels", (long long)p->h, (long long)p->w);
    if (p->c != 1 && p->c != 3)
        return fv_fail(ctx, FV_ERR_VALUE, "pipeline: images give 1 or 3 channels, the network wants %lld",
                       (long long)p->c);
    if (p->resize == FV_RESIZE_SHORT_CROP && (p->resize_size < 1 || p->resize_size > INT32_MAX))
        return fv_fail(ctx, FV_ERR_VALUE, "pipeline: resize_size is %lld, expected at least 1",
                       (long long)p->resize_size);
    for (int64_t k = 0; k < p->c; k++) {
        if (!isfinite(p->mean[k]) || !isfinite(p->std[k]) || p->std[k] <= 0.0f)
            return fv_fail(ctx, FV_ERR_VALUE,
                           "pipeline: channel %lld has mean %g and std %g, expected finite numbers "
                           "and std > 0",
                           (long long)k, (double)p->mean[k], (double)p->std[k]);
        for (int v = 0; v < 256; v++)
            applier->table[k][v] = ((float)v / 255.0f - p->mean[k]) / p->std[k];
    }
    applier->pipeline = *pipeline;
    return FV_OK;
}

void fv_applier_free(fv_applier *applier)
{
    fv_scratch_free(&applier->channels);
    fv_scratch_free(&applier->resized);
    fv_scratch_free(&applier->work);
}

static uint8_t over(uint32_t value, uint32_t alpha, uint32_t background)
{
    return (uint8_t)((value * alpha + background * (255u - alpha) + 127u) / 255u);
}

/* Luma of ITU-R 601: 0.299 R + 0.587 G + 0.114 B in 16 fractional bits, rounded. */
static uint8_t luma(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

/* RGBA on the background, and RGB to luma when the network wants one channel. */
static void convert(const fv_pipeline *p, const fv_image *src, uint8_t *dst, int64_t c)
{
    const uint8_t *from = src->data;
    for (int64_t i = 0; i < src->h * src->w; i++, from += src->c, dst += c) {
        uint8_t rgb[3] = {from[0], from[1], from[2]};
        if (src->c == 4) {
            for (int k = 0; k < 3; k++)
                rgb[k] = over(from[k], from[3], p->background[k]);
        }
        if (c == 1)
            dst[0] = luma(rgb);
        else
            memcpy(dst, rgb, 3);
    }
}

/* To which size the whole image is resized, and which part of that is the input. */
static fv_window place(const fv_pipeline *p, int64_t h, int64_t w, int64_t *rh, int64_t *rw)
{
    *rh = p->h;
    *rw = p->w;
    if (p->resize == FV_RESIZE_SHORT_CROP) {
        const int64_t shorter = h < w ? h : w;
        int64_t size = p->resize_size;
        /* A crop larger than the resized image would have to invent pixels: resize until it covers the crop. */
        while (h * size / shorter < p->h || w * size / shorter < p->w)
            size++;
        *rh = h * size / shorter;
        *rw = w * size / shorter;
    }
    /* Central, the odd pixel as Python's round(x / 2.0) has it: half to even. */
    int64_t y = (*rh - p->h) / 2, x = (*rw - p->w) / 2;
    y += ((*rh - p->h) & 1) && (y & 1);
    x += ((*rw - p->w) & 1) && (x & 1);
    return (fv_window){y, x, p->h, p->w};
}

fv_status fv_applier_pixels(fv_applier *applier, const fv_image *image, const uint8_t **pixels, int64_t *c)
{
    const fv_pipeline *p = &applier->pipeline;
    fv_image src = *image;
    if (src.c != 1 && !(src.c == 3 && p->c == 3)) {
        const int64_t channels = p->c;
        uint8_t *data = fv_scratch_get(&applier->channels, (size_t)(src.h * src.w * channels));
        if (!data)
            return FV_ERR_NO_MEMORY;
        convert(p, image, data, channels);
        src.data = data;
        src.c = channels;
    }
    *c = src.c;
    int64_t rh, rw;
    const fv_window window = place(p, src.h, src.w, &rh, &rw);
    if (rh == src.h && rw == src.w && rh == p->h && rw == p->w) {
        *pixels = src.data;
        return FV_OK;
    }
    uint8_t *dst = fv_scratch_get(&applier->resized, (size_t)(p->h * p->w * src.c));
    if (!dst)
        return FV_ERR_NO_MEMORY;
    *pixels = dst;
    fv_resize_spec spec = fv_resize_whole(&src, rh, rw, p->filter, p->antialias);
    spec.window = window;
    return fv_resize(&applier->work, &src, &spec, dst);
}

/* n pixels of a row through the table; step is +c or, mirrored, -c. */
static void store_pixels(const float table[3][256], const uint8_t *src, int64_t n, int64_t c, int64_t step, float *dst,
                         int64_t dst_c)
{
    if (dst_c == 1) {
        for (int64_t i = 0; i < n; i++)
            dst[i] = table[0][src[i * step]];
        return;
    }
    const int64_t g = c == 3 ? 1 : 0, b = c == 3 ? 2 : 0;
    for (int64_t i = 0; i < n; i++, src += step, dst += 3) {
        dst[0] = table[0][src[0]];
        dst[1] = table[1][src[g]];
        dst[2] = table[2][src[b]];
    }
}

static void store_zeros(const float table[3][256], int64_t n, float *dst, int64_t dst_c)
{
    for (int64_t i = 0; i < n * dst_c; i++)
        dst[i] = table[i % dst_c][0];
}

void fv_applier_store(const fv_applier *applier, const uint8_t *pixels, int64_t c, const fv_augment *augment,
                      float *dst)
{
    const fv_pipeline *p = &applier->pipeline;
    const int64_t h = p->h, w = p->w;
    if (!augment->hflip && augment->dy == 0 && augment->dx == 0) {
        store_pixels(applier->table, pixels, h * w, c, c, dst, p->c);
        return;
    }
    /* Output columns [lo, hi) before mirroring have a source column. */
    int64_t lo = augment->dx < 0 ? -augment->dx : 0, hi = augment->dx > 0 ? w - augment->dx : w;
    lo = lo > w ? w : lo;
    hi = hi < lo ? lo : hi;
    for (int64_t y = 0; y < h; y++, dst += w * p->c) {
        const int64_t sy = y + augment->dy;
        if (sy < 0 || sy >= h || hi == lo) {
            store_zeros(applier->table, w, dst, p->c);
            continue;
        }
        const uint8_t *line = pixels + sy * w * c;
        if (augment->hflip) {
            const int64_t first = w - hi; /* output column of source column hi - 1 + dx */
            store_zeros(applier->table, first, dst, p->c);
            store_pixels(applier->table, line + (hi - 1 + augment->dx) * c, hi - lo, c, -c, dst + first * p->c, p->c);
            store_zeros(applier->table, lo, dst + (w - lo) * p->c, p->c);
        } else {
            store_zeros(applier->table, lo, dst, p->c);
            store_pixels(applier->table, line + (lo + augment->dx) * c, hi - lo, c, c, dst + lo * p->c, p->c);
            store_zeros(applier->table, w - hi, dst + hi * p->c, p->c);
        }
    }
}

fv_status fv_pipeline_apply(fv_ctx *ctx, const fv_pipeline *pipeline, const fv_image *image, float *dst)
{
    if (!image->data || image->h < 1 || image->w < 1 || (image->c != 1 && image->c != 3 && image->c != 4))
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_pipeline_apply: needs an image with 1, 3 or 4 channels");
    fv_applier applier;
    FV_TRY(fv_applier_init(ctx, pipeline, &applier));
    const uint8_t *pixels = NULL;
    int64_t c = 0;
    fv_status status = fv_applier_pixels(&applier, image, &pixels, &c);
    if (status == FV_OK)
        fv_applier_store(&applier, pixels, c, &(fv_augment){0}, dst);
    fv_applier_free(&applier);
    return status;
}
