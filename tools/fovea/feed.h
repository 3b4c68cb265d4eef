/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays for the inputs of a network, as --input names them. */
#ifndef FOVEA_FEED_H
#define FOVEA_FEED_H

#include "cli.h"

enum { INPUTS_MAX = 64 };

/* What the inputs are to be. */
typedef struct feed {
    fv_import_value value[INPUTS_MAX]; /* name "": the only input */
    fv_arrays *file[INPUTS_MAX];
    char *name[INPUTS_MAX]; /* those that were typed */
    int count, files;
} feed;

/* Reads "[NAME=]FILE,..."; end with feed_free either way. */
fv_status feed_read(fv_ctx *ctx, const char *list, feed *f);
void feed_free(feed *f);
/* The array of an input: by name, or the only one without. */
const fv_tensor *feed_value(const feed *f, const char *name, int inputs);
/* Every input has an array and every array an input; *batch from their first dimensions. */
fv_status feed_match(const fv_model *m, const feed *f, int64_t *batch);

#endif
