/* SPDX-License-Identifier: Apache-2.0 */
/* The moving average of a model's weights and running statistics, which an update keeps (--model-ema). */
#ifndef FV_TRAIN_AVERAGE_H
#define FV_TRAIN_AVERAGE_H

#include "model/model.h"

typedef struct fv_average {
    fv_model *model;
    float **data; /* per slot of the model; NULL: not f32 */
} fv_average;

/* Begins as what the model's tensors are now. */
fv_status fv_average_create(fv_model *model, fv_average **average);
void fv_average_destroy(fv_average **average);
/* The average of the slot whose name is the first `size` bytes of `name`; NULL: there is none. */
float *fv_average_of(const fv_average *average, const char *name, size_t size);
/* Puts the averages in the place of the model's tensors and those in their place. Twice, and all is as before. */
void fv_average_swap(fv_average *average);

#endif
