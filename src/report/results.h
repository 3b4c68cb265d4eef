/* SPDX-License-Identifier: Apache-2.0 */
/* results.csv as columns of numbers. */
#ifndef FV_REPORT_RESULTS_H
#define FV_REPORT_RESULTS_H

#include "base/ctx.h"
#include "train/columns.h"

typedef struct fv_results {
    fv_ctx *ctx;
    int64_t rows;
    double *column[FV_RESULT_COLUMNS]; /* rows numbers each; NaN where the file has none */
} fv_results;

/* Reads a file whose first line names the columns; columns are found by name and those not known are passed over. A
 * line whose epoch is no number is passed over (the last one may be half written). On failure *results is empty. */
fv_status fv_results_read(fv_ctx *ctx, const char *path, fv_results *results);
void fv_results_free(fv_results *results);

/* Row of the largest (sign = 1) or smallest (-1) number of a column, the earliest of equals; -1 when it has none. */
int64_t fv_results_best(const fv_results *results, fv_result_column column, int sign);
/* The last number of a column; NaN when it has none. */
double fv_results_last(const fv_results *results, fv_result_column column);

#endif
