/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of softmax and losses: the scalar variant's bits on every instruction set, and float64 formulas. */
#include "fvcheck_near.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/softmax/softmax.h"

/* Logits of different temper: ordinary, integers with ties, special values, and far from zero. */
static void fill_logits(fvc *t, float *x, int64_t rows, int64_t c, int kind)
{
    fvc_fill_kind(t, x, rows * c, kind < 3 ? kind : 1);
    for (int64_t i = 0; kind == 3 && i < rows; i++) {
        float offset = fvc_int(t, 0, 1) ? 1e4f : -1e4f;
        for (int64_t j = 0; j < c; j++)
            x[i * c + j] = x[i * c + j] * 20.0f + offset;
    }
}

static double row_max(const float *x, int64_t c)
{
    double max = -INFINITY;
    for (int64_t j = 0; j < c; j++)
        max = (double)x[j] > max ? (double)x[j] : max;
    return max;
}

static double row_exp_sum(const float *x, int64_t c, double max)
{
    double sum = 0;
    for (int64_t j = 0; j < c; j++)
        sum += exp((double)x[j] - max);
    return sum;
}

static void run_softmax(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        int64_t rows = fvc_int(t, 1, 5), c = fvc_size(t, 130), n = rows * c;
        float *x = fvc_floats(t, n), *y = fvc_floats(t, n), *want = fvc_floats(t, n), *dy = fvc_floats(t, n);
        double *exact = fvc_doubles(t, n), *exact_log = fvc_doubles(t, n);
        fill_logits(t, x, rows, c, round % 4);
        fvc_fill_kind(t, dy, n, round % 2);
        for (int64_t i = 0; i < n; i++) {
            const float *row = x + i / c * c;
            double max = row_max(row, c), sum = row_exp_sum(row, c, max);
            exact[i] = exp((double)x[i] - max) / sum;
            exact_log[i] = (double)x[i] - max - log(sum);
        }
        t->k->softmax->softmax(rows, c, x, y);
        t->scalar->softmax->softmax(rows, c, x, want);
        fvc_equal(t, "softmax", y, want, n);
        fvc_near(t, "softmax", y, exact, n, 16, 1e-30);
        t->k->softmax->softmax_grad(rows, c, y, dy, want);
        for (int64_t i = 0; i < n; i++) {
            double dot = 0;
            for (int64_t j = i / c * c; j < i / c * c + c; j++)
                dot += (double)y[j] * (double)dy[j];
            exact[i] = (double)y[i] * ((double)dy[i] - dot);
        }
        fvc_near(t, "softmax gradient", want, exact, n, 32, 8);
        float *again = fvc_floats(t, n);
        t->scalar->softmax->softmax_grad(rows, c, y, dy, again);
        fvc_equal(t, "softmax gradient", want, again, n);
        t->k->softmax->log_softmax(rows, c, x, y);
        t->scalar->softmax->log_softmax(rows, c, x, want);
        fvc_equal(t, "log-softmax", y, want, n);
        fvc_near(t, "log-softmax", y, exact_log, n, 8, 8);
        t->k->softmax->log_softmax_grad(rows, c, y, dy, want);
        t->scalar->softmax->log_softmax_grad(rows, c, y, dy, again);
        fvc_equal(t, "log-softmax gradient", want, again, n);
        for (int64_t i = 0; i < n; i++) {
            double sum = 0;
            for (int64_t j = i / c * c; j < i / c * c + c; j++)
                sum += (double)dy[j];
            exact[i] = (double)dy[i] - exp((double)y[i]) * sum;
        }
        fvc_near(t, "log-softmax gradient", want, exact, n, 32, 8.0 * (double)c);
        fvc_reset(t);
    }
}

static double target_of(const fv_targets *t, int64_t row, int64_t j, int64_t c)
{
    double given = t->labels ? (t->labels[row] == j ? 1.0 : 0.0) : (double)t->soft[row * c + j], all = 0;
    for (int64_t i = 0; i < c; i++)
        all += t->labels ? (t->labels[row] == i ? 1.0 : 0.0) : (double)t->soft[row * c + i];
    return (1.0 - (double)t->smoothing) * given + (double)t->smoothing * all / (double)c;
}

