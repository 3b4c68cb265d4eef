/* SPDX-License-Identifier: Apache-2.0 */
#include "data/pipeline.h"

#include <math.h>
#include <string.h>

#include "data/image/color.h"

fv_status fv_applier_init(fv_ctx *ctx, const fv_pipeline *pipeline, const fv_augment *augment, fv_applier *applier)
{
    const fv_pipeline *p = pipeline;
    *applier = (fv_applier){.channels.ctx = ctx};
    for (int i = 0; i < 2; i++)
        applier->canvas.buffer[i].ctx = applier->canvas.mask_buffer[i].ctx = ctx;
    applier->canvas.work.ctx = ctx;
    FV_TRY(fv_pipeline_check(ctx, p));
    for (int64_t k = 0; k < p->c; k++) {
        for (int v = 0; v < 256; v++)
            applier->table[k][v] = ((float)v / 255.0f - p->mean[k]) / p->std[k];
    }
    applier->pipeline = *pipeline;
    applier->augment = augment;
    return FV_OK;
}

void fv_applier_free(fv_applier *applier)
{
    fv_scratch_free(&applier->channels);
    fv_canvas_free(&applier->canvas);
}

/* ---- channels ---- */

bool fv_pipeline_takes(const fv_pipeline *p, const fv_image *image)
{
    const int64_t c = image->c;
    if (image->bands && c == 4 && p->c != 4)
        return false; /* there is no opacity to put them on a background by */
    return c == p->c || c == 1 || ((c == 3 || c == 4) && (p->c == 1 || p->c == 3));
}

static uint32_t over(uint32_t value, uint32_t alpha, uint32_t background, uint32_t full)
{
    return (uint32_t)(((uint64_t)value * alpha + (uint64_t)background * (full - alpha) + full / 2) / full);
}

/* Luma of ITU-R 601: 0.299 R + 0.587 G + 0.114 B in 16 fractional bits, rounded. */
static uint32_t luma(const uint32_t rgb[3])
{
    return (uint32_t)(((uint64_t)rgb[0] * 19595u + (uint64_t)rgb[1] * 38470u + (uint64_t)rgb[2] * 7471u + 0x8000u) >>
                      16);
}

/* One pixel of an 8- or 16-bit image: on the background, and to luma when the network wants one channel. */
static void convert_whole(const fv_pipeline *p, uint32_t v[4], int64_t c, uint32_t full)
{
    for (int k = 0; c == 4 && k < 3; k++)
        v[k] = over(v[k], v[3], p->background[k] * (full / 255), full);
    if (p->c == 1)
        v[0] = luma(v);
}

static void convert_float(const fv_pipeline *p, float v[4], int64_t c)
{
    for (int k = 0; c == 4 && k < 3; k++)
        v[k] = v[k] * v[3] + (float)p->background[k] / 255.0f * (1.0f - v[3]);
    if (p->c == 1)
        v[0] = 0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2];
}

/* RGB or RGBA -> RGB or grey. */
static void convert_image(const fv_pipeline *p, const fv_image *src, fv_image *dst)
{
    const int64_t n = src->h * src->w;
    for (int64_t i = 0; i < n; i++) {
        uint32_t v[4] = {0};
        float f[4] = {0};
        for (int64_t k = 0; k < src->c; k++) {
            if (src->depth == FV_DEPTH_8)
                v[k] = src->data[i * src->c + k];
            else if (src->depth == FV_DEPTH_16)
                v[k] = ((const uint16_t *)(const void *)src->data)[i * src->c + k];
            else
                f[k] = ((const float *)(const void *)src->data)[i * src->c + k];
        }
        if (src->depth == FV_DEPTH_F32)
            convert_float(p, f, src->c);
        else
            convert_whole(p, v, src->c, src->depth == FV_DEPTH_8 ? 255 : 65535);
        for (int64_t k = 0; k < dst->c; k++) {
            if (src->depth == FV_DEPTH_8)
                dst->data[i * dst->c + k] = (uint8_t)v[k];
            else if (src->depth == FV_DEPTH_16)
                ((uint16_t *)(void *)dst->data)[i * dst->c + k] = (uint16_t)v[k];
            else
                ((float *)(void *)dst->data)[i * dst->c + k] = f[k];
        }
    }
}

