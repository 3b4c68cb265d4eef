/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

static const fv_attr l1_grad_attrs[] = {
    {"l1", FV_ATTR_REAL, offsetof(fv_l1_attr, l1), 0, 0, 1e3, NULL, "Factor of the sum of magnitudes in the loss."},
    {0},
};

static fv_status l1_grad_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static void l1_grad_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    const double l1 = fv_round(dtype, ((const fv_l1_attr *)call->node->attr)->l1);
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        double w = fv_get(dtype, call->in[1], i), share = w > 0 ? l1 : w < 0 ? -l1 : 0.0;
        fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[0], i) + share);
    }
}

const fv_op fv_op_l1_grad = {
    .name = "l1_grad",
    .doc =
        "dst = d_wei + l1 * sign(wei): the gradient when l1 * sum of |wei| joins the loss (Tibshirani, 1996), whatever "
        "the optimizer.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = (const char *const[]){"d_wei", "wei", "dst"},
    .letters = (const char *const[]){"n", "n"},
    .attr_size = sizeof(fv_l1_attr),
    .attrs = l1_grad_attrs,
    .infer = l1_grad_infer,
    .ref = l1_grad_ref,
};
