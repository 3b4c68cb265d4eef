/* SPDX-License-Identifier: Apache-2.0 */
/* Several runs on one HTML page: what differed among them, and what came of each. */
#ifndef FOVEA_TRIALS_H
#define FOVEA_TRIALS_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the runs have in common is a row of columns. All texts are borrowed, and may be any text. */
typedef struct fv_trials_column {
    const char *name;
    bool axis;        /* it stands among the parallel coordinates */
    bool logarithmic; /* its axis has powers of ten; values are above 0 */
} fv_trials_column;

typedef struct fv_trials_cell {
    const char *text; /* as the table has it; "": nothing */
    double value;     /* its place on the axis; NaN: a word, which has a place of its own */
} fv_trials_cell;

typedef struct fv_trials_fact {
    const char *name, *value;
} fv_trials_fact;

typedef struct fv_trials_page {
    const char *title, *about;   /* a heading and a line below it */
    const fv_trials_fact *facts; /* such as ("best", "trial 7"), ("command", "fovea train ...") */
    int n_facts;
    const fv_trials_column *columns;
    int n_columns;
    const fv_trials_cell *cells; /* n_rows x n_columns */
    int64_t n_rows;
    int64_t best;     /* row that is pointed out; -1: none */
    int score;        /* column by which lines are light or dark; -1: no parallel coordinates */
    bool higher;      /* a higher score is better */
    int curve_x;      /* columns of a chart of the score, by rising x; -1: no chart. Rows that lack one are left out */
    int mean, margin; /* columns of intervals, mean - margin to mean + margin, drawn beside 0; margin 0: no drawing */
    const char *note; /* a line above the table; NULL: none */
} fv_trials_page;

/** Written atomically; needs nothing else. NO_MEMORY, and what writing says. */
FV_API fv_status fv_trials_write_html(fv_ctx *ctx, const fv_trials_page *page, const char *path);

#ifdef __cplusplus
}
#endif
#endif