/* Makes *image one of 1 or pipeline.c channels. */
static fv_status fit_channels(fv_applier *applier, fv_image *image)
{
    const fv_pipeline *p = &applier->pipeline;
    if (image->c == p->c || image->c == 1)
        return FV_OK;
    fv_image converted = *image;
    converted.c = p->c;
    converted.data =
        fv_scratch_get(&applier->channels, (size_t)(image->h * image->w * p->c) * fv_depth_bytes(image->depth));
    if (!converted.data)
        return FV_ERR_NO_MEMORY;
    convert_image(p, image, &converted);
    *image = converted;
    return FV_OK;
}

/* Grey -> n equal channels, on the canvas: what works on colors finds them. */
static fv_status replicate(fv_canvas *canvas, int64_t n)
{
    const fv_image from = canvas->image;
    const size_t bytes = fv_depth_bytes(from.depth);
    fv_image old;
    canvas->image.c = n;
    FV_TRY(fv_canvas_turn(canvas, from.h, from.w, &old));
    uint8_t *dst = canvas->image.data;
    for (int64_t i = 0; i < from.h * from.w; i++) {
        for (int64_t k = 0; k < n; k++, dst += bytes)
            memcpy(dst, from.data + (size_t)i * bytes, bytes);
    }
    return FV_OK;
}

/* ---- frame ---- */

/* Source pixels around an output that its weights can reach, in units of max(step, 1). */
static double reach(fv_filter filter)
{
    static const double half_width[] = {[FV_FILTER_BILINEAR] = 1,
                                        [FV_FILTER_NEAREST] = 1,
                                        [FV_FILTER_BICUBIC] = 2,
                                        [FV_FILTER_AREA] = 1,
                                        [FV_FILTER_LANCZOS] = 3};
    return half_width[filter];
}

/* The part of an axis of n samples that outputs [at, at + count) of [b0, b1) resized to `size` reach. */
static void needed(double b0, double b1, int64_t size, int64_t at, int64_t count, double width, int64_t n, double *from,
                   double *to)
{
    const double step = (b1 - b0) / (double)size, margin = width * (step > 1.0 ? step : 1.0) + 1.0;
    const double low = b0 + step * (double)at - margin, high = b0 + step * (double)(at + count) + margin;
    *from = low > 0.0 ? low : 0.0;
    *to = high < (double)n ? high : (double)n;
}

static void choose(fv_image_request *request, int64_t h, int64_t w)
{
    fv_shot *shot = (fv_shot *)request;
    fv_applier *a = shot->applier;
    fv_resize_spec *s = &shot->spec;
    if (shot->view.size > 0)
        fv_frame_view(&a->pipeline, &shot->view, h, w, s);
    else
        fv_augment_frame(&shot->key, h, w, s);
    const double width = reach(s->filter);
    needed(s->y0, s->y1, s->h, s->window.y, s->window.h, width, h, &request->y0, &request->y1);
    needed(s->x0, s->x1, s->w, s->window.x, s->window.w, width, w, &request->x0, &request->x1);
    /* The size that makes the box's reduction that of the frame. */
    request->h = (int64_t)ceil((request->y1 - request->y0) * (double)s->h / (s->y1 - s->y0));
    request->w = (int64_t)ceil((request->x1 - request->x0) * (double)s->w / (s->x1 - s->x0));
}

void fv_shot_begin(fv_shot *shot, fv_applier *applier, uint64_t seed, uint64_t epoch, uint64_t sample)
{
    *shot = (fv_shot){.request.choose = choose,
                      .applier = applier,
                      .key = {.augment = applier->augment,
                              .pipeline = &applier->pipeline,
                              .seed = seed,
                              .epoch = epoch,
                              .sample = sample}};
}

