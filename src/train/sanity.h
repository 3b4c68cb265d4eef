/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of fv_sanity_run: attempts (sanity.c) and what they mean (sanity_verdict.c). */
#ifndef FV_TRAIN_SANITY_H
#define FV_TRAIN_SANITY_H

#include "train/sanity_data.h"
#include "train/trainer.h"

typedef struct fv_sanity_work {
    fv_ctx *ctx;
    fv_model *model;
    fv_fit_options options;
    fv_sanity_data data;
    fv_trainer *trainer;
    char *start;      /* all slots of the model as they were given, one behind the other */
    double variance;  /* REGRESS: sum of squares around the means of the targets */
    int64_t steps;    /* of an attempt, at most */
    bool sums_to_one; /* CLASSIFY: before the first step every row of scores is at least 0, with the sum 1 */
    fv_sanity *s;
} fv_sanity_work;

/* Another attempt at a rate, from the start, added to the result. */
fv_status fv_sanity_attempt(fv_sanity_work *w, double lr);
/* Sets verdict, evidence, cure and options; tries other rates where that can tell. */
fv_status fv_sanity_judge(fv_sanity_work *w);
/* A line in the result's arena; NULL: no memory. */
const char *fv_sanity_say(const fv_sanity *s, const char *format, ...) FV_PRINTF(2, 3);

#endif
