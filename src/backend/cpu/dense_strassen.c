/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solver of dense by Strassen's seven products of halves (V. Strassen, "Gaussian elimination is not optimal", 1969):
 * 7/8 of the multiplications, and more roundings. With A = src (rows x depth) and B = wei transposed (depth x units),
 * cut in halves:
 *
 *     M1 = (A11 + A22)(B11 + B22)   M2 = (A21 + A22) B11   M3 = A11 (B12 - B22)   M4 = A22 (B21 - B11)
 *     M5 = (A11 + A12) B22   M6 = (A21 - A11)(B11 + B12)   M7 = (A12 - A22)(B21 + B22)
 *     C11 = M1 + M4 - M5 + M7   C12 = M3 + M5   C21 = M2 + M4   C22 = M1 - M2 + M3 + M6
 *
 * The products are planned: those that are large enough are cut again where this algorithm was asked for. Odd sizes
 * count as one more, with zeros. Every sum has the order written here, and rows of one sample are mixed with no
 * others', so that the bits depend on the problem alone. Taken only where it is asked for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/eltwise/eltwise.h"
#include "ops/epilogue.h"

/* Below that, what halves save is less than what their sums cost. */
enum { LEAST = 1024, PRODUCTS = 7, QUADRANTS = 4 };

/*
 * Stated as fv_solver_bound takes it, after what was measured: at most 2e-7 on random matrices of up to
 * 4,096, at one to three levels (`fovea bench gemm`). What it may be at worst grows with depth (Higham, "Accuracy and
 * Stability", 2002, chapter 23) and is not bounded elementwise, as chains are: above the 1e-5 that a planner takes
 * unasked.
 */
#define STATED_ERROR 2e-5

/* A half: row and column of the quadrant, or none. */
typedef struct half {
    int row, column; /* 0 or 1 */
} half;

/* One operand of a product: a quadrant, or the sum or difference of two. */
typedef struct side {
    half first, second;
    char sign; /* '+', '-', or 0: only the first */
} side;

/* Quadrants by row and column as the formulas number them. */
#define ALONE(r, c)                                                                                                    \
    {                                                                                                                  \
        {(r)-1, (c)-1}, {0, 0}, 0                                                                                      \
    }
#define PAIR(r, c, op, r2, c2)                                                                                         \
    {                                                                                                                  \
        {(r)-1, (c)-1}, {(r2)-1, (c2)-1}, op                                                                           \
    }

static const struct {
    side a, b;
} products[PRODUCTS] = {
    {PAIR(1, 1, '+', 2, 2), PAIR(1, 1, '+', 2, 2)}, {PAIR(2, 1, '+', 2, 2), ALONE(1, 1)},
    {ALONE(1, 1), PAIR(1, 2, '-', 2, 2)},           {ALONE(2, 2), PAIR(2, 1, '-', 1, 1)},
    {PAIR(1, 1, '+', 1, 2), ALONE(2, 2)},           {PAIR(2, 1, '-', 1, 1), PAIR(1, 1, '+', 1, 2)},
    {PAIR(1, 2, '-', 2, 2), PAIR(2, 1, '+', 2, 2)},
};

/* What each product does to C11, C12, C21, C22, product by product: '=' begins the quadrant with it. */
static const char effects[PRODUCTS][QUADRANTS] = {
    {'=', 0, 0, '='}, {0, 0, '=', '-'}, {0, '=', 0, '+'}, {'+', 0, '+', 0},
    {'-', '+', 0, 0}, {0, 0, 0, '+'},   {'+', 0, 0, 0},
};

/* A matrix, of which a half may reach over the end. */
typedef struct matrix {
    const float *at;
    int64_t rows, columns;
} matrix;

typedef struct strassen {
    int64_t samples, rows, depth, units; /* rows of a sample */
    int64_t half_rows, half_depth, half_units;
    const fv_plan *product[PRODUCTS];
} strassen;

/* ---- which products ---- */

static strassen sizes_of(const fv_node *node)
{
    const fv_shape *src = fv_in_shape(node, 0);
    strassen x = {.samples = src->dim[0], .depth = fv_shape_last(src), .units = fv_in_shape(node, 1)->dim[0]};
    x.rows = fv_shape_rows(src) / x.samples;
    x.half_rows = fv_div_up(x.rows, 2);
    x.half_depth = fv_div_up(x.depth, 2);
    x.half_units = fv_div_up(x.units, 2);
    return x;
}

static const char *strassen_reject(const fv_solver *self, const fv_problem *problem)
{
    if (fv_in_shape(problem->node, 0)->rank < 3)
        return "one row a sample: a sample's bits would depend on the others";
    const strassen x = sizes_of(problem->node);
    if (x.rows < LEAST || x.depth < LEAST || x.units < LEAST)
        return "fewer than 1024 rows a sample, units or inputs";
    return fv_f32_reject(self, problem);
}

