/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the eltwise family: activations, arithmetic, copies. Resampling, LRN and dropout: check_eltwise_more.c. */
#include "check_eltwise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double normal_of(double x)
{
    return erfc(-x / sqrt(2.0)) / 2;
}

/* What the sigmoid is taken of: 2 sqrt(2 / pi) (x + 0.044715 x^3). */
static double gelu_inner(double x)
{
    return 2 * sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
}

static double act_of(fv_activation act, double alpha, double x)
{
    double hard = fmin(fmax(x / 6 + 0.5, 0), 1);
    switch (act) {
    case FV_RELU:
        return x > 0 ? x : 0;
    case FV_RELU6:
        return fmin(fmax(x, 0), 6);
    case FV_LEAKY_RELU:
        return x > 0 ? x : alpha * x;
    case FV_SIGMOID:
        return 1 / (1 + exp(-x));
    case FV_TANH:
        return tanh(x);
    case FV_HARD_SIGMOID:
        return hard;
    case FV_HARD_SWISH:
        return x * hard;
    case FV_SILU:
        return x / (1 + exp(-x));
    case FV_GELU:
        return x * normal_of(x);
    case FV_GELU_TANH:
        return x / (1 + exp(-gelu_inner(x)));
    default:
        return x;
    }
}

static double slope_of(fv_activation act, double alpha, double x)
{
    double s = 1 / (1 + exp(-x)), h = tanh(x);
    switch (act) {
    case FV_RELU:
        return x > 0;
    case FV_RELU6:
        return x > 0 && x < 6;
    case FV_LEAKY_RELU:
        return x > 0 ? 1 : alpha;
    case FV_SIGMOID:
        return s * (1 - s);
    case FV_TANH:
        return 1 - h * h;
    case FV_HARD_SIGMOID:
        return x > -3 && x < 3 ? 1.0 / 6 : 0;
    case FV_HARD_SWISH:
        return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case FV_SILU:
        return s + x * s * (1 - s);
    case FV_GELU:
        return normal_of(x) + x * exp(-x * x / 2) / sqrt(6.283185307179586477);
    case FV_GELU_TANH:
        s = 1 / (1 + exp(-gelu_inner(x)));
        return s + x * s * (1 - s) * 2 * sqrt(2 / 3.14159265358979323846) * (1 + 3 * 0.044715 * x * x);
    default:
        return 1;
    }
}

static void run_act(fvc *t)
{
    for (int round = 0; round < fvc_rounds(60 * FV_SOFTMAX) && !t->failed; round++) {
        fv_activation act = (fv_activation)(round % FV_SOFTMAX);
        int kind = round / FV_SOFTMAX % 3;
        int64_t n = fvc_size(t, 150);
        float alpha = 0.125f;
        float *x = fvc_floats(t, n), *y = fvc_floats(t, n), *want = fvc_floats(t, n), *dy = fvc_floats(t, n);
        double *exact = fvc_doubles(t, n);
        fvc_fill_kind(t, x, n, kind);
        fvc_fill_kind(t, dy, n, kind);
        for (int64_t i = 0; i < n; i++) {
            x[i] *= kind == 1 ? 8.0f : 1.0f;
            exact[i] = act_of(act, (double)alpha, (double)x[i]);
        }
        t->k->eltwise->act(act, alpha, n, x, y);
        t->scalar->eltwise->act(act, alpha, n, x, want);
        fvc_equal(t, "activation", y, want, n);
        if (kind != 2)
            fvc_near(t, "activation", y, exact, n, 8, 1);
        for (int64_t i = 0; i < n; i++)
            if (isnan(x[i]) && !isnan(y[i]))
                fvc_fail(t, "activation %d swallows NaN", act);
        const float *ref = fv_act_grad_uses_y(act) ? y : x;
        float *d = fvc_floats(t, n);
        t->k->eltwise->act_grad(act, alpha, n, ref, dy, d);
        t->scalar->eltwise->act_grad(act, alpha, n, ref, dy, want);
        fvc_equal(t, "activation gradient", d, want, n);
        for (int64_t i = 0; i < n; i++)
            exact[i] = (double)dy[i] * slope_of(act, (double)alpha, (double)x[i]);
        if (kind != 2)
            fvc_near(t, "activation gradient", d, exact, n, 32, 1);
        fvc_reset(t);
    }
}

