/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/epilogue.h"
#include "ops/unary.h"

static double relu_at(double x, double alpha)
{
    (void)alpha;
    return fv_epilogue_apply(FV_RELU, x);
}

static double relu_bwd_at(double d, double y, double alpha)
{
    (void)alpha;
    return fv_epilogue_mask(FV_RELU, y, d);
}

static void relu_ref(const fv_call *call)
{
    fv_unary_ref(call, relu_at);
}

static void relu_bwd_ref(const fv_call *call)
{
    fv_unary_bwd_ref(call, relu_bwd_at);
}

static fv_status relu_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "relu_bwd", node->out[0]);
}

const fv_op fv_op_relu = {
    .name = "relu",
    .doc = "dst = max(src, 0), elementwise.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_MONOTONE | FV_T_BOUNDED,
    .fuses_as = FV_RELU,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = relu_grad,
    .ref = relu_ref,
    .channels = fv_channels_each,
};

const fv_op fv_op_relu_bwd = {
    .name = "relu_bwd",
    .doc = "Gradient of relu from its result: d_src = dst > 0 ? d_dst : 0.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .backward_of = FV_RELU,
    .operands = fv_unary_bwd_dst_operands,
    .letters = fv_unary_bwd_letters,
    .infer = fv_unary_bwd_infer,
    .ref = relu_bwd_ref,
};
