/* SPDX-License-Identifier: Apache-2.0 */
/* Lays open the sums over samples, so that runs of pieces of a batch can add theirs. */
#include "graph/internal.h"

/* Results that are sums themselves, in the graph's float type, meet as they are. */
static fv_status partial_results(fv_rewrite *rw, const fv_node *node)
{
    FV_TRY(fv_rewrite_copy(rw, node, NULL, NULL));
    rw->b.base = node->name;
    for (int32_t i = 0; i < node->n_out; i++) {
        fv_val **val = &rw->map[node->out[i]->id];
        *val = fv_emit_meet(&rw->b, *val);
    }
    return rw->b.status;
}

static fv_status partial_node(fv_rewrite *rw, const fv_node *node, bool pooled)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL}, *out[FV_MAX_RESULTS] = {NULL};
    int32_t before = rw->out->n_nodes;
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? rw->map[node->in[i]->id] : NULL;
    rw->b.base = node->name;
    FV_TRY(node->op->partial(&rw->b, node, pooled, in, out));
    FV_TRY(rw->b.status);
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!out[i])
            return fv_node_error(rw->out->ctx, FV_ERR_INTERNAL, node, "its partial form leaves output %d unset",
                                 (int)i);
        rw->map[node->out[i]->id] = out[i];
    }
    fv_node *def = out[0]->def;
    return def && def->id >= before ? fv_graph_rename(rw->out, def, node->name) : FV_OK;
}

/* Marks the values of rw->out that have one part for every sample: what inputs lead to, until their sums meet. */
static fv_status mark_samples(const fv_rewrite *rw, bool **of_samples, int32_t *known)
{
    const fv_graph *g = rw->out;
    bool *grown = fv_realloc(g->ctx, *of_samples, (size_t)g->n_vals + 1);
    if (!grown)
        return FV_ERR_NO_MEMORY;
    *of_samples = grown;
    for (; *known < g->n_vals; ++*known) {
        const fv_val *val = g->vals[*known];
        bool any = val->role == FV_ROLE_INPUT;
        for (int32_t i = 0; val->def && !(val->def->op->traits & FV_T_MEETS) && i < val->def->n_in; i++)
            any = any || (val->def->in[i] && grown[val->def->in[i]->id]);
        grown[*known] = any;
    }
    return FV_OK;
}

static bool sums_samples(const fv_rewrite *rw, const fv_node *node, const bool *of_samples)
{
    for (int32_t i = 0; i < node->n_in; i++) {
        if (node->in[i] && of_samples[rw->map[node->in[i]->id]->id])
            return (node->op->traits & FV_T_SHARDED) != 0;
    }
    return false;
}

fv_status fv_pass_partial(const fv_graph *g, bool pooled, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    bool *of_samples = NULL;
    int32_t known = 0;
    *out = NULL;
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t i = 0; status == FV_OK && i < g->n_nodes; i++) {
        const fv_node *node = g->nodes[i];
        status = mark_samples(&rw, &of_samples, &known);
        if (status != FV_OK)
            break;
        if (!sums_samples(&rw, node, of_samples))
            status = fv_rewrite_copy(&rw, node, NULL, NULL);
        else if (node->op->partial)
            status = partial_node(&rw, node, pooled);
        else
            status = partial_results(&rw, node);
    }
    fv_free(g->ctx, of_samples);
    return fv_rewrite_end(&rw, status, out, map);
}