static void run_prelu(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        int64_t rows = fvc_int(t, 1, 9), c = fvc_size(t, 70), n = rows * c;
        float *x = fvc_floats(t, n), *slope = fvc_floats(t, c), *dy = fvc_floats(t, n);
        float *got = fvc_floats(t, n), *want = fvc_floats(t, n);
        double *sum = fvc_doubles(t, c), *want_sum = fvc_doubles(t, c);
        fvc_fill_kind(t, x, n, round % 3);
        fvc_fill_kind(t, slope, c, round % 3);
        fvc_fill_kind(t, dy, n, round % 3);
        for (int64_t i = 0; i < n; i++)
            want[i] = x[i] > 0 ? x[i] : x[i] * slope[i % c];
        t->k->eltwise->prelu(rows, c, x, slope, got);
        fvc_equal(t, "prelu", got, want, n);
        for (int64_t i = 0; i < n; i++)
            want[i] = x[i] > 0 ? dy[i] : dy[i] * slope[i % c];
        t->k->eltwise->prelu_grad(rows, c, x, slope, dy, got);
        fvc_equal(t, "prelu gradient", got, want, n);
        for (int64_t j = 0; j < c; j++)
            sum[j] = want_sum[j] = (double)fvc_real(t);
        for (int64_t i = 0; i < n; i++)
            want_sum[i % c] = fma(x[i] > 0 ? 0.0 : (double)x[i], (double)dy[i], want_sum[i % c]);
        t->k->eltwise->prelu_grad_slope(rows, c, x, dy, sum);
        fvc_equal_f64(t, "prelu slope gradient", sum, want_sum, c);
        fvc_reset(t);
    }
}

static float binary_of(fv_binary op, float a, float b)
{
    switch (op) {
    case FV_BINARY_SUB:
        return a - b;
    case FV_BINARY_MUL:
        return a * b;
    case FV_BINARY_DIV:
        return a / b;
    case FV_BINARY_MAX:
        return isnan(a) ? a : a > b ? a : b;
    case FV_BINARY_MIN:
        return isnan(a) ? a : a < b ? a : b;
    default:
        return a + b;
    }
}

static void run_arith(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        int64_t rows = fvc_int(t, 1, 6), c = fvc_size(t, 80), n = rows * c;
        float *a = fvc_floats(t, n), *b = fvc_floats(t, n), *got = fvc_floats(t, n), *want = fvc_floats(t, n);
        float k = fvc_real(t), m = fvc_real(t);
        fvc_fill_kind(t, a, n, round % 3);
        fvc_fill_kind(t, b, n, round % 3);
        fv_binary op = (fv_binary)fvc_int(t, 0, FV_BINARY_COUNT - 1);
        for (int64_t i = 0; i < n; i++)
            want[i] = binary_of(op, a[i], b[i]);
        t->k->eltwise->binary(op, n, a, b, got);
        fvc_equal(t, "binary", got, want, n);
        for (int64_t i = 0; i < n; i++)
            want[i] = binary_of(op, a[i], b[i % c]);
        t->k->eltwise->binary_channel(op, rows, c, a, b, got);
        fvc_equal(t, "binary by channel", got, want, n);
        for (int64_t i = 0; i < n; i++) {
            float sum = a[i] + b[i];
            want[i] = 0.0f > sum ? 0.0f : sum;
        }
        t->k->eltwise->add_act(FV_RELU, 0, n, a, b, got);
        fvc_equal(t, "add + relu", got, want, n);
        for (int64_t i = 0; i < n; i++)
            want[i] = fmaf(a[i], k, m);
        t->k->eltwise->affine(n, k, m, a, got);
        fvc_equal(t, "affine", got, want, n);
        for (int64_t i = 0; i < n; i++)
            want[i] = fmaf(k, a[i], b[i]);
        t->k->eltwise->axpy(n, k, a, b, got);
        fvc_equal(t, "axpy", got, want, n);
        for (int64_t i = 0; i < n; i++)
            want[i] = a[i] * b[i % c];
        t->k->eltwise->scale_channel(rows, c, a, b, got);
        fvc_equal(t, "scale by channel", got, want, n);
        for (int64_t j = 0; j < c; j++) {
            double sum = 0;
            for (int64_t i = 0; i < rows; i++)
                sum = fma((double)a[i * c + j], (double)b[i * c + j], sum);
            want[j] = (float)sum;
        }
        float *d_scale = fvc_floats(t, c);
        t->k->eltwise->scale_channel_grad(rows, c, a, b, d_scale);
        fvc_equal(t, "gradient of the scale", d_scale, want, c);
        for (int64_t i = 0; i < n; i++)
            want[i] = k;
        t->k->eltwise->fill(n, k, got);
        fvc_equal(t, "fill", got, want, n);
        fvc_reset(t);
    }
}

