/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network is shown of an image at test time: crops at several scales, and their mirror images. The frame of a
 * crop takes the place of the pipeline's own; channels, filter, contrast and normalization are the pipeline's.
 */
#ifndef FV_DATA_VIEWS_H
#define FV_DATA_VIEWS_H

#include <fovea/data.h>

#include "data/pipeline.h"

#define FV_VIEWS_SCALES 16

typedef struct fv_views {
    fv_pipeline pipeline;
    int64_t scale[FV_VIEWS_SCALES]; /* short side that the image is resized to, at least the input's longer side */
    int n_scales;                   /* 0: the pipeline's own frame */
    int crops;                      /* at each scale: 1 is the center; 5 are top left and right, bottom left and right,
                                       center */
    bool mirrored;                  /* each crop also mirrored, left for right */
} fv_views;

/*
 * `tta`: "none" (or NULL), "flip", "5crop", "10crop". `scales`: whole numbers separated by commas; NULL: the pipeline's
 * resize_size or, where it stretches, the input's longer side; "none" and "flip" then keep the pipeline's own frame.
 * VALUE.
 */
fv_status fv_views_parse(fv_ctx *ctx, const fv_pipeline *pipeline, const char *tta, const char *scales,
                         fv_views *views);
/* The pipeline's own frame, once: what training sees. */
fv_views fv_views_plain(const fv_pipeline *pipeline);
/* Frames of an image, and network inputs made of them: twice as many when they are mirrored too. */
int64_t fv_views_frames(const fv_views *views);
int64_t fv_views_count(const fv_views *views);
/* Crop number `frame` in [0, fv_views_frames), scale by scale. */
fv_image_view fv_views_at(const fv_views *views, int64_t frame);

/* ---- image to network inputs ---- */

/* What one thread keeps to make the inputs of one network, or of several that look at the same images. The views of
 * the first network come first, scale by scale, each crop before its mirror image; then those of the second. */
typedef struct fv_intake {
    const fv_views *views; /* n, the caller's */
    int n;
    fv_applier *appliers; /* one for each */
    fv_ctx *ctx;
    fv_shot shot; /* of the sample at hand */
} fv_intake;

/* Floats of all views of an image; false: more than there can be. */
bool fv_views_size(const fv_views *views, int n, int64_t *size);
/* Checks the pipelines: VALUE. With an augmentation (may be NULL) there is one network, with plain views. `views` and
 * `augment` must outlive the intake. Freeing takes also what could not be made. */
fv_status fv_intake_init(fv_ctx *ctx, const fv_views *views, int n, const fv_augment *augment, fv_intake *intake);
void fv_intake_free(fv_intake *intake);
/* Begins a sample. The request for its decoder, which may then give just the part that is needed; NULL: several views
 * need the whole image. */
fv_image_request *fv_intake_begin(fv_intake *intake, uint64_t seed, uint64_t epoch, uint64_t sample);
/* The image that the decoder gave, or one that was there already, whole -> the inputs. An image that is too elongated
 * for its crops is scaled until they fit. DATA_FORMAT for channels that a network cannot take, NO_MEMORY: in *error. */
fv_status fv_intake_store(fv_intake *intake, const fv_image *image, float *dst, fv_image_error *error);

#endif
