/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes are computed together, which values share a scale, and which are looked at. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compress/quantize.h"

/* ---- units ---- */

static const fv_node *sole_user(const fv_quantizer *q, const fv_val *val)
{
    const fv_graph *g = q->model->graph;
    if (q->uses[val->id] != 1)
        return NULL;
    for (int32_t n = 0; n < g->n_nodes; n++)
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++)
            if (g->nodes[n]->in[i] == val)
                return g->nodes[n];
    return NULL; /* an output */
}

static bool is_number(const fv_val *val)
{
    return val && val->dtype == FV_F32;
}

static const char *why_not(const fv_q_unit *u)
{
    const fv_node *node = u->node;
    if (!u->rule)
        return "its operator has no integer form here";
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !is_number(node->in[i]))
            return "an operand is no float";
    if (node->n_out != 1 || !is_number(node->out[0]))
        return "its result is no float";
    if (fv_node_weighted(node) && (node->in[1]->def || (node->n_in > 2 && node->in[2] && node->in[2]->def)))
        return "its weights are computed";
    return u->rule->refuse ? u->rule->refuse(node) : NULL;
}

static int64_t parameters_of(const fv_node *node)
{
    int64_t count = 0;
    for (int32_t i = 0; i < node->n_in; i++)
        count += node->in[i] && node->in[i]->role == FV_ROLE_PARAM ? fv_shape_count(&node->in[i]->shape) : 0;
    return count;
}

static void add_unit(fv_quantizer *q, const fv_node *node)
{
    double least, most;
    bool bounded;
    fv_q_unit *u = &q->units[q->n_units++];
    u->node = node;
    u->result = node->out[0];
    u->rule = fv_q_rule_find(node->op);
    u->no_rule = why_not(u);
    const fv_node *next = u->no_rule || !u->rule->clamps ? NULL : sole_user(q, node->out[0]);
    if (next && fv_q_is_clamp(next, &least, &most, &bounded)) {
        u->clamp = next;
        u->result = next->out[0];
    }
    u->row = (fv_quantize_row){.layer = node->name,
                               .op = node->op->name,
                               .weighted = fv_node_weighted(node),
                               .parameters = parameters_of(node),
                               .own_db = NAN,
                               .left_out = NAN,
                               .db = NAN};
}

static bool rides_along(const fv_quantizer *q, const fv_node *node)
{
    for (int i = 0; i < q->n_units; i++)
        if (q->units[i].clamp == node)
            return true;
    return false;
}

/* ---- names ---- */

static fv_status skip_named(fv_quantizer *q)
{
    char one[256];
    for (const char *p = q->skip; p && *p;) {
        const size_t length = strcspn(p, ",");
        int found = 0;
        snprintf(one, sizeof one, "%.*s", (int)length, p);
        for (int i = 0; i < q->n_units; i++) {
            if (!fv_text_match(one, q->units[i].row.layer))
                continue;
            found++;
            q->units[i].keep = q->units[i].asked = true;
        }
        if (!found)
            return fv_fail_hint(
                q->ctx, fv_fail(q->ctx, FV_ERR_VALUE, "no layer of model '%s' is called '%s'", q->model->name, one),
                "layers are called '%s', ..., '%s'", q->units[0].row.layer, q->units[q->n_units - 1].row.layer);
        p += length + (p[length] == ',');
    }
    return FV_OK;
}

/* ---- scales that are shared ---- */

/* a and b get one scale, unless an operator has fixed one of them: false then. */
static bool share(fv_quantizer *q, const fv_val *a, const fv_val *b)
{
    fv_q_value *x = &q->values[fv_q_root(q, a->id)], *y = &q->values[fv_q_root(q, b->id)];
    if (x == y)
        return true;
    if (x->fixed && y->fixed)
        return false;
    fv_q_value *stays = y->fixed ? y : x, *goes = y->fixed ? x : y;
    goes->same = (int32_t)(stays - q->values);
    return true;
}

static void share_unit(fv_quantizer *q, const fv_q_unit *u)
{
    fv_q_value *result = &q->values[u->result->id];
    if (u->rule->range == FV_Q_FIXED) {
        result->fixed = true;
        result->pair = (fv_q_pair){u->rule->scale, u->rule->zero, -128, 127, FV_I8};
        result->low = u->rule->scale * (double)(-128 - u->rule->zero);
        result->high = u->rule->scale * (double)(127 - u->rule->zero);
        return;
    }
    if (u->rule->range != FV_Q_SAME)
        return;
    /* Of several operands one that others use too keeps its own scale, and is brought to the result's. */
    for (int32_t i = 0; i < u->node->n_in; i++) {
        const fv_val *in = u->node->in[i];
        if (in && (u->node->n_in == 1 ||
                   (q->uses[in->id] == 1 && in->role == FV_ROLE_COMPUTED && !q->values[fv_q_root(q, in->id)].fixed)))
            (void)share(q, u->result, in);
    }
}

/* Results with a scale of their own, whatever becomes of them; what integers are made from. */
static void choose_observed(fv_quantizer *q)
{
    const fv_graph *g = q->model->graph;
    for (int i = 0; i < q->n_units; i++) {
        const fv_q_unit *u = &q->units[i];
        const bool moved = !u->no_rule && u->rule->range != FV_Q_OWN;
        q->values[u->result->id].observed = is_number(u->result) && u->result->shape.rank > 0 && !moved;
    }
    for (int i = 0; i < q->n_units; i++) {
        const fv_q_unit *u = &q->units[i];
        for (int32_t k = 0; !u->no_rule && u->rule->range == FV_Q_SAME && k < u->node->n_in; k++)
            if (u->node->in[k] && fv_q_root(q, u->node->in[k]->id) != fv_q_root(q, u->result->id))
                q->values[u->result->id].observed = true; /* no operand speaks for it */
    }
    for (int32_t v = 0; v < g->n_vals; v++)
        if (g->vals[v]->role == FV_ROLE_INPUT)
            q->values[v].observed = q->values[v].whole = is_number(g->vals[v]);
    for (int32_t i = 0; i < g->n_outputs; i++)
        q->values[fv_q_root(q, g->outputs[i]->id)].whole = true;
}

fv_status fv_q_plan(fv_quantizer *q)
{
    const fv_graph *g = q->model->graph;
    int weighted = 0;
    q->values = fv_calloc(q->ctx, (size_t)g->n_vals + 1, sizeof *q->values);
    q->units = fv_calloc(q->ctx, (size_t)g->n_nodes + 1, sizeof *q->units);
    q->uses = fv_calloc(q->ctx, (size_t)g->n_vals + 1, sizeof *q->uses);
    if (!q->values || !q->units || !q->uses)
        return FV_ERR_NO_MEMORY;
    fv_graph_uses(g, q->uses);
    for (int32_t v = 0; v < g->n_vals; v++)
        q->values[v].same = v;
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (g->nodes[n]->n_out > 0 && !rides_along(q, g->nodes[n]))
            add_unit(q, g->nodes[n]);
    for (int i = 0; i < q->n_units; i++) {
        weighted += q->units[i].row.weighted && !q->units[i].no_rule;
        if (!q->units[i].no_rule)
            share_unit(q, &q->units[i]);
    }
    if (!weighted)
        return fv_fail_hint(
            q->ctx,
            fv_fail(q->ctx, FV_ERR_MODEL, "model '%s' has no layer with weights that can be integers", q->model->name),
            "convolutions (conv2d) and products (dense) can");
    FV_TRY(skip_named(q));
    choose_observed(q);
    return FV_OK;
}
