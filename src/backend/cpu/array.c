/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of operators over arrays of any shape: repeated operands, transpose, gather, sums over axes. */
#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/eltwise/eltwise.h"
#include "ops/binary.h"
#include "ops/epilogue.h"
#include "ops/reduce.h"

typedef struct array_job {
    const fv_plan *plan;
    const fv_call *call;
    int64_t stride[2][FV_MAX_RANK];
    fv_shape shape;
    fv_reduction reduction;
    fv_around around;
    int64_t inner; /* floats of a unit of the split */
    int shards;
} array_job;

/* ---- two operands, repeated over each other: by rows of the last dimension ---- */

typedef enum binary_kind { ADD, SUB, MUL, DIV, MAX, MIN } binary_kind;
static const binary_kind kinds[] = {ADD, SUB, MUL, DIV, MAX, MIN};

static inline float binary(binary_kind kind, float a, float b)
{
    switch (kind) {
    case ADD:
        return a + b;
    case SUB:
        return a - b;
    case MUL:
        return a * b;
    case DIV:
        return a / b;
    case MAX:
        return a > b || a != a ? a : b;
    case MIN:
        return a < b || a != a ? a : b;
    }
    return 0.0f;
}

static void binary_row(binary_kind kind, int64_t n, const float *a, int64_t da, const float *b, int64_t db, float *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = binary(kind, a[i * da], b[i * db]);
}

static void binary_range(void *arg, int64_t begin, int64_t end)
{
    const array_job *x = arg;
    const int last = x->shape.rank - 1;
    const int32_t activation = *(const binary_kind *)x->plan->solver->arg == ADD
                                   ? ((const fv_eltwise_attr *)x->call->node->attr)->activation
                                   : FV_ACT_NONE;
    const binary_kind kind = *(const binary_kind *)x->plan->solver->arg;
    for (int64_t row = begin; row < end; row++) {
        const int64_t first = row * x->inner;
        float *dst = (float *)x->call->out[0] + first;
        binary_row(kind, x->inner, (const float *)x->call->in[0] + fv_strided(&x->shape, first, x->stride[0]),
                   last >= 0 ? x->stride[0][last] : 0,
                   (const float *)x->call->in[1] + fv_strided(&x->shape, first, x->stride[1]),
                   last >= 0 ? x->stride[1][last] : 0, dst);
        for (int64_t i = 0; activation != FV_ACT_NONE && i < x->inner; i++)
            dst[i] = (float)fv_epilogue_apply(activation, (double)dst[i]);
    }
}

static void binary_run(const fv_plan *plan, const fv_call *call)
{
    array_job job = {.plan = plan, .call = call, .shape = *fv_out_shape(call->node, 0)};
    for (int i = 0; i < 2; i++)
        fv_broadcast_strides(fv_in_shape(call->node, i), &job.shape, job.stride[i]);
    job.inner = job.shape.rank > 0 ? fv_shape_last(&job.shape) : 1;
    fv_parallel_range(plan, fv_shape_count(&job.shape) / job.inner, 12.0 * (double)job.inner, 1, binary_range, &job);
}

/* mul with a value per sample and channel is aligned otherwise. */
static const char *binary_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_shape *a = fv_in_shape(problem->node, 0), *b = fv_in_shape(problem->node, 1);
    const binary_kind kind = *(const binary_kind *)self->arg;
    if (kind == MUL && fv_mul_by_channel(problem->node->in[0], problem->node->in[1]))
        return "one value per sample and channel";
    if ((kind == MUL || kind == ADD) && fv_shape_equal(a, b))
        return "nothing is repeated";
    return fv_all_f32_reject(self, problem);
}

/* ---- transpose: rows of dst ---- */

static void transpose_range(void *arg, int64_t begin, int64_t end)
{
    const array_job *x = arg;
    const int64_t step = x->stride[0][x->shape.rank - 1];
    for (int64_t row = begin; row < end; row++) {
        const float *src = (const float *)x->call->in[0] + fv_strided(&x->shape, row * x->inner, x->stride[0]);
        float *dst = (float *)x->call->out[0] + row * x->inner;
        for (int64_t i = 0; i < x->inner; i++)
            dst[i] = src[i * step];
    }
}

static void transpose_run(const fv_plan *plan, const fv_call *call)
{
    array_job job = {.plan = plan, .call = call, .shape = *fv_out_shape(call->node, 0)};
    fv_transpose_strides(call->node, job.stride[0]);
    job.inner = fv_shape_last(&job.shape);
    fv_parallel_range(plan, fv_shape_count(&job.shape) / job.inner, 8.0 * (double)job.inner, 1, transpose_range, &job);
}

static const char *transpose_reject(const fv_solver *self, const fv_problem *problem)
{
    return fv_in_shape(problem->node, 0)->rank == 0 ? "a scalar" : fv_all_f32_reject(self, problem);
}

/* ---- gather: one taken row after the other ---- */

