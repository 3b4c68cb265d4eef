/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operator that sums over samples, or counts them, computed by pieces: the whole batch by its own operator, then
 * two, four and eight pieces by its partial form, whose sums are added where they meet. All results have the same bits,
 * by the reference and on every instruction set.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "ops/ops.h"
#include "plan/plan.h"

enum { PIECES = 8, OPERANDS = 8, VALUES = 64, CONTEXTS = 16 };

/* `line`: a problem in which N is the number of samples. Bits of in and out: operands and results that hold one part
 * per sample. */
typedef struct partial_case {
    const char *line;
    uint32_t in, out;
} partial_case;

static const partial_case cases[] = {
    {"channel_sum f32 nNh5w3c19", 1, 0},
    {"channel_sum f32 nNc5", 1, 0},
    {"prelu_bwd f32 nNh3w5c7 nNh3w5c7 a7", 3, 1},
    {"prelu_bwd f32 nNh3w5c7 nNh3w5c7 a1", 3, 1},
    {"batch_norm_train f32 nNh3w3c19 c19 c19 c19:state c19:state", 1, 1},
    {"batch_norm_train f32 nNh3w3c33 c33 c33 c33:state c33:state activation=relu momentum=0.3", 1, 1},
    {"batch_norm_train f32 nNc5 c5 c5 c5:state c5:state eps=0.01", 1, 1},
    {"batch_norm_bwd f32 nNh3w3c19 nNh3w3c19 c19 c19 c19", 3, 1},
    {"batch_norm_bwd f32 nNh3w3c17 nNh3w3c17 c17 c17 c17 nNh3w3c17 activation=relu6", 35, 1},
    {"batch_norm_bwd f32 nNh3w3c17 nNh3w3c17 c17 c17 c17 nNh3w3c17 activation=relu frozen=true", 35, 1},
    {"softmax_cross_entropy f32 nNk10 nN:i32", 3, 2},
    {"softmax_cross_entropy f32 nNk21 nNk21 smoothing=0.1", 3, 2},
    {"softmax_cross_entropy_bwd f32 1 nNk10 nN:i32", 6, 1},
    {"softmax_cross_entropy_bwd f32 1 nNk21 nNk21", 6, 1},
    {"softmax_kl f32 nNk10 nNk10 temperature=3", 3, 2},
    {"softmax_kl_bwd f32 1 nNk10 nNk10 temperature=3", 6, 1},
    {"mse f32 nNk7 nNk7", 3, 2},
    {"mse_bwd f32 1 nNk7 nNk7", 6, 1},
    {"mae f32 nNk7 nNk7", 3, 2},
    {"mae_bwd f32 1 nNk7 nNk7", 6, 1},
    {"huber f32 nNk7 nNk7 delta=0.3", 3, 2},
    {"huber_bwd f32 1 nNk7 nNk7 delta=0.3", 6, 1},
    {"sigmoid_bce f32 nNk7 nNk7", 3, 2},
    {"sigmoid_bce_bwd f32 1 nNk7 nNk7", 6, 1},
    {"conv2d_bwd_weights f32 nNp6q6k8 nNh8w8c5 size=3", 3, 0},
    {"conv2d_bwd_weights f32 nNp7q7k24 nNh7w7c17 size=1", 3, 0},
    {"conv2d_bwd_weights f32 nNp4q4k18 nNh8w8c18 size=3 stride=2 pad=1,1,0,0 groups=18", 3, 0},
    {"dense_bwd_weights f32 nNo10 nNi33", 3, 0},
    {"reduce_sum f32 nNh5w3c7 axes=0,1", 1, 0},
    {"reduce_sum f32 nNh5w3c7 axes=0,3 keepdims=true", 1, 0},
    {"reduce_sum f32 nNh5w3c7 axes=2", 1, 1},
    {"reduce_mean f32 nNh5w3c7 axes=1,2", 1, 1},
    {"gather_bwd f32 nNk3c5 nNk3:i32 size=4", 3, 0},
    {"gather_bwd f32 nNk3c5 3:i32 axis=1 size=4", 1, 1},
    {"dense_bwd_weights f32 nNh3w2o10 nNh3w2i33", 3, 0},
    {"layer_norm_bwd_scale f32 nNh3w3c19 nNh3w3c19", 3, 0},
    {"layer_norm_bwd_scale f32 nNc33 nNc33 eps=0.01", 3, 0},
    {"dropout f32 nNh3w3c5 rate=0.3", 1, 1},
    {"stochastic_depth f32 nNh3w3c5 rate=0.3", 1, 1},
    {"stochastic_depth_bwd f32 nNi128 rate=0.5 stream=3", 1, 1},
    {"dropout_bwd f32 nNi128 rate=0.5 stream=3", 1, 1},
};