void fv_shot_whole(fv_shot *shot, int64_t h, int64_t w)
{
    fv_image_request *r = &shot->request;
    r->full_h = h;
    r->full_w = w;
    r->y = r->x = 0.0;
    r->step = 1.0;
    choose(r, h, w);
}

/* The frame in coordinates of a part of the image that came reduced: its window alone, so that the box lies inside. */
static void frame_of_part(const fv_image_request *r, fv_resize_spec *s)
{
    const double sy = (s->y1 - s->y0) / (double)s->h, sx = (s->x1 - s->x0) / (double)s->w;
    const double y0 = s->y0 + sy * (double)s->window.y, x0 = s->x0 + sx * (double)s->window.x;
    s->y1 = (y0 + sy * (double)s->window.h - r->y) / r->step;
    s->x1 = (x0 + sx * (double)s->window.w - r->x) / r->step;
    s->y0 = (y0 - r->y) / r->step;
    s->x0 = (x0 - r->x) / r->step;
    s->h = s->window.h;
    s->w = s->window.w;
    s->window = (fv_resize_window){0, 0, s->h, s->w};
}

static double clamp(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

static fv_status frame_image(fv_shot *shot, const fv_image *image)
{
    fv_applier *a = shot->applier;
    fv_canvas *canvas = &a->canvas;
    const fv_pipeline *p = &a->pipeline;
    const fv_image_request *r = &shot->request;
    fv_resize_spec spec = shot->spec;
    canvas->image = *image;
    canvas->borrowed = true;
    canvas->warped = false;
    if (r->step > 1.0) {
        frame_of_part(r, &spec);
        spec.y0 = clamp(spec.y0, 0, (double)image->h);
        spec.y1 = clamp(spec.y1, 0, (double)image->h);
        spec.x0 = clamp(spec.x0, 0, (double)image->w);
        spec.x1 = clamp(spec.x1, 0, (double)image->w);
    } else if (r->full_h != image->h || r->full_w != image->w) {
        spec.full_h = r->full_h;
        spec.full_w = r->full_w;
        spec.top = (int64_t)r->y;
        spec.left = (int64_t)r->x;
    } else if (image->h == p->h && image->w == p->w && spec.h == p->h && spec.w == p->w && spec.y0 <= 0.0 &&
               spec.x0 <= 0.0 && spec.y1 >= (double)p->h && spec.x1 >= (double)p->w) {
        return FV_OK;
    }
    fv_image old;
    FV_TRY(fv_canvas_turn(canvas, p->h, p->w, &old));
    return fv_resize(&canvas->work, &old, &spec, canvas->image.data);
}

static fv_status equalize(fv_canvas *canvas, const fv_pipeline *p)
{
    if (p->contrast == FV_CONTRAST_NONE)
        return FV_OK;
    FV_TRY(fv_canvas_pixels(canvas));
    if (p->contrast == FV_CONTRAST_CLAHE)
        return fv_color_clahe(&canvas->work, &canvas->image, p->clahe_tiles[0] ? p->clahe_tiles[0] : 8,
                              p->clahe_tiles[1] ? p->clahe_tiles[1] : 8, p->clahe_clip > 0 ? p->clahe_clip : 2.0f);
    fv_color_equalize(&canvas->image);
    return FV_OK;
}

fv_status fv_shot_pixels(fv_shot *shot, const fv_image *image)
{
    fv_applier *a = shot->applier;
    const fv_pipeline *p = &a->pipeline;
    fv_image fitting = *image;
    FV_TRY(fit_channels(a, &fitting));
    FV_TRY(frame_image(shot, &fitting));
    FV_TRY(equalize(&a->canvas, p));
    if (a->augment && !fv_augment_is_plain(a->augment)) {
        if (a->canvas.image.c == 1 && p->c == 3)
            FV_TRY(replicate(&a->canvas, p->c));
        FV_TRY(fv_augment_run(&shot->key, &a->canvas));
    }
    return FV_OK;
}

/* ---- normalization ---- */

/* Through the table; grey is given to every channel. */
static void store_bytes(const float table[][256], const fv_image *image, int64_t dst_c, float *dst)
{
    const int64_t n = image->h * image->w, step = image->c == 1 ? 0 : 1;
    const uint8_t *src = image->data;
    if (dst_c == 1) {
        for (int64_t i = 0; i < n; i++)
            dst[i] = table[0][src[i]];
        return;
    }
    if (dst_c == 3) {
        for (int64_t i = 0; i < n; i++, src += image->c, dst += 3) {
            dst[0] = table[0][src[0]];
            dst[1] = table[1][src[step]];
            dst[2] = table[2][src[2 * step]];
        }
        return;
    }
    for (int64_t i = 0; i < n; i++, src += image->c, dst += dst_c) {
        for (int64_t k = 0; k < dst_c; k++)
            dst[k] = table[k][src[k * step]];
    }
}

static void store_wide(const fv_pipeline *p, const fv_image *image, float *dst)
{
    const int64_t n = image->h * image->w, step = image->c == 1 ? 0 : 1;
    const uint16_t *wide = (const uint16_t *)(const void *)image->data;
    const float *real = (const float *)(const void *)image->data;
    for (int64_t i = 0; i < n; i++, dst += p->c) {
        for (int64_t k = 0; k < p->c; k++) {
            const int64_t at = i * image->c + k * step;
            const float v = image->depth == FV_DEPTH_16 ? (float)wide[at] / 65535.0f : real[at];
            dst[k] = (v - p->mean[k]) / p->std[k];
        }
    }
}

/* Mean 0 and deviation 1 for the image as a whole; in levels of 255 the deviation is at least 1 / sqrt(n), so that a
 * constant image becomes zeros. Sums in float64, in order. */
static void standardize(float *dst, int64_t n)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)dst[i];
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += ((double)dst[i] - mean) * ((double)dst[i] - mean);
    const double deviation = sqrt(squares / (double)n), floor_at = 1.0 / (255.0 * sqrt((double)n));
    const double divisor = deviation > floor_at ? deviation : floor_at;
    for (int64_t i = 0; i < n; i++)
        dst[i] = (float)(((double)dst[i] - mean) / divisor);
}

