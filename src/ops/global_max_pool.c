/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/pool.h"

static fv_status global_max_pool_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const int64_t *src = node->in[0]->shape.dim;
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){src[0], 1, 1, src[3]});
}

static fv_status global_max_pool_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "global_max_pool_bwd", NULL, (fv_val *[]){d_out[0], node->in[0], node->out[0]}, 3);
    return FV_OK;
}

static fv_cost global_max_pool_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 0));
}

static void global_max_pool_ref(const fv_call *call)
{
    const int64_t *src = fv_in_dims(call, 0);
    fv_dtype dtype = fv_call_dtype(call);
    int64_t pixels = src[1] * src[2];
    for (int64_t n = 0; n < src[0]; n++)
        for (int64_t c = 0; c < src[3]; c++) {
            double best = fv_get(dtype, call->in[0], n * pixels * src[3] + c);
            for (int64_t i = 1; i < pixels; i++) {
                double x = fv_get(dtype, call->in[0], (n * pixels + i) * src[3] + c);
                best = x > best || isnan(x) ? x : best;
            }
            fv_set(dtype, call->out[0], n * src[3] + c, best);
        }
}

const fv_op fv_op_global_max_pool = {
    .name = "global_max_pool",
    .doc = "dst[n,0,0,c] = max over h, w of src[n,h,w,c]. NaN wins.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_MAXIMUM,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .infer = global_max_pool_infer,
    .grad = global_max_pool_grad,
    .cost = global_max_pool_cost,
    .reach = fv_parts_reach,
    .ref = global_max_pool_ref,
    .channels = fv_channels_last,
};

/* ---- gradient ---- */

static fv_status global_max_pool_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 1, 4));
    const int64_t *src = node->in[1]->shape.dim, pooled[4] = {src[0], 1, 1, src[3]};
    FV_TRY(fv_operand_dims(ctx, node, 0, 4, pooled, "one pixel per sample of src"));
    FV_TRY(fv_operand_dims(ctx, node, 2, 4, pooled, "one pixel per sample of src"));
    return fv_result_like(ctx, node, 0, 1);
}

static fv_cost global_max_pool_bwd_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 1));
}

static void global_max_pool_bwd_ref(const fv_call *call)
{
    const int64_t *src = fv_in_dims(call, 1);
    fv_dtype dtype = fv_call_dtype(call);
    int64_t pixels = src[1] * src[2];
    for (int64_t n = 0; n < src[0]; n++)
        for (int64_t c = 0; c < src[3]; c++) {
            double best = fv_get(dtype, call->in[2], n * src[3] + c), d = fv_get(dtype, call->in[0], n * src[3] + c);
            bool given = false;
            for (int64_t i = 0; i < pixels; i++) {
                int64_t at = (n * pixels + i) * src[3] + c;
                double x = fv_get(dtype, call->in[1], at);
                bool wins = !given && (x == best || (isnan(x) && isnan(best)));
                fv_set(dtype, call->out[0], at, wins ? d : 0.0);
                given |= wins;
            }
        }
}

const fv_op fv_op_global_max_pool_bwd = {
    .name = "global_max_pool_bwd",
    .doc =
        "Gradient of global_max_pool: d_dst[n,0,0,c] goes to the first pixel of src, in order of h and w, that equals "
        "dst[n,0,0,c].",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "src", "dst", "d_src"},
    .letters = (const char *const[]){"npqc", "nhwc", "npqc"},
    .infer = global_max_pool_bwd_infer,
    .cost = global_max_pool_bwd_cost,
    .ref = global_max_pool_bwd_ref,
};
