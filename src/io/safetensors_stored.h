/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights that a file holds in a smaller type (`fovea.storage`): F16 and BF16 as they are; I8 with a scale for each
 * filter, BF16, in "NAME::scale". They become float32 when the file is read. Only what a smaller type holds exactly is
 * written in it (fv_model_round sees to that), so that saving loses nothing.
 */
#ifndef FV_IO_SAFETENSORS_STORED_H
#define FV_IO_SAFETENSORS_STORED_H

#include "io/safetensors_sparse.h"

#define FV_STORAGE_KEY "fovea.storage"

typedef struct fv_stored_part {
    int slot;
    fv_dtype dtype;
    void *data;      /* in the slot's order */
    uint16_t *scale; /* bfloat16, of the filters; NULL: none */
    char *scale_name;
} fv_stored_part;
typedef struct fv_stored_parts {
    fv_stored_part *list;
    int n, scales; /* parts, those of them with scales */
} fv_stored_parts;

/* Bytes of a weight in the model's storage. */
int64_t fv_stored_size(const fv_model *model);
/* The slots that are written in a smaller type and not without their zeros. fv_stored_free also on failure. */
fv_status fv_stored_make(const fv_model *model, const fv_sparse_parts *sparse, fv_stored_parts *parts);
void fv_stored_free(fv_ctx *ctx, fv_stored_parts *parts);
/* The part of a slot; NULL: it is written as it is. */
const fv_stored_part *fv_stored_of(const fv_stored_parts *parts, int slot);

/* What the key says. MODEL_FORMAT: something else than a storage. */
fv_status fv_stored_read(const fv_tensor_file *file, fv_storage *storage);
/* Puts floats in the place of integers and their scales. MODEL_FORMAT where they do not fit each other; OVER_BUDGET. */
fv_status fv_stored_expand(fv_tensor_file *file);

#endif
