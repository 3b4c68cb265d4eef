/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the pooling family against its definition in plain loops. */
#include "fvcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/pool/pool.h"

typedef struct pool_case {
    fv_pool_shape d;
    int64_t src_size, dst_size;
    float *src, *dst;
    uint8_t *index;
} pool_case;

static void pool_make(fvc *t, pool_case *x)
{
    fv_pool_shape *d = &x->d;
    memset(x, 0, sizeof *x);
    d->n = fvc_int(t, 1, 2);
    d->h = fvc_int(t, 1, 12);
    d->w = fvc_int(t, 1, 12);
    d->c = fvc_size(t, 50);
    d->adaptive = fvc_int(t, 0, 3) == 0;
    d->count_include_pad = fvc_int(t, 0, 1);
    if (d->adaptive) {
        d->p = fvc_int(t, 1, 14);
        d->q = fvc_int(t, 1, 14);
    } else {
        d->r = fvc_int(t, 1, 4);
        d->s = fvc_int(t, 1, 4);
        d->stride_h = fvc_int(t, 1, 4);
        d->stride_w = fvc_int(t, 1, 4);
        d->pad_top = fvc_int(t, 0, d->r / 2);
        d->pad_left = fvc_int(t, 0, d->s / 2);
        d->pad_bottom = fvc_int(t, 0, d->r / 2);
        d->pad_right = fvc_int(t, 0, d->s / 2);
        while (d->h + d->pad_top + d->pad_bottom < d->r)
            d->h++;
        while (d->w + d->pad_left + d->pad_right < d->s)
            d->w++;
        /* Rounded up half of the time, as long as the last window begins inside the image or its left padding. */
        int64_t up = fvc_int(t, 0, 1);
        d->p = (d->h + d->pad_top + d->pad_bottom - d->r + up * (d->stride_h - 1)) / d->stride_h + 1;
        d->q = (d->w + d->pad_left + d->pad_right - d->s + up * (d->stride_w - 1)) / d->stride_w + 1;
        if ((d->p - 1) * d->stride_h >= d->h + d->pad_top)
            d->p--;
        if ((d->q - 1) * d->stride_w >= d->w + d->pad_left)
            d->q--;
    }
    x->src_size = d->n * d->h * d->w * d->c;
    x->dst_size = d->n * d->p * d->q * d->c;
    x->src = fvc_floats(t, x->src_size);
    x->dst = fvc_floats(t, x->dst_size);
    x->index = fvc_buffer(t, (size_t)x->dst_size, 1);
}

/* Window of output o on one axis: taps [0, length) at origin + tap; `inside` of the padded image. */
static void window(bool adaptive, int64_t o, int64_t in, int64_t out, int64_t size, int64_t stride, int64_t pad,
                   int64_t pad_end, int64_t *origin, int64_t *length, int64_t *inside)
{
    if (adaptive) {
        *origin = (int64_t)floor((double)(o * in) / (double)out);
        *length = (int64_t)ceil((double)((o + 1) * in) / (double)out) - *origin;
        *inside = *length;
        return;
    }
    *origin = o * stride - pad;
    *length = size;
    *inside = 0;
    for (int64_t i = *origin; i < *origin + size; i++)
        *inside += i < in + pad_end;
}

/* Visits every tap of every output in (n, p, q, c, r, s) order. */
typedef void (*visit_fn)(void *arg, int64_t dst, int64_t src, int32_t tap, int64_t divisor, bool first);

static void visit_taps(const fv_pool_shape *d, visit_fn visit, void *arg)
{
    for (int64_t i = 0; i < d->n * d->p * d->q * d->c; i++) {
        int64_t c = i % d->c, q = i / d->c % d->q, p = i / d->c / d->q % d->p, n = i / d->c / d->q / d->p;
        int64_t h0, w0, rows, cols, in_h, in_w, valid = 0;
        window(d->adaptive, p, d->h, d->p, d->r, d->stride_h, d->pad_top, d->pad_bottom, &h0, &rows, &in_h);
        window(d->adaptive, q, d->w, d->q, d->s, d->stride_w, d->pad_left, d->pad_right, &w0, &cols, &in_w);
        for (int64_t h = h0; h < h0 + rows; h++)
            for (int64_t w = w0; w < w0 + cols; w++)
                valid += h >= 0 && h < d->h && w >= 0 && w < d->w;
        bool first = true;
        for (int64_t h = h0; h < h0 + rows; h++)
            for (int64_t w = w0; w < w0 + cols; w++)
                if (h >= 0 && h < d->h && w >= 0 && w < d->w) {
                    int64_t tap = (h - h0) * (d->adaptive ? d->w : d->s) + w - w0;
                    visit(arg, i, ((n * d->h + h) * d->w + w) * d->c + c, (int32_t)tap,
                          d->count_include_pad && !d->adaptive ? in_h * in_w : valid, first);
                    first = false;
                }
    }
}

