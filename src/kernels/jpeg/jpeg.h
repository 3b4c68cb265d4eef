/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of JPEG decoding in integers, the same on every instruction set and the same as libjpeg's defaults: accurate
 * integer inverse DCT, triangle ("fancy") upsampling, YCbCr to RGB.
 */
#ifndef FV_KERNELS_JPEG_H
#define FV_KERNELS_JPEG_H

#include <stddef.h>
#include <stdint.h>

struct fv_jpeg_kernels {
    /*
     * 8 x 8 inverse DCT after Loeffler, Ligtenberg and Moschytz (1989) in 13 fractional bits, with 2 of them kept
     * between the passes; coefficients in natural order times quant, 128 added, cut off to [0, 255]. 8 rows of 8 bytes.
     * Products with quant and what is kept between the passes are taken modulo 2^16, which only broken files exceed.
     * `last` is the last coefficient in zigzag order that may be other than zero.
     */
    void (*idct)(const int16_t coef[64], const uint16_t quant[64], int last, uint8_t *dst, ptrdiff_t stride);
    /*
     * The means that a block of 8 x 8 pixels has in bw x bh (1, 2 or 4) equal parts; `last` as above. The mean of a
     * cosine over such a part is a number, so that this is an inverse DCT with other factors: dst[i][j] = 128 + 1/8 sum
     * over u, v of k(u, i) k(v, j) coef[u][v] quant[u][v], cut off to [0, 255], k(0, i) = 1, k(u, i) = sqrt 2 x mean
     * over the part's rows y of cos((2 y + 1) u pi / 16) with factors of 11 bits, and 3 kept between the passes.
     */
    void (*reduce)(const int16_t coef[64], const uint16_t quant[64], int last, int bw, int bh, uint8_t *dst,
                   ptrdiff_t stride);
    /* n pixels of three planes -> 3n bytes, ITU-R 601 in 16 fractional bits. */
    void (*rgb)(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int64_t n, uint8_t *dst);
    /*
     * n samples -> 2n: (3 near + far + 1 or 2) / 4 across. src[-1] and src[n] are read too; at the image's edges they
     * must repeat their neighbors.
     */
    void (*up_across)(const uint8_t *src, int64_t n, uint8_t *dst);
    /* The same of 3 near + far of two rows: (... + 8 or 7) / 16. */
    void (*up_both)(const uint8_t *near_row, const uint8_t *far_row, int64_t n, uint8_t *dst);
};

#endif
