/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `fovea prune` share. */
#ifndef FOVEA_PROGRAM_PRUNE_H
#define FOVEA_PROGRAM_PRUNE_H

#include "cli.h"

/* A model and the one without what went, before and behind. */
typedef struct pruning {
    settings *c;
    fv_ctx *ctx;
    const char *name; /* as it was typed */
    fv_model *model, *copy;
    fv_pruner *pruner; /* of whole channels */
    fv_dataset *data;  /* that is scored; NULL: none is */
    fv_prune_row *rows;
    fv_sparse_row *sparse;
    int count;
    fv_totals totals[2];
    fv_bench_figures figures[2];
    int64_t file_bytes[2]; /* 0: it has none */
    fv_metrics metrics[2];
} pruning;

/* Prunes p->model to p->copy: a share of its channels, or to a share of its multiply-adds. */
fv_status prune_once(pruning *p, double amount, double macs);
/* Step by step with training behind each, in OUTPUT.steps, where a run that was ended goes on; p->copy is what comes
 * of it. */
fv_status prune_steps(pruning *p);
/* Milliseconds of an image, the best of runs by turns. */
fv_status prune_time(pruning *p);
/* Whether the copy takes less time than what runs differ by. */
bool prune_is_faster(const pruning *p);
void prune_print(const pruning *p);
/* NAME.csv and NAME.svg: the score of the model with more and more of each group alone gone. */
fv_status prune_sensitivity(pruning *p);
/* The first metric of the model's task: top-1, mAP, ... */
const fv_metric *prune_metric(fv_task task);
fv_status prune_score(const pruning *p, fv_model *model, const char *name, fv_metrics *metrics);

#endif
