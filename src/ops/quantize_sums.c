/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"

static const char *const quantize_sums_dtypes[] = {"i8", "u8", NULL};

#define T fv_quantize_sums_attr
static const fv_attr quantize_sums_attrs[] = {
    FV_Q_ZERO(T, "zero", zero, "What stands for 0 in dst."),
    FV_Q_RANGE(T),
    {"to", FV_ATTR_ENUM, offsetof(T, to), 0, 0, 1, quantize_sums_dtypes, "Dtype of dst."},
    {0},
};
#undef T

static fv_status quantize_sums_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, 0, 0, FV_I32));
    FV_TRY(fv_operand_float(ctx, node, 1, 1));
    const fv_shape *src = &node->in[0]->shape;
    const int64_t count = node->in[1]->shape.dim[0];
    if (src->rank < 1 || (count != 1 && count != fv_shape_last(src)))
        return fv_node_fail(ctx, node, "factor has %lld elements, expected 1, or one for each of the last dimension",
                            (long long)count);
    return fv_result(ctx, node, 0, ((const fv_quantize_sums_attr *)node->attr)->to ? FV_U8 : FV_I8, src->rank,
                     src->dim);
}

static void quantize_sums_ref(const fv_call *call)
{
    const fv_quantize_sums_attr *attr = call->node->attr;
    const fv_val *src = call->node->in[0];
    const fv_dtype to = call->node->out[0]->dtype, dtype = call->node->in[1]->dtype;
    const int64_t columns = fv_shape_last(&src->shape), factors = call->node->in[1]->shape.dim[0];
    const int32_t *sum = call->in[0];
    for (int64_t i = 0, rows = fv_shape_count(&src->shape) / columns; rows > 0; rows--)
        for (int64_t c = 0; c < columns; c++, i++) {
            const float x = (float)sum[i] * (float)fv_get(dtype, call->in[1], factors > 1 ? c : 0);
            const float y = rintf(isnan(x) ? 0.0f : x < -1e6f ? -1e6f : x > 1e6f ? 1e6f : x);
            fv_q_set(to, call->out[0], i, (int64_t)y + attr->zero, attr->min, attr->max);
        }
}

static fv_cost quantize_sums_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 3.0 * fv_count_out(node, 0));
}

const fv_op fv_op_quantize_sums = {
    .name = "quantize_sums",
    .doc = "dst = round(src * factor) + zero as 8-bit integers, halves to even, within min and max; factor is one "
           "number or one for each of the last dimension. Computed in f32.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_MIXED,
    .operands = (const char *const[]){"src", "factor", "dst"},
    .letters = (const char *const[]){"nhwc", "c"},
    .attr_size = sizeof(fv_quantize_sums_attr),
    .attrs = quantize_sums_attrs,
    .infer = quantize_sums_infer,
    .cost = quantize_sums_cost,
    .ref = quantize_sums_ref,
};