typedef struct pool_plain {
    const float *src, *d_dst;
    float *dst, *d_src;
    uint8_t *index;
    const uint8_t *given;
} pool_plain;

static void take_max(void *arg, int64_t dst, int64_t src, int32_t tap, int64_t divisor, bool first)
{
    pool_plain *x = arg;
    (void)divisor;
    if (first || x->src[src] > x->dst[dst] || isnan(x->src[src])) {
        x->dst[dst] = x->src[src];
        x->index[dst] = (uint8_t)tap;
    }
}

static void take_sum(void *arg, int64_t dst, int64_t src, int32_t tap, int64_t divisor, bool first)
{
    pool_plain *x = arg;
    (void)tap;
    (void)divisor;
    x->dst[dst] = (first ? 0.0f : x->dst[dst]) + x->src[src];
}

static void divide(void *arg, int64_t dst, int64_t src, int32_t tap, int64_t divisor, bool first)
{
    pool_plain *x = arg;
    (void)src;
    (void)tap;
    if (first)
        x->dst[dst] /= (float)divisor;
}

static void give_max(void *arg, int64_t dst, int64_t src, int32_t tap, int64_t divisor, bool first)
{
    pool_plain *x = arg;
    (void)divisor;
    (void)first;
    if (x->given[dst] == tap)
        x->d_src[src] += x->d_dst[dst];
}

static void give_share(void *arg, int64_t dst, int64_t src, int32_t tap, int64_t divisor, bool first)
{
    pool_plain *x = arg;
    (void)tap;
    (void)first;
    x->d_src[src] += x->d_dst[dst] / (float)divisor;
}

static void fill(fvc *t, float *p, int64_t n, int kind)
{
    /* A small range of integers makes ties. */
    if (kind == 0)
        fvc_fill_int(t, p, n, 3);
    else
        fvc_fill_real(t, p, n);
    if (kind == 2)
        fvc_fill_special(t, p, n);
}

static float relu(float x)
{
    return 0.0f > x ? 0.0f : x;
}

static void run_max(fvc *t)
{
    for (int round = 0; round < fvc_rounds(400) && !t->failed; round++) {
        pool_case x;
        pool_make(t, &x);
        fill(t, x.src, x.src_size, round % 3);
        float *want = fvc_floats(t, x.dst_size);
        uint8_t *index = fvc_buffer(t, (size_t)x.dst_size, 1);
        pool_plain plain = {.src = x.src, .dst = want, .index = index};
        visit_taps(&x.d, take_max, &plain);
        int64_t rows = x.d.n * x.d.p, cut = fvc_int(t, 0, rows);
        bool fused = fvc_int(t, 0, 1);
        fv_activation act = fused ? FV_RELU : FV_ACT_NONE;
        for (int64_t i = 0; fused && i < x.dst_size; i++)
            want[i] = relu(want[i]);
        t->k->pool->max(&x.d, act, 0.0f, x.src, x.dst, NULL, 0, cut);
        t->k->pool->max(&x.d, act, 0.0f, x.src, x.dst, NULL, cut, rows);
        fvc_equal(t, "max", x.dst, want, x.dst_size);
        if (x.d.adaptive) {
            fvc_reset(t);
            continue;
        }
        t->k->pool->max(&x.d, act, 0.0f, x.src, x.dst, x.index, 0, cut);
        t->k->pool->max(&x.d, act, 0.0f, x.src, x.dst, x.index, cut, rows);
        fvc_equal(t, "max with index", x.dst, want, x.dst_size);
        fvc_equal_bytes(t, "index", x.index, index, (size_t)x.dst_size);
        fill(t, x.dst, x.dst_size, round % 3);
        float *d_src = fvc_floats(t, x.src_size), *d_want = fvc_floats(t, x.src_size);
        memset(d_want, 0, (size_t)x.src_size * sizeof(float));
        plain = (pool_plain){.d_dst = x.dst, .d_src = d_want, .given = index};
        visit_taps(&x.d, give_max, &plain);
        rows = x.d.n * x.d.h;
        cut = fvc_int(t, 0, rows);
        t->k->pool->max_grad(&x.d, x.dst, index, d_src, 0, cut);
        t->k->pool->max_grad(&x.d, x.dst, index, d_src, cut, rows);
        fvc_equal(t, "max gradient", d_src, d_want, x.src_size);
        fvc_reset(t);
    }
}

