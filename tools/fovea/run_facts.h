/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a run's folder say of it beside its epochs: when it began, how it stands, what the test gave. */
#ifndef FOVEA_RUN_FACTS_H
#define FOVEA_RUN_FACTS_H

#include "cli.h"

typedef enum run_status {
    RUN_UNKNOWN,  /* no log that tells */
    RUN_RUNNING,  /* a process has it now */
    RUN_FINISHED, /* a rule of its own ended it */
    RUN_STOPPED,  /* a signal did: --resume goes on */
    RUN_DIVERGED,
    RUN_FAILED, /* it ended with another error */
    RUN_KILLED  /* without a word: --resume goes on */
} run_status;

typedef struct run_facts {
    double began; /* seconds since 1970; 0: not known */
    run_status status;
    char test[64];                  /* metric by which the test is told; "" where none was made */
    double scores[FV_METRIC_COUNT]; /* of the test; NaN: not measured */
} run_facts;

void run_facts_read(const char *dir, run_facts *facts);
const char *run_status_name(run_status status);
/* Keeps the test's result in the folder of the run. */
fv_status run_facts_keep_test(const char *dir, const fv_metrics *test);

#endif
