/* SPDX-License-Identifier: Apache-2.0 */
/* Who can solve a problem, at which cost. */
#include <string.h>

#include "ops/region.h"
#include "plan/internal.h"

/* Who asks, about what. */
typedef struct inquiry {
    const fv_problem *problem;
    fv_answer_fn visit;
    void *arg;
} inquiry;

/* What the planner makes of the answers. */
typedef struct gathering {
    fv_ctx *ctx;
    fv_candidates *all;
    const char *bits; /* class of the operator's first solver */
    bool log;
} gathering;

const char *fv_solver_bits(const fv_solver *solver)
{
    return solver->bits ? solver->bits : FV_BITS_CHAIN;
}

bool fv_solver_is(const fv_solver *solver, const char *algorithm)
{
    const char *last = strrchr(solver->name, '.');
    const char *bits = fv_solver_bits(solver);
    return strcmp(last ? last + 1 : solver->name, algorithm) == 0 || strcmp(bits, algorithm) == 0 ||
           (strcmp(algorithm, FV_DIRECT) == 0 && strcmp(bits, FV_BITS_CHAIN) == 0);
}

bool fv_solver_solves(const fv_solver *solver, const fv_node *node)
{
    if (!solver->op || strcmp(solver->op, node->op->name) != 0)
        return !solver->op;
    if (!solver->chain)
        return true;
    const fv_region_attr *region = node->attr;
    int p = 0;
    while (p < region->n_parts && solver->chain[p] && strcmp(solver->chain[p], region->part[p].op->name) == 0)
        p++;
    return p == region->n_parts && !solver->chain[p];
}

static void ask(void *arg, const fv_solver *solver)
{
    const inquiry *q = arg;
    if (!fv_solver_solves(solver, q->problem->node))
        return;
    const char *reason = solver->reject ? solver->reject(solver, q->problem) : NULL;
    q->visit(q->arg, solver, reason, reason ? 0.0 : solver->cost(solver, q->problem));
}

void fv_candidates_visit(const fv_planner *planner, const fv_problem *problem, fv_answer_fn visit, void *arg)
{
    inquiry q = {.problem = problem, .visit = visit, .arg = arg};
    if (planner->policy.mode == FV_PLAN_REFERENCE && problem->node->op->ref)
        ask(&q, fv_reference_solvers);
    else
        fv_solvers_visit(planner->providers, ask, &q);
}

static void gather(void *arg, const fv_solver *solver, const char *reason, double cost)
{
    gathering *g = arg;
    fv_candidates *all = g->all;
    const char *bits = fv_solver_bits(solver);
    if (strcmp(bits, FV_BITS_REFERENCE) != 0) {
        all->several_classes = all->several_classes || (g->bits && strcmp(g->bits, bits) != 0);
        g->bits = bits;
    }
    if (reason && g->log)
        fv_log(g->ctx, FV_LOG_DEBUG, "plan", "    %-28s no: %s", solver->name, reason);
    else if (g->log)
        fv_log(g->ctx, FV_LOG_DEBUG, "plan", "    %-28s %.3f us", solver->name, cost * 1e-3);
    if (!reason && all->count < FV_CANDIDATES_MAX)
        all->row[all->count++] = (fv_candidate){.solver = solver, .estimate = cost};
}

static bool is_no_reference(const fv_candidate *c, const void *arg)
{
    (void)arg;
    return strcmp(fv_solver_bits(c->solver), FV_BITS_REFERENCE) != 0;
}

void fv_candidates_ask(const fv_planner *planner, const fv_problem *problem, bool log, fv_candidates *all)
{
    gathering g = {.ctx = planner->ctx, .all = all, .log = log};
    all->count = 0;
    all->several_classes = false;
    fv_candidates_visit(planner, problem, gather, &g);
}

void fv_candidates_keep(fv_candidates *all, bool (*keep)(const fv_candidate *c, const void *arg), const void *arg)
{
    int kept = 0;
    for (int i = 0; i < all->count; i++)
        if (keep(&all->row[i], arg))
            all->row[kept++] = all->row[i];
    all->count = kept;
}

void fv_candidates_drop_reference(fv_candidates *all)
{
    for (int i = 0; i < all->count; i++)
        if (is_no_reference(&all->row[i], NULL)) {
            fv_candidates_keep(all, is_no_reference, NULL);
            return;
        }
}

bool fv_solver_is_exact(const fv_solver *solver, fv_dtype dtype)
{
    return fv_solver_error(solver, dtype) <= (dtype == FV_F16 ? FV_HALF_ERROR_MOST : FV_ERROR_MOST);
}

static bool is_exact(const fv_candidate *c, const void *dtype)
{
    return fv_solver_is_exact(c->solver, *(const fv_dtype *)dtype);
}

void fv_candidates_drop_inexact(fv_candidates *all, fv_dtype dtype)
{
    fv_candidates_keep(all, is_exact, &dtype);
}

static double cost_of(const fv_candidate *c)
{
    return c->measured > 0.0 ? c->measured : c->estimate;
}

/* By insertion, so that equal ones keep their order. */
void fv_candidates_sort(fv_candidates *all)
{
    for (int i = 1; i < all->count; i++) {
        const fv_candidate c = all->row[i];
        int at = i;
        for (; at > 0 && cost_of(&c) < cost_of(&all->row[at - 1]); at--)
            all->row[at] = all->row[at - 1];
        all->row[at] = c;
    }
}
