/* SPDX-License-Identifier: Apache-2.0 */
/* Fitting linear classifiers, and their answers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/threads.h"
#include "transfer/solve.h"

struct fv_linear {
    fv_ctx *ctx;
    int64_t classes, width, vectors;
    double *weights, *intercepts;
    fv_solved solved;
};

static const char *const loss_names[FV_LINEAR_LOSS_COUNT + 1] = {
    [FV_LINEAR_LOGREG] = "logreg", [FV_LINEAR_SVM] = "svm", [FV_LINEAR_HINGE] = "hinge"};

const char *const *fv_linear_loss_names(void)
{
    return loss_names;
}

/* Distances from the minimum that end it: the dual of the hinge comes nearer slowly. */
static double usual_tolerance(fv_linear_loss loss)
{
    return loss == FV_LINEAR_HINGE ? 1e-3 : 1e-5;
}

static int64_t usual_iterations(fv_linear_loss loss)
{
    return loss == FV_LINEAR_HINGE ? 1000 : 10000;
}

static int64_t vectors_of(int64_t classes)
{
    return classes == 2 ? 1 : classes;
}

/* ---- what is given ---- */

static fv_status check_options(fv_ctx *ctx, const fv_linear_options *o)
{
    if (o->loss < 0 || o->loss >= FV_LINEAR_LOSS_COUNT)
        return fv_fail(ctx, FV_ERR_VALUE, "linear: loss %d: expected logreg, svm or hinge", (int)o->loss);
    if (!(o->c >= 0 && o->c < 1e12) || !(o->tolerance >= 0 && o->tolerance < 1) || o->max_iterations < 0)
        return fv_fail(ctx, FV_ERR_VALUE, "linear: C %g, tolerance %g: expected C above 0, a tolerance in (0, 1)", o->c,
                       o->tolerance);
    return FV_OK;
}

static fv_status check_labels(fv_ctx *ctx, const fv_linear_data *d)
{
    int64_t *count = fv_calloc(ctx, (size_t)(d->classes > 0 ? d->classes : 1), sizeof *count);
    fv_status status = count ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK && (d->n < 1 || d->width < 1 || d->classes < 2))
        status = fv_fail(ctx, FV_ERR_VALUE,
                         "linear: %lld rows of %lld numbers in %lld classes: expected rows of two classes or more",
                         (long long)d->n, (long long)d->width, (long long)d->classes);
    for (int64_t i = 0; status == FV_OK && i < d->n; i++) {
        const int32_t y = d->y[fv_linear_row(d, i)];
        if (y < 0 || y >= d->classes)
            status = fv_fail(ctx, FV_ERR_VALUE, "linear: row %lld has class %d: expected 0 to %lld",
                             (long long)fv_linear_row(d, i), (int)y, (long long)d->classes - 1);
        else
            count[y]++;
    }
    for (int64_t k = 0; status == FV_OK && k < d->classes; k++)
        if (count[k] == 0)
            status = fv_fail(ctx, FV_ERR_VALUE, "linear: class %lld has no rows to learn from", (long long)k);
    fv_free(ctx, count);
    return status;
}

/* ---- how rows are looked at ---- */

typedef struct moments {
    const fv_linear_data *d;
    double *mean, *scale;
    bool center, divide;
} moments;

enum { COLUMNS_A_TASK = 64 };

