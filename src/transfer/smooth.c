/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limited-memory BFGS for linear classifiers. Scores are linear in the weights, so that along a direction they are z +
 * a zd: a search along it looks at n x vectors numbers, and an iteration reads the rows twice, once for zd and once for
 * the gradient. The objective without intercepts is at least as curved as |w|^2 / 2, so that the distance from the
 * minimum is at most the length of the gradient: that ends it.
 */
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "transfer/solve.h"

enum { MEMORY = 12, ROWS_A_TASK = 16, COLUMNS_A_TASK = 128, SEARCH_MOST = 60 };

typedef struct solver {
    const fv_solve *p;
    int64_t n, width, vectors, size; /* size: of w, vectors x (width + 1) */
    double *w, *g, *d, *g_next;
    double *z, *zd, *zt,
        *r;             /* n x vectors: scores, along d, at the point tried; what the loss's derivatives are there */
    double *v, *offset; /* weights of x as it is: vectors x width; vectors */
    double *sums;       /* vectors */
    double *s, *y, *rho, *alpha;
    int kept, next;
} solver;

/* ---- products with the rows ---- */

static double dot_row(const float *x, const double *v, int64_t n)
{
    double sum[4] = {0};
    int64_t j = 0;
    for (; j + 4 <= n; j += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += (double)x[j + k] * v[j + k];
    for (; j < n; j++)
        sum[0] += (double)x[j] * v[j];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

typedef struct product {
    const solver *s;
    double *z;
} product;

static void score_rows(void *arg, int64_t task, int worker)
{
    const product *p = arg;
    const solver *s = p->s;
    const int64_t end = (task + 1) * ROWS_A_TASK < s->n ? (task + 1) * ROWS_A_TASK : s->n;
    (void)worker;
    for (int64_t i = task * ROWS_A_TASK; i < end; i++)
        for (int64_t k = 0; k < s->vectors; k++)
            p->z[i * s->vectors + k] =
                dot_row(s->p->data->x + fv_linear_row(s->p->data, i) * s->width, s->v + k * s->width, s->width) +
                s->offset[k];
}

/* z = w (x - mean) * scale + b, which is v x + offset. */
static void scores(solver *s, const double *w, double *z)
{
    product p = {s, z};
    for (int64_t k = 0; k < s->vectors; k++) {
        const double *from = w + k * (s->width + 1);
        double sum = from[s->width];
        for (int64_t j = 0; j < s->width; j++) {
            s->v[k * s->width + j] = from[j] * s->p->scale[j];
            sum -= s->v[k * s->width + j] * s->p->mean[j];
        }
        s->offset[k] = sum;
    }
    fv_parallel(s->p->ctx, (s->n + ROWS_A_TASK - 1) / ROWS_A_TASK, 0, score_rows, &p);
}

static void sum_columns(void *arg, int64_t task, int worker)
{
    const product *p = arg;
    const solver *s = p->s;
    const int64_t begin = task * COLUMNS_A_TASK;
    const int64_t count = s->width - begin < COLUMNS_A_TASK ? s->width - begin : COLUMNS_A_TASK;
    (void)worker;
    for (int64_t k = 0; k < s->vectors; k++) {
        double *to = p->z + k * (s->width + 1) + begin;
        memset(to, 0, (size_t)count * sizeof *to);
        for (int64_t i = 0; i < s->n; i++) {
            const float *x = s->p->data->x + fv_linear_row(s->p->data, i) * s->width + begin;
            const double r = s->r[i * s->vectors + k];
            for (int64_t j = 0; r != 0 && j < count; j++)
                to[j] += r * (double)x[j];
        }
    }
}

/* The gradient at w, whose derivatives by score are in r. */
static void gradient(solver *s, const double *w, double *g)
{
    product p = {s, g};
    const bool penalized = s->p->loss != FV_LINEAR_LOGREG;
    fv_parallel(s->p->ctx, (s->width + COLUMNS_A_TASK - 1) / COLUMNS_A_TASK, 0, sum_columns, &p);
    for (int64_t k = 0; k < s->vectors; k++) {
        double *to = g + k * (s->width + 1);
        const double *from = w + k * (s->width + 1);
        double sum = 0;
        for (int64_t i = 0; i < s->n; i++)
            sum += s->r[i * s->vectors + k];
        for (int64_t j = 0; j < s->width; j++)
            to[j] = s->p->c * s->p->scale[j] * (to[j] - sum * s->p->mean[j]) + from[j];
        to[s->width] = s->p->c * sum + (penalized ? from[s->width] : 0);
    }
}

/* ---- losses of a row: by its scores, their derivatives to r ---- */

static double softmax_loss(const solver *s, int64_t i, const double *z, double *r)
{
    const int32_t y = s->p->data->y[fv_linear_row(s->p->data, i)];
    double most = z[0], sum = 0;
    for (int64_t k = 1; k < s->vectors; k++)
        most = z[k] > most ? z[k] : most;
    for (int64_t k = 0; k < s->vectors; k++)
        sum += r[k] = fv_exp64(z[k] - most);
    for (int64_t k = 0; k < s->vectors; k++)
        r[k] /= sum;
    r[y] -= 1;
    return fv_log64(sum) + (most - z[y]);
}

static double label(const solver *s, int64_t i)
{
    return s->p->data->y[fv_linear_row(s->p->data, i)] == s->p->positive ? 1 : -1;
}

static double logistic_loss(const solver *s, int64_t i, const double *z, double *r)
{
    const double y = label(s, i), m = y * z[0], e = fv_exp64(-fabs(m));
    r[0] = -y * (m > 0 ? e / (1 + e) : 1 / (1 + e));
    return fv_log1p64(e) + (m < 0 ? -m : 0);
}

static double squared_hinge_loss(const solver *s, int64_t i, const double *z, double *r)
{
    const double y = label(s, i), left = 1 - y * z[0];
    r[0] = left > 0 ? -2 * y * left : 0;
    return left > 0 ? left * left : 0;
}

static double row_loss(const solver *s, int64_t i, const double *z, double *r)
{
    if (s->p->loss != FV_LINEAR_LOGREG)
        return squared_hinge_loss(s, i, z, r);
    return s->vectors > 1 ? softmax_loss(s, i, z, r) : logistic_loss(s, i, z, r);
}

/* ---- the search along a direction ---- */

typedef struct line {
    double ww, wd, dd; /* products of the penalized parts */
    double begin, slope;
} line;

static void measure(const solver *s, line *l)
{
    const int64_t tail = s->p->loss == FV_LINEAR_LOGREG ? 0 : 1;
    l->ww = l->wd = l->dd = 0;
    for (int64_t k = 0; k < s->vectors; k++)
        for (int64_t j = 0; j < s->width + tail; j++) {
            const double w = s->w[k * (s->width + 1) + j], d = s->d[k * (s->width + 1) + j];
            l->ww += w * w;
            l->wd += w * d;
            l->dd += d * d;
        }
}

/* The objective at w + a d, and its slope there; r is left as it is there. */
static double value_at(solver *s, const line *l, double a, double *slope)
{
    double loss = 0, turn = 0;
    for (int64_t i = 0; i < s->n; i++) {
        double *z = s->zt + i * s->vectors, *r = s->r + i * s->vectors;
        for (int64_t k = 0; k < s->vectors; k++)
            z[k] = s->z[i * s->vectors + k] + a * s->zd[i * s->vectors + k];
        loss += row_loss(s, i, z, r);
        for (int64_t k = 0; k < s->vectors; k++)
            turn += r[k] * s->zd[i * s->vectors + k];
    }
    *slope = s->p->c * turn + l->wd + a * l->dd;
    return s->p->c * loss + 0.5 * (l->ww + a * (2 * l->wd + a * l->dd));
}

/* A step at which the objective is lower and its slope less steep by a tenth or more. It is convex: a slope that still
 * descends says that the step may be longer, one that ascends that the minimum lies before. 0: there is none that
 * float64 can tell. */
static double search(solver *s, line *l, double first)
{
    double low = 0, high = INFINITY, a = first, slope;
    for (int k = 0; k < SEARCH_MOST; k++) {
        const double value = value_at(s, l, a, &slope);
        const double room = 1e-14 * fabs(l->begin);
        const bool lower = value <= l->begin + 1e-4 * a * l->slope + room;
        if (lower && fabs(slope) <= -0.9 * l->slope)
            return a;
        if (!isfinite(value) || !lower || slope > 0)
            high = a;
        else
            low = a;
        a = isfinite(high) ? 0.5 * (low + high) : 2 * a;
        if (a == low || a == high)
            break;
    }
    return 0;
}

/* ---- the direction ---- */

/* d = -H g by the two loops over what is kept of the last steps. */
static void direction(solver *s)
{
    for (int64_t j = 0; j < s->size; j++)
        s->d[j] = -s->g[j];
    for (int k = 1; k <= s->kept; k++) {
        const int at = (s->next + MEMORY - k) % MEMORY;
        const double *step = s->s + at * s->size, *turn = s->y + at * s->size;
        s->alpha[at] = s->rho[at] * fv_dot64(step, s->d, s->size);
        for (int64_t j = 0; j < s->size; j++)
            s->d[j] -= s->alpha[at] * turn[j];
    }
    if (s->kept > 0) {
        const int at = (s->next + MEMORY - 1) % MEMORY;
        const double *turn = s->y + at * s->size;
        const double gamma = 1 / (s->rho[at] * fv_dot64(turn, turn, s->size));
        for (int64_t j = 0; j < s->size; j++)
            s->d[j] *= gamma;
    }
    for (int k = s->kept; k >= 1; k--) {
        const int at = (s->next + MEMORY - k) % MEMORY;
        const double *step = s->s + at * s->size, *turn = s->y + at * s->size;
        const double beta = s->rho[at] * fv_dot64(turn, s->d, s->size);
        for (int64_t j = 0; j < s->size; j++)
            s->d[j] += (s->alpha[at] - beta) * step[j];
    }
}

/* w goes on by a d; what was learned of the curvature is kept. */
static void advance(solver *s, double a)
{
    double *step = s->s + s->next * s->size, *turn = s->y + s->next * s->size;
    for (int64_t j = 0; j < s->size; j++) {
        step[j] = a * s->d[j];
        s->w[j] += step[j];
    }
    gradient(s, s->w, s->g_next);
    for (int64_t j = 0; j < s->size; j++)
        turn[j] = s->g_next[j] - s->g[j];
    double *other = s->g;
    s->g = s->g_next;
    s->g_next = other;
    other = s->z;
    s->z = s->zt;
    s->zt = other;
    const double bend = fv_dot64(step, turn, s->size);
    if (bend <= 0)
        return;
    s->rho[s->next] = 1 / bend;
    s->next = (s->next + 1) % MEMORY;
    s->kept += s->kept < MEMORY;
}

static bool is_there(const solver *s)
{
    double length = 0;
    for (int64_t k = 0; k < s->vectors; k++)
        length += fv_dot64(s->w + k * (s->width + 1), s->w + k * (s->width + 1), s->width);
    length = sqrt(length);
    return sqrt(fv_dot64(s->g, s->g, s->size)) <= s->p->tolerance * (length > 1 ? length : 1);
}

static void minimize(solver *s, fv_solved *solved)
{
    line l = {0};
    double slope;
    memset(s->w, 0, (size_t)s->size * sizeof *s->w);
    memset(s->z, 0, (size_t)(s->n * s->vectors) * sizeof *s->z);
    memset(s->zd, 0, (size_t)(s->n * s->vectors) * sizeof *s->zd);
    memset(s->d, 0, (size_t)s->size * sizeof *s->d);
    measure(s, &l);
    l.begin = value_at(s, &l, 0, &slope);
    gradient(s, s->w, s->g);
    for (;;) {
        solved->converged = is_there(s);
        if (solved->converged || solved->iterations == s->p->max_iterations)
            return;
        solved->iterations++;
        direction(s);
        scores(s, s->d, s->zd);
        measure(s, &l);
        l.slope = fv_dot64(s->g, s->d, s->size);
        l.begin = value_at(s, &l, 0, &slope);
        const double first = s->kept > 0 ? 1 : 1 / (1 + sqrt(fv_dot64(s->g, s->g, s->size)));
        const double a = l.slope < 0 ? search(s, &l, first) : 0;
        if (a > 0) {
            advance(s, a);
        } else if (s->kept > 0) {
            s->kept = 0; /* what was kept misleads: begin again along the gradient */
        } else {
            return;
        }
    }
}

int64_t fv_solve_smooth_bytes(int64_t n, int64_t width, int64_t vectors)
{
    return ((2 * MEMORY + 4) * vectors * (width + 1) + vectors * width + 4 * n * vectors + 2 * vectors + 2 * MEMORY) *
           (int64_t)sizeof(double);
}

fv_status fv_solve_smooth(const fv_solve *problem, double *w, fv_solved *solved)
{
    fv_ctx *ctx = problem->ctx;
    solver s = {.p = problem,
                .n = problem->data->n,
                .width = problem->data->width,
                .vectors = problem->vectors,
                .size = problem->vectors * (problem->data->width + 1),
                .w = w};
    double *all = fv_malloc(ctx, (size_t)fv_solve_smooth_bytes(s.n, s.width, s.vectors));
    *solved = (fv_solved){0};
    if (!all)
        return FV_ERR_NO_MEMORY;
    double *at = all;
    double **const parts[] = {&s.g, &s.d, &s.g_next, &s.z,      &s.zd,   &s.zt,  &s.r,
                              &s.v, &s.s, &s.y,      &s.offset, &s.sums, &s.rho, &s.alpha};
    const int64_t nv = s.n * s.vectors;
    const int64_t sizes[] = {
        s.size,          s.size,          s.size,    nv,        nv,     nv,    nv, s.vectors * s.width,
        MEMORY * s.size, MEMORY * s.size, s.vectors, s.vectors, MEMORY, MEMORY};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        *parts[i] = at;
        at += sizes[i];
    }
    minimize(&s, solved);
    fv_free(ctx, all);
    return FV_OK;
}
