/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of the pools and of their gradients. */
#include "kernels/pool/pool.h"

#include "backend/cpu/split.h"
#include "ops/pool.h"

typedef struct pool_job {
    const fv_pool_kernels *k;
    fv_pool_shape d;
    fv_activation act;
    const float *src, *dst, *d_dst;
    const uint8_t *given;
    float *out;
    uint8_t *arg;
    int64_t pixels;
} pool_job;

/* src and dst: dimensions n h w c of the forward operator. */
static fv_pool_shape pool_plain(const int64_t *src, const int64_t *dst)
{
    return (fv_pool_shape){.n = src[0], .h = src[1], .w = src[2], .c = src[3], .p = dst[1], .q = dst[2]};
}

static fv_pool_shape pool_windows(const fv_node *node, const int64_t *src, const int64_t *dst)
{
    const fv_window win = fv_pool_window_of(node, src, dst);
    fv_pool_shape d = pool_plain(src, dst);
    d.r = win.size[0];
    d.s = win.size[1];
    d.stride_h = win.stride[0];
    d.stride_w = win.stride[1];
    d.pad_top = win.pad[0];
    d.pad_left = win.pad[1];
    d.pad_bottom = win.pad[2];
    d.pad_right = win.pad[3];
    d.count_include_pad = ((const fv_pool2d_attr *)node->attr)->count_include_pad;
    return d;
}

static fv_pool_shape pool_adaptive(const int64_t *src, const int64_t *dst)
{
    fv_pool_shape d = pool_plain(src, dst);
    d.adaptive = true;
    return d;
}

/* Memory that one row of results touches: its own and its share of the other side. */
static double row_bytes(const fv_pool_shape *d, int64_t rows)
{
    return 4.0 * (double)(d->h * d->w + d->p * d->q) * (double)d->c / (double)rows;
}

static void max_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    x->k->max(&x->d, x->act, 0.0f, x->src, x->out, x->arg, begin, end);
}

static void max_run(const fv_plan *plan, const fv_call *call)
{
    pool_job job = {.k = plan->kernels->pool, .src = call->in[0], .out = call->out[0]};
    job.d = pool_windows(call->node, fv_in_dims(call, 0), fv_out_dims(call, 0));
    job.act = (fv_activation)((const fv_pool2d_attr *)call->node->attr)->activation;
    job.arg = call->node->n_out > 1 ? call->out[1] : NULL;
    fv_parallel_range(plan, fv_call_part(call, job.d.n * job.d.p), row_bytes(&job.d, job.d.p), 1, max_range, &job);
}

static void max_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    x->k->max_grad(&x->d, x->d_dst, x->given, x->out, begin, end);
}

static void max_bwd_run(const fv_plan *plan, const fv_call *call)
{
    pool_job job = {.k = plan->kernels->pool, .d_dst = call->in[0], .given = call->in[1], .out = call->out[0]};
    job.d = pool_windows(call->node, fv_out_dims(call, 0), fv_in_dims(call, 0));
    fv_parallel_range(plan, job.d.n * job.d.h, row_bytes(&job.d, job.d.h), 1, max_bwd_range, &job);
}

static void avg_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    x->k->avg(&x->d, FV_ACT_NONE, 0.0f, x->src, x->out, begin, end);
}

static void avg_any_run(const fv_plan *plan, const fv_call *call, fv_pool_shape d)
{
    pool_job job = {.k = plan->kernels->pool, .d = d, .src = call->in[0], .out = call->out[0]};
    fv_parallel_range(plan, fv_call_part(call, d.n * d.p), row_bytes(&d, d.p), 1, avg_range, &job);
}

static void avg_run(const fv_plan *plan, const fv_call *call)
{
    avg_any_run(plan, call, pool_windows(call->node, fv_in_dims(call, 0), fv_out_dims(call, 0)));
}

static void adaptive_run(const fv_plan *plan, const fv_call *call)
{
    avg_any_run(plan, call, pool_adaptive(fv_in_dims(call, 0), fv_out_dims(call, 0)));
}

static void avg_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    x->k->avg_grad(&x->d, x->d_dst, x->out, begin, end);
}

static void avg_any_bwd_run(const fv_plan *plan, const fv_call *call, fv_pool_shape d)
{
    pool_job job = {.k = plan->kernels->pool, .d = d, .d_dst = call->in[0], .out = call->out[0]};
    fv_parallel_range(plan, d.n * d.h, row_bytes(&d, d.h), 1, avg_bwd_range, &job);
}

