/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu/conv_strip.h"

#include <string.h>

#include "kernels/half/half.h"

static void copy(const fv_strip *s, const void *image, int64_t at, int64_t count, float *dst)
{
    if (s->half)
        s->half->widen(dst, (const uint16_t *)image + at, count);
    else
        memcpy(dst, (const float *)image + at, (size_t)count * sizeof(float));
}

static void strip_pixels(const fv_strip *s, const void *src, int64_t at, int64_t count, float *dst)
{
    /* Where the copy has the image's own layout: one block, without reading behind the last pixel's channels. */
    if (s->pitch == s->c) {
        copy(s, src, at, (count - 1) * s->c + s->depth, dst);
        return;
    }
    for (int64_t x = 0; x < count; x++)
        copy(s, src, at + x * s->c, s->depth, dst + x * s->pitch);
}

void fv_strip_copy(const fv_strip *s, const void *src, int64_t y0, int64_t rows, float *dst)
{
    const int64_t row = fv_strip_row(s);
    /* Columns of the strip before, inside and behind the image. */
    int64_t begin = s->x0 < 0 ? -s->x0 : 0, end = s->w - s->x0;
    begin = begin < s->cols ? begin : s->cols;
    end = end < begin ? begin : end < s->cols ? end : s->cols;
    for (int64_t y = y0; y < y0 + rows; y++, dst += row) {
        if (y < 0 || y >= s->h || begin == end) {
            memset(dst, 0, (size_t)row * sizeof(float));
            continue;
        }
        memset(dst, 0, (size_t)(begin * s->pitch) * sizeof(float));
        strip_pixels(s, src, (y * s->w + s->x0 + begin) * s->c, end - begin, dst + begin * s->pitch);
        memset(dst + end * s->pitch, 0, (size_t)((s->cols - end) * s->pitch) * sizeof(float));
    }
}
