/* SPDX-License-Identifier: Apache-2.0 */
/* Where the pixels of tiles lie, and how vectors of them are read and written: for the families of kernels/tiles.h. */
#ifndef FV_KERNELS_TILE_WALK_H
#define FV_KERNELS_TILE_WALK_H

#include "kernels/simd/simd.h"
#include "kernels/tiles.h"

#define FV_INLINE static inline __attribute__((always_inline))

/* A vector of which the first `lanes` elements exist. */
FV_INLINE vf tile_load(const float *p, const int lanes)
{
    return lanes == VF ? vf_load(p) : vf_load_n(p, lanes);
}

FV_INLINE void tile_store(float *p, vf x, const int lanes)
{
    if (lanes == VF)
        vf_store(p, x);
    else
        vf_store_n(p, x, lanes);
}

/* Where the patch of a tile begins, and which of its rows and columns lie in the image. */
typedef struct tile_patch {
    const float *at; /* of row y0, column x0 of the patch */
    int y0, y1, x0, x1;
} tile_patch;

static inline int tile_clip(int64_t i, int64_t n)
{
    return (int)(i < 0 ? 0 : i > n ? n : i);
}

static inline tile_patch tile_patch_of(const fv_tiles *s, const float *src, int64_t tile)
{
    const int64_t image = tile / (s->tiles_y * s->tiles_x), place = tile % (s->tiles_y * s->tiles_x);
    const int64_t y = place / s->tiles_x * s->m[0] - s->pad[0], x = place % s->tiles_x * s->m[1] - s->pad[1];
    tile_patch p = {.y0 = tile_clip(-y, s->n[0]),
                    .y1 = tile_clip(s->h - y, s->n[0]),
                    .x0 = tile_clip(-x, s->n[1]),
                    .x1 = tile_clip(s->w - x, s->n[1])};
    if (p.y0 >= p.y1 || p.x0 >= p.x1) /* nothing of it */
        return (tile_patch){.at = src};
    p.at = src + ((image * s->h + y + p.y0) * s->w + x + p.x0) * s->c;
    return p;
}

/* Pixel 0 of a tile's results, and how many rows and columns of them there are. */
typedef struct tile_square {
    int64_t at;
    int rows, cols;
} tile_square;

static inline tile_square tile_square_of(const fv_tiles *s, int64_t tile)
{
    const int64_t image = tile / (s->tiles_y * s->tiles_x), place = tile % (s->tiles_y * s->tiles_x);
    const int64_t y = place / s->tiles_x * s->m[0], x = place % s->tiles_x * s->m[1];
    return (tile_square){.at = ((image * s->p + y) * s->q + x) * s->k,
                         .rows = tile_clip(s->p - y, s->m[0]),
                         .cols = tile_clip(s->q - x, s->m[1])};
}

/* A finished sum of one pixel's channels, which lie at dst + at. */
FV_INLINE void tile_finish(const fv_tile_end *end, vf sum, vf bias, int64_t at, const int lanes, float *dst)
{
    sum = vf_add(sum, bias);
    if (end->add)
        sum = vf_add(sum, tile_load(end->add + at, lanes));
    if (end->clamp)
        sum = vf_min(vf_set1(end->hi), vf_max(vf_set1(end->lo), sum));
    tile_store(dst + at, sum, lanes);
}

#endif
