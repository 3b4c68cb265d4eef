/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for every node, memory for every value, addresses for every operand. */
#include <inttypes.h>
#include <string.h>

#include "exec/internal.h"
#include "ops/ops.h"

void *fv_exec_data(const fv_exec *exec, const fv_val *val)
{
    return exec->places[exec->places[val->id].root].data;
}

const fv_val *fv_exec_input_val(const fv_exec *exec, int32_t i)
{
    const fv_graph *g = exec->graph;
    for (int32_t v = 0; v < g->n_vals; v++) {
        if (g->vals[v]->role == FV_ROLE_INPUT && i-- == 0)
            return g->vals[v];
    }
    return NULL;
}

/* Which values stay the same from run to run, and which nodes therefore need to run only once. */
static void build_lasting(fv_exec *exec)
{
    const fv_graph *g = exec->graph;
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_role role = g->vals[i]->role;
        exec->places[i].lasting =
            role == FV_ROLE_CONST || (!exec->options.training && (role == FV_ROLE_PARAM || role == FV_ROLE_STATE));
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++) {
            if (g->nodes[n]->in[i] && fv_op_updates(g->nodes[n]->op, i))
                exec->places[g->nodes[n]->in[i]->id].lasting = false;
        }
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        bool once = node->n_in > 0 && !(node->op->traits & FV_T_STOCHASTIC) && !node->op->updates;
        for (int32_t i = 0; i < node->n_in; i++)
            once = once && (!node->in[i] || exec->places[node->in[i]->id].lasting);
        for (int32_t i = 0; i < node->n_out; i++)
            exec->places[node->out[i]->id].lasting = once;
        exec->steps[n].once = once;
    }
}

static uint32_t build_const_in(const fv_exec *exec, const fv_node *node)
{
    uint32_t bits = 0;
    for (int32_t i = 0; i < node->n_in; i++) {
        if (node->in[i] && exec->places[node->in[i]->id].lasting)
            bits |= UINT32_C(1) << i;
    }
    return bits;
}

static fv_status build_plan(fv_exec *exec, fv_step *s)
{
    const fv_exec_options *o = &exec->options;
    const fv_node *node = s->node;
    if (node->op->traits & FV_T_VIEW)
        return FV_OK;
    uint32_t const_in = s->once ? 0 : build_const_in(exec, node);
    const fv_planner planner = {.ctx = exec->ctx, .providers = o->providers, .policy = o->policy, .wisdom = o->wisdom};
    FV_TRY(fv_plan_create(&planner, node, o->dtype, const_in, &s->plan));
    const fv_solver *solver = s->plan->solver;
    s->packed = solver->packed_bytes ? (int64_t)solver->packed_bytes(s->plan) : 0;
    s->workspace = solver->workspace_bytes ? (int64_t)solver->workspace_bytes(s->plan) : 0;
    if (s->packed < 0 || s->workspace < 0)
        return fv_fail(exec->ctx, FV_ERR_OVER_BUDGET, "%s '%s': %s needs more than 2^63 bytes of scratch memory",
                       node->op->name, node->name, solver->name);
    s->pack_once = solver->packs && (const_in & solver->packs) == solver->packs;
    return FV_OK;
}

static fv_status build_steps(fv_exec *exec)
{
    const fv_graph *g = exec->graph;
    exec->places = fv_arena_alloc(exec->arena, ((size_t)g->n_vals + 1) * sizeof *exec->places);
    exec->steps = fv_arena_alloc(exec->arena, ((size_t)g->n_nodes + 1) * sizeof *exec->steps);
    if (!exec->places || !exec->steps)
        return FV_ERR_NO_MEMORY;
    exec->n_steps = g->n_nodes;
    for (int32_t n = 0; n < g->n_nodes; n++)
        exec->steps[n].node = g->nodes[n];
    build_lasting(exec);
    for (int32_t n = 0; n < g->n_nodes; n++)
        FV_TRY(build_plan(exec, &exec->steps[n]));
    return FV_OK;
}

