/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of channel_sum, the gradient of a bias, and of what makes one sum of those of several pieces of a batch. */
#include "kernels/reduce/reduce.h"

#include <string.h>

#include "backend/cpu/split.h"

typedef struct sum_job {
    const fv_reduce_kernels *k;
    int64_t rows, c; /* rows per shard */
    const float *src;
    double *sum; /* [shards][c] */
} sum_job;

static void sum_shard(void *arg, int64_t shard, int64_t c0, int64_t c1)
{
    const sum_job *x = arg;
    double *sum = x->sum + shard * x->c + c0;
    for (int64_t i = 0; i < c1 - c0; i++)
        sum[i] = 0.0;
    x->k->sum_channels(x->rows, c1 - c0, x->c, x->src + shard * x->rows * x->c + c0, sum);
}

static size_t channel_sum_workspace(const fv_plan *plan)
{
    const fv_shape *shape = fv_in_shape(plan->problem.node, 0);
    return (size_t)fv_plan_shards(plan, shape->dim[0]) * (size_t)fv_shape_last(shape) * sizeof(double);
}

static void channel_sum_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *shape = fv_in_shape(call->node, 0);
    int shards = fv_call_shards(call, shape->dim[0]);
    sum_job job = {.k = plan->kernels->reduce, .src = call->in[0], .sum = call->workspace};
    job.rows = fv_shape_rows(shape) / shards;
    job.c = fv_shape_last(shape);
    fv_parallel_shards(plan, shards, job.c, sum_shard, &job);
    job.k->tree_f64(shards, job.c, job.sum);
    if (call->node->out[0]->dtype == FV_F64)
        memcpy(call->out[0], job.sum, (size_t)job.c * sizeof(double));
    else
        job.k->narrow(job.c, job.sum, call->out[0]);
}

static const char *round_sum_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    return problem->node->out[0]->dtype == FV_F32 ? NULL : "only to f32";
}

static void round_sum_run(const fv_plan *plan, const fv_call *call)
{
    int64_t n = fv_shape_count(fv_in_shape(call->node, 0));
    const double *sums = call->in[0];
    float *dst = call->out[0];
    if (!fv_call_in(call, 1)) {
        plan->kernels->reduce->narrow(n, sums, dst);
        return;
    }
    double count = (double)fv_call_total(call, fv_in_dims(call, 1)[0]);
    for (int64_t i = 0; i < n; i++)
        dst[i] = (float)(sums[i] / count);
}

static void copy_range(void *arg, int64_t begin, int64_t end)
{
    const fv_call *call = arg;
    size_t size = fv_dtype_size(call->node->in[0]->dtype), at = (size_t)begin * size;
    memcpy((char *)call->out[0] + at, (const char *)call->in[0] + at, (size_t)(end - begin) * size);
}

/* In place there is nothing to do. */
static void all_reduce_run(const fv_plan *plan, const fv_call *call)
{
    fv_call copy = *call;
    if (call->out[0] != call->in[0])
        fv_parallel_range(plan, fv_shape_count(fv_in_shape(call->node, 0)), 8.0, 64, copy_range, &copy);
}

extern const fv_solver fv_cpu_reduce_solvers[];
const fv_solver fv_cpu_reduce_solvers[] = {
    {.name = "cpu.channel_sum",
     .op = "channel_sum",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .workspace_bytes = channel_sum_workspace,
     .run = channel_sum_run},
    {.name = "cpu.channel_sum_partial",
     .op = "channel_sum_partial",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .workspace_bytes = channel_sum_workspace,
     .run = channel_sum_run},
    {.name = "cpu.round_sum",
     .op = "round_sum",
     .version = 1,
     .reject = round_sum_reject,
     .cost = fv_stream_cost,
     .run = round_sum_run},
    {.name = "cpu.all_reduce", .op = "all_reduce", .version = 1, .cost = fv_stream_cost, .run = all_reduce_run},
    {.name = NULL},
};
