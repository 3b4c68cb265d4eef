/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of the activations and of their gradients, and of erf. */
#include "backend/cpu/split.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/math/math.h"
#include "ops/attr.h"

/* arg of the solvers: which function. */
static const fv_activation act_relu = FV_RELU, act_relu6 = FV_RELU6, act_leaky_relu = FV_LEAKY_RELU,
                           act_sigmoid = FV_SIGMOID, act_tanh = FV_TANH, act_hard_sigmoid = FV_HARD_SIGMOID,
                           act_hard_swish = FV_HARD_SWISH, act_silu = FV_SILU, act_gelu = FV_GELU;

typedef struct act_job {
    const fv_eltwise_kernels *k;
    fv_activation act;
    float alpha;
    const float *ref, *d_dst;
    float *dst;
} act_job;

static act_job act_begin(const fv_plan *plan, const fv_call *call)
{
    const fv_node *node = call->node;
    act_job job = {.k = plan->kernels->eltwise, .dst = call->out[0]};
    job.act = *(const fv_activation *)plan->solver->arg;
    if (job.act == FV_LEAKY_RELU)
        job.alpha = (float)((const fv_act_attr *)node->attr)->alpha;
    if (job.act == FV_GELU && ((const fv_act_attr *)node->attr)->approximate)
        job.act = FV_GELU_TANH;
    return job;
}

static void act_range(void *arg, int64_t begin, int64_t end)
{
    const act_job *x = arg;
    x->k->act(x->act, x->alpha, end - begin, x->ref + begin, x->dst + begin);
}

static void act_run(const fv_plan *plan, const fv_call *call)
{
    act_job job = act_begin(plan, call);
    job.ref = call->in[0];
    fv_parallel_range(plan, fv_call_part(call, fv_shape_count(fv_out_shape(call->node, 0))), 8.0, 64, act_range, &job);
}

static void act_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const act_job *x = arg;
    x->k->act_grad(x->act, x->alpha, end - begin, x->ref + begin, x->d_dst + begin, x->dst + begin);
}

static void act_bwd_run(const fv_plan *plan, const fv_call *call)
{
    act_job job = act_begin(plan, call);
    job.d_dst = call->in[0];
    job.ref = call->in[1];
    fv_parallel_range(plan, fv_shape_count(fv_out_shape(call->node, 0)), 12.0, 64, act_bwd_range, &job);
}

typedef struct erf_job {
    const fv_math_kernels *k;
    const float *src;
    float *dst;
} erf_job;

static void erf_range(void *arg, int64_t begin, int64_t end)
{
    const erf_job *x = arg;
    x->k->erf(end - begin, x->src + begin, x->dst + begin);
}

static void erf_run(const fv_plan *plan, const fv_call *call)
{
    erf_job job = {plan->kernels->math, call->in[0], call->out[0]};
    fv_parallel_range(plan, fv_call_part(call, fv_shape_count(fv_out_shape(call->node, 0))), 8.0, 64, erf_range, &job);
}

#define FV_ACT_SOLVER(name_, arg_, run_)                                                                               \
    {                                                                                                                  \
        .name = "cpu." name_, .op = name_, .version = 1, .arg = &(arg_), .reject = fv_f32_reject,                      \
        .cost = fv_stream_cost, .run = run_                                                                            \
    }

extern const fv_solver fv_cpu_act_solvers[];
const fv_solver fv_cpu_act_solvers[] = {
    FV_ACT_SOLVER("relu", act_relu, act_run),
    FV_ACT_SOLVER("relu_bwd", act_relu, act_bwd_run),
    FV_ACT_SOLVER("relu6", act_relu6, act_run),
    FV_ACT_SOLVER("relu6_bwd", act_relu6, act_bwd_run),
    FV_ACT_SOLVER("leaky_relu", act_leaky_relu, act_run),
    FV_ACT_SOLVER("leaky_relu_bwd", act_leaky_relu, act_bwd_run),
    FV_ACT_SOLVER("sigmoid", act_sigmoid, act_run),
    FV_ACT_SOLVER("sigmoid_bwd", act_sigmoid, act_bwd_run),
    FV_ACT_SOLVER("tanh", act_tanh, act_run),
    FV_ACT_SOLVER("tanh_bwd", act_tanh, act_bwd_run),
    FV_ACT_SOLVER("hard_sigmoid", act_hard_sigmoid, act_run),
    FV_ACT_SOLVER("hard_sigmoid_bwd", act_hard_sigmoid, act_bwd_run),
    FV_ACT_SOLVER("hard_swish", act_hard_swish, act_run),
    FV_ACT_SOLVER("hard_swish_bwd", act_hard_swish, act_bwd_run),
    FV_ACT_SOLVER("silu", act_silu, act_run),
    FV_ACT_SOLVER("silu_bwd", act_silu, act_bwd_run),
    FV_ACT_SOLVER("gelu", act_gelu, act_run),
    FV_ACT_SOLVER("gelu_bwd", act_gelu, act_bwd_run),
    FV_STREAM_SOLVER("erf", fv_f32_reject, erf_run),
    {.name = NULL},
};
