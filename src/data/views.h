/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network is shown of an image at test time: crops at several scales, and their mirror images. The frame of a
 * crop takes the place of the pipeline's own; channels, filter, contrast and normalization are the pipeline's.
 */
#ifndef FV_DATA_VIEWS_H
#define FV_DATA_VIEWS_H

#include <fovea/data.h>

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
/* Frames of an image, and network inputs made of them: twice as many when they are mirrored too. */
int64_t fv_views_frames(const fv_views *views);
int64_t fv_views_count(const fv_views *views);
/* Whether images of c channels can be made the network's. */
bool fv_views_take(const fv_views *views, int64_t c);
/*
 * Frame number `frame`, scale by scale, of an image: dst receives h x w x c floats, behind them those of the mirror
 * image where there is one. An image that is too elongated for its crops is scaled until they fit. Any thread.
 * NO_MEMORY; DATA_FORMAT for channels that the pipeline cannot take.
 */
fv_status fv_views_store(fv_ctx *ctx, const fv_views *views, const fv_image *image, int64_t frame, float *dst);

#endif
