/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/nd.h"
#include "ops/partial.h"

#include <string.h>

static const fv_attr gather_attrs[] = {FV_AXIS_ROW(fv_axis_attr, 0), {0}};

static fv_status check_indices(fv_ctx *ctx, const fv_node *node)
{
    const fv_dtype dtype = node->in[1] ? node->in[1]->dtype : FV_F32;
    FV_TRY(fv_operand_any(ctx, node, 1));
    if (dtype == FV_I64 || dtype == FV_I32)
        return FV_OK;
    return fv_node_fail(ctx, node, "indices are %s; expected i64 or i32", fv_dtype_name(dtype));
}

static fv_status gather_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_any(ctx, node, 0));
    FV_TRY(check_indices(ctx, node));
    const fv_shape *src = &node->in[0]->shape, *index = &node->in[1]->shape;
    const int64_t given = ((const fv_axis_attr *)node->attr)->axis;
    FV_TRY(fv_axis_check(ctx, node, given, src->rank));
    const int axis = fv_axis_of(given, src->rank);
    if (src->rank - 1 + index->rank > FV_MAX_RANK)
        return fv_node_fail(ctx, node, "dst would have %d dimensions; expected at most %d",
                            (int)(src->rank - 1 + index->rank), FV_MAX_RANK);
    fv_shape dst = {0};
    for (int d = 0; d < axis; d++)
        dst.dim[dst.rank++] = src->dim[d];
    for (int d = 0; d < index->rank; d++)
        dst.dim[dst.rank++] = index->dim[d];
    for (int d = axis + 1; d < src->rank; d++)
        dst.dim[dst.rank++] = src->dim[d];
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

static fv_status gather_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    const fv_shape *src = &node->in[0]->shape;
    fv_axis_attr attr = {.axis = fv_axis_of(((const fv_axis_attr *)node->attr)->axis, src->rank)};
    attr.size = src->dim[attr.axis];
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "gather_bwd", &attr, (fv_val *[]){d_out[0], node->in[1]}, 2);
    return FV_OK;
}

int64_t fv_gather_row(const fv_val *indices, const void *data, int64_t i, int64_t rows)
{
    const int64_t row = fv_dtype_get_integer(indices->dtype, data, i);
    return row >= -rows && row < rows ? row + (row < 0 ? rows : 0) : -1;
}

static void gather_ref(const fv_call *call)
{
    const fv_val *src = call->node->in[0], *index = call->node->in[1];
    const int axis = fv_axis_of(((const fv_axis_attr *)call->node->attr)->axis, src->shape.rank);
    const fv_around a = fv_around_axis(&src->shape, axis);
    const int64_t count = fv_shape_count(&index->shape);
    int64_t at = 0;
    for (int64_t o = 0; o < a.outer; o++)
        for (int64_t k = 0; k < count; k++) {
            const int64_t row = fv_gather_row(index, call->in[1], k, a.count);
            for (int64_t i = 0; i < a.inner; i++, at++) {
                if (row < 0)
                    fv_dtype_set(src->dtype, call->out[0], at, NAN);
                else
                    fv_move(src->dtype, call->out[0], at, call->in[0], (o * a.count + row) * a.inner + i);
            }
        }
}

const fv_op fv_op_gather = {
    .name = "gather",
    .doc =
        "dst[.., i, ..] = src[.., indices[i], ..] along `axis`; the dimensions of indices (i64 or i32) stand in its "
        "place. A negative index counts from behind. One that does not exist gives NaN (0 where src has integers). Any "
        "dtype of src.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"src", "indices", "dst"},
    .letters = (const char *const[]){"vc", "nk"},
    .attr_size = sizeof(fv_axis_attr),
    .attrs = gather_attrs,
    .infer = gather_infer,
    .grad = gather_grad,
    .cost = fv_move_cost,
    .moves_samples = fv_axis_moves_samples,
    .ref = gather_ref,
};

/* ---- gradient to the table ---- */

static const fv_attr gather_bwd_attrs[] = {
    FV_AXIS_ROW(fv_axis_attr, 0),
    {"size", FV_ATTR_INT, offsetof(fv_axis_attr, size), 1, 1, (double)(INT64_C(1) << 40), NULL,
     "Size of src along the axis."},
    {0},
};

