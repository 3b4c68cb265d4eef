/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of batch normalization and its folding: sums by shards and blocks of channels, then one pass over the pixels.
 */
#include "kernels/norm/norm.h"

#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/reduce/reduce.h"
#include "ops/attr.h"

/* Sums lie [2][shards][c], then c * 3 floats: scale and shift, or the coefficients of the gradient. */
typedef struct norm_job {
    const fv_norm_kernels *k;
    fv_activation act;
    int shards;
    int64_t rows, c;
    const float *src, *dst, *d_dst, *mean;
    float *out, *factors;
    double *sum, *square;
} norm_job;

/* Operand `src` of the node. */
static norm_job norm_begin(const fv_plan *plan, const fv_call *call, int src)
{
    const fv_shape *shape = fv_in_shape(call->node, src);
    norm_job job = {.k = plan->kernels->norm, .rows = fv_shape_rows(shape), .c = fv_shape_last(shape)};
    const fv_batch_norm_attr *attr = call->node->attr;
    job.act = attr ? (fv_activation)attr->activation : FV_ACT_NONE;
    job.shards = fv_call_shards(call, shape->dim[0]);
    job.src = call->in[src];
    job.out = call->out[0];
    job.sum = call->workspace;
    job.square = job.sum + job.shards * job.c;
    job.factors = (float *)(job.square + job.shards * job.c);
    return job;
}

/* The sums of all shards made one; job->sum[0..c) and job->square[0..c) hold them. */
static void norm_tree(const fv_plan *plan, norm_job *job)
{
    plan->kernels->reduce->tree_f64(job->shards, job->c, job->sum);
    plan->kernels->reduce->tree_f64(job->shards, job->c, job->square);
}

/* ... as the result of an operator that leaves the rest to another. */
static void norm_sums_result(const norm_job *job, double *sums)
{
    memcpy(sums, job->sum, (size_t)job->c * sizeof(double));
    memcpy(sums + job->c, job->square, (size_t)job->c * sizeof(double));
}

static size_t norm_workspace(const fv_plan *plan)
{
    const fv_shape *shape = fv_in_shape(plan->problem.node, 0);
    size_t shards = (size_t)fv_plan_shards(plan, shape->dim[0]);
    return (size_t)fv_shape_last(shape) * (2 * shards * sizeof(double) + 3 * sizeof(float)) + FV_TAIL_PAD;
}

static void clear(double *a, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        a[i] = 0.0;
}

static void apply_range(void *arg, int64_t begin, int64_t end)
{
    const norm_job *x = arg;
    x->k->apply(x->act, 0.0f, end - begin, x->c, x->c, x->src + begin * x->c, x->factors, x->factors + x->c,
                x->out + begin * x->c);
}

static void norm_run(const fv_plan *plan, const fv_call *call)
{
    norm_job job = norm_begin(plan, call, 0);
    const fv_batch_norm_attr *attr = call->node->attr;
    float *rstd = job.factors + 2 * job.c;
    job.k->rstd(job.c, attr->eps, call->in[4], rstd);
    job.k->coefficients(job.c, call->in[1], call->in[2], call->in[3], rstd, job.factors, job.factors + job.c);
    fv_parallel_range(plan, fv_call_part(call, job.rows), 8.0 * (double)job.c, 1, apply_range, &job);
}

static void sums_shard(void *arg, int64_t shard, int64_t c0, int64_t c1)
{
    const norm_job *x = arg;
    int64_t rows = x->rows / x->shards, at = shard * x->c + c0;
    clear(x->sum + at, c1 - c0);
    clear(x->square + at, c1 - c0);
    x->k->sums(rows, c1 - c0, x->c, x->src + shard * rows * x->c + c0, x->sum + at, x->square + at);
}

static void norm_train_sums(const fv_plan *plan, norm_job *job)
{
    fv_parallel_shards(plan, job->shards, job->c, sums_shard, job);
    norm_tree(plan, job);
}

/* From sums over `count` values per channel. */
static void norm_train_finish(const fv_plan *plan, const fv_call *call, norm_job *job, int64_t count)
{
    const fv_batch_norm_attr *attr = call->node->attr;
    float *mean = call->out[1], *rstd = call->out[2], *var = job->factors + 2 * job->c;
    job->k->finalize(job->c, count, attr->eps, job->sum, job->square, mean, var, rstd);
    job->k->update(job->c, count, attr->momentum, job->sum, job->square, call->in[3], call->in[4]);
    job->k->coefficients(job->c, call->in[1], call->in[2], mean, rstd, job->factors, job->factors + job->c);
    fv_parallel_range(plan, job->rows, 8.0 * (double)job->c, 1, apply_range, job);
}

static void norm_train_run(const fv_plan *plan, const fv_call *call)
{
    norm_job job = norm_begin(plan, call, 0);
    norm_train_sums(plan, &job);
    norm_train_finish(plan, call, &job, job.rows);
}

static void norm_train_partial_run(const fv_plan *plan, const fv_call *call)
{
    norm_job job = norm_begin(plan, call, 0);
    norm_train_sums(plan, &job);
    norm_sums_result(&job, call->out[0]);
}

static void norm_train_finish_run(const fv_plan *plan, const fv_call *call)
{
    norm_job job = norm_begin(plan, call, 0);
    job.sum = call->in[5];
    job.square = job.sum + job.c;
    norm_train_finish(plan, call, &job, fv_call_total(call, job.rows));
}

static void grad_sums_shard(void *arg, int64_t shard, int64_t c0, int64_t c1)
{
    const norm_job *x = arg;
    int64_t rows = x->rows / x->shards, at = shard * x->c + c0, pixel = shard * rows * x->c + c0;
    clear(x->sum + at, c1 - c0);
    clear(x->square + at, c1 - c0);
    x->k->grad_sums(x->act, rows, c1 - c0, x->c, x->src + pixel, x->dst + pixel, x->d_dst + pixel, x->mean + c0,
                    x->sum + at, x->square + at);
}

