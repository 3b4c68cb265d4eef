/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/nd.h"

#include <string.h>

static const fv_attr expand_attrs[] = {
    {"dims", FV_ATTR_INTS, offsetof(fv_dims_attr, dims), 0, 0, (double)(INT64_C(1) << 40), NULL,
     "Shape of dst; 0: as src has it there, aligned behind."},
    {0},
};

static fv_status expand_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_any(ctx, node, 0));
    const fv_shape *src = &node->in[0]->shape;
    const fv_ints *dims = &((const fv_dims_attr *)node->attr)->dims;
    char found[96], wanted[96];
    if (dims->count > FV_MAX_RANK || dims->count < src->rank)
        return fv_node_fail(ctx, node, "dims has %lld numbers; expected %d to %d", (long long)dims->count,
                            (int)src->rank, FV_MAX_RANK);
    fv_shape dst = {.rank = (int32_t)dims->count};
    for (int d = 0; d < dst.rank; d++) {
        const int at = d - (dst.rank - src->rank);
        dst.dim[d] = dims->value[d] == 0 && at >= 0 ? src->dim[at] : dims->value[d];
    }
    if (!fv_broadcasts_to(src, &dst))
        return fv_node_fail(ctx, node, "src of shape %s cannot be repeated to %s", fv_shape_text(src, found),
                            fv_shape_text(&dst, wanted));
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

static fv_status expand_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit_unbroadcast(b, d_out[0], node->in[0]);
    return FV_OK;
}

static void expand_ref(const fv_call *call)
{
    const fv_val *dst = call->node->out[0];
    int64_t stride[FV_MAX_RANK];
    fv_broadcast_strides(&call->node->in[0]->shape, &dst->shape, stride);
    for (int64_t i = 0; i < fv_shape_count(&dst->shape); i++)
        fv_move(dst->dtype, call->out[0], i, call->in[0], fv_strided(&dst->shape, i, stride));
}

const fv_op fv_op_expand = {
    .name = "expand",
    .doc = "src repeated to the shape `dims`, as NumPy broadcasts. Any dtype.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_dims_attr),
    .attrs = expand_attrs,
    .infer = expand_infer,
    .grad = expand_grad,
    .cost = fv_move_cost,
    .moves_samples = fv_broadcast_moves_samples,
    .ref = expand_ref,
};
