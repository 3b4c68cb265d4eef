/* SPDX-License-Identifier: Apache-2.0 */
/* Inference: a node that only scales and shifts channels disappears into the weights before it. */
#include <string.h>

#include "graph/internal.h"

/* The weighted node that `node` may fold into, or NULL. */
static fv_node *fold_producer(const fv_rewrite *rw, const fv_node *node)
{
    fv_node *producer = node->op->fold && node->n_in > 0 && node->in[0] ? node->in[0]->def : NULL;
    if (!producer || !(producer->op->traits & FV_T_WEIGHTED) || producer->n_out != 1 ||
        fv_rewrite_sole_consumer(rw, producer->out[0]) != node)
        return NULL;
    if ((producer->op->traits & FV_T_FUSES_ACTIVATION) && !fv_rewrite_takes(producer, FV_ACT_NONE))
        return NULL;
    bool residual = (producer->op->traits & FV_T_FUSES_RESIDUAL) && producer->n_in > 3 && producer->in[3];
    return residual ? NULL : producer;
}

/* Tries to fold; when the operator declines, both nodes are copied. */
static fv_status fold_node(fv_rewrite *rw, const fv_node *node, const fv_node *producer)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL}, *producer_in[FV_MAX_OPERANDS] = {NULL}, *folded = NULL;
    for (int32_t i = 1; i < node->n_in; i++)
        in[i] = node->in[i] ? rw->map[node->in[i]->id] : NULL;
    for (int32_t i = 0; i < producer->n_in; i++)
        producer_in[i] = producer->in[i] ? rw->map[producer->in[i]->id] : NULL;
    rw->b.base = producer->name;
    FV_TRY(node->op->fold(&rw->b, node, producer, in, producer_in, &folded));
    FV_TRY(rw->b.status);
    if (!folded) {
        FV_TRY(fv_rewrite_copy(rw, producer, NULL, NULL));
        return fv_rewrite_copy(rw, node, NULL, NULL);
    }
    if (!fv_shape_equal(&folded->shape, &node->out[0]->shape))
        return fv_node_error(rw->out->ctx, FV_ERR_INTERNAL, node, "folding changed the shape of the result");
    rw->map[node->out[0]->id] = folded;
    return folded->def ? fv_graph_rename(rw->out, folded->def, producer->name) : FV_OK;
}

fv_status fv_pass_fold(const fv_graph *g, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        const fv_node *producer = fold_producer(&rw, g->nodes[n]);
        if (producer)
            rw.skip[producer->id] = true;
    }
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        const fv_node *producer = fold_producer(&rw, g->nodes[n]);
        if (producer)
            status = fold_node(&rw, g->nodes[n], producer);
        else if (!rw.skip[n])
            status = fv_rewrite_copy(&rw, g->nodes[n], NULL, NULL);
    }
    return fv_rewrite_end(&rw, status, out, map);
}
