/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiles of images and filters that are stored as halves (F16, forward, real points), for the engine of conv_tiles.h. A
 * tile at a time images become floats, and results halves, on their way to and from the transforms: points of patches
 * and sums are floats, which hold any sum of products of halves.
 *
 * Points of filters are stored as halves too: each filter by its own power of two, so that its largest weight is
 * between 1/2 and 1. A point is then at most 4 (the absolute sums of a row of G, squared), and never leaves the range
 * of halves; one that falls below their normal numbers is off by 2^-25 of that weight. A filter with an infinite weight
 * is not scaled. The scales return when the filters of a product become floats, without a rounding.
 */
#ifndef FV_BACKEND_CPU_CONV_TILES_HALF_H
#define FV_BACKEND_CPU_CONV_TILES_HALF_H

#include "backend/cpu/conv_tiles.h"
#include "kernels/gemm/gemm.h"
#include "kernels/half/half.h"

typedef struct fv_tiles_half {
    const fv_half_kernels *half;
    const fv_gemm_kernels *gemm;
    const fv_tile_kernels *kernels;
} fv_tiles_half;

/* As fv_tile_kernels.input and .output, of images of halves; `add` is NULL or holds halves, end->add is not read. */
void fv_tiles_half_input(const fv_tiles_half *x, const fv_tiles *tiles, const uint16_t *src, int64_t first,
                         int64_t count, int64_t c0, int64_t c1, float *v, int64_t v_step);
void fv_tiles_half_output(const fv_tiles_half *x, const fv_tiles *tiles, const fv_tile_end *end, const uint16_t *add,
                          const float *sums, int64_t s_step, int64_t first, int64_t count, int64_t k0, int64_t k1,
                          uint16_t *dst);
/* A panel of `cols` filters [filter][row][column][channel]: point i goes to to + i * u_step; `scale`: what each of the
 * panel's columns is to be multiplied with. */
void fv_tiles_half_filters(const fv_tiles_half *x, const fv_tiles *tiles, const uint16_t *wei, int64_t cols,
                           int64_t points, uint16_t *to, int64_t u_step, float *scale);

#endif