static void run_cross_entropy(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        int64_t rows = fvc_int(t, 1, 5), c = fvc_size(t, 130), n = rows * c;
        float *x = fvc_floats(t, n), *soft = fvc_floats(t, n), *losses = fvc_floats(t, rows);
        float *d = fvc_floats(t, n), *want_d = fvc_floats(t, n), *want = fvc_floats(t, rows), scale = 0.125f;
        int32_t *labels = fvc_int32s(t, rows);
        double *exact = fvc_doubles(t, rows), *exact_d = fvc_doubles(t, n);
        fill_logits(t, x, rows, c, round % 4);
        for (int64_t i = 0; i < n; i++)
            soft[i] = fabsf(fvc_real(t)) / (float)c;
        for (int64_t i = 0; i < rows; i++)
            labels[i] = (int32_t)fvc_int(t, round % 7 == 0 ? -1 : 0, round % 7 == 0 ? c : c - 1);
        fv_targets targets = {.soft = soft, .smoothing = fvc_int(t, 0, 1) ? 0.1f : 0.0f};
        if (fvc_int(t, 0, 1))
            targets.labels = labels;
        for (int64_t i = 0; i < rows; i++) {
            double max = row_max(x + i * c, c), sum = row_exp_sum(x + i * c, c, max), all = 0;
            bool bad = targets.labels && (labels[i] < 0 || labels[i] >= c);
            exact[i] = bad ? NAN : 0;
            for (int64_t j = 0; j < c; j++) {
                double target = target_of(&targets, i, j, c);
                all += target;
                exact[i] += target * (log(sum) + max - (double)x[i * c + j]);
            }
            for (int64_t j = 0; j < c; j++)
                exact_d[i * c + j] =
                    bad ? NAN
                        : (double)scale * (exp((double)x[i * c + j] - max) / sum * all - target_of(&targets, i, j, c));
        }
        t->k->softmax->cross_entropy(rows, c, x, &targets, losses);
        t->scalar->softmax->cross_entropy(rows, c, x, &targets, want);
        fvc_equal(t, "cross-entropy", losses, want, rows);
        t->k->softmax->cross_entropy_grad(rows, c, x, &targets, scale, d);
        t->scalar->softmax->cross_entropy_grad(rows, c, x, &targets, scale, want_d);
        fvc_equal(t, "cross-entropy gradient", d, want_d, n);
        if (round % 4 != 2) {
            fvc_near(t, "cross-entropy", losses, exact, rows, 16, 40);
            fvc_near(t, "cross-entropy gradient", d, exact_d, n, 16, 1);
        }
        fvc_reset(t);
    }
}

static double element_loss(fv_loss_kind kind, double delta, double x, double y, double *grad)
{
    double d = x - y;
    switch (kind) {
    case FV_LOSS_MAE:
        *grad = d > 0 ? 1 : d < 0 ? -1 : d;
        return fabs(d);
    case FV_LOSS_HUBER:
        *grad = d > delta ? delta : d < -delta ? -delta : d;
        return fabs(d) <= delta ? d * d / 2 : delta * (fabs(d) - delta / 2);
    case FV_LOSS_BCE:
        *grad = 1.0 / (1.0 + exp(-x)) - y;
        return fmax(x, 0) - x * y + log1p(exp(-fabs(x)));
    default:
        *grad = 2 * d;
        return d * d;
    }
}

static void run_loss(fvc *t)
{
    for (int round = 0; round < fvc_rounds(400) && !t->failed; round++) {
        fv_loss_kind kind = (fv_loss_kind)(round % FV_LOSS_COUNT);
        int64_t rows = fvc_int(t, 1, 5), c = fvc_size(t, 100), n = rows * c;
        float *x = fvc_floats(t, n), *y = fvc_floats(t, n), *losses = fvc_floats(t, rows), *want = fvc_floats(t, rows);
        float *d = fvc_floats(t, n), *want_d = fvc_floats(t, n), delta = 0.5f, scale = 0.25f;
        double *exact = fvc_doubles(t, rows), *exact_d = fvc_doubles(t, n);
        int fill = fvc_int(t, 0, 2) == 0 ? 2 : 1;
        fvc_fill_kind(t, x, n, fill);
        fvc_fill_kind(t, y, n, fill);
        for (int64_t i = 0; i < n; i++) {
            x[i] *= fill == 2 ? 1.0f : 3.0f;
            if (fvc_int(t, 0, 9) == 0)
                x[i] = y[i];
            double grad;
            exact[i / c] = (i % c ? exact[i / c] : 0) + element_loss(kind, 0.5, (double)x[i], (double)y[i], &grad);
            exact_d[i] = grad * (double)scale;
        }
        t->k->softmax->loss(kind, delta, rows, c, x, y, losses);
        t->scalar->softmax->loss(kind, delta, rows, c, x, y, want);
        fvc_equal(t, "loss", losses, want, rows);
        t->k->softmax->loss_grad(kind, delta, scale, n, x, y, d);
        t->scalar->softmax->loss_grad(kind, delta, scale, n, x, y, want_d);
        fvc_equal(t, "loss gradient", d, want_d, n);
        if (fill == 1) {
            fvc_near(t, "loss", losses, exact, rows, 16, 16);
            fvc_near(t, "loss gradient", d, exact_d, n, 4, 1);
        }
        fvc_reset(t);
    }
}

