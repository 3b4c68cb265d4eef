/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a table of rows. */
#ifndef FV_TRANSFER_TABLE_H
#define FV_TRANSFER_TABLE_H

#include "base/arena.h"
#include "transfer/features.h"

struct fv_feature_table {
    fv_ctx *ctx;
    fv_arena *arena; /* names */
    fv_feature_stage *stages;
    int count;
    int64_t width, rows, room; /* room: rows that there are places for */
    float *values;             /* room x width; NULL: they are in the file */
    int fd;                    /* -1: they are in memory */
    const char **names;        /* by row */
    int32_t *labels;
    uint64_t *groups;
    const char **class_names;
    int64_t classes;
    const char *model, *digest; /* name and SHA-256 of the network; "": not known */
};

/* What files say that they are, and where a safetensors file says it. */
#define FV_FEATURES_FORMAT "fovea features 1"
#define FV_FEATURES_KEY    "fovea.features"
/* A row's dimensions in files. */
fv_shape fv_feature_file_shape(const fv_feature_stage *stage);

/* An empty table with places for `room` rows of these stages, whose names are copied. */
fv_status fv_feature_table_create(fv_ctx *ctx, const fv_feature_stage *stages, int count, int64_t room,
                                  const fv_feature_table_options *options, fv_feature_table **table);
fv_status fv_feature_table_set_classes(fv_feature_table *table, const char *const *names, int64_t count);
fv_status fv_feature_table_set_model(fv_feature_table *table, const char *name, const char *digest);
/* Appends a row of all stages. */
fv_status fv_feature_table_add(fv_feature_table *table, const char *name, int32_t label, uint64_t group,
                               const float *row);

#endif
