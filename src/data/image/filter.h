/* SPDX-License-Identifier: Apache-2.0 */
/* Blur, noise, erasing, mirrors and crops. Levels and depths as in color.h. */
#ifndef FV_DATA_FILTER_H
#define FV_DATA_FILTER_H

#include "data/image/warp.h"

/*
 * Gaussian blur of standard deviation sigma pixels (> 0): weights exp(-x^2 / (2 sigma^2)) for |x| <= ceil(3 sigma),
 * normalized; the image continued by reflection. 8 bits: two passes of fixed-point weights. NO_MEMORY.
 */
fv_status fv_filter_gaussian(fv_resize_scratch *scratch, fv_image *image, double sigma);

/* Four random words, drawn by the caller, that noise is a pure function of: the key word[0], word[1] and the upper half
 * word[2], word[3] of the counters of Philox 4x32-10; the lower half counts along the image. */
typedef struct fv_noise_key {
    uint32_t word[4];
} fv_noise_key;

/* Adds normal noise of `sigma` levels to every channel of every pixel by itself (fv_image_kernels.normals). */
void fv_filter_noise(fv_ctx *ctx, fv_image *image, float sigma, const fv_noise_key *key);
/* A share `amount` of the pixels becomes black or full (as likely) in all channels. */
void fv_filter_salt_pepper(fv_image *image, float amount, const fv_noise_key *key);
/* The window, clipped to the image, becomes value (levels, min(c, 16) numbers; NULL: 0), or, with a key, uniform noise.
 * Integers take the nearest level they have, floats any. */
void fv_filter_erase(fv_image *image, const fv_resize_window *window, const float *value, const fv_noise_key *key);

/* In place; any depth. */
void fv_mirror_horizontal(fv_image *image);
void fv_mirror_vertical(fv_image *image);
/* dst (h, w set, data the caller's; c and depth set here) = rows [y, y + dst->h), columns [x, x + dst->w) of src, which
 * goes on outside as fill says. value: levels per channel (min(c, 16) numbers), for FV_FILL_CONSTANT. */
void fv_crop(const fv_image *src, int64_t y, int64_t x, fv_fill fill, const uint8_t *value, fv_image *dst);

#endif
