/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/nd.h"

#include <string.h>

fv_status fv_operand_any(fv_ctx *ctx, const fv_node *node, int i)
{
    const char *what = node->op->operands[i];
    const fv_val *val = fv_operand(node, i);
    char text[96];
    if (val == NULL)
        return fv_node_fail(ctx, node, "operand '%s' is missing", what);
    for (int d = 0; d < val->shape.rank; d++)
        if (val->shape.dim[d] < 1)
            return fv_node_fail(ctx, node, "every dimension of %s must be at least 1, found shape %s", what,
                                fv_shape_text(&val->shape, text));
    return FV_OK;
}

fv_status fv_operand_like(fv_ctx *ctx, const fv_node *node, int i)
{
    FV_TRY(fv_operand_any(ctx, node, i));
    if (node->in[i]->dtype == node->in[0]->dtype)
        return FV_OK;
    return fv_node_fail(ctx, node, "%s is %s but %s is %s; they must be the same", node->op->operands[i],
                        fv_dtype_name(node->in[i]->dtype), node->op->operands[0], fv_dtype_name(node->in[0]->dtype));
}

fv_status fv_axis_check(fv_ctx *ctx, const fv_node *node, int64_t given, int rank)
{
    if (given >= -rank && given < rank)
        return FV_OK;
    return fv_node_fail(ctx, node, "axis=%lld does not exist among %d dimensions; expected %d to %d", (long long)given,
                        rank, -rank, rank - 1);
}

bool fv_axis_moves_samples(const fv_node *node)
{
    return fv_axis_of(((const fv_axis_attr *)node->attr)->axis, node->in[0]->shape.rank) == 0;
}

bool fv_broadcast_moves_samples(const fv_node *node)
{
    const fv_shape *dst = &node->out[0]->shape;
    for (int32_t i = 0; i < node->n_in; i++) {
        const fv_val *in = node->in[i];
        const bool computed = in && (in->role == FV_ROLE_COMPUTED || in->role == FV_ROLE_INPUT);
        if (computed && (in->shape.rank != dst->rank || (dst->rank > 0 && in->shape.dim[0] != dst->dim[0])))
            return true;
    }
    return false;
}

fv_around fv_around_axis(const fv_shape *shape, int axis)
{
    fv_around a = {1, shape->dim[axis], 1};
    for (int d = 0; d < axis; d++)
        a.outer *= shape->dim[d];
    for (int d = axis + 1; d < shape->rank; d++)
        a.inner *= shape->dim[d];
    return a;
}

/* ---- broadcasting ---- */

/* Dimension d of a shape that is aligned behind with one of `rank` dimensions. */
static int64_t aligned(const fv_shape *shape, int d, int rank)
{
    int at = d - (rank - shape->rank);
    return at < 0 ? 1 : shape->dim[at];
}

fv_status fv_broadcast(fv_ctx *ctx, const fv_node *node, int i, int j, fv_shape *shape)
{
    const fv_shape *a = &node->in[i]->shape, *b = &node->in[j]->shape;
    char found[96], other[96];
    fv_shape out = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int d = 0; d < out.rank; d++) {
        int64_t x = aligned(a, d, out.rank), y = aligned(b, d, out.rank);
        if (x != y && x != 1 && y != 1)
            return fv_node_fail(ctx, node,
                                "%s has shape %s beside %s of %s; aligned behind, dimensions must be equal, or 1 where "
                                "one is repeated",
                                node->op->operands[j], fv_shape_text(b, found), node->op->operands[i],
                                fv_shape_text(a, other));
        out.dim[d] = x > y ? x : y;
    }
    *shape = out;
    return FV_OK;
}

bool fv_broadcasts_to(const fv_shape *from, const fv_shape *to)
{
    if (from->rank > to->rank)
        return false;
    for (int d = 0; d < to->rank; d++) {
        int64_t have = aligned(from, d, to->rank);
        if (have != 1 && have != to->dim[d])
            return false;
    }
    return true;
}

void fv_broadcast_strides(const fv_shape *of, const fv_shape *over, int64_t stride[FV_MAX_RANK])
{
    int64_t step = 1;
    memset(stride, 0, FV_MAX_RANK * sizeof *stride);
    for (int d = over->rank - 1; d >= 0; d--) {
        int64_t size = aligned(of, d, over->rank);
        stride[d] = size == 1 ? 0 : step;
        step *= size;
    }
}

