/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution, float32, NHWC: every output channel reads one input channel.

   dst[n][p][q][k] = act(bia[k] + sum over (r, s) of src[n][p*stride_h - pad_top + r*dilation_h]
                                                          [q*stride_w - pad_left + s*dilation_w][k / mul] *
   wei[k][r][s])

   Each sum is one chain of fused multiply-adds in increasing (r, s), which starts from bia[k] or +0. Taps that lie in
   the padding multiply by zero, in all directions and variants, so a NaN or infinite weight shows there too. The
   gradient to the data is the chain over increasing (r, s), then m < mul, from +0, over the taps whose stride phase is
   the pixel's; the gradient to the weights the chain over increasing (n, p, q) from the values given. Results do not
   depend on how a caller splits rows, samples or channels. Kernels read up to FV_TAIL_PAD bytes behind each operand.
   Operands may not overlap. */
#ifndef FV_KERNELS_DEPTHWISE_H
#define FV_KERNELS_DEPTHWISE_H

#include <stdint.h>

#include "kernels/eltwise/act.h"

typedef struct fv_depthwise_shape {
    int64_t n, h, w, c; /* src */
    int64_t p, q;       /* dst rows and columns; bottom and right padding follow from them */
    int64_t mul;        /* channel multiplier: dst has k = c * mul channels */
    int64_t r, s;
    int64_t stride_h, stride_w, dilation_h, dilation_w;
    int64_t pad_top, pad_left;
} fv_depthwise_shape;

typedef struct fv_depthwise_kernels {
    /* [k][r][s] <-> the layout [r][s][k] that the functions below read and write; k*r*s floats. */
    void (*pack)(const fv_depthwise_shape *d, const float *wei, float *packed);
    void (*unpack)(const fv_depthwise_shape *d, const float *packed, float *wei);
    /* Rows [row0, row1) of the n*p rows of dst. bia may be NULL. alpha: slope of leaky_relu. */
    void (*forward)(const fv_depthwise_shape *d, fv_activation act, float alpha, const float *src, const float *packed,
                    const float *bia, float *dst, int64_t row0, int64_t row1);
    /* Rows [row0, row1) of the n*h rows of d_src. */
    void (*backward_data)(const fv_depthwise_shape *d, const float *d_dst, const float *packed, float *d_src,
                          int64_t row0, int64_t row1);
    /* d_packed [r][s][k] += samples [n0, n1), channels [c0, c1) of src (k from c0*mul to c1*mul). */
    void (*backward_weights)(const fv_depthwise_shape *d, const float *src, const float *d_dst, float *d_packed,
                             int64_t n0, int64_t n1, int64_t c0, int64_t c1);
} fv_depthwise_kernels;

#endif
