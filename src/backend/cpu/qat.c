/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of what training for integers has beside them: ranges, weights, and what integers stand for. */
#include <string.h>

#include "backend/cpu/split.h"
#include "ops/qat.h"

typedef struct job {
    const void *a, *b;
    void *out;
    float scale, zero, low, high;
} job;

static const char *float_result(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    return problem->node->out[0]->dtype == FV_F32 ? NULL : "only to f32";
}

/* Products of a float and 9 bits are exact before they are rounded, as floats too. */
static void dequantize_range(void *arg, int64_t begin, int64_t end)
{
    const job *j = arg;
    const int8_t *src = j->a;
    float *dst = j->out;
    for (int64_t i = begin; i < end; i++)
        dst[i] = j->scale * ((float)src[i] - j->zero);
}

static void dequantize_run(const fv_plan *plan, const fv_call *call)
{
    const fv_q_pair pair = fv_qat_pair(call, 1);
    job j = {.a = call->in[0], .out = call->out[0], .scale = (float)pair.scale, .zero = (float)pair.zero};
    fv_parallel_range(plan, fv_call_part(call, fv_shape_count(fv_out_shape(call->node, 0))), 5.0, 64, dequantize_range,
                      &j);
}

static void straight_range(void *arg, int64_t begin, int64_t end)
{
    const job *j = arg;
    memcpy((float *)j->out + begin, (const float *)j->b + begin, (size_t)(end - begin) * sizeof(float));
}

static void straight_run(const fv_plan *plan, const fv_call *call)
{
    job j = {.b = call->in[1], .out = call->out[0]};
    fv_parallel_range(plan, fv_call_part(call, fv_shape_count(fv_out_shape(call->node, 0))), 8.0, 64, straight_range,
                      &j);
}

static void straight_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const job *j = arg;
    const float *d = j->a, *x = j->b;
    float *dst = j->out;
    for (int64_t i = begin; i < end; i++)
        dst[i] = x[i] >= j->low && x[i] <= j->high ? d[i] : 0;
}

/* The float that is next to a double on the side of 0. */
static float toward_zero(double x)
{
    const float near = (float)x;
    return fabs((double)near) > fabs(x) ? nextafterf(near, 0) : near;
}

static void straight_bwd_run(const fv_plan *plan, const fv_call *call)
{
    const fv_q_pair pair = fv_qat_pair(call, 2);
    job j = {.a = call->in[0], .b = call->in[1], .out = call->out[0]};
    j.low = toward_zero(pair.scale * ((double)(-128 - pair.zero) - 0.5));
    j.high = toward_zero(pair.scale * ((double)(127 - pair.zero) + 0.5));
    fv_parallel_range(plan, fv_shape_count(fv_out_shape(call->node, 0)), 12.0, 64, straight_bwd_range, &j);
}

/* ---- ranges ---- */

enum { PART = 16384 };

static int64_t parts_of(const fv_node *node)
{
    return fv_div_up(fv_shape_count(fv_in_shape(node, 0)), PART);
}

static size_t observe_workspace(const fv_plan *plan)
{
    return (size_t)parts_of(plan->problem.node) * 2 * sizeof(float);
}

typedef struct observing {
    const float *src;
    float *seen;
    int64_t count;
} observing;

static void observe_part(void *arg, int64_t part, int worker)
{
    const observing *o = arg;
    const int64_t begin = part * PART, end = begin + PART < o->count ? begin + PART : o->count;
    float low[16], high[16];
    (void)worker;
    for (int k = 0; k < 16; k++) {
        low[k] = INFINITY;
        high[k] = -INFINITY;
    }
    int64_t i = begin;
    for (; i + 16 <= end; i += 16)
        for (int k = 0; k < 16; k++) {
            const float x = o->src[i + k];
            low[k] = x < low[k] ? x : low[k];
            high[k] = x > high[k] ? x : high[k];
        }
    for (; i < end; i++) {
        low[0] = o->src[i] < low[0] ? o->src[i] : low[0];
        high[0] = o->src[i] > high[0] ? o->src[i] : high[0];
    }
    for (int k = 1; k < 16; k++) {
        low[0] = low[k] < low[0] ? low[k] : low[0];
        high[0] = high[k] > high[0] ? high[k] : high[0];
    }
    o->seen[2 * part] = low[0];
    o->seen[2 * part + 1] = high[0];
}

static void observe_run(const fv_plan *plan, const fv_call *call)
{
    const fv_node *node = call->node;
    const int64_t parts = parts_of(node);
    float seen[2] = {INFINITY, -INFINITY};
    observing o = {call->in[0], call->workspace, fv_shape_count(fv_in_shape(node, 0))};
    fv_parallel(plan->ctx, parts, o.count < 4 * PART ? 1 : 0, observe_part, &o);
    for (int64_t p = 0; p < parts; p++) {
        seen[0] = o.seen[2 * p] < seen[0] ? o.seen[2 * p] : seen[0];
        seen[1] = o.seen[2 * p + 1] > seen[1] ? o.seen[2 * p + 1] : seen[1];
    }
    fv_qat_follow(node->attr, (const double[]){(double)seen[0], (double)seen[1]}, FV_F32, call->in[1]);
    memcpy(call->out[0], call->in[1], 2 * sizeof(float));
}

/* ---- weights ---- */

static const char *weights_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    const fv_node *node = problem->node;
    return node->in[0]->dtype != FV_F32                            ? "only of f32"
           : ((const fv_qat_weights_attr *)node->attr)->per_tensor ? "one scale for all filters"
                                                                   : NULL;
}

static void weights_range(void *arg, int64_t begin, int64_t end)
{
    fv_qat_filters(arg, begin, end);
}

static void weights_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *wei = fv_in_shape(call->node, 0);
    fv_parallel_range(plan, wei->dim[0], 40.0 * (double)(fv_shape_count(wei) / wei->dim[0]), 1, weights_range,
                      (void *)(uintptr_t)call);
}

extern const fv_solver fv_cpu_qat_solvers[];
const fv_solver fv_cpu_qat_solvers[] = {
    FV_STREAM_SOLVER("qat_dequantize", float_result, dequantize_run),
    FV_STREAM_SOLVER("qat_straight", fv_f32_reject, straight_run),
    FV_STREAM_SOLVER("qat_straight_bwd", fv_f32_reject, straight_bwd_run),
    {.name = "cpu.qat_observe_train",
     .op = "qat_observe_train",
     .version = 1,
     .reject = fv_f32_reject,
     .cost = fv_stream_cost,
     .workspace_bytes = observe_workspace,
     .run = observe_run},
    FV_STREAM_SOLVER("qat_weights", weights_reject, weights_run),
    {.name = NULL},
};
