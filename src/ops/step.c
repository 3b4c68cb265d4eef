/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/step.h"

fv_status fv_step_run(fv_ctx *ctx, const fv_node *node, int i)
{
    FV_TRY(fv_operand_dtype(ctx, node, i, 1, FV_F64));
    const int64_t run = node->in[i]->shape.dim[0];
    if (run != 2 && run != 3)
        return fv_node_fail(ctx, node,
                            "run has %lld elements, expected 2 or 3: learning rate, number of the step, and a momentum",
                            (long long)run);
    return FV_OK;
}

fv_status fv_step_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, FV_STEP_WEI, 0));
    FV_TRY(fv_operand_same(ctx, node, FV_STEP_GRAD, FV_STEP_WEI));
    FV_TRY(fv_step_run(ctx, node, FV_STEP_RUN));
    if (fv_operand(node, FV_STEP_SCALE))
        FV_TRY(fv_operand_dims(ctx, node, FV_STEP_SCALE, 1, &(int64_t){1}, "one factor"));
    return FV_OK;
}

fv_status fv_step_memory(fv_ctx *ctx, const fv_node *node, int i, bool needed, const char *why)
{
    const int at = FV_STEP_MEMORY + i;
    if (needed)
        return fv_operand_same(ctx, node, at, FV_STEP_WEI);
    if (fv_operand(node, at))
        return fv_node_fail(ctx, node, "%s is there, but %s", node->op->operands[at], why);
    return FV_OK;
}

fv_cost fv_step_cost(const fv_node *node, double flops)
{
    fv_cost cost = fv_cost_of(node, 0.0, flops * fv_count_in(node, 0));
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] && fv_op_updates(node->op, i))
            cost.bytes += fv_count_in(node, i) * (double)fv_dtype_size(node->in[i]->dtype);
    return cost;
}
