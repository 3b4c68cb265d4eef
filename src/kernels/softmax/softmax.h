/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and losses, float32. Matrices are [rows][c] without gaps. Sums over a row use 16 virtual lanes and one fixed
   tree; each row depends on itself only. dst may be src; a NaN in a row makes the row's results NaN. */
#ifndef FV_KERNELS_SOFTMAX_H
#define FV_KERNELS_SOFTMAX_H

#include <stdbool.h>
#include <stdint.h>

/* Targets of a classification loss: class indices, or a distribution per row. With smoothing e the target of class j is
   (1 - e)*t[j] + e/c * sum of t, t being the distribution, which may be multiplied by a weight, or 1 at the label. */
typedef struct fv_targets {
    const int32_t *labels; /* [rows]; one outside [0, c) makes that row's loss and gradient NaN */
    const float *soft;     /* [rows][c], used when labels is NULL */
    float smoothing;
} fv_targets;

/* Losses of an element with prediction x and target t. */
typedef enum fv_loss_kind {
    FV_LOSS_MSE,   /* (x - t)^2 */
    FV_LOSS_MAE,   /* |x - t|; gradient 0 at 0 */
    FV_LOSS_HUBER, /* d = x - t: d^2/2 where |d| <= delta, else delta*(|d| - delta/2) */
    FV_LOSS_BCE,   /* x is a logit: max(x, 0) - x*t + log(1 + e^-|x|) */
    FV_LOSS_COUNT
} fv_loss_kind;

typedef struct fv_softmax_kernels {
    /* dst = e^(src - max) / sum of e^(src - max) */
    void (*softmax)(int64_t rows, int64_t c, const float *src, float *dst);
    /* d_src = dst * (d_dst - sum of d_dst*dst) */
    void (*softmax_grad)(int64_t rows, int64_t c, const float *dst, const float *d_dst, float *d_src);
    /* dst = (src - max) - log(sum of e^(src - max)) */
    void (*log_softmax)(int64_t rows, int64_t c, const float *src, float *dst);
    /* d_src = d_dst - e^dst * sum of d_dst */
    void (*log_softmax_grad)(int64_t rows, int64_t c, const float *dst, const float *d_dst, float *d_src);
    /* losses[row] = -sum over classes of target * log_softmax(src) */
    void (*cross_entropy)(int64_t rows, int64_t c, const float *src, const fv_targets *t, float *losses);
    /* d_src = (softmax(src) * sum of targets - target) * scale */
    void (*cross_entropy_grad)(int64_t rows, int64_t c, const float *src, const fv_targets *t, float scale,
                               float *d_src);
    /* losses[row] = sum over the row of the element losses. */
    void (*loss)(fv_loss_kind kind, float delta, int64_t rows, int64_t c, const float *src, const float *target,
                 float *losses);
    /* d_src[i] = d loss / d src[i] * scale */
    void (*loss_grad)(fv_loss_kind kind, float delta, float scale, int64_t n, const float *src, const float *target,
                      float *d_src);
} fv_softmax_kernels;

#endif
