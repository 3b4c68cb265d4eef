/* SPDX-License-Identifier: Apache-2.0 */
/* One operator, all its solvers: against the reference, and the same bits on every instruction set and with one and
   several threads. Header only; used by the tests of this folder. */
#ifndef FV_TESTS_BACKEND_OP_CHECK_H
#define FV_TESTS_BACKEND_OP_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/solver.h"
#include "ops/attr.h"
#include "ops/ops.h"
#include "plan/plan.h"

enum { CONTEXTS = 8, SOLVERS = 256, OPERANDS = 16, RESULTS = 4, GUARD = 64, ROUNDS = 20 };

/* One problem. `exact`: the reference's bits; else |got - want| <= tolerance * (1 + |want|). */
typedef struct op_case {
    const char *op;
    const void *attr;
    fv_shape shape[OPERANDS]; /* rank 0: absent */
    fv_dtype dtype[OPERANDS];
    int n_in;
    int64_t below; /* integer operands lie in [0, below) */
    double tolerance;
} op_case;

typedef struct memory {
    unsigned char *in[OPERANDS], *out[RESULTS];
} memory;

static uint64_t rng = 11;
static fv_ctx *contexts[CONTEXTS];
static int n_contexts;
static const fv_solver *solvers[SOLVERS];
static bool used[SOLVERS];
static int n_solvers;

static inline void add_solver(void *arg, const fv_solver *solver)
{
    (void)arg;
    assert_true(n_solvers < SOLVERS);
    solvers[n_solvers++] = solver;
}

static inline int setup(void **state)
{
    (void)state;
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    for (int isa = 0; isa < FV_ISA_COUNT; isa++)
        for (int threads = 1; threads <= 3 && cpu.has[isa] && fv_kernels_get((fv_isa)isa); threads += 2) {
            const fv_ctx_options options = {.isa = fv_isa_name((fv_isa)isa), .threads = threads};
            assert_int_equal(fv_ctx_create(&options, &contexts[n_contexts]), FV_OK);
            n_contexts++;
        }
    fv_solvers_visit((const fv_solver_provider *const[]){&fv_cpu_provider, NULL}, add_solver, NULL);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < n_contexts; i++) {
        int64_t now;
        fv_ctx_memory(contexts[i], &now, NULL);
        assert_int_equal(now, 0);
        fv_ctx_destroy(&contexts[i]);
    }
    return 0;
}

