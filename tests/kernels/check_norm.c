/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of batch normalization: sums are stated chains (same bits as plain loops), the rest follows float64; and of
   layer normalization, whose sums over a row are 16 lanes and their tree. */
#include "fvcheck_near.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/norm/norm.h"

typedef struct norm_case {
    int64_t rows, c, stride, size;
    float *src, *dst, *d_dst, *gamma, *beta, *mean, *var, *rstd;
    double *sum, *square;
} norm_case;

static void norm_make(fvc *t, norm_case *x, int kind)
{
    x->rows = fvc_int(t, 1, 60);
    x->c = fvc_size(t, 100);
    x->stride = x->c + (fvc_int(t, 0, 1) ? fvc_int(t, 0, 20) : 0);
    x->size = (x->rows - 1) * x->stride + x->c;
    float **all[] = {&x->src, &x->dst, &x->d_dst, &x->gamma, &x->beta, &x->mean, &x->var, &x->rstd};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int64_t n = i < 3 ? x->size : x->c;
        *all[i] = fvc_floats(t, n);
        fvc_fill_kind(t, *all[i], n, kind);
    }
    x->sum = fvc_doubles(t, x->c);
    x->square = fvc_doubles(t, x->c);
    for (int64_t j = 0; j < x->c; j++) {
        x->sum[j] = (double)fvc_real(t);
        x->square[j] = (double)fvc_real(t) + 1.0;
    }
}

static bool masked(fv_activation act, float y)
{
    return (act != FV_ACT_NONE && y <= 0.0f) || (act == FV_RELU6 && y >= 6.0f);
}

static const fv_activation acts[] = {FV_ACT_NONE, FV_RELU, FV_RELU6};

static void run_sums(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        norm_case x;
        norm_make(t, &x, round % 3);
        double *sum = fvc_doubles(t, x.c), *square = fvc_doubles(t, x.c);
        memcpy(sum, x.sum, (size_t)x.c * sizeof(double));
        memcpy(square, x.square, (size_t)x.c * sizeof(double));
        for (int64_t i = 0; i < x.rows; i++)
            for (int64_t j = 0; j < x.c; j++) {
                double v = (double)x.src[i * x.stride + j];
                sum[j] += v;
                square[j] = fma(v, v, square[j]);
            }
        /* In two parts, by rows: the chain goes on. */
        int64_t cut = fvc_int(t, 0, x.rows);
        t->k->norm->sums(cut, x.c, x.stride, x.src, x.sum, x.square);
        t->k->norm->sums(x.rows - cut, x.c, x.stride, x.src + cut * x.stride, x.sum, x.square);
        fvc_equal_f64(t, "sum", x.sum, sum, x.c);
        fvc_equal_f64(t, "sum of squares", x.square, square, x.c);
        fvc_reset(t);
    }
}

