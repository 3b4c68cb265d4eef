/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/nd.h"

static const fv_attr transpose_attrs[] = {
    {"perm", FV_ATTR_INTS, offsetof(fv_dims_attr, dims), 0, -FV_MAX_RANK, FV_MAX_RANK - 1, NULL,
     "Which dimension of src each dimension of dst is; negative: counted from behind; none: all in reverse."},
    {0},
};

/* Dimension of src that dimension d of dst is. */
static int transpose_from(const fv_node *node, int d)
{
    const fv_ints *perm = &((const fv_dims_attr *)node->attr)->dims;
    const int rank = node->in[0]->shape.rank;
    return perm->count == 0 ? rank - 1 - d : fv_axis_of(perm->value[d], rank);
}

static bool transpose_moves_samples(const fv_node *node)
{
    return node->in[0]->shape.rank > 0 && transpose_from(node, 0) != 0;
}

static fv_status transpose_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_any(ctx, node, 0));
    const fv_shape *src = &node->in[0]->shape;
    const fv_ints *perm = &((const fv_dims_attr *)node->attr)->dims;
    bool used[FV_MAX_RANK] = {false};
    fv_shape dst = {.rank = src->rank};
    if (perm->count != 0 && perm->count != src->rank)
        return fv_node_fail(ctx, node, "perm has %lld numbers; expected one for each of %d dimensions",
                            (long long)perm->count, (int)src->rank);
    for (int d = 0; d < src->rank; d++) {
        if (perm->count > 0)
            FV_TRY(fv_axis_check(ctx, node, perm->value[d], src->rank));
        const int from = transpose_from(node, d);
        if (used[from])
            return fv_node_fail(ctx, node, "perm names dimension %d twice", from);
        used[from] = true;
        dst.dim[d] = src->dim[from];
    }
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

static fv_status transpose_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_dims_attr attr = {.dims.count = node->in[0]->shape.rank};
    for (int d = 0; d < attr.dims.count; d++)
        attr.dims.value[transpose_from(node, d)] = d;
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "transpose", &attr, d_out, 1);
    return FV_OK;
}

void fv_transpose_strides(const fv_node *node, int64_t stride[FV_MAX_RANK])
{
    const fv_shape *src = &node->in[0]->shape;
    int64_t step[FV_MAX_RANK], at = 1;
    for (int d = src->rank - 1; d >= 0; d--) {
        step[d] = at;
        at *= src->dim[d];
    }
    for (int d = 0; d < src->rank; d++)
        stride[d] = step[transpose_from(node, d)];
}

static void transpose_ref(const fv_call *call)
{
    const fv_val *dst = call->node->out[0];
    int64_t stride[FV_MAX_RANK];
    fv_transpose_strides(call->node, stride);
    for (int64_t i = 0; i < fv_shape_count(&dst->shape); i++)
        fv_move(dst->dtype, call->out[0], i, call->in[0], fv_strided(&dst->shape, i, stride));
}

static void transpose_channels(fv_channels *c, const fv_node *node)
{
    for (int d = 0; d < node->out[0]->shape.rank; d++)
        fv_channels_tie(c, node->in[0], transpose_from(node, d), 0, node->out[0], d, 0, node->out[0]->shape.dim[d]);
}

const fv_op fv_op_transpose = {
    .name = "transpose",
    .doc = "The dimensions of src in the order `perm`: dst[i_perm[0], i_perm[1], ...] = src[i_0, i_1, ...]. Any dtype.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"abcd"},
    .attr_size = sizeof(fv_dims_attr),
    .attrs = transpose_attrs,
    .infer = transpose_infer,
    .grad = transpose_grad,
    .cost = fv_move_cost,
    .moves_samples = transpose_moves_samples,
    .ref = transpose_ref,
    .channels = transpose_channels,
};
