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

/* ---- names of classes ---- */

enum { FV_IMPORT_LABELS_MAX = 1 << 20 }; /* bytes of a text of them */

/* One name a line of `text`, which is cut into them; "0 name", "1 name" and so on lose their numbers. Taken where there
 * are as many as classes; else, or where they are no names, that is logged. `source` is for messages. */
fv_status fv_import_labels(fv_ctx *ctx, const char *source, char *text, fv_model *model);
/* The same from the labels.txt in the folder of a model's file, when the model has no names yet. */
fv_status fv_import_labels_beside(fv_ctx *ctx, const char *file, fv_model *model);

#endif