/* Addresses of parameters and states come from the caller. */
static fv_status build_bind(fv_exec *exec)
{
    const fv_graph *g = exec->graph;
    const fv_binding *binding = &exec->options.binding;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        char text[96];
        if (v->role != FV_ROLE_PARAM && v->role != FV_ROLE_STATE)
            continue;
        exec->places[i].data = binding->find ? binding->find(binding->user, v->name, &v->shape) : NULL;
        if (!exec->places[i].data)
            return fv_fail(exec->ctx, FV_ERR_MODEL_MISMATCH,
                           "the model has no tensor '%s' of shape %s, which its graph "
                           "uses",
                           v->name, fv_shape_text(&v->shape, text));
    }
    return FV_OK;
}

static fv_status build_memory(fv_exec *exec)
{
    fv_ctx *ctx = exec->ctx;
    const fv_exec_memory *m = &exec->memory;
    const struct {
        void **data;
        int64_t bytes;
        bool clear; /* inputs that nobody filled read as zero */
    } parts[] = {{&exec->block, m->activations, false},
                 {&exec->inputs, m->inputs, true},
                 {&exec->lasting, m->packed, false},
                 {&exec->workspace, m->workspace, false}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t bytes = parts[i].bytes > 0 ? (size_t)parts[i].bytes : 1;
        *parts[i].data = parts[i].clear ? fv_calloc(ctx, 1, bytes) : fv_malloc(ctx, bytes);
        if (!*parts[i].data)
            return FV_ERR_NO_MEMORY;
    }
    return FV_OK;
}

static void build_fill(const fv_val *val, void *data)
{
    int64_t count = fv_shape_count(&val->shape);
    for (int64_t i = 0; i < count; i++)
        fv_set(val->dtype, data, i, val->constant);
}

static fv_status build_addresses(fv_exec *exec)
{
    const fv_graph *g = exec->graph;
    char *const base[] = {[FV_IN_BLOCK] = exec->block,
                          [FV_IN_REFRESH] = exec->block,
                          [FV_IN_INPUTS] = exec->inputs,
                          [FV_IN_LASTING] = exec->lasting};
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_placement *p = &exec->places[i];
        if (p->section == FV_IN_MODEL || p->root != i)
            continue;
        p->data = base[p->section] + p->offset;
        if (g->vals[i]->role == FV_ROLE_CONST)
            build_fill(g->vals[i], p->data);
    }
    for (int32_t n = 0; n < exec->n_steps; n++) {
        fv_step *s = &exec->steps[n];
        const fv_node *node = s->node;
        size_t room = (size_t)(node->op->n_in_max > node->n_in ? node->op->n_in_max : node->n_in) + 1;
        s->in = fv_arena_alloc(exec->arena, room * sizeof *s->in);
        s->out = fv_arena_alloc(exec->arena, ((size_t)node->n_out + 1) * sizeof *s->out);
        if (!s->in || !s->out)
            return FV_ERR_NO_MEMORY;
        for (int32_t i = 0; i < node->n_in; i++)
            s->in[i] = node->in[i] ? fv_exec_data(exec, node->in[i]) : NULL;
        for (int32_t i = 0; i < node->n_out; i++)
            s->out[i] = fv_exec_data(exec, node->out[i]);
        char *packed = s->pack_once ? (char *)exec->lasting : (char *)exec->workspace;
        s->call = (fv_call){
            .node = node,
            .in = s->in,
            .out = s->out,
            .workspace = exec->workspace,
            .packed = s->packed > 0 ? packed + s->packed_offset : NULL,
            .shards = s->plan ? s->plan->problem.shards : 1,
        };
    }
    return FV_OK;
}

fv_status fv_exec_build(fv_exec *exec)
{
    FV_TRY(build_steps(exec));
    FV_TRY(fv_exec_layout(exec));
    FV_TRY(build_bind(exec));
    FV_TRY(fv_exec_check_budget(exec));
    FV_TRY(build_memory(exec));
    return build_addresses(exec);
}
