/* SPDX-License-Identifier: Apache-2.0 */
/* Packing: samples of all splits in order, made ready by several threads, written by one. */
#ifndef FV_DATA_PACK_H
#define FV_DATA_PACK_H

#include "base/file.h"
#include "data/dataset.h"

/* A sample on its way into the output. */
typedef struct fv_pack_item {
    uint8_t *data;
    int64_t size;
    int kind;        /* FV_PACK_PIXELS, FV_PACK_FILE */
    int64_t h, w, c; /* pixels */
    fv_depth depth;
    bool bands; /* as fv_image has it */
    fv_split split;
    const fv_dataset *dataset;
    int64_t sample; /* of the data set */
    int64_t number; /* among those written of the split */
    fv_image_error error;
} fv_pack_item;

struct fv_packer {
    fv_ctx *ctx;
    fv_pack_options options;
    fv_dataset *splits[FV_SPLIT_COUNT]; /* NULL: not there */
    char *path;
};

/* What takes the samples. */
typedef struct fv_pack_sink {
    fv_status (*put)(void *state, const fv_pack_item *item);
    void *state;
} fv_pack_sink;

/* Sends every good sample of every split to the sink, in order; counts in *report. */
fv_status fv_packer_each(fv_packer *packer, const fv_pack_sink *sink, fv_pack_report *report);
/* The two forms of output. */
fv_status fv_pack_write_file(fv_packer *packer, const char *output, fv_pack_report *report);
fv_status fv_pack_write_shards(fv_packer *packer, const char *output, fv_pack_report *report);

#endif
