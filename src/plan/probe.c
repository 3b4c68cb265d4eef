/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers with bits of their own on a small problem, beside the chains: whether results are as near as stated. */
#include <math.h>
#include <string.h>

#include "plan/internal.h"

/* Factors of the two operands of a product whose results are the same: numbers of a usual size, and of operands that
 * stand near both ends of the range of halves. */
static const double scales[][2] = {{1.0, 1.0}, {0x1p-15, 0x1p15}, {0x1p10, 0x1p-14}};

typedef struct probe {
    const fv_planner *planner;
    const fv_solver *solver, *direct; /* under test, and of the chains */
    fv_problem problem;
    fv_scene scene;
    void *want; /* of the direct one */
} probe;

static fv_status compute(const probe *p, const fv_solver *solver)
{
    fv_plan *plan = NULL;
    fv_timing timing;
    FV_TRY(fv_plan_create_with(p->planner, solver, p->problem.node, p->problem.dtype, p->problem.const_in, &plan));
    fv_status status = fv_plan_time_on(plan, &p->scene, &(fv_timing_options){.runs = 0}, &timing);
    fv_plan_destroy(&plan);
    return status;
}

/* Largest difference of results; infinite where one alone is not finite. */
static double largest_difference(const probe *p)
{
    const fv_val *out = p->problem.node->out[0];
    double largest = 0.0;
    for (int64_t i = 0; i < fv_shape_count(&out->shape); i++) {
        const double want = fv_get(out->dtype, p->want, i), got = fv_get(out->dtype, p->scene.out[0], i);
        if (isfinite(want) && !(fabs(got - want) <= largest))
            largest = isfinite(got) ? fabs(got - want) : INFINITY;
    }
    return largest;
}

static fv_status run_probe(probe *p, bool *passed)
{
    const fv_node *node = p->problem.node;
    const size_t bytes = (size_t)fv_shape_count(&node->out[0]->shape) * fv_dtype_size(node->out[0]->dtype);
    *passed = true;
    for (size_t i = 0; *passed && i < sizeof scales / sizeof *scales; i++) {
        for (int k = 0; k < 2 && k < node->n_in; k++)
            fv_operand_fill(p->planner->ctx, node->in[k], scales[i][k], p->scene.in[k]);
        FV_TRY(compute(p, p->direct));
        memcpy(p->want, p->scene.out[0], bytes);
        FV_TRY(compute(p, p->solver));
        const double off = largest_difference(p), bound = fv_rounding_bound(p->solver, node, p->scene.in) +
                                                          fv_rounding_bound(p->direct, node, p->scene.in);
        *passed = off <= bound;
        if (!*passed)
            fv_log(p->planner->ctx, FV_LOG_WARN, "plan",
                   "%s is passed over: the results of '%s' are off by %.2g, and at most %.2g is stated",
                   p->solver->name, p->problem.text, off, bound);
    }
    return FV_OK;
}

/* The cheapest solver of the chains, or the reference. */
static const fv_solver *direct_for(const fv_planner *planner, const fv_problem *problem)
{
    fv_candidates all;
    fv_candidates_ask(planner, problem, false, &all);
    fv_candidates_sort(&all);
    for (int i = 0; i < all.count; i++)
        if (strcmp(fv_solver_bits(all.row[i].solver), FV_BITS_CHAIN) == 0)
            return all.row[i].solver;
    return fv_reference_solvers;
}

static fv_status probe_of(const fv_planner *planner, const fv_solver *solver, const char *text, fv_dtype dtype,
                          bool *passed)
{
    fv_ctx *ctx = planner->ctx;
    probe p = {.planner = planner, .solver = solver};
    fv_graph *graph = NULL;
    fv_node *node = NULL;
    FV_TRY(fv_problem_parse(ctx, text, &graph, &node));
    p.problem = fv_problem_of(node, text, dtype, fv_problem_const_in(node));
    p.direct = direct_for(planner, &p.problem);
    p.want = fv_calloc(ctx, (size_t)fv_shape_count(&node->out[0]->shape), fv_dtype_size(node->out[0]->dtype));
    fv_status status = p.want ? fv_scene_make(ctx, node, &p.scene) : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        status = run_probe(&p, passed);
        fv_scene_free(&p.scene);
    }
    fv_free(ctx, p.want);
    fv_graph_destroy(&graph);
    return status;
}

static fv_status passes(const fv_planner *planner, const fv_solver *solver, const fv_problem *problem, bool *passed)
{
    fv_str text = {.ctx = planner->ctx};
    *passed = true;
    if (!solver->probe)
        return FV_OK;
    fv_status status = solver->probe(solver, problem, &text);
    if (status == FV_OK && text.size > 0)
        status = probe_of(planner, solver, fv_str_get(&text), problem->dtype, passed);
    fv_str_free(&text);
    return status;
}

static bool is_another(const fv_candidate *c, const void *solver)
{
    return c->solver != solver;
}

fv_status fv_candidates_probe(const fv_planner *planner, const fv_problem *problem, bool all, fv_candidates *some,
                              fv_candidates *others)
{
    for (int i = 0; i < some->count;) {
        const fv_solver *solver = some->row[i].solver;
        bool passed;
        FV_TRY(passes(planner, solver, problem, &passed));
        if (passed && !all)
            return FV_OK;
        i += passed;
        if (passed)
            continue;
        fv_candidates_keep(some, is_another, solver);
        if (others)
            fv_candidates_keep(others, is_another, solver);
    }
    return FV_OK;
}