static fv_ctx *contexts[CONTEXTS];
static int n_contexts;
static uint64_t rng = 3;

static int setup(void **state)
{
    (void)state;
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    for (int isa = 0; isa < FV_ISA_COUNT; isa++)
        for (int threads = 1; threads <= 3 && cpu.has[isa] && fv_kernels_get((fv_isa)isa); threads += 2) {
            const fv_ctx_options options = {.isa = fv_isa_name((fv_isa)isa), .threads = threads};
            assert_int_equal(fv_ctx_create(&options, &contexts[n_contexts++]), FV_OK);
        }
    return 0;
}

static int teardown(void **state)
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

static double uniform(void)
{
    rng = rng * 6364136223846793005ull + 1442695040888963407ull;
    return (double)(rng >> 40) / 8388608.0 - 1.0;
}

static size_t val_bytes(const fv_val *v)
{
    return (size_t)fv_shape_count(&v->shape) * fv_dtype_size(v->dtype);
}

/* ---- one graph, one or more pieces of its batch, node by node ---- */

typedef struct piece {
    void *data[VALUES]; /* by value id */
    int64_t samples, total, offset;
    int shards;
} piece;

typedef struct search {
    const fv_problem *problem;
    const fv_solver *best;
} search;

static void consider(void *arg, const fv_solver *solver)
{
    search *s = arg;
    if ((solver->op && strcmp(solver->op, s->problem->node->op->name) != 0) ||
        (solver->reject && solver->reject(solver, s->problem)))
        return;
    if (!s->best || solver->cost(solver, s->problem) < s->best->cost(s->best, s->problem))
        s->best = solver;
}

