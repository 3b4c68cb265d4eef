/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/step.h"

enum { WEI, SLOW, RUN };

static const fv_attr lookahead_attrs[] = {
    {"alpha", FV_ATTR_REAL, offsetof(fv_lookahead_attr, alpha), 0.5, 0, 1, NULL,
     "Share of the way that the slow weights go."},
    {"steps", FV_ATTR_INT, offsetof(fv_lookahead_attr, steps), 5, 1, 1 << 24, NULL, "How often they go."},
    {0},
};

static fv_status lookahead_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, WEI, 0));
    FV_TRY(fv_operand_same(ctx, node, SLOW, WEI));
    return fv_operand_dtype(ctx, node, RUN, 1, FV_F64);
}

static fv_cost lookahead_cost(const fv_node *node)
{
    const fv_lookahead_attr *attr = node->attr;
    fv_cost cost = fv_cost_of(node, 0.0, 3.0 * fv_count_in(node, 0) / (double)attr->steps);
    cost.bytes += 2.0 * fv_count_in(node, 0) * (double)fv_dtype_size(node->in[0]->dtype);
    cost.bytes /= (double)attr->steps;
    return cost;
}

static void lookahead_ref(const fv_call *call)
{
    const fv_lookahead_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    const double alpha = fv_round(dtype, attr->alpha);
    if ((int64_t)((const double *)call->in[RUN])[1] % attr->steps != 0)
        return;
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        const double slow = fv_get(dtype, call->in[SLOW], i);
        const double way = fv_chain_add(dtype, fv_get(dtype, call->in[WEI], i), -slow);
        const double next = fv_chain_fma(dtype, slow, alpha, way);
        fv_set(dtype, call->in[SLOW], i, next);
        fv_set(dtype, call->in[WEI], i, next);
    }
}

const fv_op fv_op_lookahead = {
    .name = "lookahead",
    .doc = "In steps whose number run[1] is a multiple of `steps`, slow weights go a share of the way to the weights, "
           "which go on from there: slow += alpha * (wei - slow); wei = slow (Zhang et al., 2019). Else nothing.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 0,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .updates = 1 << WEI | 1 << SLOW,
    .operands = (const char *const[]){"wei", "slow", "run"},
    .letters = (const char *const[]){"n", "n", "r"},
    .attr_size = sizeof(fv_lookahead_attr),
    .attrs = lookahead_attrs,
    .infer = lookahead_infer,
    .cost = lookahead_cost,
    .ref = lookahead_ref,
};
