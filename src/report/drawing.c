/* SPDX-License-Identifier: Apache-2.0 */
/* The boxes of a drawing: which nodes share one, what it says, what leads where. */
#include "report/drawing.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[FV_BOX_KIND_COUNT] = {"input",   "convolution", "depthwise", "matrix",
                                                          "pooling", "join",        "other",     "output"};

const char *fv_box_kind_name(fv_box_kind kind)
{
    return kind_names[kind];
}

/* The box of each value, by id; -1: none. */
typedef struct making {
    fv_drawing *d;
    int *of;       /* by value */
    int32_t *uses; /* by value */
    int cap_edges;
} making;

static bool is_computed(const fv_val *val)
{
    return val && (val->role == FV_ROLE_COMPUTED || val->role == FV_ROLE_INPUT);
}

static int operands_of(const fv_node *node)
{
    int n = 0;
    for (int32_t i = 0; i < node->n_in; i++)
        n += is_computed(node->in[i]);
    return n;
}

static const fv_val *operand_of(const fv_node *node, fv_operand_kind kind)
{
    for (int32_t i = 0; node->op->kinds && i < node->n_in; i++)
        if (node->op->kinds[i] == kind)
            return node->in[i];
    return NULL;
}

static fv_box_kind kind_of(const fv_node *node)
{
    const fv_val *wei = operand_of(node, FV_OPERAND_WEIGHT);
    const fv_shape *src = &node->in[0]->shape, *dst = &node->out[0]->shape;
    if (wei && wei->shape.rank == 4 && wei->shape.dim[3] == 1 && src->rank == 4 && src->dim[3] > 1 &&
        wei->shape.dim[0] >= src->dim[3])
        return FV_BOX_DEPTHWISE;
    if (wei)
        return wei->shape.rank == 4 ? FV_BOX_CONV : FV_BOX_MATRIX;
    if (operands_of(node) > 1)
        return FV_BOX_JOIN;
    const bool fewer = src->rank == 4 && !(node->op->traits & FV_T_VIEW) &&
                       (dst->rank != 4 || dst->dim[1] * dst->dim[2] < src->dim[1] * src->dim[2]) &&
                       dst->dim[dst->rank - 1] == src->dim[3];
    const bool window = node->op->reach && src->rank == 4 && dst->rank == 4 && node->op->reach(node, 0).taps > 1;
    return fewer || window ? FV_BOX_POOL : FV_BOX_OTHER;
}

/* Whether a node works on numbers one by one, or only calls them another shape. */
static bool is_single(const fv_node *node)
{
    return kind_of(node) == FV_BOX_OTHER && operands_of(node) == 1 && !node->op->reach &&
           ((node->op->traits & FV_T_VIEW) || fv_shape_equal(&node->in[0]->shape, &node->out[0]->shape));
}

static void append_word(char text[64], const char *word)
{
    const size_t used = strlen(text);
    snprintf(text + used, 64 - used, "%s%s", used ? ", " : "", word);
}

static fv_status describe(const fv_model *model, fv_drawn_box *b, const fv_node *node)
{
    char *words = NULL;
    b->name = node->name;
    b->kind = kind_of(node);
    b->single = is_single(node);
    FV_TRY(fv_model_layer_words(model, node->id, &words));
    snprintf(b->words, sizeof b->words, "%s%s%.50s",
             b->kind == FV_BOX_CONV || b->kind == FV_BOX_DEPTHWISE ? "" : node->op->name,
             b->kind == FV_BOX_CONV || b->kind == FV_BOX_DEPTHWISE || !words[0] ? "" : " ", words);
    fv_text_free(model->ctx, words);
    if (b->single)
        snprintf(b->words, sizeof b->words, "%s", node->op->name);
    return FV_OK;
}

static void count_parameters(const fv_model *model, fv_drawn_box *b, int layer)
{
    fv_layer_info l;
    fv_model_layer(model, layer, &l);
    b->parameters += l.parameters;
}

static fv_status add_edge(making *m, int from, int to)
{
    fv_drawing *d = m->d;
    for (int e = d->n_edges - 1; e >= 0 && d->edges[e].to == to; e--)
        if (d->edges[e].from == from)
            return FV_OK; /* twice the same */
    if (d->n_edges == m->cap_edges) {
        m->cap_edges = m->cap_edges ? 2 * m->cap_edges : 64;
        fv_drawn_edge *edges = fv_realloc(d->ctx, d->edges, (size_t)m->cap_edges * sizeof *edges);
        if (!edges)
            return FV_ERR_NO_MEMORY;
        d->edges = edges;
    }
    d->edges[d->n_edges++] = (fv_drawn_edge){.from = from, .to = to};
    d->boxes[from].out++;
    d->boxes[to].in++;
    return FV_OK;
}

