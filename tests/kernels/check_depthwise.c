/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the depthwise family against its definition in plain loops: the chains are stated, so bits must agree. */
#include "fvcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/depthwise/depthwise.h"

typedef struct dw_case {
    fv_depthwise_shape d;
    int64_t k, src_size, dst_size, wei_size;
    float *src, *wei, *packed, *bia, *dst;
} dw_case;

static void fill(fvc *t, float *p, int64_t n, int kind)
{
    if (kind == 0)
        fvc_fill_int(t, p, n, 8);
    else
        fvc_fill_real(t, p, n);
    if (kind == 2)
        fvc_fill_special(t, p, n);
}

static void dw_make(fvc *t, dw_case *x, int kind)
{
    fv_depthwise_shape *d = &x->d;
    memset(x, 0, sizeof *x);
    static const int filters[] = {3, 3, 3, 5, 1, 2, 4, 7, 9};
    d->r = d->s = filters[fvc_int(t, 0, 8)];
    if (fvc_int(t, 0, 3) == 0)
        d->s = fvc_int(t, 1, 10);
    d->stride_h = fvc_int(t, 1, 3);
    d->stride_w = fvc_int(t, 0, 3) ? d->stride_h : fvc_int(t, 1, 4);
    d->dilation_h = fvc_int(t, 0, 2) ? 1 : fvc_int(t, 1, 3);
    d->dilation_w = fvc_int(t, 0, 2) ? d->dilation_h : fvc_int(t, 1, 3);
    d->mul = fvc_int(t, 0, 4) ? 1 : fvc_int(t, 2, 3);
    d->n = fvc_int(t, 1, 2);
    d->c = fvc_size(t, 50);
    d->h = fvc_int(t, 1, 9);
    d->w = fvc_int(t, 1, 24);
    int64_t reach_h = (d->r - 1) * d->dilation_h, reach_w = (d->s - 1) * d->dilation_w;
    d->pad_top = fvc_int(t, 0, reach_h);
    d->pad_left = fvc_int(t, 0, reach_w);
    int64_t padded_h = d->h + d->pad_top + fvc_int(t, 0, reach_h),
            padded_w = d->w + d->pad_left + fvc_int(t, 0, reach_w);
    if (padded_h < reach_h + 1)
        padded_h = reach_h + 1;
    if (padded_w < reach_w + 1)
        padded_w = reach_w + 1;
    d->p = (padded_h - reach_h - 1) / d->stride_h + 1;
    d->q = (padded_w - reach_w - 1) / d->stride_w + 1;
    x->k = d->c * d->mul;
    x->src_size = d->n * d->h * d->w * d->c;
    x->dst_size = d->n * d->p * d->q * x->k;
    x->wei_size = x->k * d->r * d->s;
    x->src = fvc_floats(t, x->src_size);
    x->wei = fvc_floats(t, x->wei_size);
    x->packed = fvc_floats(t, x->wei_size);
    x->bia = fvc_floats(t, x->k);
    x->dst = fvc_floats(t, x->dst_size);
    fill(t, x->src, x->src_size, kind);
    fill(t, x->wei, x->wei_size, kind);
    fill(t, x->bia, x->k, kind);
    t->k->depthwise->pack(d, x->wei, x->packed);
}

/* Position of input row h for tap r of output row p, or -1. */
static int64_t position(int64_t out, int64_t tap, int64_t stride, int64_t dilation, int64_t pad, int64_t limit)
{
    int64_t at = out * stride - pad + tap * dilation;
    return at >= 0 && at < limit ? at : -1;
}

static void plain_forward(const dw_case *x, const float *bia, fv_activation act, float *dst)
{
    const fv_depthwise_shape *d = &x->d;
    for (int64_t i = 0; i < x->dst_size; i++) {
        int64_t k = i % x->k, q = i / x->k % d->q, p = i / x->k / d->q % d->p, n = i / x->k / d->q / d->p;
        float sum = bia ? bia[k] : 0.0f;
        for (int64_t r = 0; r < d->r; r++)
            for (int64_t s = 0; s < d->s; s++) {
                int64_t h = position(p, r, d->stride_h, d->dilation_h, d->pad_top, d->h);
                int64_t w = position(q, s, d->stride_w, d->dilation_w, d->pad_left, d->w);
                bool inside = h >= 0 && w >= 0;
                float v = inside ? x->src[((n * d->h + h) * d->w + w) * d->c + k / d->mul] : 0.0f;
                sum = fmaf(v, x->wei[(k * d->r + r) * d->s + s], sum);
            }
        if (act != FV_ACT_NONE)
            sum = 0.0f > sum ? 0.0f : sum;
        if (act == FV_RELU6)
            sum = 6.0f < sum ? 6.0f : sum;
        dst[i] = sum;
    }
}

