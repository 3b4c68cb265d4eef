/* SPDX-License-Identifier: Apache-2.0 */
/* Layers without weights, the input, and any operator by name. */
#include <stdio.h>
#include <string.h>

#include "nn/build.h"

void fv_prefix(fv_model *m, const char *prefix)
{
    if (m->error == FV_OK && (size_t)snprintf(m->prefix, sizeof m->prefix, "%s", prefix) >= sizeof m->prefix)
        fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, "prefix", prefix, "longer than %d bytes", (int)sizeof m->prefix - 1);
}

fv_value fv_input(fv_model *m, int64_t h, int64_t w, int64_t c)
{
    const fv_shape shape = {4, {1, h, w, c}};
    fv_val *val = NULL;
    if (m->error != FV_OK)
        return fv_no_value;
    if (m->input.id >= 0)
        return fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, "input", "input", "the model has its image input already");
    if (h < 1 || w < 1 || c < 1 || c > 16)
        return fv_nn_refuse(m, FV_ERR_SHAPE, NULL, "input", "input",
                            "%lld x %lld with %lld channels: expected sizes above 0 and 1 to 16 channels", (long long)h,
                            (long long)w, (long long)c);
    if (fv_model_set_error(m, fv_graph_input(m->graph, "input", FV_F32, &shape, &val)) != FV_OK)
        return fv_no_value;
    m->input.id = val->id;
    return m->input;
}

fv_value fv_input_tensor(fv_model *m, const char *name, fv_dtype dtype, const fv_shape *shape)
{
    char text[96];
    fv_val *val = NULL;
    if (m->error != FV_OK)
        return fv_no_value;
    if (m->finished)
        return fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, "input", name, "the model is finished: nothing can be added");
    if (shape->rank < 1 || shape->dim[0] != 1)
        return fv_nn_refuse(m, FV_ERR_SHAPE, NULL, "input", name,
                            "shape %s: expected 1 as the first dimension, which is the batch",
                            fv_shape_text(shape, text));
    if (fv_model_set_error(m, fv_graph_input(m->graph, name, dtype, shape, &val)) != FV_OK)
        return fv_no_value;
    return (fv_value){val->id};
}

/* The copy lets the caller go on with the tensor; that of the graph never changes. */
static fv_status append_constant(fv_model *m, const char *full, const fv_tensor *tensor, fv_value *value)
{
    fv_tensor *copy = NULL;
    fv_val *val = NULL;
    FV_TRY(fv_tensor_create(m->ctx, fv_tensor_dtype(tensor), fv_tensor_shape(tensor), &copy));
    memcpy(fv_tensor_data(copy), fv_tensor_const_data(tensor), fv_tensor_bytes(tensor));
    fv_status status = fv_graph_tensor(m->graph, full, copy, &val);
    fv_tensor_destroy(&copy);
    *value = status == FV_OK ? (fv_value){val->id} : fv_no_value;
    return status;
}

fv_value fv_constant(fv_model *m, const char *name, const fv_tensor *tensor)
{
    char full[FV_NAME_MAX];
    fv_value value = fv_no_value;
    if (!fv_nn_name(m, "constant", name, full))
        return fv_no_value;
    return fv_model_set_error(m, append_constant(m, full, tensor, &value)) == FV_OK ? value : fv_no_value;
}

static fv_value pool(fv_model *m, const char *op, fv_value x, const fv_pool2d_options *o)
{
    char full[FV_NAME_MAX];
    fv_pool2d_attr attr;
    const fv_op *row = fv_op_find(m->ctx, op);
    if (!fv_nn_name(m, op, o->name, full) || !fv_nn_check(m, op, full, &x, 1))
        return fv_no_value;
    if (o->size[0] < 1 || o->size[1] < 1)
        return fv_nn_refuse(m, FV_ERR_VALUE, "give the layer a size, e.g. 2 x 2", op, full,
                            "size=%lld,%lld: expected numbers above 0", (long long)o->size[0], (long long)o->size[1]);
    memset(&attr, 0, sizeof attr);
    if (row)
        fv_attr_defaults(row, &attr);
    memcpy(attr.size, o->size, sizeof attr.size);
    for (int d = 0; d < 2; d++)
        attr.stride[d] = o->stride[d] == 0 ? o->size[d] : o->stride[d];
    memcpy(attr.pad, o->pad, sizeof attr.pad);
    attr.ceil = o->ceil;
    attr.count_include_pad = !o->exclude_pad;
    return fv_nn_append(m, op, full, &attr, &x, 1);
}

