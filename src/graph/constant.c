/* SPDX-License-Identifier: Apache-2.0 */
/* Constants: tensors that stand in the graph. One element stands for a tensor full of it. */
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

static const char *make_name(const fv_graph *g, char name[40])
{
    int32_t number = g->n_vals;
    do
        snprintf(name, 40, "const_%d", (int)number++);
    while (fv_graph_taken(g, name));
    return name;
}

fv_status fv_graph_const(fv_graph *g, double value, fv_dtype dtype, const fv_shape *shape, fv_val **val)
{
    char name[40];
    fv_tensor *element;
    FV_TRY(fv_tensor_create(g->ctx, dtype, &(fv_shape){0}, &element));
    fv_dtype_set(dtype, fv_tensor_data(element), 0, value);
    fv_val like = {.name = make_name(g, name), .dtype = dtype, .role = FV_ROLE_CONST, .shape = *shape};
    like.elements = element;
    fv_status status = fv_graph_copy_leaf(g, &like, val);
    fv_tensor_destroy(&element);
    return status;
}

fv_status fv_graph_tensor(fv_graph *g, const char *name, const fv_tensor *tensor, fv_val **val)
{
    char made[40];
    fv_tensor *elements;
    FV_TRY(fv_tensor_share(tensor, &elements));
    fv_val like = {.name = name ? name : make_name(g, made),
                   .dtype = fv_tensor_dtype(tensor),
                   .role = FV_ROLE_CONST,
                   .shape = *fv_tensor_shape(tensor),
                   .elements = elements};
    fv_status status = fv_graph_copy_leaf(g, &like, val);
    fv_tensor_destroy(&elements);
    return status;
}

bool fv_const_is_splat(const fv_val *val)
{
    return fv_tensor_count(val->elements) == 1;
}

void fv_const_fill(const fv_val *val, void *data)
{
    const size_t size = fv_dtype_size(val->dtype);
    const char *from = fv_tensor_const_data(val->elements);
    const int64_t count = fv_shape_count(&val->shape);
    if (!fv_const_is_splat(val)) {
        memcpy(data, from, (size_t)count * size);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)data + (size_t)i * size, from, size);
}

fv_status fv_const_convert(fv_ctx *ctx, const fv_val *val, fv_dtype dtype, fv_tensor **tensor)
{
    const fv_tensor *from = val->elements;
    FV_TRY(fv_tensor_create(ctx, dtype, fv_tensor_shape(from), tensor));
    for (int64_t i = 0; i < fv_tensor_count(from); i++)
        fv_set(dtype, fv_tensor_data(*tensor), i, fv_get(val->dtype, fv_tensor_const_data(from), i));
    return FV_OK;
}
