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

#define FV_MAX_RANK 5

typedef enum fv_dtype { FV_F32 = 0, FV_F64, FV_I32, FV_U8, FV_I64, FV_DTYPE_COUNT } fv_dtype;

/** Dimensions, outermost first. Images are n h w c, convolution filters k r s c, dense weights out in. */
typedef struct fv_shape {
    int32_t rank;
    int64_t dim[FV_MAX_RANK];
} fv_shape;

/** A dense C-ordered array with a reference-counted, 64-byte aligned buffer. */
typedef struct fv_tensor fv_tensor;

/** Bytes of one element: 4, 8, 4, 1, 8. */
FV_API size_t fv_dtype_size(fv_dtype dtype);
/** "f32", "f64", "i32", "u8", "i64". */
FV_API const char *fv_dtype_name(fv_dtype dtype);
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
/** First element; FV_TAIL_PAD bytes behind the last one may be read. */
FV_API void *fv_tensor_data(fv_tensor *tensor);
FV_API const void *fv_tensor_const_data(const fv_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