static void run_avg(fvc *t)
{
    for (int round = 0; round < fvc_rounds(400) && !t->failed; round++) {
        pool_case x;
        pool_make(t, &x);
        fill(t, x.src, x.src_size, round % 3);
        float *want = fvc_floats(t, x.dst_size);
        pool_plain plain = {.src = x.src, .dst = want};
        visit_taps(&x.d, take_sum, &plain);
        visit_taps(&x.d, divide, &plain);
        int64_t rows = x.d.n * x.d.p, cut = fvc_int(t, 0, rows);
        t->k->pool->avg(&x.d, FV_ACT_NONE, 0.0f, x.src, x.dst, 0, cut);
        t->k->pool->avg(&x.d, FV_ACT_NONE, 0.0f, x.src, x.dst, cut, rows);
        fvc_equal(t, "average", x.dst, want, x.dst_size);
        fill(t, x.dst, x.dst_size, round % 3);
        float *d_src = fvc_floats(t, x.src_size), *d_want = fvc_floats(t, x.src_size);
        memset(d_want, 0, (size_t)x.src_size * sizeof(float));
        plain = (pool_plain){.d_dst = x.dst, .d_src = d_want};
        visit_taps(&x.d, give_share, &plain);
        rows = x.d.n * x.d.h;
        cut = fvc_int(t, 0, rows);
        t->k->pool->avg_grad(&x.d, x.dst, d_src, 0, cut);
        t->k->pool->avg_grad(&x.d, x.dst, d_src, cut, rows);
        fvc_equal(t, "average gradient", d_src, d_want, x.src_size);
        fvc_reset(t);
    }
}

static void run_global(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        int64_t rows = fvc_size(t, 200), c = fvc_size(t, 80);
        float *src = fvc_floats(t, rows * c), *dst = fvc_floats(t, c), *want = fvc_floats(t, c);
        float *d_src = fvc_floats(t, rows * c), *d_want = fvc_floats(t, rows * c);
        fill(t, src, rows * c, round % 3);
        for (int64_t j = 0; j < c; j++) {
            double sum = 0;
            for (int64_t i = 0; i < rows; i++)
                sum += (double)src[i * c + j];
            want[j] = (float)(sum / (double)rows);
        }
        t->k->pool->global_avg(rows, c, src, dst);
        fvc_equal(t, "global average", dst, want, c);
        for (int64_t i = 0; i < rows * c; i++)
            d_want[i] = want[i % c] / (float)rows;
        t->k->pool->global_avg_grad(rows, c, want, d_src);
        fvc_equal(t, "global average gradient", d_src, d_want, rows * c);
        fv_pool_shape d = {.n = 1, .h = rows, .w = 1, .c = c, .p = 1, .q = 1, .adaptive = true};
        t->k->pool->max(&d, FV_ACT_NONE, 0.0f, src, dst, NULL, 0, 1);
        for (int64_t j = 0; j < c; j++) {
            int64_t at = 0;
            for (int64_t i = 0; i < rows; i++)
                if (src[i * c + j] > src[at * c + j] || (isnan(src[i * c + j]) && !isnan(src[at * c + j])))
                    at = i;
            if (dst[j] != src[at * c + j] && !(isnan(dst[j]) && isnan(src[at * c + j])))
                fvc_fail(t, "global maximum of channel %d is %a", (int)j, (double)dst[j]);
            for (int64_t i = 0; i < rows; i++)
                d_want[i * c + j] = i == at ? want[j] : 0.0f;
        }
        t->k->pool->global_max_grad(rows, c, src, dst, want, d_src);
        fvc_equal(t, "global maximum gradient", d_src, d_want, rows * c);
        fvc_reset(t);
    }
}

/* ---- timing ---- */

typedef struct pool_bench {
    const fv_pool_kernels *k;
    pool_case x;
} pool_bench;

static void call_max(void *arg)
{
    pool_bench *b = arg;
    b->k->max(&b->x.d, FV_ACT_NONE, 0.0f, b->x.src, b->x.dst, NULL, 0, b->x.d.p);
}

static void call_max_index(void *arg)
{
    pool_bench *b = arg;
    b->k->max(&b->x.d, FV_ACT_NONE, 0.0f, b->x.src, b->x.dst, b->x.index, 0, b->x.d.p);
}

static void call_max_grad(void *arg)
{
    pool_bench *b = arg;
    b->k->max_grad(&b->x.d, b->x.dst, b->x.index, b->x.src, 0, b->x.d.h);
}

static void call_avg(void *arg)
{
    pool_bench *b = arg;
    b->k->avg(&b->x.d, FV_ACT_NONE, 0.0f, b->x.src, b->x.dst, 0, b->x.d.p);
}

static void call_avg_grad(void *arg)
{
    pool_bench *b = arg;
    b->k->avg_grad(&b->x.d, b->x.dst, b->x.src, 0, b->x.d.h);
}

