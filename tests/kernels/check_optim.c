/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the optimizer steps: several steps against the formulas in float64, and the scalar variant's bits. */
#include "fvcheck_near.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/optim/optim.h"

enum { STEPS = 4, STATES = 4 };

/* param and up to three state arrays, in float32 twice (variant, scalar) and in float64. */
typedef struct optim_case {
    int64_t n;
    float *grad, *got[STATES], *want[STATES];
    double *exact[STATES];
    int kind;
} optim_case;

static void optim_make(fvc *t, optim_case *x, int kind)
{
    x->kind = kind;
    x->n = fvc_size(t, 120);
    x->grad = fvc_floats(t, x->n);
    for (int s = 0; s < STATES; s++) {
        x->got[s] = fvc_floats(t, x->n);
        x->want[s] = fvc_floats(t, x->n);
        x->exact[s] = fvc_doubles(t, x->n);
        for (int64_t i = 0; i < x->n; i++) {
            x->got[s][i] = x->want[s][i] = s == 0 ? (fvc_int(t, 0, 9) ? fvc_real(t) : 0.0f) : 0.0f;
            x->exact[s][i] = (double)x->got[s][i];
        }
    }
}

static void optim_compare(fvc *t, const optim_case *x, const char *what)
{
    for (int s = 0; s < STATES; s++) {
        fvc_equal(t, what, x->got[s], x->want[s], x->n);
        if (x->kind != 2)
            fvc_near(t, what, x->got[s], x->exact[s], x->n, 64, 1);
    }
}

/* A momentum or decay of 0 now and then, so that every branch is walked. */
static float pick(fvc *t, float value)
{
    return fvc_int(t, 0, 1) ? value : 0.0f;
}

static void run_sgd(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        optim_case x;
        optim_make(t, &x, round % 3);
        fv_sgd o = {0.1f, pick(t, 0.9f), pick(t, 0.01f), pick(t, 0.02f), 0.5f, fvc_int(t, 0, 1)};
        for (int step = 0; step < STEPS; step++) {
            fvc_fill_kind(t, x.grad, x.n, x.kind);
            for (int64_t i = 0; i < x.n; i++) {
                double p = x.exact[0][i], g = (double)x.grad[i] * (double)o.grad_scale;
                /* The sign is that of the float: rounding may leave it on the other side of 0 than the exact one. */
                float f = x.got[0][i];
                g += (double)o.weight_decay * p + (double)o.l1 * (f > 0 ? 1 : f < 0 ? -1 : 0);
                if (o.momentum != 0.0f) {
                    x.exact[1][i] = (double)o.momentum * x.exact[1][i] + g;
                    g = o.nesterov ? g + (double)o.momentum * x.exact[1][i] : x.exact[1][i];
                }
                x.exact[0][i] = p - (double)o.lr * g;
            }
            t->k->optim->sgd(&o, x.n, x.grad, x.got[0], o.momentum != 0.0f ? x.got[1] : NULL);
            t->scalar->optim->sgd(&o, x.n, x.grad, x.want[0], o.momentum != 0.0f ? x.want[1] : NULL);
        }
        optim_compare(t, &x, "sgd");
        fvc_reset(t);
    }
}

static void run_adam(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        optim_case x;
        optim_make(t, &x, round % 3);
        fv_adam o = {0.01f, 0.9f, 0.99f, 1e-3f, pick(t, 0.05f), 0.5f, 1, 1, fvc_int(t, 0, 1)};
        double beta1 = o.beta1, beta2 = o.beta2;
        for (int step = 1; step <= STEPS; step++) {
            fvc_fill_kind(t, x.grad, x.n, x.kind);
            o.correction1 = 1 - pow(beta1, step);
            o.correction2 = 1 - pow(beta2, step);
            for (int64_t i = 0; i < x.n; i++) {
                double p = x.exact[0][i], g = (double)x.grad[i] * (double)o.grad_scale, *m = x.exact[1],
                       *v = x.exact[2];
                if (o.decoupled)
                    p *= 1 - (double)o.lr * (double)o.weight_decay;
                else
                    g += (double)o.weight_decay * p;
                m[i] += (1 - beta1) * (g - m[i]);
                v[i] = beta2 * v[i] + (1 - beta2) * g * g;
                double denominator = sqrt(v[i]) / sqrt(o.correction2) + (double)o.eps;
                x.exact[0][i] = p - (double)o.lr / o.correction1 * m[i] / denominator;
            }
            t->k->optim->adam(&o, x.n, x.grad, x.got[0], x.got[1], x.got[2]);
            t->scalar->optim->adam(&o, x.n, x.grad, x.want[0], x.want[1], x.want[2]);
        }
        optim_compare(t, &x, o.decoupled ? "adamw" : "adam");
        fvc_reset(t);
    }
}

