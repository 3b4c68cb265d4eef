/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/step.h"

enum { GRAD, RUN, SCALE, MEAN };

static const fv_attr nesterov_mean_attrs[] = {
    {"momentum", FV_ATTR_REAL, offsetof(fv_momentum_attr, momentum), 0.95, 0, 1, NULL,
     "Share of the mean that a step keeps."},
    {0},
};

static fv_status nesterov_mean_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, GRAD, 0));
    FV_TRY(fv_step_run(ctx, node, RUN));
    if (fv_operand(node, SCALE))
        FV_TRY(fv_operand_dims(ctx, node, SCALE, 1, &(int64_t){1}, "one factor"));
    FV_TRY(fv_operand_same(ctx, node, MEAN, GRAD));
    return fv_result_like(ctx, node, 0, GRAD);
}

static fv_cost nesterov_mean_cost(const fv_node *node)
{
    return fv_step_cost(node, 7.0);
}

static void nesterov_mean_ref(const fv_call *call)
{
    const fv_momentum_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    const void *factor = fv_call_in(call, SCALE);
    const double own = fv_step_momentum(call, RUN, attr->momentum), scale = factor ? fv_get(dtype, factor, 0) : 1.0;
    const double keep = fv_round(dtype, own), rest = fv_round(dtype, 1.0 - own);
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[GRAD]->shape); i++) {
        const double g = fv_round(dtype, fv_get(dtype, call->in[GRAD], i) * scale);
        double m = fv_get(dtype, call->in[MEAN], i);
        m = fv_chain_add(dtype, m, fv_round(dtype, rest * fv_chain_add(dtype, g, -m)));
        fv_set(dtype, call->in[MEAN], i, m);
        fv_set(dtype, call->out[0], i, fv_chain_add(dtype, g, fv_round(dtype, keep * fv_chain_add(dtype, m, -g))));
    }
}

const fv_op fv_op_nesterov_mean = {
    .name = "nesterov_mean",
    .doc =
        "Where a running mean of gradients leads, seen one step ahead (Nesterov, 1983): g = d_wei * scale; mean += (1 "
        "- momentum) * (g - mean), in place; dst = g + momentum * (mean - g). run[2], where it is there, is the "
        "momentum of the step. For optimizers that make their steps of it.",
    .n_in_min = 2,
    .n_in_max = 4,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .updates = 1 << MEAN,
    .operands = (const char *const[]){"d_wei", "run", "scale", "mean", "dst"},
    .letters = (const char *const[]){"n", "r", "s", "n"},
    .attr_size = sizeof(fv_momentum_attr),
    .attrs = nesterov_mean_attrs,
    .infer = nesterov_mean_infer,
    .cost = nesterov_mean_cost,
    .ref = nesterov_mean_ref,
};