static fv_status gather_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(check_indices(ctx, node));
    const fv_axis_attr *attr = node->attr;
    const fv_shape *dst = &node->in[0]->shape, *index = &node->in[1]->shape;
    const int64_t axis = attr->axis;
    char found[96], other[96];
    bool fits = axis >= 0 && axis + index->rank <= dst->rank;
    for (int d = 0; fits && d < index->rank; d++)
        fits = dst->dim[axis + d] == index->dim[d];
    if (!fits)
        return fv_node_fail(ctx, node, "d_dst has shape %s; expected that of indices, %s, at dimension %lld",
                            fv_shape_text(dst, found), fv_shape_text(index, other), (long long)axis);
    fv_shape src = {0};
    for (int d = 0; d < axis; d++)
        src.dim[src.rank++] = dst->dim[d];
    src.dim[src.rank++] = attr->size;
    for (int d = (int)axis + index->rank; d < dst->rank; d++) {
        if (src.rank == FV_MAX_RANK)
            return fv_node_fail(ctx, node, "src would have more than %d dimensions", FV_MAX_RANK);
        src.dim[src.rank++] = dst->dim[d];
    }
    return fv_result(ctx, node, 0, node->in[0]->dtype, src.rank, src.dim);
}

int fv_gather_shards(const fv_call *call)
{
    const fv_val *index = call->node->in[1];
    if (((const fv_axis_attr *)call->node->attr)->axis != 0 || index->shape.rank < 1)
        return 1;
    return fv_call_shards(call, index->shape.dim[0]);
}

static void gather_bwd_ref(const fv_call *call)
{
    const fv_val *src = call->node->out[0], *index = call->node->in[1];
    const fv_around a = fv_around_axis(&src->shape, (int)((const fv_axis_attr *)call->node->attr)->axis);
    const int64_t count = fv_shape_count(&index->shape);
    const int shards = fv_gather_shards(call);
    for (int64_t o = 0; o < a.outer; o++)
        for (int64_t row = 0; row < a.count; row++)
            for (int64_t i = 0; i < a.inner; i++) {
                double sum[FV_SHARDS_MAX] = {0};
                for (int64_t k = 0; k < count; k++)
                    if (fv_gather_row(index, call->in[1], k, a.count) == row)
                        sum[k / (count / shards)] +=
                            fv_get(fv_call_dtype(call), call->in[0], (o * count + k) * a.inner + i);
                fv_set(call->node->out[0]->dtype, call->out[0], (o * a.count + row) * a.inner + i,
                       fv_tree_sum(FV_F64, sum, shards));
            }
}

static fv_status gather_bwd_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out)
{
    (void)pooled;
    if (((const fv_axis_attr *)node->attr)->axis != 0)
        out[0] = fv_emit(b, "gather_bwd", node->attr, in, 2);
    else
        out[0] = fv_emit_rounded(b, fv_emit(b, "gather_bwd_partial", node->attr, in, 2), node->out[0]->dtype);
    return FV_OK;
}

const fv_op fv_op_gather_bwd = {
    .name = "gather_bwd",
    .doc = "Gradient of gather to src: every row sums the rows of d_dst that were taken from it, in float64 in order; "
           "along "
           "axis 0 per logical shard of the samples of indices, then by a tree. Rounded once.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "indices", "d_src"},
    .letters = (const char *const[]){"nkc", "nk"},
    .attr_size = sizeof(fv_axis_attr),
    .attrs = gather_bwd_attrs,
    .infer = gather_bwd_infer,
    .cost = fv_move_cost,
    .ref = gather_bwd_ref,
    .partial = gather_bwd_split,
};

/* ---- before it is rounded ---- */

static fv_status gather_bwd_partial_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(gather_bwd_infer(ctx, node));
    node->out[0]->dtype = FV_F64;
    return FV_OK;
}

const fv_op fv_op_gather_bwd_partial = {
    .name = "gather_bwd_partial",
    .doc = "gather_bwd before it is rounded: the sums stay float64.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "indices", "sums"},
    .letters = (const char *const[]){"nkc", "nk"},
    .attr_size = sizeof(fv_axis_attr),
    .attrs = gather_bwd_attrs,
    .infer = gather_bwd_partial_infer,
    .cost = fv_move_cost,
    .ref = gather_bwd_ref,
};
