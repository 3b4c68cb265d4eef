/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline made ready: tables computed once, memory used again. One per thread. */
#ifndef FV_DATA_PIPELINE_H
#define FV_DATA_PIPELINE_H

#include "data/augment/augment.h"
#include "data/image/resize.h"

typedef struct fv_applier {
    fv_pipeline pipeline;
    float table[3][256]; /* (v / 255 - mean) / std */
    fv_scratch channels, resized, work;
} fv_applier;

/* Checks the pipeline: VALUE. */
fv_status fv_applier_init(fv_ctx *ctx, const fv_pipeline *pipeline, fv_applier *applier);
void fv_applier_free(fv_applier *applier);
/* Image -> pipeline.h x w x *c bytes, *c = 1 or pipeline.c; points into the image or the applier. */
fv_status fv_applier_pixels(fv_applier *applier, const fv_image *image, const uint8_t **pixels, int64_t *c);
/* Those bytes, augmented and normalized -> floats. */
void fv_applier_store(const fv_applier *applier, const uint8_t *pixels, int64_t c, const fv_augment *augment,
                      float *dst);

#endif
