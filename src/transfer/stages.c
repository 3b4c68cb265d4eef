/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/stages.h"

#include <string.h>

#include "base/text.h"
#include "train/layers.h"

/* What is known of the values, by id, and of the nodes. */
typedef struct walk {
    const fv_model *model;
    const fv_graph *g;
    bool *needed;  /* outputs depend on it, auxiliary heads aside */
    bool *image;   /* computed from the image, one row a sample, in f32 */
    int32_t *last; /* the last needed node that reads it; n_nodes: an output; -1: none */
    bool *stage;   /* in the list "all" */
    const fv_val **list;
    int count;
    const char *trunk; /* of the names */
    size_t trunk_size;
} walk;

/* ---- the graph ---- */

static void mark_needed(walk *w)
{
    const fv_graph *g = w->g;
    for (int32_t i = 0; i < g->n_outputs; i++)
        w->needed[g->outputs[i]->id] = true;
    for (int32_t n = g->n_nodes - 1; n >= 0; n--) {
        bool any = false;
        for (int32_t i = 0; i < g->nodes[n]->n_out; i++)
            any = any || w->needed[g->nodes[n]->out[i]->id];
        for (int32_t i = 0; any && i < g->nodes[n]->n_in; i++)
            if (g->nodes[n]->in[i])
                w->needed[g->nodes[n]->in[i]->id] = true;
    }
}

static bool is_needed(const walk *w, const fv_node *node)
{
    bool any = false;
    for (int32_t i = 0; i < node->n_out; i++)
        any = any || w->needed[node->out[i]->id];
    return any;
}

static void mark_images(walk *w)
{
    const fv_graph *g = w->g;
    for (int32_t i = 0; i < g->n_vals; i++) {
        w->image[i] = g->vals[i]->role == FV_ROLE_INPUT;
        w->last[i] = -1;
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        bool image = false;
        for (int32_t i = 0; i < node->n_in; i++) {
            if (!node->in[i])
                continue;
            image = image || w->image[node->in[i]->id];
            if (is_needed(w, node))
                w->last[node->in[i]->id] = n;
        }
        for (int32_t i = 0; i < node->n_out; i++)
            w->image[node->out[i]->id] = image;
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        w->last[g->outputs[i]->id] = g->n_nodes;
}

static bool is_row(const fv_val *v)
{
    return v->dtype == FV_F32 && v->shape.rank >= 2 && v->shape.dim[0] == 1;
}

/* ---- "all" ---- */

/* Whether all of the image that is needed behind node n is its one result. */
static bool carries_all(const walk *w, int32_t n)
{
    const fv_val *v = w->g->nodes[n]->out[0];
    for (int32_t i = 0; i < w->g->n_vals; i++) {
        const fv_val *other = w->g->vals[i];
        const bool computed = other->def ? other->def->id <= n : other->role == FV_ROLE_INPUT;
        if (other != v && computed && w->image[i] && w->last[i] > n)
            return false;
    }
    return w->last[v->id] > n;
}

/* The node that alone reads a value, other than as an output; NULL: there are several, or none. */
static const fv_node *only_reader(const walk *w, const fv_val *v)
{
    const fv_node *reader = NULL;
    for (int32_t n = v->def->id + 1; n < w->g->n_nodes; n++)
        for (int32_t i = 0; is_needed(w, w->g->nodes[n]) && i < w->g->nodes[n]->n_in; i++)
            if (w->g->nodes[n]->in[i] == v) {
                if (reader && reader != w->g->nodes[n])
                    return NULL;
                reader = w->g->nodes[n];
            }
    return w->last[v->id] == w->g->n_nodes ? NULL : reader;
}

/* The operand of the image that a node has, where it has one only and makes numbers of the same shape of it. */
static const fv_val *same_shape(const walk *w, const fv_node *node)
{
    const fv_val *from = NULL;
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && w->image[node->in[i]->id]) {
            if (from)
                return NULL;
            from = node->in[i];
        }
    return from && fv_shape_equal(&from->shape, &node->out[0]->shape) ? from : NULL;
}

/* Dropout and the like do nothing in inference; views only have another shape. */
static bool only_moves(const walk *w, const fv_node *node)
{
    return (node->op->traits & FV_T_VIEW) || ((node->op->traits & FV_T_STOCHASTIC) && same_shape(w, node));
}

