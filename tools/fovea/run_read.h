/* SPDX-License-Identifier: Apache-2.0 */
/* The one reader of runs' folders: results.csv, args.yaml, and what run_facts.h tells. */
#ifndef FOVEA_RUN_READ_H
#define FOVEA_RUN_READ_H

#include "run_facts.h"

/* A line of args.yaml: its value without quotes. */
typedef struct run_setting {
    char key[64], value[1024];
} run_setting;

enum { RUN_COLUMNS = 64 };
typedef struct run {
    char name[256], dir[4096];
    int epochs;
    double last[FV_MONITOR_COUNT], best[FV_MONITOR_COUNT]; /* NaN: never measured */
    int best_epoch[FV_MONITOR_COUNT];                      /* of equals the first */
    const fv_monitor *monitor;                             /* what its best is judged by */
    run_facts facts;
    run_setting *settings;
    int n_settings;
    /* results.csv: its columns by name, and `epochs` rows of n_columns numbers, NaN where there is none */
    char column[RUN_COLUMNS][32];
    int n_columns;
    double *numbers;
} run;

/* False: no run's folder, or no memory for it. */
bool run_read(const char *dir, const char *name, run *r);
void run_forget(run *r);
const char *run_setting_of(const run *r, const char *key); /* "": it has none */
/* The column of that name; -1: there is none. */
int run_column(const run *r, const char *name);
double run_number(const run *r, int epoch, int column);

/* The runs that the paths name, oldest first: folders of runs, or runs' own. NOT_FOUND, after a message, for a path
 * that is no folder. */
typedef struct run_list {
    run *list;
    int count;
} run_list;
fv_status runs_read(const char *const *paths, int n, run_list *runs);
void runs_forget(run_list *runs);

/* What runs can be compared by. */
typedef struct run_measure {
    const char *name;
    const fv_metric *metric;
    const fv_monitor *monitor; /* NULL: what the test gave */
} run_measure;
/* "val_top1", "train_loss", "test_top1"; "top1" is that of validation. VALUE after a message. */
fv_status run_measure_find(const char *name, run_measure *measure);
double run_measure_of(const run *r, const run_measure *measure); /* NaN: not measured */
/* Sorts by that, the best first, of equals the one that began first; those without it behind the others. */
void runs_sort(run_list *runs, const run_measure *measure);

const char *run_date(const run *r, const char *format, char text[32]);
/* What the test gave, by its usual metric: "97.50 %"; "-": nothing was tested. */
const char *run_test_text(const run *r, char text[80]);
/* "experiment" and the like: what says where and not how differs between any two runs. */
bool run_is_place(const char *key);

#endif