static void run_finalize(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        norm_case x;
        norm_make(t, &x, 1);
        int64_t count = fvc_int(t, 0, 3) ? fvc_int(t, 1, 1000) : 1;
        double *mean = fvc_doubles(t, x.c), *var = fvc_doubles(t, x.c), *rstd = fvc_doubles(t, x.c);
        double *run_mean = fvc_doubles(t, x.c), *run_var = fvc_doubles(t, x.c), eps = 1e-5, momentum = 0.1;
        float *scale = fvc_floats(t, x.c), *shift = fvc_floats(t, x.c);
        for (int64_t j = 0; j < x.c; j++) {
            mean[j] = x.sum[j] / (double)count;
            var[j] = fmax(x.square[j] / (double)count - mean[j] * mean[j], 0.0);
            rstd[j] = 1.0 / sqrt(var[j] + eps);
        }
        t->k->norm->finalize(x.c, count, eps, x.sum, x.square, x.mean, x.var, x.rstd);
        fvc_near(t, "mean", x.mean, mean, x.c, 1, 0);
        fvc_near(t, "variance", x.var, var, x.c, 1, 1e-6);
        fvc_near(t, "1/sqrt(var + eps)", x.rstd, rstd, x.c, 2, 0);
        for (int64_t j = 0; j < x.c; j++) {
            double unbias = count > 1 ? (double)count / (double)(count - 1) : 1.0;
            run_mean[j] = 0.9 * (double)x.gamma[j] + momentum * mean[j];
            run_var[j] = 0.9 * (double)x.beta[j] + momentum * unbias * var[j];
        }
        float *gamma = fvc_floats(t, x.c), *beta = fvc_floats(t, x.c);
        memcpy(gamma, x.gamma, (size_t)x.c * sizeof(float));
        memcpy(beta, x.beta, (size_t)x.c * sizeof(float));
        t->k->norm->update(x.c, count, momentum, x.sum, x.square, gamma, beta);
        fvc_near(t, "running mean", gamma, run_mean, x.c, 2, 1e-3);
        fvc_near(t, "running variance", beta, run_var, x.c, 2, 1e-3);
        t->k->norm->rstd(x.c, eps, x.var, scale);
        fvc_near(t, "rstd", scale, rstd, x.c, 4, 1e-3);
        t->k->norm->coefficients(x.c, x.gamma, x.beta, x.mean, x.rstd, scale, shift);
        for (int64_t j = 0; j < x.c; j++) {
            mean[j] = (double)x.gamma[j] * (double)x.rstd[j];
            var[j] = (double)x.beta[j] - (double)x.mean[j] * (double)scale[j];
        }
        fvc_near(t, "scale", scale, mean, x.c, 1, 0);
        fvc_near(t, "shift", shift, var, x.c, 1, 0);
        fvc_reset(t);
    }
}

static void run_apply(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        norm_case x;
        norm_make(t, &x, round % 3);
        fv_activation act = acts[fvc_int(t, 0, 2)];
        float *want = fvc_floats(t, x.size);
        memcpy(want, x.dst, (size_t)x.size * sizeof(float));
        for (int64_t i = 0; i < x.rows; i++)
            for (int64_t j = 0; j < x.c; j++) {
                float y = fmaf(x.src[i * x.stride + j], x.gamma[j], x.beta[j]);
                if (act != FV_ACT_NONE)
                    y = 0.0f > y ? 0.0f : y;
                if (act == FV_RELU6)
                    y = 6.0f < y ? 6.0f : y;
                want[i * x.stride + j] = y;
            }
        t->k->norm->apply(act, 0.0f, x.rows, x.c, x.stride, x.src, x.gamma, x.beta, x.dst);
        fvc_equal(t, "apply", x.dst, want, x.size);
        fvc_reset(t);
    }
}

static void run_fold(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        norm_case x;
        norm_make(t, &x, round % 3);
        const double scale = (double)fvc_real(t) * 3.0;
        const bool in_place = fvc_int(t, 0, 1);
        float *want = fvc_floats(t, x.size);
        for (int64_t i = 0; i < x.size; i++)
            want[i] = (float)((double)x.src[i] * scale);
        t->k->norm->fold(x.size, scale, x.src, in_place ? x.src : x.dst);
        fvc_equal(t, "fold", in_place ? x.src : x.dst, want, x.size);
        fvc_reset(t);
    }
}

