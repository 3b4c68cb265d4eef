/* SPDX-License-Identifier: Apache-2.0 */
/* Constants, and shapes, which are constants once the sizes of images are known. */
#include <math.h>
#include <string.h>

#include "io/onnx/node.h"

static fv_status fold_constant(const fv_onnx_node *n)
{
    const fv_foreign *t;
    void *data;
    int64_t count;
    fv_shape shape = {.rank = 0};
    FV_TRY(fv_onnx_tensor(n, "value", &t));
    if (t) {
        FV_TRY(fv_import_alias(n->im, n->out[0], t));
        fv_import_find(n->im, n->out[0])->initial = true;
        return FV_OK;
    }
    const fv_ints ints = fv_onnx_ints(n, "value_ints");
    const float *floats = fv_onnx_floats(n, "value_floats", &count);
    if (fv_onnx_has(n, "value_int")) {
        FV_TRY(fv_onnx_result_constant(n, 0, FV_I64, &shape, &data));
        *(int64_t *)data = fv_onnx_int(n, "value_int", 0);
    } else if (fv_onnx_has(n, "value_float")) {
        FV_TRY(fv_onnx_result_constant(n, 0, FV_F32, &shape, &data));
        *(float *)data = (float)fv_onnx_real(n, "value_float", 0.0);
    } else if (floats) {
        shape = (fv_shape){1, {count}};
        FV_TRY(fv_onnx_result_constant(n, 0, FV_F32, &shape, &data));
        memcpy(data, floats, (size_t)count * sizeof *floats);
    } else if (fv_onnx_has(n, "value_ints")) {
        shape = (fv_shape){1, {ints.count}};
        FV_TRY(fv_onnx_result_constant(n, 0, FV_I64, &shape, &data));
        memcpy(data, ints.value, (size_t)ints.count * sizeof *ints.value);
    } else {
        return fv_onnx_cannot(n, "its value is no tensor of numbers");
    }
    return FV_OK;
}

static fv_status map_shape(const fv_onnx_node *n)
{
    void *data;
    FV_TRY(fv_onnx_need(n, 0));
    const fv_shape *s = &n->in[0]->shape;
    int64_t start = fv_onnx_int(n, "start", 0), end = fv_onnx_int(n, "end", s->rank);
    start = start < 0 ? start + s->rank : start;
    end = end < 0 ? end + s->rank : end;
    start = start < 0 ? 0 : start > s->rank ? s->rank : start;
    end = end < start ? start : end > s->rank ? s->rank : end;
    const fv_shape shape = {1, {end - start}};
    FV_TRY(fv_onnx_result_constant(n, 0, FV_I64, &shape, &data));
    memcpy(data, s->dim + start, (size_t)(end - start) * sizeof *s->dim);
    return FV_OK;
}

static fv_status map_size(const fv_onnx_node *n)
{
    void *data;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_result_constant(n, 0, FV_I64, &(fv_shape){.rank = 0}, &data));
    *(int64_t *)data = fv_foreign_count(n->in[0]);
    return n->in[0]->batched ? fv_import_merges(n->im) : FV_OK;
}

static fv_status fold_constant_of_shape(const fv_onnx_node *n)
{
    const fv_foreign *t;
    fv_ints dims;
    void *data;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_ints_of(n, 0, NULL, &dims));
    FV_TRY(fv_onnx_tensor(n, "value", &t));
    fv_shape shape = {.rank = (int32_t)dims.count};
    if (dims.count > FV_MAX_RANK || (t && fv_foreign_count(t) != 1))
        return fv_onnx_cannot(n, "%lld dimensions", (long long)dims.count);
    memcpy(shape.dim, dims.value, (size_t)dims.count * sizeof *shape.dim);
    const fv_dtype dtype = t ? t->dtype : FV_F32;
    FV_TRY(fv_onnx_result_constant(n, 0, dtype, &shape, &data));
    for (int64_t i = 0; t && i < fv_shape_count(&shape); i++)
        memcpy((char *)data + (size_t)i * fv_dtype_size(dtype), t->data, fv_dtype_size(dtype));
    return FV_OK;
}

static fv_status fold_range(const fv_onnx_node *n)
{
    void *data;
    for (int i = 0; i < 3; i++) {
        FV_TRY(fv_onnx_need(n, i));
        if (fv_foreign_count(n->in[i]) != 1)
            return fv_onnx_cannot(n, "its bounds are no single numbers");
    }
    const double start = fv_foreign_real(n->in[0], 0), end = fv_foreign_real(n->in[1], 0),
                 step = fv_foreign_real(n->in[2], 0), count = ceil((end - start) / step);
    if (!(step != 0.0) || !(count < 1e9))
        return fv_onnx_cannot(n, "from %g to %g by %g", start, end, step);
    const fv_shape shape = {1, {count > 0 ? (int64_t)count : 0}};
    FV_TRY(fv_onnx_result_constant(n, 0, n->in[0]->dtype, &shape, &data));
    for (int64_t i = 0; i < shape.dim[0]; i++)
        fv_set(n->in[0]->dtype, data, i, start + (double)i * step);
    return FV_OK;
}

static const char constants_alone[] = "it is supported of constants alone";

const fv_onnx_op fv_onnx_constant_ops[] = {
    {"Constant", NULL, fold_constant, NULL},      {"Shape", map_shape, map_shape, NULL},
    {"Size", map_size, map_size, NULL},           {"ConstantOfShape", NULL, fold_constant_of_shape, constants_alone},
    {"Range", NULL, fold_range, constants_alone}, {0},
};
