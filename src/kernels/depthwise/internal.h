/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_KERNELS_DEPTHWISE_INTERNAL_H
#define FV_KERNELS_DEPTHWISE_INTERNAL_H

#include "kernels/depthwise/depthwise.h"
#include "kernels/eltwise/map.h"

/* The taps of one output coordinate that lie inside the operand: taps t0, t0 + dt, ... (count) read positions i0, i0 +
   di, ... The same form serves the forward pass and the gradient to the data, where strides thin the taps out. */
typedef struct fv_dw_line {
    int64_t t0, dt, count;
    int64_t i0, di;
} fv_dw_line;

/* Forward: position = o*stride - pad + t*dilation. */
FV_INLINE fv_dw_line fv_dw_line_forward(int64_t o, int64_t taps, int64_t stride, int64_t dilation, int64_t pad,
                                        int64_t limit)
{
    fv_dw_line line = {0, 1, 0, 0, dilation};
    int64_t base = o * stride - pad;
    for (int64_t t = 0; t < taps; t++) {
        int64_t i = base + t * dilation;
        if (i < 0 || i >= limit)
            continue;
        if (line.count++ == 0) {
            line.t0 = t;
            line.i0 = i;
        }
    }
    return line;
}

/* Gradient to the data: tap t of input coordinate o comes from output (o + pad - t*dilation) / stride where that
   divides. */
FV_INLINE fv_dw_line fv_dw_line_backward(int64_t o, int64_t taps, int64_t stride, int64_t dilation, int64_t pad,
                                         int64_t limit)
{
    fv_dw_line line = {0, 1, 0, 0, 0};
    for (int64_t t = 0; t < taps; t++) {
        int64_t at = o + pad - t * dilation;
        if (at < 0 || at % stride != 0 || at / stride >= limit)
            continue;
        if (line.count == 0) {
            line.t0 = t;
            line.i0 = at / stride;
        } else if (line.count == 1) {
            line.dt = t - line.t0;
            line.di = at / stride - line.i0;
        }
        line.count++;
    }
    return line;
}

void FV_SYM(fv_dw_backward_weights)(const fv_depthwise_shape *d, const float *src, const float *d_dst, float *d_packed,
                                    int64_t n0, int64_t n1, int64_t c0, int64_t c1);

#endif