static void run_grad(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        norm_case x;
        norm_make(t, &x, round % 3);
        fv_activation act = acts[fvc_int(t, 0, 2)];
        double *sum = fvc_doubles(t, x.c), *dot = fvc_doubles(t, x.c);
        memcpy(sum, x.sum, (size_t)x.c * sizeof(double));
        memcpy(dot, x.square, (size_t)x.c * sizeof(double));
        for (int64_t i = 0; i < x.rows; i++)
            for (int64_t j = 0; j < x.c; j++) {
                int64_t at = i * x.stride + j;
                float g = masked(act, x.dst[at]) ? 0.0f : x.d_dst[at];
                sum[j] += (double)g;
                dot[j] = fma((double)g, (double)(x.src[at] - x.mean[j]), dot[j]);
            }
        t->k->norm->grad_sums(act, x.rows, x.c, x.stride, x.src, x.dst, x.d_dst, x.mean, x.sum, x.square);
        fvc_equal_f64(t, "gradient sum", x.sum, sum, x.c);
        fvc_equal_f64(t, "gradient dot", x.square, dot, x.c);
        float *d_gamma = fvc_floats(t, x.c), *d_beta = fvc_floats(t, x.c), *k = fvc_floats(t, 3 * x.c);
        t->k->norm->grad_finalize(x.c, x.rows, sum, dot, x.gamma, x.rstd, d_gamma, d_beta, k);
        float *d_src = fvc_floats(t, x.size), *want = fvc_floats(t, x.size);
        memcpy(want, x.src, (size_t)x.size * sizeof(float));
        memcpy(d_src, x.src, (size_t)x.size * sizeof(float));
        double *exact = fvc_doubles(t, x.c), m = (double)x.rows;
        for (int64_t j = 0; j < x.c; j++)
            exact[j] = dot[j] * (double)x.rstd[j];
        fvc_near(t, "d_gamma", d_gamma, exact, x.c, 1, 0);
        fvc_near(t, "d_beta", d_beta, sum, x.c, 1, 0);
        for (int64_t i = 0; i < x.rows && !t->failed; i++)
            for (int64_t j = 0; j < x.c; j++) {
                int64_t at = i * x.stride + j;
                float g = masked(act, x.dst[at]) ? 0.0f : x.d_dst[at];
                want[at] = fmaf(k[j], g, fmaf(k[x.c + j], x.src[at] - x.mean[j], k[2 * x.c + j]));
                /* The textbook formula, where numbers are tame. */
                double r = (double)x.rstd[j], hat = ((double)x.src[at] - (double)x.mean[j]) * r;
                double d = (double)x.gamma[j] * r * ((double)g - sum[j] / m - hat * dot[j] * r / m);
                if (round % 3 != 2)
                    fvc_near(t, "d_src by the formula", &want[at], &d, 1, 16, 1e3);
            }
        t->k->norm->grad_data(act, x.rows, x.c, x.stride, x.src, x.dst, x.d_dst, x.mean, k, x.c, d_src);
        fvc_equal(t, "d_src", d_src, want, x.size);
        fvc_reset(t);
    }
}

/* ---- layer normalization ---- */