static inline uint64_t next(void)
{
    uint64_t z = (rng += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static inline int64_t pick(int64_t lo, int64_t hi)
{
    return lo + (int64_t)(next() % (uint64_t)(hi - lo + 1));
}

static inline size_t val_bytes(const fv_val *v)
{
    return (size_t)fv_shape_count(&v->shape) * fv_dtype_size(v->dtype);
}

static inline void *guarded(fv_ctx *ctx, size_t bytes)
{
    unsigned char *p = fv_malloc(ctx, bytes + GUARD);
    assert_non_null(p);
    memset(p, 0xff, bytes + GUARD);
    return p;
}

static inline void fill(const fv_val *v, void *data, int64_t below)
{
    int64_t count = fv_shape_count(&v->shape);
    for (int64_t i = 0; i < count; i++) {
        double x = (double)(next() >> 40) / 8388608.0 - 1.0;
        if (v->dtype == FV_I32 || v->dtype == FV_U8)
            x = (double)pick(0, below - 1);
        /* Variances and the like are positive; ties and exact zeros belong to the interesting values. */
        else if (v->role == FV_ROLE_STATE)
            x = fabs(x) + 0.01;
        else if (i % 7 == 3)
            x = (double)pick(-2, 2);
        fv_set(v->dtype, data, i, x);
    }
}

/* ---- one run ---- */

static inline void call_solver(const fv_solver *solver, fv_ctx *ctx, const fv_problem *problem, memory *m)
{
    const fv_planner planner = fv_planner_of(ctx, NULL);
    fv_plan *plan = NULL;
    if (fv_plan_create_with(&planner, solver, problem->node, problem->dtype, problem->const_in, &plan) != FV_OK)
        fail_msg("%s: %s", solver->name, fv_ctx_error(ctx));
    size_t packed_bytes = fv_plan_packed_bytes(plan), work_bytes = fv_plan_workspace_bytes(plan);
    unsigned char *packed = guarded(ctx, packed_bytes), *work = guarded(ctx, work_bytes);
    fv_call call = {.node = problem->node,
                    .in = (void *const *)m->in,
                    .out = (void *const *)m->out,
                    .workspace = work,
                    .packed = packed,
                    .seed = 42,
                    .step = 7,
                    .shards = problem->shards};
    if (solver->pack)
        solver->pack(plan, &call, packed);
    solver->run(plan, &call);
    for (int i = 0; i < GUARD; i++)
        if (packed[packed_bytes + (size_t)i] != 0xff || work[work_bytes + (size_t)i] != 0xff)
            fail_msg("%s writes behind its memory", solver->name);
    fv_plan_destroy(&plan);
    fv_free(ctx, packed);
    fv_free(ctx, work);
}

static inline void memory_make(memory *m, const fv_node *node)
{
    fv_ctx *ctx = contexts[0];
    memset(m, 0, sizeof *m);
    for (int i = 0; i < node->n_in; i++)
        m->in[i] = node->in[i] ? guarded(ctx, val_bytes(node->in[i])) : NULL;
    for (int i = 0; i < node->n_out; i++)
        m->out[i] = guarded(ctx, val_bytes(node->out[i]));
}

static inline void memory_free(memory *m)
{
    for (int i = 0; i < OPERANDS; i++)
        fv_free(contexts[0], m->in[i]);
    for (int i = 0; i < RESULTS; i++)
        fv_free(contexts[0], m->out[i]);
}

static inline void memory_copy_inputs(memory *to, const memory *from, const fv_node *node)
{
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i])
            memcpy(to->in[i], from->in[i], val_bytes(node->in[i]));
}

static inline void describe(const fv_node *node, char *text, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < node->n_in + 1 && at < size; i++) {
        char shape[96];
        const fv_val *v = i < node->n_in ? node->in[i] : node->out[0];
        at += (size_t)snprintf(text + at, size - at, " %s", v ? fv_shape_text(&v->shape, shape) : "-");
    }
}

#ifdef FV_TEST_EMULATED
#define SAME_ZERO(a, b) true
#else
#define SAME_ZERO(a, b) (signbit(a) == signbit(b))
#endif

/* tolerance < 0: bits (any NaN equals any NaN). */
static inline void compare(const char *what, const fv_solver *solver, fv_ctx *ctx, const fv_val *v, const fv_node *node,
                           const void *got, const void *want, double tolerance)
{
    int64_t count = fv_shape_count(&v->shape);
    for (int64_t i = 0; i < count; i++) {
        double g = fv_get(v->dtype, got, i), w = fv_get(v->dtype, want, i);
        bool same = g == w ? tolerance >= 0.0 || SAME_ZERO(g, w) : isnan(g) && isnan(w);
        if (same || fabs(g - w) <= tolerance * (1.0 + fabs(w)))
            continue;
        char text[600];
        describe(node, text, sizeof text);
        fail_msg("%s on %s with %d threads, %s: element %lld of %s is %.9g, expected %.9g:%s", solver->name,
                 fv_ctx_isa(ctx), fv_ctx_threads(ctx), what, (long long)i, v->name, g, w, text);
    }
    if (((const unsigned char *)got)[val_bytes(v)] != 0xff)
        fail_msg("%s writes behind %s", solver->name, v->name);
}

