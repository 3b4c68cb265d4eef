/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/many.h"

static fv_status global_norm_infer(fv_ctx *ctx, const fv_node *node)
{
    for (int i = 0; i < node->n_in; i++)
        if (i == 0 || node->in[i])
            FV_TRY(fv_operand_float(ctx, node, i, 0));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 1, &(int64_t){1});
}

static fv_cost global_norm_cost(const fv_node *node)
{
    double count = 0.0;
    for (int i = 0; i < node->n_in; i++)
        count += fv_count_in(node, i);
    return fv_cost_of(node, count, 1.0);
}

static void global_norm_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    fv_tree all = {.count = 0};
    for (int i = 0; i < call->node->n_in; i++) {
        fv_tree one = {.count = 0};
        int64_t count = call->node->in[i] ? fv_shape_count(&call->node->in[i]->shape) : 0;
        for (int64_t k = 0; k < count; k += FV_STRETCH)
            fv_tree_put(&one, fv_squares(dtype, call->in[i], k, k + FV_STRETCH < count ? k + FV_STRETCH : count));
        if (count > 0)
            fv_tree_put(&all, fv_tree_total(&one));
    }
    fv_set(dtype, call->out[0], 0, sqrt(fv_tree_total(&all)));
}

const fv_op fv_op_global_norm = {
    .name = "global_norm",
    .doc = "Square root of the sum of the squares of all elements of all operands. In float64: 16 lanes within "
           "stretches of 16384 elements, a binary tree over the stretches of an operand, one over the operands; "
           "rounded once. The norm of norms is the norm of everything.",
    .n_in_min = 1,
    .n_in_max = FV_MANY,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){FV_MANY_OPERANDS, "norm"},
    .letters = (const char *const[]){FV_MANY_LETTERS},
    .infer = global_norm_infer,
    .cost = global_norm_cost,
    .ref = global_norm_ref,
};
