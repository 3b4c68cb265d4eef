/* SPDX-License-Identifier: Apache-2.0 */
/* Results of convolutions and products in float64, one at a time. */
#include <math.h>
#include <string.h>

#include "bench/internal.h"
#include "kernels/half/half.h"
#include "kernels/kernels.h"
#include "ops/epilogue.h"
#include "ops/ops.h"

/* A dense layer of so many rows. */
static fv_conv_geom dense_geom(int64_t rows, int64_t c, int64_t k)
{
    return (fv_conv_geom){
        .n = rows,
        .c = c,
        .k = k,
        .groups = 1,
        .win = {.h = 1, .w = 1, .p = 1, .q = 1, .size = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}}};
}

static fv_conv_geom dense_forward(const fv_node *node)
{
    const int64_t *wei = node->in[1]->shape.dim;
    return dense_geom(fv_shape_rows(&node->in[0]->shape), wei[1], wei[0]);
}

static fv_conv_geom dense_bwd_weights(const fv_node *node)
{
    const fv_shape *d_dst = &node->in[0]->shape;
    return dense_geom(fv_shape_rows(d_dst), fv_shape_last(&node->in[1]->shape), fv_shape_last(d_dst));
}

static const struct {
    const char *op;
    fv_bench_direction direction;
    bool dense;
    fv_conv_geom (*geom)(const fv_node *node);
} kinds[] = {
    {"conv2d", FV_BENCH_FWD, false, fv_conv_geom_forward},
    {"conv2d_bwd_data", FV_BENCH_BWD_DATA, false, fv_conv_geom_bwd_data},
    {"conv2d_bwd_weights", FV_BENCH_BWD_WEIGHTS, false, fv_conv_geom_bwd_weights},
    {"dense", FV_BENCH_FWD, true, dense_forward},
    {"dense_bwd_data", FV_BENCH_BWD_DATA, true, dense_forward}, /* wei is o i in both */
    {"dense_bwd_weights", FV_BENCH_BWD_WEIGHTS, true, dense_bwd_weights},
};

bool fv_bench_kind_of(const fv_node *node, fv_bench_kind *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(node->op->name, kinds[i].op) == 0) {
            *kind = (fv_bench_kind){kinds[i].direction, kinds[i].dense, kinds[i].geom(node)};
            return true;
        }
    return false;
}

/* ---- one result ---- */

