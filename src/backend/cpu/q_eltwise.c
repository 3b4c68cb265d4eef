/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of sums of 8-bit integers and of what makes such integers of floats. */
#include "backend/cpu/split.h"
#include "kernels/quant/quant.h"
#include "ops/fixed.h"

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

static const char *add_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    const fv_node *node = problem->node;
    const fv_q_add_attr *attr = node->attr;
    const fv_shape *dst = fv_out_shape(node, 0);
    if (!fv_shape_equal(fv_in_shape(node, 0), dst) || !fv_shape_equal(fv_in_shape(node, 1), dst))
        return "broadcasting";
    for (int i = 0; i < 3; i++)
        if (attr->mul[i] == INT32_MIN)
            return "a multiplier of -2^31";
    return attr->min > attr->max ? "min above max" : NULL;
}

static void add_range(void *arg, int64_t begin, int64_t end)
{
    const q_job *j = arg;
    j->k->add(&j->add, end - begin, (const uint8_t *)j->x + begin, (const uint8_t *)j->y + begin, j->dst + begin);
}

static void add_run(const fv_plan *plan, const fv_call *call)
{
    const fv_q_add_attr *a = call->node->attr;
    const fv_dtype dtype = call->node->out[0]->dtype;
    q_job job = {.k = plan->kernels->quant, .x = call->in[0], .y = call->in[1], .dst = call->out[0]};
    fv_q_add *add = &job.add;
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
    q_job job = {.k = plan->kernels->quant, .x = call->in[0], .dst = call->out[0]};
    job.round.scale = (float)attr->scale;
    job.round.zero = (int32_t)attr->zero;
    limits(call->node->out[0]->dtype, -128, 255, attr->zero, &job.round.low, &job.round.high);
    fv_parallel_range(plan, fv_call_part(call, fv_shape_count(fv_out_shape(call->node, 0))), 5.0, 64, quantize_range,
                      &job);
}

/* ---- samples by themselves ---- */

static const char *samples_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    return problem->node->in[0]->dtype == FV_F32 ? NULL : "only from f32";
}

typedef struct samples_job {
    const fv_quant_kernels *k;
    const float *src;
    float *line;
    uint8_t *dst;
    int64_t count; /* numbers of a row */
} samples_job;

static void samples_range(void *arg, int64_t begin, int64_t end)
{
    const samples_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        const float *src = j->src + i * j->count;
        float range[2] = {0.0f, 0.0f};
        j->k->range(j->count, src, range);
        const float scale = range[0] == range[1] ? 1.0f : 255.0f / (range[1] - range[0]);
        const float zero = fv_q_sample_zero(range, scale);
        j->k->quantize_sample(&(fv_q_sample){scale, zero}, j->count, src, j->dst + i * j->count);
        j->line[2 * i] = 1.0f / scale;
        j->line[2 * i + 1] = isnan(zero) ? 0.0f : zero;
    }
}

static void samples_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *src = fv_in_shape(call->node, 0), *line = fv_out_shape(call->node, 1);
    const int64_t rows = fv_call_part(call, line->dim[0]) * line->dim[1], count = fv_shape_count(src) / line->dim[0];
    samples_job job = {.k = plan->kernels->quant,
                       .src = call->in[0],
                       .line = call->out[1],
                       .dst = call->out[0],
                       .count = count / line->dim[1]};
    fv_parallel_range(plan, rows, 8.0 * (double)job.count, 1, samples_range, &job);
}

extern const fv_solver fv_cpu_q_eltwise_solvers[];
const fv_solver fv_cpu_q_eltwise_solvers[] = {
    FV_STREAM_SOLVER("q_add", add_reject, add_run),
    FV_STREAM_SOLVER("quantize", quantize_reject, quantize_run),
    FV_STREAM_SOLVER("quantize_samples", samples_reject, samples_run),
    {.name = NULL},
};
