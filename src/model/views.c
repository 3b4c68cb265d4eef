/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pixel of a layer sees of the input. Along one axis pixel i of a value sees [start + jump * i, start + jump * i
 * + field), padding included: a node moves and widens that (fv_op.reach), branches that meet see what any of them sees.
 * The same is followed backwards for one pixel, or all, which leaves out the padding of every map on the way.
 */
#include <math.h>

#include "model/model.h"

/* How an operand's rows (axis 0) or columns make those of the result. */
typedef enum way {
    WAY_NONE,  /* it is no image, or not computed from one */
    WAY_PLACE, /* pixel i sees pixel i */
    WAY_REACH, /* as the operator says */
    WAY_ALL    /* every pixel sees all of them */
} way;

static bool is_seen(const fv_val *in)
{
    return in && (in->role == FV_ROLE_COMPUTED || in->role == FV_ROLE_INPUT);
}

static way find_way(const fv_node *node, int32_t i, int axis)
{
    const fv_shape *src = &node->in[i]->shape, *dst = &node->out[0]->shape;
    if (src->rank < 4)
        return WAY_NONE;
    if (i == 0 && node->op->reach && src->rank == 4 && dst->rank == 4)
        return WAY_REACH;
    return dst->rank >= 4 && src->dim[1 + axis] == dst->dim[1 + axis] ? WAY_PLACE : WAY_ALL;
}

/* ---- of every value ---- */

typedef struct interval {
    double start, field, jump;
    bool whole;
} interval;

/* Operators that enlarge, and windows that differ in size, are told in fractions: the most that a pixel of them sees,
 * from the first one's window on. */
static fv_reach whole_reach(const fv_node *node, int axis)
{
    fv_reach r = node->op->reach(node, axis);
    double most = 0;
    if (r.step == floor(r.step) && r.taps == floor(r.taps) && r.start == floor(r.start))
        return r;
    for (int64_t i = 0; i < node->out[0]->shape.dim[1 + axis]; i++) {
        const double at = r.start + r.step * (double)i;
        most = fmax(most, ceil(at + (r.taps - 1) * r.gap - 1e-6) - floor(at + 1e-6) + 1);
    }
    r.taps = most;
    r.gap = 1;
    r.start = floor(r.start + 1e-6);
    return r;
}

/* What the result's pixels see by way of operand i. */
static interval look_through(const fv_node *node, int32_t i, int axis, const fv_view *views)
{
    const fv_val *in = node->in[i];
    const fv_view *v = &views[in->id];
    interval s = {v->start[axis], v->field[axis], v->jump[axis], v->whole[axis]};
    const way w = find_way(node, i, axis);
    if (w == WAY_REACH) {
        const fv_reach r = whole_reach(node, axis);
        s.field += (r.taps - 1) * r.gap * s.jump;
        s.start += r.start * s.jump;
        s.jump *= r.step;
    } else if (w == WAY_ALL) {
        s.field += (double)(in->shape.dim[1 + axis] - 1) * s.jump;
    }
    return s;
}

/* Operands that are one number of a map beside a map see the same at every place: mostly all of the input. */
static bool is_broadcast(const fv_node *node, int32_t i, int axis)
{
    const fv_shape *src = &node->in[i]->shape, *dst = &node->out[0]->shape;
    return dst->rank >= 4 && dst->dim[1 + axis] > 1 && (src->rank < 4 || src->dim[1 + axis] == 1) &&
           find_way(node, i, axis) != WAY_REACH;
}

static fv_view look(const fv_node *node, const fv_view *views, const int64_t size[2])
{
    fv_view view = {.whole = {false, false}};
    for (int d = 0; d < 2; d++) {
        double end = 0;
        bool seen = false;
        for (int32_t i = 0; i < node->n_in; i++) {
            if (!is_seen(node->in[i]))
                continue;
            interval s = look_through(node, i, d, views);
            if (is_broadcast(node, i, d)) {
                s.whole = s.whole || (s.start <= 0 && s.start + s.field >= (double)size[d]);
                s.jump = 0;
            }
            const double stop = s.start + s.field;
            end = !seen || stop > end ? stop : end;
            view.start[d] = !seen || s.start < view.start[d] ? s.start : view.start[d];
            view.jump[d] = s.jump > view.jump[d] ? s.jump : view.jump[d];
            view.whole[d] = view.whole[d] || s.whole;
            seen = true;
        }
        view.field[d] = end - view.start[d];
        if (view.whole[d]) {
            view.start[d] = 0;
            view.field[d] = (double)size[d];
        }
    }
    return view;
}

/* Rows and columns of the image: of the first input that is one. */
static void image_size(const fv_graph *g, int64_t size[2])
{
    size[0] = size[1] = 0;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        if (v->role != FV_ROLE_INPUT || v->shape.rank != 4)
            continue;
        size[0] = v->shape.dim[1];
        size[1] = v->shape.dim[2];
        return;
    }
}

