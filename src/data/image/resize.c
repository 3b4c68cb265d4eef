/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resampling in two passes, rows first, each rounded to 8 bits, with weights of 22 fractional bits: the scheme and
 * precision that Pillow uses, so that a network fed by either sees the same pixels.
 */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "data/image/resize.h"

#define WEIGHT_BITS 22
#define BLOCK       64 /* columns of a vertical pass whose sums stay in registers and L1 */

/* Weights of one axis: output i is the sum over t < taps[i] of weight[i * width + t] * input[first[i] + t]. */
typedef struct axis {
    int64_t count, width;
    int32_t *first, *taps, *weight;
} axis;

void *fv_scratch_get(fv_scratch *scratch, size_t size)
{
    if (size > scratch->capacity || !scratch->data) {
        fv_free(scratch->ctx, scratch->data);
        scratch->data = fv_malloc(scratch->ctx, size);
        scratch->capacity = scratch->data ? size : 0;
    }
    return scratch->data;
}

void fv_scratch_free(fv_scratch *scratch)
{
    fv_free(scratch->ctx, scratch->data);
    scratch->data = NULL;
    scratch->capacity = 0;
}

static double filter_scale(int64_t in, int64_t out, bool antialias)
{
    double scale = (double)in / (double)out;
    return antialias && scale > 1.0 ? scale : 1.0;
}

static int64_t axis_width(int64_t in, int64_t out, bool antialias)
{
    return (int64_t)ceil(filter_scale(in, out, antialias)) * 2 + 1;
}

/* Fills a->first, taps and weight for outputs [from, from + a->count) of an axis of `in` samples resized to `out`. */
static void axis_fill(axis *a, int64_t in, int64_t out, int64_t from, bool antialias)
{
    const double scale = (double)in / (double)out, support = filter_scale(in, out, antialias);
    for (int64_t i = 0; i < a->count; i++) {
        int32_t *weight = a->weight + i * a->width;
        const double center = ((double)(from + i) + 0.5) * scale;
        int64_t lo = (int64_t)(center - support + 0.5), hi = (int64_t)(center + support + 0.5);
        lo = center - support + 0.5 < 0 ? 0 : lo;
        hi = hi > in ? in : hi;
        double sum = 0.0;
        for (int64_t t = 0; t < hi - lo; t++) {
            double d = fabs(((double)(lo + t) - center + 0.5) / support);
            sum += d < 1.0 ? 1.0 - d : 0.0;
        }
        for (int64_t t = 0; t < hi - lo; t++) {
            double d = fabs(((double)(lo + t) - center + 0.5) / support);
            double share = d < 1.0 ? (1.0 - d) / sum : 0.0;
            weight[t] = (int32_t)(share * (double)(1 << WEIGHT_BITS) + 0.5);
        }
        a->first[i] = (int32_t)lo;
        a->taps[i] = (int32_t)(hi - lo);
    }
}

