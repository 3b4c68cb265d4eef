/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/unary.h"

static const fv_attr leaky_relu_attrs[] = {
    {"alpha", FV_ATTR_REAL, offsetof(fv_act_attr, alpha), 0.01, 0, 1e6, NULL, "Slope for negative values."},
    {0},
};

static double leaky_relu_at(double x, double alpha)
{
    return x > 0.0 ? x : alpha * x;
}

static double leaky_relu_bwd_at(double d, double x, double alpha)
{
    return x > 0.0 ? d : alpha * d;
}

static void leaky_relu_ref(const fv_call *call)
{
    fv_unary_ref(call, leaky_relu_at);
}

static void leaky_relu_bwd_ref(const fv_call *call)
{
    fv_unary_bwd_ref(call, leaky_relu_bwd_at);
}

static fv_status leaky_relu_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "leaky_relu_bwd", node->in[0]);
}

const fv_op fv_op_leaky_relu = {
    .name = "leaky_relu",
    .doc = "dst = src > 0 ? src : alpha * src, elementwise.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .attr_size = sizeof(fv_act_attr),
    .attrs = leaky_relu_attrs,
    .infer = fv_unary_infer,
    .grad = leaky_relu_grad,
    .ref = leaky_relu_ref,
    .channels = fv_channels_each,
};

const fv_op fv_op_leaky_relu_bwd = {
    .name = "leaky_relu_bwd",
    .doc = "Gradient of leaky_relu from its operand: d_src = src > 0 ? d_dst : alpha * d_dst.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = fv_unary_bwd_src_operands,
    .letters = fv_unary_bwd_letters,
    .attr_size = sizeof(fv_act_attr),
    .attrs = leaky_relu_attrs,
    .infer = fv_unary_bwd_infer,
    .ref = leaky_relu_bwd_ref,
};