/* Seven products, and eighteen sums of quadrants. */
static double strassen_cost(const fv_solver *self, const fv_problem *problem)
{
    const strassen x = sizes_of(problem->node);
    (void)self;
    const double m = (double)x.half_rows, k = (double)x.half_depth, n = (double)x.half_units;
    return (double)x.samples * (2.0 * PRODUCTS * m * k * n / 100.0 + (8.0 * m * k + 10.0 * m * n) * 12.0 / 10.0);
}

static fv_status strassen_prepare(fv_plan *plan)
{
    strassen *x = fv_new(plan->ctx, strassen);
    char text[160];
    if (!x)
        return FV_ERR_NO_MEMORY;
    plan->data = x;
    *x = sizes_of(plan->problem.node);
    snprintf(text, sizeof text, "dense f32 1x%" PRId64 "x%" PRId64 " o%" PRId64 "i%" PRId64 ":const", x->half_rows,
             x->half_depth, x->half_units, x->half_depth);
    for (int i = 0; i < PRODUCTS; i++)
        FV_TRY(fv_plan_sub(plan, text, &x->product[i]));
    return FV_OK;
}

static void strassen_release(fv_plan *plan)
{
    fv_free(plan->ctx, plan->data);
    plan->data = NULL;
}

/* ---- sums of halves ---- */

typedef struct sum_job {
    const fv_plan *plan;
    matrix whole;
    side side;
    int64_t half_rows, half_columns;
    float *to; /* half_rows x half_columns */
} sum_job;

/* Row i of a half, and how many of its columns there are. */
static const float *half_row(const sum_job *job, half h, int64_t i, int64_t *columns)
{
    const int64_t row = h.row * job->half_rows + i, first = h.column * job->half_columns;
    *columns = row >= job->whole.rows                           ? 0
               : job->whole.columns - first < job->half_columns ? job->whole.columns - first
                                                                : job->half_columns;
    return job->whole.at + (*columns ? row * job->whole.columns + first : 0);
}

static void sum_range(void *arg, int64_t begin, int64_t end)
{
    const sum_job *job = arg;
    const fv_eltwise_kernels *k = job->plan->kernels->eltwise;
    const int64_t width = job->half_columns;
    for (int64_t i = begin; i < end; i++) {
        int64_t n, n2;
        float *to = job->to + i * width;
        const float *a = half_row(job, job->side.first, i, &n);
        memcpy(to, a, (size_t)n * sizeof *to);
        memset(to + n, 0, (size_t)(width - n) * sizeof *to);
        if (!job->side.sign)
            continue;
        const float *b = half_row(job, job->side.second, i, &n2);
        k->binary(job->side.sign == '+' ? FV_BINARY_ADD : FV_BINARY_SUB, n2, to, b, to);
    }
}

/* ---- run ---- */

/* Once for many runs, and of seven times a quarter of the filters: no task of threads. */
static void strassen_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const strassen *x = plan->data;
    float *sum = packed;
    /* wei is B transposed: a quadrant's row and column change places. */
    for (int p = 0; p < PRODUCTS; p++) {
        const side b = products[p].b;
        sum_job job = {.plan = plan,
                       .whole = {call->in[1], x->units, x->depth},
                       .side = {{b.first.column, b.first.row}, {b.second.column, b.second.row}, b.sign},
                       .half_rows = x->half_units,
                       .half_columns = x->half_depth,
                       .to = sum};
        sum_range(&job, 0, x->half_units);
        fv_plan_pack_sub(x->product[p], call, (void *[]){NULL, sum}, packed);
    }
}

/* Room for one sum of filters. */
static size_t strassen_packed_bytes(const fv_plan *plan)
{
    const strassen *x = plan->data;
    return (size_t)(x->half_units * x->half_depth) * sizeof(float) + FV_TAIL_PAD;
}

/* One sum of A's halves, one product, four quadrants of C. */
static size_t strassen_workspace(const fv_plan *plan)
{
    const strassen *x = plan->data;
    return (size_t)(x->half_rows * (x->half_depth + (1 + QUADRANTS) * x->half_units)) * sizeof(float) + FV_TAIL_PAD;
}

typedef struct effect_job {
    const fv_plan *plan;
    const float *from; /* the product */
    float *quadrant[QUADRANTS];
    const char *effect;
    int64_t width;
} effect_job;

