/* SPDX-License-Identifier: Apache-2.0 */
/* Operands and results, as mappings see them. */
#include "io/onnx/node.h"

#include <stdio.h>
#include <string.h>

fv_status fv_onnx_cannot(const fv_onnx_node *n, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fv_fail(n->im->ctx, FV_ERR_UNSUPPORTED, "%s", text);
}

fv_status fv_onnx_need(const fv_onnx_node *n, int i)
{
    return i < n->n_in && n->in[i]
               ? FV_OK
               : fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: %s '%.100s': operand %d is missing", n->im->file,
                         n->op, n->name, i);
}

fv_status fv_onnx_need_constant(const fv_onnx_node *n, int i, const char *what)
{
    FV_TRY(fv_onnx_need(n, i));
    fv_foreign *f = n->in[i];
    if (!f->data && f->known) { /* the input was told */
        f->data = fv_tensor_const_data(f->known);
        f->dtype = fv_tensor_dtype(f->known);
        f->shape = *fv_tensor_shape(f->known);
    }
    return n->in[i]->data ? FV_OK : fv_onnx_cannot(n, "%s must be a constant; it is computed", what);
}

fv_status fv_onnx_axis(const fv_onnx_node *n, int64_t given, int rank, int *axis)
{
    *axis = (int)(given < 0 ? given + rank : given);
    if (given >= -rank && given < rank)
        return FV_OK;
    *axis = 0;
    return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: %s '%.100s': axis %lld of %d dimensions", n->im->file,
                   n->op, n->name, (long long)given, rank);
}

fv_status fv_onnx_free_axis(const fv_onnx_node *n, const fv_foreign *f, int64_t given, int *axis)
{
    FV_TRY(fv_onnx_axis(n, given, f->shape.rank, axis));
    return *axis == 0 && f->batched ? fv_import_merges(n->im) : FV_OK;
}

fv_status fv_onnx_ints_of(const fv_onnx_node *n, int i, const char *attribute, fv_ints *ints)
{
    *ints = (fv_ints){0};
    if (i >= n->n_in || !n->in[i]) {
        if (attribute)
            *ints = fv_onnx_ints(n, attribute);
        return FV_OK;
    }
    FV_TRY(fv_onnx_need_constant(n, i, attribute ? attribute : "an operand"));
    const int64_t count = fv_foreign_count(n->in[i]);
    if (count > 16)
        return fv_onnx_cannot(n, "%lld numbers where at most 16 are expected", (long long)count);
    for (int64_t k = 0; k < count; k++)
        ints->value[ints->count++] = fv_foreign_integer(n->in[i], k);
    return FV_OK;
}

bool fv_onnx_batched(const fv_onnx_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->batched)
            return true;
    return false;
}

fv_status fv_onnx_result_as(const fv_onnx_node *n, int i, fv_value v, fv_order order, const fv_shape *shape)
{
    fv_import *im = n->im;
    fv_foreign *f;
    if (im->model->error != FV_OK || v.id < 0)
        return im->model->error != FV_OK ? im->model->error
                                         : fv_fail(im->ctx, FV_ERR_INTERNAL, "%s '%.100s': no value", n->op, n->name);
    if (i >= n->n_out || !*n->out[i])
        return FV_OK;
    if (fv_shape_count(shape) != fv_shape_count(fv_import_shape(im, v)))
        return fv_fail(im->ctx, FV_ERR_INTERNAL, "%s '%.100s': its result has another shape than the file says", n->op,
                       n->name);
    const bool batched = fv_onnx_batched(n);
    if (batched && (shape->rank < 1 || shape->dim[0] != 1))
        return fv_import_merges(im);
    FV_TRY(fv_import_add(im, n->out[i], &f));
    f->dtype = fv_import_dtype(im, v);
    f->shape = *shape;
    f->batched = batched;
    f->form[order == FV_ORDER_LAST && shape->rank < 3 ? FV_ORDER_FILE : order] = v.id;
    return FV_OK;
}

/* Numbers of 0 dimensions are vectors of one element here; what is computed of nothing else has 0 dimensions too. */
static bool has_numbers_alone(const fv_onnx_node *n)
{
    int numbers = 0;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] && n->in[i]->shape.rank > 0)
            return false;
        numbers += n->in[i] != NULL;
    }
    return numbers > 0;
}

fv_status fv_onnx_result(const fv_onnx_node *n, int i, fv_value v, fv_order order)
{
    fv_shape shape = fv_import_file_shape(n->im, v, order);
    if (shape.rank == 1 && shape.dim[0] == 1 && has_numbers_alone(n))
        shape.rank = 0;
    FV_TRY(fv_onnx_result_as(n, i, v, order, &shape));
    fv_foreign *f = order == FV_ORDER_ROW && i < n->n_out ? fv_import_find(n->im, n->out[i]) : NULL;
    for (int k = 0; f && k < n->n_in; k++)
        if (n->in[k] && n->in[k]->form[FV_ORDER_ROW] >= 0)
            memcpy(f->image, n->in[k]->image, sizeof f->image);
    return FV_OK;
}

fv_status fv_onnx_result_image(const fv_onnx_node *n, fv_value v)
{
    if (n->in[0]->shape.rank != 3)
        return fv_onnx_result(n, 0, v, FV_ORDER_LAST);
    const int64_t *d = fv_import_shape(n->im, v)->dim;
    const fv_shape row = {3, {d[0], d[2], d[3]}}, file = {3, {d[0], d[3], d[2]}};
    v = fv_import_reshape(n->im, v, &row, fv_onnx_batched(n));
    return fv_onnx_result_as(n, 0, v, FV_ORDER_LAST, &file);
}

fv_status fv_onnx_result_constant(const fv_onnx_node *n, int i, fv_dtype dtype, const fv_shape *shape, void **data)
{
    fv_foreign *f;
    int64_t count = fv_shape_count(shape), bytes;
    *data = NULL;
    if (count < 0 || !fv_size_mul(count, (int64_t)fv_dtype_size(dtype), &bytes))
        return fv_onnx_cannot(n, "its result would be larger than can be addressed");
    FV_TRY(fv_import_alloc(n->im, bytes, data));
    if (i >= n->n_out || !*n->out[i])
        return FV_OK;
    FV_TRY(fv_import_add(n->im, n->out[i], &f));
    f->dtype = dtype;
    f->shape = *shape;
    f->data = *data;
    return FV_OK;
}

fv_value fv_onnx_unary(const fv_onnx_node *n, fv_order *order)
{
    fv_foreign *f = n->in[0];
    *order = fv_import_common(&f, 1, f->shape.rank);
    return fv_import_get(n->im, f, *order);
}
