/* SPDX-License-Identifier: Apache-2.0 */
/* Minimal filtering of 3x3 convolutions with stride 1 (Winograd; Lavin and Gray, 2016), float32, NHWC.

   A tile of m x m results is A^T [ (G g G^T) . (B^T d B) ] A of a filter g and a patch d of (m + 2) x (m + 2) pixels,
   where the product is element by element, or, over input channels, a matrix product per point of the (m + 2)^2. Rows
   of B^T, G and A^T are a product of polynomials evaluated at 0, +-a, +-b, ... and infinity (Cook and Toom):

       m = 2: +-1            m = 4: +-sqrt(1/2), +-sqrt(2)            m = 6: +-1/2, +-1, +-2

   of which those of 4 keep half of the error of +-1, +-2. What every function computes for one element is one
   sequence of operations on all instruction sets, whatever the tiles and channels of a call: the transform along
   columns before that along rows. Filters are transformed in float64 and rounded once.

   Single-threaded; nothing is allocated. Sizes and steps count floats. No alignment is needed. */
#ifndef FV_KERNELS_WINOGRAD_H
#define FV_KERNELS_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

/* Points of a tile at most: (6 + 2)^2. */
#define FV_WINOGRAD_POINTS 64

/* What is convolved. Tile t of the whole lies in image t / (tiles_y * tiles_x), there in row t / tiles_x. */
typedef struct fv_winograd_shape {
    int64_t m;                /* 2, 4 or 6 */
    int64_t h, w, c;          /* of an image that is read: rows, columns, floats of a pixel */
    int64_t p, q, k;          /* of one that is written */
    int64_t pad[2];           /* zeros above and on the left; negative: as many rows and columns are not read */
    int64_t tiles_y, tiles_x; /* ceil(p / m), ceil(q / m) */
} fv_winograd_shape;

/* What becomes of finished sums, where each is there: + bias[k] + add[pixel][k], then x < lo is lo, x > hi is hi. */
typedef struct fv_winograd_end {
    const float *bias, *add;
    bool clamp;
    float lo, hi;
} fv_winograd_end;

typedef struct fv_winograd_kernels {
    /* B^T d B of tiles [first, first + count), channels [c0, c1): channel c of point x of tile t goes to v + x * v_step
     * + (t - first) * shape.c + c. */
    void (*input)(const fv_winograd_shape *shape, const float *src, int64_t first, int64_t count, int64_t c0,
                  int64_t c1, float *v, int64_t v_step);
    /* A^T s A, and the end, of sums that lie in the same way: channel k of point x of tile t at s + x * s_step + (t -
     * first) * shape.k + k. Pixels that a tile has outside p x q are dropped. */
    void (*output)(const fv_winograd_shape *shape, const fv_winograd_end *end, const float *s, int64_t s_step,
                   int64_t first, int64_t count, int64_t k0, int64_t k1, float *dst);
    /* G g G^T of `count` filters of which filter i has its nine taps, row by row, at tap[0 .. 8][i]; point x of filter
     * i goes to u + x * u_step + i * step. */
    void (*filter)(int64_t m, const float *const tap[9], int64_t count, float *u, int64_t u_step, int64_t step);
} fv_winograd_kernels;

#endif
