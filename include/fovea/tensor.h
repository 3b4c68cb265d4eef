/* SPDX-License-Identifier: Apache-2.0 */
/* Element types, shapes and tensors. */
#ifndef FOVEA_TENSOR_H
#define FOVEA_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FV_MAX_RANK 8

/** What the elements of a dtype are. */
typedef enum fv_dtype_kind {
    FV_DTYPE_FLOAT,
    FV_DTYPE_SIGNED,
    FV_DTYPE_UNSIGNED,
    FV_DTYPE_LOGICAL /* 0 or 1 */
} fv_dtype_kind;

/** The dtypes: X(NAME, name, bytes of an element, kind, name in safetensors files). Their order is part of no file. */
#define FV_DTYPE_LIST(X)                                                                                               \
    X(F32, f32, 4, FV_DTYPE_FLOAT, "F32")                                                                              \
    X(F64, f64, 8, FV_DTYPE_FLOAT, "F64")                                                                              \
    X(I32, i32, 4, FV_DTYPE_SIGNED, "I32")                                                                             \
    X(U8, u8, 1, FV_DTYPE_UNSIGNED, "U8")                                                                              \
    X(I64, i64, 8, FV_DTYPE_SIGNED, "I64")                                                                             \
    X(F16, f16, 2, FV_DTYPE_FLOAT, "F16")                                                                              \
    X(BF16, bf16, 2, FV_DTYPE_FLOAT, "BF16")                                                                           \
    X(I16, i16, 2, FV_DTYPE_SIGNED, "I16")                                                                             \
    X(I8, i8, 1, FV_DTYPE_SIGNED, "I8")                                                                                \
    X(BOOL, bool, 1, FV_DTYPE_LOGICAL, "BOOL")

#define FV_DTYPE_ROW(NAME, name, size, kind, file) FV_##NAME,
typedef enum fv_dtype { FV_DTYPE_LIST(FV_DTYPE_ROW) FV_DTYPE_COUNT } fv_dtype;
#undef FV_DTYPE_ROW

/** A dtype: one row of the table. */
typedef struct fv_dtype_row {
    const char *name; /* "f32" */
    size_t size;      /* bytes of an element */
    fv_dtype_kind kind;
    const char *file; /* name in safetensors files */
    /* Element i of an array as a double; and back, rounded once: floats to nearest even, integers towards zero and not
     * beyond their limits (NaN is 0), logical values to whether it differs from 0. */
    double (*get)(const void *data, int64_t i);
    void (*set)(void *data, int64_t i, double value);
} fv_dtype_row;

/** Dimensions, outermost first. Images are n h w c, convolution filters k r s c, dense weights out in. */
typedef struct fv_shape {
    int32_t rank;
    int64_t dim[FV_MAX_RANK];
} fv_shape;

/** A dense C-ordered array with a reference-counted, 64-byte aligned buffer. */
typedef struct fv_tensor fv_tensor;

/** The row of a dtype; NULL when it is none. */
FV_API const fv_dtype_row *fv_dtype_find(fv_dtype dtype);
/** Bytes of one element; 0 when it is no dtype. */
FV_API size_t fv_dtype_size(fv_dtype dtype);
/** "f32", "f64", ...; "?" when it is no dtype. */
FV_API const char *fv_dtype_name(fv_dtype dtype);
/** The dtype of that name; false: there is none, *dtype stays as it is. */
FV_API bool fv_dtype_parse(const char *name, fv_dtype *dtype);
FV_API bool fv_dtype_is_float(fv_dtype dtype);
/** Element i of an array as a double, and back, rounded once as its row says. NaN and nothing when it is no dtype. */
FV_API double fv_dtype_get(fv_dtype dtype, const void *data, int64_t i);
FV_API void fv_dtype_set(fv_dtype dtype, void *data, int64_t i, double value);
/** Element i of an array of integers or logical values exactly, and back (the lowest bytes); floats are converted. */
FV_API int64_t fv_dtype_get_integer(fv_dtype dtype, const void *data, int64_t i);
FV_API void fv_dtype_set_integer(fv_dtype dtype, void *data, int64_t i, int64_t value);
/** Product of the dimensions; -1 when it overflows or a dimension is negative. */
FV_API int64_t fv_shape_count(const fv_shape *shape);
FV_API bool fv_shape_equal(const fv_shape *a, const fv_shape *b);
/** Writes "8x56x56x64" into text and returns it. */
FV_API const char *fv_shape_text(const fv_shape *shape, char text[96]);

/** Creates a zero-filled tensor. ARGUMENT for a bad shape, NO_MEMORY. The caller destroys it before the context. */
FV_API fv_status fv_tensor_create(fv_ctx *ctx, fv_dtype dtype, const fv_shape *shape, fv_tensor **tensor);
/** A second handle to the same buffer (reference counted). */
FV_API fv_status fv_tensor_share(const fv_tensor *tensor, fv_tensor **other);
FV_API void fv_tensor_destroy(fv_tensor **tensor);

FV_API fv_dtype fv_tensor_dtype(const fv_tensor *tensor);
FV_API const fv_shape *fv_tensor_shape(const fv_tensor *tensor);
FV_API int64_t fv_tensor_count(const fv_tensor *tensor);
/** Elements times bytes of one. */
FV_API size_t fv_tensor_bytes(const fv_tensor *tensor);
/** First element; FV_TAIL_PAD bytes behind the last one may be read. */
FV_API void *fv_tensor_data(fv_tensor *tensor);
FV_API const void *fv_tensor_const_data(const fv_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
