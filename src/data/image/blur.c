/* SPDX-License-Identifier: Apache-2.0 */
/* Gaussian blur: the resize's kernels with the same weights everywhere, over rows continued by reflection. */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "data/image/filter.h"
#include "kernels/image/image.h"
#include "kernels/kernels.h"
#include "kernels/math/math.h"

typedef struct blur {
    const fv_image_kernels *kernels;
    fv_image *image;
    int64_t radius, taps;
    int64_t over; /* bytes that the row pass may read behind a row */
    fv_resize_axis axis;
    uint8_t *line;   /* FV_RESIZE_ROWS rows with `radius` pixels on each side */
    uint8_t *middle; /* h + 2 radius rows */
} blur;

/* Fills first, taps and weights of a row of w outputs. */
static void fill_axis(blur *b, double sigma)
{
    fv_resize_axis *a = &b->axis;
    float sum = 0.0f;
    for (int64_t t = 0; t < a->width; t++) {
        const float d = (float)((double)(t - b->radius) / sigma);
        a->real[t] = t < b->taps ? fv_expf(-0.5f * d * d) : 0.0f;
        sum += a->real[t];
    }
    int32_t rest = 1 << FV_RESIZE_BITS;
    for (int64_t t = 0; t < a->width; t++) {
        a->real[t] /= sum;
        rest -= (int32_t)(a->real[t] * (float)(1 << FV_RESIZE_BITS));
    }
    for (int64_t t = 0; t < a->width; t++) {
        /* What rounding left over goes to the middle: a flat picture stays flat. */
        const int32_t w = (int32_t)(a->real[t] * (float)(1 << FV_RESIZE_BITS)) + (t == b->radius ? rest : 0);
        a->high[t] = (int16_t)(w >> FV_RESIZE_LOW);
        a->low[t] = (int16_t)(w & ((1 << FV_RESIZE_LOW) - 1));
    }
    for (int64_t i = 0; i < a->count; i++) {
        a->first[i] = (int32_t)i;
        a->taps[i] = (int32_t)b->taps;
        memcpy(a->high + i * a->width, a->high, (size_t)a->width * sizeof *a->high);
        memcpy(a->low + i * a->width, a->low, (size_t)a->width * sizeof *a->low);
        memcpy(a->real + i * a->width, a->real, (size_t)a->width * sizeof *a->real);
    }
}

/* Row y as elements of `size` bytes (16 bits become floats), continued on both sides. */
static void continue_row(const blur *b, int64_t y, uint8_t *to)
{
    const fv_image *image = b->image;
    const int64_t c = image->c, n = image->w * c;
    const size_t size = image->depth == FV_DEPTH_8 ? 1 : sizeof(float);
    uint8_t *inside = to + (size_t)(b->radius * c) * size;
    if (image->depth == FV_DEPTH_16) {
        const uint16_t *from = (const uint16_t *)(const void *)image->data + y * n;
        for (int64_t i = 0; i < n; i++)
            ((float *)(void *)inside)[i] = (float)from[i];
    } else {
        memcpy(inside, image->data + (size_t)(y * n) * size, (size_t)n * size);
    }
    for (int64_t x = -b->radius; x < image->w + b->radius; x++) {
        if (x == 0)
            x = image->w;
        const int64_t from = fv_fill_index(x, image->w, FV_FILL_REFLECT);
        memcpy(to + (size_t)((x + b->radius) * c) * size, inside + (size_t)(from * c) * size, (size_t)c * size);
    }
}

static void blur_u8(const blur *b)
{
    const fv_image *image = b->image;
    const int64_t n = image->w * image->c, padded = n + 2 * b->radius * image->c + b->over;
    for (int64_t y = 0; y < image->h; y += FV_RESIZE_ROWS) {
        const uint8_t *src[FV_RESIZE_ROWS];
        uint8_t *dst[FV_RESIZE_ROWS];
        for (int64_t r = 0; r < FV_RESIZE_ROWS; r++) {
            const int64_t at = y + r < image->h ? y + r : image->h - 1;
            continue_row(b, at, b->line + r * padded);
            src[r] = b->line + r * padded;
            dst[r] = b->middle + (b->radius + at) * n;
        }
        b->kernels->resize_rows(&b->axis, image->c, src, dst);
    }
}

