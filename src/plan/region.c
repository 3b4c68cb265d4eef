/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions: where a solver computes a chain of nodes together, both forms are priced, the best plans of the parts
 * against the best plan of the whole, and the cheaper one is kept. Solvers propose by their rows (fv_solver.chain).
 */
#include <string.h>

#include "graph/internal.h"
#include "ops/region.h"
#include "plan/internal.h"

typedef struct proposal {
    const fv_node *node[FV_REGION_PARTS];
    int n, n_in;
    fv_region_attr attr;
    fv_val *in[FV_REGION_OPERANDS];
} proposal;

typedef struct search {
    const fv_planner *planner;
    fv_dtype dtype;
    fv_rewrite rw;
    bool *constant;    /* by value: does not change between runs */
    proposal **region; /* by node: the region that ends there, or NULL */
    const fv_node *at; /* where a chain may begin */
    fv_status status;
} search;

/* ---- prices ---- */

static uint32_t constants_of(const search *s, fv_val *const *in, int n_in)
{
    uint32_t bits = 0;
    for (int i = 0; i < n_in && i < 32; i++)
        if (in[i] && s->constant[in[i]->id])
            bits |= UINT32_C(1) << i;
    return bits;
}

/* What the best plan of a node costs and the class of its bits; *cost < 0: nobody accepts it. `recorded`: whether the
 * records name a solver for it. */
static fv_status price(const search *s, const fv_node *node, uint32_t const_in, double *cost, const char **bits,
                       bool *recorded)
{
    const fv_planner *planner = s->planner;
    fv_str text = {.ctx = planner->ctx};
    fv_candidates all;
    int version;
    *cost = -1.0;
    fv_status status = fv_problem_text_const(node, s->dtype, const_in, &text);
    const fv_problem problem = fv_problem_of(node, fv_str_get(&text), s->dtype, const_in);
    if (status == FV_OK)
        fv_candidates_ask(planner, &problem, false, &all);
    if (status == FV_OK && all.count > 0) {
        *recorded = (planner->wisdom && fv_wisdom_find(planner->wisdom, problem.text, &version)) ||
                    (planner->recorded && fv_wisdom_find(planner->recorded, problem.text, &version));
        status = fv_candidates_narrow(planner, &problem, &all, bits);
        fv_candidates_sort(&all);
        *cost = all.row[0].estimate;
        *bits = fv_solver_bits(all.row[0].solver);
    }
    if (status == FV_OK && all.count > 0 && planner->policy.mode == FV_PLAN_MEASURE) {
        fv_planner alone = *planner;
        fv_plan *plan = NULL;
        alone.wisdom = NULL;
        status = fv_plan_create(&alone, node, s->dtype, const_in, &plan);
        if (status == FV_OK)
            status = fv_plan_time(plan, planner->policy.effort, cost);
        fv_plan_destroy(&plan);
    }
    fv_str_free(&text);
    return status;
}

/* Whether the region is worth it: never where bits would become those of another class. */
static fv_status weigh(const search *s, const proposal *p, bool *together)
{
    fv_graph *graph = NULL;
    fv_node *node = NULL;
    double whole, apart = 0.0, cost;
    const char *bits = NULL, *part_bits = NULL;
    bool recorded = false, part_recorded, parts_recorded = true, same = true;
    *together = false;
    FV_TRY(fv_problem_like(s->planner->ctx, &fv_region_op, &p->attr, p->in, p->n_in, false, &graph, &node));
    fv_status status = price(s, node, constants_of(s, p->in, p->n_in), &whole, &bits, &recorded);
    for (int i = 0; status == FV_OK && whole >= 0.0 && i < p->n; i++) {
        part_recorded = false;
        status =
            price(s, p->node[i], constants_of(s, p->node[i]->in, p->node[i]->n_in), &cost, &part_bits, &part_recorded);
        apart += cost;
        parts_recorded = parts_recorded && part_recorded;
        same = same && part_bits && strcmp(part_bits, bits) == 0;
    }
    fv_graph_destroy(&graph);
    if (status != FV_OK || whole < 0.0)
        return status;
    *together = same && (recorded || (whole < apart && !parts_recorded));
    fv_log(s->planner->ctx, FV_LOG_DEBUG, "plan", "region '%s' to '%s': together %.3f us, apart %.3f us: %s",
           p->node[0]->name, p->node[p->n - 1]->name, whole * 1e-3, apart * 1e-3,
           !same       ? "apart, for the bits"
           : *together ? "together"
                       : "apart");
    return FV_OK;
}

