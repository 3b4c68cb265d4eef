/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

static const fv_attr ema_attrs[] = {
    {"decay", FV_ATTR_REAL, offsetof(fv_ema_attr, decay), 0.9998, 0, 1, NULL, "Share of the average that is kept."},
    {0},
};

static fv_status ema_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return fv_operand_same(ctx, node, 1, 0);
}

static fv_cost ema_cost(const fv_node *node)
{
    fv_cost cost = fv_cost_of(node, 0.0, 3.0 * fv_count_in(node, 0));
    cost.bytes += fv_count_in(node, 0) * (double)fv_dtype_size(node->in[0]->dtype);
    return cost;
}

static void ema_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    const double rest = fv_round(dtype, 1.0 - ((const fv_ema_attr *)call->node->attr)->decay);
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        double a = fv_get(dtype, call->in[0], i);
        double way = fv_chain_add(dtype, fv_get(dtype, call->in[1], i), -a);
        fv_set(dtype, call->in[0], i, fv_chain_fma(dtype, a, rest, way));
    }
}

const fv_op fv_op_ema = {
    .name = "ema",
    .doc =
        "Moving average in place: average += (1 - decay) * (src - average), which is decay * average + (1 - decay) * "
        "src (Polyak and Juditsky, 1992).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 0,
    .traits = FV_T_BACKWARD,
    .updates = 1,
    .operands = (const char *const[]){"average", "src"},
    .letters = (const char *const[]){"n", "n"},
    .attr_size = sizeof(fv_ema_attr),
    .attrs = ema_attrs,
    .infer = ema_infer,
    .cost = ema_cost,
    .ref = ema_ref,
};
