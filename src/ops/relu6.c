/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/epilogue.h"
#include "ops/unary.h"

static double relu6_at(double x, double alpha)
{
    (void)alpha;
    return fv_epilogue_apply(FV_RELU6, x);
}

static double relu6_bwd_at(double d, double y, double alpha)
{
    (void)alpha;
    return fv_epilogue_mask(FV_RELU6, y, d);
}

static void relu6_ref(const fv_call *call)
{
    fv_unary_ref(call, relu6_at);
}

static void relu6_bwd_ref(const fv_call *call)
{
    fv_unary_bwd_ref(call, relu6_bwd_at);
}

static fv_status relu6_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "relu6_bwd", node->out[0]);
}

const fv_op fv_op_relu6 = {
    .name = "relu6",
    .doc = "dst = min(max(src, 0), 6), elementwise (Howard et al., MobileNets, 2017).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_MONOTONE | FV_T_BOUNDED,
    .fuses_as = FV_RELU6,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = relu6_grad,
    .ref = relu6_ref,
    .channels = fv_channels_each,
};

const fv_op fv_op_relu6_bwd = {
    .name = "relu6_bwd",
    .doc = "Gradient of relu6 from its result: d_src = 0 < dst < 6 ? d_dst : 0.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .backward_of = FV_RELU6,
    .operands = fv_unary_bwd_dst_operands,
    .letters = fv_unary_bwd_letters,
    .infer = fv_unary_bwd_infer,
    .ref = relu6_bwd_ref,
};
