/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/reduce.h"

static fv_status reduce_max_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_extreme_grad(b, node, d_out, d_in, "reduce_max_bwd");
}

static void reduce_max_ref(const fv_call *call)
{
    fv_reduce_extreme_ref(call, true);
}

const fv_op fv_op_reduce_max = {
    .name = "reduce_max",
    .doc = "Largest element of src over `axes`; NaN where one is.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = fv_reduce_operands,
    .letters = fv_reduce_letters,
    .attr_size = sizeof(fv_reduce_attr),
    .attrs = fv_reduce_attrs,
    .infer = fv_reduce_infer,
    .grad = reduce_max_grad,
    .cost = fv_reduce_cost,
    .moves_samples = fv_reduces_samples,
    .ref = reduce_max_ref,
};

const fv_op fv_op_reduce_max_bwd = {
    .name = "reduce_max_bwd",
    .doc = "Gradient of reduce_max: d_dst shared evenly among the elements of src that are equal to dst, 0 elsewhere.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_extreme_bwd_operands,
    .letters = fv_extreme_bwd_letters,
    .attr_size = sizeof(fv_reduce_attr),
    .attrs = fv_reduce_attrs,
    .infer = fv_extreme_bwd_infer,
    .ref = fv_extreme_bwd_ref,
};
