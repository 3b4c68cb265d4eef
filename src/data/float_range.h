/* SPDX-License-Identifier: Apache-2.0 */
/* Floating-point pixels: 1 is full scale, and files that mean something else say so by their values alone. */
#ifndef FV_DATA_FLOAT_RANGE_H
#define FV_DATA_FLOAT_RANGE_H

#include "data/dataset.h"

typedef struct fv_float_range {
    int64_t images; /* with floating-point pixels that were looked at; 0: low and high mean nothing */
    float low, high;
} fv_float_range;

/* Takes an image's values in, if they are floats. */
void fv_float_range_add(fv_float_range *range, const fv_image *image);
void fv_float_range_merge(fv_float_range *range, const fv_float_range *more);
/* Whether values lie outside 0 to 1 (by more than a grey level); says so, and what to do, in `text`. */
bool fv_float_range_odd(const fv_float_range *range, char *text, size_t size);
/* Looks at some samples of a data set whose first one has floating-point pixels. */
fv_status fv_dataset_float_range(fv_dataset *dataset, fv_float_range *range);

#endif
