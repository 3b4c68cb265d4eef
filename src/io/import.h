/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks from files that other tools wrote: one row per format in import.c. What all of them build with is in
 * import/build.h. fv_model_load and fv_model_import go through the rows; bytes that no row takes are a file of tensors.
 */
#ifndef FV_IO_IMPORT_H
#define FV_IO_IMPORT_H

#include "model/model.h"

/* A file that is to be imported. */
typedef struct fv_import_source {
    const char *path; /* for messages, and for what lies beside it */
    const uint8_t *data;
    int64_t size;
} fv_import_source;

/* A format. */
typedef struct fv_importer {
    const char *name;
    /* Whether the bytes are of this format; never by the file's name. */
    bool (*is)(const uint8_t *data, int64_t size);
    /* Makes a finished model with weights. MODEL_FORMAT: the file is damaged. MODEL: it needs what is not there,
     * everything named at once. */
    fv_status (*read)(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options, fv_model **model);
    bool apart; /* the weights are in a second file, options->weights */
} fv_importer;

/* The row of a format; NULL: none of them. */
const fv_importer *fv_importer_of(const uint8_t *data, int64_t size);

#endif
