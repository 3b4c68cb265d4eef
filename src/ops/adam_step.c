/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/step.h"

static const fv_attr adam_step_attrs[] = {
    {"beta1", FV_ATTR_REAL, offsetof(fv_adam_attr, beta1), 0.9, 0, 1, NULL, "Decay of the mean of the gradient."},
    {"beta2", FV_ATTR_REAL, offsetof(fv_adam_attr, beta2), 0.999, 0, 1, NULL, "Decay of the mean of its square."},
    {"eps", FV_ATTR_REAL, offsetof(fv_adam_attr, eps), 1e-8, 0, 1, NULL, "Added to the denominator."},
    FV_STEP_DECAY_ROW(fv_adam_attr),
    {"decoupled", FV_ATTR_BOOL, offsetof(fv_adam_attr, decoupled), 0, 0, 1, NULL,
     "Weight decay shrinks wei itself instead of joining the gradient (AdamW)."},
    {0},
};

static fv_status adam_step_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_step_infer(ctx, node));
    FV_TRY(fv_step_memory(ctx, node, 0, true, ""));
    return fv_step_memory(ctx, node, 1, true, "");
}

static fv_cost adam_step_cost(const fv_node *node)
{
    return fv_step_cost(node, 14.0);
}

static void adam_step_ref(const fv_call *call)
{
    const fv_adam_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    const double lr = fv_step_rate(call), scale = fv_step_scale(call), decay = fv_round(dtype, attr->weight_decay);
    const double beta1 = fv_step_momentum(call, FV_STEP_RUN, attr->beta1);
    const double correction1 = 1 - fv_step_power(beta1, fv_step_number(call));
    const double correction2 = 1 - fv_step_power(attr->beta2, fv_step_number(call));
    const double coupled = attr->decoupled ? 0.0 : decay, rate = fv_round(dtype, lr / correction1);
    const double keep = attr->decoupled ? fv_round(dtype, 1.0 - lr * decay) : 1.0;
    const double rest1 = fv_round(dtype, 1.0 - beta1), beta2 = fv_round(dtype, attr->beta2);
    const double rest2 = fv_round(dtype, 1.0 - attr->beta2), spread = fv_round(dtype, 1.0 / sqrt(correction2));
    const double eps = fv_round(dtype, attr->eps);
    void *mean = call->in[FV_STEP_MEMORY], *square = call->in[FV_STEP_MEMORY + 1];
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        double p = fv_get(dtype, call->in[FV_STEP_WEI], i), m = fv_get(dtype, mean, i), v = fv_get(dtype, square, i);
        double g = fv_round(dtype, fv_get(dtype, call->in[FV_STEP_GRAD], i) * scale);
        g = fv_chain_fma(dtype, g, coupled, p);
        p = fv_round(dtype, p * keep);
        m = fv_chain_fma(dtype, m, rest1, fv_chain_add(dtype, g, -m));
        v = fv_chain_fma(dtype, fv_round(dtype, v * beta2), fv_round(dtype, rest2 * g), g);
        double below = fv_chain_fma(dtype, eps, fv_round(dtype, sqrt(v)), spread);
        fv_set(dtype, mean, i, m);
        fv_set(dtype, square, i, v);
        fv_set(dtype, call->in[FV_STEP_WEI], i, fv_chain_fma(dtype, p, -rate, fv_round(dtype, m / below)));
    }
}

const fv_op fv_op_adam_step = {
    .name = "adam_step",
    .doc = "A step of Adam (Kingma and Ba, 2015) in place: g = d_wei * scale + weight_decay * wei; mean += (1 - beta1) "
           "* (g - mean); square = beta2 * square + (1 - beta2) * g^2; wei -= run[0] / (1 - beta1^t) * mean / "
           "(sqrt(square / (1 - beta2^t)) + eps), where run[0] is the learning rate and t = run[1] the number of the "
           "step and run[2], where it is there, its beta1. Decoupled (Loshchilov and Hutter, 2019): wei *= 1 - run[0] "
           "* weight_decay first, g without it.",
    .n_in_min = 3,
    .n_in_max = 6,
    .n_out = 0,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .updates = 1 << FV_STEP_WEI | 3 << FV_STEP_MEMORY,
    .operands = (const char *const[]){"wei", "d_wei", "run", "scale", "mean", "square"},
    .letters = (const char *const[]){"n", "n", "r", "s", "n", "n"},
    .attr_size = sizeof(fv_adam_attr),
    .attrs = adam_step_attrs,
    .infer = adam_step_infer,
    .cost = adam_step_cost,
    .ref = adam_step_ref,
};