static void run_move(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        int64_t rows = fvc_int(t, 1, 9), c = fvc_int(t, 0, 1) ? fvc_int(t, 1, 9) : fvc_size(t, 70), n = rows * c;
        int64_t from = c + fvc_int(t, 0, 1) * fvc_int(t, 0, 9), to = c + fvc_int(t, 0, 1) * fvc_int(t, 0, 9);
        float *src = fvc_floats(t, rows * from), *dst = fvc_floats(t, rows * to), *want = fvc_floats(t, rows * to);
        fvc_fill_kind(t, src, rows * from, 2);
        fvc_fill_kind(t, dst, rows * to, 1);
        memcpy(want, dst, (size_t)(rows * to) * sizeof(float));
        for (int64_t i = 0; i < rows; i++)
            memcpy(want + i * to, src + i * from, (size_t)c * sizeof(float));
        t->k->eltwise->copy(rows, c, src, from, dst, to);
        fvc_equal(t, "copy", dst, want, rows * to);
        int64_t groups = fvc_int(t, 1, 8);
        float *wide = fvc_floats(t, n * groups), *mixed = fvc_floats(t, n * groups), *back = fvc_floats(t, n * groups);
        float *shuffled = fvc_floats(t, n * groups);
        fvc_fill_kind(t, wide, n * groups, 2);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t g = 0; g < groups; g++)
                for (int64_t j = 0; j < c; j++)
                    shuffled[(i * c + j) * groups + g] = wide[(i * groups + g) * c + j];
        t->k->eltwise->channel_shuffle(rows, c * groups, groups, wide, mixed);
        fvc_equal(t, "channel shuffle", mixed, shuffled, n * groups);
        t->k->eltwise->channel_shuffle(rows, c * groups, c, mixed, back);
        fvc_equal(t, "channel shuffle and back", back, wide, n * groups);
        uint8_t *bytes = fvc_buffer(t, (size_t)n, 1);
        float *scale = fvc_floats(t, c), *shift = fvc_floats(t, c), *floats = fvc_floats(t, n);
        float *want_floats = fvc_floats(t, n);
        fvc_fill_real(t, scale, c);
        fvc_fill_real(t, shift, c);
        for (int64_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)fvc_random(t);
            want_floats[i] = fmaf((float)bytes[i], scale[i % c], shift[i % c]);
        }
        t->k->eltwise->u8_to_f32(rows, c, bytes, scale, shift, floats);
        fvc_equal(t, "bytes to floats", floats, want_floats, n);
        fvc_reset(t);
    }
}

/* ---- timing ---- */

typedef struct elt_bench {
    const fv_eltwise_kernels *k;
    int64_t n;
    fv_activation act;
    float *a, *b, *dst;
    fv_dropout dropout;
} elt_bench;

static void call_act(void *arg)
{
    elt_bench *x = arg;
    x->k->act(x->act, 0.1f, x->n, x->a, x->dst);
}

static void call_add_relu(void *arg)
{
    elt_bench *x = arg;
    x->k->add_act(FV_RELU, 0, x->n, x->a, x->b, x->dst);
}

static void call_dropout(void *arg)
{
    elt_bench *x = arg;
    x->k->dropout(&x->dropout, 0, x->n, x->a, x->dst);
}

static void call_lrn(void *arg)
{
    elt_bench *x = arg;
    x->k->lrn(x->n / 64, 64, 5, 1e-4f, 0.75f, 1.0f, x->a, x->dst);
}

static void bench_eltwise(fvc *t)
{
    static const struct {
        const char *name;
        void (*call)(void *);
        fv_activation act;
        int arrays;
    } rows[] = {{"relu", call_act, FV_RELU, 2},          {"silu", call_act, FV_SILU, 2},
                {"gelu", call_act, FV_GELU, 2},          {"hard_swish", call_act, FV_HARD_SWISH, 2},
                {"add_relu", call_add_relu, FV_RELU, 3}, {"dropout", call_dropout, FV_ACT_NONE, 2},
                {"lrn5", call_lrn, FV_ACT_NONE, 2}};
    for (int64_t n = 8192; n <= 2097152; n *= 256) {
        elt_bench x = {.k = t->k->eltwise, .n = n, .dropout = {{1, 2}, 3, 0.5f, 2.0f}};
        x.a = fvc_bench_floats(t, n);
        x.b = fvc_bench_floats(t, n);
        x.dst = fvc_bench_floats(t, n);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            char label[64];
            x.act = rows[i].act;
            snprintf(label, sizeof label, "eltwise %s %lld", rows[i].name, (long long)n);
            fvc_time(t, label, 0, 4.0 * (double)(rows[i].arrays * n), rows[i].call, &x);
        }
        free(x.a);
        free(x.b);
        free(x.dst);
    }
}

