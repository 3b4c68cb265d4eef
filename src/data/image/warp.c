/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels through a warp: positions in float64, rounded to 1/1024 pixel, then integers (8 bits) or float32. */
#include "data/image/warp.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "data/image/pixels.h"

enum {
    FRACTION = 10,       /* bits of a position behind the point */
    ONE = 1 << FRACTION, /* one pixel */
    CUBIC_BITS = 13,     /* of a cubic weight */
    CUBIC_DROP = 5,      /* of the sum along a row: leaves 16 bits and a sign */
    MOST_SIDE = 1 << 20, /* pixels: positions fit in 31 bits */
    NOWHERE = INT32_MIN, /* a position behind the horizon */
    BLOCK = 256          /* output pixels whose positions are found at once */
};

/* ---- positions ---- */

typedef struct lens {
    double cx, cy, scale; /* center; 1 / (half the diagonal)^2 */
    double k1, k2;
} lens;

static lens lens_of(const fv_warp *warp, int64_t h, int64_t w)
{
    const double fh = (double)h, fw = (double)w;
    return (lens){0.5 * fw, 0.5 * fh, 4.0 / (fh * fh + fw * fw), warp->k1, warp->k2};
}

static int32_t fixed(double v)
{
    const double limit = (double)MOST_SIDE * 1024.0 - 1.0;
    v = floor(v * (double)ONE + 0.5);
    return (int32_t)(v > limit ? limit : v < -limit ? -limit : v);
}

/* Positions of output pixels [x, x + n) of row y. */
static void positions(const fv_warp *warp, const lens *bend, int64_t y, int64_t x, int n, int32_t *qx, int32_t *qy)
{
    const double *m = warp->m, fy = (double)y + 0.5;
    const bool flat = m[6] == 0.0 && m[7] == 0.0 && m[8] == 1.0, bent = bend->k1 != 0.0 || bend->k2 != 0.0;
    const double row_x = m[1] * fy + m[2], row_y = m[4] * fy + m[5], row_w = m[7] * fy + m[8];
    for (int i = 0; i < n; i++) {
        const double fx = (double)(x + i) + 0.5;
        double px = m[0] * fx + row_x, py = m[3] * fx + row_y;
        if (!flat) {
            const double w = m[6] * fx + row_w;
            px /= w;
            py /= w;
            if (!(w > 0.0) || !isfinite(px) || !isfinite(py)) {
                qx[i] = qy[i] = NOWHERE;
                continue;
            }
        }
        if (bent) {
            const double dx = px - bend->cx, dy = py - bend->cy, r2 = (dx * dx + dy * dy) * bend->scale;
            const double grow = 1.0 + r2 * (bend->k1 + r2 * bend->k2);
            px = bend->cx + dx * grow;
            py = bend->cy + dy * grow;
        }
        qx[i] = fixed(px);
        qy[i] = fixed(py);
    }
}

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

/* Any depth, any place: the neighborhood is copied channel by channel. */
static void sample_anywhere(const sampler *s, int32_t qx, int32_t qy, uint8_t *dst, int64_t at)
{
    const fv_image *src = s->src;
    const int back = s->taps == 4, fx = qx & (ONE - 1), fy = qy & (ONE - 1);
    int64_t xs[4], ys[4];
    for (int t = 0; t < s->taps; t++) {
        xs[t] = qx == NOWHERE ? -1 : fv_fill_index((qx >> FRACTION) - back + t, src->w, s->warp->fill);
        ys[t] = qx == NOWHERE ? -1 : fv_fill_index((qy >> FRACTION) - back + t, src->h, s->warp->fill);
    }
    for (int64_t k = 0; k < src->c; k++) {
        float patch[16];
        uint8_t bytes[16];
        for (int i = 0; i < s->taps * s->taps; i++) {
            const int64_t y = ys[i / s->taps], x = xs[i % s->taps];
            patch[i] = y < 0 || x < 0 ? fv_from_level(src->depth, (float)s->warp->value[k < 16 ? k : 15])
                                      : fv_element(src, (y * src->w + x) * src->c + k);
            bytes[i] = src->depth == FV_DEPTH_8 ? (uint8_t)patch[i] : 0;
        }
        if (src->depth == FV_DEPTH_8)
            dst[at + k] = mix_u8(s, bytes, s->taps, 1, fx, fy);
        else
            put_real(src->depth, dst, at + k, mix_real(s, patch, fx, fy));
    }
}

