/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `fovea info` share. */
#ifndef FOVEA_INFO_H
#define FOVEA_INFO_H

#include "cli.h"

/* What a whole network is and needs. */
typedef struct info_totals {
    fv_totals network;
    fv_memory training, inference; /* of --batch-size images, 1 when not given */
} info_totals;

/* Opens a network as the options say; *loaded: from a file that has its weights. */
fv_status info_open(fv_ctx *ctx, const settings *c, const char *name, fv_model **model, bool *loaded);
fv_status info_measure(fv_model *model, const settings *c, info_totals *t);
int64_t info_batch(const settings *c);
/* "112x112x64": without the batch. "all", "427" or "3x5": what a pixel sees. `text` is returned. */
const char *info_shape_text(const fv_shape *shape, char text[96]);
const char *info_field_text(const int64_t field[2], const bool whole[2], char text[48]);

/* `fovea info A B ...`: totals side by side; of two also the layers in which they differ. */
fv_status info_compare(fv_ctx *ctx, const settings *c);

/* `--suggest`: what of a network could be had for less. */
fv_status info_suggest(fv_ctx *ctx, const settings *c, const fv_model *model);

#endif