/* The 16 lanes added by their tree: i + 8, i + 4, i + 2, i + 1. */
static float tree(float lane[16])
{
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

/* mean, rstd, offset of a row, as norm.h states them. */
static void layer_stats_of(int64_t c, float eps, const float *x, float stats[3])
{
    float lane[16] = {0}, square[16] = {0};
    for (int64_t i = 0; i < c; i++)
        lane[i % 16] += x[i];
    const float mean = tree(lane) / (float)c;
    memset(lane, 0, sizeof lane);
    for (int64_t i = 0; i < c; i++) {
        const float d = x[i] - mean;
        lane[i % 16] += d;
        square[i % 16] = fmaf(d, d, square[i % 16]);
    }
    const float left = tree(lane) / (float)c, var = fmaf(-left, left, tree(square) / (float)c);
    stats[0] = mean;
    stats[1] = 1.0f / sqrtf((var < 0.0f ? 0.0f : var) + eps);
    stats[2] = -left * stats[1];
}

static float standard(const float stats[3], float x)
{
    return fmaf(x - stats[0], stats[1], stats[2]);
}

/* The gradient of one row to x, by the stated sums. */
static void layer_grad_of(int64_t c, const float stats[3], const float *x, const float *gamma, const float *d_dst,
                          float *d_src)
{
    float sum[16] = {0}, dot[16] = {0};
    for (int64_t j = 0; j < c; j++) {
        const float g = gamma ? d_dst[j] * gamma[j] : d_dst[j];
        sum[j % 16] += g;
        dot[j % 16] = fmaf(g, standard(stats, x[j]), dot[j % 16]);
    }
    const float mean = tree(sum) / (float)c, product = tree(dot) / (float)c;
    for (int64_t j = 0; j < c; j++) {
        const float g = gamma ? d_dst[j] * gamma[j] : d_dst[j];
        d_src[j] = fmaf(-product, standard(stats, x[j]), g - mean) * stats[1];
    }
}

static void run_layer(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const float eps = round % 2 ? 1e-6f : 1e-2f;
        const int64_t rows = fvc_int(t, 1, 9), c = fvc_size(t, 100), n = rows * c;
        float *x = fvc_floats(t, n), *d_dst = fvc_floats(t, n), *scale = fvc_floats(t, c), *shift = fvc_floats(t, c);
        float *want = fvc_floats(t, n), *got = fvc_floats(t, n), *stats = fvc_floats(t, 3 * rows);
        float *all[] = {x, d_dst, scale, shift};
        for (int i = 0; i < 4; i++)
            fvc_fill_kind(t, all[i], i < 2 ? n : c, round % 3);
        const float *gamma = round % 4 < 2 ? scale : NULL, *beta = round % 8 < 4 ? shift : NULL;
        double *sum = fvc_doubles(t, c), *want_sum = fvc_doubles(t, c);
        for (int64_t j = 0; j < c; j++)
            sum[j] = want_sum[j] = (double)fvc_real(t);
        float own[3];
        for (int64_t i = 0; i < rows; i++) {
            layer_stats_of(c, eps, x + i * c, own);
            for (int64_t j = 0; j < c; j++) {
                const float y = standard(own, x[i * c + j]);
                want[i * c + j] = gamma && beta ? fmaf(y, gamma[j], beta[j])
                                  : gamma       ? y * gamma[j]
                                  : beta        ? y + beta[j]
                                                : y;
                want_sum[j] = fma((double)y, (double)d_dst[i * c + j], want_sum[j]);
            }
        }
        t->k->norm->layer(rows, c, eps, x, gamma, beta, got);
        fvc_equal(t, "layer normalization", got, want, n);
        t->k->norm->layer_stats(rows, c, eps, x, stats);
        /* In two parts, by channels. */
        const int64_t cut = fvc_int(t, 0, c);
        t->k->norm->layer_grad_scale(rows, cut, c, x, d_dst, stats, sum);
        t->k->norm->layer_grad_scale(rows, c - cut, c, x + cut, d_dst + cut, stats, sum + cut);
        fvc_equal_f64(t, "gradient to the scale of layer normalization", sum, want_sum, c);
        for (int64_t i = 0; i < rows; i++) {
            layer_stats_of(c, eps, x + i * c, own);
            layer_grad_of(c, own, x + i * c, gamma, d_dst + i * c, want + i * c);
        }
        t->k->norm->layer_grad(rows, c, eps, x, gamma, d_dst, got);
        fvc_equal(t, "gradient of layer normalization", got, want, n);
        fvc_reset(t);
    }
}

/* Rows far from 0 lose no more digits than their distance from it takes: the mean is put right. */
static void run_layer_far(fvc *t)
{
    for (int round = 0; round < fvc_rounds(50) && !t->failed; round++) {
        const int64_t c = fvc_int(t, 2, 1000);
        float *x = fvc_floats(t, c), *got = fvc_floats(t, c);
        double *exact = fvc_doubles(t, c), mean = 0, var = 0;
        for (int64_t j = 0; j < c; j++)
            mean += (double)(x[j] = 1000.0f + fvc_real(t)) / (double)c;
        for (int64_t j = 0; j < c; j++)
            var += ((double)x[j] - mean) * ((double)x[j] - mean) / (double)c;
        for (int64_t j = 0; j < c; j++)
            exact[j] = ((double)x[j] - mean) / sqrt(var + 1e-6);
        t->k->norm->layer(1, c, 1e-6f, x, NULL, NULL, got);
        fvc_near(t, "layer normalization far from 0", got, exact, c, 8, 1);
        fvc_reset(t);
    }
}

/* ---- timing ---- */

typedef struct norm_bench {
    const fv_norm_kernels *k;
    norm_case x;
    fv_activation act;
} norm_bench;

