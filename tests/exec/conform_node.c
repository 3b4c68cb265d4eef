/* SPDX-License-Identifier: Apache-2.0 */
/* One node, all who can compute it. */
#include <math.h>

#include "conform.h"

#include "base/ctx.h"
#include "plan/plan.h"

#define GUARD 256

/* Results of one run of a node. */
typedef struct results {
    unsigned char *out[FV_MAX_RESULTS]; /* with GUARD bytes behind */
    void *in[FV_MAX_OPERANDS];          /* operands; states that are updated are copies */
    bool copied[FV_MAX_OPERANDS];
} results;

static size_t bytes_of(const fv_val *val)
{
    return (size_t)fv_shape_count(&val->shape) * fv_dtype_size(val->dtype);
}

static void results_free(conform *c, const fv_node *node, results *r)
{
    for (int i = 0; i < node->n_out; i++)
        fv_free(c->ctx, r->out[i]);
    for (int i = 0; i < node->n_in; i++) {
        if (r->copied[i])
            fv_free(c->ctx, r->in[i]);
    }
}

static bool is_updated(const fv_node *node, int i)
{
    return node->in[i] && fv_op_updates(node->op, i);
}

/* Packs with the operands of `packs` alone and runs without them: what was packed may be gone by then. */
static void pack_apart(conform *c, const fv_plan *plan, const fv_call *call, void *packed, void **in)
{
    const fv_node *node = call->node;
    void *spoiled[FV_MAX_OPERANDS] = {NULL}, *whole[FV_MAX_OPERANDS] = {NULL};
    for (int i = 0; i < node->n_in; i++) {
        whole[i] = in[i];
        spoiled[i] = node->in[i] ? fv_malloc(c->ctx, bytes_of(node->in[i])) : NULL;
        if (spoiled[i])
            memset(spoiled[i], 0xFF, bytes_of(node->in[i]));
        in[i] = plan->solver->packs >> i & 1 ? whole[i] : spoiled[i];
    }
    plan->solver->pack(plan, call, packed);
    for (int i = 0; i < node->n_in; i++)
        in[i] = plan->solver->packs >> i & 1 ? spoiled[i] : whole[i];
    plan->solver->run(plan, call);
    for (int i = 0; i < node->n_in; i++) {
        in[i] = whole[i];
        fv_free(c->ctx, spoiled[i]);
    }
}

/* Runs the solver with outputs, workspace and packed memory full of `poison`. */
static results run_solver(conform *c, const char *line, const fv_node *node, const fv_solver *solver, uint32_t const_in,
                          void *const *in, const fv_call *key, int poison)
{
    results r = {{NULL}, {NULL}, {false}};
    fv_plan *plan = NULL;
    bool wide = (node->n_out > 0 && node->out[0]->dtype == FV_F64) || (node->in[0] && node->in[0]->dtype == FV_F64);
    fv_dtype dtype = wide ? FV_F64 : FV_F32;
    const fv_planner planner = fv_planner_of(c->ctx, NULL);
    if (fv_plan_create_with(&planner, solver, node, dtype, const_in, &plan) != FV_OK)
        fail_msg("%s: %s: %s", line, solver->name, fv_ctx_error(c->ctx));
    for (int i = 0; i < node->n_in; i++) {
        r.in[i] = in[i];
        if (is_updated(node, i)) {
            r.in[i] = fv_malloc(c->ctx, bytes_of(node->in[i]));
            memcpy(r.in[i], in[i], bytes_of(node->in[i]));
            r.copied[i] = true;
        }
    }
    for (int i = 0; i < node->n_out; i++) {
        r.out[i] = fv_malloc(c->ctx, bytes_of(node->out[i]) + GUARD);
        assert_non_null(r.out[i]);
        memset(r.out[i], poison, bytes_of(node->out[i]) + GUARD);
    }
    size_t packed_bytes = fv_plan_packed_bytes(plan), workspace_bytes = fv_plan_workspace_bytes(plan);
    unsigned char *packed = fv_malloc(c->ctx, packed_bytes + GUARD);
    unsigned char *workspace = fv_malloc(c->ctx, workspace_bytes + GUARD);
    assert_true(packed && workspace);
    memset(packed, poison, packed_bytes + GUARD);
    memset(workspace, poison, workspace_bytes + GUARD);
    fv_call call = {.node = node,
                    .in = r.in,
                    .out = (void *const *)r.out,
                    .workspace = workspace,
                    .packed = packed_bytes ? packed : NULL,
                    .seed = key->seed,
                    .step = key->step,
                    .samples = key->samples,
                    .shards = plan->problem.shards};
    if (packed_bytes)
        pack_apart(c, plan, &call, packed, r.in);
    else
        solver->run(plan, &call);
    for (int g = 0; g < GUARD; g++) {
        bool clean = packed[packed_bytes + (size_t)g] == poison && workspace[workspace_bytes + (size_t)g] == poison;
        for (int i = 0; i < node->n_out; i++)
            clean = clean && r.out[i][bytes_of(node->out[i]) + (size_t)g] == poison;
        if (!clean)
            fail_msg("%s: %s writes behind the end of its memory", line, solver->name);
    }
    fv_free(c->ctx, packed);
    fv_free(c->ctx, workspace);
    fv_plan_destroy(&plan);
    return r;
}