/* A box for a node, or the box of its operand when it goes there. */
static fv_status place_node(making *m, const fv_node *node)
{
    fv_drawing *d = m->d;
    const fv_val *first = NULL;
    for (int32_t i = 0; i < node->n_in && !first; i++)
        first = is_computed(node->in[i]) ? node->in[i] : NULL;
    int at = first ? m->of[first->id] : -1;
    if (at >= 0 && is_single(node) && m->uses[first->id] == 1 && d->boxes[at].kind != FV_BOX_INPUT) {
        append_word(d->boxes[at].behind, node->op->name);
    } else {
        at = d->n_boxes++;
        d->boxes[at] = (fv_drawn_box){.kind = FV_BOX_OTHER};
        FV_TRY(describe(d->model, &d->boxes[at], node));
        for (int32_t i = 0; i < node->n_in; i++)
            if (is_computed(node->in[i]) && m->of[node->in[i]->id] >= 0)
                FV_TRY(add_edge(m, m->of[node->in[i]->id], at));
    }
    d->boxes[at].val = node->out[0];
    count_parameters(d->model, &d->boxes[at], node->id);
    for (int32_t k = 0; k < node->n_out; k++)
        m->of[node->out[k]->id] = at;
    return FV_OK;
}

/* ---- numbers one by one before a layer go into its box ---- */

static void take_out(fv_drawing *d, int gone)
{
    int n = 0;
    for (int e = 0; e < d->n_edges; e++) {
        fv_drawn_edge edge = d->edges[e];
        if (edge.from == gone || edge.to == gone)
            continue;
        edge.from -= edge.from > gone;
        edge.to -= edge.to > gone;
        d->edges[n++] = edge;
    }
    d->n_edges = n;
    memmove(&d->boxes[gone], &d->boxes[gone + 1], (size_t)(d->n_boxes - gone - 1) * sizeof *d->boxes);
    d->n_boxes--;
}

static fv_drawn_edge *edge_from(fv_drawing *d, int box)
{
    for (int e = 0; e < d->n_edges; e++)
        if (d->edges[e].from == box)
            return &d->edges[e];
    return NULL;
}

static fv_drawn_edge *edge_to(fv_drawing *d, int box)
{
    for (int e = 0; e < d->n_edges; e++)
        if (d->edges[e].to == box)
            return &d->edges[e];
    return NULL;
}

static void join_forwards(fv_drawing *d)
{
    for (int i = 0; i < d->n_boxes; i++) {
        fv_drawn_box *b = &d->boxes[i];
        fv_drawn_edge *out = b->out == 1 && b->in == 1 && b->single ? edge_from(d, i) : NULL;
        fv_drawn_box *next = out ? &d->boxes[out->to] : NULL;
        if (!next || next->in != 1 ||
            (next->kind != FV_BOX_CONV && next->kind != FV_BOX_DEPTHWISE && next->kind != FV_BOX_MATRIX))
            continue;
        append_word(next->before, b->words);
        if (b->behind[0])
            append_word(next->before, b->behind);
        next->parameters += b->parameters;
        edge_to(d, i)->to = out->to;
        take_out(d, i);
        i--;
    }
}

/* ---- what a box says ---- */

static void add_line(fv_drawn_box *b, const char *text)
{
    if (b->n_lines == FV_BOX_LINES || !text[0])
        return;
    char *line = b->lines[b->n_lines++];
    const size_t length = strlen(text);
    if (length < FV_BOX_LINE - 12)
        snprintf(line, FV_BOX_LINE, "%s", text);
    else
        snprintf(line, FV_BOX_LINE, "%.*s...", FV_BOX_LINE - 15, text);
}

static void write_lines(fv_drawing *d)
{
    for (int i = 0; i < d->n_boxes; i++) {
        fv_drawn_box *b = &d->boxes[i];
        char parts[192] = "";
        size_t longest = 0;
        if (b->before[0])
            snprintf(parts, sizeof parts, "%s, ", b->before);
        if (b->kind != FV_BOX_INPUT && b->kind != FV_BOX_OUTPUT) {
            /* The name without what its block's name says already comes with the block. */
            add_line(b, b->words[0] ? b->words : b->name);
        }
        snprintf(parts + strlen(parts), sizeof parts - strlen(parts), "%s", b->behind);
        if (b->before[0] && !b->behind[0])
            parts[strlen(parts) - 2] = 0;
        add_line(b, b->name);
        add_line(b, parts);
        for (int l = 0; l < b->n_lines; l++)
            longest = strlen(b->lines[l]) > longest ? strlen(b->lines[l]) : longest;
        b->w = (double)longest * FV_DRAW_WIDE + 20;
        b->w = b->w < 110 ? 110 : b->w;
        b->h = b->n_lines * FV_DRAW_LINE + 12;
    }
}