/* Output row for input row h and tap r; -1 outside the output, -2 when no output row reads that row with that tap. */
static int64_t output_of(int64_t in, int64_t tap, int64_t stride, int64_t dilation, int64_t pad, int64_t limit)
{
    int64_t at = in + pad - tap * dilation;
    if (at % stride != 0)
        return -2;
    return at >= 0 && at / stride < limit ? at / stride : -1;
}

static void plain_backward_data(const dw_case *x, const float *d_dst, float *d_src)
{
    const fv_depthwise_shape *d = &x->d;
    for (int64_t i = 0; i < x->src_size; i++) {
        int64_t c = i % d->c, w = i / d->c % d->w, h = i / d->c / d->w % d->h, n = i / d->c / d->w / d->h;
        float sum = 0.0f;
        for (int64_t r = 0; r < d->r; r++)
            for (int64_t s = 0; s < d->s; s++) {
                int64_t p = output_of(h, r, d->stride_h, d->dilation_h, d->pad_top, d->p);
                int64_t q = output_of(w, s, d->stride_w, d->dilation_w, d->pad_left, d->q);
                for (int64_t k = c * d->mul; p > -2 && q > -2 && k < (c + 1) * d->mul; k++) {
                    bool inside = p >= 0 && q >= 0;
                    float v = inside ? d_dst[((n * d->p + p) * d->q + q) * x->k + k] : 0.0f;
                    sum = fmaf(v, x->wei[(k * d->r + r) * d->s + s], sum);
                }
            }
        d_src[i] = sum;
    }
}

static void plain_backward_weights(const dw_case *x, const float *d_dst, float *d_wei)
{
    const fv_depthwise_shape *d = &x->d;
    for (int64_t i = 0; i < x->wei_size; i++) {
        int64_t s = i % d->s, r = i / d->s % d->r, k = i / d->s / d->r;
        for (int64_t n = 0; n < d->n; n++)
            for (int64_t p = 0; p < d->p; p++)
                for (int64_t q = 0; q < d->q; q++) {
                    int64_t h = position(p, r, d->stride_h, d->dilation_h, d->pad_top, d->h);
                    int64_t w = position(q, s, d->stride_w, d->dilation_w, d->pad_left, d->w);
                    bool inside = h >= 0 && w >= 0;
                    float v = inside ? x->src[((n * d->h + h) * d->w + w) * d->c + k / d->mul] : 0.0f;
                    d_wei[i] = fmaf(v, d_dst[((n * d->p + p) * d->q + q) * x->k + k], d_wei[i]);
                }
    }
}

static void run_forward(fvc *t)
{
    static const fv_activation acts[] = {FV_ACT_NONE, FV_RELU, FV_RELU6};
    for (int round = 0; round < fvc_rounds(600) && !t->failed; round++) {
        dw_case x;
        dw_make(t, &x, round % 3);
        fv_activation act = acts[fvc_int(t, 0, 2)];
        const float *bia = fvc_int(t, 0, 1) ? x.bia : NULL;
        float *want = fvc_floats(t, x.dst_size);
        plain_forward(&x, bia, act, want);
        int64_t rows = x.d.n * x.d.p, cut = fvc_int(t, 0, rows);
        t->k->depthwise->forward(&x.d, act, 0.0f, x.src, x.packed, bia, x.dst, cut, rows);
        t->k->depthwise->forward(&x.d, act, 0.0f, x.src, x.packed, bia, x.dst, 0, cut);
        fvc_equal(t, "depthwise forward", x.dst, want, x.dst_size);
        fvc_reset(t);
    }
}