/* Same bits in every result and updated state. */
static void assert_same_bits(const char *line, const char *what, const fv_node *node, const results *a,
                             const results *b)
{
    for (int i = 0; i < node->n_out; i++) {
        if (memcmp(a->out[i], b->out[i], bytes_of(node->out[i])) != 0)
            fail_msg("%s: %s: two runs differ in result %d (or leave part of it unwritten)", line, what, i);
    }
    for (int i = 0; i < node->n_in; i++) {
        if (a->copied[i] && memcmp(a->in[i], b->in[i], bytes_of(node->in[i])) != 0)
            fail_msg("%s: %s: two runs leave operand %d in different states", line, what, i);
    }
}

/*
 * How far the reference moves when every operand changes in its last bits: what a differently rounded computation may
 * be off by where results are small differences of large numbers. slack[i] for result i.
 */
static void measure_slack(conform *c, const char *line, const fv_node *node, void *const *in, const fv_call *key,
                          const results *ref, double *slack)
{
    void *moved[FV_MAX_OPERANDS] = {NULL};
    for (int i = 0; i < node->n_in; i++) {
        const fv_val *v = node->in[i];
        if (!v)
            continue;
        moved[i] = fv_malloc(c->ctx, bytes_of(v));
        assert_non_null(moved[i]);
        memcpy(moved[i], in[i], bytes_of(v));
        for (int64_t k = 0; v->dtype == FV_F32 && k < fv_shape_count(&v->shape); k++) {
            double sign = net_random(&c->rng) & 1 ? 1.0 : -1.0;
            fv_set(v->dtype, moved[i], k, fv_get(v->dtype, in[i], k) * (1.0 + sign * 0x1p-23));
        }
    }
    results other = run_solver(c, line, node, fv_reference_solvers, 0, moved, key, 0xA5);
    for (int i = 0; i < node->n_out; i++) {
        fv_dtype dtype = node->out[i]->dtype;
        slack[i] = 0.0;
        for (int64_t k = 0; dtype == FV_F32 && k < fv_shape_count(&node->out[i]->shape); k++)
            slack[i] = fmax(slack[i], 4.0 * fabs(fv_get(dtype, other.out[i], k) - fv_get(dtype, ref->out[i], k)));
    }
    results_free(c, node, &other);
    for (int i = 0; i < node->n_in; i++)
        fv_free(c->ctx, moved[i]);
}

static void assert_near(const char *line, const char *what, const fv_val *val, const void *found, const void *expected,
                        double slack)
{
    int64_t count = fv_shape_count(&val->shape);
    double largest = 0.0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(fv_get(val->dtype, expected, i)));
    bool exact = val->dtype != FV_F32 && val->dtype != FV_F64;
    for (int64_t i = 0; i < count; i++) {
        double f = fv_get(val->dtype, found, i), e = fv_get(val->dtype, expected, i);
        double bound = exact ? 0.0 : 1e-6 * fabs(e) + 1e-7 * largest + slack;
        if (!(fabs(f - e) <= bound) && !(isnan(f) && isnan(e)))
            fail_msg("%s: %s: element %lld is %.9g, the reference says %.9g", line, what, (long long)i, f, e);
    }
}

/* Whether results are one sample each of one sample of the first operand, so that some can be left out. */
static bool has_samples(const fv_node *node)
{
    const uint32_t whole = FV_T_BACKWARD | FV_T_SHARDED | FV_T_LOSS | FV_T_VIEW;
    const fv_val *src = node->in[0];
    if ((node->op->traits & whole) || node->op->updates || !src || src->shape.rank < 2 || src->shape.dim[0] < 2 ||
        node->op->letters[0][0] != 'n')
        return false;
    for (int i = 0; i < node->n_out; i++) {
        if (node->out[i]->shape.rank < 1 || node->out[i]->shape.dim[0] != src->shape.dim[0])
            return false;
    }
    return true;
}

