/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of results.csv: who writes and who reads it share them. */
#ifndef FV_TRAIN_COLUMNS_H
#define FV_TRAIN_COLUMNS_H

#include <fovea/train.h>

typedef enum fv_result_column {
    FV_RESULT_EPOCH,
    FV_RESULT_STEP,
    FV_RESULT_TIME,
    FV_RESULT_LR,
#define FV_METRIC(name, ...)
#define FV_METRIC_TRAIN(name, ...) FV_RESULT_train_##name,
#include <fovea/metrics.def>
#define FV_METRIC(name, ...) FV_RESULT_val_##name,
#include <fovea/metrics.def>
    FV_RESULT_SPEED,
    FV_RESULT_DATA_WAIT,
    FV_RESULT_MEMORY,
    FV_RESULT_COLUMNS
} fv_result_column;

typedef enum fv_show { FV_SHOW_FIXED, FV_SHOW_SHORT, FV_SHOW_DURATION } fv_show;

typedef struct fv_column {
    const char *name, *head;   /* in the file; above a table, NULL: the monitor's */
    double steps;              /* the file's numbers are rounded to 1 / steps; 0: they are whole */
    fv_show show;              /* to people */
    int digits;                /* of show */
    const fv_monitor *monitor; /* whose values these are; NULL: a number of the run itself */
} fv_column;

const fv_column *fv_column_get(fv_result_column column);
/* The numbers of a finished epoch; NaN where nothing was measured. */
void fv_columns_of(const fv_fit_event *event, double value[FV_RESULT_COLUMNS]);

/* Makes what is measured in training, or in validation, NaN: not measured yet. */
void fv_monitor_forget(fv_fit_event *event, bool validation);
/* Writes what an epoch measured, in validation if there was one, on a model's card. */
fv_status fv_monitor_to_card(const fv_fit_event *event, fv_model *model);
/* Takes over what a validation measured. */
void fv_monitor_take(fv_fit_event *event, const fv_metrics *measured);

#endif
