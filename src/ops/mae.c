/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/loss.h"

static double mae_at(double x, double t, const fv_loss_attr *attr)
{
    (void)attr;
    return fabs(x - t);
}

static double mae_slope(double x, double t, const fv_loss_attr *attr)
{
    (void)attr;
    if (isnan(x - t))
        return x - t;
    return (double)((x > t) - (x < t));
}

static void mae_ref(const fv_call *call)
{
    fv_pair_loss_ref(call, mae_at);
}

static void mae_bwd_ref(const fv_call *call)
{
    fv_pair_loss_bwd_ref(call, mae_slope);
}

static fv_status mae_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_loss_grad(b, node, d_out, d_in, "mae_bwd");
}

const fv_op fv_op_mae = {
    .name = "mae",
    .doc = "Mean absolute error: losses[n] = mean over k of |src - target|, loss = their mean.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 2,
    .traits = FV_T_LOSS | FV_T_SHARDED,
    .operands = fv_loss_operands,
    .letters = fv_loss_letters,
    .infer = fv_pair_loss_infer,
    .grad = mae_grad,
    .cost = fv_pair_loss_cost,
    .ref = mae_ref,
    .partial = fv_loss_split,
};

const fv_op fv_op_mae_bwd = {
    .name = "mae_bwd",
    .doc = "Gradient of mae: d_src = d_loss / (n k) * sign(src - target), 0 where they are equal.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_loss_bwd_operands,
    .letters = fv_loss_bwd_letters,
    .infer = fv_pair_loss_bwd_infer,
    .cost = fv_pair_loss_cost,
    .ref = mae_bwd_ref,
};
