/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/pool.h"

static fv_status global_avg_pool_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const int64_t *src = node->in[0]->shape.dim;
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){src[0], 1, 1, src[3]});
}

static fv_status global_avg_pool_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    const int64_t *src = node->in[0]->shape.dim;
    fv_adaptive_pool_attr attr = {.output = {1, 1}, .src_size = {src[1], src[2]}};
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "global_avg_pool_bwd", &attr, d_out, 1);
    return FV_OK;
}

static fv_cost global_avg_pool_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 0));
}

static void global_avg_pool_ref(const fv_call *call)
{
    const int64_t *src = fv_in_dims(call, 0);
    fv_dtype dtype = fv_call_dtype(call);
    int64_t pixels = src[1] * src[2];
    for (int64_t n = 0; n < src[0]; n++)
        for (int64_t c = 0; c < src[3]; c++) {
            double sum = 0.0;
            for (int64_t i = 0; i < pixels; i++)
                sum += fv_get(dtype, call->in[0], (n * pixels + i) * src[3] + c);
            fv_set(dtype, call->out[0], n * src[3] + c, sum / (double)pixels);
        }
}

const fv_op fv_op_global_avg_pool = {
    .name = "global_avg_pool",
    .doc = "dst[n,0,0,c] = mean over h, w of src[n,h,w,c] (Lin et al., Network in Network, 2014), summed in float64 in "
           "order of h and w.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .infer = global_avg_pool_infer,
    .grad = global_avg_pool_grad,
    .cost = global_avg_pool_cost,
    .reach = fv_parts_reach,
    .ref = global_avg_pool_ref,
    .channels = fv_channels_last,
};

/* ---- gradient ---- */

static const fv_attr global_avg_pool_bwd_attrs[] = {
    {"src_size", FV_ATTR_INT2, offsetof(fv_adaptive_pool_attr, src_size), 1, 1, 1 << 30, NULL,
     "Height and width of src."},
    {0},
};

static fv_status global_avg_pool_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const fv_adaptive_pool_attr *attr = node->attr;
    const int64_t *dst = node->in[0]->shape.dim;
    FV_TRY(fv_operand_dims(ctx, node, 0, 4, (const int64_t[]){dst[0], 1, 1, dst[3]}, "one pixel per sample"));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4,
                     (const int64_t[]){dst[0], attr->src_size[0], attr->src_size[1], dst[3]});
}

static void global_avg_pool_bwd_ref(const fv_call *call)
{
    const int64_t *src = fv_out_dims(call, 0);
    fv_dtype dtype = fv_call_dtype(call);
    int64_t pixels = src[1] * src[2];
    for (int64_t n = 0, i = 0; n < src[0]; n++)
        for (int64_t j = 0; j < pixels; j++)
            for (int64_t c = 0; c < src[3]; c++, i++)
                fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[0], n * src[3] + c) / (double)pixels);
}

const fv_op fv_op_global_avg_pool_bwd = {
    .name = "global_avg_pool_bwd",
    .doc =
        "Gradient of global_avg_pool: d_src[n,h,w,c] = d_dst[n,0,0,c] / (h * w). src_size is height and width of src.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "d_src"},
    .letters = (const char *const[]){"npqc"},
    .attr_size = sizeof(fv_adaptive_pool_attr),
    .attrs = global_avg_pool_bwd_attrs,
    .infer = global_avg_pool_bwd_infer,
    .ref = global_avg_pool_bwd_ref,
};
