/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of the update: steps of optimizers and averages, element by element; what is asked of all gradients together.
 */
#include "kernels/optim/optim.h"

#include "backend/cpu/split.h"
#include "kernels/reduce/reduce.h"
#include "ops/many.h"
#include "ops/step.h"

/* ---- element by element ---- */

typedef struct step_job {
    const fv_optim_kernels *k;
    union {
        fv_sgd sgd;
        fv_adam adam;
        fv_rmsprop rmsprop;
        double decay;
        float limit;
    } set;
    float *wei;
    const float *src;
    float *dst, *memory[2];
} step_job;

static step_job step_begin(const fv_plan *plan, const fv_call *call)
{
    step_job job = {.k = plan->kernels->optim, .wei = call->in[FV_STEP_WEI], .src = call->in[FV_STEP_GRAD]};
    for (int i = 0; i < 2 && FV_STEP_MEMORY + i < call->node->n_in; i++)
        job.memory[i] = call->in[FV_STEP_MEMORY + i];
    return job;
}

/* Cuts the first operand among threads; `arrays` of its size are touched. */
static void step_split(const fv_plan *plan, fv_range_fn fn, int arrays, step_job *job)
{
    int64_t count = fv_shape_count(fv_in_shape(plan->problem.node, 0));
    fv_parallel_range(plan, count, (double)arrays * sizeof(float), 16, fn, job);
}

static void sgd_range(void *arg, int64_t begin, int64_t end)
{
    const step_job *x = arg;
    x->k->sgd(&x->set.sgd, end - begin, x->src + begin, x->wei + begin, x->memory[0] ? x->memory[0] + begin : NULL);
}

static void sgd_run(const fv_plan *plan, const fv_call *call)
{
    const fv_sgd_attr *attr = call->node->attr;
    step_job job = step_begin(plan, call);
    job.set.sgd = (fv_sgd){.lr = (float)fv_step_rate(call),
                           .momentum = (float)fv_step_momentum(call, FV_STEP_RUN, attr->momentum),
                           .weight_decay = (float)attr->weight_decay,
                           .grad_scale = (float)fv_step_scale(call),
                           .nesterov = attr->nesterov};
    step_split(plan, sgd_range, attr->momentum > 0 ? 5 : 3, &job);
}

static void adam_range(void *arg, int64_t begin, int64_t end)
{
    const step_job *x = arg;
    x->k->adam(&x->set.adam, end - begin, x->src + begin, x->wei + begin, x->memory[0] + begin, x->memory[1] + begin);
}

static void adam_run(const fv_plan *plan, const fv_call *call)
{
    const fv_adam_attr *attr = call->node->attr;
    const double beta1 = fv_step_momentum(call, FV_STEP_RUN, attr->beta1);
    step_job job = step_begin(plan, call);
    job.set.adam = (fv_adam){.eps = (float)attr->eps,
                             .weight_decay = (float)attr->weight_decay,
                             .grad_scale = (float)fv_step_scale(call),
                             .lr = fv_step_rate(call),
                             .beta1 = beta1,
                             .beta2 = attr->beta2,
                             .correction1 = 1 - fv_step_power(beta1, fv_step_number(call)),
                             .correction2 = 1 - fv_step_power(attr->beta2, fv_step_number(call)),
                             .decoupled = attr->decoupled};
    step_split(plan, adam_range, 7, &job);
}

static void rmsprop_range(void *arg, int64_t begin, int64_t end)
{
    const step_job *x = arg;
    x->k->rmsprop(&x->set.rmsprop, end - begin, x->src + begin, x->wei + begin, x->memory[0] + begin, NULL,
                  x->memory[1] ? x->memory[1] + begin : NULL);
}

static void rmsprop_run(const fv_plan *plan, const fv_call *call)
{
    const fv_rmsprop_attr *attr = call->node->attr;
    step_job job = step_begin(plan, call);
    job.set.rmsprop = (fv_rmsprop){.lr = (float)fv_step_rate(call),
                                   .eps = (float)attr->eps,
                                   .weight_decay = (float)attr->weight_decay,
                                   .momentum = (float)fv_step_momentum(call, FV_STEP_RUN, attr->momentum),
                                   .grad_scale = (float)fv_step_scale(call),
                                   .alpha = attr->alpha};
    step_split(plan, rmsprop_range, attr->momentum > 0 ? 7 : 5, &job);
}

static void ema_range(void *arg, int64_t begin, int64_t end)
{
    const step_job *x = arg;
    x->k->ema(x->set.decay, end - begin, x->src + begin, x->wei + begin);
}

static void ema_run(const fv_plan *plan, const fv_call *call)
{
    step_job job = {.k = plan->kernels->optim, .wei = call->in[0], .src = call->in[1]};
    job.set.decay = ((const fv_ema_attr *)call->node->attr)->decay;
    step_split(plan, ema_range, 3, &job);
}

/* The gradient of l1 * |w| is l1 * sign(w). */
static void l1_range(void *arg, int64_t begin, int64_t end)
{
    const step_job *x = arg;
    const float l1 = x->set.limit;
    for (int64_t i = begin; i < end; i++)
        x->dst[i] = x->src[i] + (x->wei[i] > 0 ? l1 : x->wei[i] < 0 ? -l1 : 0.0f);
}

static void l1_run(const fv_plan *plan, const fv_call *call)
{
    step_job job = {.src = call->in[0], .wei = call->in[1], .dst = call->out[0]};
    job.set.limit = (float)((const fv_l1_attr *)call->node->attr)->l1;
    step_split(plan, l1_range, 3, &job);
}

