/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of 8-bit integers that look at several pixels: the largest of a window, the mean of a map. */
#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/quant/quant.h"
#include "ops/fixed.h"
#include "ops/nd.h"
#include "ops/pool.h"

typedef struct pool_job {
    const fv_quant_kernels *k;
    const fv_call *call;
    fv_window win;
    int64_t channels;
    uint8_t flip, low, high; /* of bytes: limits, as they are stored */
    bool limited;
    fv_q_byte byte;
    int32_t mul;
    int64_t shift, terms;
} pool_job;

/* ---- q_max_pool2d: rows of results ---- */

static void limit(const pool_job *x, uint8_t *dst)
{
    for (int64_t c = 0; x->limited && c < x->channels; c++) {
        const uint8_t v = dst[c] ^ x->flip;
        dst[c] = v < x->low ? x->low ^ x->flip : v > x->high ? x->high ^ x->flip : dst[c];
    }
}

static void max_window(const pool_job *x, const uint8_t *src, int64_t h, int64_t w, uint8_t *dst)
{
    const fv_window *win = &x->win;
    const int64_t h0 = h < 0 ? 0 : h, h1 = h + win->size[0] > win->h ? win->h : h + win->size[0];
    const int64_t w0 = w < 0 ? 0 : w, w1 = w + win->size[1] > win->w ? win->w : w + win->size[1];
    bool first = true;
    if (h0 >= h1 || w0 >= w1) /* nothing but padding: the least of all */
        memset(dst, x->flip, (size_t)x->channels);
    for (int64_t y = h0; y < h1; y++)
        for (int64_t at = w0; at < w1; at++, first = false) {
            const uint8_t *from = src + (y * win->w + at) * x->channels;
            if (first)
                memcpy(dst, from, (size_t)x->channels);
            else
                x->k->max(x->flip, x->channels, from, dst);
        }
    limit(x, dst);
}

static void max_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    const fv_window *win = &x->win;
    for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / win->p, p = i % win->p;
        const uint8_t *src = (const uint8_t *)x->call->in[0] + n * win->h * win->w * x->channels;
        uint8_t *dst = (uint8_t *)x->call->out[0] + i * win->q * x->channels;
        for (int64_t q = 0; q < win->q; q++)
            max_window(x, src, fv_window_begin(win, 0, p), fv_window_begin(win, 1, q), dst + q * x->channels);
    }
}

static uint8_t stored(int64_t value, int64_t bottom)
{
    const int64_t x = value < bottom ? bottom : value > bottom + 255 ? bottom + 255 : value;
    return (uint8_t)(x - bottom);
}

static void max_run(const fv_plan *plan, const fv_call *call)
{
    const fv_q_avg_pool2d_attr *attr = call->node->attr;
    const int64_t *src = fv_in_dims(call, 0), *dst = fv_out_dims(call, 0);
    const int64_t bottom = call->node->in[0]->dtype == FV_U8 ? 0 : -128;
    pool_job job = {.k = plan->kernels->quant, .call = call, .win = fv_pool_window_of(call->node, src, dst)};
    job.channels = dst[3];
    job.flip = bottom ? 128 : 0;
    job.low = stored(attr->min, bottom);
    job.high = stored(attr->max, bottom);
    job.limited = job.low > 0 || job.high < 255;
    fv_parallel_range(plan, fv_call_part(call, dst[0] * dst[1]),
                      (double)(dst[2] * dst[3]) * (double)(job.win.size[0] * job.win.size[1] + 1), 1, max_range, &job);
}

static const char *max_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    const fv_q_avg_pool2d_attr *attr = problem->node->attr;
    return attr->min > attr->max ? "min above max" : NULL;
}

/* ---- q_mean over rows and columns: blocks of channels of a sample ---- */

enum { BLOCK = 64 };

static void mean_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    const int64_t blocks = fv_div_up(x->channels, BLOCK);
    const fv_q_mean_attr *attr = x->call->node->attr;
    const fv_dtype dtype = x->call->node->in[0]->dtype;
    for (int64_t i = begin; i < end; i++) {
        int32_t sum[BLOCK] = {0};
        const int64_t n = i / blocks, c = i % blocks * BLOCK;
        const int64_t count = x->channels - c < BLOCK ? x->channels - c : BLOCK;
        x->k->sum(x->byte, x->terms, count, (const uint8_t *)x->call->in[0] + n * x->terms * x->channels + c,
                  x->channels, sum);
        for (int64_t j = 0; j < count; j++)
            fv_q_set(dtype, x->call->out[0], n * x->channels + c + j,
                     fv_fixed_scale(sum[j], x->mul, x->shift) + attr->dst_zero, -128, 255);
    }
}

static void mean_run(const fv_plan *plan, const fv_call *call)
{
    const fv_q_mean_attr *attr = call->node->attr;
    const int64_t *src = fv_in_dims(call, 0);
    const int64_t less = call->node->in[0]->dtype == FV_U8 ? 0 : 128;
    pool_job job = {.k = plan->kernels->quant, .call = call, .channels = src[3], .terms = src[1] * src[2]};
    job.byte = (fv_q_byte){(uint8_t)less, (int32_t)(attr->src_zero + less)};
    fv_q_mean_factor(attr, job.terms, &job.mul, &job.shift);
    const int64_t blocks = fv_div_up(job.channels, BLOCK);
    fv_parallel_range(plan, fv_call_part(call, src[0]) * blocks, (double)(job.terms * BLOCK), 1, mean_range, &job);
}

static const char *mean_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    const fv_node *node = problem->node;
    const fv_shape *src = fv_in_shape(node, 0);
    const fv_ints *axes = &((const fv_q_mean_attr *)node->attr)->axes;
    bool over[4] = {false, false, false, false};
    if (src->rank != 4)
        return "not four dimensions";
    for (int i = 0; i < axes->count; i++)
        over[fv_axis_of(axes->value[i], 4)] = true;
    return axes->count != 2 || !over[1] || !over[2] ? "not over rows and columns" : NULL;
}

extern const fv_solver fv_cpu_q_pool_solvers[];
const fv_solver fv_cpu_q_pool_solvers[] = {
    FV_STREAM_SOLVER("q_max_pool2d", max_reject, max_run),
    FV_STREAM_SOLVER("q_mean", mean_reject, mean_run),
    {.name = NULL},
};