static void blur_f32(const blur *b)
{
    const fv_image *image = b->image;
    const int64_t n = image->w * image->c;
    for (int64_t y = 0; y < image->h; y++) {
        continue_row(b, y, b->line);
        b->kernels->resize_rows_f32(&b->axis, image->c, (const float *)(void *)b->line,
                                    (float *)(void *)b->middle + (b->radius + y) * n);
    }
}

static void columns(const blur *b)
{
    fv_image *image = b->image;
    const int64_t n = image->w * image->c;
    const size_t size = image->depth == FV_DEPTH_8 ? 1 : sizeof(float), row = (size_t)n * size;
    for (int64_t y = -b->radius; y < image->h + b->radius; y++) {
        if (y == 0)
            y = image->h;
        memcpy(b->middle + (size_t)(y + b->radius) * row,
               b->middle + (size_t)(fv_fill_index(y, image->h, FV_FILL_REFLECT) + b->radius) * row, row);
    }
    for (int64_t y = 0; y < image->h; y++) {
        if (image->depth == FV_DEPTH_8) {
            b->kernels->resize_column(n, (int32_t)b->taps, b->axis.high, b->axis.low, b->middle + y * n, n,
                                      image->data + y * n);
            continue;
        }
        const float *from = (const float *)(void *)b->middle + y * n;
        if (image->depth == FV_DEPTH_F32) {
            b->kernels->resize_column_f32(n, (int32_t)b->taps, b->axis.real, from, n,
                                          (float *)(void *)image->data + y * n);
            continue;
        }
        float *line = (float *)(void *)b->line;
        uint16_t *to = (uint16_t *)(void *)image->data + y * n;
        b->kernels->resize_column_f32(n, (int32_t)b->taps, b->axis.real, from, n, line);
        for (int64_t i = 0; i < n; i++)
            to[i] = (uint16_t)(line[i] < 65535.0f ? line[i] + 0.5f : 65535.0f);
    }
}

fv_status fv_filter_gaussian(fv_resize_scratch *scratch, fv_image *image, double sigma)
{
    /* 1e5 pixels of radius are more than any image can show, and keep the sizes below in range. */
    if (!(sigma > 0.0 && sigma < 3e4))
        return fv_fail(scratch->ctx, FV_ERR_ARGUMENT, "blur: sigma %g, expected a number above 0 and below 30000",
                       sigma);
    blur b = {.kernels = fv_kernels_of(scratch->ctx)->image, .image = image};
    b.radius = (int64_t)ceil(3.0 * sigma);
    b.taps = 2 * b.radius + 1;
    fv_resize_axis *a = &b.axis;
    a->count = image->w;
    a->most = (int32_t)b.taps;
    a->width = (b.taps + FV_RESIZE_TAPS - 1) / FV_RESIZE_TAPS * FV_RESIZE_TAPS;
    const int64_t size = image->depth == FV_DEPTH_8 ? 1 : (int64_t)sizeof(float), n = image->w * image->c;
    b.over = FV_RESIZE_TAPS * image->c + 64;
    const int64_t weights = a->count * a->width, line = (n + 2 * b.radius * image->c) * size + b.over;
    const int64_t parts[] = {weights * 4, a->count * 8, weights * 4, line * FV_RESIZE_ROWS,
                             (image->h + 2 * b.radius) * n * size};
    uint8_t *at[5];
    int64_t total = 0;
    for (int i = 0; i < 5; i++)
        total += (parts[i] + 63) & ~(int64_t)63;
    at[0] = fv_scratch_get(scratch, (size_t)total);
    if (!at[0])
        return FV_ERR_NO_MEMORY;
    for (int i = 1; i < 5; i++)
        at[i] = at[i - 1] + ((parts[i - 1] + 63) & ~(int64_t)63);
    a->real = (float *)(void *)at[0];
    a->first = (int32_t *)(void *)at[1];
    a->taps = a->first + a->count;
    a->high = (int16_t *)(void *)at[2];
    a->low = a->high + weights;
    b.line = at[3];
    b.middle = at[4];
    memset(b.line, 0, (size_t)(line * FV_RESIZE_ROWS)); /* behind rows too, where the kernel reads without weight */
    fill_axis(&b, sigma);
    if (image->depth == FV_DEPTH_8)
        blur_u8(&b);
    else
        blur_f32(&b);
    columns(&b);
    return FV_OK;
}