static uint8_t round_sum(int32_t sum)
{
    int32_t v = sum >> WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void row_pass(const uint8_t *restrict src, uint8_t *restrict dst, const axis *a, int64_t c)
{
    const int32_t half = 1 << (WEIGHT_BITS - 1);
    for (int64_t i = 0; i < a->count; i++) {
        const int32_t *weight = a->weight + i * a->width;
        const uint8_t *p = src + a->first[i] * c;
        const int32_t taps = a->taps[i];
        if (c == 3) {
            int32_t s0 = half, s1 = half, s2 = half;
            for (int32_t t = 0; t < taps; t++, p += 3) {
                s0 += weight[t] * p[0];
                s1 += weight[t] * p[1];
                s2 += weight[t] * p[2];
            }
            dst[3 * i] = round_sum(s0);
            dst[3 * i + 1] = round_sum(s1);
            dst[3 * i + 2] = round_sum(s2);
            continue;
        }
        for (int64_t k = 0; k < c; k++) {
            int32_t sum = half;
            for (int32_t t = 0; t < taps; t++)
                sum += weight[t] * p[t * c + k];
            dst[i * c + k] = round_sum(sum);
        }
    }
}

/* One output row from `taps` input rows of n bytes. */
static void column_pass(const uint8_t *restrict src, int64_t n, const int32_t *weight, int32_t taps,
                        uint8_t *restrict dst)
{
    int32_t sum[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        const int64_t m = n - at < BLOCK ? n - at : BLOCK;
        for (int j = 0; j < BLOCK; j++)
            sum[j] = 1 << (WEIGHT_BITS - 1);
        for (int32_t t = 0; t < taps; t++) {
            const uint8_t *p = src + t * n + at;
            const int32_t w = weight[t];
            if (m == BLOCK) {
                for (int j = 0; j < BLOCK; j++)
                    sum[j] += w * p[j];
            } else {
                for (int64_t j = 0; j < m; j++)
                    sum[j] += w * p[j];
            }
        }
        for (int64_t j = 0; j < m; j++)
            dst[at + j] = round_sum(sum[j]);
    }
}

fv_status fv_resize_window(fv_scratch *scratch, const fv_image *src, int64_t h, int64_t w, bool antialias,
                           const fv_window *window, uint8_t *dst)
{
    axis rows = {.count = window->h, .width = axis_width(src->h, h, antialias)};
    axis cols = {.count = window->w, .width = axis_width(src->w, w, antialias)};
    const int64_t c = src->c;
    int64_t weights = 0, part = 0, middle = 0, total = 0;
    /* The rows that the vertical pass can touch are at most src->h. */
    bool fits = fv_size_mul(rows.count, rows.width + 2, &weights) && fv_size_mul(cols.count, cols.width + 2, &part) &&
                fv_size_add(weights, part, &weights) && fv_size_mul(weights, (int64_t)sizeof(int32_t), &weights) &&
                fv_size_mul(src->h, window->w, &middle) && fv_size_mul(middle, c, &middle) &&
                fv_size_add(middle, weights, &total);
    if (!fits || src->h > INT32_MAX || src->w > INT32_MAX)
        return fv_fail_memory(scratch->ctx, SIZE_MAX, "resizing an image");
    int32_t *ints = fv_scratch_get(scratch, (size_t)total);
    if (!ints)
        return FV_ERR_NO_MEMORY;
    rows.first = ints;
    rows.taps = rows.first + rows.count;
    rows.weight = rows.taps + rows.count;
    cols.first = rows.weight + rows.count * rows.width;
    cols.taps = cols.first + cols.count;
    cols.weight = cols.taps + cols.count;
    uint8_t *mid = (uint8_t *)(cols.weight + cols.count * cols.width);
    axis_fill(&rows, src->h, h, window->y, antialias);
    axis_fill(&cols, src->w, w, window->x, antialias);

    const int64_t top = rows.first[0];
    const int64_t bottom = rows.first[rows.count - 1] + rows.taps[rows.count - 1];
    const int64_t n = window->w * c;
    for (int64_t y = top; y < bottom; y++) {
        const uint8_t *line = src->data + y * src->w * c;
        if (src->w == w)
            memcpy(mid + (y - top) * n, line + window->x * c, (size_t)n);
        else
            row_pass(line, mid + (y - top) * n, &cols, c);
    }
    for (int64_t y = 0; y < rows.count; y++) {
        const uint8_t *from = mid + (rows.first[y] - top) * n;
        if (src->h == h)
            memcpy(dst + y * n, mid + (window->y + y - top) * n, (size_t)n);
        else
            column_pass(from, n, rows.weight + y * rows.width, rows.taps[y], dst + y * n);
    }
    return FV_OK;
}

fv_status fv_image_resize(fv_ctx *ctx, const fv_image *src, int64_t h, int64_t w, bool antialias, fv_image *dst)
{
    *dst = (fv_image){0};
    if (!src->data || src->h < 1 || src->w < 1 || src->c < 1 || h < 1 || w < 1 || h > INT32_MAX || w > INT32_MAX)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_image_resize: %lld x %lld x %lld to %lld x %lld", (long long)src->h,
                       (long long)src->w, (long long)src->c, (long long)h, (long long)w);
    fv_image image = {.h = h, .w = w, .c = src->c};
    int64_t bytes = 0;
    if (!fv_size_mul(h, w, &bytes) || !fv_size_mul(bytes, src->c, &bytes))
        return fv_fail_memory(ctx, SIZE_MAX, "an image");
    image.data = fv_malloc(ctx, (size_t)bytes);
    if (!image.data)
        return FV_ERR_NO_MEMORY;
    fv_scratch scratch = {.ctx = ctx};
    fv_status status = fv_resize_window(&scratch, src, h, w, antialias, &(fv_window){0, 0, h, w}, image.data);
    fv_scratch_free(&scratch);
    if (status != FV_OK) {
        fv_image_free(ctx, &image);
        return status;
    }
    *dst = image;
    return FV_OK;
}
