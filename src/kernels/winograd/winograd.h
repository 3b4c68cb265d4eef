/* SPDX-License-Identifier: Apache-2.0 */
/* Minimal filtering of convolutions with stride 1 (Winograd; Lavin and Gray, 2016): the functions of kernels/tiles.h.

   A tile of m x m results of a filter of r x r taps is A^T [ (G g G^T) . (B^T d B) ] A of the filter g and a patch d of
   n x n pixels, n = m + r - 1, where the product is element by element, or, over input channels, a matrix product per
   point of the n^2. Filters of one row or one column take lines of m results and n points. Rows of B^T, G and A^T are a
   product of polynomials evaluated at 0, +-a, +-b, ... and infinity (Cook and Toom):

       n = 4: +-1            n = 6: +-sqrt(1/2), +-sqrt(2)            n = 8: +-1/2, +-1, +-2
       n = 10: +-0.4, +-0.8, +-1.25, +-2.5

   of which those of 6 keep half of the error of +-1, +-2, and those of 10 a third of that of +-1/2, +-1, +-2, +-4.
   There are, of m and r: 2 and 3, 4 and 3, 6 and 3, 2 and 5; and 4 and 7 for lines.

   What every function computes for one element is one sequence of operations on all instruction sets, whatever the
   tiles and channels of a call: the transform along columns before that along rows. Filters are transformed in float64
   and rounded once. */
#ifndef FV_KERNELS_WINOGRAD_H
#define FV_KERNELS_WINOGRAD_H

#include "kernels/tiles.h"

typedef struct fv_winograd_kernels {
    fv_tile_kernels tiles;
} fv_winograd_kernels;

#endif