/* Compares every solver of the case. `make`: changes operands before use (NULL: random ones are fine). */
static inline void check_case(const op_case *x, void (*make)(const fv_node *node, memory *m))
{
    fv_ctx *ctx = contexts[0];
    fv_graph *graph;
    fv_val *in[OPERANDS] = {NULL};
    fv_node *node;
    const fv_op *op = fv_op_find(ctx, x->op);
    assert_non_null(op);
    assert_int_equal(fv_graph_create(ctx, fv_op_find, &graph), FV_OK);
    for (int i = 0; i < x->n_in; i++) {
        char name[16];
        snprintf(name, sizeof name, "in%d", i);
        bool updated = fv_op_updates(op, i) || (strcmp(x->op, "batch_norm") == 0 && i == 4) ||
                       (strcmp(x->op, "bn_fold") == 0 && i == 5) || strcmp(x->op, "batch_norm_rstd") == 0;
        if (x->shape[i].rank > 0 && updated)
            assert_int_equal(fv_graph_param(graph, name, FV_ROLE_STATE, x->dtype[i], &x->shape[i], &in[i]), FV_OK);
        else if (x->shape[i].rank > 0)
            assert_int_equal(fv_graph_input(graph, name, x->dtype[i], &x->shape[i], &in[i]), FV_OK);
    }
    if (fv_graph_add(graph, op, "node", x->attr, in, x->n_in, &node) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    memory given, want, first, got;
    memory_make(&given, node);
    memory_make(&want, node);
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i])
            fill(node->in[i], given.in[i], x->below);
    if (make)
        make(node, &given);
    const fv_problem problem = {
        .node = node, .text = x->op, .dtype = FV_F32, .shards = fv_shards(node->in[0]->shape.dim[0])};
    memory_copy_inputs(&want, &given, node);
    const fv_call call = {.node = node,
                          .in = (void *const *)want.in,
                          .out = (void *const *)want.out,
                          .seed = 42,
                          .step = 7,
                          .shards = problem.shards};
    op->ref(&call);
    int compared = 0;
    for (int s = 0; s < n_solvers; s++) {
        const fv_solver *solver = solvers[s];
        if (!solver->op || strcmp(solver->op, x->op) != 0 || (solver->reject && solver->reject(solver, &problem)))
            continue;
        assert_true(solver->cost(solver, &problem) > 0.0);
        memory_make(&first, node);
        for (int c = 0; c < n_contexts; c++) {
            memory_make(&got, node);
            memory_copy_inputs(&got, &given, node);
            call_solver(solver, contexts[c], &problem, &got);
            for (int i = 0; i < node->n_out + node->n_in; i++) {
                const fv_val *v = i < node->n_out ? node->out[i] : node->in[i - node->n_out];
                if (!v)
                    continue;
                unsigned char *g = i < node->n_out ? got.out[i] : got.in[i - node->n_out];
                unsigned char *w = i < node->n_out ? want.out[i] : want.in[i - node->n_out];
                unsigned char *f = i < node->n_out ? first.out[i] : first.in[i - node->n_out];
                compare("against the reference", solver, contexts[c], v, node, g, w, x->tolerance);
                if (c == 0)
                    memcpy(f, g, val_bytes(v));
                else
                    compare("against the first variant", solver, contexts[c], v, node, g, f, -1.0);
            }
            memory_free(&got);
        }
        memory_free(&first);
        used[s] = true;
        compared++;
    }
    assert_true(compared > 0);
    memory_free(&given);
    memory_free(&want);
    fv_graph_destroy(&graph);
}

/* ---- shapes ---- */

static inline fv_shape image(void)
{
    bool large = pick(0, 9) == 0;
    return (fv_shape){4, {pick(1, 9), pick(1, large ? 24 : 9), pick(1, large ? 24 : 9), pick(1, large ? 70 : 40)}};
}

/* Every solver of operators that `mine` wants was compared at least once. */
static inline void check_all_compared(bool (*mine)(const fv_solver *solver))
{
    for (int i = 0; i < n_solvers; i++)
        if (!solvers[i]->chain && mine(solvers[i]) && !used[i]) /* regions: tests/plan/test_region.c */
            fail_msg("%s was never compared", solvers[i]->name);
}

extern const fv_solver fv_cpu_optim_solvers[], fv_cpu_optim_layer_solvers[];

/* Of the update and what comes before it: src/backend/cpu/optim*.c. */
static inline bool is_update(const fv_solver *solver)
{
    const fv_solver *const tables[] = {fv_cpu_optim_solvers, fv_cpu_optim_layer_solvers};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const fv_solver *s = tables[i]; s->name; s++)
            if (s == solver)
                return true;
    return false;
}

#endif
