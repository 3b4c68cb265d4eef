/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of softmax, log_softmax and the losses. */
#include "kernels/softmax/softmax.h"

#include "backend/cpu/split.h"
#include "ops/nd.h"
#include "ops/loss.h"

typedef struct row_job {
    const fv_softmax_kernels *k;
    int64_t c;
    const float *a, *b;
    float *dst;
    fv_targets targets;
    fv_loss_kind kind;
    float delta, scale;
} row_job;

/* Rows [0, rows) of operand `i`. The exponential makes a float cost as much as several read from memory. */
static void split_first_rows(const fv_plan *plan, const fv_call *call, int i, int64_t rows, fv_range_fn fn,
                             row_job *job)
{
    job->k = plan->kernels->softmax;
    job->c = fv_shape_last(fv_in_shape(call->node, i));
    fv_parallel_range(plan, rows, 16.0 * (double)job->c, 1, fn, job);
}

/* All of them. */
static void split_rows(const fv_plan *plan, const fv_call *call, int i, fv_range_fn fn, row_job *job)
{
    split_first_rows(plan, call, i, fv_shape_rows(fv_in_shape(call->node, i)), fn, job);
}

/* Those of the samples that matter. */
static void split_part(const fv_plan *plan, const fv_call *call, fv_range_fn fn, row_job *job)
{
    split_first_rows(plan, call, 0, fv_call_part(call, fv_shape_rows(fv_in_shape(call->node, 0))), fn, job);
}

static void softmax_range(void *arg, int64_t begin, int64_t end)
{
    const row_job *x = arg;
    x->k->softmax(end - begin, x->c, x->a + begin * x->c, x->dst + begin * x->c);
}

static void softmax_run(const fv_plan *plan, const fv_call *call)
{
    row_job job = {.a = call->in[0], .dst = call->out[0]};
    split_part(plan, call, softmax_range, &job);
}

static void softmax_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const row_job *x = arg;
    int64_t at = begin * x->c;
    x->k->softmax_grad(end - begin, x->c, x->b + at, x->a + at, x->dst + at);
}

static void softmax_bwd_run(const fv_plan *plan, const fv_call *call)
{
    row_job job = {.a = call->in[0], .b = call->in[1], .dst = call->out[0]};
    split_rows(plan, call, 0, softmax_bwd_range, &job);
}

static void log_softmax_range(void *arg, int64_t begin, int64_t end)
{
    const row_job *x = arg;
    x->k->log_softmax(end - begin, x->c, x->a + begin * x->c, x->dst + begin * x->c);
}

static void log_softmax_run(const fv_plan *plan, const fv_call *call)
{
    row_job job = {.a = call->in[0], .dst = call->out[0]};
    split_part(plan, call, log_softmax_range, &job);
}

static void log_softmax_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const row_job *x = arg;
    int64_t at = begin * x->c;
    x->k->log_softmax_grad(end - begin, x->c, x->b + at, x->a + at, x->dst + at);
}

static void log_softmax_bwd_run(const fv_plan *plan, const fv_call *call)
{
    row_job job = {.a = call->in[0], .b = call->in[1], .dst = call->out[0]};
    split_rows(plan, call, 0, log_softmax_bwd_range, &job);
}

/* ---- softmax_cross_entropy ---- */

/* Targets are operand i. */
static fv_targets targets_of(const fv_call *call, int i)
{
    fv_targets t = {.smoothing = (float)((const fv_loss_attr *)call->node->attr)->smoothing};
    if (call->node->in[i]->dtype == FV_I32)
        t.labels = call->in[i];
    else
        t.soft = call->in[i];
    return t;
}

/* Those of rows from `begin` on. */
static fv_targets targets_from(const row_job *x, int64_t begin)
{
    fv_targets t = x->targets;
    if (t.labels)
        t.labels += begin;
    else
        t.soft += begin * x->c;
    return t;
}

static void cross_entropy_range(void *arg, int64_t begin, int64_t end)
{
    const row_job *x = arg;
    fv_targets t = targets_from(x, begin);
    x->k->cross_entropy(end - begin, x->c, x->a + begin * x->c, &t, x->dst + begin);
}

static void cross_entropy_run(const fv_plan *plan, const fv_call *call)
{
    row_job job = {.a = call->in[0], .dst = call->out[1], .targets = targets_of(call, 1)};
    split_rows(plan, call, 0, cross_entropy_range, &job);
    fv_loss_mean(call);
}

static void cross_entropy_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const row_job *x = arg;
    fv_targets t = targets_from(x, begin);
    x->k->cross_entropy_grad(end - begin, x->c, x->a + begin * x->c, &t, x->scale, x->dst + begin * x->c);
}