static void call_sums(void *arg)
{
    norm_bench *b = arg;
    b->k->sums(b->x.rows, b->x.c, b->x.c, b->x.src, b->x.sum, b->x.square);
}

static void call_apply(void *arg)
{
    norm_bench *b = arg;
    b->k->apply(FV_RELU, 0.0f, b->x.rows, b->x.c, b->x.c, b->x.src, b->x.gamma, b->x.beta, b->x.dst);
}

static void call_grad_sums(void *arg)
{
    norm_bench *b = arg;
    b->k->grad_sums(FV_RELU, b->x.rows, b->x.c, b->x.c, b->x.src, b->x.dst, b->x.d_dst, b->x.mean, b->x.sum,
                    b->x.square);
}

static void call_grad_data(void *arg)
{
    norm_bench *b = arg;
    b->k->grad_data(FV_RELU, b->x.rows, b->x.c, b->x.c, b->x.src, b->x.dst, b->x.d_dst, b->x.mean, b->x.gamma, 0,
                    b->x.d_dst);
}

static void bench_norm(fvc *t)
{
    static const struct {
        int64_t rows, c;
    } shapes[] = {{196, 64}, {25088, 64}, {1568, 512}};
    static void (*const calls[])(void *) = {call_sums, call_apply, call_grad_sums, call_grad_data};
    static const char *const names[] = {"sums", "apply+relu", "grad_sums+relu", "grad_data+relu"};
    static const int arrays[] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        norm_bench b = {.k = t->k->norm};
        norm_case *x = &b.x;
        x->rows = shapes[i].rows;
        x->c = shapes[i].c;
        int64_t n = x->rows * x->c;
        x->src = fvc_bench_floats(t, n);
        x->dst = fvc_bench_floats(t, n);
        x->d_dst = fvc_bench_floats(t, n);
        x->gamma = fvc_bench_floats(t, x->c);
        x->beta = fvc_bench_floats(t, x->c);
        x->mean = fvc_bench_floats(t, x->c);
        x->sum = calloc((size_t)x->c + 64, sizeof(double));
        x->square = calloc((size_t)x->c + 64, sizeof(double));
        if (!x->sum || !x->square)
            exit(2);
        for (int j = 0; j < 4; j++) {
            char label[96];
            snprintf(label, sizeof label, "norm %s %lldx%lld", names[j], (long long)x->rows, (long long)x->c);
            fvc_time(t, label, 0, 4.0 * (double)(n * arrays[j]), calls[j], &b);
        }
        free(x->src);
        free(x->dst);
        free(x->d_dst);
        free(x->gamma);
        free(x->beta);
        free(x->mean);
        free(x->sum);
        free(x->square);
    }
}

typedef struct layer_bench {
    const fv_norm_kernels *k;
    int64_t rows, c;
    float *src, *d_dst, *scale, *dst;
} layer_bench;

static void call_layer(void *arg)
{
    layer_bench *b = arg;
    b->k->layer(b->rows, b->c, 1e-6f, b->src, b->scale, b->scale, b->dst);
}

static void call_layer_grad(void *arg)
{
    layer_bench *b = arg;
    b->k->layer_grad(b->rows, b->c, 1e-6f, b->src, b->scale, b->d_dst, b->dst);
}

static void bench_layer(fvc *t)
{
    static const int64_t shapes[][2] = {{3136, 96}, {49, 768}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        layer_bench b = {.k = t->k->norm, .rows = shapes[i][0], .c = shapes[i][1]};
        const int64_t n = b.rows * b.c;
        b.src = fvc_bench_floats(t, n);
        b.d_dst = fvc_bench_floats(t, n);
        b.dst = fvc_bench_floats(t, n);
        b.scale = fvc_bench_floats(t, b.c);
        for (int j = 0; j < 2; j++) {
            char label[96];
            snprintf(label, sizeof label, "norm layer%s %lldx%lld", j ? "_grad" : "", (long long)b.rows,
                     (long long)b.c);
            fvc_time(t, label, 0, 4.0 * (double)(n * (2 + j)), j ? call_layer_grad : call_layer, &b);
        }
        free(b.src);
        free(b.d_dst);
        free(b.dst);
        free(b.scale);
    }
}

