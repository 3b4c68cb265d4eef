/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of sums and products of 8-bit integers, of functions of one, and of what makes such integers of floats. */
#include "backend/cpu/split.h"
#include "kernels/quant/quant.h"
#include "ops/fixed.h"
#include "ops/nd.h"
#include "ops/qat.h"

typedef struct q_job {
    const fv_quant_kernels *k;
    fv_q_add add;
    fv_q_round round;
    const void *x, *y;
    uint8_t *dst;
} q_job;

/* How bytes of a dtype are read. */
static fv_q_byte byte_of(fv_dtype dtype, int64_t zero)
{
    return dtype == FV_U8 ? (fv_q_byte){0, (int32_t)zero} : (fv_q_byte){128, (int32_t)zero + 128};
}

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
        add->byte[i] = byte_of(dtype, a->zero[i]);
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

/* ---- products: by rows of the last dimension, which none of the two is repeated along ---- */

typedef struct mul_job {
    const fv_quant_kernels *k;
    const fv_call *call;
    fv_q_mul mul;
    fv_shape shape;
    int64_t stride[2][FV_MAX_RANK], inner;
} mul_job;

static const char *mul_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    const fv_node *node = problem->node;
    const fv_q_mul_attr *attr = node->attr;
    const fv_shape *dst = fv_out_shape(node, 0);
    for (int i = 0; i < 2; i++)
        if (dst->rank == 0 || fv_in_shape(node, i)->rank == 0 ||
            fv_shape_last(fv_in_shape(node, i)) != fv_shape_last(dst))
            return "repeated along the last dimension";
    if (attr->by_sign)
        return "by the sign of an operand";
    if (attr->mul[0] == INT32_MIN)
        return "a multiplier of -2^31";
    return attr->min > attr->max ? "min above max" : NULL;
}

static void mul_range(void *arg, int64_t begin, int64_t end)
{
    const mul_job *j = arg;
    for (int64_t row = begin; row < end; row++) {
        const int64_t first = row * j->inner;
        j->k->mul(&j->mul, j->inner, (const uint8_t *)j->call->in[0] + fv_strided(&j->shape, first, j->stride[0]),
                  (const uint8_t *)j->call->in[1] + fv_strided(&j->shape, first, j->stride[1]),
                  (uint8_t *)j->call->out[0] + first);
    }
}

static void mul_run(const fv_plan *plan, const fv_call *call)
{
    const fv_q_mul_attr *a = call->node->attr;
    const fv_dtype dtype = call->node->out[0]->dtype;
    mul_job job = {.k = plan->kernels->quant, .call = call, .shape = *fv_out_shape(call->node, 0)};
    for (int i = 0; i < 2; i++) {
        fv_broadcast_strides(fv_in_shape(call->node, i), &job.shape, job.stride[i]);
        job.mul.byte[i] = byte_of(dtype, a->zero[i]);
    }
    job.mul.mul = (int32_t)a->mul[0];
    job.mul.shift = (int32_t)a->shift[0];
    job.mul.zero = (int32_t)a->zero[2];
    limits(dtype, a->min, a->max, a->zero[2], &job.mul.low, &job.mul.high);
    job.inner = fv_shape_last(&job.shape);
    fv_parallel_range(plan, fv_call_part(call, fv_shape_rows(&job.shape)), 3.0 * (double)job.inner + 32.0, 1, mul_range,
                      &job);
}

/* ---- functions of one ---- */

static const char *lookup_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    return fv_dtype_size(problem->node->in[1]->dtype) == 1 ? NULL : "only bytes";
}

static void lookup_range(void *arg, int64_t begin, int64_t end)
{
    const q_job *j = arg;
    const uint8_t *src = j->x, *table = j->y, flip = j->add.byte[0].flip;
    for (int64_t i = begin; i < end; i++)
        j->dst[i] = table[src[i] ^ flip];
}

static void lookup_run(const fv_plan *plan, const fv_call *call)
{
    q_job job = {.x = call->in[0], .y = call->in[1], .dst = call->out[0]};
    job.add.byte[0] = byte_of(call->node->in[0]->dtype, 0);
    fv_parallel_range(plan, fv_call_part(call, fv_shape_count(fv_out_shape(call->node, 0))), 4.0, 64, lookup_range,
                      &job);
}

/* ---- from floats ---- */

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
    FV_STREAM_SOLVER("q_mul", mul_reject, mul_run),
    FV_STREAM_SOLVER("lookup", lookup_reject, lookup_run),
    FV_STREAM_SOLVER("quantize", quantize_reject, quantize_run),
    FV_STREAM_SOLVER("qat_add", add_reject, add_run),
    FV_STREAM_SOLVER("qat_quantize", quantize_reject, quantize_run),
    FV_STREAM_SOLVER("quantize_samples", samples_reject, samples_run),
    {.name = NULL},
};
