/* SPDX-License-Identifier: Apache-2.0 */
/* What a run's page says beside the curves: where it comes from, what its images look like, what its model gets wrong.
 */
#ifndef FOVEA_TRAIN_PAGE_H
#define FOVEA_TRAIN_PAGE_H

#include "cli.h"

typedef struct train_page {
    fv_report *report;
    fv_dataset *train, *val;      /* NULL: none */
    fv_evaluation *latest, *best; /* of val; NULL: none */
    fv_metrics best_metrics;
    int64_t best_epoch; /* that `best` is of; 0: none of this process */
} train_page;

/* Makes the report of the run in `dir` with the run's facts and some of its training images. */
fv_status train_page_open(fv_ctx *ctx, const settings *c, const char *dir, const fv_model *model, fv_dataset *train,
                          const char *augment, fv_dataset *val, const fv_memory *plan, train_page *page);
void train_page_close(train_page *page);
/* Takes an event, and keeps what the best epoch's validation has found. */
void train_page_event(train_page *page, const fv_fit_event *event);
/* Behind the end: the best model, and what is wrong with its answers for the validation set. `path` is the file of the
 * best weights: they are asked again where the best epoch lies before this process. */
fv_status train_page_validation(fv_ctx *ctx, const settings *c, train_page *page, int64_t best_epoch, const char *path);
/* The best model on the test split, where the data has one (NULL: none): the number people want to see is printed. */
fv_status train_page_test(fv_ctx *ctx, const settings *c, const char *dir, train_page *page, fv_dataset *test,
                          const char *path);

#endif
