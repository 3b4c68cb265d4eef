/* SPDX-License-Identifier: Apache-2.0 */
/* Operands and results, as mappings see them. */
#include "io/onnx/node.h"

#include <stdio.h>
#include <string.h>

fv_import_node fv_onnx_common(const fv_onnx_node *n)
{
    return (fv_import_node){n->im, "ONNX", n->op, n->name, n->in, n->n_in};
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
    return fv_foreign_is_known(n->in[i]) ? FV_OK : fv_onnx_cannot(n, "%s must be a constant; it is computed", what);
}

fv_status fv_onnx_axis(const fv_onnx_node *n, int64_t given, int rank, int *axis)
{
    const fv_import_node node = fv_onnx_common(n);
    return fv_import_axis_of(&node, given, rank, axis);
}

fv_status fv_onnx_free_axis(const fv_onnx_node *n, const fv_foreign *f, int64_t given, int *axis)
{
    const fv_import_node node = fv_onnx_common(n);
    return fv_import_free_axis_of(&node, f, given, axis);
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
    const fv_import_node node = fv_onnx_common(n);
    return fv_import_batched(&node);
}

fv_status fv_onnx_result_as(const fv_onnx_node *n, int i, fv_value v, fv_order order, const fv_shape *shape)
{
    const fv_import_node node = fv_onnx_common(n);
    fv_foreign made, *f;
    if (i >= n->n_out || !*n->out[i])
        return n->im->model->error;
    FV_TRY(fv_import_result(&node, fv_import_batched(&node), v, order, shape, &made));
    FV_TRY(fv_import_add(n->im, n->out[i], &f));
    made.name = f->name;
    *f = made;
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
    return fv_onnx_result_as(n, i, v, order, &shape);
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
    const fv_import_node node = fv_onnx_common(n);
    fv_foreign *f;
    FV_TRY(fv_import_result_data(&node, dtype, shape, data));
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
