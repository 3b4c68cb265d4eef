/* SPDX-License-Identifier: Apache-2.0 */
/* Other dimensions, another order, another type; shapes as constants. */
#include <string.h>

#include "io/tflite/quant.h"

fv_status fv_tflite_reshaped(const fv_tflite_node *n, const fv_shape *to)
{
    fv_foreign *f = n->in[0];
    const fv_shape one = {1, {1}};
    if (fv_shape_count(to) != fv_foreign_count(f))
        return fv_tflite_cannot(n, "%lld elements under dimensions of %lld", (long long)fv_foreign_count(f),
                                (long long)fv_shape_count(to));
    if (f->batched && (to->rank < 1 || to->dim[0] != 1))
        return fv_import_merges(n->im);
    if (f->data || fv_shape_equal(to, &f->shape)) { /* elements stay as they are */
        FV_TRY(fv_tflite_alias(n, 0, f));
        fv_foreign *g = n->file->value[n->out_at[0]];
        for (int k = 0; k < FV_ORDERS && !fv_shape_equal(to, &f->shape); k++)
            g->form[k] = -1;
        g->shape = *to;
        return FV_OK;
    }
    fv_value v = fv_import_reshape(n->im, fv_tflite_in(n, 0), to->rank ? to : &one, f->batched && to->rank > 0);
    return fv_tflite_result_as(n, 0, v, FV_ORDER_FILE, to);
}

static fv_status map_reshape(const fv_tflite_node *n)
{
    fv_ints dims;
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(n->n_in > 1 && n->in[1] ? fv_tflite_ints(n, 1, "the shape", &dims) : fv_tflite_option_ints(n, 0, &dims));
    fv_shape to = {.rank = (int32_t)dims.count};
    int64_t product = 1, open = -1;
    if (dims.count > FV_MAX_RANK)
        return fv_tflite_cannot(n, "%lld dimensions: at most %d", (long long)dims.count, FV_MAX_RANK);
    for (int d = 0; d < to.rank; d++) {
        to.dim[d] = dims.value[d];
        if (to.dim[d] == -1 && open < 0)
            open = d;
        else if (to.dim[d] < 0 || !fv_size_mul(product, to.dim[d], &product))
            return fv_tflite_cannot(n, "dimension %d is %lld", d, (long long)to.dim[d]);
    }
    if (open >= 0)
        to.dim[open] = product > 0 ? fv_foreign_count(n->in[0]) / product : 0;
    return fv_tflite_reshaped(n, &to);
}

static fv_status map_squeeze(const fv_tflite_node *n)
{
    fv_ints axes;
    uint32_t bits = 0;
    fv_shape to = {.rank = 0};
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(fv_tflite_option_ints(n, 0, &axes));
    const fv_shape *s = &n->in[0]->shape;
    for (int64_t i = 0; i < axes.count; i++) {
        int axis;
        FV_TRY(fv_tflite_axis(n, axes.value[i], s->rank, &axis));
        bits |= 1u << axis;
    }
    if (n->in[0]->batched && (axes.count == 0 || (bits & 1)))
        return fv_import_merges(n->im);
    for (int d = 0; d < s->rank; d++) {
        const bool goes = axes.count ? bits >> d & 1 : s->dim[d] == 1;
        if (goes && s->dim[d] != 1)
            return fv_tflite_cannot(n, "dimension %d is %lld, not 1", d, (long long)s->dim[d]);
        if (!goes)
            to.dim[to.rank++] = s->dim[d];
    }
    return fv_tflite_reshaped(n, &to);
}

static fv_status map_expand_dims(const fv_tflite_node *n)
{
    fv_ints at;
    int axis;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_ints(n, 1, "the axis", &at));
    const fv_shape *s = &n->in[0]->shape;
    fv_shape to = {.rank = s->rank + 1};
    if (to.rank > FV_MAX_RANK || at.count != 1)
        return fv_tflite_cannot(n, "%d dimensions: at most %d", to.rank, FV_MAX_RANK);
    FV_TRY(fv_tflite_axis(n, at.value[0], to.rank, &axis));
    for (int d = 0; d < to.rank; d++)
        to.dim[d] = d == axis ? 1 : s->dim[d > axis ? d - 1 : d];
    if (n->in[0]->batched && axis == 0)
        return fv_import_merges(n->im);
    return fv_tflite_reshaped(n, &to);
}

/* ---- another order ---- */

static fv_status map_transpose(const fv_tflite_node *n)
{
    fv_ints given;
    int perm[FV_MAX_RANK];
    fv_order order;
    uint32_t seen = 0;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_ints(n, 1, "the order", &given));
    fv_foreign *f = n->in[0];
    const int rank = f->shape.rank;
    if (given.count != rank)
        return fv_tflite_cannot(n, "an order of %lld dimensions for %d", (long long)given.count, rank);
    for (int d = 0; d < rank; d++) {
        perm[d] = (int)given.value[d];
        if (perm[d] < 0 || perm[d] >= rank || (seen >> perm[d] & 1))
            return fv_tflite_cannot(n, "its order is none of %d dimensions", rank);
        seen |= 1u << perm[d];
    }
    if (f->batched && perm[0] != 0)
        return fv_import_merges(n->im);
    fv_value v = fv_import_permuted(n->im, f, perm, &order);
    return fv_tflite_result(n, 0, v, order);
}

