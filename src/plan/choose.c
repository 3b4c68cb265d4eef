/* SPDX-License-Identifier: Apache-2.0 */
/* From problem to plan: which of those who can solve it does, and the record of the choice. */
#include <string.h>

#include "ops/ops.h"
#include "plan/internal.h"

/* ---- what was chosen before ---- */

typedef struct named_solver {
    const char *name;
    const fv_solver *solver;
} named_solver;

static void find_named(void *arg, const fv_solver *solver)
{
    named_solver *n = arg;
    if (strcmp(solver->name, n->name) == 0)
        n->solver = solver;
}

/* Why a recorded solver cannot be used any more; NULL: it can. */
static const char *stale_because(const fv_problem *problem, const fv_solver *solver, int version)
{
    if (!solver || !fv_solver_solves(solver, problem->node))
        return "there is no such solver";
    const char *reason = solver->reject ? solver->reject(solver, problem) : NULL;
    return reason ? reason : solver->version != version ? "it has another version now" : NULL;
}

static bool is_solver(const fv_candidate *c, const void *solver)
{
    return c->solver == solver;
}

/* Keeps the solver that the records name; false when they name none that still holds, which is said. */
static bool keep_recorded(const fv_planner *planner, const fv_problem *problem, fv_candidates *all)
{
    int version = 0;
    const fv_wisdom *const records[] = {planner->wisdom, planner->recorded};
    named_solver named = {.name = NULL};
    for (int i = 0; i < 2 && !named.name; i++)
        named.name = records[i] ? fv_wisdom_find(records[i], problem->text, &version) : NULL;
    if (!named.name)
        return false;
    fv_solvers_visit(planner->providers, find_named, &named);
    const char *why = stale_because(problem, named.solver, version);
    if (why)
        fv_log(planner->ctx, FV_LOG_WARN, "plan",
               "'%s': the recorded solver %s@%d cannot be used (%s); another takes "
               "its place",
               problem->text, named.name, version, why);
    else
        fv_candidates_keep(all, is_solver, named.solver);
    return !why;
}

/* ---- the class of bits ---- */

static bool is_of_class(const fv_candidate *c, const void *bits)
{
    return strcmp(fv_solver_bits(c->solver), bits) == 0;
}

static bool has_class(const fv_candidates *all, const char *bits)
{
    for (int i = 0; i < all->count; i++)
        if (is_of_class(&all->row[i], bits))
            return true;
    return false;
}

/* The class that the estimate chooses, from what one sample costs; what fails its probe is dropped from all. */
static fv_status class_of(const fv_planner *planner, const fv_problem *problem, fv_candidates *all, const char **bits)
{
    *bits = fv_solver_bits(all->row[0].solver);
    if (!all->several_classes)
        return FV_OK;
    fv_graph *graph = NULL;
    fv_node *node = NULL;
    FV_TRY(fv_problem_one_sample(planner->ctx, problem->node, &graph, &node));
    fv_str text = {.ctx = planner->ctx};
    fv_status status = fv_problem_text_const(node, problem->dtype, problem->const_in, &text);
    const fv_problem one = fv_problem_of(node, fv_str_get(&text), problem->dtype, problem->const_in);
    fv_candidates of_one = {.count = 0};
    if (status == FV_OK) {
        fv_candidates_ask(planner, &one, false, &of_one);
        fv_candidates_drop_reference(&of_one);
        fv_candidates_drop_inexact(&of_one, one.dtype);
        fv_candidates_sort(&of_one);
        status = fv_candidates_probe(planner, &one, false, &of_one, all);
    }
    /* A class none of whose solvers takes the whole batch is passed over, which changes bits. */
    for (int i = 0; i < of_one.count; i++) {
        *bits = fv_solver_bits(of_one.row[i].solver);
        if (has_class(all, *bits))
            break;
        fv_log(planner->ctx, FV_LOG_WARN, "plan",
               "'%s': %s solves one sample and refuses the batch, so that its bits "
               "depend on the size of the batch",
               problem->text, of_one.row[i].solver->name);
    }
    fv_str_free(&text);
    fv_graph_destroy(&graph);
    return status;
}

static bool is_of_algorithm(const fv_candidate *c, const void *algorithm)
{
    return fv_solver_is(c->solver, algorithm);
}

