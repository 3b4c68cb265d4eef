/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/check.h"

#include <string.h>

const fv_operand_kind fv_weighted_kinds[4] = {FV_OPERAND_DATA, FV_OPERAND_WEIGHT, FV_OPERAND_BIAS, FV_OPERAND_DATA};

static fv_status check_presence(fv_ctx *ctx, const fv_node *node, int i, int rank)
{
    const char *what = node->op->operands[i];
    const fv_val *val = fv_operand(node, i);
    if (val == NULL)
        return fv_node_fail(ctx, node, "operand '%s' is missing", what);
    char text[96];
    if (rank != 0 && val->shape.rank != rank)
        return fv_node_fail(ctx, node, "%s must have %d dimension%s (%s), found shape %s", what, rank,
                            rank == 1 ? "" : "s", node->op->letters[i], fv_shape_text(&val->shape, text));
    if (val->shape.rank < 1 || val->shape.rank > FV_MAX_RANK)
        return fv_node_fail(ctx, node, "%s must have 1 to %d dimensions, found %d", what, FV_MAX_RANK,
                            (int)val->shape.rank);
    for (int d = 0; d < val->shape.rank; d++)
        if (val->shape.dim[d] < 1)
            return fv_node_fail(ctx, node, "every dimension of %s must be at least 1, found shape %s", what,
                                fv_shape_text(&val->shape, text));
    return FV_OK;
}

static bool is_computed_with(const fv_node *node, fv_dtype dtype)
{
    return dtype == FV_F32 || dtype == FV_F64 || (dtype == FV_F16 && (node->op->traits & FV_T_HALF));
}

fv_status fv_operand_moved(fv_ctx *ctx, const fv_node *node, int rank)
{
    return check_presence(ctx, node, 0, rank);
}

fv_status fv_operand_float(fv_ctx *ctx, const fv_node *node, int i, int rank)
{
    FV_TRY(check_presence(ctx, node, i, rank));
    fv_dtype dtype = node->in[i]->dtype;
    if (!is_computed_with(node, dtype))
        return fv_node_fail(ctx, node, "%s must be f32 or f64, found %s", node->op->operands[i], fv_dtype_name(dtype));
    const fv_val *first = fv_operand(node, 0);
    if (i > 0 && first != NULL && is_computed_with(node, first->dtype) && first->dtype != dtype)
        return fv_node_fail(ctx, node, "%s is %s but %s is %s; they must be the same", node->op->operands[i],
                            fv_dtype_name(dtype), node->op->operands[0], fv_dtype_name(first->dtype));
    return FV_OK;
}

fv_status fv_operand_dtype(fv_ctx *ctx, const fv_node *node, int i, int rank, fv_dtype dtype)
{
    FV_TRY(check_presence(ctx, node, i, rank));
    if (node->in[i]->dtype != dtype)
        return fv_node_fail(ctx, node, "%s must be %s, found %s", node->op->operands[i], fv_dtype_name(dtype),
                            fv_dtype_name(node->in[i]->dtype));
    return FV_OK;
}

fv_status fv_operand_dims(fv_ctx *ctx, const fv_node *node, int i, int rank, const int64_t *dim, const char *why)
{
    FV_TRY(fv_operand_float(ctx, node, i, 0));
    fv_shape expected = {.rank = rank};
    memcpy(expected.dim, dim, (size_t)rank * sizeof *dim);
    if (fv_shape_equal(&expected, &node->in[i]->shape))
        return FV_OK;
    char found[96], wanted[96];
    return fv_node_fail(ctx, node, "%s has shape %s, expected %s (%s)", node->op->operands[i],
                        fv_shape_text(&node->in[i]->shape, found), fv_shape_text(&expected, wanted), why);
}

fv_status fv_operand_same(fv_ctx *ctx, const fv_node *node, int i, int j)
{
    FV_TRY(fv_operand_float(ctx, node, i, 0));
    if (fv_shape_equal(&node->in[i]->shape, &node->in[j]->shape))
        return FV_OK;
    char found[96], wanted[96];
    return fv_node_fail(ctx, node, "%s has shape %s but %s has %s; they must be equal", node->op->operands[i],
                        fv_shape_text(&node->in[i]->shape, found), node->op->operands[j],
                        fv_shape_text(&node->in[j]->shape, wanted));
}

fv_status fv_result(fv_ctx *ctx, const fv_node *node, int i, fv_dtype dtype, int rank, const int64_t *dim)
{
    fv_val *val = node->out[i];
    memset(&val->shape, 0, sizeof val->shape);
    val->dtype = dtype;
    val->shape.rank = rank;
    memcpy(val->shape.dim, dim, (size_t)rank * sizeof *dim);
    const char *what = node->op->operands[node->op->n_in_max + i];
    char text[96];
    for (int d = 0; d < rank; d++)
        if (dim[d] < 1)
            return fv_node_fail(ctx, node, "%s would have shape %s; every dimension must be at least 1", what,
                                fv_shape_text(&val->shape, text));
    int64_t bytes, count = fv_shape_count(&val->shape);
    if (count < 0 || !fv_size_mul(count, (int64_t)fv_dtype_size(dtype), &bytes))
        return fv_node_fail(ctx, node, "%s would have shape %s, more elements than can be addressed", what,
                            fv_shape_text(&val->shape, text));
    return FV_OK;
}

fv_status fv_result_like(fv_ctx *ctx, const fv_node *node, int i, int j)
{
    const fv_val *val = node->in[j];
    return fv_result(ctx, node, i, val->dtype, val->shape.rank, val->shape.dim);
}

double fv_count_in(const fv_node *node, int i)
{
    return fv_operand(node, i) == NULL ? 0.0 : (double)fv_shape_count(&node->in[i]->shape);
}

double fv_count_out(const fv_node *node, int i)
{
    return (double)fv_shape_count(&node->out[i]->shape);
}

fv_cost fv_cost_of(const fv_node *node, double macs, double other)
{
    fv_cost cost = {.macs = macs, .flops = 2.0 * macs + other};
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] != NULL)
            cost.bytes += fv_count_in(node, i) * (double)fv_dtype_size(node->in[i]->dtype);
    for (int i = 0; i < node->n_out; i++)
        cost.bytes += fv_count_out(node, i) * (double)fv_dtype_size(node->out[i]->dtype);
    return cost;
}