static void bench_pool(fvc *t)
{
    static void (*const calls[])(void *) = {call_max, call_max_index, call_max_grad, call_avg, call_avg_grad};
    static const char *const names[] = {"max", "max+index", "max_grad", "avg", "avg_grad"};
    for (int size = 2; size <= 3; size++) {
        pool_bench b = {.k = t->k->pool};
        b.x.d = (fv_pool_shape){.n = 1,
                                .h = 112,
                                .w = 112,
                                .c = 64,
                                .p = 56,
                                .q = 56,
                                .r = size,
                                .s = size,
                                .stride_h = 2,
                                .stride_w = 2,
                                .pad_top = size - 2,
                                .pad_left = size - 2};
        int64_t n = 112 * 112 * 64, m = n / 4;
        b.x.src = calloc((size_t)n + 64, sizeof(float));
        b.x.dst = calloc((size_t)m + 64, sizeof(float));
        b.x.index = calloc((size_t)m + 64, 1);
        if (!b.x.src || !b.x.dst || !b.x.index)
            exit(2);
        fvc_fill_real(t, b.x.src, n);
        for (int i = 0; i < 5; i++) {
            char label[64];
            snprintf(label, sizeof label, "pool %s %dx%d/2 c64 h112", names[i], size, size);
            fvc_time(t, label, 0, 4.0 * (double)(n + m) + (i == 1 || i == 2 ? (double)m : 0), calls[i], &b);
        }
        free(b.x.src);
        free(b.x.dst);
        free(b.x.index);
    }
}

const fv_check fv_check_pool[] = {{"pool.max", run_max, bench_pool},
                                  {"pool.avg", run_avg, NULL},
                                  {"pool.global_avg", run_global, NULL},
                                  {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_pool_kernels broken_table;
static const fv_pool_kernels *right;

static fv_pool_kernels *broken_begin(fv_kernels *k)
{
    right = k->pool;
    broken_table = *right;
    k->pool = &broken_table;
    return &broken_table;
}

static void max_swallows_nan(const fv_pool_shape *d, fv_activation act, float alpha, const float *src, float *dst,
                             uint8_t *index, int64_t row0, int64_t row1)
{
    right->max(d, act, alpha, src, dst, index, row0, row1);
    for (int64_t i = row0 * d->q * d->c; i < row1 * d->q * d->c; i++)
        dst[i] = isnan(dst[i]) ? 0.0f : dst[i];
}

static void max_wrong_index(const fv_pool_shape *d, fv_activation act, float alpha, const float *src, float *dst,
                            uint8_t *index, int64_t row0, int64_t row1)
{
    right->max(d, act, alpha, src, dst, index, row0, row1);
    if (index && row1 > row0)
        index[row0 * d->q * d->c]++;
}

static void avg_other_divisor(const fv_pool_shape *d, fv_activation act, float alpha, const float *src, float *dst,
                              int64_t row0, int64_t row1)
{
    fv_pool_shape e = *d;
    e.count_include_pad = true;
    right->avg(&e, act, alpha, src, dst, row0, row1);
}

static void avg_grad_short(const fv_pool_shape *d, const float *d_dst, float *d_src, int64_t row0, int64_t row1)
{
    right->avg_grad(d, d_dst, d_src, row0, row1);
    if (row1 > row0)
        d_src[row1 * d->w * d->c - 1] = 0.0f;
}

static void global_in_f32(int64_t rows, int64_t c, const float *src, float *dst)
{
    for (int64_t j = 0; j < c; j++) {
        float sum = 0;
        for (int64_t i = 0; i < rows; i++)
            sum += src[i * c + j];
        dst[j] = sum / (float)rows;
    }
}

static void install_nan(fv_kernels *k)
{
    broken_begin(k)->max = max_swallows_nan;
}
static void install_index(fv_kernels *k)
{
    broken_begin(k)->max = max_wrong_index;
}
static void install_divisor(fv_kernels *k)
{
    broken_begin(k)->avg = avg_other_divisor;
}
static void install_short(fv_kernels *k)
{
    broken_begin(k)->avg_grad = avg_grad_short;
}
static void install_f32(fv_kernels *k)
{
    broken_begin(k)->global_avg = global_in_f32;
}

const fv_broken fv_broken_pool[] = {{"pool.max: swallows NaN", "pool.max", install_nan},
                                    {"pool.max: one index is wrong", "pool.max", install_index},
                                    {"pool.avg: counts the padding", "pool.avg", install_divisor},
                                    {"pool.avg_grad: forgets the last element", "pool.avg", install_short},
                                    {"pool.global_avg: sums in float32", "pool.global_avg", install_f32},
                                    {NULL, NULL, NULL}};
