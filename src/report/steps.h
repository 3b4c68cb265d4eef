/* SPDX-License-Identifier: Apache-2.0 */
/* The loss of every step of a run, thinned out: memory does not grow with the run. */
#ifndef FV_REPORT_STEPS_H
#define FV_REPORT_STEPS_H

#include "base/ctx.h"

enum { FV_STEPS_MAX = 1024 };
/* Means over `stride` steps each, the last of them over those that have come. */
typedef struct fv_steps {
    int64_t stride, n, filled; /* means; steps in the last of them */
    double step[FV_STEPS_MAX]; /* the last step of each */
    double loss[FV_STEPS_MAX];
} fv_steps;

/* A step that was there before and comes again, as after resuming, takes its place and ends the series. */
void fv_steps_add(fv_steps *steps, int64_t step, double loss);
/* Those of an earlier part of the run, from its events.jsonl; none where there is no such file. */
fv_status fv_steps_read(fv_ctx *ctx, const char *path, fv_steps *steps);

#endif