static void gather_range(void *arg, int64_t begin, int64_t end)
{
    const array_job *x = arg;
    const fv_val *index = x->call->node->in[1];
    const int64_t count = fv_shape_count(&index->shape), inner = x->around.inner;
    for (int64_t k = begin; k < end; k++) {
        const int64_t row = fv_gather_row(index, x->call->in[1], k % count, x->around.count);
        float *dst = (float *)x->call->out[0] + k * inner;
        if (row < 0)
            x->plan->kernels->eltwise->fill(inner, NAN, dst);
        else
            memcpy(dst, (const float *)x->call->in[0] + (k / count * x->around.count + row) * inner,
                   (size_t)inner * sizeof *dst);
    }
}

static void gather_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *src = fv_in_shape(call->node, 0);
    array_job job = {.plan = plan, .call = call};
    job.around = fv_around_axis(src, fv_axis_of(((const fv_axis_attr *)call->node->attr)->axis, src->rank));
    fv_parallel_range(plan, job.around.outer * fv_shape_count(fv_in_shape(call->node, 1)),
                      8.0 * (double)job.around.inner, 1, gather_range, &job);
}

static const char *gather_reject(const fv_solver *self, const fv_problem *problem)
{
    return problem->node->in[0]->dtype == FV_F32 ? fv_f32_reject(self, problem) : "only f32";
}

/* ---- sums over axes: blocks of neighboring outputs, each term after the other ---- */

enum { BLOCK = 64 };

/* Outputs o .. o + n - 1, whose first terms are neighbors; the shards of one output after the other in `sum`. */
static void sum_block(const array_job *x, int64_t o, int64_t n)
{
    const fv_reduction *r = &x->reduction;
    const float *src = (const float *)x->call->in[0] + fv_reduction_output(r, o);
    const int64_t terms = r->terms / x->shards;
    const double divisor = x->plan->solver->arg ? (double)r->terms : 1.0;
    double sum[BLOCK][FV_SHARDS_MAX];
    for (int j = 0; j < x->shards; j++) {
        for (int64_t i = 0; i < n; i++)
            sum[i][j] = 0.0;
        for (int64_t t = j * terms; t < (j + 1) * terms; t++) {
            const float *row = src + fv_reduction_term(r, t);
            for (int64_t i = 0; i < n; i++)
                sum[i][j] += (double)row[i];
        }
    }
    for (int64_t i = 0; i < n; i++)
        ((float *)x->call->out[0])[o + i] = (float)(fv_tree_sum(FV_F64, sum[i], x->shards) / divisor);
}

/* Units are runs of neighboring outputs: what is kept as the last dimension. */
static void sum_range(void *arg, int64_t begin, int64_t end)
{
    const array_job *x = arg;
    for (int64_t unit = begin; unit < end; unit++)
        for (int64_t i = 0; i < x->inner; i += BLOCK)
            sum_block(x, unit * x->inner + i, x->inner - i < BLOCK ? x->inner - i : BLOCK);
}

static void sum_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *src = fv_in_shape(call->node, 0);
    array_job job = {.plan = plan, .call = call};
    job.reduction = fv_reduction_of(&((const fv_reduce_attr *)call->node->attr)->axes, src);
    const fv_reduction *r = &job.reduction;
    job.shards = r->over_samples ? fv_call_shards(call, src->dim[0]) : 1;
    job.inner = r->n_kept > 0 && r->kept_stride[r->n_kept - 1] == 1 ? r->kept[r->n_kept - 1] : 1;
    fv_parallel_range(plan, r->outputs / job.inner, 4.0 * (double)(r->terms * job.inner), 1, sum_range, &job);
}

#define FV_BINARY_SOLVER(name_, kind_)                                                                                 \
    {                                                                                                                  \
        .name = "cpu." name_ ".repeated", .op = name_, .version = 1, .arg = &kinds[kind_], .reject = binary_reject,    \
        .cost = fv_stream_cost, .run = binary_run                                                                      \
    }
#define FV_ARRAY_SOLVER(name_, arg_, reject_, run_)                                                                    \
    {                                                                                                                  \
        .name = "cpu." name_, .op = name_, .version = 1, .arg = arg_, .reject = reject_, .cost = fv_stream_cost,       \
        .run = run_                                                                                                    \
    }

extern const fv_solver fv_cpu_array_solvers[];
const fv_solver fv_cpu_array_solvers[] = {
    FV_BINARY_SOLVER("add", ADD),
    FV_BINARY_SOLVER("sub", SUB),
    FV_BINARY_SOLVER("mul", MUL),
    FV_BINARY_SOLVER("div", DIV),
    FV_BINARY_SOLVER("max", MAX),
    FV_BINARY_SOLVER("min", MIN),
    FV_ARRAY_SOLVER("transpose", NULL, transpose_reject, transpose_run),
    FV_ARRAY_SOLVER("gather", NULL, gather_reject, gather_run),
    FV_ARRAY_SOLVER("reduce_sum", NULL, fv_all_f32_reject, sum_run),
    FV_ARRAY_SOLVER("reduce_mean", kinds, fv_all_f32_reject, sum_run),
    {.name = NULL},
};
