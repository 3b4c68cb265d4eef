/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of sums of 8-bit integers and of what makes such integers of floats. */
#include "backend/cpu/split.h"
#include "kernels/quant/quant.h"
#include "ops/qat.h"

typedef struct q_job {
    const fv_quant_kernels *k;
    fv_q_add add;
    fv_q_round round;
    const void *x, *y;
    uint8_t *dst;
} q_job;

static int32_t within(int64_t x, int64_t low, int64_t high)
{
    return (int32_t)(x < low ? low : x > high ? high : x);
}

/* The limits of results of a dtype, less what is added behind them. */
static void limits(fv_dtype dtype, int64_t min, int64_t max, int64_t zero, int32_t *low, int32_t *high)
{
    const int64_t bottom = dtype == FV_U8 ? 0 : -128, top = bottom + 255;
    *low = within(min, bottom, top) - (int32_t)zero;
    *high = within(max, bottom, top) - (int32_t)zero;
}

/* Attributes of q_add, or such as the operands of qat_add make. */
static bool has_pairs(const fv_node *node)
{
    return node->n_in == 5;
}

static const char *add_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    const fv_node *node = problem->node;
    const fv_q_add_attr *attr = node->attr;
    const fv_shape *dst = fv_out_shape(node, 0);
    if (!fv_shape_equal(fv_in_shape(node, 0), dst) || !fv_shape_equal(fv_in_shape(node, 1), dst))
        return "broadcasting";
    for (int i = 0; i < 3 && !has_pairs(node); i++)
        if (attr->mul[i] == INT32_MIN)
            return "a multiplier of -2^31";
    return !has_pairs(node) && attr->min > attr->max ? "min above max" : NULL;
}

static void add_range(void *arg, int64_t begin, int64_t end)
{
    const q_job *j = arg;
    j->k->add(&j->add, end - begin, (const uint8_t *)j->x + begin, (const uint8_t *)j->y + begin, j->dst + begin);
}

static void add_run(const fv_plan *plan, const fv_call *call)
{
    fv_q_add_attr made;
    const fv_q_add_attr *a = has_pairs(call->node) ? &made : call->node->attr;
    const fv_dtype dtype = call->node->out[0]->dtype;
    q_job job = {.k = plan->kernels->quant, .x = call->in[0], .y = call->in[1], .dst = call->out[0]};
    fv_q_add *add = &job.add;
    if (has_pairs(call->node))
        fv_qat_add_set(call, &made);
    for (int i = 0; i < 2; i++)
        add->byte[i] =
            dtype == FV_U8 ? (fv_q_byte){0, (int32_t)a->zero[i]} : (fv_q_byte){128, (int32_t)a->zero[i] + 128};
    for (int i = 0; i < 3; i++) {
        add->mul[i] = (int32_t)a->mul[i];
        add->shift[i] = (int32_t)a->shift[i];
    }
    add->left = (int)a->left;
    add->subtract = a->subtract;
    add->zero = (int32_t)a->zero[2];
    limits(dtype, a->min, a->max, a->zero[2], &add->low, &add->high);
    fv_parallel_range(plan, fv_call_part(call, fv_shape_count(fv_out_shape(call->node, 0))), 3.0, 64, add_range, &job);
}

static const char *quantize_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    return problem->node->in[0]->dtype == FV_F32 ? NULL : "only from f32";
}

static void quantize_range(void *arg, int64_t begin, int64_t end)
{
    const q_job *j = arg;
    j->k->quantize(&j->round, end - begin, (const float *)j->x + begin, j->dst + begin);
}

static void quantize_run(const fv_plan *plan, const fv_call *call)
{
    const fv_quantize_attr *attr = call->node->attr;
    fv_q_pair pair = {0};
    q_job job = {.k = plan->kernels->quant, .x = call->in[0], .dst = call->out[0]};
    if (call->node->n_in > 1)
        pair = fv_qat_pair(call, 1);
    else
        pair = (fv_q_pair){.scale = attr->scale, .zero = attr->zero};
    job.round.scale = (float)pair.scale;
    job.round.zero = (int32_t)pair.zero;
    limits(call->node->out[0]->dtype, -128, 255, pair.zero, &job.round.low, &job.round.high);
    fv_parallel_range(plan, fv_call_part(call, fv_shape_count(fv_out_shape(call->node, 0))), 5.0, 64, quantize_range,
                      &job);
}

extern const fv_solver fv_cpu_q_eltwise_solvers[];
const fv_solver fv_cpu_q_eltwise_solvers[] = {
    FV_STREAM_SOLVER("q_add", add_reject, add_run),
    FV_STREAM_SOLVER("quantize", quantize_reject, quantize_run),
    FV_STREAM_SOLVER("qat_add", add_reject, add_run),
    FV_STREAM_SOLVER("qat_quantize", quantize_reject, quantize_run),
    {.name = NULL},
};
