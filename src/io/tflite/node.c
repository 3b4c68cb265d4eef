/* SPDX-License-Identifier: Apache-2.0 */
/* Operands and results, as mappings see them. */
#include "io/tflite/node.h"

#include <stdio.h>
#include <string.h>

fv_import_node fv_tflite_common(const fv_tflite_node *n)
{
    return (fv_import_node){n->im, "TFLite", n->op, n->name, n->in, n->n_in};
}

fv_status fv_tflite_need(const fv_tflite_node *n, int count)
{
    for (int i = 0; i < count; i++)
        if (i >= n->n_in || !n->in[i])
            return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: %s '%.100s': operand %d is missing",
                           n->im->file, n->op, n->name, i);
    return n->n_out > 0 ? FV_OK
                        : fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: %s '%.100s' has no result", n->im->file,
                                  n->op, n->name);
}

fv_status fv_tflite_need_constant(const fv_tflite_node *n, int i, const char *what)
{
    if (i >= n->n_in || !n->in[i])
        return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: %s '%.100s': operand %d (%s) is missing",
                       n->im->file, n->op, n->name, i, what);
    return fv_foreign_is_known(n->in[i]) ? FV_OK : fv_tflite_cannot(n, "%s must be a constant; it is computed", what);
}

fv_status fv_tflite_ints(const fv_tflite_node *n, int i, const char *what, fv_ints *ints)
{
    *ints = (fv_ints){0};
    FV_TRY(fv_tflite_need_constant(n, i, what));
    const int64_t count = fv_foreign_count(n->in[i]);
    if (count > 16 || fv_dtype_is_float(n->in[i]->dtype))
        return fv_tflite_cannot(n, "%s has %lld numbers of %s: at most 16 integers are expected", what,
                                (long long)count, fv_dtype_name(n->in[i]->dtype));
    for (int64_t k = 0; k < count; k++)
        ints->value[ints->count++] = fv_foreign_integer(n->in[i], k);
    return FV_OK;
}

fv_status fv_tflite_option_ints(const fv_tflite_node *n, int field, fv_ints *ints)
{
    const fv_flat_vector v = fv_flat_list(n->options, field, 4);
    *ints = (fv_ints){.count = v.count};
    if (v.count > 16)
        return fv_tflite_cannot(n, "%lld numbers where at most 16 are expected", (long long)v.count);
    for (int64_t i = 0; i < v.count; i++)
        ints->value[i] = fv_flat_list_int(v, i);
    return FV_OK;
}

fv_status fv_tflite_axis(const fv_tflite_node *n, int64_t given, int rank, int *axis)
{
    const fv_import_node node = fv_tflite_common(n);
    return fv_import_axis_of(&node, given, rank, axis);
}

fv_status fv_tflite_free_axis(const fv_tflite_node *n, const fv_foreign *f, int64_t given, int *axis)
{
    const fv_import_node node = fv_tflite_common(n);
    return fv_import_free_axis_of(&node, f, given, axis);
}

fv_value fv_tflite_in(const fv_tflite_node *n, int i)
{
    return fv_import_get(n->im, n->in[i], FV_ORDER_FILE);
}

fv_status fv_tflite_kind(const fv_tflite_node *n, int i, bool *quantized)
{
    const fv_dtype dtype = n->in[i]->dtype;
    *quantized = dtype == FV_I8 || dtype == FV_U8;
    if (dtype == FV_F32 || (*quantized && fv_tflite_scales_of(n->file, n->in_at[i]).count > 0))
        return FV_OK;
    return fv_tflite_cannot(n, "of %s%s: float32, and int8 and uint8 with scales are supported", fv_dtype_name(dtype),
                            *quantized ? " without a scale" : "");
}

/* ---- constants as real numbers ---- */

static fv_status dequantized(const fv_tflite_node *n, int i, const fv_foreign *f, float *to)
{
    const fv_tflite_scales s = fv_tflite_scales_of(n->file, n->in_at[i]);
    int64_t inner = 1;
    if (s.count == 0)
        return fv_tflite_cannot(n, "operand %d is %s without a scale", i, fv_dtype_name(f->dtype));
    if (s.count > 1 && (s.axis < 0 || s.axis >= f->shape.rank || f->shape.dim[s.axis] != s.count))
        return fv_tflite_cannot(n, "operand %d has %lld scales, which do not fit its shape", i, (long long)s.count);
    for (int d = (int)s.axis + 1; d < f->shape.rank && s.count > 1; d++)
        inner *= f->shape.dim[d];
    for (int64_t k = 0; k < fv_foreign_count(f); k++) {
        const int64_t at = s.count > 1 ? k / inner % s.count : 0;
        const int64_t shifted = fv_dtype_get_integer(f->dtype, f->data, k) - fv_tflite_zero(&s, at);
        to[k] = (float)(fv_tflite_scale(&s, at) * (double)shifted);
    }
    return FV_OK;
}