/*
 * A run of the first samples alone, while the others of the first operand hold NaN: the first rows have the bits of the
 * whole run. `all`: the results of that.
 */
static void check_samples(conform *c, const char *line, const fv_node *node, int s, uint32_t const_in, void *const *in,
                          const fv_call *key, const results *all)
{
    const fv_solver *solver = c->solver[s];
    const int64_t n = node->in[0]->shape.dim[0], samples = n > 2 && c->compared[s] % 2 ? n - 1 : 1;
    const size_t used = bytes_of(node->in[0]) / (size_t)n * (size_t)samples;
    fv_call some = *key;
    void *part[FV_MAX_OPERANDS];
    memcpy(part, in, (size_t)node->n_in * sizeof *part);
    unsigned char *first = part[0] = fv_malloc(c->ctx, bytes_of(node->in[0]));
    assert_non_null(first);
    memcpy(first, in[0], used);
    memset(first + used, 0xFF, bytes_of(node->in[0]) - used);
    some.samples = samples;
    results r = run_solver(c, line, node, solver, const_in, part, &some, 0xA5);
    for (int i = 0; i < node->n_out; i++) {
        const size_t row = bytes_of(node->out[i]) / (size_t)n, rows = row * (size_t)samples;
        if (memcmp(r.out[i], all->out[i], rows) != 0)
            fail_msg("%s: %s: the first %lld samples alone have other bits in result %d", line, solver->name,
                     (long long)samples, i);
        bool untouched = true;
        for (size_t at = rows; at < bytes_of(node->out[i]); at++)
            untouched = untouched && r.out[i][at] == 0xA5;
        c->shortened[s] += untouched;
    }
    results_free(c, node, &r);
    fv_free(c->ctx, first);
}

static void count_node(conform *c, const fv_node *node)
{
    int op = conform_op(node->op->name);
    if (op >= 0)
        c->seen[op]++;
    c->nodes++;
}

void conform_node(conform *c, const char *line, const fv_node *node, void *const *in, uint64_t seed, uint64_t step)
{
    const fv_call key = {.seed = seed, .step = step};
    results ref = run_solver(c, line, node, fv_reference_solvers, 0, in, &key, 0xA5);
    results again = run_solver(c, line, node, fv_reference_solvers, 0, in, &key, 0x5A);
    assert_same_bits(line, "reference", node, &ref, &again);
    results_free(c, node, &again);
    count_node(c, node);
    double slack[FV_MAX_RESULTS];
    measure_slack(c, line, node, in, &key, &ref, slack);
    fv_problem problem = {.node = node, .dtype = node->in[0] ? node->in[0]->dtype : FV_F32, .shards = 1, .text = line};
    if ((node->op->traits & FV_T_SHARDED) && node->in[0])
        problem.shards = fv_shards(node->in[0]->shape.dim[0]);
    for (int s = 0; s < c->n_solvers; s++) {
        const fv_solver *solver = c->solver[s];
        if (strcmp(solver->op ? solver->op : node->op->name, node->op->name) != 0)
            continue;
        /* With nothing constant, then with all but the first operand constant, which lets it pack ahead. */
        for (int pass = 0; pass < (node->n_in > 1 ? 2 : 1); pass++) {
            problem.const_in =
                pass ? (uint32_t)(~UINT64_C(1) & ((UINT64_C(1) << (node->n_in < 32 ? node->n_in : 32)) - 1)) : 0;
            if (solver->reject && solver->reject(solver, &problem))
                continue;
            results a = run_solver(c, line, node, solver, problem.const_in, in, &key, 0xA5);
            results b = run_solver(c, line, node, solver, problem.const_in, in, &key, 0x5A);
            assert_same_bits(line, solver->name, node, &a, &b);
            for (int i = 0; i < node->n_out; i++)
                assert_near(line, solver->name, node->out[i], a.out[i], ref.out[i],
                            slack[i] + fv_solver_bound(solver, node, in));
            for (int i = 0; i < node->n_in; i++) {
                if (a.copied[i])
                    assert_near(line, solver->name, node->in[i], a.in[i], ref.in[i], 0.0);
            }
            if (has_samples(node))
                check_samples(c, line, node, s, problem.const_in, in, &key, &a);
            results_free(c, node, &a);
            results_free(c, node, &b);
            c->compared[s]++;
        }
    }
    results_free(c, node, &ref);
}
