/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/partial.h"
#include "ops/reduce.h"

static fv_status reduce_sum_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit_unreduced(b, node, d_out[0]);
    return FV_OK;
}

static void reduce_sum_ref(const fv_call *call)
{
    fv_reduce_sum_ref(call, false);
}

static fv_status reduce_sum_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out)
{
    (void)pooled;
    if (!fv_reduces_samples(node))
        out[0] = fv_emit(b, "reduce_sum", node->attr, in, 1);
    else if (!fv_dtype_is_float(node->in[0]->dtype))
        return fv_emit_fail(b, node, "a sum of integers over samples cannot be computed in pieces of a batch");
    else
        out[0] = fv_emit_rounded(b, fv_emit(b, "reduce_sum_partial", node->attr, in, 1), node->out[0]->dtype);
    return FV_OK;
}

const fv_op fv_op_reduce_sum = {
    .name = "reduce_sum",
    .doc = "Sum of src over `axes`: floats in float64 in memory order (per logical shard of the samples, then a tree, "
           "where "
           "the first dimension is among them), rounded once.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_SHARDED,
    .operands = fv_reduce_operands,
    .letters = fv_reduce_letters,
    .attr_size = sizeof(fv_reduce_attr),
    .attrs = fv_reduce_attrs,
    .infer = fv_reduce_infer,
    .grad = reduce_sum_grad,
    .cost = fv_reduce_cost,
    .moves_samples = fv_reduces_samples,
    .ref = reduce_sum_ref,
    .partial = reduce_sum_split,
};

/* ---- before it is rounded ---- */

static fv_status reduce_sum_partial_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_reduce_infer(ctx, node));
    node->out[0]->dtype = FV_F64;
    return FV_OK;
}

const fv_op fv_op_reduce_sum_partial = {
    .name = "reduce_sum_partial",
    .doc = "reduce_sum before it is rounded: the sums stay float64.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"src", "sums"},
    .letters = fv_reduce_letters,
    .attr_size = sizeof(fv_reduce_attr),
    .attrs = fv_reduce_attrs,
    .infer = reduce_sum_partial_infer,
    .cost = fv_reduce_cost,
    .ref = reduce_sum_ref,
};