static void grad_data_range(void *arg, int64_t begin, int64_t end)
{
    const norm_job *x = arg;
    int64_t at = begin * x->c;
    x->k->grad_data(x->act, end - begin, x->c, x->c, x->src + at, x->dst + at, x->d_dst + at, x->mean, x->factors, x->c,
                    x->out + at);
}

/* `mean` and `dst` are numbers of operands. */
static norm_job norm_bwd_begin(const fv_plan *plan, const fv_call *call, int mean, int dst)
{
    norm_job job = norm_begin(plan, call, 1);
    job.d_dst = call->in[0];
    job.mean = call->in[mean];
    /* Without an activation the result is not read; the address only has to be valid to add to. */
    job.dst = job.act == FV_ACT_NONE ? job.d_dst : call->in[dst];
    return job;
}

static void norm_bwd_sums(const fv_plan *plan, norm_job *job)
{
    fv_parallel_shards(plan, job->shards, job->c, grad_sums_shard, job);
    norm_tree(plan, job);
}

/* From sums over `count` values per channel. */
static void norm_bwd_finish(const fv_plan *plan, const fv_call *call, norm_job *job, int64_t count)
{
    job->k->grad_finalize(job->c, count, job->sum, job->square, call->in[2], call->in[4], call->out[1], call->out[2],
                          job->factors);
    /* d_src = gamma * rstd * d_dst where mean and variance do not depend on src. */
    if (((const fv_batch_norm_attr *)call->node->attr)->frozen)
        memset(job->factors + job->c, 0, (size_t)(2 * job->c) * sizeof(float));
    fv_parallel_range(plan, job->rows, 16.0 * (double)job->c, 1, grad_data_range, job);
}

static void norm_bwd_run(const fv_plan *plan, const fv_call *call)
{
    norm_job job = norm_bwd_begin(plan, call, 3, 5);
    norm_bwd_sums(plan, &job);
    norm_bwd_finish(plan, call, &job, job.rows);
}

static void norm_bwd_partial_run(const fv_plan *plan, const fv_call *call)
{
    norm_job job = norm_bwd_begin(plan, call, 2, 3);
    norm_bwd_sums(plan, &job);
    norm_sums_result(&job, call->out[0]);
}

static void norm_bwd_finish_run(const fv_plan *plan, const fv_call *call)
{
    norm_job job = norm_bwd_begin(plan, call, 3, 6);
    job.sum = call->in[5];
    job.square = job.sum + job.c;
    norm_bwd_finish(plan, call, &job, fv_call_total(call, job.rows));
}

static void norm_rstd_run(const fv_plan *plan, const fv_call *call)
{
    const fv_batch_norm_attr *attr = call->node->attr;
    plan->kernels->norm->rstd(fv_in_dims(call, 0)[0], attr->eps, call->in[0], call->out[0]);
}

/* ---- bn_fold: once per weight update, in float64 as the operator says ---- */

typedef struct fold_job {
    const fv_norm_kernels *k;
    const fv_call *call;
    int64_t taps;
    double eps;
} fold_job;

static void fold_range(void *arg, int64_t begin, int64_t end)
{
    const fold_job *x = arg;
    const float *wei = x->call->in[0], *bia = fv_call_in(x->call, 1), *gamma = x->call->in[2], *beta = x->call->in[3];
    const float *mean = x->call->in[4], *var = x->call->in[5];
    float *folded_wei = x->call->out[0], *folded_bia = x->call->out[1];
    for (int64_t k = begin; k < end; k++) {
        double scale = (double)gamma[k] / sqrt((double)var[k] + x->eps), start = bia ? (double)bia[k] : 0.0;
        folded_bia[k] = (float)((start - (double)mean[k]) * scale + (double)beta[k]);
        x->k->fold(x->taps, scale, wei + k * x->taps, folded_wei + k * x->taps);
    }
}

static void fold_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *wei = fv_in_shape(call->node, 0);
    fold_job job = {.k = plan->kernels->norm, .call = call, .eps = ((const fv_batch_norm_attr *)call->node->attr)->eps};
    job.taps = fv_shape_count(wei) / wei->dim[0];
    fv_parallel_range(plan, wei->dim[0], 16.0 * (double)job.taps, 1, fold_range, &job);
}

#define FV_NORM_SOLVER(name_, run_)                                                                                    \
    {                                                                                                                  \
        .name = "cpu." name_, .op = name_, .version = 1, .reject = fv_f32_reject, .cost = fv_stream_cost,              \
        .workspace_bytes = norm_workspace, .run = run_                                                                 \
    }

extern const fv_solver fv_cpu_norm_solvers[];
const fv_solver fv_cpu_norm_solvers[] = {
    FV_NORM_SOLVER("batch_norm", norm_run),
    FV_NORM_SOLVER("batch_norm_train", norm_train_run),
    FV_NORM_SOLVER("batch_norm_train_partial", norm_train_partial_run),
    FV_NORM_SOLVER("batch_norm_train_finish", norm_train_finish_run),
    FV_NORM_SOLVER("batch_norm_bwd", norm_bwd_run),
    FV_NORM_SOLVER("batch_norm_bwd_partial", norm_bwd_partial_run),
    FV_NORM_SOLVER("batch_norm_bwd_finish", norm_bwd_finish_run),
    {.name = "cpu.batch_norm_rstd",
     .op = "batch_norm_rstd",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .run = norm_rstd_run},
    {.name = "cpu.bn_fold",
     .op = "bn_fold",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .run = fold_run},
    {.name = NULL},
};
