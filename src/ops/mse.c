/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/loss.h"

static double mse_at(double x, double t, const fv_loss_attr *attr)
{
    (void)attr;
    return (x - t) * (x - t);
}

static double mse_slope(double x, double t, const fv_loss_attr *attr)
{
    (void)attr;
    return 2.0 * (x - t);
}

static void mse_ref(const fv_call *call)
{
    fv_pair_loss_ref(call, mse_at);
}

static void mse_bwd_ref(const fv_call *call)
{
    fv_pair_loss_bwd_ref(call, mse_slope);
}

static fv_status mse_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_loss_grad(b, node, d_out, d_in, "mse_bwd");
}

const fv_op fv_op_mse = {
    .name = "mse",
    .doc = "Mean squared error: losses[n] = mean over k of (src - target)^2, loss = their mean.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 2,
    .traits = FV_T_LOSS | FV_T_VALUE_LABELS | FV_T_SHARDED,
    .operands = fv_loss_operands,
    .letters = fv_loss_letters,
    .infer = fv_pair_loss_infer,
    .grad = mse_grad,
    .cost = fv_pair_loss_cost,
    .ref = mse_ref,
    .partial = fv_loss_split,
};

const fv_op fv_op_mse_bwd = {
    .name = "mse_bwd",
    .doc = "Gradient of mse: d_src = d_loss / (n k) * 2 * (src - target).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_loss_bwd_operands,
    .letters = fv_loss_bwd_letters,
    .infer = fv_pair_loss_bwd_infer,
    .cost = fv_pair_loss_cost,
    .ref = mse_bwd_ref,
};
