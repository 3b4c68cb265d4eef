/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/top.h"

#include <string.h>

#include "ops/attr.h"

typedef struct finder {
    const fv_model *model;
    const fv_graph *g;
    bool *image; /* by value: depends on the input */
} finder;

static fv_status refuse(const finder *f, const fv_node *node, const char *why)
{
    return fv_fail_hint(f->g->ctx,
                        fv_fail(f->g->ctx, FV_ERR_MODEL,
                                "model '%s' has no classifier that --head could replace: %s%s%s%s", f->model->name, why,
                                node ? " '" : "", node ? node->name : "", node ? "'" : ""),
                        "a classifier is dense layers in one chain at the end, or a convolution whose map is averaged");
}

/* ---- kinds of nodes ---- */

static bool is_op(const fv_node *node, const char *name)
{
    return strcmp(node->op->name, name) == 0;
}

static bool is_weighted(const fv_node *node)
{
    return (node->op->traits & FV_T_WEIGHTED) != 0;
}

static int64_t pixels(const fv_val *v)
{
    return v->shape.rank == 4 ? v->shape.dim[1] * v->shape.dim[2] : 1;
}

/* The operand that depends on the image; NULL: several do, or none. */
static const fv_val *source(const finder *f, const fv_node *node)
{
    const fv_val *only = NULL;
    for (int32_t i = 0; node && i < node->n_in; i++) {
        const fv_val *v = node->in[i];
        if (!v || !f->image[v->id] || v == only)
            continue;
        if (only)
            return NULL;
        only = v;
    }
    return only;
}

/* One number of each channel's map. */
static bool pools(const fv_node *node, const fv_val *src)
{
    static const char *const always[] = {"global_avg_pool", "global_max_pool", NULL};
    for (int i = 0; always[i]; i++)
        if (is_op(node, always[i]))
            return true;
    const fv_val *dst = node->out[0];
    return !is_weighted(node) && src->shape.rank == 4 && pixels(src) > 1 && pixels(dst) == 1 &&
           fv_shape_count(&dst->shape) == src->shape.dim[3];
}

/* A map of several pixels becomes a row. */
static bool flattens(const fv_node *node, const fv_val *src)
{
    return !is_weighted(node) && pixels(src) > 1 && node->out[0]->shape.rank == 2 &&
           fv_shape_count(&node->out[0]->shape) == fv_shape_count(&src->shape);
}

/* As many numbers as before: activations, dropout, normalization, views, sums with and products by what is known. */
static bool passes(const fv_node *node, const fv_val *src)
{
    return !is_weighted(node) && node->n_out == 1 &&
           fv_shape_count(&node->out[0]->shape) == fv_shape_count(&src->shape);
}

/* Of rows, or of maps that are one pixel behind it and are not made of channels one by one. */
static bool is_dense(const fv_node *node, const fv_val *src, bool after_dense)
{
    if (is_op(node, "dense"))
        return pixels(src) == 1;
    return !after_dense && is_op(node, "conv2d") && pixels(node->out[0]) == 1 &&
           ((const fv_conv2d_attr *)node->attr)->groups == 1;
}

/* ---- from the end ---- */

/* Behind a pooled map of scores stands the convolution that made it; normalization means that it is none. */
static const fv_node *scoring(const finder *f, const fv_val *map)
{
    const fv_node *node = map->def;
    for (const fv_val *src; node && (src = source(f, node)); node = src->def) {
        if (is_op(node, "conv2d"))
            return ((const fv_conv2d_attr *)node->attr)->groups == 1 ? node : NULL;
        if (!passes(node, src) || node->n_in > 2)
            return NULL;
    }
    return NULL;
}

/* Without the dropout that a classifier begins with. */
static const fv_val *before_dropout(const finder *f, const fv_val *v)
{
    const fv_val *found = v, *src;
    while (v->def && (src = source(f, v->def)) && ((v->def->op->traits & FV_T_VIEW) || is_op(v->def, "dropout"))) {
        found = is_op(v->def, "dropout") ? src : found;
        v = src;
    }
    return found;
}

