/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

static const fv_attr l2_grad_attrs[] = {
    {"l2", FV_ATTR_REAL, offsetof(fv_l2_attr, l2), 0, 0, 1e3, NULL, "Factor of half the sum of squares in the loss."},
    {0},
};

static fv_status l2_grad_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    if (fv_operand(node, 2))
        FV_TRY(fv_operand_dims(ctx, node, 2, 1, &(int64_t){1}, "one factor"));
    return fv_result_like(ctx, node, 0, 0);
}

static void l2_grad_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    const double l2 = fv_round(dtype, ((const fv_l2_attr *)call->node->attr)->l2);
    const void *factor = fv_call_in(call, 2);
    const double scale = factor ? fv_get(dtype, factor, 0) : 1.0;
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        double g = fv_round(dtype, fv_get(dtype, call->in[0], i) * scale);
        fv_set(dtype, call->out[0], i, g + fv_round(dtype, l2 * fv_get(dtype, call->in[1], i)));
    }
}

const fv_op fv_op_l2_grad = {
    .name = "l2_grad",
    .doc = "dst = d_wei * scale + l2 * wei: the gradient, scaled first where a scale is there, when l2 / 2 * sum of "
           "wei^2 joins the loss. Steps have it built in; this is for optimizers that measure it.",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = (const char *const[]){"d_wei", "wei", "scale", "dst"},
    .letters = (const char *const[]){"n", "n", "s"},
    .attr_size = sizeof(fv_l2_attr),
    .attrs = l2_grad_attrs,
    .infer = l2_grad_infer,
    .ref = l2_grad_ref,
};
