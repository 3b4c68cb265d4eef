/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of a file: how their numbers are packed, and those that lie in a file beside it. */
#include "io/onnx/file.h"

#include <string.h>

#ifdef FV_WITH_ONNX

/* ONNX's numbers of types, as the file has them and as the model has them. */
static const struct {
    const char *name;
    bool there;
    fv_dtype file, model;
} types[] = {
    [1] = {"float", true, FV_F32, FV_F32},        [2] = {"uint8", true, FV_U8, FV_U8},
    [3] = {"int8", true, FV_I8, FV_I8},           [4] = {"uint16", false, FV_I16, FV_I16},
    [5] = {"int16", true, FV_I16, FV_I16},        [6] = {"int32", true, FV_I32, FV_I32},
    [7] = {"int64", true, FV_I64, FV_I64},        [8] = {"string", false, FV_U8, FV_U8},
    [9] = {"bool", true, FV_BOOL, FV_BOOL},       [10] = {"float16", true, FV_F16, FV_F32},
    [11] = {"double", true, FV_F64, FV_F32},      [12] = {"uint32", false, FV_I64, FV_I64},
    [13] = {"uint64", false, FV_I64, FV_I64},     [14] = {"complex64", false, FV_F32, FV_F32},
    [15] = {"complex128", false, FV_F32, FV_F32}, [16] = {"bfloat16", true, FV_BF16, FV_F32},
};

bool fv_onnx_dtype(int64_t number, fv_dtype *dtype)
{
    const bool there = number >= 0 && number < (int64_t)(sizeof types / sizeof types[0]) && types[number].there;
    if (there)
        *dtype = types[number].model;
    return there;
}

/* Where the elements stand, when not in raw_data: lists of wider numbers. */
typedef struct list {
    const void *data;
    size_t count;
    fv_dtype dtype; /* of its elements */
} list;

static list list_of(const FvOnnx__Tensor *t, fv_dtype dtype)
{
    if (dtype == FV_F32)
        return (list){t->float_data, t->n_float_data, FV_F32};
    if (dtype == FV_F64)
        return (list){t->double_data, t->n_double_data, FV_F64};
    if (dtype == FV_I64)
        return (list){t->int64_data, t->n_int64_data, FV_I64};
    return (list){t->int32_data, t->n_int32_data, FV_I32}; /* halves: their bits */
}

/* Elements of the file's type -> of the model's. */
static void convert(fv_dtype from, const void *src, fv_dtype to, void *dst, int64_t count)
{
    if (from == to) {
        memcpy(dst, src, (size_t)count * fv_dtype_size(to));
        return;
    }
    for (int64_t i = 0; i < count; i++)
        if (fv_dtype_is_float(from) || fv_dtype_is_float(to))
            fv_set(to, dst, i, fv_get(from, src, i));
        else
            fv_dtype_set_integer(to, dst, i, fv_dtype_get_integer(from, src, i));
}

static fv_status bad(fv_import *im, const char *name, const char *what)
{
    return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: tensor '%.200s': %s", im->file, name, what);
}

static fv_status shape_of(fv_import *im, const FvOnnx__Tensor *t, const char *name, fv_foreign *to, int64_t *count)
{
    if (t->n_dims > FV_MAX_RANK)
        return fv_fail(im->ctx, FV_ERR_MODEL, "%s: ONNX: tensor '%.200s' has %lld dimensions: at most %d are supported",
                       im->file, name, (long long)t->n_dims, FV_MAX_RANK);
    to->shape.rank = (int32_t)t->n_dims;
    for (size_t d = 0; d < t->n_dims; d++)
        to->shape.dim[d] = t->dims[d];
    *count = fv_shape_count(&to->shape);
    return *count < 0 || *count > INT64_MAX / 8 ? bad(im, name, "its dimensions are impossible") : FV_OK;
}

/* Halves stand in int32_data as their bits. */
static fv_status unpack_list(fv_import *im, const char *name, const list *from, fv_dtype dtype, fv_foreign *to,
                             void *data, int64_t count)
{
    if ((int64_t)from->count != count)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT,
                       "%s: ONNX: tensor '%.200s' has %lld numbers, its dimensions ask for %lld", im->file, name,
                       (long long)from->count, (long long)count);
    if (dtype == FV_F16 || dtype == FV_BF16) {
        for (int64_t i = 0; i < count; i++) {
            const uint16_t bits = (uint16_t)((const int32_t *)from->data)[i];
            fv_set(to->dtype, data, i, fv_get(dtype, &bits, 0));
        }
        return FV_OK;
    }
    convert(from->dtype, from->data, to->dtype, data, count);
    return FV_OK;
}

fv_status fv_onnx_read_tensor(fv_import *im, const FvOnnx__Tensor *t, const char *name, fv_foreign *to)
{
    const int64_t number = t->has_data_type ? t->data_type : 0;
    int64_t count = 0;
    void *data = NULL;
    if (number < 1 || number >= (int64_t)(sizeof types / sizeof types[0]) || !types[number].there)
        return fv_fail(
            im->ctx, FV_ERR_MODEL, "%s: ONNX: tensor '%.200s' is of type %s (%lld), which is not read", im->file, name,
            number > 0 && number < (int64_t)(sizeof types / sizeof types[0]) ? types[number].name : "unknown",
            (long long)number);
    const fv_dtype dtype = types[number].file;
    to->dtype = types[number].model;
    FV_TRY(shape_of(im, t, name, to, &count));
    const int64_t bytes = count * (int64_t)fv_dtype_size(dtype);
    const uint8_t *raw = t->has_raw_data ? t->raw_data.data : NULL;
    if (t->has_data_location && t->data_location == 1)
        FV_TRY(fv_onnx_read_external(im, t, name, bytes, &raw));
    else if (t->has_raw_data && (int64_t)t->raw_data.len != bytes)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT,
                       "%s: ONNX: tensor '%.200s' has %lld bytes, its dimensions ask for %lld", im->file, name,
                       (long long)t->raw_data.len, (long long)bytes);
    if (raw && dtype == to->dtype && (uintptr_t)raw % fv_dtype_size(dtype) == 0) {
        to->data = raw;
        return FV_OK;
    }
    list from = list_of(t, dtype);
    if (!raw && (int64_t)from.count != count)
        return unpack_list(im, name, &from, dtype, to, NULL, count);
    FV_TRY(fv_import_alloc(im, count * (int64_t)fv_dtype_size(to->dtype), &data));
    to->data = data;
    if (raw)
        convert(dtype, raw, to->dtype, data, count);
    return raw || count == 0 ? FV_OK : unpack_list(im, name, &from, dtype, to, data, count);
}

#endif
