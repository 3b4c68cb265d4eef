/* SPDX-License-Identifier: Apache-2.0 */
/* From a model's graph to the graph that runs: which passes, in which order, and what can be asked for by name. */
#include <string.h>

#include "exec/internal.h"
#include "ops/ops.h"

typedef fv_status (*pass_fn)(const fv_graph *g, fv_graph **out, fv_val **map);

/* Puts the result of a pass in the place of the graph. Passes keep the order of outputs. */
static fv_status apply(fv_program *p, pass_fn pass)
{
    fv_graph *next;
    FV_TRY(pass(p->graph, &next, NULL));
    fv_graph_destroy(&p->graph);
    p->graph = next;
    return FV_OK;
}

static fv_status apply_all(fv_program *p, const pass_fn *passes)
{
    for (; *passes; passes++)
        FV_TRY(apply(p, *passes));
    return FV_OK;
}

/* ---- ports: while passes run, a port is the number of an output ---- */

typedef struct port_note {
    fv_port_kind kind;
    const char *name;
    int32_t output;
} port_note;

typedef struct compilation {
    fv_program *program;
    port_note *notes;
    int32_t count, room;
} compilation;

static fv_status note_port(compilation *c, fv_port_kind kind, const char *name, int32_t output)
{
    fv_program *p = c->program;
    if (c->count == c->room) {
        int32_t room = c->room ? 2 * c->room : 16;
        port_note *notes = fv_realloc(p->ctx, c->notes, (size_t)room * sizeof *notes);
        if (!notes)
            return FV_ERR_NO_MEMORY;
        c->notes = notes;
        c->room = room;
    }
    const char *copy = fv_arena_strdup(p->arena, name);
    if (!copy)
        return FV_ERR_NO_MEMORY;
    c->notes[c->count++] = (port_note){kind, copy, output};
    return FV_OK;
}

/* The number of the output that is `val`, which becomes one unless it is. */
static fv_status output_of(fv_graph *g, fv_val *val, int32_t *output)
{
    for (int32_t i = 0; i < g->n_outputs; i++) {
        if (g->outputs[i] == val) {
            *output = i;
            return FV_OK;
        }
    }
    *output = g->n_outputs;
    return fv_graph_output(g, val);
}

/* The lowered counterpart of the value `name` of g. */
static fv_status find_value(const fv_program *p, const fv_graph *g, fv_val *const *map, const char *name, fv_val **val)
{
    const fv_val *asked = fv_graph_named(g, name);
    *val = asked ? map[asked->id] : NULL;
    if (*val)
        return FV_OK;
    return fv_fail(p->ctx, FV_ERR_ARGUMENT, "fv_program_create: the graph has no value '%s'", name);
}

/* Numbers of the outputs that are objectives, and of those whose gradient is wanted. */
typedef struct targets {
    int32_t *loss, *wanted;
} targets;

/* Makes outputs of what is asked for by name, before any pass could swallow it. */
static fv_status note_values(compilation *c, const fv_graph *g, fv_val *const *map, const targets *t)
{
    fv_program *p = c->program;
    const fv_program_options *o = &p->options;
    fv_val *val;
    int32_t output;
    for (int32_t i = 0; i < g->n_outputs; i++)
        FV_TRY(note_port(c, FV_PORT_OUTPUT, g->output_names[i], i));
    for (int32_t i = 0; i < o->n_values; i++) {
        FV_TRY(find_value(p, g, map, o->values[i], &val));
        FV_TRY(output_of(p->graph, val, &output));
        FV_TRY(note_port(c, FV_PORT_OUTPUT, o->values[i], output));
    }
    for (int32_t i = 0; i < o->n_objectives; i++) {
        FV_TRY(find_value(p, g, map, o->objectives[i].loss, &val));
        FV_TRY(output_of(p->graph, val, &t->loss[i]));
    }
    for (int32_t i = 0; i < o->n_wanted; i++) {
        FV_TRY(find_value(p, g, map, o->wanted[i], &val));
        FV_TRY(output_of(p->graph, val, &t->wanted[i]));
        FV_TRY(note_port(c, FV_PORT_OUTPUT, o->wanted[i], t->wanted[i]));
    }
    return FV_OK;
}

/* ---- gradients ---- */

/* Whose gradients become ports: values asked for, else the parameters that are trained. */
static int32_t list_wanted(const fv_program *p, const targets *t, fv_val **wanted)
{
    const fv_graph *g = p->graph;
    int32_t n = 0;
    for (int32_t i = 0; i < p->options.n_wanted; i++)
        wanted[n++] = g->outputs[t->wanted[i]];
    for (int32_t i = 0; p->options.n_wanted == 0 && i < g->n_vals; i++) {
        if (g->vals[i]->role == FV_ROLE_PARAM && !g->vals[i]->frozen)
            wanted[n++] = g->vals[i];
    }
    return n;
}