static void run_node(fv_ctx *ctx, const fv_node *node, piece *p, bool reference)
{
    fv_problem problem = {.node = node, .text = node->op->name, .dtype = FV_F32, .shards = p->shards};
    search s = {.problem = &problem, .best = reference ? &fv_reference_solvers[0] : NULL};
    if (!reference)
        fv_solvers_visit(fv_cpu_providers, consider, &s);
    fv_plan plan = {.ctx = ctx,
                    .solver = s.best,
                    .problem = problem,
                    .kernels = fv_kernels_get(fv_ctx_isa_id(ctx)),
                    .threads = fv_ctx_threads(ctx)};
    if (s.best->prepare)
        assert_int_equal(s.best->prepare(&plan), FV_OK);
    void *in[OPERANDS] = {NULL}, *out[OPERANDS] = {NULL};
    for (int i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? p->data[node->in[i]->id] : NULL;
    for (int i = 0; i < node->n_out; i++) {
        out[i] = p->data[node->out[i]->id] = calloc(1, val_bytes(node->out[i]) + FV_TAIL_PAD);
        assert_non_null(out[i]);
    }
    void *workspace = calloc(1, (s.best->workspace_bytes ? s.best->workspace_bytes(&plan) : 0) + FV_TAIL_PAD + 64);
    void *aligned = (void *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    assert_non_null(workspace);
    assert_true(!s.best->packed_bytes || s.best->packed_bytes(&plan) == 0);
    fv_call call = {.node = node,
                    .in = in,
                    .out = out,
                    .workspace = aligned,
                    .seed = 42,
                    .step = 7,
                    .shards = p->shards,
                    .piece = p->samples,
                    .total = p->total,
                    .offset = p->offset};
    s.best->run(&plan, &call);
    if (s.best->release)
        s.best->release(&plan);
    free(workspace);
}

/* The value of all pieces becomes their sum, by a tree of neighbors. */
static void meet(const fv_val *val, piece *pieces, int n)
{
    for (int64_t i = 0; i < fv_shape_count(&val->shape); i++) {
        double v[PIECES];
        for (int k = 0; k < n; k++)
            v[k] = fv_get(val->dtype, pieces[k].data[val->id], i);
        for (int step = 1; step < n; step *= 2)
            for (int k = 0; k + step < n; k += 2 * step)
                v[k] = val->dtype == FV_F32 ? (double)((float)v[k] + (float)v[k + step]) : v[k] + v[k + step];
        for (int k = 0; k < n; k++)
            fv_set(val->dtype, pieces[k].data[val->id], i, v[0]);
    }
}

static void run_graph(fv_ctx *ctx, const fv_graph *g, piece *pieces, int n, bool reference)
{
    for (int32_t i = 0; i < g->n_nodes; i++) {
        for (int k = 0; k < n; k++)
            run_node(ctx, g->nodes[i], &pieces[k], reference);
        if (g->nodes[i]->op->traits & FV_T_MEETS)
            meet(g->nodes[i]->out[0], pieces, n);
    }
}

static void free_pieces(const fv_graph *g, piece *pieces, int n)
{
    for (int k = 0; k < n; k++)
        for (int32_t i = 0; i < g->n_vals; i++)
            free(pieces[k].data[i]);
}

/* ---- the whole and its pieces ---- */

static void parse(fv_ctx *ctx, const partial_case *c, int64_t n, fv_graph **g, fv_node **node)
{
    char line[512];
    size_t at = 0;
    for (const char *p = c->line; *p; p++)
        at += (size_t)(*p == 'N' ? snprintf(line + at, sizeof line - at, "%lld", (long long)n)
                                 : snprintf(line + at, sizeof line - at, "%c", *p));
    if (fv_problem_parse(ctx, line, g, node) != FV_OK)
        fail_msg("%s: %s", line, fv_ctx_error(ctx));
}

static void fill(const fv_val *v, void *data)
{
    bool positive = strcmp(v->name, "var") == 0 || strcmp(v->name, "rstd") == 0;
    for (int64_t i = 0; i < fv_shape_count(&v->shape); i++) {
        double x = v->dtype == FV_I32 ? floor(5.0 * (uniform() + 1.0)) : uniform();
        fv_set(v->dtype, data, i, positive ? fabs(x) + 0.1 : x);
    }
}

static void expect_same(const partial_case *c, int64_t n, int k, const fv_ctx *ctx, const char *what, const void *got,
                        const void *want, size_t bytes)
{
    if (memcmp(got, want, bytes) != 0)
        fail_msg("%s with N = %lld in %d pieces on %s with %d threads: other bits of %s", c->line, (long long)n, k,
                 fv_ctx_isa(ctx), fv_ctx_threads(ctx), what);
}

/* `node` and `whole`: the operator on the whole batch and what it gave; `given`: states before it ran. */
static void check_pieces(fv_ctx *ctx, const partial_case *c, const fv_node *node, const piece *whole,
                         void *const *given, int64_t n, int k, bool reference)
{
    fv_graph *g, *lain;
    fv_node *own;
    fv_val *map[VALUES];
    piece pieces[PIECES] = {{{NULL}, 0, 0, 0, 0}};
    parse(ctx, c, n / k, &g, &own);
    if (fv_pass_partial(g, true, &lain, map) != FV_OK)
        fail_msg("%s: %s", c->line, fv_ctx_error(ctx));
    assert_int_equal(fv_graph_verify(lain), FV_OK);
    assert_true(lain->n_vals <= VALUES);
    for (int j = 0; j < k; j++) {
        piece *p = &pieces[j];
        p->samples = n / k;
        p->total = n;
        p->offset = j * (n / k);
        p->shards = fv_shards(n) / k;
        for (int i = 0; i < own->n_in; i++) {
            size_t bytes = own->in[i] ? val_bytes(own->in[i]) : 0, first = c->in >> i & 1 ? (size_t)j * bytes : 0;
            if (!own->in[i])
                continue;
            void *data = p->data[map[own->in[i]->id]->id] = calloc(1, bytes + FV_TAIL_PAD);
            memcpy(data, (const char *)given[i] + first, bytes);
        }
    }
    run_graph(ctx, lain, pieces, k, reference);
    for (int j = 0; j < k; j++)
        for (int i = 0; i < own->n_in + own->n_out; i++) {
            bool result = i >= own->n_in;
            const fv_val *v = result ? own->out[i - own->n_in] : own->in[i];
            const fv_val *w = result ? node->out[i - own->n_in] : node->in[i];
            if (!v || (!result && v->role != FV_ROLE_STATE))
                continue;
            size_t first = result && (c->out >> (i - own->n_in) & 1) ? (size_t)j * val_bytes(v) : 0;
            expect_same(c, n, k, ctx, v->name, pieces[j].data[map[v->id]->id], (const char *)whole->data[w->id] + first,
                        val_bytes(v));
        }
    free_pieces(lain, pieces, k);
    fv_graph_destroy(&lain);
    fv_graph_destroy(&g);
}

static void check_case(fv_ctx *ctx, const partial_case *c, int64_t n, bool reference)
{
    fv_graph *g;
    fv_node *node;
    void *given[OPERANDS] = {NULL};
    parse(ctx, c, n, &g, &node);
    piece whole = {.shards = fv_shards(n)};
    for (int i = 0; i < node->n_in; i++) {
        if (!node->in[i])
            continue;
        given[i] = calloc(1, val_bytes(node->in[i]) + FV_TAIL_PAD);
        whole.data[node->in[i]->id] = calloc(1, val_bytes(node->in[i]) + FV_TAIL_PAD);
        assert_true(given[i] && whole.data[node->in[i]->id]);
        fill(node->in[i], given[i]);
        memcpy(whole.data[node->in[i]->id], given[i], val_bytes(node->in[i]));
    }
    run_graph(ctx, g, &whole, 1, reference);
    for (int k = 1; k <= fv_shards(n); k *= 2)
        check_pieces(ctx, c, node, &whole, given, n, k, reference);
    for (int i = 0; i < node->n_in; i++)
        free(given[i]);
    free_pieces(g, &whole, 1);
    fv_graph_destroy(&g);
}

static void test_pieces_have_the_bits_of_the_whole(void **state)
{
    (void)state;
    static const int64_t samples[] = {16, 24, 12, 6, 32, 8};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int x = 0; x < n_contexts; x++)
            for (size_t j = 0; j < sizeof samples / sizeof *samples; j++)
                if (samples[j] / fv_shards(samples[j]) > 1 || !strstr(cases[i].line, "batch_norm_train f32 nNc"))
                    check_case(contexts[x], &cases[i], samples[j], false);
}

static void test_references_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(contexts[0], &cases[i], 16, true);
}

/* Whoever adds an operator that sums over samples adds a case. */
static void test_all_are_covered(void **state)
{
    (void)state;
    int count;
    const fv_op *const *ops = fv_op_list(&count);
    for (int i = 0; i < count; i++) {
        size_t length = strlen(ops[i]->name);
        bool found = !(ops[i]->traits & FV_T_SHARDED) || strstr(ops[i]->name, "_partial");
        for (size_t j = 0; j < sizeof cases / sizeof *cases; j++)
            found |= strncmp(cases[j].line, ops[i]->name, length) == 0 && cases[j].line[length] == ' ';
        if (!found)
            fail_msg("%s has no case", ops[i]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_have_the_bits_of_the_whole),
        cmocka_unit_test(test_references_too),
        cmocka_unit_test(test_all_are_covered),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
