/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution by the discrete Fourier transform, tile by tile (overlap-save): the functions of kernels/tiles.h.

   A patch of n x n pixels, n = tiles.n[0] = tiles.n[1] = 16, 32 or 64, has n^2 complex points, of which the upper half
   follows from the lower one because pixels are real: FV_FFT_POINTS(n) are left. Products of those of a patch with the
   conjugate ones of a filter, transformed back, are the filter's sums at all places of a torus; those of the tile are
   the ones that do not reach around it.

   What is computed for one element is one sequence of operations on all instruction sets, whatever the tiles and
   channels of a call: along rows, two of them as the parts of a complex one, and then along columns. Passes of radix
   4, a last one of radix 2 for n = 32, with factors rounded once from float64. Factors of 2 that this leaves, and 1 /
   n^2, are in the points of the filters, exactly. */
#ifndef FV_KERNELS_FFT_H
#define FV_KERNELS_FFT_H

#include "kernels/tiles.h"

#define FV_FFT_MAX       64
#define FV_FFT_POINTS(n) ((n) * (n) / 2 + 2)

typedef struct fv_fft_kernels {
    fv_tile_kernels tiles;
} fv_fft_kernels;

#endif
