/* SPDX-License-Identifier: Apache-2.0 */
/* Element types of files: an fv_dtype, or a number from FV_DTYPE_COUNT on for those whose size alone is known. */
#ifndef FV_IO_SAFETENSORS_DTYPE_H
#define FV_IO_SAFETENSORS_DTYPE_H

#include "io/safetensors.h"

/* "F32", "U16", ...; bytes of an element; the number of a name, -1 when it is unknown. */
const char *fv_st_dtype_name(int dtype);
int64_t fv_st_dtype_size(int dtype);
int fv_st_dtype_find(const char *name);

#endif
