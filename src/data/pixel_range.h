/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels on another scale: 1 is full scale of floats, 65535 of 16 bits and 255 of 8, and files that mean something else
 * (12 bits of a camera in 16, floats up to 255, masks of class indices) say so by their values alone. */
#ifndef FV_DATA_PIXEL_RANGE_H
#define FV_DATA_PIXEL_RANGE_H

#include "data/dataset.h"

typedef struct fv_pixel_range {
    int64_t images; /* with floating-point pixels that were looked at; 0: low and high mean nothing */
    float low, high;
    int64_t deep;  /* images of 16 bits */
    int32_t most;  /* their largest value */
    int64_t plain; /* images of 8 bits */
    int32_t level; /* their largest value */
} fv_pixel_range;

/* Takes an image's values in. */
void fv_pixel_range_add(fv_pixel_range *range, const fv_image *image);
void fv_pixel_range_merge(fv_pixel_range *range, const fv_pixel_range *more);
/* Whether floats lie outside 0 to 1 (by more than a grey level), no value of 16 bits has the upper two, or none of 8
 * the upper three; says so, and what to do, in `text`. */
bool fv_pixel_range_odd(const fv_pixel_range *range, char *text, size_t size);
/* Looks at some samples of a data set, while they might be odd. */
fv_status fv_dataset_pixel_range(fv_dataset *dataset, fv_pixel_range *range);

#endif
