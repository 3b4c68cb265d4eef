/* SPDX-License-Identifier: Apache-2.0 */
/* --teacher: trained networks that a run learns from. */
#ifndef FOVEA_PROGRAM_TRAIN_TEACHER_H
#define FOVEA_PROGRAM_TRAIN_TEACHER_H

#include "cli.h"

typedef struct train_teachers {
    fv_teacher list[FV_TEACHERS_MAX];
    char *names[FV_TEACHERS_MAX]; /* files */
    int count;
} train_teachers;

/* Loads the files, if any, and says how each gets the student's images and classes; what does not fit it is refused.
 * What is loaded by then is to be closed, whatever the status. */
fv_status train_teachers_open(fv_ctx *ctx, const settings *c, fv_model *student, train_teachers *teachers);
void train_teachers_close(train_teachers *teachers);

#endif
