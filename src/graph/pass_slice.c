/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a graph between two values. */
#include "graph/internal.h"

static fv_status find_end(const fv_graph *g, const char *name, const fv_val **val)
{
    *val = name ? fv_graph_named(g, name) : NULL;
    if (name && !*val)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "fv_pass_slice: the graph has no value '%s'", name);
    return FV_OK;
}

/* What the live values depend on without going before `from`; runs[n]: a node of that. */
static void mark(const fv_graph *g, const fv_val *from, bool *live, bool *runs)
{
    for (int32_t n = g->n_nodes - 1; n >= 0; n--) {
        const fv_node *node = g->nodes[n];
        for (int32_t i = 0; i < node->n_out; i++)
            runs[n] = runs[n] || (live[node->out[i]->id] && node->out[i] != from);
        for (int32_t i = 0; runs[n] && i < node->n_in; i++) {
            if (node->in[i])
                live[node->in[i]->id] = true;
        }
    }
}

/* Leaves in their order, the first value among them where its node stood. */
static fv_status copy(fv_rewrite *rw, const fv_val *from, const bool *live, const bool *runs)
{
    const fv_graph *g = rw->g;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        if (v == from)
            FV_TRY(fv_graph_input(rw->out, v->name, v->dtype, &v->shape, &rw->map[i]));
        else if (live[i] && v->role != FV_ROLE_COMPUTED)
            FV_TRY(fv_graph_copy_leaf(rw->out, v, &rw->map[i]));
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        if (runs[n])
            FV_TRY(fv_rewrite_copy(rw, g->nodes[n], NULL, NULL));
    }
    return FV_OK;
}

/* fv_rewrite_end copies the outputs of the whole graph. */
static fv_status end_at(fv_rewrite *rw, fv_status status, const fv_val *to, fv_graph **out)
{
    fv_graph whole = *rw->g;
    fv_val *only[1] = {(fv_val *)(uintptr_t)to};
    const char *name[1] = {to ? to->name : NULL};
    if (to) {
        whole.outputs = only;
        whole.output_names = name;
        whole.n_outputs = 1;
        rw->g = &whole;
    }
    return fv_rewrite_end(rw, status, out, NULL);
}

fv_status fv_pass_slice(const fv_graph *g, const char *from, const char *to, const char *const *also, int32_t n_also,
                        fv_graph **out)
{
    fv_rewrite rw;
    const fv_val *first, *last;
    *out = NULL;
    FV_TRY(find_end(g, from, &first));
    FV_TRY(find_end(g, to, &last));
    bool *live = fv_calloc(g->ctx, (size_t)g->n_vals + (size_t)g->n_nodes + 1, sizeof *live), *runs = live + g->n_vals;
    if (!live)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; !last && i < g->n_outputs; i++)
        live[g->outputs[i]->id] = true;
    if (last)
        live[last->id] = true;
    for (int32_t i = 0; i < n_also; i++) {
        const fv_val *val = also[i] ? fv_graph_named(g, also[i]) : NULL;
        if (val)
            live[val->id] = true;
    }
    mark(g, first, live, runs);
    const bool apart = first && first->def && runs[first->def->id];
    fv_status status = fv_rewrite_begin(&rw, g, false);
    if (status == FV_OK && apart)
        status =
            fv_fail(g->ctx, FV_ERR_ARGUMENT, "fv_pass_slice: '%s' is one of several results that are needed", from);
    if (status == FV_OK)
        status = copy(&rw, first, live, runs);
    fv_free(g->ctx, live);
    return end_at(&rw, status, last, out);
}
