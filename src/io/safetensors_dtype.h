/* SPDX-License-Identifier: Apache-2.0 */
/* The table of element types. */
#ifndef FV_IO_SAFETENSORS_DTYPE_H
#define FV_IO_SAFETENSORS_DTYPE_H

#include "io/safetensors.h"

typedef struct fv_st_dtype_row {
    const char *name;
    int64_t size;
    /* `count` elements from unaligned bytes; NULL: not read as that. */
    void (*floats)(const uint8_t *src, int64_t count, float *dst);
    void (*integers)(const uint8_t *src, int64_t count, int64_t *dst);
} fv_st_dtype_row;

extern const fv_st_dtype_row fv_st_dtypes[FV_ST_DTYPE_COUNT];

#endif
