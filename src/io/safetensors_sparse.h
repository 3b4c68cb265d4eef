/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors of which mostly zeros are left out. `fovea.sparse` maps their names to their shapes; the file holds
 * "NAME::mask", a bit for each element in the file's order (the lowest bit of a byte first; 1: it is not zero), and
 * "NAME::values", the elements that are not zero.
 */
#ifndef FV_IO_SAFETENSORS_SPARSE_H
#define FV_IO_SAFETENSORS_SPARSE_H

#include "io/safetensors.h"
#include "model/model.h"

#define FV_SPARSE_KEY "fovea.sparse"

typedef struct fv_sparse_part {
    int slot;
    char *names[2]; /* of the mask, of the values */
    uint8_t *mask;
    float *values;
    int64_t bytes, count;
} fv_sparse_part;
typedef struct fv_sparse_parts {
    fv_sparse_part *list;
    int n;
} fv_sparse_parts;

/* The slots of a sparse model that take less room so; none of another. fv_sparse_free also on failure. */
fv_status fv_sparse_make(const fv_model *model, fv_sparse_parts *parts);
void fv_sparse_free(fv_ctx *ctx, fv_sparse_parts *parts);
/* The part of a slot; NULL: it is written whole. */
const fv_sparse_part *fv_sparse_of(const fv_sparse_parts *parts, int slot);
/* The text of the key. */
void fv_sparse_text(const fv_model *model, const fv_sparse_parts *parts, fv_str *out);

/* Puts whole tensors in the place of what a file holds of them. MODEL_FORMAT where masks, values and shapes do not fit;
 * OVER_BUDGET. */
fv_status fv_sparse_expand(fv_tensor_file *file);

#endif
