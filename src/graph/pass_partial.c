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

fv_status fv_pass_partial(const fv_graph *g, bool pooled, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    *out = NULL;
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t i = 0; status == FV_OK && i < g->n_nodes; i++) {
        const fv_node *node = g->nodes[i];
        if (!(node->op->traits & FV_T_SHARDED))
            status = fv_rewrite_copy(&rw, node, NULL, NULL);
        else if (node->op->partial)
            status = partial_node(&rw, node, pooled);
        else
            status = partial_results(&rw, node);
    }
    return fv_rewrite_end(&rw, status, out, map);
}
