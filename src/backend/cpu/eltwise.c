/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of add, mul, mul_reduce, prelu, dropout, stochastic_depth and lrn. */
#include "kernels/eltwise/eltwise.h"

#include <string.h>

#include "backend/cpu/split.h"
#include "base/random.h"
#include "kernels/reduce/reduce.h"
#include "ops/binary.h"
#include "ops/dropout.h"

/* Operands of any of them; `per` floats make a unit of the split. */
typedef struct elt_job {
    const fv_plan *plan;
    const fv_call *call;
    const float *a, *b, *c;
    float *dst;
    int64_t per, channels, pixels;
    int shards;
    double *sums;
} elt_job;

static elt_job elt_begin(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *shape = fv_in_shape(call->node, 0);
    elt_job job = {.plan = plan, .call = call, .a = call->in[0], .dst = call->out[0]};
    job.b = fv_call_in(call, 1);
    job.c = fv_call_in(call, 2);
    job.channels = fv_shape_last(shape);
    job.per = fv_shape_count(shape) / shape->dim[0];
    job.pixels = job.per / job.channels;
    return job;
}

static int64_t elt_count(const fv_call *call)
{
    return fv_shape_count(fv_in_shape(call->node, 0));
}

/* ---- add ---- */

static void add_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    const fv_eltwise_attr *attr = x->call->node->attr;
    x->plan->kernels->eltwise->add_act((fv_activation)attr->activation, 0.0f, end - begin, x->a + begin, x->b + begin,
                                       x->dst + begin);
}

static void add_run(const fv_plan *plan, const fv_call *call)
{
    elt_job job = elt_begin(plan, call);
    fv_parallel_range(plan, fv_call_part(call, elt_count(call)), 12.0, 64, add_range, &job);
}

/* ---- mul ---- */

static void mul_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    x->plan->kernels->eltwise->binary(FV_BINARY_MUL, end - begin, x->a + begin, x->b + begin, x->dst + begin);
}

/* Pixels of several samples, each with its own factors. */
static void mul_channel_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    for (int64_t i = begin; i < end;) {
        int64_t sample = i / x->pixels, stop = (sample + 1) * x->pixels;
        stop = stop < end ? stop : end;
        x->plan->kernels->eltwise->scale_channel(stop - i, x->channels, x->a + i * x->channels,
                                                 x->b + sample * x->channels, x->dst + i * x->channels);
        i = stop;
    }
}

static void mul_run(const fv_plan *plan, const fv_call *call)
{
    elt_job job = elt_begin(plan, call);
    const int64_t count = fv_call_part(call, elt_count(call));
    if (fv_shape_equal(fv_in_shape(call->node, 0), fv_in_shape(call->node, 1)))
        fv_parallel_range(plan, count, 12.0, 64, mul_range, &job);
    else
        fv_parallel_range(plan, count / job.channels, 8.0 * (double)job.channels, 1, mul_channel_range, &job);
}

static void mul_reduce_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    for (int64_t i = begin; i < end; i++)
        x->plan->kernels->eltwise->scale_channel_grad(x->pixels, x->channels, x->a + i * x->per, x->b + i * x->per,
                                                      x->dst + i * x->channels);
}

static void mul_reduce_run(const fv_plan *plan, const fv_call *call)
{
    elt_job job = elt_begin(plan, call);
    fv_parallel_range(plan, fv_in_shape(call->node, 0)->dim[0], 8.0 * (double)job.per, 1, mul_reduce_range, &job);
}

/* ---- prelu ---- */

static void prelu_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    const fv_eltwise_kernels *k = x->plan->kernels->eltwise;
    int64_t at = begin * x->channels;
    if (fv_in_shape(x->call->node, 1)->dim[0] == 1)
        k->act(FV_LEAKY_RELU, x->b[0], (end - begin) * x->channels, x->a + at, x->dst + at);
    else
        k->prelu(end - begin, x->channels, x->a + at, x->b, x->dst + at);
}