/* Normalization and activations, element by element: the layer goes on. */
static bool goes_on(const walk *w, const fv_node *node)
{
    return !only_moves(w, node) && same_shape(w, node) &&
           (node->op->fold || node->op->fuses_as != FV_ACT_NONE || (node->op->traits & FV_T_INPLACE));
}

static bool same_block(const walk *w, const fv_val *a, const fv_val *b)
{
    const size_t n = fv_block_size(a->name, w->trunk, w->trunk_size);
    return n == fv_block_size(b->name, w->trunk, w->trunk_size) && strncmp(a->name, b->name, n) == 0;
}

/* What most names begin with, of all that is computed of the image. */
static fv_status find_trunk(walk *w)
{
    const char **names = fv_calloc(w->g->ctx, (size_t)w->g->n_vals + 1, sizeof *names);
    int n = 0;
    for (int32_t i = 0; names && i < w->g->n_vals; i++)
        if (w->g->vals[i]->def && w->image[i])
            names[n++] = w->g->vals[i]->name;
    w->trunk_size = fv_names_trunk(names, n, &w->trunk);
    fv_free(w->g->ctx, names);
    return names ? FV_OK : FV_ERR_NO_MEMORY;
}

static bool reads_head(const fv_model *m, const fv_node *node)
{
    for (int i = 0; i < m->n_slots; i++)
        for (int32_t k = 0; m->slots[i].head && !m->slots[i].aux && k < node->n_in; k++)
            if (node->in[k] && node->in[k]->id == m->slots[i].val)
                return true;
    return false;
}

int32_t fv_stages_head(const fv_model *m)
{
    int32_t n = 0;
    while (n < m->graph->n_nodes && !reads_head(m, m->graph->nodes[n]))
        n++;
    return n;
}

/* The head is never of the block before it, whatever it is called. */
static void mark_stages(walk *w)
{
    const int32_t head = fv_stages_head(w->model);
    const fv_val *before = NULL;
    for (int32_t n = 0; n < w->g->n_nodes; n++) {
        const fv_node *node = w->g->nodes[n];
        if (node->n_out != 1 || !is_needed(w, node) || !w->image[node->out[0]->id] || !is_row(node->out[0]) ||
            only_moves(w, node) || !carries_all(w, n))
            continue;
        const fv_val *v = node->out[0];
        const fv_node *reader = only_reader(w, v);
        if (reader && goes_on(w, reader))
            continue;
        if (before && same_block(w, before, v) && !(before->def->id < head && n >= head))
            w->stage[before->id] = false;
        w->stage[v->id] = true;
        before = v;
    }
}

/* ---- names ---- */

static fv_status add(walk *w, const fv_val *v)
{
    for (int i = 0; i < w->count; i++)
        if (w->list[i] == v)
            return FV_OK;
    w->list[w->count++] = v;
    return FV_OK;
}

/* The last result of a module: of what is called NAME.anything, or NAME/anything. */
static const fv_val *module_result(const walk *w, const char *name)
{
    const size_t size = strlen(name);
    const fv_val *found = NULL;
    for (int32_t i = 0; i < w->g->n_vals; i++) {
        const fv_val *v = w->g->vals[i];
        if (v->def && w->image[i] && strncmp(v->name, name, size) == 0 &&
            (v->name[size] == '.' || v->name[size] == '/') && (!found || v->def->id > found->def->id))
            found = v;
    }
    return found;
}

