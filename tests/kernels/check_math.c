/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of exp, log, log1p, tanh, sigmoid, erf and the normal distribution: errors against float64, special values,
 * same bits everywhere. */
#include "fvcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/math/math.h"

static double sigmoid_f64(double x)
{
    return x >= 0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

static double normal_f64(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

typedef void (*math_fn)(int64_t n, const float *src, float *dst);

/* What vmath.h states. */
static const struct {
    const char *name;
    size_t member;
    double (*exact)(double x);
    float (*one)(float x);
    double ulp;
    float lo, hi;
} functions[] = {
    {"exp", offsetof(fv_math_kernels, exp), exp, fv_expf, 1.0, -INFINITY, INFINITY},
    {"log", offsetof(fv_math_kernels, log), log, fv_logf, 0.9, -INFINITY, INFINITY},
    {"log1p", offsetof(fv_math_kernels, log1p), log1p, fv_log1pf, 1.3, 0.0f, 1.0f},
    {"tanh", offsetof(fv_math_kernels, tanh), tanh, fv_tanhf, 1.4, -INFINITY, INFINITY},
    {"sigmoid", offsetof(fv_math_kernels, sigmoid), sigmoid_f64, fv_sigmoidf, 2.5, -INFINITY, INFINITY},
    {"erf", offsetof(fv_math_kernels, erf), erf, fv_erff, 2.0, -INFINITY, INFINITY},
    {"normal", offsetof(fv_math_kernels, normal), normal_f64, fv_normalf, 8.0, -INFINITY, INFINITY},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, BLOCK = 1000 };

static math_fn function_of(const fv_math_kernels *k, int i)
{
    math_fn f;
    memcpy(&f, (const char *)k + functions[i].member, sizeof f);
    return f;
}

/* Distance in units in the last place of the exact value; -1 when a special value is wrong. */
static double error_of(double exact, float got)
{
    float rounded = (float)exact;
    if (isnan(exact))
        return isnan(got) ? 0 : -1;
    if (isinf(rounded) || isinf(got))
        return rounded == got ? 0 : -1;
    if (exact == 0.0)
        return got == 0.0f && signbit(got) == signbit(rounded) ? 0 : -1;
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)got - exact) / ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
}

static void check_block(fvc *t, int f, const float *x, int64_t n)
{
    float *src = fvc_floats(t, n), *got = fvc_floats(t, n), *want = fvc_floats(t, n);
    memcpy(src, x, (size_t)n * sizeof(float));
    function_of(t->k->math, f)(n, src, got);
    function_of(t->scalar->math, f)(n, src, want);
    fvc_equal(t, functions[f].name, got, want, n);
    for (int64_t i = 0; i < n && !t->failed; i++) {
        bool inside = src[i] >= functions[f].lo && src[i] <= functions[f].hi && !signbit(src[i]);
        if (functions[f].hi < INFINITY && !inside)
            continue;
        double error = error_of(functions[f].exact((double)src[i]), got[i]);
        if (error < 0 || error > functions[f].ulp)
            fvc_fail(t, "%s(%a) = %a, %.3f ulp from %a (stated: %.1f)", functions[f].name, (double)src[i],
                     (double)got[i], error, functions[f].exact((double)src[i]), functions[f].ulp);
        float one = functions[f].one(src[i]);
        if (memcmp(&one, &got[i], sizeof one) != 0 && !(isnan(one) && isnan(got[i])))
            fvc_fail(t, "%s(%a): wrapper gives %a, kernel %a", functions[f].name, (double)src[i], (double)one,
                     (double)got[i]);
    }
    fvc_reset(t);
}

