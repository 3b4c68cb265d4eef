/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/step.h"

static const fv_attr rmsprop_step_attrs[] = {
    {"alpha", FV_ATTR_REAL, offsetof(fv_rmsprop_attr, alpha), 0.99, 0, 1, NULL, "Decay of the mean of the square."},
    {"eps", FV_ATTR_REAL, offsetof(fv_rmsprop_attr, eps), 1e-8, 0, 1, NULL, "Added to the denominator."},
    {"momentum", FV_ATTR_REAL, offsetof(fv_rmsprop_attr, momentum), 0, 0, 1, NULL,
     "Share of the velocity that is kept; above 0 it needs the operand velocity."},
    FV_STEP_DECAY_ROW(fv_rmsprop_attr),
    {0},
};

static fv_status rmsprop_step_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_rmsprop_attr *attr = node->attr;
    FV_TRY(fv_step_infer(ctx, node));
    FV_TRY(fv_step_memory(ctx, node, 0, true, ""));
    return fv_step_memory(ctx, node, 1, attr->momentum > 0, "momentum is 0");
}

static fv_cost rmsprop_step_cost(const fv_node *node)
{
    return fv_step_cost(node, 10.0);
}

static void rmsprop_step_ref(const fv_call *call)
{
    const fv_rmsprop_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    const double lr = fv_round(dtype, fv_step_rate(call)), scale = fv_step_scale(call);
    const double alpha = fv_round(dtype, attr->alpha), rest = fv_round(dtype, 1.0 - attr->alpha);
    const double eps = fv_round(dtype, attr->eps),
                 momentum = fv_round(dtype, fv_step_momentum(call, FV_STEP_RUN, attr->momentum));
    const double decay = fv_round(dtype, attr->weight_decay);
    void *square = call->in[FV_STEP_MEMORY];
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        double p = fv_get(dtype, call->in[FV_STEP_WEI], i);
        double g = fv_round(dtype, fv_get(dtype, call->in[FV_STEP_GRAD], i) * scale);
        g = fv_chain_fma(dtype, g, decay, p);
        double s = fv_round(dtype, alpha * fv_get(dtype, square, i));
        s = fv_chain_fma(dtype, s, fv_round(dtype, rest * g), g);
        fv_set(dtype, square, i, s);
        double step = fv_round(dtype, g / fv_chain_add(dtype, fv_round(dtype, sqrt(s)), eps));
        if (momentum > 0) {
            step = fv_chain_fma(dtype, step, momentum, fv_get(dtype, call->in[FV_STEP_MEMORY + 1], i));
            fv_set(dtype, call->in[FV_STEP_MEMORY + 1], i, step);
        }
        fv_set(dtype, call->in[FV_STEP_WEI], i, fv_chain_fma(dtype, p, -lr, step));
    }
}

const fv_op fv_op_rmsprop_step = {
    .name = "rmsprop_step",
    .doc =
        "A step of RMSprop (Tieleman and Hinton, 2012) in place: g = d_wei * scale + weight_decay * wei; square = "
        "alpha * square + (1 - alpha) * g^2; step = g / (sqrt(square) + eps), with momentum velocity = momentum * "
        "velocity + step and step = velocity; wei -= run[0] * step, where run[0] is the learning rate; run[2], where "
        "it is there, is the momentum of the step.",
    .n_in_min = 3,
    .n_in_max = 6,
    .n_out = 0,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .updates = 1 << FV_STEP_WEI | 3 << FV_STEP_MEMORY,
    .operands = (const char *const[]){"wei", "d_wei", "run", "scale", "square", "velocity"},
    .letters = (const char *const[]){"n", "n", "r", "s", "n", "n"},
    .attr_size = sizeof(fv_rmsprop_attr),
    .attrs = rmsprop_step_attrs,
    .infer = rmsprop_step_infer,
    .cost = rmsprop_step_cost,
    .ref = rmsprop_step_ref,
};
