/* SPDX-License-Identifier: Apache-2.0 */
/* --progressive-resize: sizes of training images in a run, each from an epoch on. */
#ifndef FV_TRAIN_IMAGE_SIZE_H
#define FV_TRAIN_IMAGE_SIZE_H

#include "train/phases.h"

typedef struct fv_image_size {
    int64_t after;   /* epochs that are completed when it begins */
    int64_t side[2]; /* rows, columns */
} fv_image_size;

/* A list as text. What is wrong with item *count, which is `word` then; NULL: nothing. */
const char *fv_image_sizes_parse(const char *text, fv_image_size list[FV_PHASES_MAX], int *count, char word[64]);
/* The settings' list, whose epochs and sizes rise; *count 0: there is none. VALUE naming the item that is none,
 * CONFLICT where the run ends before the last. */
fv_status fv_image_sizes_read(fv_ctx *ctx, const fv_fit_options *options, fv_image_size list[FV_PHASES_MAX],
                              int *count);
/* Whether the last one is the network's own, and the network takes the others. VALUE, CONFLICT. */
fv_status fv_image_sizes_check(const fv_model *model, const fv_fit_options *options, const fv_phases *phases);
/* The pipeline that training images of a phase come through. */
fv_pipeline fv_image_size_pipeline(const fv_model *model, const fv_phases *phases, int phase);
/* The model's graph for images of a phase; *graph NULL: they have the network's own size. CONFLICT. */
fv_status fv_image_size_graph(const fv_model *model, const fv_phases *phases, int phase, fv_graph **graph);

#endif