static void run_backward_data(fvc *t)
{
    for (int round = 0; round < fvc_rounds(600) && !t->failed; round++) {
        dw_case x;
        dw_make(t, &x, round % 3);
        fill(t, x.dst, x.dst_size, round % 3);
        float *want = fvc_floats(t, x.src_size), *got = fvc_floats(t, x.src_size);
        plain_backward_data(&x, x.dst, want);
        int64_t rows = x.d.n * x.d.h, cut = fvc_int(t, 0, rows);
        t->k->depthwise->backward_data(&x.d, x.dst, x.packed, got, cut, rows);
        t->k->depthwise->backward_data(&x.d, x.dst, x.packed, got, 0, cut);
        fvc_equal(t, "depthwise gradient to data", got, want, x.src_size);
        fvc_reset(t);
    }
}

static void run_backward_weights(fvc *t)
{
    for (int round = 0; round < fvc_rounds(600) && !t->failed; round++) {
        dw_case x;
        dw_make(t, &x, round % 3);
        fill(t, x.dst, x.dst_size, round % 3);
        float *want = fvc_floats(t, x.wei_size), *got = fvc_floats(t, x.wei_size), *sum = fvc_floats(t, x.wei_size);
        memcpy(want, x.wei, (size_t)x.wei_size * sizeof(float));
        t->k->depthwise->pack(&x.d, x.wei, sum);
        plain_backward_weights(&x, x.dst, want);
        int64_t cut_n = fvc_int(t, 0, x.d.n), cut_c = fvc_int(t, 0, x.d.c);
        t->k->depthwise->backward_weights(&x.d, x.src, x.dst, sum, 0, cut_n, 0, cut_c);
        t->k->depthwise->backward_weights(&x.d, x.src, x.dst, sum, 0, cut_n, cut_c, x.d.c);
        t->k->depthwise->backward_weights(&x.d, x.src, x.dst, sum, cut_n, x.d.n, 0, x.d.c);
        t->k->depthwise->unpack(&x.d, sum, got);
        fvc_equal(t, "depthwise gradient to weights", got, want, x.wei_size);
        fvc_reset(t);
    }
}

/* ---- timing ---- */

typedef struct dw_bench {
    const fv_depthwise_kernels *k;
    dw_case x;
} dw_bench;

static void call_forward(void *arg)
{
    dw_bench *b = arg;
    b->k->forward(&b->x.d, FV_RELU6, 0.0f, b->x.src, b->x.packed, b->x.bia, b->x.dst, 0, b->x.d.n * b->x.d.p);
}

static void call_backward_data(void *arg)
{
    dw_bench *b = arg;
    b->k->backward_data(&b->x.d, b->x.dst, b->x.packed, b->x.src, 0, b->x.d.n * b->x.d.h);
}

static void call_backward_weights(void *arg)
{
    dw_bench *b = arg;
    b->k->backward_weights(&b->x.d, b->x.src, b->x.dst, b->x.packed, 0, b->x.d.n, 0, b->x.d.c);
}

static float *bench_floats(int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof(float) + 1024) / 64 * 64);
    if (!p) {
        perror("fvcheck");
        exit(2);
    }
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(i % 7) - 3.0f;
    return p;
}

static void bench_all(fvc *t)
{
    /* c, h, filter, stride: in cache, then layers of MobileNetV2 and EfficientNet */
    static const int shapes[][4] = {{64, 14, 3, 1}, {32, 112, 3, 1}, {144, 56, 3, 1}, {144, 56, 3, 2}, {384, 14, 3, 1},
                                    {960, 7, 3, 1}, {40, 28, 5, 1},  {672, 14, 5, 1}, {240, 28, 5, 2}};
    static void (*const calls[])(void *) = {call_forward, call_backward_data, call_backward_weights};
    static const char *const names[] = {"fwd", "bwd_data", "bwd_weights"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        dw_bench b = {.k = t->k->depthwise};
        fv_depthwise_shape *d = &b.x.d;
        int64_t c = shapes[i][0], h = shapes[i][1], r = shapes[i][2], stride = shapes[i][3], p = (h - 1) / stride + 1;
        *d = (fv_depthwise_shape){1, h, h, c, p, p, 1, r, r, stride, stride, 1, 1, r / 2, r / 2};
        b.x.src = bench_floats(h * h * c);
        b.x.dst = bench_floats(p * p * c);
        b.x.packed = bench_floats(r * r * c);
        b.x.bia = bench_floats(c);
        double flops = 2.0 * (double)(p * p * c * r * r), bytes = 4.0 * (double)(h * h * c + p * p * c);
        for (int j = 0; j < 3; j++) {
            char label[128];
            snprintf(label, sizeof label, "depthwise %s c%lld h%lld %lldx%lld/%lld", names[j], (long long)c,
                     (long long)h, (long long)r, (long long)r, (long long)stride);
            fvc_time(t, label, flops, bytes, calls[j], &b);
        }
        free(b.x.src);
        free(b.x.dst);
        free(b.x.packed);
        free(b.x.bia);
    }
}

