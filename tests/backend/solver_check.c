/* SPDX-License-Identifier: Apache-2.0 */
#include "solver_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/ops.h"
#include "plan/plan.h"

#define MAX_CONTEXTS 8
#define MAX_SOLVERS  256
#define MAX_OPERANDS 8

struct solver_check {
    uint64_t rng;
    fv_ctx *failing;     /* its allocator fails when told to */
    int64_t allocs_left; /* that many more succeed; negative: all do */
    fv_ctx *ctx[MAX_CONTEXTS];
    int n_ctx;
    const fv_solver *solver[MAX_SOLVERS];
    int compared[MAX_SOLVERS];
    int n_solvers;
    /* the problem at hand */
    fv_dtype dtype;
    fv_graph *graph;
    fv_node *node;
    void *in[MAX_OPERANDS], *want, *got;
    void *first; /* of a class of bits that is not the reference's: what its solver gave first */
    int64_t out_count;
};

static void add_solver(void *arg, const fv_solver *solver)
{
    solver_check *check = arg;
    assert_true(check->n_solvers < MAX_SOLVERS);
    check->solver[check->n_solvers++] = solver;
}

static void *failing_alloc(void *user, size_t size, size_t align)
{
    solver_check *check = user;
    if (check->allocs_left == 0)
        return NULL;
    if (check->allocs_left > 0)
        check->allocs_left--;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void failing_release(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

solver_check *solver_check_create(void)
{
    solver_check *check = calloc(1, sizeof *check);
    assert_non_null(check);
    check->rng = 7;
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    for (int isa = 0; isa < FV_ISA_COUNT; isa++) {
        if (!cpu.has[isa] || !fv_kernels_get((fv_isa)isa))
            continue;
        for (int threads = 1; threads <= 3; threads += 2) {
            const fv_ctx_options options = {.isa = fv_isa_name((fv_isa)isa), .threads = threads};
            assert_int_equal(fv_ctx_create(&options, &check->ctx[check->n_ctx]), FV_OK);
            check->n_ctx++;
        }
    }
    fv_solvers_visit((const fv_solver_provider *const[]){&fv_cpu_provider, NULL}, add_solver, check);
    check->allocs_left = -1;
    const fv_ctx_options options = {.allocator = {.alloc = failing_alloc, .release = failing_release, .user = check},
                                    .threads = 2};
    assert_int_equal(fv_ctx_create(&options, &check->failing), FV_OK);
    return check;
}

void solver_check_destroy(solver_check *check)
{
    for (int i = 0; i < check->n_ctx; i++) {
        int64_t now;
        fv_ctx_memory(check->ctx[i], &now, NULL);
        assert_int_equal(now, 0);
        fv_ctx_destroy(&check->ctx[i]);
    }
    fv_ctx_destroy(&check->failing);
    free(check);
}

static uint64_t next(solver_check *check)
{
    uint64_t z = (check->rng += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

int64_t solver_check_int(solver_check *check, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(next(check) % (uint64_t)(hi - lo + 1));
}

int solver_check_count(const solver_check *check, const char *name)
{
    for (int i = 0; i < check->n_solvers; i++)
        if (strcmp(check->solver[i]->name, name) == 0)
            return check->compared[i];
    return 0;
}

void solver_check_store(solver_check *check, fv_dtype dtype)
{
    check->dtype = dtype;
}

static size_t bytes_of(const solver_check *check, int64_t count)
{
    return (size_t)count * fv_dtype_size(check->dtype);
}

static void *random_numbers(solver_check *check, fv_ctx *ctx, int64_t count)
{
    void *p = fv_malloc(ctx, bytes_of(check, count));
    assert_non_null(p);
    for (int64_t i = 0; i < count; i++)
        fv_dtype_set(check->dtype, p, i, (double)(next(check) >> 40) / 8388608.0 - 1.0);
    return p;
}

/* Makes the node and its operands; false when the operator refuses. */
static bool make_problem(solver_check *check, const char *name, const void *attr, const fv_shape *shapes, int count)
{
    fv_ctx *ctx = check->ctx[0];
    fv_val *in[MAX_OPERANDS] = {NULL};
    const fv_op *op = fv_op_find(ctx, name);
    assert_non_null(op);
    assert_int_equal(fv_graph_create(ctx, fv_op_find, &check->graph), FV_OK);
    for (int i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof text, "in%d", i);
        if (shapes[i].rank > 0)
            assert_int_equal(fv_graph_input(check->graph, text, check->dtype, &shapes[i], &in[i]), FV_OK);
    }
    if (fv_graph_add(check->graph, op, "node", attr, in, count, &check->node) != FV_OK) {
        fv_graph_destroy(&check->graph);
        return false;
    }
    for (int i = 0; i < count; i++)
        check->in[i] = in[i] ? random_numbers(check, ctx, fv_shape_count(&shapes[i])) : NULL;
    check->out_count = fv_shape_count(&check->node->out[0]->shape);
    check->want = random_numbers(check, ctx, check->out_count);
    check->got = fv_malloc(ctx, bytes_of(check, check->out_count));
    check->first = fv_malloc(ctx, bytes_of(check, check->out_count));
    assert_non_null(check->got);
    assert_non_null(check->first);
    return true;
}

static void drop_problem(solver_check *check)
{
    fv_ctx *ctx = check->ctx[0];
    for (int i = 0; i < MAX_OPERANDS; i++) {
        fv_free(ctx, check->in[i]);
        check->in[i] = NULL;
    }
    fv_free(ctx, check->want);
    fv_free(ctx, check->got);
    fv_free(ctx, check->first);
    fv_graph_destroy(&check->graph);
}

/* Making a plan with every allocation failing once: the right status, and nothing left behind. */
static void run_out_of_memory(solver_check *check, const fv_solver *solver, const fv_problem *problem)
{
    fv_ctx *ctx = check->failing;
    const fv_planner planner = fv_planner_of(ctx, NULL);
    int64_t before, now;
    fv_ctx_memory(ctx, &before, NULL);
    for (int64_t allocs = 0;; allocs++) {
        fv_plan *plan = NULL;
        check->allocs_left = allocs;
        const fv_status status =
            fv_plan_create_with(&planner, solver, problem->node, problem->dtype, problem->const_in, &plan);
        check->allocs_left = -1;
        fv_plan_destroy(&plan);
        fv_ctx_memory(ctx, &now, NULL);
        if (now != before || (status != FV_OK && status != FV_ERR_NO_MEMORY))
            fail_msg("%s with %lld allocations: status %d, %lld bytes left: %s", solver->name, (long long)allocs,
                     (int)status, (long long)(now - before), problem->text);
        if (status == FV_OK)
            return;
    }
}

/* The first result of another class of bits is near the reference's, the others are the first. */
static void compare_other(solver_check *check, const fv_solver *solver, double bound, bool first, const fv_ctx *ctx,
                          const char *text)
{
    const double rounding = check->dtype == FV_F16 ? 0x1p-11 : 0.0; /* of both results */
    for (int64_t i = 0; first && i < check->out_count; i++) {
        const double got = fv_dtype_get(check->dtype, check->got, i), want = fv_dtype_get(check->dtype, check->want, i);
        const double off = fabs(got - want);
        if (!(off <= bound + rounding * (fabs(got) + fabs(want) + 0x1p-14)))
            fail_msg("%s: element %lld of %lld is %a, the reference says %a, off by %g where %g is stated: %s",
                     solver->name, (long long)i, (long long)check->out_count, got, want, off, bound, text);
    }
    if (first)
        memcpy(check->first, check->got, bytes_of(check, check->out_count));
    else if (memcmp(check->first, check->got, bytes_of(check, check->out_count)) != 0)
        fail_msg("%s on %s with %d threads has other bits than before: %s", solver->name, fv_ctx_isa(ctx),
                 fv_ctx_threads(ctx), text);
}

/* One solver in one context; what it writes outside its buffers is caught by canaries behind them. */
static void run_solver(solver_check *check, const fv_solver *solver, fv_ctx *ctx, const fv_problem *problem)
{
    const fv_planner planner = fv_planner_of(ctx, NULL);
    fv_plan *plan = NULL;
    if (fv_plan_create_with(&planner, solver, problem->node, problem->dtype, problem->const_in, &plan) != FV_OK)
        fail_msg("%s: %s: %s", solver->name, fv_ctx_error(ctx), problem->text);
    const size_t packed_bytes = fv_plan_packed_bytes(plan), work_bytes = fv_plan_workspace_bytes(plan);
    enum { CANARY = 64 };
    unsigned char *packed = fv_malloc(ctx, packed_bytes + CANARY), *work = fv_malloc(ctx, work_bytes + CANARY);
    assert_non_null(packed);
    assert_non_null(work);
    /* Bytes 0xff are NaN as floats: what is used before it is written shows. */
    memset(packed, 0xff, packed_bytes + CANARY);
    memset(work, 0xff, work_bytes + CANARY);
    memset(check->got, 0xff, bytes_of(check, check->out_count));
    void *in[MAX_OPERANDS], *out[1] = {check->got};
    for (int i = 0; i < MAX_OPERANDS; i++)
        in[i] = check->in[i];
    fv_call call = {
        .node = check->node, .in = in, .out = out, .workspace = work, .packed = packed, .shards = problem->shards};
    if (solver->pack)
        solver->pack(plan, &call, packed);
    solver->run(plan, &call);
    for (int i = 0; i < CANARY; i++) {
        if (packed[packed_bytes + (size_t)i] != 0xff || work[work_bytes + (size_t)i] != 0xff)
            fail_msg("%s writes behind its memory: %s", solver->name, problem->text);
    }
    const bool other = fv_solver_error(solver, check->dtype) > 0.0;
    if (other)
        compare_other(check, solver, fv_solver_bound(solver, check->node, in), ctx == check->ctx[0], ctx,
                      problem->text);
    for (int64_t i = 0; !other && i < check->out_count; i++) {
        const char *got = (const char *)check->got + bytes_of(check, i), *want = (const char *)check->want;
        if (memcmp(got, want + bytes_of(check, i), bytes_of(check, 1)) != 0)
            fail_msg("%s on %s with %d threads: element %lld of %lld is %a, the reference says %a: %s", solver->name,
                     fv_ctx_isa(ctx), fv_ctx_threads(ctx), (long long)i, (long long)check->out_count,
                     fv_dtype_get(check->dtype, check->got, i), fv_dtype_get(check->dtype, check->want, i),
                     problem->text);
    }
    fv_free(ctx, packed);
    fv_free(ctx, work);
    fv_plan_destroy(&plan);
}

/* Operator, attributes and shapes for the failure text. */
static void describe(const fv_node *node, fv_str *text)
{
    fv_str_printf(text, "%s ", node->op->name);
    if (node->attr)
        fv_attr_text(node->op, node->attr, text);
    for (int i = 0; i < node->n_in + 1; i++) {
        char shape[96];
        const fv_val *v = i < node->n_in ? node->in[i] : node->out[0];
        fv_str_printf(text, " %s", v ? fv_shape_text(&v->shape, shape) : "-");
    }
}

int solver_check_problem(solver_check *check, const char *op, const void *attr, const fv_shape *shapes, int count)
{
    if (!make_problem(check, op, attr, shapes, count))
        return 0;
    fv_str text = {.ctx = check->ctx[0]};
    describe(check->node, &text);
    const fv_problem problem = {
        .node = check->node, .text = fv_str_get(&text), .dtype = check->dtype, .shards = fv_shards(shapes[0].dim[0])};
    void *in[MAX_OPERANDS], *out[1] = {check->want};
    for (int i = 0; i < MAX_OPERANDS; i++)
        in[i] = check->in[i];
    const fv_call call = {.node = check->node, .in = in, .out = out, .shards = problem.shards};
    check->node->op->ref(&call);
    int compared = 0;
    for (int s = 0; s < check->n_solvers; s++) {
        const fv_solver *solver = check->solver[s];
        if (!solver->op || strcmp(solver->op, op) != 0 || (solver->reject && solver->reject(solver, &problem)))
            continue;
        assert_true(solver->cost(solver, &problem) > 0.0);
        for (int c = 0; c < check->n_ctx; c++) {
            /* Weights that are known to stay and weights that are not, in turn. */
            fv_problem asked = problem;
            asked.const_in = (check->compared[s] + c) % 2 ? 2 : 0;
            run_solver(check, solver, check->ctx[c], &asked);
        }
        run_out_of_memory(check, solver, &problem);
        check->compared[s]++;
        compared++;
    }
    fv_str_free(&text);
    drop_problem(check);
    return compared;
}
