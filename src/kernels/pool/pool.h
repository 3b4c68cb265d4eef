/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling, float32, NHWC. A window covers input rows and columns that exist; taps in the padding take no part. Rows may
   be split among callers in any way. Kernels read up to FV_TAIL_PAD bytes behind each operand; operands may not
   overlap.

   Gradients are gathered: each element of d_src is one chain of additions over the windows that contain it, in
   increasing (p, q), from +0. */
#ifndef FV_KERNELS_POOL_H
#define FV_KERNELS_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/eltwise/act.h"

typedef struct fv_pool_shape {
    int64_t n, h, w, c; /* src */
    int64_t p, q;       /* dst rows and columns */
    int64_t r, s, stride_h, stride_w;
    int64_t pad_top, pad_left, pad_bottom, pad_right;
    bool adaptive; /* windows [floor(i*h/p), ceil((i+1)*h/p)), likewise across; r, s, strides and pads are unused */
    bool
        count_include_pad; /* average: divide by the part of the window inside the padded image, not inside the image */
} fv_pool_shape;

typedef struct fv_pool_kernels {
    /* dst = act(largest of the window): the first of equal ones in (r, s) order; NaN wins over numbers, the last NaN
       over others. index (may be NULL, needs windows of up to 255 taps, not adaptive): r*S + s of that tap. Rows [row0,
       row1) of the n*p rows of dst. */
    void (*max)(const fv_pool_shape *d, fv_activation act, float alpha, const float *src, float *dst, uint8_t *index,
                int64_t row0, int64_t row1);
    /* Rows [row0, row1) of the n*h rows of d_src. */
    void (*max_grad)(const fv_pool_shape *d, const float *d_dst, const uint8_t *index, float *d_src, int64_t row0,
                     int64_t row1);
    /* dst = act(sum of the window in (r, s) order / number of elements). */
    void (*avg)(const fv_pool_shape *d, fv_activation act, float alpha, const float *src, float *dst, int64_t row0,
                int64_t row1);
    void (*avg_grad)(const fv_pool_shape *d, const float *d_dst, float *d_src, int64_t row0, int64_t row1);
    /* One sample: dst[c] = mean over `rows` pixels, summed in order in float64. */
    void (*global_avg)(int64_t rows, int64_t c, const float *src, float *dst);
    /* d_src[row][c] = d_dst[c] / rows. */
    void (*global_avg_grad)(int64_t rows, int64_t c, const float *d_dst, float *d_src);
    /* Gradient of the maximum over all pixels of one sample: d_src = d_dst[c] at the first row where src equals dst[c]
       (a NaN equals a NaN), else 0. The maximum itself is `max` over one adaptive window. */
    void (*global_max_grad)(int64_t rows, int64_t c, const float *src, const float *dst, const float *d_dst,
                            float *d_src);
} fv_pool_kernels;

#endif
