/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of channels: sets that grow together (union by the smaller element, so that the first stands for all). */
#include "graph/channels.h"

#include <string.h>

static int64_t row_of(const fv_val *val, int dim)
{
    return (int64_t)FV_MAX_RANK * val->id + dim;
}

static int64_t find(fv_channels *c, int64_t e)
{
    while (c->of[e] != e) {
        c->of[e] = c->of[c->of[e]];
        e = c->of[e];
    }
    return e;
}

static void join(fv_channels *c, int64_t a, int64_t b)
{
    a = find(c, a);
    b = find(c, b);
    if (a == b)
        return;
    const int64_t low = a < b ? a : b, high = a < b ? b : a;
    c->of[high] = low;
    c->stays[low] = c->stays[low] || c->stays[high];
}

static void stay(fv_channels *c, const fv_val *val, int dim)
{
    for (int64_t i = 0; i < val->shape.dim[dim]; i++)
        c->stays[find(c, c->first[row_of(val, dim)] + i)] = true;
}

void fv_channels_tie(fv_channels *c, const fv_val *a, int dim_a, int64_t from_a, const fv_val *b, int dim_b,
                     int64_t from_b, int64_t count)
{
    const int64_t row_a = row_of(a, dim_a), row_b = row_of(b, dim_b);
    c->touched[row_a] = c->touched[row_b] = true;
    for (int64_t i = 0; i < count; i++)
        join(c, c->first[row_a] + from_a + i, c->first[row_b] + from_b + i);
}

int64_t fv_channels_left(const fv_channels *c, const fv_val *val, int dim, int64_t from, int64_t count)
{
    int64_t left = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t k = fv_channels_class(c, val, dim, from + i);
        left += k < 0 || !c->gone[k];
    }
    return left;
}

static void stay_untouched(fv_channels *c, const fv_val *val)
{
    for (int d = 0; val && d < val->shape.rank; d++)
        if (!c->touched[row_of(val, d)])
            stay(c, val, d);
}

static void look_at(fv_channels *c, const fv_node *node)
{
    for (int side = 0; side < 2; side++)
        for (int32_t i = 0; i < (side ? node->n_out : node->n_in); i++) {
            const fv_val *val = side ? node->out[i] : node->in[i];
            if (val)
                memset(c->touched + row_of(val, 0), 0, FV_MAX_RANK * sizeof *c->touched);
        }
    if (node->op->channels)
        node->op->channels(c, node);
    for (int32_t i = 0; i < node->n_in; i++)
        stay_untouched(c, node->in[i]);
    for (int32_t i = 0; i < node->n_out; i++)
        stay_untouched(c, node->out[i]);
}

/* What comes in and goes out is the caller's. */
static void stay_whole(fv_channels *c, const fv_val *val)
{
    for (int d = 0; d < val->shape.rank; d++)
        stay(c, val, d);
}

static fv_status number(fv_channels *c)
{
    fv_ctx *ctx = c->g->ctx;
    int64_t *of = fv_malloc(ctx, ((size_t)c->n + 1) * sizeof *of);
    if (!of)
        return FV_ERR_NO_MEMORY;
    for (int64_t e = 0; e < c->n; e++) {
        const int64_t first = find(c, e);
        of[e] = c->stays[first] ? -1 : first == e ? c->classes++ : of[first];
    }
    fv_free(ctx, c->of);
    c->of = of;
    c->begin = fv_calloc(ctx, (size_t)c->classes + 2, sizeof *c->begin);
    c->list = fv_malloc(ctx, ((size_t)c->n + 1) * sizeof *c->list);
    if (!c->begin || !c->list)
        return FV_ERR_NO_MEMORY;
    for (int64_t e = 0; e < c->n; e++)
        if (of[e] >= 0)
            c->begin[of[e] + 2]++;
    for (int64_t k = 0; k < c->classes; k++)
        c->begin[k + 2] += c->begin[k + 1];
    for (int64_t e = 0; e < c->n; e++)
        if (of[e] >= 0)
            c->list[c->begin[of[e] + 1]++] = e;
    return FV_OK;
}

