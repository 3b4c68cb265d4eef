/* SPDX-License-Identifier: Apache-2.0 */
/* What would be trained, for verbs that look at it: all of `fovea train` up to its first step, without a run folder. */
#ifndef FOVEA_TRIAL_H
#define FOVEA_TRIAL_H

#include "cli.h"

typedef struct trial {
    fv_ctx *ctx;
    settings *c;
    fv_model *model; /* with the weights that a run would begin with */
    fv_dataset *train;
    fv_fit_options options; /* run: batch and rate are chosen; nothing is written or told of */
} trial;

typedef struct trial_plan {
    const char *verb;
    /* May be NULL: before anything is compiled, where batch and rate are not known yet. *goes_on false: it is over. */
    fv_status (*before)(const trial *t, bool *goes_on);
    fv_status (*run)(const trial *t);
} trial_plan;

fv_status train_try(settings *c, const trial_plan *plan);

#endif
