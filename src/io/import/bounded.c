/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of protobuf formats within a bound of memory. */
#ifdef FV_WITH_ONNX
#include "io/import/bounded.h"

#define MESSAGES_PER_BYTE 8
#define MESSAGES_FREE     ((size_t)24 << 20)

static void *bounded_alloc(void *user, size_t size)
{
    fv_bounded *b = user;
    const size_t need = size + 64;
    if (need > b->left) {
        b->exceeded = true;
        return NULL;
    }
    b->left -= need;
    return fv_malloc(b->ctx, size ? size : 1);
}

static void bounded_release(void *user, void *data)
{
    fv_free(((fv_bounded *)user)->ctx, data);
}

void fv_bounded_begin(fv_ctx *ctx, int64_t size, fv_bounded *b)
{
    *b = (fv_bounded){.ctx = ctx, .left = MESSAGES_FREE + (size_t)size * MESSAGES_PER_BYTE};
    b->allocator = (ProtobufCAllocator){bounded_alloc, bounded_release, b};
}

const char *fv_bounded_why(const fv_bounded *b)
{
    return b->exceeded ? "its messages need memory out of all proportion to the file"
                       : "its messages cannot be read: the file is cut short or damaged";
}

#endif
