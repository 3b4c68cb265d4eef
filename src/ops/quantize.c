/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"

static const char *const quantize_dtypes[] = {"i8", "u8", NULL};

#define T fv_quantize_attr
static const fv_attr quantize_attrs[] = {
    {"scale", FV_ATTR_REAL, offsetof(T, scale), 1, 1e-38, 3e38, NULL, "What 1 in dst stands for; a float."},
    FV_Q_ZERO(T, "zero", zero, "What stands for 0 in dst."),
    {"to", FV_ATTR_ENUM, offsetof(T, to), 0, 0, 1, quantize_dtypes, "Dtype of dst."},
    {0},
};
#undef T

static fv_status quantize_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    const fv_shape *src = &node->in[0]->shape;
    return fv_result(ctx, node, 0, ((const fv_quantize_attr *)node->attr)->to ? FV_U8 : FV_I8, src->rank, src->dim);
}

static void quantize_ref(const fv_call *call)
{
    const fv_quantize_attr *attr = call->node->attr;
    const fv_val *src = call->node->in[0], *dst = call->node->out[0];
    const float scale = (float)attr->scale;
    for (int64_t i = 0; i < fv_shape_count(&src->shape); i++) {
        const float x = roundf((float)fv_get(src->dtype, call->in[0], i) / scale);
        const int64_t q = isnan(x) ? 0 : x > 1e6f ? 1000000 : x < -1e6f ? -1000000 : (int64_t)x;
        fv_q_set(dst->dtype, call->out[0], i, q + attr->zero, -128, 255);
    }
}

static fv_cost quantize_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 3.0 * fv_count_out(node, 0));
}

const fv_op fv_op_quantize = {
    .name = "quantize",
    .doc = "dst = round(src / scale) + zero as 8-bit integers, halves away from 0, within their limits; computed in "
           "f32.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_quantize_attr),
    .attrs = quantize_attrs,
    .infer = quantize_infer,
    .cost = quantize_cost,
    .ref = quantize_ref,
};