static void cross_entropy_bwd_run(const fv_plan *plan, const fv_call *call)
{
    row_job job = {.a = call->in[1], .dst = call->out[0], .targets = targets_of(call, 2)};
    job.scale = *(const float *)call->in[0] / (float)fv_call_total(call, fv_in_dims(call, 1)[0]);
    split_rows(plan, call, 1, cross_entropy_bwd_range, &job);
}

/* ---- losses of pairs ---- */

/* arg of the solvers: which loss. */
static const fv_loss_kind loss_mse = FV_LOSS_MSE, loss_mae = FV_LOSS_MAE, loss_huber = FV_LOSS_HUBER,
                          loss_bce = FV_LOSS_BCE;

static row_job loss_begin(const fv_plan *plan, const fv_call *call)
{
    row_job job = {.k = plan->kernels->softmax, .delta = 1.0f};
    job.kind = *(const fv_loss_kind *)plan->solver->arg;
    if (job.kind == FV_LOSS_HUBER)
        job.delta = (float)((const fv_loss_attr *)call->node->attr)->delta;
    return job;
}

static void loss_range(void *arg, int64_t begin, int64_t end)
{
    const row_job *x = arg;
    x->k->loss(x->kind, x->delta, end - begin, x->c, x->a + begin * x->c, x->b + begin * x->c, x->dst + begin);
    for (int64_t i = begin; i < end; i++)
        x->dst[i] /= (float)x->c;
}

static void loss_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *shape = fv_in_shape(call->node, 0);
    row_job job = loss_begin(plan, call);
    job.a = call->in[0];
    job.b = call->in[1];
    job.dst = call->out[1];
    job.c = fv_shape_count(shape) / shape->dim[0];
    fv_parallel_range(plan, shape->dim[0], 8.0 * (double)job.c, 1, loss_range, &job);
    fv_loss_mean(call);
}

static void loss_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const row_job *x = arg;
    x->k->loss_grad(x->kind, x->delta, x->scale, end - begin, x->a + begin, x->b + begin, x->dst + begin);
}

static void loss_bwd_run(const fv_plan *plan, const fv_call *call)
{
    int64_t count = fv_shape_count(fv_in_shape(call->node, 1));
    row_job job = loss_begin(plan, call);
    job.a = call->in[1];
    job.b = call->in[2];
    job.dst = call->out[0];
    job.scale = (float)((double)*(const float *)call->in[0] / (double)fv_call_total(call, count));
    fv_parallel_range(plan, count, 12.0, 64, loss_bwd_range, &job);
}

#define FV_SOFTMAX_SOLVER(name_, arg_, run_)                                                                           \
    {                                                                                                                  \
        .name = "cpu." name_, .op = name_, .version = 1, .arg = arg_, .reject = fv_f32_reject, .cost = fv_stream_cost, \
        .run = run_                                                                                                    \
    }

/* Only along the last dimension. */
static const char *softmax_reject(const fv_solver *self, const fv_problem *problem)
{
    const int rank = fv_in_shape(problem->node, 0)->rank;
    if (fv_axis_of(((const fv_axis_attr *)problem->node->attr)->axis, rank) != rank - 1)
        return "not along the last dimension";
    return fv_f32_reject(self, problem);
}

extern const fv_solver fv_cpu_softmax_solvers[];
const fv_solver fv_cpu_softmax_solvers[] = {
    FV_STREAM_SOLVER("softmax", softmax_reject, softmax_run),
    FV_STREAM_SOLVER("softmax_bwd", softmax_reject, softmax_bwd_run),
    FV_STREAM_SOLVER("log_softmax", softmax_reject, log_softmax_run),
    FV_STREAM_SOLVER("log_softmax_bwd", softmax_reject, log_softmax_bwd_run),
    FV_SOFTMAX_SOLVER("softmax_cross_entropy", NULL, cross_entropy_run),
    FV_SOFTMAX_SOLVER("softmax_cross_entropy_bwd", NULL, cross_entropy_bwd_run),
    FV_SOFTMAX_SOLVER("mse", &loss_mse, loss_run),
    FV_SOFTMAX_SOLVER("mse_bwd", &loss_mse, loss_bwd_run),
    FV_SOFTMAX_SOLVER("mae", &loss_mae, loss_run),
    FV_SOFTMAX_SOLVER("mae_bwd", &loss_mae, loss_bwd_run),
    FV_SOFTMAX_SOLVER("huber", &loss_huber, loss_run),
    FV_SOFTMAX_SOLVER("huber_bwd", &loss_huber, loss_bwd_run),
    FV_SOFTMAX_SOLVER("sigmoid_bce", &loss_bce, loss_run),
    FV_SOFTMAX_SOLVER("sigmoid_bce_bwd", &loss_bce, loss_bwd_run),
    {.name = NULL},
};
