/* SPDX-License-Identifier: Apache-2.0 */
/* Minimal filtering of 3x3 convolutions with stride 1 (Winograd; Lavin and Gray, 2016), float32, NHWC.

   A tile of m x m results is A^T [ (G g G^T) . (B^T d B) ] A of a filter g and a patch d of (m + 2) x (m + 2) pixels,
   where the product is element by element, or, over input channels, a matrix product per point of the (m + 2)^2. Rows
   of B^T, G and A^T are a product of polynomials evaluated at 0, +-a, +-b, ... and infinity (Cook and Toom):

       m = 2: +-1            m = 4: +-sqrt(1/2), +-sqrt(2)            m = 6: +-1/2, +-1, +-2

   of which those of 4 keep half of the error of +-1, +-2. What every function computes for one element is one
   sequence of operations on all instruction sets, whatever the tiles and channels of a call: the transform along
   columns before that along rows. Filters are transformed in float64 and rounded once.

   The functions are those of kernels/tiles.h for tiles of 2 x 2, 4 x 4 and 6 x 6 results of 3x3 filters. */
#ifndef FV_KERNELS_WINOGRAD_H
#define FV_KERNELS_WINOGRAD_H

#include "kernels/tiles.h"

typedef struct fv_winograd_kernels {
    fv_tile_kernels tiles;
} fv_winograd_kernels;

#endif
