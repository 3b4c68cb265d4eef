/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of layer normalization: rows are cut among threads; sums over rows are cut by shards and blocks of channels.
 */
#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/norm/norm.h"
#include "kernels/reduce/reduce.h"
#include "ops/attr.h"

typedef struct layer_job {
    const fv_norm_kernels *k;
    int64_t rows, c; /* rows of a shard, where there are shards */
    float eps;
    const float *src, *scale, *shift, *d_dst;
    float *dst, *stats; /* 3 per row */
    double *sum;        /* [shards][c] */
} layer_job;

/* Operand `src` of the node is what is normalized. */
static layer_job layer_begin(const fv_plan *plan, const fv_call *call, int src)
{
    const fv_shape *shape = fv_in_shape(call->node, src);
    return (layer_job){.k = plan->kernels->norm,
                       .rows = fv_shape_rows(shape),
                       .c = fv_shape_last(shape),
                       .eps = (float)((const fv_layer_norm_attr *)call->node->attr)->eps,
                       .src = call->in[src],
                       .dst = call->out[0]};
}

static void layer_range(void *arg, int64_t begin, int64_t end)
{
    const layer_job *x = arg;
    x->k->layer(end - begin, x->c, x->eps, x->src + begin * x->c, x->scale, x->shift, x->dst + begin * x->c);
}

static void layer_run(const fv_plan *plan, const fv_call *call)
{
    layer_job job = layer_begin(plan, call, 0);
    job.scale = fv_call_in(call, 1);
    job.shift = fv_call_in(call, 2);
    fv_parallel_range(plan, fv_call_part(call, job.rows), 16.0 * (double)job.c, 1, layer_range, &job);
}

static void layer_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const layer_job *x = arg;
    const int64_t at = begin * x->c;
    x->k->layer_grad(end - begin, x->c, x->eps, x->src + at, x->scale, x->d_dst + at, x->dst + at);
}

static void layer_bwd_run(const fv_plan *plan, const fv_call *call)
{
    layer_job job = layer_begin(plan, call, 1);
    job.d_dst = call->in[0];
    job.scale = fv_call_in(call, 2);
    fv_parallel_range(plan, job.rows, 24.0 * (double)job.c, 1, layer_bwd_range, &job);
}

/* Of few channels next to nothing of the gradient is left, and that is lost in float32: the reference's is float64. */
static const char *layer_bwd_reject(const fv_solver *self, const fv_problem *problem)
{
    return fv_shape_last(fv_in_shape(problem->node, 1)) < 16 ? "fewer than 16 channels" : fv_f32_reject(self, problem);
}

/* ---- gradient to scale ---- */

static void stats_range(void *arg, int64_t begin, int64_t end)
{
    const layer_job *x = arg;
    x->k->layer_stats(end - begin, x->c, x->eps, x->src + begin * x->c, x->stats + 3 * begin);
}

static void scale_shard(void *arg, int64_t shard, int64_t c0, int64_t c1)
{
    const layer_job *x = arg;
    const int64_t row = shard * x->rows, at = row * x->c + c0;
    double *sum = x->sum + shard * x->c + c0;
    for (int64_t i = 0; i < c1 - c0; i++)
        sum[i] = 0.0;
    x->k->layer_grad_scale(x->rows, c1 - c0, x->c, x->src + at, x->d_dst + at, x->stats + 3 * row, sum);
}

static size_t scale_workspace(const fv_plan *plan)
{
    const fv_shape *shape = fv_in_shape(plan->problem.node, 0);
    const size_t shards = (size_t)fv_plan_shards(plan, shape->dim[0]);
    return shards * (size_t)fv_shape_last(shape) * sizeof(double) + 3 * (size_t)fv_shape_rows(shape) * sizeof(float);
}

static void scale_run(const fv_plan *plan, const fv_call *call)
{
    const fv_reduce_kernels *reduce = plan->kernels->reduce;
    layer_job job = layer_begin(plan, call, 1);
    const int shards = fv_call_shards(call, fv_in_shape(call->node, 1)->dim[0]);
    job.d_dst = call->in[0];
    job.sum = call->workspace;
    job.stats = (float *)(job.sum + shards * job.c);
    fv_parallel_range(plan, job.rows, 12.0 * (double)job.c, 1, stats_range, &job);
    job.rows /= shards;
    fv_parallel_shards(plan, shards, job.c, scale_shard, &job);
    reduce->tree_f64(shards, job.c, job.sum);
    if (call->node->out[0]->dtype == FV_F64)
        memcpy(call->out[0], job.sum, (size_t)job.c * sizeof(double));
    else
        reduce->narrow(job.c, job.sum, call->out[0]);
}

#define FV_SCALE_SOLVER(name_)                                                                                         \
    {                                                                                                                  \
        .name = "cpu." name_, .op = name_, .version = 1, .reject = fv_f32_reject, .cost = fv_stream_cost,              \
        .workspace_bytes = scale_workspace, .run = scale_run                                                           \
    }

extern const fv_solver fv_cpu_layer_norm_solvers[];
const fv_solver fv_cpu_layer_norm_solvers[] = {
    FV_STREAM_SOLVER("layer_norm", fv_f32_reject, layer_run),
    FV_STREAM_SOLVER("layer_norm_bwd", layer_bwd_reject, layer_bwd_run),
    FV_SCALE_SOLVER("layer_norm_bwd_scale"),
    FV_SCALE_SOLVER("layer_norm_bwd_scale_partial"),
    {.name = NULL},
};
