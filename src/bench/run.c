/* SPDX-License-Identifier: Apache-2.0 */
/* A problem under all solvers: the planner's own questions and clock, and the error beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "bench/internal.h"
#include "kernels/half/half.h"
#include "plan/internal.h"

/* Of the comparison with float64: a fraction of a second. */
#define EXACT_MACS 0x1p25
/* Solvers take turns, so that a busy moment of the machine meets all of them. */
#define TURNS 5

/* What was measured of a row by now. */
typedef struct bench_clock {
    int turns;
    double median[TURNS]; /* milliseconds, of each */
    double spent;         /* seconds, of all that the turns did */
} bench_clock;

typedef struct bench_run {
    fv_ctx *ctx;
    fv_planner planner;
    const fv_bench_options *options;
    fv_node *node;
    fv_problem problem;
    fv_scene scene;
    fv_exact exact;
    const fv_solver *chosen;
    fv_bench_rows *rows;
    const fv_solver *solvers[FV_BENCH_ROWS_MAX]; /* of the rows */
    bench_clock clocks[FV_BENCH_ROWS_MAX];
} bench_run;

/* ---- memory ---- */

/* Bytes of operands and results, infinite where they are too many to count. */
static double scene_bytes(const fv_node *node)
{
    double bytes = 0.0;
    for (int i = 0; i < node->n_in + node->n_out; i++) {
        const fv_val *val = i < node->n_in ? node->in[i] : node->out[i - node->n_in];
        double one = val ? (double)fv_dtype_size(val->dtype) : 0.0;
        for (int d = 0; val && d < val->shape.rank; d++)
            one *= (double)val->shape.dim[d];
        bytes += one;
    }
    return bytes;
}

static double room_of(const fv_ctx *ctx)
{
    int64_t now;
    fv_ctx_memory(ctx, &now, NULL);
    return (double)(fv_ctx_memory_limit(ctx) - now);
}

static fv_status check_room(const bench_run *b)
{
    const bool copied = b->problem.dtype == FV_F16 && !b->options->no_error; /* halves are compared as floats */
    const double need = scene_bytes(b->node) * (copied ? 3.0 : 1.0), room = room_of(b->ctx);
    if (need <= room)
        return FV_OK;
    fv_status status = fv_fail(b->ctx, FV_ERR_OVER_BUDGET,
                               "problem '%.160s': its operands and results are %.1f MiB, and %.1f MiB are left of the "
                               "memory for plans",
                               b->problem.text, need / 1048576, room / 1048576);
    return fv_fail_hint(b->ctx, status, "take a smaller batch or size, or raise --memory");
}

/* ---- operands ---- */

static void fill(const fv_kernels *kernels, const fv_node *node, void *const *in)
{
    for (int i = 0; i < node->n_in; i++) {
        const bool half = node->in[i] && node->in[i]->dtype == FV_F16;
        const int64_t count = node->in[i] ? fv_shape_count(&node->in[i]->shape) : 0;
        uint32_t word[4];
        float x[4];
        for (int64_t k = 0; k < count; k += 4) {
            const int64_t n = count - k < 4 ? count - k : 4;
            fv_philox(0, FV_RANDOM_TEST, (uint64_t)(k / 4), (uint64_t)i, word);
            for (int64_t j = 0; j < n; j++)
                x[j] = 2.0f * fv_uniform(word[j]) - 1.0f;
            if (half)
                kernels->half->narrow((uint16_t *)in[i] + k, x, n);
            else
                memcpy((float *)in[i] + k, x, (size_t)n * sizeof *x);
        }
    }
}

/* ---- rows ---- */

static bool is_asked_for(const bench_run *b, const fv_solver *solver)
{
    for (const char *at = b->options->algorithms; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        if (fv_solver_is(solver, word))
            return true;
    }
    return !b->options->algorithms;
}

static fv_status check_algorithms(fv_ctx *ctx, const char *list)
{
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        FV_TRY(fv_algorithm_check(ctx, word));
    }
    return FV_OK;
}

static void add_row(void *arg, const fv_solver *solver, const char *reason, double cost)
{
    bench_run *b = arg;
    fv_bench_rows *rows = b->rows;
    const bool reference = strcmp(fv_solver_bits(solver), FV_BITS_REFERENCE) == 0;
    (void)cost;
    if (!is_asked_for(b, solver) || rows->count == FV_BENCH_ROWS_MAX ||
        (reference && solver != b->chosen && !b->options->algorithms))
        return;
    const char *last = strrchr(solver->name, '.');
    fv_bench_row *row = &rows->row[rows->count];
    *row = (fv_bench_row){.solver = solver->name,
                          .algorithm = last ? last + 1 : solver->name,
                          .eligible = fv_solver_is_exact(solver, b->problem.dtype)};
    if (reason)
        snprintf(row->refused, sizeof row->refused, "%s", reason);
    b->solvers[rows->count++] = solver;
}

