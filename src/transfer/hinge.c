/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear support vector machines with the hinge. In the dual, 0 <= a_i <= C, w = sum a_i y_i x_i (x with a 1 for the
 * intercept), one a_i is moved at a time to where it is best; rows are visited in an order drawn anew each time. The
 * gap between primal and dual bounds |w - minimum|^2 / 2: that ends it. Classes are independent, and shared out to the
 * threads.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/threads.h"
#include "transfer/solve.h"

typedef struct machines {
    const fv_solve *p;
    int64_t classes;
    double *w, *alpha, *square; /* classes x (width + 1), classes x n, n */
    int64_t *order;             /* classes x n */
    fv_solved *solved;          /* classes */
} machines;

static double seen(const fv_solve *p, const float *x, int64_t j)
{
    return ((double)x[j] - p->mean[j]) * p->scale[j];
}

static double score(const fv_solve *p, const double *w, const float *x)
{
    double sum = w[p->data->width];
    for (int64_t j = 0; j < p->data->width; j++)
        sum += w[j] * seen(p, x, j);
    return sum;
}

/* |w|^2 + C sum of hinges - sum of alpha. */
static double gap(const fv_solve *p, const double *w, const double *alpha, int32_t positive, double *length)
{
    const fv_linear_data *d = p->data;
    double squares = 0, sum = 0;
    for (int64_t j = 0; j <= d->width; j++)
        squares += w[j] * w[j];
    for (int64_t i = 0; i < d->n; i++) {
        const int64_t row = fv_linear_row(d, i);
        const double y = d->y[row] == positive ? 1 : -1, left = 1 - y * score(p, w, d->x + row * d->width);
        sum += (left > 0 ? p->c * left : 0) - alpha[i];
    }
    *length = sqrt(squares);
    return squares + sum;
}

static void visit(const fv_solve *p, double *w, double *alpha, const double *square, int32_t positive, int64_t i)
{
    const fv_linear_data *d = p->data;
    const int64_t row = fv_linear_row(d, i);
    const float *x = d->x + row * d->width;
    const double y = d->y[row] == positive ? 1 : -1, slope = y * score(p, w, x) - 1, before = alpha[i];
    double a = before - slope / square[i];
    a = a < 0 ? 0 : a > p->c ? p->c : a;
    if (a == before)
        return;
    alpha[i] = a;
    const double step = (a - before) * y;
    for (int64_t j = 0; j < d->width; j++)
        w[j] += step * seen(p, x, j);
    w[d->width] += step;
}

static void solve_class(void *arg, int64_t task, int worker)
{
    const machines *m = arg;
    const fv_solve *p = m->p;
    const int64_t n = p->data->n, size = p->data->width + 1;
    double *w = m->w + task * size, *alpha = m->alpha + task * n, length;
    int64_t *order = m->order + task * n;
    fv_solved *s = &m->solved[task];
    const int32_t positive = m->classes > 1 ? (int32_t)task : p->positive;
    (void)worker;
    memset(w, 0, (size_t)size * sizeof *w);
    memset(alpha, 0, (size_t)n * sizeof *alpha);
    while (!s->converged && s->iterations < p->max_iterations) {
        fv_permutation(0, FV_RANDOM_FOLDS, (uint64_t)s->iterations + 1, n, order);
        for (int64_t i = 0; i < n; i++)
            visit(p, w, alpha, m->square, positive, order[i]);
        s->iterations++;
        if (s->iterations % 8 == 0) { /* looking costs as much as a round */
            const double left = gap(p, w, alpha, positive, &length);
            const double bound = p->tolerance * (length > 1 ? length : 1);
            s->converged = left <= 0.5 * bound * bound;
        }
    }
}

int64_t fv_solve_hinge_bytes(int64_t n, int64_t width, int64_t classes)
{
    (void)width;
    return n * (2 * classes + 1) * (int64_t)sizeof(double) + classes * (int64_t)sizeof(fv_solved);
}

fv_status fv_solve_hinge(const fv_solve *p, int64_t classes, double *w, fv_solved *solved)
{
    const fv_linear_data *d = p->data;
    machines m = {.p = p,
                  .classes = classes,
                  .w = w,
                  .alpha = fv_calloc(p->ctx, (size_t)(classes * d->n), sizeof *m.alpha),
                  .square = fv_calloc(p->ctx, (size_t)d->n, sizeof *m.square),
                  .order = fv_calloc(p->ctx, (size_t)(classes * d->n), sizeof *m.order),
                  .solved = fv_calloc(p->ctx, (size_t)classes, sizeof *m.solved)};
    const bool there = m.alpha && m.square && m.order && m.solved;
    *solved = (fv_solved){.converged = true};
    for (int64_t i = 0; there && i < d->n; i++) {
        const float *x = d->x + fv_linear_row(d, i) * d->width;
        m.square[i] = 1;
        for (int64_t j = 0; j < d->width; j++)
            m.square[i] += seen(p, x, j) * seen(p, x, j);
    }
    if (there)
        fv_parallel(p->ctx, classes, 0, solve_class, &m);
    for (int64_t k = 0; there && k < classes; k++) {
        solved->iterations += m.solved[k].iterations;
        solved->converged = solved->converged && m.solved[k].converged;
    }
    fv_free(p->ctx, m.alpha);
    fv_free(p->ctx, m.square);
    fv_free(p->ctx, m.order);
    fv_free(p->ctx, m.solved);
    return there ? FV_OK : FV_ERR_NO_MEMORY;
}
