/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions with stride 1 by transforms of tiles, float32, NHWC: what the families that make the transforms share.

   A tile of m[0] x m[1] results is made from a patch of n[0] x n[1] pixels. The patch and the filters, of n - m + 1
   rows and columns, become points; at every point a matrix product over the input channels gives a sum, and the sums of
   all points become the tile. A point's value has parts: one where points are real; where they are complex, the real
   and the imaginary one, and of a patch after them the imaginary one with the other sign.

   Single-threaded; nothing is allocated. Sizes and steps count floats. No alignment is needed. */
#ifndef FV_KERNELS_TILES_H
#define FV_KERNELS_TILES_H

#include <stdbool.h>
#include <stdint.h>

/* What is convolved. Tile t of the whole lies in image t / (tiles_y * tiles_x), there in row t / tiles_x. */
typedef struct fv_tiles {
    int64_t m[2], n[2];       /* rows and columns: of results, of pixels that they are made from */
    int64_t h, w, c;          /* of an image that is read: rows, columns, floats of a pixel */
    int64_t p, q, k;          /* of one that is written */
    int64_t pad[2];           /* zeros above and on the left; negative: as many rows and columns are not read */
    int64_t tiles_y, tiles_x; /* ceil(p / m[0]), ceil(q / m[1]) */
} fv_tiles;

/* What becomes of finished sums, where each is there: + bias[k] + add[pixel][k], then x < lo is lo, x > hi is hi. */
typedef struct fv_tile_end {
    const float *bias, *add;
    bool clamp;
    float lo, hi;
} fv_tile_end;

typedef struct fv_tile_kernels {
    /* Of tiles [first, first + count), channels [c0, c1): channel c of part j of point x of tile t goes to v + x *
     * v_step
     * + ((t - first) * parts + j) * tiles.c + c. */
    void (*input)(const fv_tiles *tiles, const float *src, int64_t first, int64_t count, int64_t c0, int64_t c1,
                  float *v, int64_t v_step);
    /* The way back of sums that lie in the same way, and the end: channel k of part j of point x of tile t at s + x *
     * s_step + ((t - first) * parts + j) * tiles.k + k. Pixels that a tile has outside p x q are dropped. */
    void (*output)(const fv_tiles *tiles, const fv_tile_end *end, const float *s, int64_t s_step, int64_t first,
                   int64_t count, int64_t k0, int64_t k1, float *dst);
    /* `count` filters, of which tap (row, column) of filter i lies at tap + row * tap_step[0] + column * tap_step[1] +
     * i. Part j of point x of filter i goes to u + (x * parts + j) * u_step + i * step. */
    void (*filter)(const fv_tiles *tiles, const float *tap, const int64_t tap_step[2], int64_t count, float *u,
                   int64_t u_step, int64_t step);
} fv_tile_kernels;

#endif