static void sample_row(const sampler *s, const int32_t *qx, const int32_t *qy, int n, uint8_t *dst, int64_t at)
{
    const fv_image *src = s->src;
    const int64_t c = src->c, stride = src->w * c;
    const int back = s->taps == 4;
    const int64_t last_x = src->w - s->taps, last_y = src->h - s->taps;
    for (int i = 0; i < n; i++, at += c) {
        const int64_t x = (qx[i] >> FRACTION) - back, y = (qy[i] >> FRACTION) - back;
        if (src->depth != FV_DEPTH_8 || x < 0 || y < 0 || x > last_x || y > last_y) {
            sample_anywhere(s, qx[i], qy[i], dst, at);
            continue;
        }
        const uint8_t *p = src->data + y * stride + x * c;
        for (int64_t k = 0; k < c; k++)
            dst[at + k] = mix_u8(s, p + k, stride, c, qx[i] & (ONE - 1), qy[i] & (ONE - 1));
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

fv_status fv_warp_image(fv_scratch *scratch, const fv_image *src, const fv_warp *warp, fv_image *dst)
{
    static const int taps[FV_FILTER_COUNT] = {
        [FV_FILTER_NEAREST] = 1, [FV_FILTER_BILINEAR] = 2, [FV_FILTER_BICUBIC] = 4};
    sampler s = {.src = src, .warp = warp};
    s.taps = (unsigned)warp->filter < FV_FILTER_COUNT ? taps[warp->filter] : 0;
    if (!src->data || src->h < 1 || src->w < 1 || src->c < 1 || dst->h < 1 || dst->w < 1 || src->h > MOST_SIDE / 2 ||
        src->w > MOST_SIDE / 2 || s.taps == 0)
        return fv_fail(scratch->ctx, FV_ERR_ARGUMENT,
                       "warp: %lld x %lld x %lld to %lld x %lld with filter %d: expected sides of 1 to %d and nearest, "
                       "bilinear or bicubic",
                       (long long)src->h, (long long)src->w, (long long)src->c, (long long)dst->h, (long long)dst->w,
                       (int)warp->filter, MOST_SIDE / 2);
    int16_t *cubic = fv_scratch_get(scratch, s.taps == 4 ? (size_t)ONE * 4 * sizeof *cubic : 64);
    if (!cubic)
        return FV_ERR_NO_MEMORY;
    if (s.taps == 4)
        fill_cubic(cubic);
    s.cubic = cubic;
    dst->c = src->c;
    dst->depth = src->depth;
    const lens bend = lens_of(warp, src->h, src->w);
    int32_t qx[BLOCK], qy[BLOCK];
    /* A nearest pixel is where the center falls; the others' weights are counted from the center of the first pixel. */
    const int32_t half = s.taps == 1 ? 0 : ONE / 2;
    for (int64_t y = 0; y < dst->h; y++) {
        for (int64_t x = 0; x < dst->w; x += BLOCK) {
            const int n = dst->w - x < BLOCK ? (int)(dst->w - x) : BLOCK;
            positions(warp, &bend, y, x, n, qx, qy);
            for (int i = 0; i < n; i++) {
                qx[i] -= qx[i] == NOWHERE ? 0 : half;
                qy[i] -= qy[i] == NOWHERE ? 0 : half;
            }
            sample_row(&s, qx, qy, n, dst->data, (y * dst->w + x) * src->c);
        }
    }
    return FV_OK;
}
