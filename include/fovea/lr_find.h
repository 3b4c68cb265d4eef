/* SPDX-License-Identifier: Apache-2.0 */
/* The range test of learning rates (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017). */
#ifndef FOVEA_LR_FIND_H
#define FOVEA_LR_FIND_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One step of the test. */
typedef struct fv_lr_point {
    double lr, loss; /* of its batch, before the step */
    double smoothed; /* mean of the losses around it, nearer ones counting more, outliers hardly */
} fv_lr_point;

typedef struct fv_lr_find_options {
    double lr_min, lr_max; /* of the first and of the last step; between them the rate rises by the same factor */
    int64_t steps;         /* 2 or more */
    double diverged;       /* ends where the running mean of the loss is more than this times its lowest; 0: nowhere */
    /** After every step; true ends the test. May be NULL. */
    bool (*on_point)(void *user, const fv_lr_point *point, int64_t step);
    void *user;
} fv_lr_find_options;

typedef struct fv_lr_found {
    int64_t count;     /* steps done: points that are filled */
    bool diverged;     /* it ended before lr_max */
    bool stopped;      /* by on_point */
    double steepest;   /* the rate at which the smoothed loss falls fastest; NaN: it never falls */
    double minimum;    /* the rate at which it is lowest; a tenth of that is the other usual choice; NaN likewise */
    double loss_first; /* smoothed, at the first point and at the minimum */
    double loss_lowest;
} fv_lr_found;

/**
 * Trains a copy of the model while the rate rises. The model, its files and every random number of a later run are what
 * they were. Of the options it takes what fv_fit_with takes but for epochs, rate and schedule, validation and output.
 * points: room for find->steps of them. VALUE for a range that is none; DIVERGED where not even the first step has a
 * finite loss; what fv_fit_with says of data, model and options.
 */
FV_API fv_status fv_lr_find(fv_model *model, fv_dataset *train, const fv_fit_options *options,
                            const fv_lr_find_options *find, fv_lr_point *points, fv_lr_found *found);

#ifdef __cplusplus
}
#endif
#endif