static fv_status allocate(fv_channels *c)
{
    const fv_graph *g = c->g;
    const size_t rows = (size_t)g->n_vals * FV_MAX_RANK;
    c->first = fv_malloc(g->ctx, (rows + 1) * sizeof *c->first);
    c->touched = fv_calloc(g->ctx, rows + 1, sizeof *c->touched);
    if (!c->first || !c->touched)
        return FV_ERR_NO_MEMORY;
    for (int32_t v = 0; v < g->n_vals; v++)
        for (int d = 0; d < FV_MAX_RANK; d++) {
            c->first[row_of(g->vals[v], d)] = c->n;
            c->n += d < g->vals[v]->shape.rank ? g->vals[v]->shape.dim[d] : 0;
        }
    c->first[rows] = c->n;
    c->of = fv_malloc(g->ctx, ((size_t)c->n + 1) * sizeof *c->of);
    c->stays = fv_calloc(g->ctx, (size_t)c->n + 1, sizeof *c->stays);
    if (!c->of || !c->stays)
        return FV_ERR_NO_MEMORY;
    for (int64_t e = 0; e < c->n; e++)
        c->of[e] = e;
    return FV_OK;
}

fv_status fv_channels_create(const fv_graph *g, const fv_val *const *also, int n, fv_channels **channels)
{
    fv_channels *c = fv_calloc(g->ctx, 1, sizeof *c);
    *channels = c;
    if (!c)
        return FV_ERR_NO_MEMORY;
    c->g = g;
    fv_status status = allocate(c);
    for (int32_t i = 0; status == FV_OK && i < g->n_nodes; i++)
        look_at(c, g->nodes[i]);
    for (int32_t v = 0; status == FV_OK && v < g->n_vals; v++)
        if (g->vals[v]->role == FV_ROLE_INPUT)
            stay_whole(c, g->vals[v]);
    for (int32_t i = 0; status == FV_OK && i < g->n_outputs; i++)
        stay_whole(c, g->outputs[i]);
    for (int i = 0; status == FV_OK && i < n; i++)
        stay_whole(c, also[i]);
    if (status == FV_OK)
        status = number(c);
    if (status != FV_OK)
        fv_channels_destroy(g->ctx, channels);
    return status;
}

void fv_channels_destroy(fv_ctx *ctx, fv_channels **channels)
{
    fv_channels *c = *channels;
    if (!c)
        return;
    fv_free(ctx, c->first);
    fv_free(ctx, c->of);
    fv_free(ctx, c->stays);
    fv_free(ctx, c->touched);
    fv_free(ctx, c->begin);
    fv_free(ctx, c->list);
    fv_free(ctx, c);
    *channels = NULL;
}

int64_t fv_channels_row(const fv_channels *c, int64_t element)
{
    int64_t low = 0, high = (int64_t)c->g->n_vals * FV_MAX_RANK;
    while (high - low > 1) { /* the last that begins at or before it: empty ones begin where the next does */
        const int64_t middle = low + (high - low) / 2;
        if (c->first[middle] <= element)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t fv_channels_keep(const fv_channels *c, const bool *gone, const fv_val *val, int dim, bool *keep)
{
    int64_t left = 0;
    for (int64_t i = 0; i < val->shape.dim[dim]; i++) {
        const int64_t k = fv_channels_class(c, val, dim, i);
        const bool stays = k < 0 || !gone[k];
        left += stays;
        if (keep)
            keep[i] = stays;
    }
    return left;
}

typedef struct gathering {
    const fv_shape *shape;
    const bool *keep[FV_MAX_RANK];
    size_t size;
    const char *src;
    char *dst;
} gathering;

static void gather(gathering *w, int dim, int64_t at)
{
    for (int64_t i = 0; dim < w->shape->rank && i < w->shape->dim[dim]; i++)
        if (w->keep[dim][i])
            gather(w, dim + 1, at * w->shape->dim[dim] + i);
    if (dim < w->shape->rank)
        return;
    memcpy(w->dst, w->src + (size_t)at * w->size, w->size);
    w->dst += w->size;
}

void fv_channels_gather(const fv_channels *c, const bool *gone, const fv_val *val, size_t size, const void *src,
                        void *dst, bool *room)
{
    gathering w = {.shape = &val->shape, .size = size, .src = src, .dst = dst};
    for (int d = 0; d < val->shape.rank; d++) {
        w.keep[d] = room;
        fv_channels_keep(c, gone, val, d, room);
        room += val->shape.dim[d];
    }
    gather(&w, 0, 0);
}
