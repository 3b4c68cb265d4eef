/* SPDX-License-Identifier: Apache-2.0 */
/* Passes that let one node do the work of two: activations, residual additions, and pooling before activations. */
#include <string.h>

#include "graph/internal.h"

/* ---- an activation rides in the node before it ---- */

/* The activation node that `node` can take over, or NULL. */
static fv_node *activation_behind(const fv_rewrite *rw, const fv_node *node)
{
    fv_node *next = node->n_out > 0 ? fv_rewrite_sole_consumer(rw, node->out[0]) : NULL;
    if (!next || next->op->fuses_as == FV_ACT_NONE || next->n_in != 1 || (node->op->traits & FV_T_BACKWARD))
        return NULL;
    return fv_rewrite_takes(node, next->op->fuses_as) ? next : NULL;
}

fv_status fv_pass_fuse_activation(const fv_graph *g, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        if (rw.skip[n])
            continue;
        fv_node *act = activation_behind(&rw, node);
        const void *attr = act ? fv_rewrite_activation(&rw, node, act->op->fuses_as) : node->attr;
        status = act && !attr ? FV_ERR_NO_MEMORY : fv_rewrite_copy(&rw, node, attr, NULL);
        if (act && status == FV_OK) {
            rw.map[act->out[0]->id] = rw.map[node->out[0]->id];
            rw.map[node->out[0]->id] = NULL;
            rw.skip[act->id] = true;
        }
    }
    return fv_rewrite_end(&rw, status, out, map);
}

/* ---- the backward of an activation rides in the backward node behind it ---- */

/* The node that can take over the activation gradient `node`, or NULL. */
static fv_node *backward_behind(const fv_rewrite *rw, const fv_node *node)
{
    if (node->op->backward_of == FV_ACT_NONE || node->n_in != 2)
        return NULL;
    fv_node *next = fv_rewrite_sole_consumer(rw, node->out[0]);
    if (!next || !(next->op->traits & FV_T_BACKWARD) || next->in[0] != node->out[0] || next->n_in >= next->op->n_in_max)
        return NULL;
    return fv_rewrite_takes(next, node->op->backward_of) ? next : NULL;
}

/* Copies `node` with the activation gradient `act` inside. */
static fv_status backward_fuse(fv_rewrite *rw, const fv_node *node, const fv_node *act)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made;
    int last = node->op->n_in_max - 1;
    const void *attr = fv_rewrite_activation(rw, node, act->op->backward_of);
    if (!attr)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 1; i < node->n_in; i++)
        in[i] = node->in[i] ? rw->map[node->in[i]->id] : NULL;
    in[0] = rw->map[act->in[0]->id];
    in[last] = rw->map[act->in[1]->id];
    FV_TRY(fv_graph_add(rw->out, node->op, node->name, attr, in, last + 1, &made));
    for (int32_t i = 0; i < node->n_out; i++)
        rw->map[node->out[i]->id] = made->out[i];
    return FV_OK;
}

fv_status fv_pass_fuse_activation_backward(const fv_graph *g, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        const fv_node *act = node->n_in > 0 && node->in[0] ? node->in[0]->def : NULL;
        if (backward_behind(&rw, node))
            continue;
        if (act && backward_behind(&rw, act) == node)
            status = backward_fuse(&rw, node, act);
        else
            status = fv_rewrite_copy(&rw, node, NULL, NULL);
    }
    return fv_rewrite_end(&rw, status, out, map);
}

/* ---- an addition rides in the weighted node before it ---- */

static bool takes_residual(const fv_rewrite *rw, const fv_val *val, const fv_node *add)
{
    const fv_node *node = val->def;
    return node && (node->op->traits & FV_T_FUSES_RESIDUAL) && node->n_in < 4 && node->op->n_in_max >= 4 &&
           fv_rewrite_sole_consumer(rw, val) == add && fv_rewrite_takes(node, FV_ACT_NONE);
}

/* Which operand of an addition its node is merged into: 0, 1, or -1. The later one, so that nothing has to wait. */
static int residual_side(const fv_rewrite *rw, const fv_node *add)
{
    int side = -1;
    if (!(add->op->traits & FV_T_ADD) || add->n_in != 2 || !fv_shape_equal(&add->in[0]->shape, &add->in[1]->shape))
        return -1;
    for (int i = 0; i < 2; i++) {
        if (takes_residual(rw, add->in[i], add) && (side < 0 || add->in[i]->id > add->in[side]->id))
            side = i;
    }
    if (side < 0)
        return -1;
    int32_t activation = FV_ACT_NONE;
    if (add->op->traits & FV_T_FUSES_ACTIVATION)
        memcpy(&activation, add->attr, sizeof activation);
    return fv_rewrite_takes(add->in[side]->def, (fv_activation)activation) ? side : -1;
}

