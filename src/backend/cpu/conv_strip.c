/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu/conv_strip.h"

#include <string.h>

static void strip_pixels(const fv_strip *s, const float *src, int64_t count, float *dst)
{
    if (s->pitch == s->c) {
        /* The copy has the image's own layout: one block, without reading behind the last pixel's channels. */
        memcpy(dst, src, (size_t)((count - 1) * s->c + s->depth) * sizeof(float));
        return;
    }
    for (int64_t x = 0; x < count; x++)
        memcpy(dst + x * s->pitch, src + x * s->c, (size_t)s->depth * sizeof(float));
}

void fv_strip_copy(const fv_strip *s, const float *src, int64_t y0, int64_t rows, float *dst)
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
        strip_pixels(s, src + (y * s->w + s->x0 + begin) * s->c, end - begin, dst + begin * s->pitch);
        memset(dst + end * s->pitch, 0, (size_t)((s->cols - end) * s->pitch) * sizeof(float));
    }
}
