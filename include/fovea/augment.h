/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentation: what an epoch shows of a sample. */
#ifndef FOVEA_AUGMENT_H
#define FOVEA_AUGMENT_H

#include <fovea/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An augmentation pipeline is text: steps separated by `;`, `,` or line ends, each an operator's name and settings, a
 * number as `key=value` or as `key=low..high` to be drawn from; `p` is the share of the samples that the step happens
 * to. `none` stands for no step.
 *
 *     rrc scale=0.08..1; hflip p=0.5; rotate degrees=15 fill=reflect p=0.3; jitter hue=0.1; mixup alpha=0.2
 *
 * A framing step (rrc, scale_crop) takes the place of the model's own resizing; mixing steps (mixup, cutmix) work on
 * whole batches and give soft targets. Everything else happens at the network's size, in the order of the text. What
 * is drawn is a pure function of (seed, epoch, sample, place of the step in the text).
 */
typedef struct fv_augment fv_augment;
/** text NULL or "": no steps. VALUE names the step, what was found and what is expected. */
FV_API fv_status fv_augment_create(fv_ctx *ctx, const char *text, fv_augment **augment);
FV_API void fv_augment_destroy(fv_augment **augment);

/** A box in pixels, [x0, x1) x [y0, y1), and what it holds. */
typedef struct fv_box {
    double x0, y0, x1, y1;
    int32_t label;
} fv_box;

/** An image with what belongs to places in it. Members that are not there are zero. */
typedef struct fv_sample {
    fv_image image;
    fv_image mask; /* one channel of 8 bits, the image's size: class indices, 255 ignored */
    fv_box *boxes; /* the caller's memory; changed in place, boxes of which less than a tenth is left are dropped */
    int64_t n_boxes;
} fv_sample;

/**
 * Sample number `index` of epoch `epoch` as training would see it, before normalization: sample->image and mask are
 * replaced (the old ones freed, the new ones freed by the caller with fv_image_free) by ones of the pipeline's size,
 * boxes follow. note: NULL, or what was done, for people. Mixing steps are left out. Any thread. NO_MEMORY,
 * DATA_FORMAT (channels that the pipeline cannot take).
 */
FV_API fv_status fv_augment_apply(fv_ctx *ctx, const fv_augment *augment, const fv_pipeline *pipeline, uint64_t seed,
                                  uint64_t epoch, uint64_t index, fv_sample *sample, char *note, size_t note_size);

/** The operators: how many, and one with its settings and their defaults, as lines of text. */
FV_API int fv_augment_count(void);
FV_API void fv_augment_describe(int i, char *text, size_t size);
/** Whether the text has a step of that operator. */
FV_API bool fv_augment_has(const fv_augment *augment, const char *name);

/**
 * Principal components of the training set's colors, for the step `pca`: the covariance of all RGB pixels (of at most
 * `limit` samples, 0: all) in units of full scale; value[i] its eigenvalues, largest first, axis[3 i + k] the unit
 * eigenvectors, signs such that the largest component is positive. Images of other than 3 channels are left out.
 * DATA_EMPTY when there are none.
 */
FV_API fv_status fv_dataset_color_axes(fv_dataset *dataset, int64_t limit, float value[3], float axis[9]);

#ifdef __cplusplus
}
#endif
#endif
