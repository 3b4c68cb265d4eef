/* SPDX-License-Identifier: Apache-2.0 */
/* Line charts as inline SVG, and numbers as text for people. */
#ifndef FV_REPORT_CHART_H
#define FV_REPORT_CHART_H

#include "base/text.h"

/* `decimals` digits behind the point (at most 9); an en dash for what is not finite. The same in every locale. */
void fv_put_fixed(fv_str *out, double value, int decimals);
/* At most `digits` significant digits without trailing zeros, with an exponent when very small or large: "0.0125",
 * "3e-5". */
void fv_put_short(fv_str *out, double value, int digits);

typedef struct fv_series {
    const char *name; /* also the class that colors it */
    const double *y;  /* NaN: not measured; the line goes on to the next point */
} fv_series;

typedef struct fv_chart {
    const char *title;
    const char *unit; /* behind values; "" */
    double scale;     /* values are shown times this */
    bool from_zero;   /* the axis begins at 0 */
    bool logarithmic; /* the axis has powers of ten; values are above 0 */
    double limit;     /* the axis ends here at most; 0: no limit */
    const char *x_name;
    double mark; /* an x that is pointed out, with its `mark_name`; NaN: none */
    const char *mark_name;
    const double *x; /* rising */
    int64_t n;       /* points */
    fv_series series[2];
    int n_series;
} fv_chart;

/* Appends a <figure> with title, legend with the last values, and the chart; nothing when no series has a value.
 * Series longer than 400 points are drawn by the smallest and largest value of each of 200 stretches. */
void fv_put_chart(fv_str *out, const fv_chart *chart);

#endif
