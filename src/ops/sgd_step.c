/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/step.h"

static const fv_attr sgd_step_attrs[] = {
    {"momentum", FV_ATTR_REAL, offsetof(fv_sgd_attr, momentum), 0, 0, 1, NULL,
     "Share of the velocity that is kept; above 0 it needs the operand velocity."},
    FV_STEP_DECAY_ROW(fv_sgd_attr),
    {"nesterov", FV_ATTR_BOOL, offsetof(fv_sgd_attr, nesterov), 0, 0, 1, NULL,
     "Looks ahead: steps along g + momentum * velocity."},
    {0},
};

static fv_status sgd_step_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_sgd_attr *attr = node->attr;
    FV_TRY(fv_step_infer(ctx, node));
    return fv_step_memory(ctx, node, 0, attr->momentum > 0, "momentum is 0");
}

static fv_cost sgd_step_cost(const fv_node *node)
{
    return fv_step_cost(node, 6.0);
}

static void sgd_step_ref(const fv_call *call)
{
    const fv_sgd_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    const double lr = fv_round(dtype, fv_step_rate(call)),
                 momentum = fv_round(dtype, fv_step_momentum(call, FV_STEP_RUN, attr->momentum));
    const double decay = fv_round(dtype, attr->weight_decay), scale = fv_step_scale(call);
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        double p = fv_get(dtype, call->in[FV_STEP_WEI], i);
        double g = fv_round(dtype, fv_get(dtype, call->in[FV_STEP_GRAD], i) * scale);
        g = fv_chain_fma(dtype, g, decay, p);
        if (momentum > 0) {
            double v = fv_chain_fma(dtype, g, momentum, fv_get(dtype, call->in[FV_STEP_MEMORY], i));
            fv_set(dtype, call->in[FV_STEP_MEMORY], i, v);
            g = attr->nesterov ? fv_chain_fma(dtype, g, momentum, v) : v;
        }
        fv_set(dtype, call->in[FV_STEP_WEI], i, fv_chain_fma(dtype, p, -lr, g));
    }
}

const fv_op fv_op_sgd_step = {
    .name = "sgd_step",
    .doc = "A step of gradient descent in place: g = d_wei * scale + weight_decay * wei; with momentum (Polyak, 1964) "
           "velocity = momentum * velocity + g and g = velocity, or g + momentum * velocity (Nesterov, 1983); wei -= "
           "run[0] * g, where run[0] is the learning rate; run[2], where it is there, is the momentum of the step.",
    .n_in_min = 3,
    .n_in_max = 5,
    .n_out = 0,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .updates = 1 << FV_STEP_WEI | 1 << FV_STEP_MEMORY,
    .operands = (const char *const[]){"wei", "d_wei", "run", "scale", "velocity"},
    .letters = (const char *const[]){"n", "n", "r", "s", "n"},
    .attr_size = sizeof(fv_sgd_attr),
    .attrs = sgd_step_attrs,
    .infer = sgd_step_infer,
    .cost = sgd_step_cost,
    .ref = sgd_step_ref,
};
