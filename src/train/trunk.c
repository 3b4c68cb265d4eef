/* SPDX-License-Identifier: Apache-2.0 */
#include "train/trunk.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "data/augment/augment.h"

/* ---- where to cut ---- */

typedef struct search {
    const fv_graph *graph;
    bool *frozen_leaf; /* by value: a parameter or statistics that keep their bits */
    bool *image;       /* by value: depends on the input */
    bool *still;       /* by value: ... and on nothing that changes */
    bool *learned;     /* by value: ... and on frozen parameters */
    int32_t *last;     /* by value: the last node that reads it; n_nodes: an output */
} search;

static void mark_leaves(search *s, const fv_model *m, const bool *frozen)
{
    for (int i = 0; i < m->n_slots; i++) {
        const fv_val *v = fv_graph_find(s->graph, m->slots[i].name);
        if (v)
            s->frozen_leaf[v->id] = frozen[i];
    }
    for (int32_t i = 0; i < s->graph->n_vals; i++) {
        const fv_val *v = s->graph->vals[i];
        s->image[i] = s->still[i] = v->role == FV_ROLE_INPUT;
        s->frozen_leaf[i] |= v->role == FV_ROLE_CONST;
        s->last[i] = -1;
    }
}

static void mark_node(search *s, const fv_node *node, int32_t n)
{
    bool image = false, still = !(node->op->traits & FV_T_STOCHASTIC), learned = false;
    for (int32_t i = 0; i < node->n_in; i++) {
        const fv_val *v = node->in[i];
        if (!v)
            continue;
        s->last[v->id] = n;
        image = image || s->image[v->id];
        still = still && (s->frozen_leaf[v->id] || s->still[v->id]);
        learned = learned || s->learned[v->id] || (v->role == FV_ROLE_PARAM && s->frozen_leaf[v->id]);
    }
    for (int32_t i = 0; i < node->n_out; i++) {
        const int32_t id = node->out[i]->id;
        s->image[id] = image;
        s->still[id] = still;
        s->learned[id] = learned;
        s->last[id] = -1;
    }
}

/* Whether a layer behind the value is one that inference folds into the layer before. */
static bool folds(const fv_graph *g, const fv_val *v)
{
    for (int32_t n = 0; n < g->n_nodes; n++)
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++)
            if (g->nodes[n]->in[i] == v && g->nodes[n]->op->fold)
                return true;
    return false;
}

/* The value that alone is needed behind node n of all that depends on the image; NULL: there are several. */
static const fv_val *only_one(const search *s, int32_t n)
{
    const fv_val *only = NULL;
    for (int32_t i = 0; i < s->graph->n_vals; i++) {
        const fv_val *v = s->graph->vals[i];
        const bool computed = v->def ? v->def->id <= n : v->role == FV_ROLE_INPUT;
        if (!computed || !s->image[i] || s->last[i] <= n)
            continue;
        if (only)
            return NULL;
        only = v;
    }
    return only;
}

static const char *last_cut(const search *s)
{
    const fv_graph *g = s->graph;
    int inputs = 0;
    for (int32_t i = 0; i < g->n_vals; i++)
        inputs += g->vals[i]->role == FV_ROLE_INPUT;
    for (int32_t n = g->n_nodes - 2; n >= 0 && inputs == 1; n--) {
        const fv_val *v = only_one(s, n);
        if (v && v->def && v->def->n_out == 1 && s->still[v->id] && s->learned[v->id] && s->last[v->id] < g->n_nodes &&
            v->dtype == FV_F32 && v->shape.rank > 0 && v->shape.dim[0] == 1 && !folds(g, v))
            return v->name;
    }
    return NULL;
}

fv_status fv_trunk_find(const fv_model *m, const bool *frozen, const char *const *outputs, int32_t n, const char **cut)
{
    const fv_graph *g = m->graph;
    const size_t room = (size_t)g->n_vals + 1;
    bool *flags = fv_calloc(m->ctx, 4 * room, sizeof *flags);
    search s = {.graph = g,
                .frozen_leaf = flags,
                .image = flags + room,
                .still = flags + 2 * room,
                .learned = flags + 3 * room,
                .last = fv_calloc(m->ctx, room, sizeof *s.last)};
    *cut = NULL;
    if (flags && s.last) {
        mark_leaves(&s, m, frozen);
        for (int32_t i = 0; i < g->n_nodes; i++)
            mark_node(&s, g->nodes[i], i);
        for (int32_t i = 0; i < g->n_outputs; i++)
            s.last[g->outputs[i]->id] = g->n_nodes;
        for (int32_t i = 0; i < n; i++) {
            const fv_val *v = outputs[i] ? fv_graph_named(g, outputs[i]) : NULL;
            if (v)
                s.last[v->id] = g->n_nodes;
        }
        *cut = last_cut(&s);
    }
    const fv_status status = flags && s.last ? FV_OK : FV_ERR_NO_MEMORY;
    fv_free(m->ctx, flags);
    fv_free(m->ctx, s.last);
    return status;
}

/* ---- rows ---- */

fv_status fv_trunk_create(fv_model *m, const char *cut, bool planned, fv_scratch *scratch, fv_wisdom *wisdom,
                          fv_trunk **out)
{
    const fv_pipeline *p = &m->pipeline;
    fv_trunk *x = *out = fv_new(m->ctx, fv_trunk);
    if (!x)
        return FV_ERR_NO_MEMORY;
    const fv_val *v = fv_graph_find(m->graph, cut);
    x->ctx = m->ctx;
    x->model = m;
    for (int32_t i = 0; i < m->graph->n_vals && !x->input; i++)
        x->input = m->graph->vals[i]->role == FV_ROLE_INPUT ? m->graph->vals[i]->name : NULL;
    x->cut = v->name;
    x->image = p->h * p->w * p->c;
    x->size = fv_shape_count(&v->shape);
    const fv_status status =
        planned ? FV_OK : fv_session_create_part(m, FV_TRUNK_BATCH, NULL, x->cut, scratch, wisdom, &x->session);
    if (status != FV_OK)
        fv_trunk_destroy(out);
    return status;
}

