/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/unary.h"

static double exp_of(double x, double alpha)
{
    (void)alpha;
    return exp(x);
}

static void exp_ref(const fv_call *call)
{
    fv_unary_ref(call, exp_of);
}

static fv_status exp_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "mul", node->out[0]);
}

const fv_op fv_op_exp = {
    .name = "exp",
    .doc = "dst = e^src.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = exp_grad,
    .ref = exp_ref,
    .channels = fv_channels_each,
};