void fv_shot_store(const fv_shot *shot, float *dst)
{
    const fv_applier *a = shot->applier;
    const fv_pipeline *p = &a->pipeline;
    if (a->canvas.image.depth == FV_DEPTH_8)
        store_bytes(a->table, &a->canvas.image, p->c, dst);
    else
        store_wide(p, &a->canvas.image, dst);
    for (int64_t i = 0; p->bgr && i < p->h * p->w; i++) {
        const float red = dst[3 * i];
        dst[3 * i] = dst[3 * i + 2];
        dst[3 * i + 2] = red;
    }
    if (p->standardize)
        standardize(dst, p->h * p->w * p->c);
}

fv_decode_options fv_pipeline_decoding(const fv_pipeline *pipeline, const fv_decode_options *options)
{
    fv_decode_options decoding = options ? *options : (fv_decode_options){0};
    decoding.keep_depth = true;
    decoding.ignore_exif |= pipeline->ignore_exif;
    decoding.fast |= pipeline->fast_decode;
    return decoding;
}

fv_status fv_pipeline_apply(fv_ctx *ctx, const fv_pipeline *pipeline, const fv_image *image, float *dst)
{
    if (!image->data || image->h < 1 || image->w < 1 || image->c < 1 || !fv_pipeline_takes(pipeline, image))
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_pipeline_apply: an image with %lld channels%s for a network with %lld",
                       (long long)image->c, image->bands ? ", none of them opacity," : "", (long long)pipeline->c);
    fv_applier applier;
    fv_shot shot;
    FV_TRY(fv_applier_init(ctx, pipeline, NULL, &applier));
    fv_shot_begin(&shot, &applier, 0, 0, 0);
    fv_shot_whole(&shot, image->h, image->w);
    fv_status status = fv_shot_pixels(&shot, image);
    if (status == FV_OK)
        fv_shot_store(&shot, dst);
    fv_applier_free(&applier);
    return status;
}