static void measure_columns(void *arg, int64_t task, int worker)
{
    const moments *m = arg;
    const fv_linear_data *d = m->d;
    const int64_t end = (task + 1) * COLUMNS_A_TASK < d->width ? (task + 1) * COLUMNS_A_TASK : d->width;
    (void)worker;
    for (int64_t j = task * COLUMNS_A_TASK; j < end; j++)
        m->mean[j] = m->scale[j] = 0;
    for (int64_t i = 0; i < d->n; i++)
        for (int64_t j = task * COLUMNS_A_TASK; j < end; j++)
            m->mean[j] += (double)d->x[fv_linear_row(d, i) * d->width + j];
    for (int64_t j = task * COLUMNS_A_TASK; j < end; j++)
        m->mean[j] /= (double)d->n;
    for (int64_t i = 0; i < d->n; i++)
        for (int64_t j = task * COLUMNS_A_TASK; j < end; j++) {
            const double off = (double)d->x[fv_linear_row(d, i) * d->width + j] - m->mean[j];
            m->scale[j] += off * off;
        }
    for (int64_t j = task * COLUMNS_A_TASK; j < end; j++) {
        const double deviation = sqrt(m->scale[j] / (double)d->n);
        /* A number that is the same in all rows says nothing: it is left as it is, which is 0. */
        m->scale[j] = m->divide && deviation > 1e-12 * fabs(m->mean[j]) && deviation > 0 ? 1 / deviation : 1;
        m->mean[j] = m->center ? m->mean[j] : 0;
    }
}

static fv_status check_finite(fv_ctx *ctx, const fv_linear_data *d, const double *mean, const double *scale)
{
    for (int64_t j = 0; j < d->width; j++)
        if (!isfinite(mean[j]) || !isfinite(scale[j]))
            return fv_fail(ctx, FV_ERR_DIVERGED, "linear: number %lld of the rows is not finite", (long long)j);
    return FV_OK;
}

/* ---- fitting ---- */

static fv_status solve(fv_linear *l, fv_solve *p, double *w)
{
    const int64_t stride = l->width + 1;
    if (p->loss == FV_LINEAR_HINGE)
        return fv_solve_hinge(p, l->vectors, w, &l->solved);
    p->vectors = p->loss == FV_LINEAR_LOGREG ? l->vectors : 1;
    l->solved.converged = true;
    for (int64_t k = 0; k < l->vectors; k += p->vectors) {
        fv_solved solved;
        p->positive = l->vectors > 1 ? (int32_t)k : 1;
        FV_TRY(fv_solve_smooth(p, w + k * stride, &solved));
        l->solved.iterations += solved.iterations;
        l->solved.converged = l->solved.converged && solved.converged;
    }
    return FV_OK;
}

/* Weights of rows as they are: w (x - mean) scale + b. */
static void unscale(fv_linear *l, const fv_solve *p, const double *w)
{
    for (int64_t k = 0; k < l->vectors; k++) {
        const double *from = w + k * (l->width + 1);
        double sum = from[l->width];
        for (int64_t j = 0; j < l->width; j++) {
            l->weights[k * l->width + j] = from[j] * p->scale[j];
            sum -= from[j] * p->scale[j] * p->mean[j];
        }
        l->intercepts[k] = sum;
    }
}

static fv_status fit(fv_linear *l, const fv_linear_data *d, const fv_linear_options *o, double *room)
{
    double *mean = room, *scale = mean + l->width, *w = scale + l->width;
    /* Without a penalty on the intercept the minimum is where it is whatever the mean, and nearer with it at 0. */
    moments m = {d, mean, scale, o->standardize || o->loss == FV_LINEAR_LOGREG, o->standardize};
    fv_solve p = {.ctx = l->ctx,
                  .data = d,
                  .mean = mean,
                  .scale = scale,
                  .positive = 1,
                  .loss = o->loss,
                  .c = o->c > 0 ? o->c : 1,
                  .tolerance = o->tolerance > 0 ? o->tolerance : usual_tolerance(o->loss),
                  .max_iterations = o->max_iterations > 0 ? o->max_iterations : usual_iterations(o->loss)};
    fv_parallel(l->ctx, (d->width + COLUMNS_A_TASK - 1) / COLUMNS_A_TASK, 0, measure_columns, &m);
    FV_TRY(check_finite(l->ctx, d, mean, scale));
    FV_TRY(solve(l, &p, w));
    unscale(l, &p, w);
    return FV_OK;
}

int64_t fv_linear_bytes(const fv_linear_data *d, const fv_linear_options *o)
{
    const int64_t vectors = vectors_of(d->classes);
    const int64_t together = !o || o->loss == FV_LINEAR_LOGREG ? vectors : 1;
    const int64_t solver = o && o->loss == FV_LINEAR_HINGE ? fv_solve_hinge_bytes(d->n, d->width, vectors)
                                                           : fv_solve_smooth_bytes(d->n, d->width, together);
    return solver + (2 * d->width + 2 * vectors * (d->width + 1)) * (int64_t)sizeof(double);
}