static void effect_range(void *arg, int64_t begin, int64_t end)
{
    const effect_job *job = arg;
    const fv_eltwise_kernels *k = job->plan->kernels->eltwise;
    const int64_t first = begin * job->width, n = (end - begin) * job->width;
    for (int q = 0; q < QUADRANTS; q++) {
        float *to = job->quadrant[q] + first;
        if (job->effect[q] == '=')
            memcpy(to, job->from + first, (size_t)n * sizeof *to);
        else if (job->effect[q])
            k->binary(job->effect[q] == '+' ? FV_BINARY_ADD : FV_BINARY_SUB, n, to, job->from + first, to);
    }
}

typedef struct finish_job {
    const fv_plan *plan;
    const strassen *x;
    const float *quadrant[QUADRANTS], *bias, *add;
    fv_activation act;
    float *dst;
} finish_job;

/* dst = act(C + bias + add), row by row. */
static void finish_range(void *arg, int64_t begin, int64_t end)
{
    const finish_job *job = arg;
    const strassen *x = job->x;
    const fv_eltwise_kernels *k = job->plan->kernels->eltwise;
    for (int64_t i = begin; i < end; i++) {
        float *dst = job->dst + i * x->units;
        const int64_t row = i % x->half_rows, below = i / x->half_rows * 2;
        const float *left = job->quadrant[below] + row * x->half_units;
        const float *right = job->quadrant[below + 1] + row * x->half_units;
        if (job->add) {
            /* The sum of C and bias first, as chains have it; `add` may be dst. */
            const float *add = job->add + i * x->units;
            for (int64_t j = 0; j < x->units; j++) {
                const float c = j < x->half_units ? left[j] : right[j - x->half_units];
                dst[j] = (job->bias ? c + job->bias[j] : c) + add[j];
            }
        } else {
            memcpy(dst, left, (size_t)x->half_units * sizeof *dst);
            memcpy(dst + x->half_units, right, (size_t)(x->units - x->half_units) * sizeof *dst);
            if (job->bias)
                k->binary(FV_BINARY_ADD, x->units, dst, job->bias, dst);
        }
        if (job->act != FV_ACT_NONE)
            k->act(job->act, 0.0f, x->units, dst, dst);
    }
}

static void strassen_sample(const fv_plan *plan, const fv_call *call, int64_t sample)
{
    const strassen *x = plan->data;
    const int64_t quarter = x->half_rows * x->half_units;
    float *sum = call->workspace, *product = sum + x->half_rows * x->half_depth, *c = product + quarter;
    float *const quadrant[QUADRANTS] = {c, c + quarter, c + 2 * quarter, c + 3 * quarter};
    for (int p = 0; p < PRODUCTS; p++) {
        sum_job a = {.plan = plan,
                     .whole = {(const float *)call->in[0] + sample * x->rows * x->depth, x->rows, x->depth},
                     .side = products[p].a,
                     .half_rows = x->half_rows,
                     .half_columns = x->half_depth,
                     .to = sum};
        effect_job effect = {.plan = plan, .from = product, .effect = effects[p], .width = x->half_units};
        memcpy(effect.quadrant, quadrant, sizeof quadrant);
        fv_parallel_range(plan, x->half_rows, 12.0 * (double)x->half_depth, 1, sum_range, &a);
        fv_plan_run_sub(x->product[p], call, (void *[]){sum, NULL}, (void *[]){product}, 1);
        fv_parallel_range(plan, x->half_rows, 24.0 * (double)x->half_units, 1, effect_range, &effect);
    }
    const float *add = fv_call_in(call, 3);
    finish_job finish = {.plan = plan,
                         .x = x,
                         .quadrant = {quadrant[0], quadrant[1], quadrant[2], quadrant[3]},
                         .bias = fv_call_in(call, 2),
                         .add = add ? add + sample * x->rows * x->units : NULL,
                         .act = (fv_activation)((const fv_dense_attr *)call->node->attr)->activation,
                         .dst = (float *)call->out[0] + sample * x->rows * x->units};
    fv_parallel_range(plan, x->rows, 12.0 * (double)x->units, 1, finish_range, &finish);
}

static void strassen_run(const fv_plan *plan, const fv_call *call)
{
    const int64_t samples = fv_call_part(call, ((const strassen *)plan->data)->samples);
    for (int64_t n = 0; n < samples; n++)
        strassen_sample(plan, call, n);
}

extern const fv_solver fv_cpu_dense_strassen_solvers[];
const fv_solver fv_cpu_dense_strassen_solvers[] = {
    {.name = "cpu.dense.strassen",
     .op = "dense",
     .version = 1,
     .bits = "strassen",
     .error = STATED_ERROR,
     .packs = 1 << 1,
     .reject = strassen_reject,
     .cost = strassen_cost,
     .prepare = strassen_prepare,
     .release = strassen_release,
     .packed_bytes = strassen_packed_bytes,
     .pack = strassen_pack,
     .workspace_bytes = strassen_workspace,
     .run = strassen_run},
    {.name = NULL},
};
