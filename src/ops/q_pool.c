/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/q_pool.h"

const fv_attr fv_q_pool_attrs[] = {FV_POOL_ROWS, FV_Q_RANGE(fv_q_avg_pool2d_attr), {0}};

fv_status fv_q_pool_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_q_operand(ctx, node, 0, 4));
    const int64_t *src = node->in[0]->shape.dim;
    fv_window win;
    FV_TRY(fv_pool_window(ctx, node, src[1], src[2], &win));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){src[0], win.p, win.q, src[3]});
}

void fv_q_pool_ref(const fv_call *call, int64_t (*of)(const fv_q_box *box))
{
    const fv_q_avg_pool2d_attr *attr = call->node->attr;
    const int64_t *src = fv_in_dims(call, 0), *dst = fv_out_dims(call, 0);
    const fv_window win = fv_pool_window_of(call->node, src, dst);
    fv_q_box box = {.dtype = call->node->in[0]->dtype, .src = call->in[0], .dim = src};
    int64_t i = 0;
    for (box.n = 0; box.n < dst[0]; box.n++)
        for (int64_t p = 0; p < win.p; p++)
            for (int64_t q = 0; q < win.q; q++) {
                const int64_t h = fv_window_begin(&win, 0, p), w = fv_window_begin(&win, 1, q);
                box.h0 = h < 0 ? 0 : h;
                box.h1 = h + win.size[0] > win.h ? win.h : h + win.size[0];
                box.w0 = w < 0 ? 0 : w;
                box.w1 = w + win.size[1] > win.w ? win.w : w + win.size[1];
                for (box.c = 0; box.c < dst[3]; box.c++, i++)
                    fv_q_set(box.dtype, call->out[0], i, of(&box), attr->min, attr->max);
            }
}
