/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: a plan for every node, and what can be asked of them. */
#include "exec/internal.h"

#include <string.h>

#include "ops/ops.h"
#include "plan/internal.h"

/* ---- building ---- */

/* Which values stay the same from run to run, and which nodes therefore need to run only once. */
static void find_lasting(fv_program *p)
{
    const fv_graph *g = p->graph;
    const bool training = fv_lowering_trains(p->options.lowering);
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_role role = g->vals[i]->role;
        p->places[i].lasting = role == FV_ROLE_CONST || (!training && (role == FV_ROLE_PARAM || role == FV_ROLE_STATE));
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++) {
            if (g->nodes[n]->in[i] && fv_op_updates(g->nodes[n]->op, i))
                p->places[g->nodes[n]->in[i]->id].lasting = false;
        }
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        bool once = node->n_in > 0 && !(node->op->traits & FV_T_STOCHASTIC) && !node->op->updates;
        for (int32_t i = 0; i < node->n_in; i++)
            once = once && (!node->in[i] || p->places[node->in[i]->id].lasting);
        for (int32_t i = 0; i < node->n_out; i++)
            p->places[node->out[i]->id].lasting = once;
        p->steps[n].once = once;
    }
}

static uint32_t const_operands(const fv_program *p, const fv_node *node)
{
    uint32_t bits = 0;
    for (int32_t i = 0; i < node->n_in && i < 32; i++) {
        if (node->in[i] && p->places[node->in[i]->id].lasting)
            bits |= UINT32_C(1) << i;
    }
    return bits;
}

fv_planner fv_program_planner(const fv_program *p)
{
    const fv_program_options *o = &p->options;
    fv_planner planner = fv_planner_of(p->ctx, o->wisdom);
    if (o->providers)
        planner.providers = o->providers;
    if (o->policy == FV_PLAN_REFERENCE)
        planner.policy = (fv_plan_policy){.mode = FV_PLAN_REFERENCE};
    planner.shards = p->shards;
    return planner;
}

static fv_status plan_step(fv_program *p, fv_step *s)
{
    const fv_program_options *o = &p->options;
    const fv_node *node = s->node;
    if (node->op->traits & FV_T_VIEW)
        return FV_OK;
    uint32_t const_in = s->once ? 0 : const_operands(p, node);
    const fv_planner planner = fv_program_planner(p);
    FV_TRY(fv_plan_create(&planner, node, o->dtype, const_in, &s->plan));
    s->packed = (int64_t)fv_plan_packed_bytes(s->plan);
    s->workspace = (int64_t)fv_plan_workspace_bytes(s->plan);
    if (s->packed < 0 || s->workspace < 0)
        return fv_fail(p->ctx, FV_ERR_OVER_BUDGET, "%s '%s': %s needs more than 2^63 bytes of scratch memory",
                       node->op->name, node->name, s->plan->solver->name);
    s->pack_once = fv_plan_packs_once(s->plan);
    return FV_OK;
}

/* --plan-workspace is a wish where no solver of the same bits needs so little: one warning for all steps. */
static void warn_of_workspace(const fv_program *p)
{
    const int64_t allowed = fv_program_planner(p).policy.workspace;
    const fv_step *most = NULL;
    int over = 0, planned = 0;
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_step *s = &p->steps[n];
        planned += s->plan != NULL;
        if (s->packed + s->workspace <= allowed)
            continue;
        over++;
        most = !most || s->packed + s->workspace > most->packed + most->workspace ? s : most;
    }
    if (allowed > 0 && most)
        fv_log(p->ctx, FV_LOG_WARN, "plan",
               "batch %lld: %d of %d steps need more than the %lld bytes that --plan-workspace allows, whatever solver "
               "of the "
               "same bits computes them; %s '%s' needs most: %lld bytes",
               (long long)p->options.batch, over, planned, (long long)allowed, most->node->op->name, most->node->name,
               (long long)(most->packed + most->workspace));
}

/* Addresses of parameters and states come from the stores. */
static fv_status bind_stores(fv_program *p)
{
    const fv_graph *g = p->graph;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        char text[96];
        if (v->role != FV_ROLE_PARAM && v->role != FV_ROLE_STATE)
            continue;
        for (int s = 0; s < FV_STORES_MAX && !p->places[i].data; s++) {
            if (p->options.stores[s])
                FV_TRY(fv_store_find(p->options.stores[s], v, &p->places[i].data));
        }
        if (!p->places[i].data)
            return fv_fail(p->ctx, FV_ERR_MODEL_MISMATCH,
                           "the model has no tensor '%s' of shape %s, which its graph "
                           "uses",
                           v->name, fv_shape_text(&v->shape, text));
    }
    return FV_OK;
}

fv_status fv_program_build(fv_program *p)
{
    const fv_graph *g = p->graph;
    if (p->options.part.total > 0)
        FV_TRY(fv_piece_shards(p->ctx, &p->options.part, p->options.batch, &p->shards));
    p->places = fv_arena_alloc(p->arena, ((size_t)g->n_vals + 1) * sizeof *p->places);
    p->steps = fv_arena_alloc(p->arena, ((size_t)g->n_nodes + 1) * sizeof *p->steps);
    if (!p->places || !p->steps)
        return FV_ERR_NO_MEMORY;
    p->n_steps = g->n_nodes;
    for (int32_t n = 0; n < g->n_nodes; n++)
        p->moves_samples =
            p->moves_samples || (g->nodes[n]->op->moves_samples && g->nodes[n]->op->moves_samples(g->nodes[n]));
    for (int32_t n = 0; n < g->n_nodes; n++)
        p->steps[n].node = g->nodes[n];
    find_lasting(p);
    for (int32_t n = 0; n < g->n_nodes; n++)
        FV_TRY(plan_step(p, &p->steps[n]));
    FV_TRY(fv_program_layout(p));
    if (p->options.unbound)
        return FV_OK;
    warn_of_workspace(p);
    return bind_stores(p);
}