fv_value fv_max_pool2d_with(fv_model *m, fv_value x, const fv_pool2d_options *o)
{
    return pool(m, "max_pool2d", x, o);
}

fv_value fv_avg_pool2d_with(fv_model *m, fv_value x, const fv_pool2d_options *o)
{
    return pool(m, "avg_pool2d", x, o);
}

/* An operator without weights, by its defaults. */
static fv_value plain(fv_model *m, const char *op, const fv_value *x, int count, const void *attr)
{
    char full[FV_NAME_MAX];
    if (!fv_nn_name(m, op, NULL, full))
        return fv_no_value;
    return fv_nn_append(m, op, full, attr, x, count);
}

fv_value fv_flatten(fv_model *m, fv_value x)
{
    return plain(m, "flatten", &x, 1, NULL);
}

fv_value fv_global_avg_pool(fv_model *m, fv_value x)
{
    return plain(m, "global_avg_pool", &x, 1, NULL);
}

fv_value fv_activate(fv_model *m, fv_value x, fv_activation activation)
{
    const char *op = fv_activation_op(activation);
    if (m->error != FV_OK || activation == FV_ACT_NONE)
        return x;
    if (!op)
        return fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, "activate", "", "activation %d is not one of fv_activation",
                            (int)activation);
    return plain(m, op, &x, 1, fv_activation_attr(activation));
}

fv_value fv_dropout(fv_model *m, fv_value x, double rate)
{
    fv_dropout_attr attr = {.rate = rate};
    return plain(m, "dropout", &x, 1, &attr);
}

fv_value fv_add(fv_model *m, fv_value a, fv_value b)
{
    const fv_value in[2] = {a, b};
    return plain(m, "add", in, 2, NULL);
}

fv_value fv_mul(fv_model *m, fv_value a, fv_value b)
{
    const fv_value in[2] = {a, b};
    return plain(m, "mul", in, 2, NULL);
}

fv_value fv_concat(fv_model *m, const fv_value *x, int count)
{
    return plain(m, "concat", x, count, NULL);
}

fv_value fv_layer(fv_model *m, const char *op, const fv_value *x, int count, const fv_layer_options *options)
{
    static const fv_layer_options none = {NULL, NULL};
    const fv_layer_options *o = options ? options : &none;
    char full[FV_NAME_MAX];
    const fv_op *row = fv_op_find(m->ctx, op);
    void *attr = NULL;
    if (!fv_nn_name(m, op, o->name, full))
        return fv_no_value;
    if (row && row->attr_size > 0) {
        attr = fv_calloc(m->ctx, 1, row->attr_size);
        if (!attr) {
            fv_model_set_error(m, FV_ERR_NO_MEMORY);
            return fv_no_value;
        }
        fv_attr_defaults(row, attr);
    }
    fv_value y = fv_no_value;
    fv_status status = FV_OK;
    if (row && o->attributes && *o->attributes) {
        char place[FV_NAME_MAX + 64];
        status = fv_attr_parse(m->ctx, row, attr, o->attributes);
        snprintf(place, sizeof place, "layer '%s'", full);
        if (status != FV_OK)
            fv_model_set_error(m, fv_fail_prefix(m->ctx, status, place));
    }
    if (status == FV_OK)
        y = fv_nn_append(m, op, full, attr, x, count);
    fv_free(m->ctx, attr);
    return y;
}