static void prelu_run(const fv_plan *plan, const fv_call *call)
{
    elt_job job = elt_begin(plan, call);
    fv_parallel_range(plan, fv_call_part(call, elt_count(call)) / job.channels, 8.0 * (double)job.channels, 1,
                      prelu_range, &job);
}

static void prelu_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    const fv_eltwise_kernels *k = x->plan->kernels->eltwise;
    int64_t at = begin * x->channels;
    if (fv_in_shape(x->call->node, 2)->dim[0] == 1)
        k->act_grad(FV_LEAKY_RELU, x->c[0], (end - begin) * x->channels, x->b + at, x->a + at, x->dst + at);
    else
        k->prelu_grad(end - begin, x->channels, x->b + at, x->c, x->a + at, x->dst + at);
}

/* Sums of shards [begin, end). */
static void prelu_sum_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    int64_t slopes = fv_in_shape(x->call->node, 2)->dim[0];
    int64_t floats = elt_count(x->call) / x->shards;
    for (int64_t i = begin; i < end; i++) {
        double *sum = x->sums + i * slopes;
        for (int64_t j = 0; j < slopes; j++)
            sum[j] = 0.0;
        x->plan->kernels->eltwise->prelu_grad_slope(floats / slopes, slopes, x->b + i * floats, x->a + i * floats, sum);
    }
}

static size_t prelu_bwd_workspace(const fv_plan *plan)
{
    const fv_node *node = plan->problem.node;
    int shards = fv_plan_shards(plan, fv_in_shape(node, 0)->dim[0]);
    return (size_t)shards * (size_t)fv_in_shape(node, 2)->dim[0] * sizeof(double);
}

static void prelu_bwd_run(const fv_plan *plan, const fv_call *call)
{
    const fv_reduce_kernels *reduce = plan->kernels->reduce;
    elt_job job = elt_begin(plan, call);
    int64_t slopes = fv_in_shape(call->node, 2)->dim[0];
    job.shards = fv_call_shards(call, fv_in_shape(call->node, 0)->dim[0]);
    job.sums = call->workspace;
    /* The sums come first: d_src may lie where d_dst or src does. */
    fv_parallel_range(plan, job.shards, 8.0 * (double)elt_count(call) / job.shards, 1, prelu_sum_range, &job);
    reduce->tree_f64(job.shards, slopes, job.sums);
    if (call->node->out[1]->dtype == FV_F64)
        memcpy(call->out[1], job.sums, (size_t)slopes * sizeof(double));
    else
        reduce->narrow(slopes, job.sums, call->out[1]);
    fv_parallel_range(plan, elt_count(call) / job.channels, 12.0 * (double)job.channels, 1, prelu_bwd_range, &job);
}

/* ---- dropout ---- */

static void dropout_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    const fv_dropout_attr *attr = x->call->node->attr;
    fv_dropout d = {
        .stream = fv_dropout_counter(attr, x->call->step), .p = (float)attr->rate, .scale = fv_dropout_scale(attr)};
    d.key[0] = (uint32_t)x->call->seed;
    d.key[1] = (uint32_t)(x->call->seed >> 32) ^ ((uint32_t)FV_RANDOM_DROPOUT * 0x9E3779B9u);
    int64_t first = fv_call_offset(x->call, elt_count(x->call));
    x->plan->kernels->eltwise->dropout(&d, first + begin, end - begin, x->a + begin, x->dst + begin);
}

static void dropout_run(const fv_plan *plan, const fv_call *call)
{
    elt_job job = elt_begin(plan, call);
    fv_parallel_range(plan, fv_call_part(call, elt_count(call)), 16.0, 64, dropout_range, &job);
}

/* ---- stochastic_depth ---- */

/* Elements of several samples. A product plus -0 is the product, its sign included. */
static void depth_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    const fv_dropout_attr *attr = x->call->node->attr;
    const fv_eltwise_kernels *k = x->plan->kernels->eltwise;
    const int64_t first = fv_call_offset(x->call, fv_in_shape(x->call->node, 0)->dim[0]);
    for (int64_t i = begin; i < end;) {
        const int64_t sample = i / x->per, left = (sample + 1) * x->per - i, n = left < end - i ? left : end - i;
        if (fv_dropout_keeps_sample(attr, x->call->seed, x->call->step, first + sample))
            k->affine(n, fv_dropout_scale(attr), -0.0f, x->a + i, x->dst + i);
        else
            k->fill(n, 0.0f, x->dst + i);
        i += n;
    }
}