const fv_check fv_check_norm[] = {{"norm.sums", run_sums, bench_norm},     {"norm.finalize", run_finalize, NULL},
                                  {"norm.apply", run_apply, NULL},         {"norm.fold", run_fold, NULL},
                                  {"norm.grad", run_grad, NULL},           {"norm.layer", run_layer, bench_layer},
                                  {"norm.layer_far", run_layer_far, NULL}, {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_norm_kernels broken_table;
static const fv_norm_kernels *right;

static fv_norm_kernels *broken_begin(fv_kernels *k)
{
    right = k->norm;
    broken_table = *right;
    k->norm = &broken_table;
    return &broken_table;
}

static void sums_restart(int64_t rows, int64_t c, int64_t stride, const float *src, double *sum, double *square)
{
    memset(sum, 0, (size_t)c * sizeof(double));
    right->sums(rows, c, stride, src, sum, square);
}

static void finalize_unbiased(int64_t c, int64_t count, double eps, const double *sum, const double *square,
                              float *mean, float *var, float *rstd)
{
    right->finalize(c, count, eps, sum, square, mean, var, rstd);
    for (int64_t j = 0; j < c && count > 1; j++)
        var[j] *= (float)count / (float)(count - 1);
}

static void apply_two_roundings(fv_activation act, float alpha, int64_t rows, int64_t c, int64_t stride,
                                const float *src, const float *scale, const float *shift, float *dst)
{
    right->apply(act, alpha, rows, c, stride, src, scale, shift, dst);
    for (int64_t i = 0; act == FV_ACT_NONE && i < rows; i++)
        for (int64_t j = 0; j < c; j++) {
            volatile float product = src[i * stride + j] * scale[j];
            dst[i * stride + j] = product + shift[j];
        }
}

static void fold_in_float(int64_t n, double scale, const float *src, float *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = src[i] * (float)scale;
}

static void grad_sums_unmasked(fv_activation act, int64_t rows, int64_t c, int64_t stride, const float *src,
                               const float *dst, const float *d_dst, const float *mean, double *sum, double *dot)
{
    (void)act;
    right->grad_sums(FV_ACT_NONE, rows, c, stride, src, dst, d_dst, mean, sum, dot);
}

static void grad_data_overwrites(fv_activation act, int64_t rows, int64_t c, int64_t stride, const float *src,
                                 const float *dst, const float *d_dst, const float *mean, const float *coefficients,
                                 int64_t total, float *d_src)
{
    right->grad_data(act, rows, c, stride, src, dst, d_dst, mean, coefficients, total, d_src);
    d_src[(rows - 1) * stride + c] = 0.0f;
}

static void install_restart(fv_kernels *k)
{
    broken_begin(k)->sums = sums_restart;
}
static void install_unbiased(fv_kernels *k)
{
    broken_begin(k)->finalize = finalize_unbiased;
}
static void install_roundings(fv_kernels *k)
{
    broken_begin(k)->apply = apply_two_roundings;
}
static void install_in_float(fv_kernels *k)
{
    broken_begin(k)->fold = fold_in_float;
}
static void install_unmasked(fv_kernels *k)
{
    broken_begin(k)->grad_sums = grad_sums_unmasked;
}
static void install_overwrites(fv_kernels *k)
{
    broken_begin(k)->grad_data = grad_data_overwrites;
}

const fv_broken fv_broken_norm[] = {{"norm.sums: does not continue", "norm.sums", install_restart},
                                    {"norm.finalize: unbiased variance", "norm.finalize", install_unbiased},
                                    {"norm.apply: rounds twice", "norm.apply", install_roundings},
                                    {"norm.fold: in float32", "norm.fold", install_in_float},
                                    {"norm.grad_sums: ignores the activation", "norm.grad", install_unmasked},
                                    {"norm.grad_data: writes one element too many", "norm.grad", install_overwrites},
                                    {NULL, NULL, NULL}};