/* ---- making and freeing ---- */

static fv_program *program_new(fv_ctx *ctx, const fv_program_options *options)
{
    fv_program *p = fv_new(ctx, fv_program);
    if (!p)
        return NULL;
    p->ctx = ctx;
    p->device = fv_device_of(ctx);
    p->options = *options;
    atomic_init(&p->references, 1);
    pthread_mutex_init(&p->mutex, NULL);
    return p;
}

/* What was borrowed for the creation is forgotten; a failed program is freed. */
static fv_status program_end(fv_program *p, fv_status status, fv_program **program)
{
    p->options.objectives = NULL;
    p->options.wanted = NULL;
    p->options.values = NULL;
    p->options.wisdom = NULL;
    if (status != FV_OK)
        fv_program_release(&p);
    *program = p;
    return status;
}

fv_status fv_program_create(fv_ctx *ctx, const fv_graph *g, const fv_program_options *options, fv_program **program)
{
    *program = NULL;
    fv_program *p = program_new(ctx, options);
    if (!p)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_arena_create(ctx, &p->arena);
    if (status == FV_OK)
        status = fv_program_compile(p, g);
    if (status == FV_OK)
        status = fv_program_build(p);
    return program_end(p, status, program);
}

static fv_status remember_solver(const fv_plan *plan, fv_wisdom *wisdom)
{
    for (const fv_plan *sub = plan->first_sub; sub; sub = sub->next_sub)
        FV_TRY(remember_solver(sub, wisdom));
    return fv_wisdom_put(wisdom, plan->problem.text, plan->solver->name, plan->solver->version);
}

/* The solvers this program uses, so that another one of its graph has the same bits. */
static fv_status remember_solvers(const fv_program *p, fv_wisdom *wisdom)
{
    for (int32_t n = 0; n < p->n_steps; n++) {
        if (p->steps[n].plan)
            FV_TRY(remember_solver(p->steps[n].plan, wisdom));
    }
    return FV_OK;
}

fv_status fv_program_keep_all(fv_program *program, fv_program **kept)
{
    fv_wisdom *wisdom;
    *kept = NULL;
    fv_program *p = program_new(program->ctx, &program->options);
    if (!p)
        return FV_ERR_NO_MEMORY;
    p->options.keep_all = true;
    p->options.profile = false;
    p->graph = program->graph;
    p->first_update = program->first_update;
    p->ports = program->ports;
    p->n_ports = program->n_ports;
    fv_status status = fv_wisdom_create(p->ctx, &wisdom);
    p->options.wisdom = wisdom;
    if (status == FV_OK)
        status = remember_solvers(program, wisdom);
    if (status == FV_OK)
        status = fv_arena_create(p->ctx, &p->arena);
    if (status == FV_OK)
        status = fv_program_build(p);
    fv_wisdom_destroy(&wisdom);
    return program_end(p, status, kept);
}

fv_program *fv_program_retain(fv_program *program)
{
    atomic_fetch_add(&program->references, 1);
    return program;
}

void fv_program_release(fv_program **program)
{
    fv_program *p = program ? *program : NULL;
    if (!p)
        return;
    *program = NULL;
    if (atomic_fetch_sub(&p->references, 1) > 1)
        return;
    fv_ctx *ctx = p->ctx;
    for (int32_t n = 0; n < p->n_steps; n++)
        fv_plan_destroy(&p->steps[n].plan);
    if (p->lasting)
        p->device->release(p->device->user, ctx, p->lasting);
    fv_arena_destroy(&p->arena);
    if (p->owns_graph)
        fv_graph_destroy(&p->graph);
    pthread_mutex_destroy(&p->mutex);
    fv_free(ctx, p);
}

/* ---- asking ---- */

const fv_port *fv_program_ports(const fv_program *p, int32_t *count)
{
    *count = p->n_ports;
    return p->ports;
}

const fv_port *fv_program_port(const fv_program *p, fv_port_kind kind, const char *name)
{
    for (int32_t i = 0; i < p->n_ports; i++) {
        if (p->ports[i].kind == kind && strcmp(p->ports[i].name, name) == 0)
            return &p->ports[i];
    }
    return NULL;
}

const fv_port *fv_program_port_at(const fv_program *p, fv_port_kind kind, int32_t index)
{
    for (int32_t i = 0; i < p->n_ports; i++) {
        if (p->ports[i].kind == kind && index-- == 0)
            return &p->ports[i];
    }
    return NULL;
}

fv_program_memory fv_program_memory_use(const fv_program *p)
{
    return p->memory;
}

const fv_graph *fv_program_graph(const fv_program *p)
{
    return p->graph;
}

fv_ctx *fv_program_ctx(const fv_program *p)
{
    return p->ctx;
}

bool fv_program_is_random(const fv_program *p)
{
    for (int32_t i = 0; i < p->graph->n_nodes; i++) {
        if (p->graph->nodes[i]->op->traits & FV_T_STOCHASTIC)
            return true;
    }
    return false;
}
