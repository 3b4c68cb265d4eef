/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of a quantized network: each value is there as floats, as integers, or both, as those that use it ask. */
#include <stdio.h>
#include <string.h>

#include "compress/quantize.h"
#include "ops/ops.h"

typedef struct building {
    fv_quantizer *q;
    fv_graph *to;
    fv_val **real, **integer; /* by id of the folded graph */
    fv_q_pair *pair;          /* of constants as integers */
    bool apart;
} building;

/* ---- values in both forms ---- */

static bool is_output(const building *b, const fv_val *val)
{
    const fv_graph *g = b->q->model->graph;
    for (int32_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == val)
            return true;
    return false;
}

static fv_status get_real(building *b, const fv_val *val, fv_val **real)
{
    char name[256];
    *real = b->real[val->id];
    if (*real)
        return FV_OK;
    if (!val->def) {
        FV_TRY(fv_graph_copy_leaf(b->to, val, &b->real[val->id]));
    } else {
        snprintf(name, sizeof name, is_output(b, val) ? "%.200s" : "%.200s.real", val->name);
        FV_TRY(fv_q_emit_reals(b->to, name, b->integer[val->id], fv_q_pair_of(b->q, val), &b->real[val->id]));
    }
    *real = b->real[val->id];
    return FV_OK;
}

static fv_status add_constant(building *b, const fv_val *val, const char *name)
{
    fv_tensor *tensor = NULL;
    fv_status status = fv_q_constant(b->q, val, &tensor, &b->pair[val->id]);
    if (status == FV_OK)
        status = fv_graph_tensor(b->to, name, tensor, &b->integer[val->id]);
    fv_tensor_destroy(&tensor);
    return status;
}

static bool is_weight(const fv_val *val)
{
    return val->role == FV_ROLE_PARAM || val->role == FV_ROLE_STATE || val->role == FV_ROLE_CONST;
}

static fv_status get_integer(building *b, const fv_val *val, fv_val **integer, fv_q_pair *pair)
{
    char name[256];
    fv_val *real;
    snprintf(name, sizeof name, "%.200s.int8", val->name);
    if (!b->integer[val->id] && is_weight(val))
        FV_TRY(add_constant(b, val, name));
    if (!b->integer[val->id]) {
        FV_TRY(get_real(b, val, &real));
        FV_TRY(fv_q_emit_quantize(b->to, name, real, fv_q_pair_of(b->q, val), &b->integer[val->id]));
    }
    *integer = b->integer[val->id];
    *pair = is_weight(val) ? b->pair[val->id] : *fv_q_pair_of(b->q, val);
    return FV_OK;
}

/* ---- units ---- */

/* Operands of what shares a scale are brought to it. */
static fv_status rescale_operands(building *b, const fv_q_unit *u, fv_q_layer *l)
{
    char name[256];
    for (int32_t i = 0; i < u->node->n_in; i++) {
        if (l->pair[i].scale == l->out.scale && l->pair[i].zero == l->out.zero)
            continue;
        snprintf(name, sizeof name, "%.200s.from%d", l->name, (int)i);
        FV_TRY(fv_q_emit_rescale(b->to, name, l->in[i], &l->pair[i], &l->out, &l->in[i]));
        l->pair[i] = l->out;
    }
    return FV_OK;
}

static fv_status emit_integers(building *b, fv_q_unit *u, fv_q_layer *l, fv_val **out)
{
    double least, most;
    bool bounded;
    if (u->clamp && fv_q_is_clamp(u->clamp, &least, &most, &bounded) &&
        !fv_q_limit(&l->out, &least, bounded ? &most : NULL))
        return fv_node_fail(b->q->ctx, u->node, "its scale %g leaves nothing of the activation behind it",
                            l->out.scale);
    if (!u->row.weighted) {
        if (u->rule->range == FV_Q_SAME)
            FV_TRY(rescale_operands(b, u, l));
        return u->rule->emit(b->to, l, out);
    }
    double *scale = fv_calloc(b->q->ctx, (size_t)u->node->in[1]->shape.dim[0], sizeof *scale);
    fv_status status = scale ? fv_q_weights(b->q, u->node, l->pair[0].scale, l, scale) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = u->rule->emit(b->to, l, out);
    fv_tensor_destroy(&l->wei);
    fv_tensor_destroy(&l->bia);
    fv_free(b->q->ctx, scale);
    return status;
}

