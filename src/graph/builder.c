/* SPDX-License-Identifier: Apache-2.0 */
/* What gradients and rewrites append nodes with. */
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

fv_val *fv_emit(fv_builder *b, const char *op, const void *attr, fv_val *const *in, int n_in)
{
    if (b->status != FV_OK)
        return NULL;
    fv_graph *g = b->g;
    const fv_op *row = g->find_op(g->ctx, op);
    if (!row) {
        b->status =
            fv_fail(g->ctx, FV_ERR_INTERNAL, "'%s': operator '%s', which it needs, is not in the table", b->base, op);
        return NULL;
    }
    char name[256];
    snprintf(name, sizeof name, "%.180s.%.60s", b->base, op);
    for (int i = 2; fv_graph_taken(g, name) && i < 1000000; i++)
        snprintf(name, sizeof name, "%.170s.%.60s_%d", b->base, op, i);
    fv_node *node;
    b->status = fv_graph_add(g, row, name, attr, in, n_in, &node);
    return b->status == FV_OK && node->n_out > 0 ? node->out[0] : NULL;
}

fv_val *fv_emit_out(fv_builder *b, fv_val *first, int i)
{
    if (b->status != FV_OK || !first)
        return NULL;
    if (!first->def || i < 0 || i >= first->def->n_out) {
        b->status =
            fv_fail(b->g->ctx, FV_ERR_INTERNAL, "'%s': value '%s' has no sibling output %d", b->base, first->name, i);
        return NULL;
    }
    return first->def->out[i];
}

bool fv_emit_wanted(const fv_builder *b, const fv_val *val)
{
    return val && val->id < b->n_wanted && b->wanted[val->id];
}

fv_val *fv_emit_const(fv_builder *b, double value, const fv_shape *shape)
{
    fv_val *val = NULL;
    if (b->status == FV_OK)
        b->status = fv_graph_const(b->g, value, b->dtype, shape, &val);
    return val;
}

fv_dtype fv_emit_float(const fv_builder *b)
{
    return b->dtype;
}

fv_val *fv_emit_tensor(fv_builder *b, const fv_tensor *tensor)
{
    fv_val *val = NULL;
    if (b->status == FV_OK)
        b->status = fv_graph_tensor(b->g, NULL, tensor, &val);
    return val;
}

fv_val *fv_emit_meet(fv_builder *b, fv_val *sums)
{
    return fv_emit(b, "all_reduce", NULL, &sums, 1);
}

fv_status fv_emit_fail(fv_builder *b, const fv_node *node, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (b->status == FV_OK)
        b->status = fv_node_error(b->g->ctx, FV_ERR_UNSUPPORTED, node, "%s", text);
    return b->status;
}

fv_status fv_graph_extend(fv_graph *g, const char *base, fv_status (*append)(fv_builder *b, void *arg), void *arg)
{
    fv_builder b = {.g = g, .base = base, .dtype = fv_graph_float(g)};
    fv_status status = append(&b, arg);
    return status == FV_OK ? b.status : status;
}

/* ---- the skeleton of a pass ---- */

fv_dtype fv_graph_float(const fv_graph *g)
{
    for (int32_t i = 0; i < g->n_vals; i++) {
        if (g->vals[i]->dtype == FV_F32 || g->vals[i]->dtype == FV_F64)
            return g->vals[i]->dtype;
    }
    return FV_F32;
}

fv_status fv_rewrite_begin(fv_rewrite *rw, const fv_graph *g, bool leaves)
{
    fv_ctx *ctx = g->ctx;
    *rw = (fv_rewrite){.g = g};
    FV_TRY(fv_graph_create(ctx, g->find_op, &rw->out));
    rw->b = (fv_builder){.g = rw->out, .base = "", .dtype = fv_graph_float(g)};
    rw->map = fv_calloc(ctx, (size_t)g->n_vals + 1, sizeof *rw->map);
    rw->uses = fv_calloc(ctx, (size_t)g->n_vals + 1, sizeof *rw->uses);
    rw->consumer = fv_calloc(ctx, (size_t)g->n_vals + 1, sizeof *rw->consumer);
    rw->skip = fv_calloc(ctx, (size_t)g->n_nodes + 1, sizeof *rw->skip);
    if (!rw->map || !rw->uses || !rw->consumer || !rw->skip)
        return FV_ERR_NO_MEMORY;
    fv_graph_uses(g, rw->uses);
    for (int32_t n = 0; n < g->n_nodes; n++) {
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++) {
            if (g->nodes[n]->in[i])
                rw->consumer[g->nodes[n]->in[i]->id] = g->nodes[n];
        }
    }
    for (int32_t i = 0; leaves && i < g->n_vals; i++) {
        if (g->vals[i]->role != FV_ROLE_COMPUTED)
            FV_TRY(fv_graph_copy_leaf(rw->out, g->vals[i], &rw->map[i]));
    }
    return FV_OK;
}

fv_status fv_rewrite_copy(fv_rewrite *rw, const fv_node *node, const void *attr, fv_node **copy)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made;
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? rw->map[node->in[i]->id] : NULL;
    FV_TRY(fv_graph_add(rw->out, node->op, node->name, attr ? attr : node->attr, in, node->n_in, &made));
    for (int32_t i = 0; i < node->n_out; i++)
        rw->map[node->out[i]->id] = made->out[i];
    if (copy)
        *copy = made;
    return FV_OK;
}

fv_status fv_rewrite_end(fv_rewrite *rw, fv_status status, fv_graph **out, fv_val **map)
{
    fv_ctx *ctx = rw->g->ctx;
    for (int32_t i = 0; status == FV_OK && i < rw->g->n_outputs; i++)
        status = fv_graph_add_output(rw->out, rw->map[rw->g->outputs[i]->id], rw->g->output_names[i]);
    if (status == FV_OK && map)
        memcpy(map, rw->map, (size_t)rw->g->n_vals * sizeof *map);
    fv_free(ctx, rw->map);
    fv_free(ctx, rw->uses);
    fv_free(ctx, rw->consumer);
    fv_free(ctx, rw->skip);
    if (status != FV_OK)
        fv_graph_destroy(&rw->out);
    *out = rw->out;
    return status;
}

fv_node *fv_rewrite_sole_consumer(const fv_rewrite *rw, const fv_val *val)
{
    return rw->uses[val->id] == 1 ? rw->consumer[val->id] : NULL;
}

static int32_t node_activation(const fv_node *node)
{
    int32_t activation;
    memcpy(&activation, node->attr, sizeof activation);
    return activation;
}

bool fv_rewrite_takes(const fv_node *node, fv_activation activation)
{
    const fv_op *op = node->op;
    if (!(op->traits & FV_T_FUSES_ACTIVATION) || !node->attr || node_activation(node) != FV_ACT_NONE)
        return false;
    for (const fv_attr *a = op->attrs; a && a->key; a++) {
        if (a->offset == 0 && a->kind == FV_ATTR_ENUM)
            return fv_attr_in_range(a, (double)activation);
    }
    return false;
}

void *fv_rewrite_activation(fv_rewrite *rw, const fv_node *node, fv_activation activation)
{
    int32_t value = (int32_t)activation;
    void *attr = fv_arena_memdup(rw->out->arena, node->attr, node->op->attr_size);
    if (attr)
        memcpy(attr, &value, sizeof value);
    return attr;
}
