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

fv_status fv_trunk_learns(const fv_model *m, const bool *frozen, const char *value, bool *learns)
{
    const fv_graph *g = m->graph;
    bool *trained = fv_calloc(m->ctx, (size_t)g->n_vals + 1, sizeof *trained);
    const fv_val *v;
    if (!trained)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < m->n_slots; i++)
        if ((v = fv_graph_find(g, m->slots[i].name)))
            trained[v->id] = v->role == FV_ROLE_PARAM && !frozen[i];
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        bool any = false;
        for (int32_t i = 0; i < node->n_in; i++)
            any = any || (node->in[i] && trained[node->in[i]->id]);
        for (int32_t i = 0; i < node->n_out; i++)
            trained[node->out[i]->id] = any;
    }
    v = fv_graph_named(g, value);
    *learns = v && trained[v->id];
    fv_free(m->ctx, trained);
    return FV_OK;
}

/* ---- rows ---- */

fv_status fv_trunk_create(fv_model *m, const char *cut, int64_t batch, fv_scratch *scratch, fv_wisdom *wisdom,
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
    x->together = batch < 1 ? 1 : batch < FV_TRUNK_BATCH ? batch : FV_TRUNK_BATCH;
    x->scratch = scratch;
    x->wisdom = wisdom;
    return FV_OK;
}

fv_status fv_trunk_prepare(fv_trunk *x)
{
    return x->session ? FV_OK
                      : fv_session_create_part(x->model, x->together, NULL, x->cut, x->scratch, x->wisdom, &x->session);
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

/* Of a slab's rows, and what a piece of memory costs the context beside them. */
#define SLAB_BYTES    INT64_C(262144)
#define SLAB_OVERHEAD INT64_C(1024)

/* Room for a row; NULL: there is none within the limit, or no memory, so that what has been kept must do. */
static float *take(fv_trunk *x, fv_rows *kept)
{
    const int64_t bytes = x->size * (int64_t)sizeof(float);
    fv_slab *slab = kept->slabs;
    if (!slab || slab->used == slab->room) {
        const int64_t most = (x->left - SLAB_OVERHEAD) / bytes, usual = SLAB_BYTES / bytes;
        const int64_t room = most < usual ? most : usual > 0 ? usual : 1;
        slab = room > 0 && most > 0 ? fv_new(x->ctx, fv_slab) : NULL;
        if (slab)
            slab->rows = fv_malloc(x->ctx, (size_t)(room * bytes));
        if (!slab || !slab->rows) {
            fv_free(x->ctx, slab);
            fv_fail_clear(x->ctx);
            x->left = 0;
            return NULL;
        }
        slab->room = room;
        slab->next = kept->slabs;
        kept->slabs = slab;
        x->left -= room * bytes + SLAB_OVERHEAD;
    }
    return slab->rows + slab->used++ * x->size;
}

/* Keeps a copy where there is room. */
static void keep(fv_trunk *x, fv_rows *kept, int64_t sample, const float *row)
{
    float *copy = take(x, kept);
    if (copy)
        atomic_store(&kept->row[sample], memcpy(copy, row, (size_t)x->size * sizeof *row));
}

/* The rows at[0..count) of the batch. */
static fv_status compute(fv_trunk *x, const int64_t *at, int64_t count, const float *images, fv_rows *kept,
                         const int64_t *samples)
{
    FV_TRY(fv_trunk_prepare(x));
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
        if (count == x->together || (i == n - 1 && count > 0)) {
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
    for (fv_slab *slab = r->slabs, *next; slab; slab = next) {
        next = slab->next;
        fv_free(r->ctx, slab->rows);
        fv_free(r->ctx, slab);
    }
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
    const int64_t list = fv_dataset_count(loader->dataset) * (int64_t)sizeof(float *) + 2 * SLAB_OVERHEAD;
    x->left = x->limit ? x->left : bytes;
    x->limit = bytes;
    x->changing = x->changing || !fv_augment_is_plain(loader->augment);
    if (fv_augment_is_plain(loader->augment) && list < x->left) {
        FV_TRY(create_rows(loader, rows));
        x->left -= list;
        x->planned += (*rows)->count;
    }
    const int64_t all = x->planned * x->size * (int64_t)sizeof(float);
    snprintf(text, FV_TRUNK_TEXT,
             "the frozen part, up to '%.100s', is computed once an image%s: %.1f MB for %lld images%s", x->cut,
             x->changing ? " of the validation set (augmentation changes the others)" : "", (double)all / 1048576,
             (long long)x->planned, all <= x->left ? "" : ", of which as many are kept as there is memory for");
    return FV_OK;
}