fv_status fv_candidates_narrow(const fv_planner *planner, const fv_problem *problem, fv_candidates *all,
                               const char **bits)
{
    const fv_plan_policy *policy = &planner->policy;
    bool asked = false;
    fv_candidates_drop_reference(all);
    FV_TRY(class_of(planner, problem, all, bits));
    const fv_candidates before = *all;
    for (int i = 0; policy->algorithm && i < all->count && !asked; i++)
        asked = fv_solver_is(all->row[i].solver, policy->algorithm);
    if (asked) {
        fv_candidates_keep(all, is_of_algorithm, policy->algorithm);
        if (has_class(all, *bits))
            fv_candidates_keep(all, is_of_class, *bits);
        else
            FV_TRY(fv_candidates_probe(planner, problem, true, all, NULL));
    } else if (policy->mode == FV_PLAN_MEASURE && policy->across_classes) {
        fv_candidates_drop_inexact(all, problem->dtype);
        FV_TRY(fv_candidates_probe(planner, problem, true, all, NULL));
    } else {
        fv_candidates_keep(all, is_of_class, *bits);
    }
    if (all->count == 0) { /* what was asked for fails its probe */
        *all = before;
        fv_candidates_keep(all, is_of_class, *bits);
    }
    return FV_OK;
}

/* ---- memory ---- */

/* Binds the plan to the first candidate that needs no more memory than the policy allows, else to the one that needs
 * least. */
static fv_status bind_first(const fv_planner *planner, fv_plan *plan, const fv_candidates *all)
{
    size_t least = SIZE_MAX;
    int best = 0;
    for (int i = 0; i < all->count; i++) {
        FV_TRY(fv_plan_bind(plan, &all->row[i]));
        const size_t bytes = fv_plan_packed_bytes(plan) + fv_plan_workspace_bytes(plan);
        if (planner->policy.workspace <= 0 || bytes <= (size_t)planner->policy.workspace)
            return FV_OK;
        fv_log(planner->ctx, FV_LOG_DEBUG, "plan", "    %-28s needs %zu bytes", plan->solver->name, bytes);
        if (bytes < least) {
            least = bytes;
            best = i;
        }
        fv_plan_unbind(plan);
    }
    fv_log(planner->ctx, FV_LOG_DEBUG, "plan", "    all need more than the %lld bytes that are allowed",
           (long long)planner->policy.workspace); /* a program warns of all of its steps at once */
    return fv_plan_bind(plan, &all->row[best]);
}

fv_status fv_plan_choose(const fv_planner *planner, fv_plan *plan)
{
    fv_ctx *ctx = planner->ctx;
    const fv_problem *problem = &plan->problem;
    const bool reference = planner->policy.mode == FV_PLAN_REFERENCE && problem->node->op->ref;
    const bool log = fv_log_wants(ctx, "plan");
    fv_candidates all;
    if (log)
        fv_log(ctx, FV_LOG_DEBUG, "plan", "%s: %s", problem->node->name, problem->text);
    fv_candidates_ask(planner, problem, log, &all);
    if (all.count == 0)
        return fv_fail(ctx, FV_ERR_UNSUPPORTED, "%s '%s': no solver can compute '%s'", problem->node->op->name,
                       problem->node->name, problem->text);
    const char *bits = fv_solver_bits(all.row[0].solver), *how = "cheapest";
    const bool recorded = !reference && keep_recorded(planner, problem, &all);
    if (!reference && !recorded)
        FV_TRY(fv_candidates_narrow(planner, problem, &all, &bits));
    if (planner->policy.mode == FV_PLAN_MEASURE && !recorded && all.count > 1) {
        FV_TRY(fv_candidates_measure(planner, plan, &all));
        how = "fastest";
    }
    fv_candidates_sort(&all);
    FV_TRY(bind_first(planner, plan, &all));
    const fv_solver *solver = plan->solver;
    if (!planner->parts && !reference && !recorded && strcmp(fv_solver_bits(solver), bits) != 0)
        fv_log(ctx, FV_LOG_INFO, "plan",
               "'%s': %s has bits of the class '%s' in place of '%s': they belong to this plan", problem->text,
               solver->name, fv_solver_bits(solver), bits);
    if (log)
        fv_log(ctx, FV_LOG_DEBUG, "plan", "  -> %s (%s)", solver->name,
               recorded    ? "recorded"
               : reference ? "reference asked for"
                           : how);
    if (!planner->wisdom || reference)
        return FV_OK;
    return fv_wisdom_put(planner->wisdom, problem->text, solver->name, solver->version);
}
