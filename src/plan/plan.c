/* SPDX-License-Identifier: Apache-2.0 */
/* Making plans, those of parts of a problem included, and their end. */
#include "ops/ops.h"
#include "plan/internal.h"

static fv_status make_sub(fv_plan *whole, const char *problem, fv_plan **sub);

fv_status fv_plan_bind(fv_plan *plan, const fv_candidate *candidate)
{
    plan->solver = candidate->solver;
    plan->cost = candidate->measured > 0.0 ? candidate->measured : candidate->estimate;
    if (!plan->solver->prepare)
        return FV_OK;
    plan->make_sub = make_sub;
    fv_status status = plan->solver->prepare(plan);
    plan->make_sub = NULL;
    if (status == FV_OK)
        fv_plan_place_subs(plan);
    return status;
}

void fv_plan_unbind(fv_plan *plan)
{
    if (plan->solver && plan->solver->release)
        plan->solver->release(plan);
    while (plan->first_sub) {
        fv_plan *sub = plan->first_sub;
        plan->first_sub = sub->next_sub;
        fv_plan_destroy(&sub);
    }
    plan->solver = NULL;
    plan->data = NULL;
}

/* A plan without a solver. */
static fv_status plan_new(const fv_planner *planner, const fv_node *node, fv_dtype dtype, uint32_t const_in,
                          fv_plan **plan)
{
    fv_ctx *ctx = planner->ctx;
    fv_str text = {.ctx = ctx};
    *plan = NULL;
    fv_plan *p = fv_new(ctx, fv_plan);
    if (!p)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_problem_text_const(node, dtype, const_in, &text);
    if (status != FV_OK) {
        fv_str_free(&text);
        fv_free(ctx, p);
        return status;
    }
    p->ctx = ctx;
    p->kernels = fv_kernels_of(ctx);
    p->threads = fv_ctx_threads(ctx);
    p->problem = fv_problem_of(node, text.data, dtype, const_in);
    if (planner->shards > 0 && (node->op->traits & FV_T_SHARDED))
        p->problem.shards = planner->shards;
    p->planner = planner;
    *plan = p;
    return FV_OK;
}

/* Hands over the plan, or destroys it. */
static fv_status plan_done(fv_plan *p, fv_status status, fv_plan **plan)
{
    p->planner = NULL;
    if (status != FV_OK)
        fv_plan_destroy(&p);
    *plan = p;
    return status;
}

fv_status fv_plan_create(const fv_planner *planner, const fv_node *node, fv_dtype dtype, uint32_t const_in,
                         fv_plan **plan)
{
    FV_TRY(plan_new(planner, node, dtype, const_in, plan));
    return plan_done(*plan, fv_plan_choose(planner, *plan), plan);
}

fv_status fv_plan_create_with(const fv_planner *planner, const fv_solver *solver, const fv_node *node, fv_dtype dtype,
                              uint32_t const_in, fv_plan **plan)
{
    FV_TRY(plan_new(planner, node, dtype, const_in, plan));
    const fv_candidate only = {.solver = solver, .estimate = solver->cost(solver, &(*plan)->problem)};
    return plan_done(*plan, fv_plan_bind(*plan, &only), plan);
}

static fv_status make_sub(fv_plan *whole, const char *problem, fv_plan **sub)
{
    fv_graph *graph = NULL;
    fv_node *node = NULL;
    *sub = NULL;
    FV_TRY(fv_problem_parse(whole->ctx, problem, &graph, &node));
    /* What memory the whole may need is counted there. */
    fv_planner planner = *(const fv_planner *)whole->planner;
    planner.policy.workspace = 0;
    planner.parts = true;
    fv_status status = fv_plan_create(&planner, node, whole->problem.dtype, fv_problem_const_in(node), sub);
    if (status == FV_OK)
        (*sub)->graph = graph;
    else
        fv_graph_destroy(&graph);
    return status;
}

void fv_plan_destroy(fv_plan **plan)
{
    fv_plan *p = plan ? *plan : NULL;
    if (!p)
        return;
    fv_ctx *ctx = p->ctx;
    fv_plan_unbind(p);
    fv_graph_destroy(&p->graph);
    fv_free(ctx, (void *)(uintptr_t)p->problem.text);
    fv_free(ctx, p);
    *plan = NULL;
}
