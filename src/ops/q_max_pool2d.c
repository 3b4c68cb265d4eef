/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"
#include "ops/pool.h"

static const fv_attr q_max_pool2d_attrs[] = {FV_POOL_ROWS, FV_Q_RANGE(fv_q_avg_pool2d_attr), {0}};

static fv_status q_max_pool2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_q_operand(ctx, node, 0, 4));
    const int64_t *src = node->in[0]->shape.dim;
    fv_window win;
    FV_TRY(fv_pool_window(ctx, node, src[1], src[2], &win));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){src[0], win.p, win.q, src[3]});
}

static fv_cost q_max_pool2d_cost(const fv_node *node)
{
    const fv_pool2d_attr *attr = node->attr;
    return fv_cost_of(node, 0.0, fv_count_out(node, 0) * (double)(attr->size[0] * attr->size[1]));
}

static void q_max_pool2d_ref(const fv_call *call)
{
    const fv_q_avg_pool2d_attr *attr = call->node->attr;
    const int64_t *src = fv_in_dims(call, 0), *dst = fv_out_dims(call, 0);
    const fv_dtype dtype = call->node->in[0]->dtype;
    const fv_window win = fv_pool_window_of(call->node, src, dst);
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = 0; p < win.p; p++)
            for (int64_t q = 0; q < win.q; q++) {
                const int64_t h = fv_window_begin(&win, 0, p), w = fv_window_begin(&win, 1, q);
                const int64_t h0 = h < 0 ? 0 : h, h1 = h + win.size[0] > win.h ? win.h : h + win.size[0];
                const int64_t w0 = w < 0 ? 0 : w, w1 = w + win.size[1] > win.w ? win.w : w + win.size[1];
                for (int64_t c = 0; c < dst[3]; c++, i++) {
                    int32_t best = -128;
                    for (int64_t y = h0; y < h1; y++)
                        for (int64_t x = w0; x < w1; x++) {
                            const int32_t v = fv_q_get(dtype, call->in[0], fv_index4(src, n, y, x, c));
                            best = v > best ? v : best;
                        }
                    fv_q_set(dtype, call->out[0], i, best, attr->min, attr->max);
                }
            }
}

const fv_op fv_op_q_max_pool2d = {
    .name = "q_max_pool2d",
    .doc = "max_pool2d of 8-bit integers of one scale: the largest pixel of a window, padding not counted, within min "
           "and max.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_q_avg_pool2d_attr),
    .attrs = q_max_pool2d_attrs,
    .infer = q_max_pool2d_infer,
    .cost = q_max_pool2d_cost,
    .reach = fv_pool_reach,
    .ref = q_max_pool2d_ref,
};