/* ---- all of it ---- */

static fv_status make_boxes(making *m)
{
    fv_drawing *d = m->d;
    const fv_graph *g = d->model->graph;
    for (int32_t v = 0; v < g->n_vals; v++) {
        m->of[v] = -1;
        if (g->vals[v]->role != FV_ROLE_INPUT || m->uses[v] == 0)
            continue;
        m->of[v] = d->n_boxes;
        d->boxes[d->n_boxes++] = (fv_drawn_box){.kind = FV_BOX_INPUT, .name = g->vals[v]->name, .val = g->vals[v]};
    }
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (g->nodes[n]->n_out > 0 && operands_of(g->nodes[n]) > 0 &&
            !fv_model_for_training(d->model, g->nodes[n]->out[0]->id))
            FV_TRY(place_node(m, g->nodes[n]));
    for (int32_t i = 0; i < g->n_outputs; i++) {
        if (m->of[g->outputs[i]->id] < 0)
            continue;
        d->boxes[d->n_boxes] = (fv_drawn_box){.kind = FV_BOX_OUTPUT, .name = g->output_names[i]};
        FV_TRY(add_edge(m, m->of[g->outputs[i]->id], d->n_boxes++));
    }
    return FV_OK;
}

/* Uses by nodes that are drawn, and as outputs. */
static void count_uses(const fv_model *model, int32_t *uses)
{
    const fv_graph *g = model->graph;
    for (int32_t n = 0; n < g->n_nodes; n++)
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++)
            if (g->nodes[n]->in[i] && !fv_model_for_training(model, g->nodes[n]->out[0]->id))
                uses[g->nodes[n]->in[i]->id]++;
    for (int32_t i = 0; i < g->n_outputs; i++)
        uses[g->outputs[i]->id]++;
}

fv_status fv_drawing_create(const fv_model *model, fv_drawing **out)
{
    const fv_graph *g = model->graph;
    making m = {.d = fv_new(model->ctx, fv_drawing)};
    *out = NULL;
    if (!m.d)
        return FV_ERR_NO_MEMORY;
    m.d->ctx = model->ctx;
    m.d->model = model;
    m.of = fv_calloc(model->ctx, (size_t)g->n_vals + 1, sizeof *m.of);
    m.uses = fv_calloc(model->ctx, (size_t)g->n_vals + 1, sizeof *m.uses);
    m.d->boxes = fv_calloc(model->ctx, (size_t)(g->n_vals + g->n_outputs) + 1, sizeof *m.d->boxes);
    fv_status status = m.of && m.uses && m.d->boxes ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        count_uses(model, m.uses);
        status = make_boxes(&m);
    }
    if (status == FV_OK) {
        join_forwards(m.d);
        write_lines(m.d);
        status = fv_drawing_place(m.d);
    }
    fv_free(model->ctx, m.of);
    fv_free(model->ctx, m.uses);
    if (status != FV_OK)
        fv_drawing_destroy(&m.d);
    *out = m.d;
    return status;
}

void fv_drawing_destroy(fv_drawing **drawing)
{
    fv_drawing *d = drawing ? *drawing : NULL;
    if (!d)
        return;
    *drawing = NULL;
    void *const parts[] = {d->boxes, d->edges, d->items, d->order, d->ranks, d->blocks, d->column_x, d->column_w};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fv_free(d->ctx, parts[i]);
    fv_free(d->ctx, d);
}

/* ---- to text ---- */

fv_status fv_model_draw(const fv_model *model, fv_drawing_form form, char **text)
{
    fv_drawing *d;
    fv_str out = {.ctx = model->ctx};
    *text = NULL;
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: it cannot be drawn", model->name);
    FV_TRY(fv_drawing_create(model, &d));
    (form == FV_DRAWING_DOT ? fv_drawing_dot : fv_drawing_svg)(d, &out);
    fv_drawing_destroy(&d);
    fv_status status = fv_str_status(&out);
    if (status == FV_OK && !(*text = fv_strdup(model->ctx, fv_str_get(&out))))
        status = FV_ERR_NO_MEMORY;
    fv_str_free(&out);
    return status;
}
