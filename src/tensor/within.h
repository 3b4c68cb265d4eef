/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in memory that is there already. */
#ifndef FV_TENSOR_WITHIN_H
#define FV_TENSOR_WITHIN_H

#include <fovea/tensor.h>

/* The first `bytes` of what fv_malloc gave as a tensor of u8, which frees it. On failure it stays the caller's. */
fv_status fv_tensor_adopt(fv_ctx *ctx, void *data, int64_t bytes, fv_tensor **tensor);
/* Whether the rows of such a tensor are whole vectors, so that no kernel reads what lies behind it. */
bool fv_tensor_is_whole(fv_dtype dtype, const fv_shape *shape);
/* Whether elements of that dtype and shape from byte `at` of the tensor's buffer on are a tensor as any other: inside,
 * 64-byte aligned, whole. */
bool fv_tensor_has_within(const fv_tensor *whole, int64_t at, fv_dtype dtype, const fv_shape *shape);
/* A tensor of them, which shares the buffer. ARGUMENT unless fv_tensor_has_within. */
fv_status fv_tensor_within(const fv_tensor *whole, int64_t at, fv_dtype dtype, const fv_shape *shape,
                           fv_tensor **tensor);

#endif