const fv_check fv_check_depthwise[] = {{"depthwise.forward", run_forward, bench_all},
                                       {"depthwise.backward_data", run_backward_data, NULL},
                                       {"depthwise.backward_weights", run_backward_weights, NULL},
                                       {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_depthwise_kernels broken_table;
static const fv_depthwise_kernels *right;

static fv_depthwise_kernels *broken_begin(fv_kernels *k)
{
    right = k->depthwise;
    broken_table = *right;
    k->depthwise = &broken_table;
    return &broken_table;
}

static void forward_overwrites(const fv_depthwise_shape *d, fv_activation act, float alpha, const float *src,
                               const float *packed, const float *bia, float *dst, int64_t row0, int64_t row1)
{
    right->forward(d, act, alpha, src, packed, bia, dst, row0, row1);
    dst[row1 * d->q * d->c * d->mul] = 0.0f;
}

/* Skips the padding instead of multiplying it: seen where a weight there is NaN or infinite. */
static void forward_swallows_nan(const fv_depthwise_shape *d, fv_activation act, float alpha, const float *src,
                                 const float *packed, const float *bia, float *dst, int64_t row0, int64_t row1)
{
    right->forward(d, act, alpha, src, packed, bia, dst, row0, row1);
    for (int64_t i = row0 * d->q * d->c * d->mul; i < row1 * d->q * d->c * d->mul; i++)
        dst[i] = isnan(dst[i]) ? 0.0f : dst[i];
}

static void forward_shifted(const fv_depthwise_shape *d, fv_activation act, float alpha, const float *src,
                            const float *packed, const float *bia, float *dst, int64_t row0, int64_t row1)
{
    fv_depthwise_shape e = *d;
    e.pad_left = e.pad_left > 0 ? e.pad_left - 1 : 0;
    right->forward(&e, act, alpha, src, packed, bia, dst, row0, row1);
}

static void data_drops_last_tap(const fv_depthwise_shape *d, const float *d_dst, const float *packed, float *d_src,
                                int64_t row0, int64_t row1)
{
    fv_depthwise_shape e = *d;
    e.r = e.r > 1 ? e.r - 1 : 1;
    right->backward_data(&e, d_dst, packed, d_src, row0, row1);
}

static void weights_other_order(const fv_depthwise_shape *d, const float *src, const float *d_dst, float *d_packed,
                                int64_t n0, int64_t n1, int64_t c0, int64_t c1)
{
    for (int64_t n = n1 - 1; n >= n0; n--)
        right->backward_weights(d, src, d_dst, d_packed, n, n + 1, c0, c1);
}

static void install_overwrites(fv_kernels *k)
{
    broken_begin(k)->forward = forward_overwrites;
}
static void install_nan(fv_kernels *k)
{
    broken_begin(k)->forward = forward_swallows_nan;
}
static void install_shifted(fv_kernels *k)
{
    broken_begin(k)->forward = forward_shifted;
}
static void install_drops_tap(fv_kernels *k)
{
    broken_begin(k)->backward_data = data_drops_last_tap;
}
static void install_order(fv_kernels *k)
{
    broken_begin(k)->backward_weights = weights_other_order;
}

const fv_broken fv_broken_depthwise[] = {
    {"depthwise.forward: writes one element too many", "depthwise.forward", install_overwrites},
    {"depthwise.forward: swallows NaN", "depthwise.forward", install_nan},
    {"depthwise.forward: shifted by one column", "depthwise.forward", install_shifted},
    {"depthwise.backward_data: drops the last filter row", "depthwise.backward_data", install_drops_tap},
    {"depthwise.backward_weights: samples in another order", "depthwise.backward_weights", install_order},
    {NULL, NULL, NULL}};
