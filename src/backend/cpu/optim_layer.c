/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of updates that look at a layer as a whole: LARS, LAMB, Muon, Lookahead, the largest norm of a filter. */
#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/optim/optim.h"
#include "kernels/reduce/reduce.h"
#include "ops/step.h"

typedef struct layer_job {
    const fv_optim_kernels *k;
    const fv_reduce_kernels *reduce;
    fv_adam adam;
    float decay, scale;
    double limit;
    int64_t n; /* of a row */
    float *wei, *memory[2], *dst;
    const float *src;
} layer_job;

static void l2_range(void *arg, int64_t begin, int64_t end)
{
    const layer_job *x = arg;
    for (int64_t i = begin; i < end; i++)
        x->dst[i] = x->src[i] * x->scale + x->decay * x->wei[i];
}

static void l2_run(const fv_plan *plan, const fv_call *call)
{
    const float *scale = fv_call_in(call, 2);
    layer_job job = {.src = call->in[0], .wei = call->in[1], .dst = call->out[0], .scale = scale ? *scale : 1.0f};
    job.decay = (float)((const fv_l2_attr *)call->node->attr)->l2;
    fv_parallel_range(plan, fv_shape_count(fv_in_shape(call->node, 0)), 3 * sizeof(float), 16, l2_range, &job);
}

/* A step of Adam from weights of 0, backwards. */
static void direction_range(void *arg, int64_t begin, int64_t end)
{
    const layer_job *x = arg;
    memset(x->dst + begin, 0, (size_t)(end - begin) * sizeof(float));
    x->k->adam(&x->adam, end - begin, x->src + begin, x->dst + begin, x->memory[0] + begin, x->memory[1] + begin);
    for (int64_t i = begin; i < end; i++)
        x->dst[i] = x->decay * x->wei[i] - x->dst[i];
}

static void direction_run(const fv_plan *plan, const fv_call *call)
{
    const fv_adam_attr *attr = call->node->attr;
    const double beta1 = fv_step_momentum(call, FV_STEP_RUN, attr->beta1);
    layer_job job = {.k = plan->kernels->optim,
                     .src = call->in[FV_STEP_GRAD],
                     .wei = call->in[FV_STEP_WEI],
                     .memory = {call->in[FV_STEP_MEMORY], call->in[FV_STEP_MEMORY + 1]},
                     .dst = call->out[0],
                     .decay = (float)attr->weight_decay};
    job.adam = (fv_adam){.eps = (float)attr->eps,
                         .grad_scale = (float)fv_step_scale(call),
                         .lr = 1,
                         .beta1 = beta1,
                         .beta2 = attr->beta2,
                         .correction1 = 1 - fv_step_power(beta1, fv_step_number(call)),
                         .correction2 = 1 - fv_step_power(attr->beta2, fv_step_number(call))};
    fv_parallel_range(plan, fv_shape_count(fv_in_shape(call->node, 0)), 7 * sizeof(float), 16, direction_range, &job);
}

static void nesterov_range(void *arg, int64_t begin, int64_t end)
{
    const layer_job *x = arg;
    const float keep = (float)x->limit, rest = (float)(1 - x->limit);
    for (int64_t i = begin; i < end; i++) {
        const float g = x->src[i] * x->scale, m = x->memory[0][i] + rest * (g - x->memory[0][i]);
        x->memory[0][i] = m;
        x->dst[i] = g + keep * (m - g);
    }
}

static void nesterov_run(const fv_plan *plan, const fv_call *call)
{
    const float *scale = fv_call_in(call, 2);
    layer_job job = {.src = call->in[0], .memory = {call->in[3]}, .dst = call->out[0], .scale = scale ? *scale : 1.0f};
    job.limit = fv_step_momentum(call, 1, ((const fv_momentum_attr *)call->node->attr)->momentum);
    fv_parallel_range(plan, fv_shape_count(fv_in_shape(call->node, 0)), 4 * sizeof(float), 16, nesterov_range, &job);
}

/* slow += alpha * (wei - slow) is the average that keeps 1 - alpha. */
static void lookahead_range(void *arg, int64_t begin, int64_t end)
{
    const layer_job *x = arg;
    x->k->ema(1 - x->limit, end - begin, x->wei + begin, x->dst + begin);
    memcpy(x->wei + begin, x->dst + begin, (size_t)(end - begin) * sizeof(float));
}

static void lookahead_run(const fv_plan *plan, const fv_call *call)
{
    const fv_lookahead_attr *attr = call->node->attr;
    layer_job job = {.k = plan->kernels->optim, .wei = call->in[0], .dst = call->in[1], .limit = attr->alpha};
    if ((int64_t)((const double *)call->in[2])[1] % attr->steps == 0)
        fv_parallel_range(plan, fv_shape_count(fv_in_shape(call->node, 0)), 4 * sizeof(float), 16, lookahead_range,
                          &job);
}

static void norm_rows(void *arg, int64_t begin, int64_t end)
{
    const layer_job *x = arg;
    for (int64_t r = begin; r < end; r++) {
        float *row = x->wei + r * x->n;
        const double norm = sqrt(x->reduce->sum_squares(x->n, row));
        const float factor = (float)(x->limit / (norm + 1e-7));
        for (int64_t i = 0; norm > x->limit && i < x->n; i++)
            row[i] *= factor;
    }
}

static void norm_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *shape = fv_in_shape(call->node, 0);
    const int64_t rows = shape->rank > 0 ? shape->dim[0] : 1;
    layer_job job = {.reduce = plan->kernels->reduce, .wei = call->in[0], .n = fv_shape_count(shape) / rows};
    job.limit = ((const fv_limit_attr *)call->node->attr)->limit;
    fv_parallel_range(plan, rows, 2.0 * (double)job.n * sizeof(float), 1, norm_rows, &job);
}

extern const fv_solver fv_cpu_optim_layer_solvers[];
const fv_solver fv_cpu_optim_layer_solvers[] = {
    FV_STREAM_SOLVER("l2_grad", fv_f32_reject, l2_run),
    FV_STREAM_SOLVER("adam_direction", fv_f32_reject, direction_run),
    FV_STREAM_SOLVER("nesterov_mean", fv_f32_reject, nesterov_run),
    FV_STREAM_SOLVER("lookahead", fv_f32_reject, lookahead_run),
    FV_STREAM_SOLVER("max_norm", fv_f32_reject, norm_run),
    {.name = NULL},
};