void fv_trunk_destroy(fv_trunk **trunk)
{
    fv_trunk *x = trunk ? *trunk : NULL;
    if (!x)
        return;
    fv_session_destroy(&x->session);
    fv_free(x->ctx, x->batch);
    fv_free(x->ctx, x);
    *trunk = NULL;
}

static fv_status make_room(fv_trunk *x, int64_t n)
{
    if (n <= x->room)
        return FV_OK;
    float *batch = fv_calloc(x->ctx, (size_t)(n * x->size), sizeof *batch);
    if (!batch)
        return FV_ERR_NO_MEMORY;
    fv_free(x->ctx, x->batch);
    x->batch = batch;
    x->room = n;
    return FV_OK;
}

/* Whether a sample's row is kept. */
static bool have(void *rows, int64_t sample)
{
    fv_rows *r = rows;
    return atomic_load(&r->row[sample]) != NULL;
}

/* Keeps a copy where there is room. */
static void keep(fv_trunk *x, fv_rows *kept, int64_t sample, const float *row)
{
    const int64_t bytes = x->size * (int64_t)sizeof *row;
    if (bytes > x->left)
        return;
    float *copy = fv_malloc(x->ctx, (size_t)bytes);
    if (!copy) { /* the plan was too low: what has been kept is enough */
        fv_fail_clear(x->ctx);
        x->left = 0;
        return;
    }
    memcpy(copy, row, (size_t)bytes);
    atomic_store(&kept->row[sample], copy);
    x->left -= bytes;
    x->kept += bytes;
}

/* The rows at[0..count) of the batch. */
static fv_status compute(fv_trunk *x, const int64_t *at, int64_t count, const float *images, fv_rows *kept,
                         const int64_t *samples)
{
    float *in = fv_session_input(x->session);
    for (int64_t i = 0; i < count; i++)
        memcpy(in + i * x->image, images + at[i] * x->image, (size_t)x->image * sizeof *in);
    FV_TRY(fv_session_run_n(x->session, count));
    const float *out = fv_session_output(x->session, NULL);
    for (int64_t i = 0; i < count; i++) {
        const float *row = memcpy(x->batch + at[i] * x->size, out + i * x->size, (size_t)x->size * sizeof *out);
        if (kept && samples[at[i]] >= 0 && !have(kept, samples[at[i]])) /* not twice in a batch */
            keep(x, kept, samples[at[i]], row);
    }
    return FV_OK;
}

fv_status fv_trunk_rows(fv_trunk *x, fv_rows *kept, const int64_t *samples, const float *images, int64_t n,
                        const float **rows)
{
    int64_t at[FV_TRUNK_BATCH], count = 0;
    FV_TRY(make_room(x, n));
    *rows = x->batch;
    for (int64_t i = 0; i < n; i++) {
        const float *row = kept && samples[i] >= 0 ? atomic_load(&kept->row[samples[i]]) : NULL;
        if (row)
            memcpy(x->batch + i * x->size, row, (size_t)x->size * sizeof *row);
        else
            at[count++] = i;
        if (count == FV_TRUNK_BATCH || (i == n - 1 && count > 0)) {
            FV_TRY(compute(x, at, count, images, kept, samples));
            count = 0;
        }
    }
    return FV_OK;
}

fv_status fv_trunk_run(fv_trunk *x, const float *images, int64_t n, const float **rows)
{
    return fv_trunk_rows(x, NULL, NULL, images, n, rows);
}

/* ---- what is kept ---- */

void fv_rows_destroy(fv_rows **rows)
{
    fv_rows *r = rows ? *rows : NULL;
    if (!r)
        return;
    for (int64_t i = 0; i < r->count; i++)
        fv_free(r->ctx, atomic_load(&r->row[i]));
    fv_free(r->ctx, r->row);
    fv_free(r->ctx, r);
    *rows = NULL;
}

static fv_status create_rows(fv_loader *loader, fv_rows **rows)
{
    const int64_t count = fv_dataset_count(loader->dataset);
    fv_rows *r = *rows = fv_new(loader->ctx, fv_rows);
    if (!r)
        return FV_ERR_NO_MEMORY;
    r->ctx = loader->ctx;
    r->row = fv_calloc(r->ctx, (size_t)count + 1, sizeof *r->row);
    if (!r->row) {
        fv_rows_destroy(rows);
        return FV_ERR_NO_MEMORY;
    }
    r->count = count;
    fv_loader_spare(loader, have, r);
    return FV_OK;
}

fv_status fv_trunk_keep(fv_trunk *x, int64_t bytes, fv_loader *loader, fv_rows **rows, char text[FV_TRUNK_TEXT])
{
    x->left = bytes - x->kept;
    if (fv_augment_is_plain(loader->augment)) {
        FV_TRY(create_rows(loader, rows));
        x->planned += (*rows)->count;
    } else {
        x->changing = true;
    }
    const int64_t all = x->planned * x->size * (int64_t)sizeof(float);
    snprintf(text, FV_TRUNK_TEXT,
             "the frozen part, up to '%.100s', is computed once an image%s: %.1f MB for %lld images%s", x->cut,
             x->changing ? " of the validation set (augmentation changes the others)" : "", (double)all / 1048576,
             (long long)x->planned, all <= x->left ? "" : ", of which as many are kept as there is memory for");
    return FV_OK;
}
