/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"

#define T fv_dequantize_attr
static const fv_attr dequantize_attrs[] = {
    {"scale", FV_ATTR_REAL, offsetof(T, scale), 1, 1e-38, 3e38, NULL, "What 1 in src stands for; a float."},
    FV_Q_ZERO(T, "zero", zero, "What stands for 0 in src."),
    {"wide", FV_ATTR_BOOL, offsetof(T, wide), 0, 0, 1, NULL, "dst is f64: in programs that compute with such."},
    {0},
};
#undef T

static fv_status dequantize_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_q_operand(ctx, node, 0, 0));
    const fv_shape *src = &node->in[0]->shape;
    const bool wide = ((const fv_dequantize_attr *)node->attr)->wide;
    return fv_result(ctx, node, 0, wide ? FV_F64 : FV_F32, src->rank, src->dim);
}

static fv_status dequantize_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    fv_dequantize_attr attr = *(const fv_dequantize_attr *)node->attr;
    (void)training;
    attr.wide = fv_emit_float(b) == FV_F64;
    out[0] = fv_emit(b, "dequantize", &attr, in, 1);
    return FV_OK;
}

static void dequantize_ref(const fv_call *call)
{
    const fv_dequantize_attr *attr = call->node->attr;
    const fv_val *src = call->node->in[0];
    for (int64_t i = 0; i < fv_shape_count(&src->shape); i++)
        fv_set(
            call->node->out[0]->dtype, call->out[0], i,
            (double)(float)((double)(float)attr->scale * (double)(fv_q_get(src->dtype, call->in[0], i) - attr->zero)));
}

static fv_cost dequantize_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 2.0 * fv_count_out(node, 0));
}

const fv_op fv_op_dequantize = {
    .name = "dequantize",
    .doc = "dst = scale * (src - zero) of 8-bit integers, rounded to f32.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_MIXED,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_dequantize_attr),
    .attrs = dequantize_attrs,
    .infer = dequantize_infer,
    .cost = dequantize_cost,
    .lower = dequantize_lower,
    .ref = dequantize_ref,
};