/* Whether what the solver needs beside the operands fits; else the row says so. */
static bool has_room(const bench_run *b, fv_bench_row *row)
{
    const double need = (double)row->packed_bytes + (double)row->workspace_bytes, room = room_of(b->ctx);
    if (need > room) {
        const fv_bench_row refused = {.solver = row->solver, .algorithm = row->algorithm};
        *row = refused;
        snprintf(row->refused, sizeof row->refused, "needs %.1f MiB more, and %.1f MiB are left of the memory",
                 need / 1048576, room / 1048576);
    }
    return need <= room;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_timing(bench_clock *clock, const fv_timing *t, fv_bench_row *row)
{
    double sorted[TURNS];
    clock->median[clock->turns++] = t->median * 1e-6;
    memcpy(sorted, clock->median, sizeof sorted);
    qsort(sorted, (size_t)clock->turns, sizeof *sorted, by_value);
    row->ms = sorted[clock->turns / 2];
    row->best_ms = row->runs == 0 || t->best * 1e-6 < row->best_ms ? t->best * 1e-6 : row->best_ms;
    row->pack_ms = row->runs == 0 || t->pack * 1e-6 < row->pack_ms ? t->pack * 1e-6 : row->pack_ms;
    row->runs += t->runs;
}

/* The first turn of a row finds what memory it needs and how exact it is, too. */
static fv_status take_turn(bench_run *b, int i)
{
    const fv_solver *solver = b->solvers[i];
    fv_bench_row *row = &b->rows->row[i];
    bench_clock *clock = &b->clocks[i];
    const bool first = clock->turns == 0;
    const double begin = fv_time_monotonic();
    fv_plan *plan = NULL;
    fv_timing t = {.runs = 0};
    fv_planner planner = b->planner;
    planner.policy.algorithm = row->algorithm; /* its parts by it too, where they can be */
    FV_TRY(fv_plan_create_with(&planner, solver, b->node, FV_F32, b->problem.const_in, &plan));
    row->packed_bytes = (int64_t)fv_plan_packed_bytes(plan);
    row->workspace_bytes = (int64_t)fv_plan_workspace_bytes(plan);
    row->packs_each = row->packed_bytes > 0 && !fv_plan_packs_once(plan);
    if (first) /* NaN: what is not written shows */
        memset(b->scene.out[0], 0xff, (size_t)b->rows->results * fv_dtype_size(b->node->out[0]->dtype));
    fv_status status = FV_OK;
    if (has_room(b, row))
        status = fv_plan_time_on(plan, &b->scene,
                                 &(fv_timing_options){.runs = 1,
                                                      .seconds = b->options->seconds / TURNS,
                                                      .processor = b->options->processor_time},
                                 &t);
    fv_plan_destroy(&plan);
    if (status != FV_OK || row->refused[0])
        return status;
    add_timing(clock, &t, row);
    clock->spent += fv_time_monotonic() - begin;
    if (first && !b->options->no_error) {
        row->max_error = fv_exact_error(&b->exact, b->node->out[0]->dtype, b->scene.out[0]);
        row->bound = fv_rounding_bound(solver, b->node, b->scene.in);
    }
    return FV_OK;
}

/* ---- all of it ---- */

static fv_status find_chosen(bench_run *b)
{
    fv_plan *plan = NULL;
    FV_TRY(fv_plan_create(&b->planner, b->node, FV_F32, b->problem.const_in, &plan));
    b->chosen = plan->solver;
    fv_plan_destroy(&plan);
    return FV_OK;
}

static fv_status run_all(bench_run *b)
{
    FV_TRY(check_room(b));
    FV_TRY(find_chosen(b));
    fv_candidates_visit(&b->planner, &b->problem, add_row, b);
    FV_TRY(fv_scene_make(b->ctx, b->node, &b->scene));
    fill(fv_kernels_of(b->ctx), b->node, b->scene.in);
    if (!b->options->no_error)
        FV_TRY(fv_exact_make(b->ctx, b->node, b->scene.in, EXACT_MACS, &b->exact));
    b->rows->results = fv_shape_count(&b->node->out[0]->shape);
    b->rows->compared = b->exact.count;
    for (int i = 0; i < b->rows->count; i++)
        b->rows->row[i].chosen = b->solvers[i] == b->chosen;
    for (int turn = 0; turn < TURNS; turn++)
        for (int i = 0; i < b->rows->count; i++)
            if (!b->rows->row[i].refused[0] && (turn == 0 || b->clocks[i].spent < b->options->seconds))
                FV_TRY(take_turn(b, i));
    return FV_OK;
}

fv_status fv_bench_run(fv_ctx *ctx, const char *problem, const fv_bench_options *options, fv_bench_rows *rows)
{
    static const fv_bench_options defaults = {.seconds = 0.3};
    fv_graph *graph = NULL;
    fv_bench_kind kind;
    bench_run b = {.ctx = ctx,
                   .planner = fv_planner_of(ctx, NULL),
                   .options = options ? options : &defaults,
                   .exact = {.ctx = ctx},
                   .rows = rows};
    rows->count = 0;
    FV_TRY(check_algorithms(ctx, b.options->algorithms));
    if (b.options->processor_time && fv_ctx_threads(ctx) > 1)
        return fv_fail(ctx, FV_ERR_CONFLICT, "processor time is that of one thread, and the context has %d",
                       fv_ctx_threads(ctx));
    FV_TRY(fv_problem_parse(ctx, problem, &graph, &b.node));
    b.problem = fv_problem_of(b.node, problem, FV_F32, fv_problem_const_in(b.node));
    fv_status status = FV_OK;
    if (!fv_bench_kind_of(b.node, &kind) || b.node->in[0]->dtype == FV_F64)
        status = fv_fail(ctx, FV_ERR_VALUE,
                         "problem '%.160s': expected a convolution or a dense layer of f32, or a gradient of one, or a "
                         "convolution of f16",
                         problem);
    if (status == FV_OK)
        status = run_all(&b);
    fv_exact_free(&b.exact);
    fv_scene_free(&b.scene);
    fv_graph_destroy(&graph);
    return status;
}