/* ---- timing ---- */

typedef struct sm_bench {
    const fv_softmax_kernels *k;
    int64_t rows, c;
    float *x, *y, *d;
    fv_targets targets;
} sm_bench;

static void call_softmax(void *arg)
{
    sm_bench *b = arg;
    b->k->softmax(b->rows, b->c, b->x, b->y);
}

static void call_cross_entropy(void *arg)
{
    sm_bench *b = arg;
    b->k->cross_entropy(b->rows, b->c, b->x, &b->targets, b->y);
}

static void call_cross_entropy_grad(void *arg)
{
    sm_bench *b = arg;
    b->k->cross_entropy_grad(b->rows, b->c, b->x, &b->targets, 1.0f, b->d);
}

static void bench_softmax(fvc *t)
{
    static void (*const calls[])(void *) = {call_softmax, call_cross_entropy, call_cross_entropy_grad};
    static const char *const names[] = {"softmax", "cross_entropy", "cross_entropy_grad"};
    for (int64_t c = 10; c <= 1000; c *= 100) {
        sm_bench b = {.k = t->k->softmax, .rows = 64, .c = c};
        int32_t labels[64];
        for (int i = 0; i < 64; i++)
            labels[i] = i % 10;
        b.targets.labels = labels;
        b.x = fvc_bench_floats(t, 64 * c);
        b.y = fvc_bench_floats(t, 64 * c);
        b.d = fvc_bench_floats(t, 64 * c);
        for (int i = 0; i < 3; i++) {
            char label[64];
            snprintf(label, sizeof label, "softmax %s 64x%lld", names[i], (long long)c);
            fvc_time(t, label, 0, 8.0 * (double)(64 * c), calls[i], &b);
        }
        free(b.x);
        free(b.y);
        free(b.d);
    }
}

const fv_check fv_check_softmax[] = {{"softmax.softmax", run_softmax, bench_softmax},
                                     {"softmax.cross_entropy", run_cross_entropy, NULL},
                                     {"softmax.loss", run_loss, NULL},
                                     {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_softmax_kernels broken_table;
static const fv_softmax_kernels *right;

static fv_softmax_kernels *broken_begin(fv_kernels *k)
{
    right = k->softmax;
    broken_table = *right;
    k->softmax = &broken_table;
    return &broken_table;
}

static void softmax_unshifted(int64_t rows, int64_t c, const float *src, float *dst)
{
    for (int64_t i = 0; i < rows; i++) {
        float sum = 0;
        for (int64_t j = 0; j < c; j++)
            sum += expf(src[i * c + j]);
        for (int64_t j = 0; j < c; j++)
            dst[i * c + j] = expf(src[i * c + j]) / sum;
    }
}

static void cross_entropy_unsmoothed(int64_t rows, int64_t c, const float *src, const fv_targets *t, float *losses)
{
    fv_targets u = *t;
    u.smoothing = 0;
    right->cross_entropy(rows, c, src, &u, losses);
}

static void grad_overwrites(int64_t rows, int64_t c, const float *src, const fv_targets *t, float scale, float *d_src)
{
    right->cross_entropy_grad(rows, c, src, t, scale, d_src);
    d_src[rows * c] = 0;
}

static void loss_short(fv_loss_kind kind, float delta, int64_t rows, int64_t c, const float *src, const float *target,
                       float *losses)
{
    right->loss(kind, delta, rows, c > 1 ? c - 1 : c, src, target, losses);
}

static void install_unshifted(fv_kernels *k)
{
    broken_begin(k)->softmax = softmax_unshifted;
}
static void install_unsmoothed(fv_kernels *k)
{
    broken_begin(k)->cross_entropy = cross_entropy_unsmoothed;
}
static void install_overwrites(fv_kernels *k)
{
    broken_begin(k)->cross_entropy_grad = grad_overwrites;
}
static void install_short(fv_kernels *k)
{
    broken_begin(k)->loss = loss_short;
}

const fv_broken fv_broken_softmax[] = {
    {"softmax.softmax: does not subtract the maximum", "softmax.softmax", install_unshifted},
    {"softmax.cross_entropy: ignores smoothing", "softmax.cross_entropy", install_unsmoothed},
    {"softmax.cross_entropy_grad: writes one element too many", "softmax.cross_entropy", install_overwrites},
    {"softmax.loss: leaves out the last column", "softmax.loss", install_short},
    {NULL, NULL, NULL}};