static fv_status fail_unknown(const walk *w, const char *name)
{
    const char **names = fv_calloc(w->g->ctx, (size_t)w->g->n_vals + 1, sizeof *names);
    fv_str list = {.ctx = w->g->ctx};
    int n = 0, stages = 0;
    for (int32_t i = 0; names && i < w->g->n_vals; i++) {
        if (w->g->vals[i]->def && w->image[i])
            names[n++] = w->g->vals[i]->name;
        if (w->stage[i] && stages++ < 24)
            fv_str_printf(&list, "%s%s", stages > 1 ? ", " : "", w->g->vals[i]->name);
    }
    const char *nearest = names ? fv_text_nearest(name, names) : NULL;
    fv_status status = fv_fail(w->g->ctx, FV_ERR_VALUE, "model '%s' has no layer '%s'%s%s%s", w->model->name, name,
                               nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    status = fv_fail_hint(w->g->ctx, status, "its stages (all) are %s%s; `fovea info` lists every layer",
                          fv_str_get(&list), stages > 24 ? ", ..." : "");
    fv_str_free(&list);
    fv_free(w->g->ctx, names);
    return status;
}

static fv_status add_pattern(walk *w, const char *pattern)
{
    const int before = w->count;
    for (int pass = 0; pass < 2 && w->count == before; pass++)
        for (int32_t i = 0; i < w->g->n_vals; i++) {
            const fv_val *v = w->g->vals[i];
            if ((pass ? v->def && w->image[i] && is_row(v) : w->stage[i]) && fv_text_match(pattern, v->name))
                FV_TRY(add(w, v));
        }
    return w->count > before ? FV_OK : fail_unknown(w, pattern);
}

static fv_status add_named(walk *w, const char *name)
{
    char text[96];
    fv_ctx *ctx = w->g->ctx;
    if (strpbrk(name, "*?") && !fv_graph_named(w->g, name))
        return add_pattern(w, name);
    const fv_val *v = fv_graph_named(w->g, name);
    v = v ? v : module_result(w, name);
    if (!v)
        return fail_unknown(w, name);
    if (v->role == FV_ROLE_INPUT)
        return fv_fail(ctx, FV_ERR_VALUE, "'%s' is the image itself, and no layer of model '%s'", name, w->model->name);
    if (!w->image[v->id] || !is_row(v))
        return fv_fail(ctx, FV_ERR_VALUE,
                       "'%s' of model '%s' is %s %s %s: expected numbers computed of the image, a row "
                       "of f32 a sample",
                       name, w->model->name, fv_dtype_name(v->dtype), fv_shape_text(&v->shape, text),
                       w->image[v->id] ? "" : "that does not depend on the image");
    return add(w, v);
}

static fv_status add_all(walk *w)
{
    for (int32_t i = 0; i < w->g->n_vals; i++)
        if (w->stage[i])
            FV_TRY(add(w, w->g->vals[i]));
    if (w->count == 0)
        return fv_fail(w->g->ctx, FV_ERR_VALUE,
                       "model '%s' has no value that all of the image goes through: name layers", w->model->name);
    return FV_OK;
}

/* What the last weighted layer of the head reads, before what only moves it. */
static fv_status add_last(walk *w)
{
    const int32_t head = fv_stages_head(w->model);
    const fv_val *v = head < w->g->n_nodes ? w->g->nodes[head]->in[0] : NULL;
    while (v && v->def && only_moves(w, v->def) && v->def->n_in > 0)
        v = v->def->in[0];
    if (v && v->def && w->image[v->id] && is_row(v))
        return add(w, v);
    return fv_fail_hint(w->g->ctx,
                        fv_fail(w->g->ctx, FV_ERR_VALUE,
                                "model '%s' has no last weighted layer that reads a layer's result", w->model->name),
                        "name the layer, or \"all\"");
}

static fv_status add_list(walk *w, const char *text)
{
    char name[256];
    if (!text)
        return add_last(w);
    for (const char *at = text;;) {
        const size_t n = strcspn(at, ",");
        if (n == 0 || n >= sizeof name)
            return fv_fail(w->g->ctx, FV_ERR_VALUE, "layers '%.200s': expected names separated by commas, or all",
                           text);
        memcpy(name, at, n);
        name[n] = '\0';
        FV_TRY(strcmp(name, "all") == 0 && !fv_graph_named(w->g, name) ? add_all(w) : add_named(w, name));
        if (!at[n])
            return FV_OK;
        at += n + 1;
    }
}

fv_status fv_stages_find(const fv_model *model, const char *text, const fv_val ***list, int *count)
{
    const size_t room = (size_t)model->graph->n_vals + 1;
    fv_ctx *ctx = model->ctx;
    bool *flags = fv_calloc(ctx, 3 * room, sizeof *flags);
    walk w = {.model = model,
              .g = model->graph,
              .needed = flags,
              .image = flags + room,
              .stage = flags + 2 * room,
              .last = fv_calloc(ctx, room, sizeof *w.last),
              .list = fv_calloc(ctx, room, sizeof *w.list)};
    fv_status status = flags && w.last && w.list ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        mark_needed(&w);
        mark_images(&w);
        status = find_trunk(&w);
    }
    if (status == FV_OK) {
        mark_stages(&w);
        status = add_list(&w, text);
    }
    fv_free(ctx, flags);
    fv_free(ctx, w.last);
    if (status != FV_OK) {
        fv_free(ctx, w.list);
        w.list = NULL;
        w.count = 0;
    }
    *list = w.list;
    *count = w.count;
    return status;
}