static fv_status differentiate(compilation *c, const targets *t, fv_val **wanted, fv_val **d)
{
    fv_program *p = c->program;
    const fv_program_options *o = &p->options;
    fv_graph *g = p->graph, *next = NULL;
    fv_gradient_loss losses[FV_LOSSES_MAX];
    if (o->n_objectives > FV_LOSSES_MAX)
        return fv_fail(p->ctx, FV_ERR_ARGUMENT, "fv_program_create: %d losses: at most %d", (int)o->n_objectives,
                       FV_LOSSES_MAX);
    for (int32_t i = 0; i < o->n_objectives; i++)
        losses[i] = (fv_gradient_loss){g->outputs[t->loss[i]], o->objectives[i].weight};
    const int32_t n = list_wanted(p, t, wanted);
    FV_TRY(fv_pass_gradient(g, losses, o->n_objectives, wanted, n, d, &next, NULL));
    fv_status status = FV_OK;
    for (int32_t i = 0; status == FV_OK && i < n; i++) {
        if (!d[i])
            continue;
        const char *name = o->n_wanted > 0 ? o->wanted[i] : wanted[i]->name;
        status = note_port(c, FV_PORT_GRADIENT, name, next->n_outputs);
        if (status == FV_OK)
            status = fv_graph_output(next, d[i]);
    }
    if (status != FV_OK) {
        fv_graph_destroy(&next);
        return status;
    }
    fv_graph_destroy(&p->graph);
    p->graph = next;
    return FV_OK;
}

/* Appends the gradients and makes them outputs. */
static fv_status add_gradients(compilation *c, const targets *t)
{
    fv_ctx *ctx = c->program->ctx;
    size_t room = (size_t)c->program->graph->n_vals + (size_t)c->program->options.n_wanted + 1;
    fv_val **wanted = fv_calloc(ctx, room, sizeof(fv_val *)), **d = fv_calloc(ctx, room, sizeof(fv_val *));
    fv_status status = wanted && d ? differentiate(c, t, wanted, d) : FV_ERR_NO_MEMORY;
    fv_free(ctx, wanted);
    fv_free(ctx, d);
    return status;
}

/* ---- the update ---- */

static fv_status call_update(compilation *c, const char **params, fv_val **gradients)
{
    fv_program *p = c->program;
    fv_graph *g = p->graph;
    int32_t n = 0, outputs = g->n_outputs;
    for (int32_t i = 0; i < c->count; i++) {
        if (c->notes[i].kind == FV_PORT_GRADIENT) {
            params[n] = c->notes[i].name;
            gradients[n++] = g->outputs[c->notes[i].output];
        }
    }
    p->first_update = g->n_nodes;
    FV_TRY(p->options.update.append(p->options.update.user, g, params, gradients, n, &p->first_update));
    for (int32_t i = outputs; i < g->n_outputs; i++)
        FV_TRY(note_port(c, FV_PORT_OUTPUT, g->output_names[i], i));
    return FV_OK;
}

/* Behind all passes: the nodes of the update stay where they are put. */
static fv_status add_update(compilation *c)
{
    fv_program *p = c->program;
    p->first_update = p->graph->n_nodes;
    if (!p->options.update.append)
        return FV_OK;
    size_t room = (size_t)c->count + 1;
    const char **params = fv_calloc(p->ctx, room, sizeof(char *));
    fv_val **gradients = fv_calloc(p->ctx, room, sizeof(fv_val *));
    fv_status status = params && gradients ? call_update(c, params, gradients) : FV_ERR_NO_MEMORY;
    fv_free(p->ctx, params);
    fv_free(p->ctx, gradients);
    return status;
}

/* ---- all of it ---- */

/* What solvers compute together becomes one node where that is cheaper. */
static fv_status join_regions(fv_program *p)
{
    const fv_planner planner = fv_program_planner(p);
    fv_graph *next;
    FV_TRY(fv_pass_regions(&planner, p->options.dtype, p->graph, &next));
    fv_graph_destroy(&p->graph);
    p->graph = next;
    return FV_OK;
}

static fv_status pooled(const fv_graph *g, fv_graph **out, fv_val **map)
{
    return fv_pass_partial(g, true, out, map);
}

static fv_status separate(const fv_graph *g, fv_graph **out, fv_val **map)
{
    return fv_pass_partial(g, false, out, map);
}

