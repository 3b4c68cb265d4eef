/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include <fovea/tensor.h>

#include "base/ctx.h"
#include "tensor/within.h"

/* The bytes, shared by every handle. */
typedef struct shared_buffer {
    atomic_int refs;
    void *data;
} shared_buffer;

struct fv_tensor {
    fv_ctx *ctx;
    shared_buffer *buffer;
    void *data; /* in the buffer */
    fv_dtype dtype;
    fv_shape shape;
    int64_t count;
};

int64_t fv_shape_count(const fv_shape *shape)
{
    int64_t count = 1;
    if (shape->rank < 0 || shape->rank > FV_MAX_RANK)
        return -1;
    for (int i = 0; i < shape->rank; i++) {
        if (!fv_size_mul(count, shape->dim[i], &count))
            return -1;
    }
    return count;
}

bool fv_shape_equal(const fv_shape *a, const fv_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i])
            return false;
    }
    return true;
}

const char *fv_shape_text(const fv_shape *shape, char text[96])
{
    size_t at = 0;
    text[0] = '\0';
    if (shape->rank == 0) {
        snprintf(text, 96, "scalar");
        return text;
    }
    /* Eight numbers of at most 11 digits and their separators fit; what is longer is cut. */
    for (int i = 0; i < shape->rank && i < FV_MAX_RANK && at < 95; i++) {
        int n = snprintf(text + at, 96 - at, "%s%" PRId64, i > 0 ? "x" : "", shape->dim[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    return text;
}

/* The only tensor of a buffer, whose memory is there. */
static fv_status own(fv_ctx *ctx, void *data, fv_dtype dtype, const fv_shape *shape, fv_tensor **tensor)
{
    fv_tensor *t = fv_new(ctx, fv_tensor);
    shared_buffer *b = fv_new(ctx, shared_buffer);
    *tensor = NULL;
    if (!t || !b) {
        fv_free(ctx, b);
        fv_free(ctx, t);
        return FV_ERR_NO_MEMORY;
    }
    atomic_init(&b->refs, 1);
    b->data = data;
    *t = (fv_tensor){
        .ctx = ctx, .buffer = b, .data = data, .dtype = dtype, .shape = *shape, .count = fv_shape_count(shape)};
    *tensor = t;
    return FV_OK;
}

fv_status fv_tensor_create(fv_ctx *ctx, fv_dtype dtype, const fv_shape *shape, fv_tensor **tensor)
{
    *tensor = NULL;
    char text[96];
    int64_t count = fv_shape_count(shape), bytes;
    if (fv_dtype_size(dtype) == 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_tensor_create: dtype %d is not one of fv_dtype", (int)dtype);
    if (count < 0 || !fv_size_mul(count, (int64_t)fv_dtype_size(dtype), &bytes))
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "fv_tensor_create: shape %s (rank %d) is invalid: expected rank 0 to %d and a size that fits "
                       "into 63 bits",
                       fv_shape_text(shape, text), (int)shape->rank, FV_MAX_RANK);
    void *data = fv_calloc(ctx, (size_t)(bytes > 0 ? bytes : 1), 1);
    const fv_status status = data ? own(ctx, data, dtype, shape, tensor) : FV_ERR_NO_MEMORY;
    if (status != FV_OK)
        fv_free(ctx, data);
    return status;
}

fv_status fv_tensor_adopt(fv_ctx *ctx, void *data, int64_t bytes, fv_tensor **tensor)
{
    const fv_shape shape = {.rank = 1, .dim = {bytes}};
    return own(ctx, data, FV_U8, &shape, tensor);
}

bool fv_tensor_is_whole(fv_dtype dtype, const fv_shape *shape)
{
    const int64_t size = (int64_t)fv_dtype_size(dtype), row = shape->rank > 0 ? shape->dim[shape->rank - 1] : 1;
    return size > 0 && row % ((int64_t)FV_ALIGN / size) == 0;
}

bool fv_tensor_has_within(const fv_tensor *whole, int64_t at, fv_dtype dtype, const fv_shape *shape)
{
    const int64_t room = (int64_t)fv_tensor_bytes(whole);
    int64_t bytes;
    return fv_tensor_is_whole(dtype, shape) &&
           fv_size_mul(fv_shape_count(shape), (int64_t)fv_dtype_size(dtype), &bytes) && at >= 0 && at <= room &&
           bytes <= room - at && ((uintptr_t)whole->data + (uintptr_t)at) % FV_ALIGN == 0;
}

fv_status fv_tensor_within(const fv_tensor *whole, int64_t at, fv_dtype dtype, const fv_shape *shape,
                           fv_tensor **tensor)
{
    char text[96];
    *tensor = NULL;
    if (!fv_tensor_has_within(whole, at, dtype, shape))
        return fv_fail(whole->ctx, FV_ERR_ARGUMENT, "fv_tensor_within: %s %s at byte %" PRId64 " of %zu",
                       fv_dtype_name(dtype), fv_shape_text(shape, text), at, fv_tensor_bytes(whole));
    FV_TRY(fv_tensor_share(whole, tensor));
    (*tensor)->data = (char *)whole->data + at;
    (*tensor)->dtype = dtype;
    (*tensor)->shape = *shape;
    (*tensor)->count = fv_shape_count(shape);
    return FV_OK;
}

fv_status fv_tensor_share(const fv_tensor *tensor, fv_tensor **other)
{
    *other = fv_new(tensor->ctx, fv_tensor);
    if (!*other)
        return FV_ERR_NO_MEMORY;
    **other = *tensor;
    atomic_fetch_add_explicit(&tensor->buffer->refs, 1, memory_order_relaxed);
    return FV_OK;
}

void fv_tensor_destroy(fv_tensor **tensor)
{
    fv_tensor *t = tensor ? *tensor : NULL;
    if (!t)
        return;
    fv_ctx *ctx = t->ctx;
    if (atomic_fetch_sub_explicit(&t->buffer->refs, 1, memory_order_acq_rel) == 1) {
        fv_free(ctx, t->buffer->data);
        fv_free(ctx, t->buffer);
    }
    fv_free(ctx, t);
    *tensor = NULL;
}

fv_dtype fv_tensor_dtype(const fv_tensor *tensor)
{
    return tensor->dtype;
}

const fv_shape *fv_tensor_shape(const fv_tensor *tensor)
{
    return &tensor->shape;
}

int64_t fv_tensor_count(const fv_tensor *tensor)
{
    return tensor->count;
}

size_t fv_tensor_bytes(const fv_tensor *tensor)
{
    return (size_t)tensor->count * fv_dtype_size(tensor->dtype);
}

void *fv_tensor_data(fv_tensor *tensor)
{
    return tensor->data;
}

const void *fv_tensor_const_data(const fv_tensor *tensor)
{
    return tensor->data;
}
