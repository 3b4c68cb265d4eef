/* SPDX-License-Identifier: Apache-2.0 */
/* Solver of channel_sum, the gradient of a bias. */
#include "kernels/reduce/reduce.h"

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
    job.k->narrow(job.c, job.sum, call->out[0]);
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
    {.name = NULL},
};
