/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/unary.h"

static double sigmoid_at(double x, double alpha)
{
    (void)alpha;
    return fv_sigmoid(x);
}

static double sigmoid_bwd_at(double d, double y, double alpha)
{
    (void)alpha;
    return d * y * (1.0 - y);
}

static void sigmoid_ref(const fv_call *call)
{
    fv_unary_ref(call, sigmoid_at);
}

static void sigmoid_bwd_ref(const fv_call *call)
{
    fv_unary_bwd_ref(call, sigmoid_bwd_at);
}

static fv_status sigmoid_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "sigmoid_bwd", node->out[0]);
}

const fv_op fv_op_sigmoid = {
    .name = "sigmoid",
    .doc = "dst = 1 / (1 + e^-src), elementwise.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_BOUNDED | FV_T_SATURATES,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = sigmoid_grad,
    .ref = sigmoid_ref,
    .channels = fv_channels_each,
};

const fv_op fv_op_sigmoid_bwd = {
    .name = "sigmoid_bwd",
    .doc = "Gradient of sigmoid from its result: d_src = d_dst * dst * (1 - dst).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = fv_unary_bwd_dst_operands,
    .letters = fv_unary_bwd_letters,
    .infer = fv_unary_bwd_infer,
    .ref = sigmoid_bwd_ref,
};
