/* SPDX-License-Identifier: Apache-2.0 */
/* Exact sums over pixels, whatever order they are added in: mean and deviation that no thread count can change. */
#ifndef FV_DATA_PIXEL_SUMS_H
#define FV_DATA_PIXEL_SUMS_H

#include <fovea/data.h>

enum { FV_SUM_CHANNELS = 16 };

__extension__ typedef __int128 fv_int128;

/* Of one channel, in units of 2^-32 of full scale. */
typedef struct fv_channel_sum {
    fv_int128 sum, squares;
} fv_channel_sum;

/* Of many images, apart by how many channels they have. */
typedef struct fv_pixel_sums {
    fv_channel_sum of[FV_SUM_CHANNELS + 1][FV_SUM_CHANNELS];
    int64_t pixels[FV_SUM_CHANNELS + 1];
} fv_pixel_sums;

/* The sums of one image; channels behind the sixteenth, and a fourth that is transparency, do not count. */
void fv_pixel_sums_image(const fv_image *image, bool alpha, fv_pixel_sums *sums);
/* to += from. */
void fv_pixel_sums_add(fv_pixel_sums *to, const fv_pixel_sums *from);
/* Mean and standard deviation per channel as shares of full scale; grey counts in all three channels where there are
 * color images too. Returns how many channels there are: 0 when there are no pixels. */
int fv_pixel_sums_result(const fv_pixel_sums *sums, double mean[FV_SUM_CHANNELS], double std[FV_SUM_CHANNELS]);

#endif