/* Sum of a[i * a_step] * b[i * b_step], in four chains. */
static double dot(const float *a, int64_t a_step, const float *b, int64_t b_step, int64_t count)
{
    double sum[4] = {0.0};
    for (int64_t i = 0; i < count; i++)
        sum[i & 3] += (double)a[i * a_step] * (double)b[i * b_step];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void digits_of(int64_t i, const int64_t dims[4], int64_t at[4])
{
    for (int d = 3; d >= 0; d--) {
        at[d] = i % dims[d];
        i /= dims[d];
    }
}

/* dst[n, p, q, k] without its epilogue. */
static double forward_at(const fv_conv_geom *g, const float *src, const float *wei, int64_t i)
{
    const fv_window *w = &g->win;
    const int64_t c = g->c / g->groups;
    int64_t at[4];
    double sum = 0.0;
    digits_of(i, (const int64_t[]){g->n, w->p, w->q, g->k}, at);
    const int64_t first = at[3] / (g->k / g->groups) * c;
    for (int64_t r = 0; r < w->size[0]; r++)
        for (int64_t s = 0; s < w->size[1]; s++) {
            const int64_t y = fv_window_begin(w, 0, at[1]) + r * w->dilation[0];
            const int64_t x = fv_window_begin(w, 1, at[2]) + s * w->dilation[1];
            if (y >= 0 && y < w->h && x >= 0 && x < w->w)
                sum += dot(src + ((at[0] * w->h + y) * w->w + x) * g->c + first, 1,
                           wei + ((at[3] * w->size[0] + r) * w->size[1] + s) * c, 1, c);
        }
    return sum;
}

/* The position along an axis whose tap reads pixel i; below 0: there is none. */
static int64_t position_of(const fv_window *w, int axis, int64_t i, int64_t tap)
{
    const int64_t from = i + w->pad[axis] - tap * w->dilation[axis], limit = axis == 0 ? w->p : w->q;
    return from >= 0 && from % w->stride[axis] == 0 && from / w->stride[axis] < limit ? from / w->stride[axis] : -1;
}

/* d_src[n, h, w, c]. */
static double bwd_data_at(const fv_conv_geom *g, const float *d_dst, const float *wei, int64_t i)
{
    const fv_window *w = &g->win;
    const int64_t c = g->c / g->groups, k = g->k / g->groups;
    int64_t at[4];
    double sum = 0.0;
    digits_of(i, (const int64_t[]){g->n, w->h, w->w, g->c}, at);
    const int64_t first = at[3] / c * k, taps = w->size[0] * w->size[1];
    for (int64_t r = 0; r < w->size[0]; r++)
        for (int64_t s = 0; s < w->size[1]; s++) {
            const int64_t p = position_of(w, 0, at[1], r), q = position_of(w, 1, at[2], s);
            if (p >= 0 && q >= 0)
                sum += dot(d_dst + ((at[0] * w->p + p) * w->q + q) * g->k + first, 1,
                           wei + (first * taps + r * w->size[1] + s) * c + at[3] % c, taps * c, k);
        }
    return sum;
}

/* d_wei[k, r, s, c]. */
static double bwd_weights_at(const fv_conv_geom *g, const float *d_dst, const float *src, int64_t i)
{
    const fv_window *w = &g->win;
    const int64_t c = g->c / g->groups;
    int64_t at[4];
    double sum = 0.0;
    digits_of(i, (const int64_t[]){g->k, w->size[0], w->size[1], c}, at);
    const int64_t channel = at[0] / (g->k / g->groups) * c + at[3];
    for (int64_t n = 0; n < g->n; n++)
        for (int64_t p = 0; p < w->p; p++) {
            const int64_t y = fv_window_begin(w, 0, p) + at[1] * w->dilation[0];
            int64_t from = 0, to = w->q;
            const int64_t x = fv_window_begin(w, 1, 0) + at[2] * w->dilation[1];
            while (from < to && x + from * w->stride[1] < 0)
                from++;
            while (to > from && x + (to - 1) * w->stride[1] >= w->w)
                to--;
            if (y >= 0 && y < w->h)
                sum += dot(d_dst + ((n * w->p + p) * w->q + from) * g->k + at[0], g->k,
                           src + ((n * w->h + y) * w->w + x + from * w->stride[1]) * g->c + channel,
                           w->stride[1] * g->c, to - from);
        }
    return sum;
}

/* Bias, residual and activation, which only the forward direction has; attributes begin with the activation. */
static double finish(const fv_node *node, void *const *in, int64_t k, int64_t i, double sum)
{
    const float *bias = node->n_in > 2 && node->in[2] ? in[2] : NULL;
    const float *residual = node->n_in > 3 && node->in[3] ? in[3] : NULL;
    sum += (bias ? (double)bias[i % k] : 0.0) + (residual ? (double)residual[i] : 0.0);
    return fv_epilogue_apply(*(const int32_t *)node->attr, sum);
}

static double value_at(const fv_node *node, const fv_bench_kind *kind, void *const *in, int64_t i)
{
    static double (*const sums[])(const fv_conv_geom *g, const float *a, const float *b, int64_t i) = {
        [FV_BENCH_FWD] = forward_at, [FV_BENCH_BWD_DATA] = bwd_data_at, [FV_BENCH_BWD_WEIGHTS] = bwd_weights_at};
    const double sum = sums[kind->direction](&kind->geom, in[0], in[1], i);
    return kind->direction == FV_BENCH_FWD ? finish(node, in, kind->geom.k, i, sum) : sum;
}

/* ---- many ---- */

static fv_status make_values(const fv_node *node, const fv_bench_kind *of, void *const *in, double macs,
                             fv_exact *exact)
{
    fv_ctx *ctx = exact->ctx;
    const fv_bench_kind kind = *of;
    const double each = fmax(1.0, fv_conv_macs(&kind.geom) / (double)exact->results), most = fmax(64.0, macs / each);
    exact->count = most < (double)exact->results ? (int64_t)most : exact->results;
    exact->at = fv_calloc(ctx, (size_t)exact->count, sizeof *exact->at);
    exact->value = fv_calloc(ctx, (size_t)exact->count, sizeof *exact->value);
    if (!exact->at || !exact->value) {
        fv_exact_free(exact);
        return FV_ERR_NO_MEMORY;
    }
    for (int64_t j = 0; j < exact->count; j++) {
        /* One of each of as many equal parts, so that no channel or column is met in step. */
        const double share = (double)(((uint32_t)j * 2654435761u) >> 8) * 0x1p-24;
        const double place =
            ((double)j + (exact->count < exact->results ? share : 0.0)) * (double)exact->results / (double)exact->count;
        exact->at[j] = place < (double)exact->results ? (int64_t)place : exact->results - 1;
        exact->value[j] = value_at(node, &kind, in, exact->at[j]);
    }
    return FV_OK;
}

/* Copies of halves as floats. */
static fv_status widen(fv_ctx *ctx, const fv_node *node, void *const *in, void **wide)
{
    for (int i = 0; i < node->n_in; i++) {
        const int64_t count = node->in[i] ? fv_shape_count(&node->in[i]->shape) : 0;
        wide[i] = count > 0 ? fv_malloc(ctx, (size_t)count * sizeof(float)) : NULL;
        if (count > 0 && !wide[i])
            return FV_ERR_NO_MEMORY;
        if (count > 0)
            fv_kernels_of(ctx)->half->widen(wide[i], in[i], count);
    }
    return FV_OK;
}

fv_status fv_exact_make(fv_ctx *ctx, const fv_node *node, void *const *in, double macs, fv_exact *exact)
{
    fv_bench_kind kind;
    *exact = (fv_exact){.ctx = ctx, .results = fv_shape_count(&node->out[0]->shape)};
    if (!fv_bench_kind_of(node, &kind))
        return FV_OK;
    if (node->in[0]->dtype != FV_F16)
        return make_values(node, &kind, in, macs, exact);
    void *wide[FV_MAX_OPERANDS] = {NULL};
    fv_status status = widen(ctx, node, in, wide);
    if (status == FV_OK)
        status = make_values(node, &kind, wide, macs, exact);
    for (int i = 0; i < node->n_in; i++)
        fv_free(ctx, wide[i]);
    return status;
}

void fv_exact_free(fv_exact *exact)
{
    fv_free(exact->ctx, exact->at);
    fv_free(exact->ctx, exact->value);
    exact->at = NULL;
    exact->value = NULL;
    exact->count = 0;
}

double fv_exact_error(const fv_exact *exact, fv_dtype dtype, const void *result)
{
    double largest = 0.0;
    for (int64_t j = 0; j < exact->count; j++) {
        const double error = fabs(fv_get(dtype, result, exact->at[j]) - exact->value[j]);
        if (!(error <= largest))
            largest = isnan(error) ? INFINITY : error;
    }
    return largest;
}