static void depth_run(const fv_plan *plan, const fv_call *call)
{
    elt_job job = elt_begin(plan, call);
    fv_parallel_range(plan, fv_call_part(call, elt_count(call)), 8.0, 64, depth_range, &job);
}

/* ---- lrn ---- */

static void lrn_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    const fv_lrn_attr *attr = x->call->node->attr;
    int64_t at = begin * x->channels;
    x->plan->kernels->eltwise->lrn(end - begin, x->channels, (int)attr->size, (float)attr->alpha, (float)attr->beta,
                                   (float)attr->k, x->a + at, x->dst + at);
}

static void lrn_run(const fv_plan *plan, const fv_call *call)
{
    elt_job job = elt_begin(plan, call);
    fv_parallel_range(plan, fv_call_part(call, elt_count(call)) / job.channels, 32.0 * (double)job.channels, 1,
                      lrn_range, &job);
}

static void lrn_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const elt_job *x = arg;
    const fv_lrn_attr *attr = x->call->node->attr;
    int64_t at = begin * x->channels;
    x->plan->kernels->eltwise->lrn_grad(end - begin, x->channels, (int)attr->size, (float)attr->alpha,
                                        (float)attr->beta, (float)attr->k, x->b + at, x->a + at, x->dst + at);
}

static void lrn_bwd_run(const fv_plan *plan, const fv_call *call)
{
    elt_job job = elt_begin(plan, call);
    fv_parallel_range(plan, elt_count(call) / job.channels, 64.0 * (double)job.channels, 1, lrn_bwd_range, &job);
}

/* Repeated operands are for the solvers of broadcast.c. */
static const char *same_reject(const fv_solver *self, const fv_problem *problem)
{
    if (!fv_shape_equal(fv_in_shape(problem->node, 0), fv_in_shape(problem->node, 1)))
        return "operands of other shapes";
    return fv_all_f32_reject(self, problem);
}

static const char *mul_reject(const fv_solver *self, const fv_problem *problem)
{
    if (fv_mul_by_channel(problem->node->in[0], problem->node->in[1]))
        return fv_all_f32_reject(self, problem);
    return same_reject(self, problem);
}

#define FV_ELT_SOLVER(name_, run_)                                                                                     \
    {                                                                                                                  \
        .name = "cpu." name_, .op = name_, .version = 1, .reject = fv_f32_reject, .cost = fv_stream_cost, .run = run_  \
    }

extern const fv_solver fv_cpu_eltwise_solvers[];
const fv_solver fv_cpu_eltwise_solvers[] = {
    {.name = "cpu.add", .op = "add", .version = 1, .reject = same_reject, .cost = fv_stream_cost, .run = add_run},
    {.name = "cpu.mul", .op = "mul", .version = 1, .reject = mul_reject, .cost = fv_stream_cost, .run = mul_run},
    FV_ELT_SOLVER("mul_reduce", mul_reduce_run),
    FV_ELT_SOLVER("prelu", prelu_run),
    FV_ELT_SOLVER("dropout", dropout_run),
    FV_ELT_SOLVER("dropout_bwd", dropout_run),
    FV_ELT_SOLVER("stochastic_depth", depth_run),
    FV_ELT_SOLVER("stochastic_depth_bwd", depth_run),
    FV_ELT_SOLVER("lrn", lrn_run),
    FV_ELT_SOLVER("lrn_bwd", lrn_bwd_run),
    {.name = "cpu.prelu_bwd",
     .op = "prelu_bwd",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .workspace_bytes = prelu_bwd_workspace,
     .run = prelu_bwd_run},
    {.name = "cpu.prelu_bwd_partial",
     .op = "prelu_bwd_partial",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .workspace_bytes = prelu_bwd_workspace,
     .run = prelu_bwd_run},
    {.name = NULL},
};
