/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of fovea tune share. */
#ifndef FOVEA_PROGRAM_TUNE_H
#define FOVEA_PROGRAM_TUNE_H

#include <fovea/trials.h>

#include <fovea/tune.h>

#include "series.h"
#include "tune_space.h"

typedef struct tune_trial {
    series_run run;
    int rung; /* up to which it was compared, or trained */
} tune_trial;

typedef struct tune {
    series s;
    tune_space space;
    int64_t epochs; /* of a trial that goes to its end */
    int64_t rungs[FV_RUNGS_MAX];
    int n_rungs;
    tune_trial *trial;
    int64_t n;
    int64_t best; /* -1: not known yet */
} tune;

/* What trial i has of an item; "" where it does not belong to it. */
const char *tune_value(const tune *t, int64_t i, const tune_item *item, char *text, size_t size);
/* trials.csv and report.html in the folder, as far as things have come. */
fv_status tune_write(const tune *t);
/* --ablate augment, in a folder that is open. */
fv_status tune_ablate(series *s);
/* The result on standard output. */
fv_status tune_print(const tune *t);

#endif