/* The map that a row was made of; NULL: none. */
static const fv_val *map_of(const finder *f, const fv_val *row)
{
    const fv_val *map = row->shape.rank == 4 ? row : NULL, *src;
    for (const fv_val *v = row; v->def && (src = source(f, v->def)); v = src) {
        if (pools(v->def, src)) {
            map = src;
            break;
        }
        if (!passes(v->def, src))
            break;
        map = v->shape.rank == 2 && src->shape.rank == 4 ? src : map;
        if (map && pixels(src) > 1)
            break;
    }
    /* What cuts the map into windows of any size, turns or thins it is not of the network's own body. */
    while (map && map->def && (src = source(f, map->def)) && src->shape.rank == 4 &&
           (is_op(map->def, "adaptive_avg_pool2d") || is_op(map->def, "dropout") || is_op(map->def, "transpose") ||
            (map->def->op->traits & FV_T_VIEW)))
        map = src;
    return map;
}

static void find(const finder *f, fv_top *top)
{
    const fv_val *v = f->g->outputs[0], *src;
    bool dense = false;
    for (; v->def && (src = source(f, v->def)); v = src) {
        const fv_node *node = v->def;
        if (is_dense(node, src, dense)) {
            top->first = node;
            dense = dense || is_op(node, "dense");
            if (pixels(src) > 1)
                break;
        } else if (pools(node, src) || flattens(node, src) || !passes(node, src) || (!top->first && pixels(v) > 1)) {
            break;
        }
    }
    if (top->first) {
        top->row = before_dropout(f, source(f, top->first));
        top->map = map_of(f, top->row);
        top->row = top->row == top->map && pixels(top->row) > 1 ? NULL : top->row; /* a convolution flattens it */
        return;
    }
    src = v->def ? source(f, v->def) : NULL;
    if (src && pools(v->def, src) && (top->first = scoring(f, src))) {
        top->pool = v->def;
        top->map = before_dropout(f, source(f, top->first));
        return;
    }
    top->row = pixels(v) == 1 || flattens(v->def, src) ? f->g->outputs[0] : NULL;
    top->map = map_of(f, f->g->outputs[0]);
}

/* Whether something with weights stands before a value. */
static bool has_body(const finder *f, const fv_val *end)
{
    bool *live = f->image; /* what it was for is done */
    memset(live, 0, (size_t)f->g->n_vals * sizeof *live);
    live[end->id] = true;
    for (int32_t n = f->g->n_nodes - 1; n >= 0; n--) {
        const fv_node *node = f->g->nodes[n];
        bool needed = false;
        for (int32_t i = 0; i < node->n_out; i++)
            needed = needed || live[node->out[i]->id];
        if (needed && is_weighted(node))
            return true;
        for (int32_t i = 0; needed && i < node->n_in; i++)
            if (node->in[i])
                live[node->in[i]->id] = true;
    }
    return false;
}

/* The layer at the end without a gradient, of a network of integers; NULL: there is none. */
static const fv_node *integer_end(const finder *f)
{
    const fv_val *v = f->g->outputs[0];
    while (v && v->def && v->def->op->grad && !is_weighted(v->def))
        v = source(f, v->def);
    return v && v->def && !v->def->op->grad ? v->def : NULL;
}

static fv_status check(const finder *f, const fv_top *top)
{
    const fv_val *end = top->row ? top->row : top->map;
    if (!end)
        return refuse(f, f->g->outputs[0]->def, "its output is no map and no row of one, but comes from");
    if (!top->first && integer_end(f))
        return refuse(f, integer_end(f), "it ends with integers that have no gradient, of");
    if (!has_body(f, top->map ? top->map : end))
        return refuse(f, top->first, "no layers with weights stand before");
    return FV_OK;
}

fv_status fv_top_find(const fv_model *m, fv_top *top)
{
    finder f = {.model = m, .g = m->graph};
    *top = (fv_top){0};
    FV_TRY(fv_model_need_plain(m, "--head"));
    f.image = fv_calloc(m->ctx, (size_t)f.g->n_vals + 1, sizeof *f.image);
    if (!f.image)
        return FV_ERR_NO_MEMORY;
    f.image[m->input.id] = true;
    for (int32_t n = 0; n < f.g->n_nodes; n++) {
        const fv_node *node = f.g->nodes[n];
        bool any = false;
        for (int32_t i = 0; i < node->n_in; i++)
            any = any || (node->in[i] && f.image[node->in[i]->id]);
        for (int32_t i = 0; i < node->n_out; i++)
            f.image[node->out[i]->id] = any;
    }
    find(&f, top);
    const fv_status status = check(&f, top);
    fv_free(m->ctx, f.image);
    return status;
}
