/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/ql.h"

#include <float.h>
#include <math.h>

/* The turns of a step: turn i is of rows i and i + 1. */
typedef struct turning {
    double c[FV_QL_MOST], s[FV_QL_MOST];
    int64_t from, to;
} turning;

/* The square root of x^2 + y^2. */
static double length_of(double x, double y)
{
    const double a = fmax(fabs(x), fabs(y)), b = fmin(fabs(x), fabs(y));
    return a == 0 ? 0 : a * sqrt(1 + b / a * (b / a));
}

static void turn_rows(const turning *t, double *rows, int64_t n, int64_t stride)
{
    for (int64_t i = t->to - 1; i >= t->from; i--) {
        double *x = rows + i * stride, *y = x + stride;
        for (int64_t k = 0; k < n; k++) {
            const double f = y[k];
            y[k] = t->s[i] * x[k] + t->c[i] * f;
            x[k] = t->c[i] * x[k] - t->s[i] * f;
        }
    }
}

/* One implicit step on rows l to m. */
static void step_ql(turning *t, double *d, double *e, int64_t l, int64_t m)
{
    double g = (d[l + 1] - d[l]) / (2 * e[l]), r = length_of(g, 1), s = 1, c = 1, p = 0;
    g = d[m] - d[l] + e[l] / (g + (g >= 0 ? r : -r));
    t->to = m;
    int64_t i = m - 1;
    for (; i >= l; i--) {
        const double f = s * e[i], b = c * e[i];
        r = length_of(f, g);
        e[i + 1] = r;
        if (r == 0) {
            d[i + 1] -= p;
            e[m] = 0;
            break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        t->c[i] = c;
        t->s[i] = s;
    }
    t->from = i + 1;
    if (i >= l)
        return;
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

fv_status fv_ql(fv_ctx *ctx, double *d, double *e, int64_t n, double *rows, int64_t stride)
{
    turning t;
    for (int64_t l = 0; l < n; l++) {
        for (int tries = 0;; tries++) {
            int64_t m = l;
            for (; m + 1 < n; m++)
                if (fabs(e[m]) <= DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])))
                    break;
            if (m == l)
                break;
            if (tries == 60 || !isfinite(d[l]))
                return fv_fail(ctx, FV_ERR_INTERNAL, "the eigenvalues of a matrix were not found");
            step_ql(&t, d, e, l, m);
            turn_rows(&t, rows, n, stride);
        }
    }
    return FV_OK;
}