/* ---- proposals ---- */

/* The chain of these operators that begins with a node. */
static bool match(const search *s, const char *const *chain, proposal *p)
{
    const fv_node *node = s->at;
    for (p->n = 0; chain[p->n]; p->n++) {
        if (p->n == FV_REGION_PARTS || !node || s->rw.skip[node->id] || strcmp(node->op->name, chain[p->n]) != 0 ||
            node->n_out != 1)
            return false;
        if (p->n > 0 && node->in[0] != p->node[p->n - 1]->out[0])
            return false;
        p->node[p->n] = node;
        node = fv_rewrite_sole_consumer(&s->rw, node->out[0]);
    }
    return p->n > 1 && fv_region_make(p->node, p->n, &p->attr, p->in, &p->n_in);
}

static void propose(void *arg, const fv_solver *solver)
{
    search *s = arg;
    proposal p;
    bool together = false;
    if (!solver->chain || s->status != FV_OK || s->rw.skip[s->at->id] || !match(s, solver->chain, &p))
        return;
    s->status = weigh(s, &p, &together);
    if (!together)
        return;
    proposal *kept = fv_arena_alloc(s->rw.out->arena, sizeof *kept);
    if (!kept) {
        s->status = FV_ERR_NO_MEMORY;
        return;
    }
    *kept = p;
    for (int i = 0; i < p.n; i++)
        s->rw.skip[p.node[i]->id] = true;
    s->region[p.node[p.n - 1]->id] = kept;
}

/* ---- the pass ---- */

/* Inference: parameters stay, and what is computed from nothing else. */
static void find_constants(search *s)
{
    const fv_graph *g = s->rw.g;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_role role = g->vals[i]->role;
        s->constant[i] = role == FV_ROLE_PARAM || role == FV_ROLE_STATE || role == FV_ROLE_CONST;
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        bool constant = node->n_in > 0 && !(node->op->traits & FV_T_STOCHASTIC) && !node->op->updates;
        for (int32_t i = 0; i < node->n_in; i++)
            constant = constant && (!node->in[i] || s->constant[node->in[i]->id]);
        for (int32_t i = 0; i < node->n_out; i++)
            s->constant[node->out[i]->id] = constant;
    }
}

static fv_status emit(search *s, const proposal *p)
{
    fv_val *in[FV_REGION_OPERANDS] = {NULL};
    fv_node *made;
    const fv_node *last = p->node[p->n - 1];
    for (int i = 0; i < p->n_in; i++)
        in[i] = p->in[i] ? s->rw.map[p->in[i]->id] : NULL;
    FV_TRY(fv_graph_add(s->rw.out, &fv_region_op, last->name, &p->attr, in, p->n_in, &made));
    s->rw.map[last->out[0]->id] = made->out[0];
    return FV_OK;
}

fv_status fv_pass_regions(const fv_planner *planner, fv_dtype dtype, const fv_graph *g, fv_graph **out)
{
    search s = {.planner = planner, .dtype = dtype};
    s.status = fv_rewrite_begin(&s.rw, g, true);
    if (s.status == FV_OK) {
        s.constant = fv_arena_alloc(s.rw.out->arena, (size_t)g->n_vals + 1);
        s.region = fv_arena_alloc(s.rw.out->arena, ((size_t)g->n_nodes + 1) * sizeof *s.region);
        s.status = s.constant && s.region ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (s.status == FV_OK)
        find_constants(&s);
    for (int32_t n = 0; s.status == FV_OK && n < g->n_nodes; n++) {
        s.at = g->nodes[n];
        fv_solvers_visit(planner->providers, propose, &s);
    }
    for (int32_t n = 0; s.status == FV_OK && n < g->n_nodes; n++) {
        if (s.region[n])
            s.status = emit(&s, s.region[n]);
        else if (!s.rw.skip[n])
            s.status = fv_rewrite_copy(&s.rw, g->nodes[n], NULL, NULL);
    }
    return fv_rewrite_end(&s.rw, s.status, out, NULL);
}
