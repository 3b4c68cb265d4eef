/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers: one file and one row of FV_OPTIMIZER_LIST each. */
#ifndef FV_TRAIN_OPTIMIZER_H
#define FV_TRAIN_OPTIMIZER_H

#include <fovea/train.h>

#include "kernels/kernels.h"

#define FV_OPTIMIZER_SLOTS 2

/* A stretch of one parameter tensor. */
typedef struct fv_update {
    float *weight;
    const float *gradient;
    float *slot[FV_OPTIMIZER_SLOTS]; /* the optimizer's memory, zero at the start */
    int64_t count;
    float decay; /* weight decay; 0 where the parameter is exempt */
} fv_update;

typedef struct fv_optimizer {
    const char *name;
    double default_lr;
    /* Tensors of the parameter's size that the optimizer remembers. */
    int (*slots)(const fv_fit_options *options);
    /* One update with learning rate lr; t = 1 for the first step. Elementwise, so stretches may run in parallel. */
    void (*step)(const fv_kernels *kernels, const fv_fit_options *options, const fv_update *update, double lr,
                 int64_t t);
} fv_optimizer;

#define FV_OPTIMIZER_ROW(id, name) extern const fv_optimizer fv_optimizer_##name;
FV_OPTIMIZER_LIST(FV_OPTIMIZER_ROW)
#undef FV_OPTIMIZER_ROW

/* The implementation of an enumerator; NULL when out of range. */
const fv_optimizer *fv_optimizer_get(fv_optimizer_kind kind);

#endif
