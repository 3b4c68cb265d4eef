/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the reductions: lanes, trees and chains are stated, so bits must agree with plain loops. */
#include "fvcheck_near.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/reduce/reduce.h"

static double plain_sum(int64_t n, const float *x, bool squares)
{
    double lane[16] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i % 16] = squares ? fma((double)x[i], (double)x[i], lane[i % 16]) : lane[i % 16] + (double)x[i];
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static void run_flat(fvc *t)
{
    for (int round = 0; round < fvc_rounds(400) && !t->failed; round++) {
        int64_t n = fvc_size(t, 400);
        float *x = fvc_floats(t, n);
        fvc_fill_kind(t, x, n, round % 3);
        if (round % 3 == 1 && fvc_int(t, 0, 1))
            x[fvc_int(t, 0, 1) ? n - 1 : fvc_int(t, 0, n - 1)] = fvc_int(t, 0, 1) ? NAN : -INFINITY;
        double got = t->k->reduce->sum(n, x), want = plain_sum(n, x, false);
        fvc_equal_f64(t, "sum", &got, &want, 1);
        got = t->k->reduce->sum_squares(n, x);
        want = plain_sum(n, x, true);
        fvc_equal_f64(t, "sum of squares", &got, &want, 1);
        float largest = 0, max = t->k->reduce->max_abs(n, x);
        bool finite = true;
        for (int64_t i = 0; i < n; i++) {
            finite = finite && isfinite(x[i]);
            largest = isnan(x[i]) || fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
            if (isnan(largest))
                break;
        }
        for (int64_t i = 0; i < n; i++)
            finite = finite && isfinite(x[i]);
        fvc_equal(t, "largest magnitude", &max, &largest, 1);
        if (t->k->reduce->finite(n, x) != finite)
            fvc_fail(t, "finite: %d, expected %d", !finite, finite);
        fvc_reset(t);
    }
}

static void run_channels(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        int64_t rows = fvc_int(t, 0, 40), c = fvc_size(t, 90), stride = c + fvc_int(t, 0, 9);
        float *x = fvc_floats(t, rows * stride + 1), *narrow = fvc_floats(t, c), *want_f = fvc_floats(t, c);
        fvc_fill_kind(t, x, rows * stride + 1, round % 3);
        double *got = fvc_doubles(t, c), *want = fvc_doubles(t, c);
        for (int64_t j = 0; j < c; j++)
            got[j] = want[j] = (double)fvc_real(t);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < c; j++)
                want[j] += (double)x[i * stride + j];
        t->k->reduce->sum_channels(rows, c, stride, x, got);
        fvc_equal_f64(t, "channel sums", got, want, c);
        for (int64_t j = 0; j < c; j++)
            want_f[j] = (float)want[j];
        t->k->reduce->narrow(c, got, narrow);
        fvc_equal(t, "narrow", narrow, want_f, c);
        fvc_reset(t);
    }
}

static void run_tree(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        int64_t shards = fvc_int(t, 1, 9), n = fvc_size(t, 90);
        float *x = fvc_floats(t, shards * n), *want = fvc_floats(t, shards * n);
        double *d = fvc_doubles(t, shards * n), *want_d = fvc_doubles(t, shards * n);
        fvc_fill_kind(t, x, shards * n, round % 3);
        memcpy(want, x, (size_t)(shards * n) * sizeof(float));
        for (int64_t i = 0; i < shards * n; i++)
            d[i] = want_d[i] = (double)x[i] + (double)fvc_real(t);
        for (int64_t step = 1; step < shards; step *= 2)
            for (int64_t i = 0; i + step < shards; i += 2 * step)
                for (int64_t j = 0; j < n; j++) {
                    want[i * n + j] += want[(i + step) * n + j];
                    want_d[i * n + j] += want_d[(i + step) * n + j];
                }
        t->k->reduce->tree(shards, n, x);
        t->k->reduce->tree_f64(shards, n, d);
        fvc_equal(t, "tree", x, want, n);
        fvc_equal_f64(t, "tree in float64", d, want_d, n);
        fvc_reset(t);
    }
}