static fv_status check_budget(fv_ctx *ctx, const fv_linear_data *d, const fv_linear_options *o)
{
    int64_t now;
    const int64_t need = fv_linear_bytes(d, o), limit = fv_ctx_memory_limit(ctx);
    fv_ctx_memory(ctx, &now, NULL);
    if (limit <= 0 || need <= limit - now)
        return FV_OK;
    return fv_fail_hint(
        ctx,
        fv_fail(ctx, FV_ERR_OVER_BUDGET,
                "a classifier of %lld classes on %lld rows of %lld numbers needs %.1f MiB, %.1f MiB are "
                "in use, and the limit is %.1f MiB",
                (long long)d->classes, (long long)d->n, (long long)d->width, (double)need / 1048576,
                (double)now / 1048576, (double)limit / 1048576),
        "pool the maps (--pool avg, a smaller --grid), or raise --memory");
}

fv_status fv_linear_fit(fv_ctx *ctx, const fv_linear_data *data, const fv_linear_options *options, fv_linear **linear)
{
    static const fv_linear_options none;
    const fv_linear_options *o = options ? options : &none;
    *linear = NULL;
    FV_TRY(check_options(ctx, o));
    FV_TRY(check_labels(ctx, data));
    FV_TRY(check_budget(ctx, data, o));
    fv_linear *l = *linear = fv_new(ctx, fv_linear);
    if (!l)
        return FV_ERR_NO_MEMORY;
    l->ctx = ctx;
    l->classes = data->classes;
    l->width = data->width;
    l->vectors = vectors_of(data->classes);
    l->weights = fv_calloc(ctx, (size_t)l->vectors, (size_t)l->width * sizeof *l->weights);
    l->intercepts = fv_calloc(ctx, (size_t)l->vectors, sizeof *l->intercepts);
    double *room = fv_calloc(ctx, (size_t)(2 * l->width + l->vectors * (l->width + 1)), sizeof *room);
    const fv_status status = l->weights && l->intercepts && room ? fit(l, data, o, room) : FV_ERR_NO_MEMORY;
    fv_free(ctx, room);
    if (status != FV_OK)
        fv_linear_destroy(linear);
    return status;
}

void fv_linear_destroy(fv_linear **linear)
{
    fv_linear *l = linear ? *linear : NULL;
    if (!l)
        return;
    fv_free(l->ctx, l->weights);
    fv_free(l->ctx, l->intercepts);
    fv_free(l->ctx, l);
    *linear = NULL;
}

int64_t fv_linear_vectors(const fv_linear *l)
{
    return l->vectors;
}

int64_t fv_linear_width(const fv_linear *l)
{
    return l->width;
}

const double *fv_linear_weights(const fv_linear *l)
{
    return l->weights;
}

const double *fv_linear_intercepts(const fv_linear *l)
{
    return l->intercepts;
}

bool fv_linear_converged(const fv_linear *l, int64_t *iterations)
{
    if (iterations)
        *iterations = l->solved.iterations;
    return l->solved.converged;
}

/* ---- answers ---- */

void fv_linear_predict(const fv_linear *l, const float *x, int64_t n, int32_t *classes, double *scores)
{
    for (int64_t i = 0; i < n; i++, x += l->width) {
        double most = 0;
        classes[i] = 0;
        for (int64_t k = 0; k < l->vectors; k++) {
            double z = l->intercepts[k];
            for (int64_t j = 0; j < l->width; j++)
                z += l->weights[k * l->width + j] * (double)x[j];
            if (scores)
                scores[i * l->vectors + k] = z;
            if (l->vectors == 1)
                classes[i] = z > 0;
            else if (k == 0 || z > most)
                classes[i] = (int32_t)k;
            most = k == 0 || z > most ? z : most;
        }
    }
}