/* Floats spread over all bit patterns, then the neighborhoods where errors peak and where results turn special. */
static void run_math(fvc *t)
{
    static const float places[] = {
        0.0f,     -0.0f,          0x1p-149f,     0x1p-126f, -0x1p-126f,    0.625f,     -0.625f,  1.0f,    -1.0f,
        0.5f,     0x1.6a09e6p-1f, 0x1.6a09e6p0f, 88.72284f, 89.0f,         -87.33655f, -103.97f, -104.0f, 3.4e38f,
        -3.4e38f, INFINITY,       -INFINITY,     NAN,       0x1.62e43p-2f, -13.2f,     -14.1f,   -16.0f,  5.4f};
    for (int f = 0; f < FUNCTIONS && !t->failed; f++) {
        float x[BLOCK];
        for (int round = 0; round < fvc_rounds(150) && !t->failed; round++) {
            for (int i = 0; i < BLOCK; i++) {
                uint32_t bits = (uint32_t)fvc_random(t);
                memcpy(&x[i], &bits, sizeof bits);
                if (round % 2)
                    x[i] = fvc_real(t) * (round % 4 == 1 ? 12.0f : 110.0f);
                if (functions[f].hi < INFINITY)
                    x[i] = fabsf(fvc_real(t)) * (round % 2 ? 1.0f : 1e-6f);
            }
            check_block(t, f, x, fvc_int(t, 1, BLOCK));
        }
        for (size_t p = 0; p < sizeof places / sizeof *places && !t->failed; p++) {
            uint32_t bits;
            memcpy(&bits, &places[p], sizeof bits);
            for (int i = 0; i < BLOCK; i++) {
                uint32_t near = bits + (uint32_t)(i - BLOCK / 2);
                memcpy(&x[i], &near, sizeof near);
            }
            check_block(t, f, x, BLOCK);
        }
    }
}

typedef struct math_bench {
    math_fn f;
    int64_t n;
    float *src, *dst;
} math_bench;

static void call(void *arg)
{
    math_bench *b = arg;
    b->f(b->n, b->src, b->dst);
}

static void bench_math(fvc *t)
{
    math_bench b = {.n = 4096};
    b.src = malloc((size_t)b.n * sizeof(float) + FVC_TAIL);
    b.dst = malloc((size_t)b.n * sizeof(float) + FVC_TAIL);
    if (!b.src || !b.dst)
        exit(2);
    for (int64_t i = 0; i < b.n; i++)
        b.src[i] = fabsf(fvc_real(t)) * 4.0f;
    for (int f = 0; f < FUNCTIONS; f++) {
        char label[64];
        snprintf(label, sizeof label, "math %s 4096", functions[f].name);
        b.f = function_of(t->k->math, f);
        fvc_time(t, label, 0, 8.0 * (double)b.n, call, &b);
    }
    free(b.src);
    free(b.dst);
}

const fv_check fv_check_math[] = {{"math.functions", run_math, bench_math}, {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_math_kernels broken_table;
static const fv_math_kernels *right;

static fv_math_kernels *broken_begin(fv_kernels *k)
{
    right = k->math;
    broken_table = *right;
    k->math = &broken_table;
    return &broken_table;
}

static void exp_flushes(int64_t n, const float *src, float *dst)
{
    right->exp(n, src, dst);
    for (int64_t i = 0; i < n; i++)
        dst[i] = dst[i] < 0x1p-126f ? 0.0f : dst[i];
}

static void log_of_library(int64_t n, const float *src, float *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = logf(src[i]);
}

static void tanh_loses_sign_of_zero(int64_t n, const float *src, float *dst)
{
    right->tanh(n, src, dst);
    for (int64_t i = 0; i < n; i++)
        dst[i] += 0.0f;
}

/* By the error function, which is 1 - tail there: digits of the left tail are lost. */
static void normal_by_erf(int64_t n, const float *src, float *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = 0.5f + 0.5f * erff(src[i] * 0.70710678f);
}

static void install_exp(fv_kernels *k)
{
    broken_begin(k)->exp = exp_flushes;
}
static void install_log(fv_kernels *k)
{
    broken_begin(k)->log = log_of_library;
}
static void install_tanh(fv_kernels *k)
{
    broken_begin(k)->tanh = tanh_loses_sign_of_zero;
}
static void install_normal(fv_kernels *k)
{
    broken_begin(k)->normal = normal_by_erf;
}

const fv_broken fv_broken_math[] = {{"math.exp: flushes denormals", "math.functions", install_exp},
                                    {"math.log: bits of the C library", "math.functions", install_log},
                                    {"math.tanh: loses the sign of zero", "math.functions", install_tanh},
                                    {"math.normal: loses the left tail", "math.functions", install_normal},
                                    {NULL, NULL, NULL}};
