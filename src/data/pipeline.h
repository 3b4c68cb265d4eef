/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image -> network input, in one order of operations: channels converted, the frame cut out and resized, contrast
 * equalized where the model asks for it, augmented, normalized. What is computed once is kept, memory is used again:
 * one applier per thread.
 */
#ifndef FV_DATA_PIPELINE_H
#define FV_DATA_PIPELINE_H

#include "data/augment/augment.h"
#include "io/image.h"
#include "model/model.h"

typedef struct fv_applier {
    fv_pipeline pipeline;
    const fv_augment *augment;         /* NULL: none */
    float table[FV_MAX_CHANNELS][256]; /* (v / 255 - mean) / std */
    fv_resize_scratch channels;
    fv_canvas canvas;
} fv_applier;

/* One sample on its way through an applier. `request` comes first: a decoder answers it. */
typedef struct fv_shot {
    fv_image_request request; /* full_h stays 0 until it is answered */
    fv_applier *applier;
    fv_augment_key key;
    fv_image_view view;  /* instead of the frame that is the augmentation's or the pipeline's */
    fv_resize_spec spec; /* of the whole image */
} fv_shot;

/* Checks the pipeline: VALUE. `augment` must outlive the applier. */
fv_status fv_applier_init(fv_ctx *ctx, const fv_pipeline *pipeline, const fv_augment *augment, fv_applier *applier);
void fv_applier_free(fv_applier *applier);
/* Whether images of c channels can be made the network's. */
bool fv_pipeline_takes(const fv_pipeline *pipeline, const fv_image *image);
/* A shot whose request is to be given to the decoder, or answered by fv_shot_whole. */
void fv_shot_begin(fv_shot *shot, fv_applier *applier, uint64_t seed, uint64_t epoch, uint64_t sample);
/* The image is there already, h x w, whole. */
void fv_shot_whole(fv_shot *shot, int64_t h, int64_t w);
/* The decoded image -> the canvas: framed and augmented. DATA_FORMAT (channels), NO_MEMORY. */
fv_status fv_shot_pixels(fv_shot *shot, const fv_image *image);
/* The canvas, normalized -> pipeline.h x w x c floats. */
void fv_shot_store(const fv_shot *shot, float *dst);

#endif