fv_status fv_model_derive_views(fv_model *model)
{
    const fv_graph *g = model->graph;
    int64_t size[2];
    fv_view *views = fv_arena_alloc(model->arena, (size_t)g->n_vals * sizeof *views);
    if (!views)
        return FV_ERR_NO_MEMORY;
    image_size(g, size);
    for (int32_t i = 0; i < g->n_vals; i++)
        views[i] = (fv_view){{1, 1}, {1, 1}, {0, 0}, {false, false}};
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_view view = look(g->nodes[n], views, size);
        for (int32_t k = 0; k < g->nodes[n]->n_out; k++)
            views[g->nodes[n]->out[k]->id] = view;
    }
    model->views = views;
    return FV_OK;
}

/* ---- of one pixel ---- */

/* Rows or columns [lo, hi] of a value that are needed; lo > hi: none. */
typedef struct span {
    int64_t lo[2], hi[2];
} span;

#define NOTHING ((span){{INT64_MAX, INT64_MAX}, {-1, -1}})

static void include(span *s, int axis, int64_t lo, int64_t hi)
{
    s->lo[axis] = lo < s->lo[axis] ? lo : s->lo[axis];
    s->hi[axis] = hi > s->hi[axis] ? hi : s->hi[axis];
}

/* Pixels of the operand, whose last is `last`, that pixel i needs: the padding around it is none of them. Fractions of
 * a pixel, which operators that enlarge have, reach into whole ones. */
static void need_window(const fv_reach *r, int axis, int64_t i, int64_t last, span *of)
{
    double from = floor(r->start + r->step * (double)i + 1e-6),
           to = ceil(r->start + r->step * (double)i + (r->taps - 1) * r->gap - 1e-6);
    if (from < 0)
        from = r->gap > 1 ? from + r->gap * ceil(-from / r->gap) : 0;
    if (to > (double)last)
        to = r->gap > 1 ? to - r->gap * ceil((to - (double)last) / r->gap) : (double)last;
    if (from <= to)
        include(of, axis, (int64_t)from, (int64_t)to);
}

/* Pixels of operand i that rows or columns [lo, hi] of the result need. Windows with gaps differ in where they begin
 * behind the padding: all of them are looked at. */
static void need(const fv_node *node, int32_t i, int axis, int64_t lo, int64_t hi, span *of)
{
    const fv_shape *src = &node->in[i]->shape;
    const way w = find_way(node, i, axis);
    const int64_t last = src->rank < 4 ? 0 : src->dim[1 + axis] - 1;
    if (w == WAY_PLACE) {
        include(of, axis, lo, hi);
    } else if (w == WAY_REACH) {
        const fv_reach r = node->op->reach(node, axis);
        for (int64_t k = lo; k <= hi; k++)
            need_window(&r, axis, k, last, of);
    } else {
        include(of, axis, 0, last);
    }
}

static void need_all(const fv_node *node, span *needed)
{
    span out = NOTHING;
    for (int32_t k = 0; k < node->n_out; k++)
        for (int d = 0; d < 2; d++)
            include(&out, d, needed[node->out[k]->id].lo[d], needed[node->out[k]->id].hi[d]);
    for (int32_t i = 0; i < node->n_in; i++)
        for (int d = 0; d < 2; d++)
            if (is_seen(node->in[i]) && out.lo[d] <= out.hi[d])
                need(node, i, d, out.lo[d], out.hi[d], &needed[node->in[i]->id]);
}

fv_status fv_model_layer_sees(const fv_model *model, int i, const int64_t at[2], int64_t first[2], int64_t last[2])
{
    const fv_graph *g = model->graph;
    if (i < 0 || i >= fv_model_layer_count(model))
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' has %d layers: there is no layer %d", model->name,
                       fv_model_layer_count(model), i);
    const fv_val *val = g->nodes[i]->out[0];
    span ends;
    for (int d = 0; d < 2; d++) {
        const int64_t side = val->shape.rank < 4 ? 1 : val->shape.dim[1 + d];
        ends.lo[d] = at ? at[d] : 0;
        ends.hi[d] = at ? at[d] : side - 1;
        if (at && (at[d] < 0 || at[d] >= side))
            return fv_fail(model->ctx, FV_ERR_ARGUMENT, "layer '%s' has %lld %s: there is no number %lld",
                           g->nodes[i]->name, (long long)side, d ? "columns" : "rows", (long long)at[d]);
    }
    span *needed = fv_malloc(model->ctx, (size_t)g->n_vals * sizeof *needed), input = NOTHING;
    if (!needed)
        return FV_ERR_NO_MEMORY;
    for (int32_t v = 0; v < g->n_vals; v++)
        needed[v] = NOTHING;
    needed[val->id] = ends;
    for (int32_t n = i; n >= 0; n--)
        need_all(g->nodes[n], needed);
    for (int32_t v = 0; v < g->n_vals; v++)
        for (int d = 0; d < 2; d++)
            if (g->vals[v]->role == FV_ROLE_INPUT && g->vals[v]->shape.rank == 4 && needed[v].hi[d] >= 0)
                include(&input, d, needed[v].lo[d], needed[v].hi[d]);
    const bool none = input.hi[0] < 0 || input.hi[1] < 0;
    for (int d = 0; d < 2; d++) {
        first[d] = none ? 0 : input.lo[d];
        last[d] = none ? -1 : input.hi[d];
    }
    fv_free(model->ctx, needed);
    return FV_OK;
}