static void run_rmsprop(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        optim_case x;
        optim_make(t, &x, round % 3);
        fv_rmsprop o = {0.01f, 0.9f, 0.1f, pick(t, 0.05f), pick(t, 0.9f), 0.5f, fvc_int(t, 0, 1)};
        double alpha = o.alpha;
        for (int step = 0; step < STEPS; step++) {
            fvc_fill_kind(t, x.grad, x.n, x.kind);
            for (int64_t i = 0; i < x.n; i++) {
                double p = x.exact[0][i], *s = x.exact[1], *a = x.exact[2], *v = x.exact[3];
                double g = (double)x.grad[i] * (double)o.grad_scale + (double)o.weight_decay * p;
                s[i] = alpha * s[i] + (1 - alpha) * g * g;
                double centered = s[i];
                if (o.centered) {
                    a[i] += (1 - alpha) * (g - a[i]);
                    centered -= a[i] * a[i];
                }
                double change = g / (sqrt(centered) + (double)o.eps);
                if (o.momentum > 0.0f)
                    change = v[i] = (double)o.momentum * v[i] + change;
                x.exact[0][i] = p - (double)o.lr * change;
            }
            bool a = o.centered, v = o.momentum > 0.0f;
            t->k->optim->rmsprop(&o, x.n, x.grad, x.got[0], x.got[1], a ? x.got[2] : NULL, v ? x.got[3] : NULL);
            t->scalar->optim->rmsprop(&o, x.n, x.grad, x.want[0], x.want[1], a ? x.want[2] : NULL,
                                      v ? x.want[3] : NULL);
        }
        optim_compare(t, &x, "rmsprop");
        fvc_reset(t);
    }
}

static void run_ema(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        optim_case x;
        optim_make(t, &x, round % 3);
        double decay = fvc_int(t, 0, 3) ? 0.99 : (double)fvc_int(t, 0, 1);
        for (int step = 0; step < STEPS; step++) {
            fvc_fill_kind(t, x.grad, x.n, x.kind);
            for (int64_t i = 0; i < x.n; i++)
                x.exact[0][i] += (1 - decay) * ((double)x.grad[i] - x.exact[0][i]);
            t->k->optim->ema(decay, x.n, x.grad, x.got[0]);
            t->scalar->optim->ema(decay, x.n, x.grad, x.want[0]);
        }
        optim_compare(t, &x, "ema");
        fvc_reset(t);
    }
}

/* ---- timing ---- */

typedef struct optim_bench {
    const fv_optim_kernels *k;
    int64_t n;
    float *grad, *param, *m, *v;
} optim_bench;

static void call_sgd(void *arg)
{
    optim_bench *b = arg;
    fv_sgd o = {1e-6f, 0.9f, 1e-4f, 0, 1, false};
    b->k->sgd(&o, b->n, b->grad, b->param, b->m);
}

static void call_adam(void *arg)
{
    optim_bench *b = arg;
    fv_adam o = {1e-6f, 0.9f, 0.999f, 1e-8f, 1e-4f, 1, 0.1, 0.001, true};
    b->k->adam(&o, b->n, b->grad, b->param, b->m, b->v);
}

static void bench_optim(fvc *t)
{
    for (int64_t n = 16384; n <= 4194304; n *= 256) {
        optim_bench b = {
            t->k->optim,           n, fvc_bench_floats(t, n), fvc_bench_floats(t, n), fvc_bench_floats(t, n),
            fvc_bench_floats(t, n)};
        for (int64_t i = 0; i < n; i++)
            b.v[i] = fabsf(b.v[i]);
        char label[64];
        snprintf(label, sizeof label, "optim sgd %lld", (long long)n);
        fvc_time(t, label, 0, 20.0 * (double)n, call_sgd, &b);
        snprintf(label, sizeof label, "optim adamw %lld", (long long)n);
        fvc_time(t, label, 0, 28.0 * (double)n, call_adam, &b);
        free(b.grad);
        free(b.param);
        free(b.m);
        free(b.v);
    }
}

const fv_check fv_check_optim[] = {{"optim.sgd", run_sgd, bench_optim},
                                   {"optim.adam", run_adam, NULL},
                                   {"optim.rmsprop", run_rmsprop, NULL},
                                   {"optim.ema", run_ema, NULL},
                                   {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_optim_kernels broken_table;
static const fv_optim_kernels *right;

static fv_optim_kernels *broken_begin(fv_kernels *k)
{
    right = k->optim;
    broken_table = *right;
    k->optim = &broken_table;
    return &broken_table;
}

static void sgd_plain_momentum(const fv_sgd *o, int64_t n, const float *grad, float *param, float *velocity)
{
    fv_sgd p = *o;
    p.nesterov = false;
    right->sgd(&p, n, grad, param, velocity);
}

static void adam_eps_inside(const fv_adam *o, int64_t n, const float *grad, float *param, float *m, float *v)
{
    fv_adam p = *o;
    p.eps = (float)((double)o->eps / sqrt(o->correction2));
    right->adam(&p, n, grad, param, m, v);
}

static void rmsprop_short(const fv_rmsprop *o, int64_t n, const float *grad, float *param, float *square,
                          float *average, float *velocity)
{
    right->rmsprop(o, n - 1, grad, param, square, average, velocity);
}

static void ema_swapped(double decay, int64_t n, const float *param, float *average)
{
    right->ema(1 - decay, n, param, average);
}

static void install_plain(fv_kernels *k)
{
    broken_begin(k)->sgd = sgd_plain_momentum;
}
static void install_eps(fv_kernels *k)
{
    broken_begin(k)->adam = adam_eps_inside;
}
static void install_short(fv_kernels *k)
{
    broken_begin(k)->rmsprop = rmsprop_short;
}

static void install_swapped(fv_kernels *k)
{
    broken_begin(k)->ema = ema_swapped;
}

const fv_broken fv_broken_optim[] = {{"optim.sgd: ignores Nesterov", "optim.sgd", install_plain},
                                     {"optim.adam: eps before the correction", "optim.adam", install_eps},
                                     {"optim.rmsprop: forgets the last element", "optim.rmsprop", install_short},
                                     {"optim.ema: keeps what it should give up", "optim.ema", install_swapped},
                                     {NULL, NULL, NULL}};