static fv_status add_integers(building *b, fv_q_unit *u)
{
    char name[256];
    fv_val *out;
    snprintf(name, sizeof name,
             b->apart                  ? "%.200s.alone"
             : is_output(b, u->result) ? "%.200s.int8"
                                       : "%.200s",
             u->node->name);
    fv_q_layer l = {.node = u->node,
                    .name = name,
                    .constants = b->apart ? name : u->node->name,
                    .out = *fv_q_pair_of(b->q, u->result)};
    for (int32_t i = 0; i < (u->row.weighted ? 1 : u->node->n_in); i++)
        if (u->node->in[i])
            FV_TRY(get_integer(b, u->node->in[i], &l.in[i], &l.pair[i]));
    FV_TRY(emit_integers(b, u, &l, &out));
    snprintf(u->made, sizeof u->made, "%s", out->name);
    if (!b->apart)
        b->integer[u->result->id] = out;
    return FV_OK;
}

static fv_status add_node(building *b, const fv_node *node)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made;
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i])
            FV_TRY(get_real(b, node->in[i], &in[i]));
    FV_TRY(fv_graph_add(b->to, node->op, node->name, node->attr, in, node->n_in, &made));
    for (int32_t i = 0; i < node->n_out; i++)
        b->real[node->out[i]->id] = made->out[i];
    return FV_OK;
}

static fv_status add_reals(building *b, fv_q_unit *u)
{
    FV_TRY(add_node(b, u->node));
    if (u->clamp)
        FV_TRY(add_node(b, u->clamp));
    if (!b->apart)
        snprintf(u->made, sizeof u->made, "%s", b->real[u->result->id]->name);
    return FV_OK;
}

bool fv_q_becomes_integer(fv_q_unit *u, fv_val *const *integer)
{
    bool any = u->row.weighted;
    const char *why = u->no_rule ? u->no_rule : u->asked ? "as asked" : u->keep ? "to keep the accuracy" : NULL;
    for (int32_t i = 0; i < u->node->n_in; i++)
        any = any || (u->node->in[i] && u->node->in[i]->def && integer[u->node->in[i]->id]);
    if (!why && !any)
        why = "what it takes is in floats";
    u->row.integer = !why;
    snprintf(u->row.why, sizeof u->row.why, "%s", why ? why : "");
    return !why;
}

static fv_status build(building *b)
{
    const fv_graph *g = b->q->model->graph;
    for (int32_t v = 0; v < g->n_vals; v++)
        if (g->vals[v]->role == FV_ROLE_INPUT)
            FV_TRY(fv_graph_copy_leaf(b->to, g->vals[v], &b->real[v]));
    for (int i = 0; i < b->q->n_units; i++) {
        fv_q_unit *u = &b->q->units[i];
        if (b->apart) {
            FV_TRY(add_reals(b, u));
            if (!u->no_rule)
                FV_TRY(add_integers(b, u));
        } else {
            FV_TRY(fv_q_becomes_integer(u, b->integer) ? add_integers(b, u) : add_reals(b, u));
        }
    }
    for (int32_t i = 0; i < g->n_outputs; i++) {
        fv_val *out;
        FV_TRY(get_real(b, g->outputs[i], &out));
        FV_TRY(fv_graph_add_output(b->to, out, g->output_names[i]));
    }
    return FV_OK;
}

/* In a graph that is apart the layers by themselves must run too. */
static fv_status add_alone(building *b)
{
    for (int i = 0; i < b->q->n_units; i++) {
        fv_q_unit *u = &b->q->units[i];
        fv_val *val = u->no_rule ? NULL : fv_graph_find(b->to, u->made);
        if (val)
            FV_TRY(fv_graph_add_output(b->to, val, u->made));
        if (val && b->real[u->result->id])
            FV_TRY(fv_graph_add_output(b->to, b->real[u->result->id], u->result->name));
    }
    return FV_OK;
}

fv_status fv_q_build(fv_quantizer *q, bool apart, fv_graph **graph)
{
    const size_t n = (size_t)q->model->graph->n_vals + 1;
    building b = {.q = q, .apart = apart};
    *graph = NULL;
    b.real = fv_calloc(q->ctx, n, sizeof *b.real);
    b.integer = fv_calloc(q->ctx, n, sizeof *b.integer);
    b.pair = fv_calloc(q->ctx, n, sizeof *b.pair);
    fv_status status = b.real && b.integer && b.pair ? fv_graph_create(q->ctx, fv_op_find, &b.to) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = build(&b);
    if (status == FV_OK && apart)
        status = add_alone(&b);
    fv_free(q->ctx, b.real);
    fv_free(q->ctx, b.integer);
    fv_free(q->ctx, b.pair);
    if (status != FV_OK)
        fv_graph_destroy(&b.to);
    *graph = b.to;
    return status;
}
