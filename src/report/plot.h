/* SPDX-License-Identifier: Apache-2.0 */
/* Bars and points as inline SVG, in figures like those of chart.h. */
#ifndef FV_REPORT_PLOT_H
#define FV_REPORT_PLOT_H

#include "base/text.h"

typedef struct fv_bar {
    const char *name; /* any text */
    int64_t value[3]; /* stacked; negative: there is none */
} fv_bar;

/* Bars below each other, each with its name and sum; `kinds` names the parts of the stack, NULL for those not there.
 * Of more than 60 bars the first 60 are drawn. */
void fv_put_bars(fv_str *out, const char *title, const char *const kinds[3], const fv_bar *bars, int64_t n);

typedef struct fv_dot {
    double x, y;
    int64_t count; /* of what lies there: the area */
} fv_dot;

/* Dots over two logarithmic axes; values are above 0. */
void fv_put_scatter(fv_str *out, const char *title, const char *x_name, const char *y_name, const fv_dot *dots,
                    int64_t n);

#endif