static void clip_range(void *arg, int64_t begin, int64_t end)
{
    const step_job *x = arg;
    const float limit = x->set.limit;
    for (int64_t i = begin; i < end; i++) {
        float v = x->src[i];
        x->dst[i] = v > limit ? limit : v < -limit ? -limit : v;
    }
}

static void clip_run(const fv_plan *plan, const fv_call *call)
{
    step_job job = {.src = call->in[0], .dst = call->out[0]};
    job.set.limit = (float)((const fv_limit_attr *)call->node->attr)->limit;
    step_split(plan, clip_range, 2, &job);
}

/* ---- all operands together ---- */

typedef struct many_job {
    const fv_reduce_kernels *k;
    const fv_call *call;
    int64_t first[FV_MANY + 1]; /* number of operand i's first stretch; behind the last one, their count */
    int n;
    double *sum; /* per stretch */
    int finite;  /* only ever lowered to 0 */
} many_job;

static int64_t stretches(const fv_val *val)
{
    return val ? (fv_shape_count(&val->shape) + FV_STRETCH - 1) / FV_STRETCH : 0;
}

static void many_begin(many_job *job, const fv_plan *plan, const fv_call *call)
{
    const fv_node *node = call->node;
    *job = (many_job){.k = plan->kernels->reduce, .call = call, .n = node->n_in, .finite = 1};
    for (int i = 0; i < node->n_in; i++)
        job->first[i + 1] = job->first[i] + stretches(node->in[i]);
}

static int64_t many_count(const many_job *job)
{
    return job->first[job->n];
}

/* Operand and first element of stretch `task`; returns the number of its elements. */
static int64_t many_find(const many_job *job, int64_t task, int *operand, int64_t *begin)
{
    int i = 0;
    while (task >= job->first[i + 1])
        i++;
    *operand = i;
    *begin = (task - job->first[i]) * FV_STRETCH;
    int64_t left = fv_shape_count(fv_in_shape(job->call->node, i)) - *begin;
    return left < FV_STRETCH ? left : FV_STRETCH;
}

static void finite_task(void *arg, int64_t begin, int64_t end)
{
    many_job *x = arg;
    for (int64_t task = begin; task < end; task++) {
        int i;
        int64_t at, count = many_find(x, task, &i, &at);
        bool good = true;
        if (x->call->node->in[i]->dtype == FV_U8) {
            for (int64_t k = 0; k < count; k++)
                good = good && ((const uint8_t *)x->call->in[i])[at + k] != 0;
        } else {
            good = x->k->finite(count, (const float *)x->call->in[i] + at);
        }
        if (!good)
            __atomic_store_n(&x->finite, 0, __ATOMIC_RELAXED);
    }
}

static void finite_run(const fv_plan *plan, const fv_call *call)
{
    many_job job;
    many_begin(&job, plan, call);
    fv_parallel_range(plan, many_count(&job), FV_STRETCH * sizeof(float), 1, finite_task, &job);
    *(uint8_t *)call->out[0] = __atomic_load_n(&job.finite, __ATOMIC_RELAXED) != 0;
}

static void squares_task(void *arg, int64_t begin, int64_t end)
{
    many_job *x = arg;
    for (int64_t task = begin; task < end; task++) {
        int i;
        int64_t at, count = many_find(x, task, &i, &at);
        x->sum[task] = x->k->sum_squares(count, (const float *)x->call->in[i] + at);
    }
}

static size_t norm_workspace(const fv_plan *plan)
{
    int64_t count = 0;
    for (int i = 0; i < plan->problem.node->n_in; i++)
        count += stretches(plan->problem.node->in[i]);
    return (size_t)count * sizeof(double);
}

static void norm_run(const fv_plan *plan, const fv_call *call)
{
    many_job job;
    double operand[FV_MANY];
    int n = 0;
    many_begin(&job, plan, call);
    job.sum = call->workspace;
    fv_parallel_range(plan, many_count(&job), FV_STRETCH * sizeof(float), 1, squares_task, &job);
    for (int i = 0; i < job.n; i++) {
        if (job.first[i + 1] == job.first[i])
            continue;
        job.k->tree_f64(job.first[i + 1] - job.first[i], 1, job.sum + job.first[i]);
        operand[n++] = job.sum[job.first[i]];
    }
    job.k->tree_f64(n, 1, operand);
    *(float *)call->out[0] = (float)sqrt(operand[0]);
}

/* All float operands are f32. */
static const char *finite_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    for (int i = 0; i < problem->node->n_in; i++)
        if (problem->node->in[i] && problem->node->in[i]->dtype == FV_F64)
            return "only f32";
    return NULL;
}

extern const fv_solver fv_cpu_optim_solvers[];
const fv_solver fv_cpu_optim_solvers[] = {
    {.name = "cpu.sgd_step",
     .op = "sgd_step",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .run = sgd_run},
    {.name = "cpu.adam_step",
     .op = "adam_step",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .run = adam_run},
    {.name = "cpu.rmsprop_step",
     .op = "rmsprop_step",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .run = rmsprop_run},
    {.name = "cpu.ema", .op = "ema", .version = 1, .reject = fv_f32_reject, .cost = fv_stream_cost, .run = ema_run},
    {.name = "cpu.l1_grad",
     .op = "l1_grad",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .run = l1_run},
    {.name = "cpu.clip_by_value",
     .op = "clip_by_value",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .run = clip_run},
    {.name = "cpu.all_finite",
     .op = "all_finite",
     .version = 1,
     .reject = finite_reject,
     .cost = fv_stream_cost,
     .run = finite_run},
    {.name = "cpu.global_norm",
     .op = "global_norm",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .workspace_bytes = norm_workspace,
     .run = norm_run},
    {.name = NULL},
};
