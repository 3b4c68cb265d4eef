/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/unary.h"

static double silu_at(double x, double alpha)
{
    (void)alpha;
    return x * fv_sigmoid(x);
}

static double silu_bwd_at(double d, double x, double alpha)
{
    (void)alpha;
    double s = fv_sigmoid(x);
    return d * s * (1.0 + x * (1.0 - s));
}

static void silu_ref(const fv_call *call)
{
    fv_unary_ref(call, silu_at);
}

static void silu_bwd_ref(const fv_call *call)
{
    fv_unary_bwd_ref(call, silu_bwd_at);
}

static fv_status silu_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "silu_bwd", node->in[0]);
}

const fv_op fv_op_silu = {
    .name = "silu",
    .doc = "dst = src / (1 + e^-src), elementwise: x times sigmoid (Elfwing et al., 2017; also called swish).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_BOUNDED,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = silu_grad,
    .ref = silu_ref,
    .channels = fv_channels_each,
};

const fv_op fv_op_silu_bwd = {
    .name = "silu_bwd",
    .doc = "Gradient of silu from its operand: d_src = d_dst * s * (1 + src * (1 - s)), s = sigmoid(src).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = fv_unary_bwd_src_operands,
    .letters = fv_unary_bwd_letters,
    .infer = fv_unary_bwd_infer,
    .ref = silu_bwd_ref,
};