static void avg_bwd_run(const fv_plan *plan, const fv_call *call)
{
    avg_any_bwd_run(plan, call, pool_windows(call->node, fv_out_dims(call, 0), fv_in_dims(call, 0)));
}

static void adaptive_bwd_run(const fv_plan *plan, const fv_call *call)
{
    avg_any_bwd_run(plan, call, pool_adaptive(fv_out_dims(call, 0), fv_in_dims(call, 0)));
}

/* ---- global: by samples ---- */

static void global_avg_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    for (int64_t i = begin; i < end; i++)
        x->k->global_avg(x->pixels, x->d.c, x->src + i * x->pixels * x->d.c, x->out + i * x->d.c);
}

static void global_avg_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    for (int64_t i = begin; i < end; i++)
        x->k->global_avg_grad(x->pixels, x->d.c, x->d_dst + i * x->d.c, x->out + i * x->pixels * x->d.c);
}

static void global_max_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    x->k->max(&x->d, FV_ACT_NONE, 0.0f, x->src, x->out, NULL, begin, end);
}

static void global_max_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const pool_job *x = arg;
    int64_t size = x->pixels * x->d.c;
    for (int64_t i = begin; i < end; i++)
        x->k->global_max_grad(x->pixels, x->d.c, x->src + i * size, x->dst + i * x->d.c, x->d_dst + i * x->d.c,
                              x->out + i * size);
}

/* `src`: dimensions of the input of the forward operator. */
static void global_run(const fv_plan *plan, const fv_call *call, const int64_t *src, pool_job *job, fv_range_fn fn)
{
    const int64_t one[4] = {src[0], 1, 1, src[3]};
    job->k = plan->kernels->pool;
    job->d = pool_adaptive(src, one);
    job->pixels = src[1] * src[2];
    job->out = call->out[0];
    fv_parallel_range(plan, fv_call_part(call, src[0]), 4.0 * (double)(job->pixels * src[3]), 1, fn, job);
}

static void global_avg_run(const fv_plan *plan, const fv_call *call)
{
    pool_job job = {.src = call->in[0]};
    global_run(plan, call, fv_in_dims(call, 0), &job, global_avg_range);
}

static void global_avg_bwd_run(const fv_plan *plan, const fv_call *call)
{
    pool_job job = {.d_dst = call->in[0]};
    global_run(plan, call, fv_out_dims(call, 0), &job, global_avg_bwd_range);
}

static void global_max_run(const fv_plan *plan, const fv_call *call)
{
    pool_job job = {.src = call->in[0]};
    global_run(plan, call, fv_in_dims(call, 0), &job, global_max_range);
}

static void global_max_bwd_run(const fv_plan *plan, const fv_call *call)
{
    pool_job job = {.d_dst = call->in[0], .src = call->in[1], .dst = call->in[2]};
    global_run(plan, call, fv_in_dims(call, 1), &job, global_max_bwd_range);
}

extern const fv_solver fv_cpu_pool_solvers[];
const fv_solver fv_cpu_pool_solvers[] = {
    FV_STREAM_SOLVER("max_pool2d", fv_f32_reject, max_run),
    FV_STREAM_SOLVER("max_pool2d_train", fv_f32_reject, max_run),
    FV_STREAM_SOLVER("max_pool2d_bwd", fv_f32_reject, max_bwd_run),
    FV_STREAM_SOLVER("avg_pool2d", fv_f32_reject, avg_run),
    FV_STREAM_SOLVER("avg_pool2d_bwd", fv_f32_reject, avg_bwd_run),
    FV_STREAM_SOLVER("adaptive_avg_pool2d", fv_f32_reject, adaptive_run),
    FV_STREAM_SOLVER("adaptive_avg_pool2d_bwd", fv_f32_reject, adaptive_bwd_run),
    FV_STREAM_SOLVER("global_avg_pool", fv_f32_reject, global_avg_run),
    FV_STREAM_SOLVER("global_avg_pool_bwd", fv_f32_reject, global_avg_bwd_run),
    FV_STREAM_SOLVER("global_max_pool", fv_f32_reject, global_max_run),
    FV_STREAM_SOLVER("global_max_pool_bwd", fv_f32_reject, global_max_bwd_run),
    {.name = NULL},
};
