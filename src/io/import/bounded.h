/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for the messages of a protobuf file, within a bound that its size sets. */
#ifndef FV_IO_IMPORT_BOUNDED_H
#define FV_IO_IMPORT_BOUNDED_H

#include <protobuf-c/protobuf-c.h>

#include "base/ctx.h"

typedef struct fv_bounded {
    fv_ctx *ctx;
    size_t left;
    bool exceeded; /* a message asked for more than was left */
    ProtobufCAllocator allocator;
} fv_bounded;

/* For a file of `size` bytes. *b must stay where it is. */
void fv_bounded_begin(fv_ctx *ctx, int64_t size, fv_bounded *b);
/* "its messages ...": why they could not be read. */
const char *fv_bounded_why(const fv_bounded *b);

#endif
