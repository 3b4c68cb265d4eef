/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/step.h"

static const fv_attr adam_direction_attrs[] = {
    {"beta1", FV_ATTR_REAL, offsetof(fv_adam_attr, beta1), 0.9, 0, 1, NULL, "Decay of the mean of the gradient."},
    {"beta2", FV_ATTR_REAL, offsetof(fv_adam_attr, beta2), 0.999, 0, 1, NULL, "Decay of the mean of its square."},
    {"eps", FV_ATTR_REAL, offsetof(fv_adam_attr, eps), 1e-8, 0, 1, NULL, "Added to the denominator."},
    FV_STEP_DECAY_ROW(fv_adam_attr),
    {0},
};

static fv_status adam_direction_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_step_infer(ctx, node));
    FV_TRY(fv_step_memory(ctx, node, 0, true, ""));
    FV_TRY(fv_step_memory(ctx, node, 1, true, ""));
    return fv_result_like(ctx, node, 0, FV_STEP_WEI);
}

static fv_cost adam_direction_cost(const fv_node *node)
{
    return fv_step_cost(node, 14.0);
}

static void adam_direction_ref(const fv_call *call)
{
    const fv_adam_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    const double scale = fv_step_scale(call), decay = fv_round(dtype, attr->weight_decay);
    const double beta1 = fv_step_momentum(call, FV_STEP_RUN, attr->beta1);
    const double correction1 = 1 - fv_step_power(beta1, fv_step_number(call));
    const double correction2 = 1 - fv_step_power(attr->beta2, fv_step_number(call));
    const double rest1 = fv_round(dtype, 1.0 - beta1), beta2 = fv_round(dtype, attr->beta2);
    const double rest2 = fv_round(dtype, 1.0 - attr->beta2), spread = fv_round(dtype, 1.0 / sqrt(correction2));
    const double eps = fv_round(dtype, attr->eps), rate = fv_round(dtype, 1.0 / correction1);
    void *mean = call->in[FV_STEP_MEMORY], *square = call->in[FV_STEP_MEMORY + 1];
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        double m = fv_get(dtype, mean, i), v = fv_get(dtype, square, i);
        const double g = fv_round(dtype, fv_get(dtype, call->in[FV_STEP_GRAD], i) * scale);
        m = fv_chain_fma(dtype, m, rest1, fv_chain_add(dtype, g, -m));
        v = fv_chain_fma(dtype, fv_round(dtype, v * beta2), fv_round(dtype, rest2 * g), g);
        const double below = fv_chain_fma(dtype, eps, fv_round(dtype, sqrt(v)), spread);
        const double way = fv_round(dtype, rate * fv_round(dtype, m / below));
        const double pull = fv_round(dtype, decay * fv_get(dtype, call->in[FV_STEP_WEI], i));
        fv_set(dtype, mean, i, m);
        fv_set(dtype, square, i, v);
        fv_set(dtype, call->out[0], i, pull + way);
    }
}

const fv_op fv_op_adam_direction = {
    .name = "adam_direction",
    .doc = "Where a step of Adam (Kingma and Ba, 2015) leads, with decoupled weight decay: g = d_wei * scale; mean += "
           "(1 - beta1) * (g - mean); square = beta2 * square + (1 - beta2) * g^2, in place; dst = mean / (1 - "
           "beta1^t) / (sqrt(square / (1 - beta2^t)) + eps) + weight_decay * wei, where t = run[1] is the number of "
           "the step and run[2], where it is there, its beta1. For optimizers that measure it.",
    .n_in_min = 3,
    .n_in_max = 6,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .updates = 3 << FV_STEP_MEMORY,
    .operands = (const char *const[]){"wei", "d_wei", "run", "scale", "mean", "square", "dst"},
    .letters = (const char *const[]){"n", "n", "r", "s", "n", "n"},
    .attr_size = sizeof(fv_adam_attr),
    .attrs = adam_direction_attrs,
    .infer = adam_direction_infer,
    .cost = adam_direction_cost,
    .ref = adam_direction_ref,
};
