/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Color, in place. "Levels" are on the scale of 8 bits (0 to 255) for every depth: v / 257 of 16-bit pixels, 255 v of
 * floats. Results are clamped to full scale and rounded to the depth; 8-bit results drop the fraction where Pillow and
 * torchvision do. blend(a, b, f) is a + f (b - a). L is the luma
 * (19595 R + 38470 G + 7471 B + 32768) / 65536 of ITU-R 601. What needs colors leaves images of other than 3 or 4
 * channels as they are; the fourth channel of 4 is transparency and keeps its value in every function here.
 * Same bits on every machine. Any thread.
 */
#ifndef FV_DATA_COLOR_H
#define FV_DATA_COLOR_H

#include "data/image/resize.h"

/* blend(black, image, factor). */
void fv_color_brightness(fv_image *image, float factor);
/* blend(mean of L over the image (rounded), image, factor); without colors the mean of each channel. */
void fv_color_contrast(fv_image *image, float factor);
/* blend(L, image, factor). */
void fv_color_saturation(fv_image *image, float factor);
/* The hue of HSV turned by `turns` (1 is once around). */
void fv_color_hue(fv_image *image, float turns);
/* L in all three channels. */
void fv_color_grey(fv_image *image);
/* offset[k] levels added to channel k: the PCA color shift among others. offset has min(c, 16) numbers. */
void fv_color_add(fv_image *image, const float *offset);
/* full scale - v */
void fv_color_invert(fv_image *image);
/* Keeps the upper `bits` (1 to 8) of the bits of a channel, of floats those of the whole level. */
void fv_color_posterize(fv_image *image, int bits);
/* Inverts levels of at least threshold. */
void fv_color_solarize(fv_image *image, float threshold);
/* full scale * (v / full scale)^gamma, gamma > 0 */
void fv_color_gamma(fv_image *image, float gamma);
/* Per channel: the smallest level becomes 0, the largest 255, linear between; a flat channel stays. */
void fv_color_autocontrast(fv_image *image);
/* Per channel: the histogram of 256 levels becomes flat: of 8 bits as Pillow's ImageOps.equalize, of others by the
 * share of pixels below, linear within a level. */
void fv_color_equalize(fv_image *image);
/*
 * blend(smoothed, image, factor): smoothed is the mean of 3 x 3 pixels with weight 5 in the middle; the border stays.
 * NO_MEMORY.
 */
fv_status fv_color_sharpness(fv_resize_scratch *scratch, fv_image *image, float factor);
/*
 * Contrast-limited adaptive histogram equalization (Zuiderveld, "Graphics Gems IV", 1994): tiles_y x tiles_x tiles
 * (the image continued by reflection to a multiple), the 256-level histogram of each clipped at
 * max(1, clip_limit * area / 256) with the excess spread evenly, and a pixel's level looked up in the four tiles
 * around it and interpolated. Grey images directly; of colors the luma, whose change is added to R, G and B. 16-bit
 * and float images have 65,536 levels instead. clip_limit 0: no limit. ARGUMENT (tiles < 1), NO_MEMORY.
 */
fv_status fv_color_clahe(fv_resize_scratch *scratch, fv_image *image, int tiles_y, int tiles_x, float clip_limit);

#endif
