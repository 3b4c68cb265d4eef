/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/loss.h"
#include "ops/unary.h"

static double sigmoid_bce_at(double x, double t, const fv_loss_attr *attr)
{
    (void)attr;
    return (x < 0.0 ? 0.0 : x) - x * t + log1p(exp(-fabs(x)));
}

static double sigmoid_bce_slope(double x, double t, const fv_loss_attr *attr)
{
    (void)attr;
    return fv_sigmoid(x) - t;
}

static void sigmoid_bce_ref(const fv_call *call)
{
    fv_pair_loss_ref(call, sigmoid_bce_at);
}

static void sigmoid_bce_bwd_ref(const fv_call *call)
{
    fv_pair_loss_bwd_ref(call, sigmoid_bce_slope);
}

static fv_status sigmoid_bce_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_loss_grad(b, node, d_out, d_in, "sigmoid_bce_bwd");
}

const fv_op fv_op_sigmoid_bce = {
    .name = "sigmoid_bce",
    .doc = "Binary cross-entropy of logits: losses[n] = mean over k of max(src, 0) - src * target + log(1 + e^-|src|), "
           "loss = their mean. Targets are probabilities.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 2,
    .traits = FV_T_LOSS | FV_T_SET_LABELS | FV_T_SHARDED,
    .operands = fv_loss_operands,
    .letters = fv_loss_letters,
    .infer = fv_pair_loss_infer,
    .grad = sigmoid_bce_grad,
    .cost = fv_pair_loss_cost,
    .ref = sigmoid_bce_ref,
    .partial = fv_loss_split,
};

const fv_op fv_op_sigmoid_bce_bwd = {
    .name = "sigmoid_bce_bwd",
    .doc = "Gradient of sigmoid_bce: d_src = d_loss / (n k) * (sigmoid(src) - target).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_loss_bwd_operands,
    .letters = fv_loss_bwd_letters,
    .infer = fv_pair_loss_bwd_infer,
    .cost = fv_pair_loss_cost,
    .ref = sigmoid_bce_bwd_ref,
};
