/* SPDX-License-Identifier: Apache-2.0 */
/* What features, linear and search share: a network without need of its head, its layers, and rows of data. */
#ifndef FOVEA_BACKBONE_H
#define FOVEA_BACKBONE_H

#include "cli.h"

typedef struct backbone {
    fv_model *model;
    fv_features_options options;
    fv_features *features;
    char *layers; /* names of the stages, where some of "all" are left out */
} backbone;

/* --layer, --pool and --grid; pooling is `usual` where none was asked for. */
fv_features_options backbone_options(const settings *c, fv_pooling usual);
/* Opens --model with --weights and its features; of the weights only what they need must be there, and
 * no last layer where they are `all`, which then are those before it. */
fv_status backbone_open(fv_ctx *ctx, const settings *c, const fv_features_options *options, backbone *b);
void backbone_close(backbone *b);
/* --data: --split, else `usual`, or where that is NULL what is there first of train, val and test. *named is the
 * split's name. */
fv_status backbone_data(fv_ctx *ctx, settings *c, const backbone *b, const char *usual, const char **named,
                        fv_dataset **data);
/* CONFLICT or DATA, after a message, unless the data have one class for each image and two or more of them. */
fv_status backbone_need_classes(const settings *c, const fv_dataset *data);
/* Says what memory it takes, or refuses; then the rows of the data set, in memory as far as there is room, else in a
 * file in `folder` (NULL: TMPDIR). */
fv_status backbone_rows(fv_ctx *ctx, const settings *c, backbone *b, fv_dataset *data, const char *folder,
                        fv_feature_table **table);

#endif
