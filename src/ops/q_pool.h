/* SPDX-License-Identifier: Apache-2.0 */
/* What pools of 8-bit integers of one scale share: attributes of fv_q_avg_pool2d_attr. */
#ifndef FV_OPS_Q_POOL_H
#define FV_OPS_Q_POOL_H

#include "ops/fixed.h"
#include "ops/pool.h"

extern const fv_attr fv_q_pool_attrs[];
fv_status fv_q_pool_infer(fv_ctx *ctx, const fv_node *node);

/* A channel of the pixels of a window that lie within the image. */
typedef struct fv_q_box {
    fv_dtype dtype;
    const void *src;
    const int64_t *dim; /* n h w c */
    int64_t n, h0, h1, w0, w1, c;
} fv_q_box;

/* dst = what `of` makes of each window, within min and max. */
void fv_q_pool_ref(const fv_call *call, int64_t (*of)(const fv_q_box *box));

#endif
