/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/unary.h"

static double tanh_at(double x, double alpha)
{
    (void)alpha;
    return tanh(x);
}

static double tanh_bwd_at(double d, double y, double alpha)
{
    (void)alpha;
    return d * (1.0 - y * y);
}

static void tanh_ref(const fv_call *call)
{
    fv_unary_ref(call, tanh_at);
}

static void tanh_bwd_ref(const fv_call *call)
{
    fv_unary_bwd_ref(call, tanh_bwd_at);
}

static fv_status tanh_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "tanh_bwd", node->out[0]);
}

const fv_op fv_op_tanh = {
    .name = "tanh",
    .doc = "dst = tanh(src), elementwise.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_BOUNDED | FV_T_SATURATES,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = tanh_grad,
    .ref = tanh_ref,
    .channels = fv_channels_each,
};

const fv_op fv_op_tanh_bwd = {
    .name = "tanh_bwd",
    .doc = "Gradient of tanh from its result: d_src = d_dst * (1 - dst^2).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = fv_unary_bwd_dst_operands,
    .letters = fv_unary_bwd_letters,
    .infer = fv_unary_bwd_infer,
    .ref = tanh_bwd_ref,
};