static void run_argmax(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        int64_t rows = fvc_int(t, 1, 20), c = fvc_size(t, 60);
        float *x = fvc_floats(t, rows * c);
        int32_t *got = fvc_int32s(t, rows), *want = fvc_int32s(t, rows);
        fvc_fill_kind(t, x, rows * c, round % 3);
        for (int64_t i = 0; i < rows; i++) {
            want[i] = 0;
            for (int64_t j = 0; j < c; j++) {
                float best = x[i * c + want[i]];
                if (!isnan(best) && (isnan(x[i * c + j]) || x[i * c + j] > best))
                    want[i] = (int32_t)j;
            }
        }
        t->k->reduce->argmax(rows, c, x, got);
        fvc_equal_bytes(t, "argmax", got, want, (size_t)rows * sizeof(int32_t));
        fvc_reset(t);
    }
}

/* ---- timing ---- */

typedef struct reduce_bench {
    const fv_reduce_kernels *k;
    int64_t n;
    float *x;
    double sum[256 + 64];
    volatile double sink;
} reduce_bench;

static void call_sum(void *arg)
{
    reduce_bench *b = arg;
    b->sink = b->k->sum(b->n, b->x);
}

static void call_squares(void *arg)
{
    reduce_bench *b = arg;
    b->sink = b->k->sum_squares(b->n, b->x);
}

static void call_finite(void *arg)
{
    reduce_bench *b = arg;
    b->sink = b->k->finite(b->n, b->x);
}

static void call_channels(void *arg)
{
    reduce_bench *b = arg;
    b->k->sum_channels(b->n / 256, 256, 256, b->x, b->sum);
}

static void bench_reduce(fvc *t)
{
    static void (*const calls[])(void *) = {call_sum, call_squares, call_finite, call_channels};
    static const char *const names[] = {"sum", "sum_squares", "finite", "sum_channels c256"};
    for (int64_t n = 16384; n <= 4194304; n *= 256) {
        reduce_bench b = {.k = t->k->reduce, .n = n, .x = fvc_bench_floats(t, n)};
        for (int i = 0; i < 4; i++) {
            char label[64];
            snprintf(label, sizeof label, "reduce %s %lld", names[i], (long long)n);
            fvc_time(t, label, 0, 4.0 * (double)n, calls[i], &b);
        }
        free(b.x);
    }
}

const fv_check fv_check_reduce[] = {{"reduce.flat", run_flat, bench_reduce},
                                    {"reduce.channels", run_channels, NULL},
                                    {"reduce.tree", run_tree, NULL},
                                    {"reduce.argmax", run_argmax, NULL},
                                    {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_reduce_kernels broken_table;
static const fv_reduce_kernels *right;

static fv_reduce_kernels *broken_begin(fv_kernels *k)
{
    right = k->reduce;
    broken_table = *right;
    k->reduce = &broken_table;
    return &broken_table;
}

static double sum_in_order(int64_t n, const float *src)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)src[i];
    return sum;
}

static bool finite_short(int64_t n, const float *src)
{
    return right->finite(n - 1, src);
}

static void tree_in_order(int64_t shards, int64_t n, float *parts)
{
    for (int64_t i = 1; i < shards; i++)
        for (int64_t j = 0; j < n; j++)
            parts[j] += parts[i * n + j];
}

static void argmax_last(int64_t rows, int64_t c, const float *src, int32_t *dst)
{
    for (int64_t i = 0; i < rows; i++) {
        dst[i] = 0;
        for (int64_t j = 0; j < c; j++)
            if (src[i * c + j] >= src[i * c + dst[i]])
                dst[i] = (int32_t)j;
    }
}

static void install_order(fv_kernels *k)
{
    broken_begin(k)->sum = sum_in_order;
}
static void install_finite(fv_kernels *k)
{
    broken_begin(k)->finite = finite_short;
}
static void install_tree(fv_kernels *k)
{
    broken_begin(k)->tree = tree_in_order;
}
static void install_argmax(fv_kernels *k)
{
    broken_begin(k)->argmax = argmax_last;
}

const fv_broken fv_broken_reduce[] = {{"reduce.sum: one chain", "reduce.flat", install_order},
                                      {"reduce.finite: skips the last element", "reduce.flat", install_finite},
                                      {"reduce.tree: adds in order", "reduce.tree", install_tree},
                                      {"reduce.argmax: the last of equal ones", "reduce.argmax", install_argmax},
                                      {NULL, NULL, NULL}};
