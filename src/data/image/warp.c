/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels through a warp: positions in float64, rounded to 1/1024 pixel, then integers (8 bits) or float32. */
#include "data/image/warp.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "data/image/pixels.h"
#include "kernels/image/image.h"
#include "kernels/kernels.h"

enum {
    FRACTION = FV_WARP_FRACTION,
    ONE = FV_WARP_ONE,
    CUBIC_BITS = 13,               /* of a cubic weight */
    CUBIC_DROP = 5,                /* of the sum along a row: leaves 16 bits and a sign */
    MOST_SIDE = FV_WARP_LIMIT / 2, /* pixels: positions fit in 31 bits */
    BLOCK = 256                    /* output pixels whose positions are found at once */
};

/* ---- samples ---- */

int64_t fv_fill_index(int64_t i, int64_t n, fv_fill fill)
{
    if (i >= 0 && i < n)
        return i;
    if (fill == FV_FILL_CONSTANT)
        return -1;
    if (fill == FV_FILL_EDGE)
        return i < 0 ? 0 : n - 1;
    const int64_t period = fill == FV_FILL_WRAP ? n : n > 1 ? 2 * n - 2 : 1;
    int64_t j = i % period;
    j += j < 0 ? period : 0;
    return j < n ? j : period - j;
}

typedef struct sampler {
    const fv_image *src;
    const fv_warp *warp;
    const fv_image_kernels *kernels;
    const int16_t *cubic; /* ONE x 4 weights in units of 2^-CUBIC_BITS */
    int taps;             /* per axis: 1, 2, 4 */
} sampler;

