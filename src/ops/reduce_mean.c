/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/reduce.h"

static fv_status reduce_mean_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    const double terms = (double)fv_shape_count(&node->in[0]->shape) / (double)fv_shape_count(&node->out[0]->shape);
    if (!fv_emit_wanted(b, node->in[0]))
        return FV_OK;
    fv_val *divisor = fv_emit_const(b, terms, &(fv_shape){0});
    fv_val *d = fv_emit_unreduced(b, node, d_out[0]);
    d_in[0] = fv_emit(b, "div", NULL, (fv_val *[]){d, divisor}, 2);
    return FV_OK;
}

static void reduce_mean_ref(const fv_call *call)
{
    fv_reduce_sum_ref(call, true);
}

static fv_status reduce_mean_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out)
{
    (void)pooled;
    if (fv_reduces_samples(node))
        return fv_emit_fail(b, node, "a mean over samples cannot be computed in pieces of a batch; use reduce_sum");
    out[0] = fv_emit(b, "reduce_mean", node->attr, in, 1);
    return FV_OK;
}

/* A mean over channels would change with their number: those that are reduced stay. */
static void reduce_mean_channels(fv_channels *c, const fv_node *node)
{
    const fv_shape *src = &node->in[0]->shape;
    const fv_reduce_attr *attr = node->attr;
    for (int d = 0, to = 0; d < src->rank; d++) {
        bool goes = attr->axes.count == 0;
        for (int64_t i = 0; i < attr->axes.count; i++)
            goes = goes || fv_axis_of(attr->axes.value[i], src->rank) == d;
        if (!goes)
            fv_channels_tie(c, node->in[0], d, 0, node->out[0], to, 0, src->dim[d]);
        to += !goes || attr->keepdims;
    }
}

const fv_op fv_op_reduce_mean = {
    .name = "reduce_mean",
    .doc = "Mean of src over `axes`: the sum of reduce_sum in float64 divided by the number of terms, rounded once.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_SHARDED,
    .operands = fv_reduce_operands,
    .letters = fv_reduce_letters,
    .attr_size = sizeof(fv_reduce_attr),
    .attrs = fv_reduce_attrs,
    .infer = fv_reduce_infer,
    .grad = reduce_mean_grad,
    .cost = fv_reduce_cost,
    .moves_samples = fv_reduces_samples,
    .ref = reduce_mean_ref,
    .partial = reduce_mean_split,
    .channels = reduce_mean_channels,
};