static fv_status residual_fuse(fv_rewrite *rw, const fv_node *add, int side)
{
    const fv_node *node = add->in[side]->def;
    fv_val *in[4] = {NULL};
    fv_node *made;
    int32_t activation = FV_ACT_NONE;
    if (add->op->traits & FV_T_FUSES_ACTIVATION)
        memcpy(&activation, add->attr, sizeof activation);
    const void *attr = fv_rewrite_activation(rw, node, (fv_activation)activation);
    if (!attr)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? rw->map[node->in[i]->id] : NULL;
    in[3] = rw->map[add->in[1 - side]->id];
    FV_TRY(fv_graph_add(rw->out, node->op, node->name, attr, in, 4, &made));
    rw->map[add->out[0]->id] = made->out[0];
    return FV_OK;
}

fv_status fv_pass_fuse_residual(const fv_graph *g, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        int side = residual_side(&rw, g->nodes[n]);
        if (side >= 0)
            rw.skip[g->nodes[n]->in[side]->def->id] = true;
    }
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        int side = residual_side(&rw, node);
        if (side >= 0)
            status = residual_fuse(&rw, node, side);
        else if (!rw.skip[n])
            status = fv_rewrite_copy(&rw, node, NULL, NULL);
    }
    return fv_rewrite_end(&rw, status, out, map);
}

/* ---- pooling before an activation: fewer elements to activate ---- */

static bool is_plain_maximum(const fv_node *node)
{
    if (!(node->op->traits & FV_T_MAXIMUM))
        return false;
    return !(node->op->traits & FV_T_FUSES_ACTIVATION) || fv_rewrite_takes(node, FV_ACT_NONE);
}

/* Longest chain of activations that moves behind a maximum. */
#define FV_MAX_CHAIN 16

/* Whether the node is a monotone one that only feeds, perhaps through others like it, a maximum. */
static bool waits_for_maximum(const fv_rewrite *rw, const fv_node *node)
{
    for (int depth = 0; depth < FV_MAX_CHAIN; depth++) {
        if (!node || !(node->op->traits & FV_T_MONOTONE) || node->n_in != 1 || node->n_out != 1)
            return false;
        const fv_node *next = fv_rewrite_sole_consumer(rw, node->out[0]);
        if (next && is_plain_maximum(next) && next->in[0] == node->out[0])
            return true;
        node = next;
    }
    return false;
}

/* Appends `node` (a monotone one, perhaps behind others) to the pooled value. */
static fv_status activate_pooled(fv_rewrite *rw, const fv_node *node, fv_val **val)
{
    const fv_node *chain[FV_MAX_CHAIN];
    int depth = 0;
    for (; node && depth < FV_MAX_CHAIN && waits_for_maximum(rw, node); node = node->in[0]->def)
        chain[depth++] = node;
    while (depth > 0) {
        const fv_node *act = chain[--depth];
        fv_node *made;
        FV_TRY(fv_graph_add(rw->out, act->op, act->name, act->attr, val, 1, &made));
        *val = made->out[0];
    }
    return FV_OK;
}

static fv_status pool_before(fv_rewrite *rw, const fv_node *pool)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    const fv_val *src = pool->in[0];
    fv_node *made;
    while (src->def && waits_for_maximum(rw, src->def))
        src = src->def->in[0];
    in[0] = rw->map[src->id];
    for (int32_t i = 1; i < pool->n_in; i++)
        in[i] = pool->in[i] ? rw->map[pool->in[i]->id] : NULL;
    FV_TRY(fv_graph_add(rw->out, pool->op, pool->name, pool->attr, in, pool->n_in, &made));
    for (int32_t i = 0; i < pool->n_out; i++)
        rw->map[pool->out[i]->id] = made->out[i];
    return activate_pooled(rw, pool->in[0]->def, &rw->map[pool->out[0]->id]);
}

fv_status fv_pass_pool_first(const fv_graph *g, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        if (waits_for_maximum(&rw, node))
            continue;
        if (is_plain_maximum(node) && node->in[0]->def && waits_for_maximum(&rw, node->in[0]->def))
            status = pool_before(&rw, node);
        else
            status = fv_rewrite_copy(&rw, node, NULL, NULL);
    }
    return fv_rewrite_end(&rw, status, out, map);
}
