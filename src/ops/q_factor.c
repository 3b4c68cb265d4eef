/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"

#define T fv_q_factor_attr
static const fv_attr q_factor_attrs[] = {
    {"src_scale", FV_ATTR_REAL, offsetof(T, src_scale), 1, 1e-38, 3e38, NULL, "What 1 in src stands for."},
    {"dst_scale", FV_ATTR_REAL, offsetof(T, dst_scale), 1, 1e-38, 3e38, NULL, "What 1 in dst stands for."},
    {"count", FV_ATTR_INT, offsetof(T, count), 1, 1, 1 << 30, NULL, "Number of filters."},
    {"floats", FV_ATTR_BOOL, offsetof(T, floats), 0, 0, 1, NULL, "The factor begins with a product of floats."},
    {0},
};
#undef T

static fv_status q_factor_infer(fv_ctx *ctx, const fv_node *node)
{
    const int64_t count = ((const fv_q_factor_attr *)node->attr)->count;
    FV_TRY(fv_operand_moved(ctx, node, 1));
    if (!fv_dtype_is_float(node->in[0]->dtype))
        return fv_node_fail(ctx, node, "scale is %s, expected floats", fv_dtype_name(node->in[0]->dtype));
    const int64_t scales = node->in[0]->shape.dim[0];
    if (scales != 1 && scales != count)
        return fv_node_fail(ctx, node, "scale has %lld elements, expected 1 or %lld", (long long)scales,
                            (long long)count);
    FV_TRY(fv_result(ctx, node, 0, FV_I32, 1, &count));
    return fv_result(ctx, node, 1, FV_I32, 1, &count);
}

static void q_factor_ref(const fv_call *call)
{
    const fv_q_factor_attr *attr = call->node->attr;
    const fv_val *scale = call->node->in[0];
    int32_t *mul = call->out[0], *shift = call->out[1];
    for (int64_t k = 0; k < attr->count; k++)
        fv_fixed_filter_factor(attr->src_scale, fv_get(scale->dtype, call->in[0], scale->shape.dim[0] > 1 ? k : 0),
                               attr->dst_scale, attr->floats, &mul[k], &shift[k]);
}

static fv_cost q_factor_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 4.0 * fv_count_out(node, 0));
}

static bool q_factor_moves_samples(const fv_node *node)
{
    (void)node;
    return true;
}

const fv_op fv_op_q_factor = {
    .name = "q_factor",
    .doc = "mul * 2^(shift - 31) = src_scale * scale[k] / dst_scale for each filter: what an integer product is "
           "multiplied by (ops/fixed.h).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 2,
    .operands = (const char *const[]){"scale", "mul", "shift"},
    .letters = (const char *const[]){"k"},
    .attr_size = sizeof(fv_q_factor_attr),
    .attrs = q_factor_attrs,
    .infer = q_factor_infer,
    .cost = q_factor_cost,
    .moves_samples = q_factor_moves_samples,
    .ref = q_factor_ref,
};