fv_status fv_tflite_reals(const fv_tflite_node *n, int i, fv_foreign **f)
{
    fv_foreign *from = *f = n->in[i];
    void *data;
    if (!from->data || from->dtype == FV_F32)
        return from->dtype == FV_F32 ? FV_OK : fv_tflite_cannot(n, "operand %d is %s", i, fv_dtype_name(from->dtype));
    fv_foreign *to = fv_arena_alloc(n->im->arena, sizeof *to);
    if (!to)
        return FV_ERR_NO_MEMORY;
    const int64_t count = fv_foreign_count(from);
    *to = *from;
    to->dtype = FV_F32;
    FV_TRY(fv_import_alloc(n->im, count * (int64_t)sizeof(float), &data));
    if (fv_dtype_is_float(from->dtype))
        for (int64_t k = 0; k < count; k++)
            ((float *)data)[k] = (float)fv_get(from->dtype, from->data, k);
    else
        FV_TRY(dequantized(n, i, from, data));
    to->data = data;
    for (int k = 0; k < FV_ORDERS; k++)
        to->form[k] = -1;
    *f = to;
    return FV_OK;
}

/* ---- results ---- */

fv_status fv_tflite_result_as(const fv_tflite_node *n, int i, fv_value v, fv_order order, const fv_shape *shape)
{
    const fv_import_node node = fv_tflite_common(n);
    fv_foreign made, *f;
    FV_TRY(fv_import_result(&node, fv_import_batched(&node), v, order, shape, &made));
    FV_TRY(fv_tflite_new_value(n->im, n->file, n->out_at[i], &f));
    made.name = f->name;
    *f = made;
    return FV_OK;
}

fv_status fv_tflite_result(const fv_tflite_node *n, int i, fv_value v, fv_order order)
{
    const fv_shape shape = fv_import_file_shape(n->im, v, order);
    return fv_tflite_result_as(n, i, v, order, &shape);
}

fv_status fv_tflite_alias(const fv_tflite_node *n, int i, const fv_foreign *of)
{
    fv_foreign *f;
    FV_TRY(fv_tflite_new_value(n->im, n->file, n->out_at[i], &f));
    const char *name = f->name;
    *f = *of;
    f->name = name;
    return FV_OK;
}

fv_status fv_tflite_result_constant(const fv_tflite_node *n, int i, fv_dtype dtype, const fv_shape *shape, void **data)
{
    const fv_import_node node = fv_tflite_common(n);
    fv_foreign *f;
    FV_TRY(fv_import_result_data(&node, dtype, shape, data));
    FV_TRY(fv_tflite_new_value(n->im, n->file, n->out_at[i], &f));
    f->dtype = dtype;
    f->shape = *shape;
    f->data = *data;
    return FV_OK;
}

fv_status fv_tflite_activated(const fv_tflite_node *n, int64_t activation, fv_value *v)
{
    const fv_clamp_attr one = {-1.0, 1.0};
    switch (activation) {
    case FV_TFLITE_NONE:
        return FV_OK;
    case FV_TFLITE_RELU:
        *v = fv_import_emit1(n->im, "relu", NULL, *v);
        return FV_OK;
    case FV_TFLITE_RELU6:
        *v = fv_import_emit1(n->im, "relu6", NULL, *v);
        return FV_OK;
    case FV_TFLITE_RELU_N1:
        *v = fv_import_emit1(n->im, "clamp", &one, *v);
        return FV_OK;
    case FV_TFLITE_TANH:
        *v = fv_import_emit1(n->im, "tanh", NULL, *v);
        return FV_OK;
    default:
        return fv_tflite_cannot(n, "its fused activation %lld: RELU, RELU6, RELU_N1_TO_1 and TANH are supported",
                                (long long)activation);
    }
}

/* ---- constants of the graph ---- */

fv_value fv_tflite_picked(fv_import *im, fv_value x, int axis, const int64_t *at, int64_t count)
{
    const fv_axis_attr along = {.axis = axis};
    const fv_shape list = {1, {count}};
    return fv_import_emit2(im, "gather", &along, x, fv_import_constant(im, FV_I64, &list, at));
}
