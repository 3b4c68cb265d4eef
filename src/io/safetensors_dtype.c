/* SPDX-License-Identifier: Apache-2.0 */
/* Element types of files: those of the library, and some whose size alone is known. */
#include "io/safetensors_dtype.h"

#include <string.h>

/* What files may hold and the library does not compute with. */
static const struct {
    const char *name;
    int64_t size;
} foreign[] = {{"U16", 2}, {"U32", 4}, {"U64", 8}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};

#define FOREIGN_COUNT ((int)(sizeof foreign / sizeof *foreign))

const char *fv_st_dtype_name(int dtype)
{
    return dtype < FV_DTYPE_COUNT ? fv_dtype_find((fv_dtype)dtype)->file : foreign[dtype - FV_DTYPE_COUNT].name;
}

int64_t fv_st_dtype_size(int dtype)
{
    return dtype < FV_DTYPE_COUNT ? (int64_t)fv_dtype_size((fv_dtype)dtype) : foreign[dtype - FV_DTYPE_COUNT].size;
}

int fv_st_dtype_find(const char *name)
{
    for (int i = 0; i < FV_DTYPE_COUNT + FOREIGN_COUNT; i++) {
        if (strcmp(name, fv_st_dtype_name(i)) == 0)
            return i;
    }
    return -1;
}

static fv_status refuse(fv_ctx *ctx, const fv_tensor_file *file, const fv_st_entry *entry, const char *what)
{
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: tensor '%s' is %s: it cannot be read as %s",
                                fv_tensor_file_name(file), entry->name, fv_st_dtype_name(entry->dtype), what),
                        "store it as F32");
}

/* Elements of files need not be aligned: each goes through a place that is. */
fv_status fv_tensor_file_floats(const fv_tensor_file *file, const fv_st_entry *entry, int64_t begin, int64_t count,
                                float *dst)
{
    const int64_t size = fv_st_dtype_size(entry->dtype);
    const uint8_t *src = entry->data + begin * size;
    uint64_t cell = 0;
    if (entry->dtype >= FV_DTYPE_COUNT)
        return refuse(fv_tensor_file_ctx(file), file, entry, "floats");
    if (entry->dtype == FV_F32 && count > 0)
        memcpy(dst, src, (size_t)count * sizeof *dst);
    for (int64_t i = 0; entry->dtype != FV_F32 && i < count; i++) {
        memcpy(&cell, src + i * size, (size_t)size);
        dst[i] = (float)fv_dtype_get((fv_dtype)entry->dtype, &cell, 0);
    }
    return FV_OK;
}

fv_status fv_tensor_file_integers(const fv_tensor_file *file, const fv_st_entry *entry, int64_t begin, int64_t count,
                                  int64_t *dst)
{
    const int64_t size = fv_st_dtype_size(entry->dtype);
    uint64_t cell = 0;
    if (entry->dtype >= FV_DTYPE_COUNT || fv_dtype_is_float((fv_dtype)entry->dtype))
        return refuse(fv_tensor_file_ctx(file), file, entry, "whole numbers");
    for (int64_t i = 0; i < count; i++) {
        memcpy(&cell, entry->data + (begin + i) * size, (size_t)size);
        dst[i] = fv_dtype_get_integer((fv_dtype)entry->dtype, &cell, 0);
    }
    return FV_OK;
}
