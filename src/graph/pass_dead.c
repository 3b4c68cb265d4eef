/* SPDX-License-Identifier: Apache-2.0 */
/* Removes what nothing depends on. */
#include "graph/internal.h"

/* live[id] for every value, and runs[n] for every node, that an output or an update in place needs. */
static void mark_live(const fv_graph *g, bool *live, bool *runs)
{
    for (int32_t i = 0; i < g->n_outputs; i++)
        live[g->outputs[i]->id] = true;
    for (int32_t n = g->n_nodes - 1; n >= 0; n--) {
        const fv_node *node = g->nodes[n];
        bool needed = node->op->updates != 0;
        for (int32_t i = 0; i < node->n_out; i++)
            needed = needed || live[node->out[i]->id];
        for (int32_t i = 0; i < node->n_out; i++)
            live[node->out[i]->id] = needed;
        runs[n] = needed;
        for (int32_t i = 0; needed && i < node->n_in; i++) {
            if (node->in[i])
                live[node->in[i]->id] = true;
        }
    }
}

fv_status fv_pass_dead(const fv_graph *g, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    *out = NULL;
    bool *live = fv_calloc(g->ctx, (size_t)g->n_vals + (size_t)g->n_nodes + 1, sizeof *live), *runs = live + g->n_vals;
    if (!live)
        return FV_ERR_NO_MEMORY;
    mark_live(g, live, runs);
    fv_status status = fv_rewrite_begin(&rw, g, false);
    /* Inputs stay, used or not: callers count them. */
    for (int32_t i = 0; status == FV_OK && i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        if (v->role != FV_ROLE_COMPUTED && (live[i] || v->role == FV_ROLE_INPUT))
            status = fv_graph_copy_leaf(rw.out, v, &rw.map[i]);
    }
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        if (runs[n])
            status = fv_rewrite_copy(&rw, g->nodes[n], NULL, NULL);
    }
    fv_free(g->ctx, live);
    return fv_rewrite_end(&rw, status, out, map);
}
