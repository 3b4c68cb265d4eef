/* SPDX-License-Identifier: Apache-2.0 */
/* What the results.csv of a run says of it, as far as it has come. */
#ifndef FOVEA_RUN_SCORES_H
#define FOVEA_RUN_SCORES_H

#include "cli.h"

typedef struct run_scores {
    int64_t epochs;            /* that are over */
    const fv_monitor *monitor; /* val_top1, or val_loss where that is not measured; or `named` */
    double best;               /* of the monitor; NaN: never measured */
    int64_t best_epoch;        /* the first that has it */
    double seconds;            /* of the run */
} run_scores;

/* Of the first `limit` epochs (0: all). `named`: a monitor; NULL: the usual one. A folder without a run has no epochs.
 */
void run_scores_read(const char *dir, const char *named, int64_t limit, run_scores *s);

#endif