/* Position under strides of element i of an array of n dimensions. */
static int64_t position(int n, const int64_t *dim, const int64_t *stride, int64_t i)
{
    int64_t at = 0;
    for (int d = n - 1; d >= 0; d--) {
        at += i % dim[d] * stride[d];
        i /= dim[d];
    }
    return at;
}

int64_t fv_strided(const fv_shape *shape, int64_t i, const int64_t stride[FV_MAX_RANK])
{
    return position(shape->rank, shape->dim, stride, i);
}

fv_val *fv_emit_unbroadcast(fv_builder *b, fv_val *d, const fv_val *like)
{
    if (d == NULL || fv_shape_equal(&d->shape, &like->shape))
        return d;
    fv_reduce_attr sum = {.keepdims = true};
    for (int k = 0; k < d->shape.rank; k++)
        if (aligned(&like->shape, k, d->shape.rank) != d->shape.dim[k])
            sum.axes.value[sum.axes.count++] = k;
    if (sum.axes.count > 0)
        d = fv_emit(b, "reduce_sum", &sum, &d, 1);
    if (d == NULL || fv_shape_equal(&d->shape, &like->shape))
        return d;
    fv_reshape_attr attr = {.dims.count = like->shape.rank, .whole = true};
    memcpy(attr.dims.value, like->shape.dim, (size_t)like->shape.rank * sizeof *like->shape.dim);
    return fv_emit(b, "reshape", &attr, &d, 1);
}

/* ---- reductions ---- */

static bool is_reduced(const fv_ints *axes, int d, int rank)
{
    for (int64_t i = 0; i < axes->count; i++)
        if (fv_axis_of(axes->value[i], rank) == d)
            return true;
    return axes->count == 0;
}

fv_status fv_reduction_check(fv_ctx *ctx, const fv_node *node, const fv_ints *axes, const fv_shape *src)
{
    for (int64_t i = 0; i < axes->count; i++) {
        FV_TRY(fv_axis_check(ctx, node, axes->value[i], src->rank));
        for (int64_t j = 0; j < i; j++)
            if (fv_axis_of(axes->value[i], src->rank) == fv_axis_of(axes->value[j], src->rank))
                return fv_node_fail(ctx, node, "axes name dimension %d twice", fv_axis_of(axes->value[i], src->rank));
    }
    return FV_OK;
}

fv_reduction fv_reduction_of(const fv_ints *axes, const fv_shape *src)
{
    fv_reduction r = {.outputs = 1, .terms = 1, .over_samples = src->rank > 0 && is_reduced(axes, 0, src->rank)};
    int64_t stride = fv_shape_count(src);
    for (int d = 0; d < src->rank; d++) {
        stride /= src->dim[d];
        if (is_reduced(axes, d, src->rank)) {
            r.gone[r.n_gone] = src->dim[d];
            r.gone_stride[r.n_gone++] = stride;
            r.terms *= src->dim[d];
        } else {
            r.kept[r.n_kept] = src->dim[d];
            r.kept_stride[r.n_kept++] = stride;
            r.outputs *= src->dim[d];
        }
    }
    return r;
}

int64_t fv_reduction_output(const fv_reduction *r, int64_t o)
{
    return position(r->n_kept, r->kept, r->kept_stride, o);
}

int64_t fv_reduction_term(const fv_reduction *r, int64_t t)
{
    return position(r->n_gone, r->gone, r->gone_stride, t);
}

void fv_reduction_shape(const fv_ints *axes, const fv_shape *src, bool keepdims, fv_shape *dst)
{
    *dst = (fv_shape){0};
    for (int d = 0; d < src->rank; d++) {
        bool gone = is_reduced(axes, d, src->rank);
        if (!gone || keepdims)
            dst->dim[dst->rank++] = gone ? 1 : src->dim[d];
    }
}

/* ---- moving elements ---- */

void fv_move(fv_dtype dtype, void *dst, int64_t j, const void *src, int64_t i)
{
    size_t size = fv_dtype_size(dtype);
    memcpy((char *)dst + (size_t)j * size, (const char *)src + (size_t)i * size, size);
}

fv_cost fv_move_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 0.0);
}