/* 8 bits, in integers: the weighted mean of taps x taps pixels of one channel, `step` apart. */
static inline uint8_t mix_u8(const sampler *s, const uint8_t *p, int64_t stride, int64_t step, int fx, int fy)
{
    if (s->taps == 1)
        return p[0];
    if (s->taps == 2) {
        const int top = p[0] * (ONE - fx) + p[step] * fx;
        const int bottom = p[stride] * (ONE - fx) + p[stride + step] * fx;
        return (uint8_t)((top * (ONE - fy) + bottom * fy + (1 << (2 * FRACTION - 1))) >> (2 * FRACTION));
    }
    const int16_t *wx = s->cubic + 4 * fx, *wy = s->cubic + 4 * fy;
    int sum = 1 << (2 * CUBIC_BITS - CUBIC_DROP - 1);
    for (int r = 0; r < 4; r++, p += stride) {
        const int row = p[0] * wx[0] + p[step] * wx[1] + p[2 * step] * wx[2] + p[3 * step] * wx[3];
        sum += ((row + (1 << (CUBIC_DROP - 1))) >> CUBIC_DROP) * wy[r];
    }
    sum >>= 2 * CUBIC_BITS - CUBIC_DROP;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void cubic_real(float t, float w[4])
{
    const float a = -0.5f, u = 1.0f - t;
    w[0] = ((a * (t + 1.0f) - 5.0f * a) * (t + 1.0f) + 8.0f * a) * (t + 1.0f) - 4.0f * a;
    w[1] = ((a + 2.0f) * t - (a + 3.0f)) * t * t + 1.0f;
    w[2] = ((a + 2.0f) * u - (a + 3.0f)) * u * u + 1.0f;
    w[3] = 1.0f - w[0] - w[1] - w[2];
}

/* The same in float32 for a dense patch. */
static float mix_real(const sampler *s, const float *p, int fx, int fy)
{
    const float tx = (float)fx / (float)ONE, ty = (float)fy / (float)ONE;
    if (s->taps == 1)
        return p[0];
    if (s->taps == 2) {
        const float top = p[0] * (1.0f - tx) + p[1] * tx, bottom = p[2] * (1.0f - tx) + p[3] * tx;
        return top * (1.0f - ty) + bottom * ty;
    }
    float wx[4], wy[4], sum = 0.0f;
    cubic_real(tx, wx);
    cubic_real(ty, wy);
    for (int r = 0; r < 4; r++, p += 4)
        sum += (p[0] * wx[0] + p[1] * wx[1] + p[2] * wx[2] + p[3] * wx[3]) * wy[r];
    return sum;
}

/* 16 bits round; floats are kept as they come. */
static void put_real(fv_depth depth, uint8_t *data, int64_t i, float v)
{
    if (depth == FV_DEPTH_F32)
        fv_put_element(depth, data, i, v);
    else
        fv_round_element(depth, data, i, v);
}

/* The samples around a position, along each axis: -1 is the constant. */
typedef struct around {
    int64_t x[4], y[4];
    bool seen; /* whether any of them belongs to the image */
} around;

static around neighbors(const sampler *s, int32_t qx, int32_t qy)
{
    const fv_image *src = s->src;
    const int back = s->taps == 4;
    bool any_x = false, any_y = false;
    around a = {.seen = false};
    for (int t = 0; t < s->taps; t++) {
        const bool nowhere = qx == FV_WARP_NOWHERE;
        a.x[t] = nowhere ? -1 : fv_fill_index((qx >> FRACTION) - back + t, src->w, s->warp->fill);
        a.y[t] = nowhere ? -1 : fv_fill_index((qy >> FRACTION) - back + t, src->h, s->warp->fill);
        any_x = any_x || a.x[t] >= 0;
        any_y = any_y || a.y[t] >= 0;
    }
    a.seen = any_x && any_y;
    return a;
}

/* Any place: the neighborhood is copied channel by channel. */
static void sample_anywhere_u8(const sampler *s, int32_t qx, int32_t qy, uint8_t *dst)
{
    const fv_image *src = s->src;
    const around a = neighbors(s, qx, qy);
    const int taps = s->taps;
    for (int64_t k = 0; k < src->c; k++) {
        const uint8_t constant = s->warp->value[k < 16 ? k : 15];
        uint8_t patch[16];
        if (!a.seen) {
            dst[k] = constant;
            continue;
        }
        for (int i = 0; i < taps; i++)
            for (int j = 0; j < taps; j++)
                patch[i * taps + j] =
                    a.y[i] < 0 || a.x[j] < 0 ? constant : src->data[(a.y[i] * src->w + a.x[j]) * src->c + k];
        dst[k] = mix_u8(s, patch, taps, 1, qx & (ONE - 1), qy & (ONE - 1));
    }
}

static void sample_real(const sampler *s, int32_t qx, int32_t qy, uint8_t *dst, int64_t at)
{
    const fv_image *src = s->src;
    const around a = neighbors(s, qx, qy);
    const int taps = s->taps;
    for (int64_t k = 0; k < src->c; k++) {
        const float constant = fv_from_level(src->depth, (float)s->warp->value[k < 16 ? k : 15]);
        float patch[16];
        for (int i = 0; i < taps; i++)
            for (int j = 0; j < taps; j++)
                patch[i * taps + j] =
                    a.y[i] < 0 || a.x[j] < 0 ? constant : fv_element(src, (a.y[i] * src->w + a.x[j]) * src->c + k);
        put_real(src->depth, dst, at + k, mix_real(s, patch, qx & (ONE - 1), qy & (ONE - 1)));
    }
}

/* Whether all neighbors of a position lie within the image. */
static inline bool inside(const sampler *s, int32_t qx, int32_t qy)
{
    const int64_t back = s->taps == 4, x = (qx >> FRACTION) - back, y = (qy >> FRACTION) - back;
    return x >= 0 && y >= 0 && x <= s->src->w - s->taps && y <= s->src->h - s->taps;
}

/* Whether the bilinear kernel may read on behind the neighbors: the lower one is not in the last row. */
static inline bool readable(const sampler *s, int32_t qy)
{
    return (qy >> FRACTION) + 2 < s->src->h && s->src->w * s->src->c >= FV_WARP_OVERREAD;
}

/* One 8-bit pixel of which all neighbors lie within the image. */
static inline void sample_inside(const sampler *s, int64_t c, int32_t qx, int32_t qy, uint8_t *dst)
{
    const int64_t back = s->taps == 4, stride = s->src->w * c;
    const uint8_t *p = s->src->data + ((qy >> FRACTION) - back) * stride + ((qx >> FRACTION) - back) * c;
    for (int64_t k = 0; k < c; k++)
        dst[k] = mix_u8(s, p + k, stride, c, qx & (ONE - 1), qy & (ONE - 1));
}

static void sample_row(const sampler *s, const int32_t *qx, const int32_t *qy, int n, uint8_t *dst, int64_t at)
{
    const fv_image *src = s->src;
    const int64_t c = src->c;
    for (int i = 0; i < n; i++) {
        if (src->depth != FV_DEPTH_8) {
            sample_real(s, qx[i], qy[i], dst, at + i * c);
        } else if (!inside(s, qx[i], qy[i])) {
            sample_anywhere_u8(s, qx[i], qy[i], dst + at + i * c);
        } else if (s->taps == 2 && readable(s, qy[i])) {
            int run = 1;
            while (i + run < n && inside(s, qx[i + run], qy[i + run]) && readable(s, qy[i + run]))
                run++;
            s->kernels->warp_bilinear(src->data, src->w * c, c, run, qx + i, qy + i, dst + at + i * c);
            i += run - 1;
        } else if (c == 3) {
            sample_inside(s, 3, qx[i], qy[i], dst + at + i * 3);
        } else {
            sample_inside(s, c, qx[i], qy[i], dst + at + i * c);
        }
    }
}

/* Weights that add up to one exactly: a flat picture stays flat. */
static void fill_cubic(int16_t *cubic)
{
    for (int f = 0; f < ONE; f++, cubic += 4) {
        float w[4];
        cubic_real((float)f / (float)ONE, w);
        int rest = 1 << CUBIC_BITS;
        for (int t = 0; t < 4; t++) {
            cubic[t] = (int16_t)floorf(w[t] * (float)(1 << CUBIC_BITS) + 0.5f);
            rest -= cubic[t];
        }
        cubic[f < ONE / 2 ? 1 : 2] = (int16_t)(cubic[f < ONE / 2 ? 1 : 2] + rest);
    }
}

fv_status fv_warp_image(fv_resize_scratch *scratch, const fv_image *src, const fv_warp *warp, fv_image *dst)
{
    static const int taps[FV_FILTER_COUNT] = {
        [FV_FILTER_NEAREST] = 1, [FV_FILTER_BILINEAR] = 2, [FV_FILTER_BICUBIC] = 4};
    sampler s = {.src = src, .warp = warp};
    s.taps = (unsigned)warp->filter < FV_FILTER_COUNT ? taps[warp->filter] : 0;
    if (!src->data || src->h < 1 || src->w < 1 || src->c < 1 || dst->h < 1 || dst->w < 1 || src->h > MOST_SIDE ||
        src->w > MOST_SIDE || s.taps == 0)
        return fv_fail(scratch->ctx, FV_ERR_ARGUMENT,
                       "warp: %lld x %lld x %lld to %lld x %lld with filter %d: expected sides of 1 to %d and nearest, "
                       "bilinear or bicubic",
                       (long long)src->h, (long long)src->w, (long long)src->c, (long long)dst->h, (long long)dst->w,
                       (int)warp->filter, MOST_SIDE);
    int16_t *cubic = fv_scratch_get(scratch, s.taps == 4 ? (size_t)ONE * 4 * sizeof *cubic : 64);
    if (!cubic)
        return FV_ERR_NO_MEMORY;
    if (s.taps == 4)
        fill_cubic(cubic);
    s.cubic = cubic;
    dst->c = src->c;
    dst->depth = src->depth;
    s.kernels = fv_kernels_of(scratch->ctx)->image;
    const double h = (double)src->h, w = (double)src->w;
    fv_warp_map map = {.cx = 0.5 * w, .cy = 0.5 * h, .scale = 4.0 / (h * h + w * w), .k1 = warp->k1, .k2 = warp->k2};
    memcpy(map.m, warp->m, sizeof map.m);
    /* A nearest pixel is where the center falls; the others' weights are counted from the center of the first pixel. */
    map.shift = s.taps == 1 ? 0.0 : 0.5;
    int32_t qx[BLOCK + FV_WARP_OVERREAD / 4] = {0}, qy[BLOCK + FV_WARP_OVERREAD / 4] = {0};
    for (int64_t y = 0; y < dst->h; y++) {
        for (int64_t x = 0; x < dst->w; x += BLOCK) {
            const int n = dst->w - x < BLOCK ? (int)(dst->w - x) : BLOCK;
            s.kernels->warp_positions(&map, y, x, n, qx, qy);
            sample_row(&s, qx, qy, n, dst->data, (y * dst->w + x) * src->c);
        }
    }
    return FV_OK;
}