static fv_status run_passes(compilation *c, const targets *t)
{
    static const pass_fn before_gradient[] = {fv_pass_const, fv_pass_pool_first, NULL};
    static const pass_fn after_gradient[] = {fv_pass_fuse_activation, fv_pass_fuse_activation_backward, NULL};
    static const pass_fn inference[] = {
        fv_pass_const, fv_pass_fold, fv_pass_fuse_residual, fv_pass_pool_first, fv_pass_fuse_activation, NULL};
    static const pass_fn unfolded[] = {fv_pass_const, fv_pass_fuse_residual, fv_pass_pool_first,
                                       fv_pass_fuse_activation, NULL};
    fv_program *p = c->program;
    const fv_program_options *o = &p->options;
    const bool training = fv_lowering_trains(o->lowering), backward = training || o->n_objectives > 0;
    if (!training)
        FV_TRY(apply(p, fv_pass_dead)); /* auxiliary heads: uses of a value that are none would keep passes from it */
    if (backward && o->optimize)
        FV_TRY(apply_all(p, before_gradient));
    if (o->n_objectives > 0)
        FV_TRY(add_gradients(c, t));
    if (o->optimize)
        FV_TRY(apply_all(p, backward ? after_gradient : o->unfolded ? unfolded : inference));
    if (o->part.total > 0)
        FV_TRY(apply(p, o->own_statistics ? separate : pooled));
    FV_TRY(apply(p, fv_pass_dead));
    if (!backward && o->optimize && !o->keep_all && o->policy != FV_PLAN_REFERENCE)
        FV_TRY(join_regions(p));
    return add_update(c);
}

/* Inputs first, then what was noted. */
static fv_status make_ports(compilation *c)
{
    fv_program *p = c->program;
    const fv_graph *g = p->graph;
    p->ports = fv_arena_alloc(p->arena, ((size_t)g->n_vals + (size_t)c->count + 1) * sizeof *p->ports);
    if (!p->ports)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < g->n_vals; i++) {
        if (g->vals[i]->role == FV_ROLE_INPUT)
            p->ports[p->n_ports++] = (fv_port){FV_PORT_INPUT, g->vals[i]->name, g->vals[i]};
    }
    for (int32_t i = 0; i < c->count; i++)
        p->ports[p->n_ports++] = (fv_port){c->notes[i].kind, c->notes[i].name, g->outputs[c->notes[i].output]};
    return FV_OK;
}

/* keep_all: every value that has no port yet gets one. */
static fv_status keep_ports(fv_program *p)
{
    const fv_graph *g = p->graph;
    fv_port *all = fv_arena_alloc(p->arena, ((size_t)g->n_vals + (size_t)p->n_ports + 1) * sizeof *all);
    if (!all)
        return FV_ERR_NO_MEMORY;
    memcpy(all, p->ports, (size_t)p->n_ports * sizeof *all);
    p->ports = all;
    int32_t named = p->n_ports;
    for (int32_t i = 0; i < g->n_vals; i++) {
        bool known = g->vals[i]->role == FV_ROLE_INPUT;
        for (int32_t k = 0; k < named && !known; k++)
            known = all[k].kind == FV_PORT_OUTPUT && strcmp(all[k].name, g->vals[i]->name) == 0;
        if (!known)
            all[p->n_ports++] = (fv_port){FV_PORT_OUTPUT, g->vals[i]->name, g->vals[i]};
    }
    return FV_OK;
}

static fv_status compile(compilation *c, const fv_graph *g, fv_val **map, const targets *t)
{
    fv_program *p = c->program;
    const fv_program_options *o = &p->options;
    FV_TRY(fv_pass_lower(g, o->batch, o->dtype, o->lowering, &p->graph, map));
    FV_TRY(note_values(c, g, map, t));
    FV_TRY(run_passes(c, t));
    FV_TRY(make_ports(c));
    return o->keep_all ? keep_ports(p) : FV_OK;
}

fv_status fv_program_compile(fv_program *p, const fv_graph *g)
{
    compilation c = {.program = p};
    fv_val **map = fv_calloc(p->ctx, (size_t)g->n_vals + 1, sizeof(fv_val *));
    const targets t = {fv_calloc(p->ctx, (size_t)p->options.n_objectives + 1, sizeof *t.loss),
                       fv_calloc(p->ctx, (size_t)p->options.n_wanted + 1, sizeof *t.wanted)};
    p->owns_graph = true;
    fv_status status = map && t.loss && t.wanted ? compile(&c, g, map, &t) : FV_ERR_NO_MEMORY;
    fv_free(p->ctx, map);
    fv_free(p->ctx, t.loss);
    fv_free(p->ctx, t.wanted);
    fv_free(p->ctx, c.notes);
    return status;
}