static fv_status map_broadcast_to(const fv_tflite_node *n)
{
    fv_ints dims;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_ints(n, 1, "the shape", &dims));
    const fv_foreign *f = n->in[0];
    fv_dims_attr attr = {.dims = dims};
    if (dims.count > FV_MAX_RANK || dims.count < f->shape.rank)
        return fv_tflite_cannot(n, "%lld dimensions from %d", (long long)dims.count, f->shape.rank);
    if (f->batched && (dims.count != f->shape.rank || dims.value[0] != 1))
        return fv_import_merges(n->im);
    if (f->batched)
        attr.dims.value[0] = 0;
    return fv_tflite_result(n, 0, fv_import_emit1(n->im, "expand", &attr, fv_tflite_in(n, 0)), FV_ORDER_FILE);
}

/* ---- another type ---- */

static fv_status map_cast(const fv_tflite_node *n)
{
    fv_dtype to;
    FV_TRY(fv_tflite_need(n, 1));
    const int64_t type = fv_tflite_type(n->file, n->out_at[0]);
    if (!fv_tflite_dtype(type, &to) || to == FV_F16 || to == FV_BF16 || to == FV_F64)
        return fv_tflite_cannot(n, "to %s, which is not supported", fv_tflite_type_name(type));
    return fv_tflite_result(n, 0, fv_import_cast(n->im, fv_tflite_in(n, 0), to), FV_ORDER_FILE);
}

/* ---- shapes ---- */

static fv_status map_shape(const fv_tflite_node *n)
{
    void *data;
    FV_TRY(fv_tflite_need(n, 1));
    const fv_shape *s = &n->in[0]->shape, shape = {1, {s->rank}};
    const fv_dtype dtype = fv_tflite_type(n->file, n->out_at[0]) == FV_TFLITE_I64 ? FV_I64 : FV_I32;
    FV_TRY(fv_tflite_result_constant(n, 0, dtype, &shape, &data));
    for (int d = 0; d < s->rank; d++)
        fv_dtype_set_integer(dtype, data, d, s->dim[d]);
    return FV_OK;
}

static fv_status fold_fill(const fv_tflite_node *n)
{
    fv_ints dims;
    void *data;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_ints(n, 0, "the shape", &dims));
    const fv_foreign *value = n->in[1];
    fv_shape shape = {.rank = (int32_t)dims.count};
    if (dims.count > FV_MAX_RANK || fv_foreign_count(value) != 1)
        return fv_tflite_cannot(n, "%lld dimensions", (long long)dims.count);
    memcpy(shape.dim, dims.value, (size_t)dims.count * sizeof *shape.dim);
    FV_TRY(fv_tflite_result_constant(n, 0, value->dtype, &shape, &data));
    for (int64_t i = 0; i < fv_shape_count(&shape); i++)
        memcpy((char *)data + (size_t)i * fv_dtype_size(value->dtype), value->data, fv_dtype_size(value->dtype));
    return FV_OK;
}

/* Operands beside each other along a new dimension. */
static fv_status map_pack(const fv_tflite_node *n)
{
    int axis;
    fv_value in[FV_MAX_OPERANDS];
    FV_TRY(fv_tflite_need(n, n->n_in > 0 ? n->n_in : 1));
    const fv_shape *s = &n->in[0]->shape;
    fv_shape one = {.rank = s->rank + 1};
    if (one.rank > FV_MAX_RANK || n->n_in > FV_MAX_OPERANDS)
        return fv_tflite_cannot(n, "%d operands of %d dimensions", n->n_in, s->rank);
    FV_TRY(fv_tflite_axis(n, fv_flat_int(n->options, 1, 0), one.rank, &axis));
    const fv_import_node node = fv_tflite_common(n);
    const bool batched = fv_import_batched(&node);
    if (batched && axis == 0)
        return fv_import_merges(n->im);
    for (int d = 0; d < one.rank; d++)
        one.dim[d] = d == axis ? 1 : s->dim[d > axis ? d - 1 : d];
    for (int i = 0; i < n->n_in; i++) {
        if (!fv_shape_equal(&n->in[i]->shape, s) || n->in[i]->batched != batched)
            return fv_tflite_cannot(n, "operands of different shapes");
        in[i] = fv_import_reshape(n->im, fv_tflite_in(n, i), &one, batched);
    }
    const fv_axis_attr attr = {.axis = axis};
    return fv_tflite_result(n, 0, n->n_in == 1 ? in[0] : fv_import_emit(n->im, "concat", &attr, in, n->n_in),
                            FV_ORDER_FILE);
}

const fv_tflite_op fv_tflite_shape_ops[] = {
    {"RESHAPE", map_reshape, map_reshape, NULL},
    {"SQUEEZE", map_squeeze, map_squeeze, NULL},
    {"EXPAND_DIMS", map_expand_dims, map_expand_dims, NULL},
    {"TRANSPOSE", map_transpose, NULL, NULL},
    {"BROADCAST_TO", map_broadcast_to, NULL, NULL},
    {"CAST", map_cast, NULL, NULL},
    {"SHAPE", map_shape, map_shape, NULL},
    {"FILL", NULL, fold_fill, "it is supported of constants alone"},
    {"PACK", map_pack, NULL, NULL},
    {0},
};
