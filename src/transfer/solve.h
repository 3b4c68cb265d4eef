/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Minima of linear classifiers' objectives. A problem has `vectors` weight vectors, over rows that are looked at as
 * (x - mean) * scale; weights and intercepts that come out are of those. All sums are float64 and in an order that does
 * not depend on threads.
 */
#ifndef FV_TRANSFER_SOLVE_H
#define FV_TRANSFER_SOLVE_H

#include <fovea/transfer.h>

#include "base/real.h"

typedef struct fv_solve {
    fv_ctx *ctx;
    const fv_linear_data *data;
    const double *mean, *scale; /* width */
    int64_t vectors;
    int32_t positive; /* vectors 1: the class whose label is 1, the others' -1 */
    fv_linear_loss loss;
    double c, tolerance;
    int64_t max_iterations;
} fv_solve;

/* w: vectors x (width + 1), the intercept behind the weights; it starts at 0 whatever it holds. */
typedef struct fv_solved {
    int64_t iterations;
    bool converged;
} fv_solved;
/* By L-BFGS (Nocedal, 1980): LOGREG and SVM. */
fv_status fv_solve_smooth(const fv_solve *problem, double *w, fv_solved *solved);
int64_t fv_solve_smooth_bytes(int64_t n, int64_t width, int64_t vectors);
/* HINGE of `classes` vectors, each against the rest (classes 1: `positive` alone), by coordinate descent in the dual
 * (Hsieh et al., "A dual coordinate descent method for large-scale linear SVM", 2008). */
fv_status fv_solve_hinge(const fv_solve *problem, int64_t classes, double *w, fv_solved *solved);
int64_t fv_solve_hinge_bytes(int64_t n, int64_t width, int64_t classes);

/* Row i of those that count, and its class. */
static inline int64_t fv_linear_row(const fv_linear_data *d, int64_t i)
{
    return d->rows ? d->rows[i] : i;
}

/* Sum of a_i b_i, in an order of its own. */
double fv_dot64(const double *a, const double *b, int64_t n);

#endif
