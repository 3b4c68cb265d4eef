/* SPDX-License-Identifier: Apache-2.0 */
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

const fv_op fv_op_reduce_sum = {
    .name = "reduce_sum",
    .doc = "Sum of src over `axes`: floats in float64 in memory order (per logical shard of the samples, then a tree, "
           "where "
           "the first dimension is among them), rounded once.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_SHARDED | FV_T_MOVES_SAMPLES,
    .operands = fv_reduce_operands,
    .letters = fv_reduce_letters,
    .attr_size = sizeof(fv_reduce_attr),
    .attrs = fv_reduce_attrs,
    .infer = fv_reduce_infer,
    .grad = reduce_sum_grad,
    .cost = fv_reduce_cost,
    .ref = reduce_sum_ref,
};
