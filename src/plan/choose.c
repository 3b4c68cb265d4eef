/* SPDX-License-Identifier: Apache-2.0 */
/* From problem to plan: asks every solver, remembers the answer. */
#include <string.h>

#include "ops/ops.h"
#include "plan/internal.h"

typedef struct choice {
    fv_ctx *ctx;
    const fv_problem *problem;
    const char *remembered; /* solver named by wisdom, or NULL */
    int version;
    const fv_solver *best, *held; /* cheapest; the remembered one if it still holds */
    double best_cost, held_cost;
    const char *stale; /* why the remembered one does not hold */
    bool log;
} choice;

static void consider(void *arg, const fv_solver *solver)
{
    choice *c = arg;
    if (solver->op && strcmp(solver->op, c->problem->node->op->name) != 0)
        return;
    bool remembered = c->remembered && strcmp(c->remembered, solver->name) == 0;
    const char *reason = solver->reject ? solver->reject(solver, c->problem) : NULL;
    if (remembered)
        c->stale = reason ? reason : solver->version != c->version ? "it has another version now" : NULL;
    if (reason) {
        if (c->log)
            fv_log(c->ctx, FV_LOG_DEBUG, "plan", "    %-28s no: %s", solver->name, reason);
        return;
    }
    double cost = solver->cost(solver, c->problem);
    if (c->log)
        fv_log(c->ctx, FV_LOG_DEBUG, "plan", "    %-28s %.3f us", solver->name, cost * 1e-3);
    if (!c->best || cost < c->best_cost) {
        c->best = solver;
        c->best_cost = cost;
    }
    if (remembered && !c->stale) {
        c->held = solver;
        c->held_cost = cost;
    }
}

/* Sets plan->solver and plan->cost. */
static fv_status choose(const fv_planner *planner, fv_plan *plan)
{
    fv_ctx *ctx = planner->ctx;
    const bool reference = planner->policy == FV_PLAN_REFERENCE && plan->problem.node->op->ref;
    fv_wisdom *wisdom = reference ? NULL : planner->wisdom;
    const fv_problem *problem = &plan->problem;
    choice c = {.ctx = ctx, .problem = problem, .log = fv_log_wants(ctx, "plan")};
    if (c.log)
        fv_log(ctx, FV_LOG_DEBUG, "plan", "%s: %s", problem->node->name, problem->text);
    if (reference) {
        consider(&c, fv_reference_solvers);
    } else {
        c.stale = "there is no such solver";
        c.remembered = wisdom ? fv_wisdom_find(wisdom, problem->text, &c.version) : NULL;
        fv_solvers_visit(planner->providers, consider, &c);
    }
    if (!c.best)
        return fv_fail(ctx, FV_ERR_UNSUPPORTED, "%s '%s': no solver can compute '%s'", problem->node->op->name,
                       problem->node->name, problem->text);
    if (c.remembered && !c.held)
        fv_log(ctx, FV_LOG_WARN, "plan", "'%s': the recorded solver %s@%d cannot be used (%s); %s@%d takes its place",
               problem->text, c.remembered, c.version, c.stale, c.best->name, c.best->version);
    plan->solver = c.held ? c.held : c.best;
    plan->cost = c.held ? c.held_cost : c.best_cost;
    if (c.log)
        fv_log(ctx, FV_LOG_DEBUG, "plan", "  -> %s (%s)", plan->solver->name,
               c.held      ? "recorded"
               : reference ? "reference asked for"
                           : "cheapest");
    return wisdom && !c.held ? fv_wisdom_put(wisdom, problem->text, plan->solver->name, plan->solver->version) : FV_OK;
}

/* Shards of a problem: its first operand holds the batch, or a piece of one. */
static int problem_shards(const fv_planner *planner, const fv_node *node)
{
    const fv_val *first = node->n_in > 0 ? node->in[0] : NULL;
    if (!(node->op->traits & FV_T_SHARDED) || !first || first->shape.rank < 1)
        return 1;
    return planner->shards > 0 ? planner->shards : fv_shards(first->shape.dim[0]);
}

fv_status fv_plan_create(const fv_planner *planner, const fv_node *node, fv_dtype dtype, uint32_t const_in,
                         fv_plan **plan)
{
    fv_ctx *ctx = planner->ctx;
    fv_str text = {.ctx = ctx};
    *plan = NULL;
    fv_plan *p = fv_new(ctx, fv_plan);
    if (!p)
        return FV_ERR_NO_MEMORY;
    p->ctx = ctx;
    fv_status status = fv_problem_text_const(node, dtype, const_in, &text);
    if (status != FV_OK)
        goto fail;
    p->kernels = fv_kernels_of(ctx);
    p->threads = fv_ctx_threads(ctx);
    p->problem = (fv_problem){
        .node = node,
        .text = text.data,
        .dtype = dtype,
        .shards = problem_shards(planner, node),
        .const_in = const_in,
    };
    text.data = NULL; /* the plan's from here */
    status = choose(planner, p);
    if (status == FV_OK && p->solver->prepare)
        status = p->solver->prepare(p);
    if (status != FV_OK)
        goto fail;
    *plan = p;
    return FV_OK;
fail:
    fv_str_free(&text);
    fv_plan_destroy(&p);
    return status;
}

void fv_plan_destroy(fv_plan **plan)
{
    fv_plan *p = plan ? *plan : NULL;
    if (!p)
        return;
    fv_ctx *ctx = p->ctx;
    if (p->solver && p->solver->release)
        p->solver->release(p);
    fv_free(ctx, (void *)(uintptr_t)p->problem.text);
    fv_free(ctx, p);
    *plan = NULL;
}