const fv_check fv_check_eltwise[] = {{"eltwise.act", run_act, bench_eltwise},      {"eltwise.prelu", run_prelu, NULL},
                                     {"eltwise.arith", run_arith, NULL},           {"eltwise.move", run_move, NULL},
                                     {"eltwise.resample", fvc_run_resample, NULL}, {"eltwise.lrn", fvc_run_lrn, NULL},
                                     {"eltwise.dropout", fvc_run_dropout, NULL},   {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_eltwise_kernels broken_table;
static const fv_eltwise_kernels *right;

static fv_eltwise_kernels *broken_begin(fv_kernels *k)
{
    right = k->eltwise;
    broken_table = *right;
    k->eltwise = &broken_table;
    return &broken_table;
}

static void act_swallows_nan(fv_activation act, float alpha, int64_t n, const float *src, float *dst)
{
    right->act(act, alpha, n, src, dst);
    for (int64_t i = 0; act == FV_RELU && i < n; i++)
        dst[i] = isnan(dst[i]) ? 0.0f : dst[i];
}

static void act_grad_at_zero(fv_activation act, float alpha, int64_t n, const float *ref, const float *d_dst,
                             float *d_src)
{
    right->act_grad(act, alpha, n, ref, d_dst, d_src);
    for (int64_t i = 0; act == FV_RELU && i < n; i++)
        d_src[i] = ref[i] == 0.0f ? d_dst[i] : d_src[i];
}

static void axpy_two_roundings(int64_t n, float a, const float *x, const float *y, float *dst)
{
    for (int64_t i = 0; i < n; i++) {
        volatile float product = a * x[i];
        dst[i] = product + y[i];
    }
}

static void copy_too_much(int64_t rows, int64_t cols, const float *src, int64_t src_stride, float *dst,
                          int64_t dst_stride)
{
    right->copy(rows, cols, src, src_stride, dst, dst_stride);
    dst[(rows - 1) * dst_stride + cols] = 0.0f;
}

static void shuffle_transposed(int64_t rows, int64_t c, int64_t groups, const float *src, float *dst)
{
    right->channel_shuffle(rows, c, c / groups, src, dst);
}

static void dropout_local_index(const fv_dropout *d, int64_t first, int64_t n, const float *src, float *dst)
{
    (void)first;
    right->dropout(d, 0, n, src, dst);
}

static void lrn_wrong_window(int64_t rows, int64_t c, int size, float alpha, float beta, float k, const float *src,
                             float *dst)
{
    right->lrn(rows, c, size > 1 ? size - 1 : size, alpha, beta, k, src, dst);
}

static void resample_swapped(int64_t p0, int64_t p1, int64_t w, int64_t q, int64_t c, const fv_resample_axis *y,
                             const fv_resample_axis *x, const float *src, float *dst)
{
    right->resample(p0, p1, w, q, c, y, x, src, dst);
    if (p1 > p0)
        dst[(p1 - p0) * q * c - 1] += 1.0f;
}

static void install_nan(fv_kernels *k)
{
    broken_begin(k)->act = act_swallows_nan;
}
static void install_grad(fv_kernels *k)
{
    broken_begin(k)->act_grad = act_grad_at_zero;
}
static void install_axpy(fv_kernels *k)
{
    broken_begin(k)->axpy = axpy_two_roundings;
}
static void install_copy(fv_kernels *k)
{
    broken_begin(k)->copy = copy_too_much;
}
static void install_shuffle(fv_kernels *k)
{
    broken_begin(k)->channel_shuffle = shuffle_transposed;
}
static void install_dropout(fv_kernels *k)
{
    broken_begin(k)->dropout = dropout_local_index;
}
static void install_lrn(fv_kernels *k)
{
    broken_begin(k)->lrn = lrn_wrong_window;
}
static void install_resample(fv_kernels *k)
{
    broken_begin(k)->resample = resample_swapped;
}

const fv_broken fv_broken_eltwise[] = {
    {"eltwise.act: relu swallows NaN", "eltwise.act", install_nan},
    {"eltwise.act_grad: relu passes at 0", "eltwise.act", install_grad},
    {"eltwise.axpy: rounds twice", "eltwise.arith", install_axpy},
    {"eltwise.copy: writes one element too many", "eltwise.move", install_copy},
    {"eltwise.channel_shuffle: the other way round", "eltwise.move", install_shuffle},
    {"eltwise.dropout: counts from the piece's begin", "eltwise.dropout", install_dropout},
    {"eltwise.lrn: window too small", "eltwise.lrn", install_lrn},
    {"eltwise.resample: last element off", "eltwise.resample", install_resample},
    {NULL, NULL, NULL}};
