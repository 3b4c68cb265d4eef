/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise and data-moving kernels. Element i of a result depends on element i of the operands only (or on the
   window named), so a caller may cut any range among threads without changing a bit. Layout NHWC: "rows" are pixels
   (n*h*w), c channels each. Buffers may be over-read by FV_TAIL_PAD bytes, never over-written. dst may be a source
   unless said. */
#ifndef FV_KERNELS_ELTWISE_H
#define FV_KERNELS_ELTWISE_H

#include <stdint.h>

#include "kernels/eltwise/act.h"

typedef enum fv_binary {
    FV_BINARY_ADD,
    FV_BINARY_SUB,
    FV_BINARY_MUL,
    FV_BINARY_DIV,
    FV_BINARY_MAX, /* a > b ? a : b, NaN if either is NaN */
    FV_BINARY_MIN,
    FV_BINARY_COUNT
} fv_binary;

/* A sparse matrix that maps one axis of n_in positions to n_out: output o is the sum over e in [start[o], start[o+1])
   of weight[e] * input index[e]. Resizing is one such matrix per axis; its gradient is the transposed matrices. */
typedef struct fv_resample_axis {
    const int32_t *start; /* n_out + 1 */
    const int32_t *index;
    const float *weight;
} fv_resample_axis;

typedef enum fv_resample_mode {
    FV_RESAMPLE_NEAREST,       /* input floor(o * n_in / n_out), as PyTorch 'nearest' */
    FV_RESAMPLE_LINEAR,        /* half-pixel centers, clamped at the border: PyTorch align_corners=False */
    FV_RESAMPLE_LINEAR_ALIGNED /* corners on corners: PyTorch align_corners=True */
} fv_resample_mode;

/* What dropout draws its words from: base/random.h, key as fv_philox makes it. Element e of the tensor uses word
   (e / 16) % 4 of block a = 16 * (e / 64) + e % 16 under counter (a, stream). */
typedef struct fv_dropout {
    uint32_t key[2];
    uint64_t stream; /* upper half of the counter: step and layer */
    float p;         /* an element is dropped when fv_uniform(word) < p; 0 <= p <= 1 */
    float scale;     /* factor of kept elements, 1 / (1 - p) */
} fv_dropout;

typedef struct fv_eltwise_kernels {
    /* dst[i] = act(src[i]); alpha is the slope of leaky_relu. */
    void (*act)(fv_activation act, float alpha, int64_t n, const float *src, float *dst);
    /* d_src[i] = d_dst[i] * act'(.), `ref` being dst where fv_act_grad_uses_y(act) and src otherwise. */
    void (*act_grad)(fv_activation act, float alpha, int64_t n, const float *ref, const float *d_dst, float *d_src);
    /* dst = x > 0 ? x : slope[c]*x and its gradient to x. */
    void (*prelu)(int64_t rows, int64_t c, const float *src, const float *slope, float *dst);
    void (*prelu_grad)(int64_t rows, int64_t c, const float *src, const float *slope, const float *d_dst, float *d_src);
    /* d_slope[c] += sum over rows, in order, of x > 0 ? 0 : x * d_dst (float64, continues the sums given). */
    void (*prelu_grad_slope)(int64_t rows, int64_t c, const float *src, const float *d_dst, double *d_slope);

    void (*binary)(fv_binary op, int64_t n, const float *a, const float *b, float *dst);
    /* b is one value per channel. */
    void (*binary_channel)(fv_binary op, int64_t rows, int64_t c, const float *a, const float *b, float *dst);
    /* dst = act(a + b) */
    void (*add_act)(fv_activation act, float alpha, int64_t n, const float *a, const float *b, float *dst);
    /* dst[i] = value */
    void (*fill)(int64_t n, float value, float *dst);
    /* dst = a*x + b; dst = fma(a, x, y) */
    void (*affine)(int64_t n, float a, float b, const float *x, float *dst);
    void (*axpy)(int64_t n, float a, const float *x, const float *y, float *dst);
    /* One sample: dst[row][c] = src[row][c] * scale[c] (squeeze-and-excitation; also its gradient to src). */
    void (*scale_channel)(int64_t rows, int64_t c, const float *src, const float *scale, float *dst);
    /* Its gradient to scale, one sample: d_scale[c] = sum over rows, in order, in float64, of src * d_dst. */
    void (*scale_channel_grad)(int64_t rows, int64_t c, const float *src, const float *d_dst, float *d_scale);
    /* dst[row][c] = fma(src[row][c], scale[c], shift[c]) from bytes: images to normalized floats. */
    void (*u8_to_f32)(int64_t rows, int64_t c, const uint8_t *src, const float *scale, const float *shift, float *dst);

    /* rows x cols floats between buffers with row strides (in floats): concatenation, splitting, cropping, padding. */
    void (*copy)(int64_t rows, int64_t cols, const float *src, int64_t src_stride, float *dst, int64_t dst_stride);
    /* dst[row][j*groups + g] = src[row][g*(c/groups) + j]; its gradient is the same with c/groups groups. dst != src.
     */
    void (*channel_shuffle)(int64_t rows, int64_t c, int64_t groups, const float *src, float *dst);
    /* Output rows [p0, p1) of one sample: dst[p][q][c] = sum over (h, w) in table order of (y.weight*x.weight)*src. The
       first product starts the chain; no entries give 0. src has `w` columns, dst `q`. dst != src. */
    void (*resample)(int64_t p0, int64_t p1, int64_t w, int64_t q, int64_t c, const fv_resample_axis *y,
                     const fv_resample_axis *x, const float *src, float *dst);

    /* Local response normalization across channels (Krizhevsky et al. 2012, divided by size as PyTorch does):
       d = k + alpha/size * sum of src^2 over channels [i - size/2, i + (size-1)/2]; dst = src * d^-beta.
       1 <= size <= FV_LRN_MAX. dst != src. */
    void (*lrn)(int64_t rows, int64_t c, int size, float alpha, float beta, float k, const float *src, float *dst);
    void (*lrn_grad)(int64_t rows, int64_t c, int size, float alpha, float beta, float k, const float *src,
                     const float *d_dst, float *d_src);

    /* Elements [first, first + n) of a tensor, src and dst pointing at the first: dst = kept ? src * scale : 0. The
       gradient is the same call on d_dst. */
    void (*dropout)(const fv_dropout *d, int64_t first, int64_t n, const float *src, float *dst);
} fv_eltwise_kernels;

#define FV_LRN_MAX 63

/* Fills start (n_out + 1), index and weight (2 * n_out at most) for one axis; entries of weight 0 are left out. */
void fv_resample_forward(fv_resample_mode mode, int64_t n_in, int64_t n_out, int32_t *start, int32_t *index,
                         float *weight);
/* The transposed matrix, from n_out positions back to n_in: start has n_in + 1, entries in order of output position. */
void fv_resample_backward(const fv_resample_axis *forward, int64_t n_in, int64_t n_out, int32_t *start, int32_t *index,
                          float *weight);

#endif
