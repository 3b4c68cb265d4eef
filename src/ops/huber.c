/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/loss.h"

static const fv_attr huber_attrs[] = {
    {"delta", FV_ATTR_REAL, offsetof(fv_loss_attr, delta), 1, 1e-12, 1e12, NULL,
     "Where the loss goes from quadratic to linear."},
    {0},
};

static double huber_at(double x, double t, const fv_loss_attr *attr)
{
    double d = fabs(x - t), delta = attr->delta;
    return d > delta ? delta * (d - 0.5 * delta) : 0.5 * d * d;
}

static double huber_slope(double x, double t, const fv_loss_attr *attr)
{
    double d = x - t, delta = attr->delta;
    if (d > delta)
        return delta;
    return d < -delta ? -delta : d;
}

static void huber_ref(const fv_call *call)
{
    fv_pair_loss_ref(call, huber_at);
}

static void huber_bwd_ref(const fv_call *call)
{
    fv_pair_loss_bwd_ref(call, huber_slope);
}

static fv_status huber_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_loss_grad(b, node, d_out, d_in, "huber_bwd");
}

const fv_op fv_op_huber = {
    .name = "huber",
    .doc = "Huber's loss (1964) with d = src - target: losses[n] = mean over k of d^2 / 2 where |d| <= delta, else "
           "delta * (|d| - delta / 2); loss = their mean.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 2,
    .traits = FV_T_LOSS | FV_T_SHARDED,
    .operands = fv_loss_operands,
    .letters = fv_loss_letters,
    .attr_size = sizeof(fv_loss_attr),
    .attrs = huber_attrs,
    .infer = fv_pair_loss_infer,
    .grad = huber_grad,
    .cost = fv_pair_loss_cost,
    .ref = huber_ref,
    .partial = fv_loss_split,
};

const fv_op fv_op_huber_bwd = {
    .name = "huber_bwd",
    .doc = "Gradient of huber: d_src = d_loss / (n k) * clamp(src - target, -delta, delta).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_loss_bwd_operands,
    .letters = fv_loss_bwd_letters,
    .attr_size = sizeof(fv_loss_attr),
    .attrs = huber_attrs,
    .infer = fv_pair_loss_bwd_infer,
    .cost = fv_pair_loss_cost,
    .ref = huber_bwd_ref,
};
