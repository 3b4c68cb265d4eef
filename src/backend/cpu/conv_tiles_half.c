/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu/conv_tiles_half.h"

#include <math.h>

#include "backend/cpu/conv_strip.h"

/* Channels that are on their way at a time, and points of a tile at most. */
#define CHANNELS   64
#define POINTS_MAX 64
/* Floats of the filters of a panel, and of their points. */
#define PACK_FLOATS 8192

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Where a tile lies. */
typedef struct place {
    int64_t image, y, x; /* of its first row and column of results */
} place;

static place place_of(const fv_tiles *s, int64_t tile)
{
    const int64_t of_image = s->tiles_y * s->tiles_x, at = tile % of_image;
    return (place){.image = tile / of_image, .y = at / s->tiles_x * s->m[0], .x = at % s->tiles_x * s->m[1]};
}

void fv_tiles_half_input(const fv_tiles_half *x, const fv_tiles *s, const uint16_t *src, int64_t first, int64_t count,
                         int64_t c0, int64_t c1, float *v, int64_t v_step)
{
    float patch[POINTS_MAX * CHANNELS];
    fv_strip strip = {.h = s->h, .w = s->w, .c = s->c, .cols = s->n[1], .half = x->half};
    fv_tiles one = *s;
    one.h = s->n[0];
    one.w = s->n[1];
    one.pad[0] = one.pad[1] = 0;
    one.tiles_y = one.tiles_x = 1;
    for (int64_t t = 0; t < count; t++, v += s->c) {
        const place at = place_of(s, first + t);
        strip.x0 = at.x - s->pad[1];
        for (int64_t c = c0; c < c1; c += CHANNELS) {
            strip.depth = strip.pitch = one.c = least(c1 - c, CHANNELS);
            fv_strip_copy(&strip, src + at.image * s->h * s->w * s->c + c, at.y - s->pad[0], s->n[0], patch);
            x->kernels->input(&one, patch, 0, 1, 0, one.c, v + c, v_step);
        }
    }
}

void fv_tiles_half_output(const fv_tiles_half *x, const fv_tiles *s, const fv_tile_end *end, const uint16_t *add,
                          const float *sums, int64_t s_step, int64_t first, int64_t count, int64_t k0, int64_t k1,
                          uint16_t *dst)
{
    float pixels[POINTS_MAX * CHANNELS];
    int64_t offset[POINTS_MAX];
    fv_tiles one = *s;
    fv_half_rows rows = {.src = pixels, .dst_row = offset, .clamp = end->clamp, .lo = end->lo, .hi = end->hi};
    one.tiles_y = one.tiles_x = 1;
    for (int64_t t = 0; t < count; t++, sums += s->k) {
        const place at = place_of(s, first + t);
        const int64_t from = (at.image * s->p + at.y) * s->q + at.x;
        one.p = least(s->p - at.y, s->m[0]);
        one.q = least(s->q - at.x, s->m[1]);
        rows.rows = one.p * one.q;
        for (int64_t i = 0; i < rows.rows; i++)
            offset[i] = (i / one.q * s->q + i % one.q) * s->k;
        for (int64_t k = k0; k < k1; k += CHANNELS) {
            const fv_tile_end bias = {.bias = end->bias ? end->bias + k : NULL};
            rows.cols = rows.src_step = one.k = least(k1 - k, CHANNELS);
            x->kernels->output(&one, &bias, sums + k, s_step, 0, 1, 0, one.k, pixels);
            rows.add = add ? add + from * s->k + k : NULL;
            rows.dst = dst + from * s->k + k;
            x->half->narrow_rows(&rows);
        }
    }
}

/* The power of two above the largest weight of a filter; 1 where it has none, or one that is no number. */
static float scale_of(const fv_half_kernels *half, const uint16_t *wei, int64_t count)
{
    float largest = 0.0f, some[256];
    int exponent;
    for (int64_t i = 0; i < count; i += 256) {
        const int64_t n = least(count - i, 256);
        half->widen(some, wei + i, n);
        for (int64_t j = 0; j < n; j++)
            largest = fabsf(some[j]) > largest || isnan(some[j]) ? fabsf(some[j]) : largest;
    }
    if (!(largest > 0.0f && largest < INFINITY))
        return 1.0f;
    frexpf(largest, &exponent);
    return ldexpf(1.0f, exponent);
}

void fv_tiles_half_filters(const fv_tiles_half *x, const fv_tiles *s, const uint16_t *wei, int64_t cols, int64_t points,
                           uint16_t *to, int64_t u_step, float *scale)
{
    const int64_t nr = x->gemm->nr, r = s->n[0] - s->m[0] + 1, q = s->n[1] - s->m[1] + 1, filter = r * q * s->c;
    const int64_t most = PACK_FLOATS / (points * nr);
    float rows[PACK_FLOATS], turned[PACK_FLOATS], u[PACK_FLOATS];
    for (int64_t k = 0; k < nr; k++)
        scale[k] = k < cols ? scale_of(x->half, wei + k * filter, filter) : 1.0f;
    for (int64_t c = 0, count; c < s->c; c += count) {
        count = least(s->c - c, most);
        for (int64_t i = 0; i < r * q; i++) {
            for (int64_t k = 0; k < cols; k++)
                x->half->widen(rows + k * count, wei + k * filter + i * s->c + c, count);
            x->gemm->pack(turned + i * count * nr, 0, rows, count, cols, 1, count);
        }
        x->kernels->filter(s, turned, (int64_t[]){q * count * nr, count * nr}, count * nr, u, count * nr, 1);
        for (int64_t i = 0; i < points * count * nr; i++)
            u[i] /= scale[i % nr];
        for (int64_t i = 0; i < points; i++)
            x->half->narrow(to + i * u_step + c * nr, u + i * count * nr, count * nr);
    }
}
