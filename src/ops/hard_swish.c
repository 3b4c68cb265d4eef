/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/unary.h"

static double hard_swish_at(double x, double alpha)
{
    (void)alpha;
    double y = x / 6.0 + 0.5;
    y = y < 0.0 ? 0.0 : y;
    return x * (y > 1.0 ? 1.0 : y);
}

static double hard_swish_bwd_at(double d, double x, double alpha)
{
    (void)alpha;
    if (x <= -3.0)
        return 0.0;
    return x >= 3.0 ? d : d * (x / 3.0 + 0.5);
}

static void hard_swish_ref(const fv_call *call)
{
    fv_unary_ref(call, hard_swish_at);
}

static void hard_swish_bwd_ref(const fv_call *call)
{
    fv_unary_bwd_ref(call, hard_swish_bwd_at);
}

static fv_status hard_swish_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "hard_swish_bwd", node->in[0]);
}

const fv_op fv_op_hard_swish = {
    .name = "hard_swish",
    .doc = "dst = src * min(max(src / 6 + 1/2, 0), 1), elementwise (Howard et al., MobileNetV3, 2019).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_BOUNDED,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = hard_swish_grad,
    .ref = hard_swish_ref,
    .channels = fv_channels_each,
};

const fv_op fv_op_hard_swish_bwd = {
    .name = "hard_swish_bwd",
    .doc = "Gradient of hard_swish from its operand: d_src = d_dst * (src <= -3 ? 0 : src >= 3 ? 1 : src / 3 + 1/2).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = fv_unary_bwd_src_operands,
    .letters = fv_unary_bwd_letters,
    .infer = fv_unary_bwd_infer,
    .ref = hard_swish_bwd_ref,
};
