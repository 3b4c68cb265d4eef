/* SPDX-License-Identifier: Apache-2.0 */
/* Named arrays in NumPy's files: one in .npy, several in .npz. */
#ifndef FOVEA_ARRAYS_H
#define FOVEA_ARRAYS_H

#include <fovea/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A list of arrays with names. */
typedef struct fv_arrays fv_arrays;

FV_API fv_status fv_arrays_create(fv_ctx *ctx, fv_arrays **arrays);
FV_API void fv_arrays_destroy(fv_arrays **arrays);
FV_API int fv_arrays_count(const fv_arrays *arrays);
/** Name of array i: the member's without ".npy"; "" in a file of one. NULL: there is none. */
FV_API const char *fv_arrays_name(const fv_arrays *arrays, int i);
/** Array i, borrowed; NULL: there is none. */
FV_API const fv_tensor *fv_arrays_tensor(const fv_arrays *arrays, int i);
/** Adds a tensor, which it shares. */
FV_API fv_status fv_arrays_add(fv_arrays *arrays, const char *name, const fv_tensor *tensor);
/**
 * Reads a file, .npy or .npz by its content: bool, integers and floats in any byte order; u16 become i32, u32 i64.
 * DATA_FORMAT or DATA_TRUNCATED say what is wrong and where. .npz needs libzip.
 */
FV_API fv_status fv_arrays_read(fv_ctx *ctx, const char *path, fv_arrays **arrays);
/** Writes atomically: one array to a path that ends in ".npy", else a zip of NAME.npy, stored. */
FV_API fv_status fv_arrays_write(const fv_arrays *arrays, const char *path);

#ifdef __cplusplus
}
#endif
#endif
