/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_KERNELS_DEPTHWISE_INTERNAL_H
#define FV_KERNELS_DEPTHWISE_INTERNAL_H

#include <stdbool.h>

#include "kernels/depthwise/depthwise.h"
#include "kernels/eltwise/map.h"

/* The taps of one output coordinate along one axis: i-th of them is tap t0 + i*dt and reads position i0 + i*di, which
   exists for i in [begin, end) and lies in the padding otherwise. The same form serves the forward pass and the
   gradient to the data, where strides thin the taps out. */
typedef struct fv_dw_line {
    int64_t t0, dt, count;
    int64_t i0, di;
    int64_t begin, end;
} fv_dw_line;

/* Sets begin and end: positions [0, limit) exist. */
FV_INLINE void fv_dw_line_clip(fv_dw_line *line, int64_t limit)
{
    line->begin = 0;
    while (line->begin < line->count) {
        int64_t i = line->i0 + line->begin * line->di;
        if (i >= 0 && i < limit)
            break;
        line->begin++;
    }
    line->end = line->begin;
    while (line->end < line->count) {
        int64_t i = line->i0 + line->end * line->di;
        if (i < 0 || i >= limit)
            break;
        line->end++;
    }
}

FV_INLINE bool fv_dw_line_whole(const fv_dw_line *line)
{
    return line->begin == 0 && line->end == line->count;
}

/* Forward: position = o*stride - pad + t*dilation. */
FV_INLINE fv_dw_line fv_dw_line_forward(int64_t o, int64_t taps, int64_t stride, int64_t dilation, int64_t pad,
                                        int64_t limit)
{
    fv_dw_line line = {.dt = 1, .count = taps, .i0 = o * stride - pad, .di = dilation};
    fv_dw_line_clip(&line, limit);
    return line;
}

/* Gradient to the data: tap t of input coordinate o comes from output (o + pad - t*dilation) / stride where that
   divides. */
FV_INLINE fv_dw_line fv_dw_line_backward(int64_t o, int64_t taps, int64_t stride, int64_t dilation, int64_t pad,
                                         int64_t limit)
{
    fv_dw_line line = {.dt = 1};
    for (int64_t t = 0; t < taps; t++) {
        int64_t at = o + pad - t * dilation;
        if (at % stride != 0)
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
    fv_dw_line_clip(&line, limit);
    return line;
}

void FV_SYM(fv_dw_backward_weights)(const fv_depthwise_shape *d, const float *src, const float *d_dst, float *d_packed,
                                    int64_t n0, int64_t n1, int64_t c0, int64_t c1);

#endif
