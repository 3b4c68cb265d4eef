/* SPDX-License-Identifier: Apache-2.0 */
/* A new head on a network's body: the body is copied value by value, and the head is built behind it. */
#include <stdio.h>
#include <string.h>

#include "nn/build.h"
#include "nn/head.h"
#include "nn/head_text.h"
#include "nn/top.h"

typedef struct transplant {
    fv_model *from, *to;
    const fv_head_options *options;
    int64_t classes;
    fv_top top;
    fv_head_item items[FV_HEAD_ITEMS];
    int n_items;
    fv_val **map; /* by id of the old value: the new one; NULL: it is gone */
} transplant;

/* ---- the body ---- */

/* What the value that is kept and the auxiliary heads depend on. */
static void mark_live(const transplant *t, const fv_val *kept, bool *live)
{
    const fv_graph *g = t->from->graph;
    live[kept->id] = true;
    live[t->from->input.id] = true;
    for (int i = 0; i < t->from->aux.count; i++)
        live[t->from->aux.head[i].val] = true;
    for (int32_t n = g->n_nodes - 1; n >= 0; n--) {
        const fv_node *node = g->nodes[n];
        bool needed = false;
        for (int32_t i = 0; i < node->n_out; i++)
            needed = needed || live[node->out[i]->id];
        for (int32_t i = 0; needed && i < node->n_in; i++)
            if (node->in[i])
                live[node->in[i]->id] = true;
        for (int32_t i = 0; needed && i < node->n_out; i++)
            live[node->out[i]->id] = true;
    }
}

/* The image in its new size, and output layers of auxiliary heads for the new classes. */
static fv_status copy_leaf(transplant *t, const fv_val *val)
{
    fv_val like = *val;
    for (int i = 0; val->id == t->from->input.id && i < 2; i++)
        like.shape.dim[1 + i] = t->options->img_size[i] > 0 ? t->options->img_size[i] : like.shape.dim[1 + i];
    for (int i = 0; i < t->from->n_slots; i++)
        if (t->from->slots[i].val == val->id && t->from->slots[i].aux && t->from->slots[i].head)
            like.shape.dim[0] = t->classes;
    return fv_graph_copy_leaf(t->to->graph, &like, &t->map[val->id]);
}

static fv_status copy_node(transplant *t, const fv_node *node)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made = NULL;
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? t->map[node->in[i]->id] : NULL;
    FV_TRY(fv_graph_add(t->to->graph, node->op, node->name, node->attr, in, node->n_in, &made));
    for (int32_t i = 0; i < node->n_out; i++)
        t->map[node->out[i]->id] = made->out[i];
    return FV_OK;
}

static fv_status copy_body(transplant *t, const fv_val *kept)
{
    const fv_graph *g = t->from->graph;
    bool *live = fv_calloc(g->ctx, (size_t)g->n_vals + 1, sizeof *live);
    fv_status status = live ? FV_OK : FV_ERR_NO_MEMORY;
    if (live)
        mark_live(t, kept, live);
    for (int32_t i = 0; status == FV_OK && i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        if (live[i] && !(val->def && val->def_index > 0))
            status = val->def ? copy_node(t, val->def) : copy_leaf(t, val);
    }
    fv_free(g->ctx, live);
    FV_TRY(status);
    t->to->input.id = t->map[t->from->input.id]->id;
    for (int i = 0; i < t->from->n_notes; i++) {
        const fv_init_note *n = &t->from->notes[i];
        if (t->map[n->val])
            FV_TRY(fv_model_note_init(t->to, t->map[n->val]->id, n->init, n->value));
    }
    for (int i = 0; i < t->from->aux.count; i++)
        FV_TRY(fv_model_note_aux(t->to, t->map[t->from->aux.head[i].val]->id, t->from->aux.head[i].weight));
    return FV_OK;
}

/* ---- the head ---- */

/* "head", or "head2", ... where tensors or layers of the body are called so. */
static void choose_prefix(const fv_graph *g, char prefix[24])
{
    bool taken = true;
    for (int k = 1; taken; k++) {
        snprintf(prefix, 24, k > 1 ? "head%d" : "head", k);
        const size_t n = strlen(prefix);
        taken = false;
        for (int32_t i = 0; i < g->n_vals; i++) {
            const char *name = g->vals[i]->name;
            taken = taken || (strncmp(name, prefix, n) == 0 && (name[n] == '.' || name[n] == '\0'));
        }
    }
}

static fv_value pool_map(fv_model *m, fv_head_pool pool, fv_value x)
{
    static const char *const ops[FV_POOL_COUNT] = {
        [FV_POOL_AVG] = "global_avg_pool", [FV_POOL_MAX] = "global_max_pool"};
    if (ops[pool])
        return fv_layer(m, ops[pool], &x, 1, &(fv_layer_options){.name = "pool"});
    return pool == FV_POOL_GEM ? fv_gem_pool(m, x, .name = "pool") : x;
}

/* What stands between the last map and the head, as the network has it where nothing else is asked for. */
static fv_head_pool choose_pool(const transplant *t)
{
    if (t->options->pool != FV_POOL_KEEP || t->top.row)
        return t->options->pool;
    const fv_node *own = t->top.pool;
    return !own ? FV_POOL_FLATTEN : strstr(own->op->name, "max") ? FV_POOL_MAX : FV_POOL_AVG;
}

static fv_value build_head(transplant *t, fv_head_pool pool, fv_value x)
{
    fv_model *m = t->to;
    char prefix[24], name[24];
    choose_prefix(m->graph, prefix);
    fv_prefix(m, prefix);
    if (pool != FV_POOL_KEEP)
        x = pool_map(m, pool, x);
    if (m->error == FV_OK && fv_nn_shape(m, x)->rank != 2)
        x = fv_layer(m, "flatten", &x, 1, &(fv_layer_options){.name = "flatten"});
    for (int i = 0; i <= t->n_items; i++) {
        snprintf(name, sizeof name, "%d", i);
        x = i < t->n_items ? t->items[i].make(m, name, &t->items[i], x)
                           : fv_dense(m, x, .name = name, .units = t->classes);
    }
    fv_prefix(m, "");
    return x;
}

/* ---- weights ---- */

static fv_status add_row(fv_load_report *report, const fv_slot *before, const fv_slot *now, fv_load_verdict verdict)
{
    fv_load_row row = {.name = now ? now->name : before->name, .verdict = verdict, .head = !before};
    row.aux = now ? now->aux : before->aux;
    if (now)
        row.model_shape = now->file_shape;
    if (before)
        row.file_shape = before->file_shape;
    return report ? fv_load_report_add(report, &row) : FV_OK;
}

static fv_status move_weights(transplant *t, fv_load_report *report)
{
    fv_model_sync(t->from);
    for (int i = 0; i < t->to->n_slots; i++) {
        const fv_slot *now = &t->to->slots[i], *before = NULL;
        for (int k = 0; k < t->from->n_slots && !before; k++) {
            const fv_val *v = t->map[t->from->slots[k].val];
            before = v && v->id == now->val ? &t->from->slots[k] : NULL;
        }
        const bool same = before && fv_shape_equal(&before->shape, &now->shape);
        if (same && before->data) /* of a draft they are nothing yet */
            memcpy(fv_tensor_data(now->data), fv_tensor_const_data(before->data), fv_tensor_bytes(now->data));
        else if (!same)
            fv_slot_start(t->to->ctx, now, t->options->seed, now->init, now->init_value);
        FV_TRY(add_row(report, before, now, same ? FV_LOADED : before ? FV_SHAPE_MISMATCH : FV_MISSING));
    }
    for (int k = 0; k < t->from->n_slots; k++)
        if (!t->map[t->from->slots[k].val])
            FV_TRY(add_row(report, &t->from->slots[k], NULL, FV_UNUSED));
    for (int i = 0; i < t->to->n_counters; i++) {
        const fv_counter *before = fv_model_counter(t->from, t->to->counters[i].name);
        t->to->counters[i].value =
            before && before->slot >= 0 && t->map[t->from->slots[before->slot].val] ? before->value : 0;
    }
    return FV_OK;
}

/* ---- the whole ---- */

static fv_status prepare(transplant *t, const fv_val **kept, fv_head_pool *pool)
{
    fv_model *m = t->from;
    const fv_head_options *o = t->options;
    if (!m->finished)
        return fv_fail(m->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: call fv_model_finish first", m->name);
    if ((unsigned)o->pool >= FV_POOL_COUNT || o->classes < 0 || o->img_size[0] < 0 || o->img_size[1] < 0)
        return fv_fail(m->ctx, FV_ERR_VALUE, "fv_model_replace_head: pool=%d classes=%lld img_size=%lld,%lld",
                       (int)o->pool, (long long)o->classes, (long long)o->img_size[0], (long long)o->img_size[1]);
    FV_TRY(fv_head_read(m->ctx, o->layers, t->items, &t->n_items));
    FV_TRY(fv_top_find(m, &t->top));
    t->classes = o->classes ? o->classes : m->n_classes;
    *pool = choose_pool(t);
    *kept = *pool == FV_POOL_KEEP ? t->top.row : t->top.map;
    if (!*kept)
        return fv_fail_hint(
            m->ctx,
            fv_fail(m->ctx, FV_ERR_MODEL, "model '%s' has no map before its head that --pool could pool", m->name),
            "leave --pool out");
    return FV_OK;
}

static fv_status make(transplant *t, const fv_val *kept, fv_head_pool pool, fv_load_report *report)
{
    int64_t h, w;
    FV_TRY(fv_model_create(t->from->ctx, &t->to));
    const size_t n = strlen(t->from->name);
    const bool named = n >= 5 && strcmp(t->from->name + n - 5, "+head") == 0;
    snprintf(t->to->name, sizeof t->to->name, "%.120s%s", t->from->name, named ? "" : "+head");
    FV_TRY(copy_body(t, kept));
    FV_TRY(fv_model_finish(t->to, build_head(t, pool, (fv_value){t->map[kept->id]->id})));
    FV_TRY(fv_model_copy_manner(t->from, t->to));
    fv_model_input_size(t->to, &h, &w, &t->to->pipeline.c);
    fv_pipeline_set_size(&t->to->pipeline, h, w);
    return move_weights(t, report);
}

fv_status fv_model_replace_head(fv_model *model, const fv_head_options *options, fv_load_report **report)
{
    const fv_val *kept = NULL;
    fv_head_pool pool = FV_POOL_KEEP;
    transplant t = {.from = model, .options = options};
    if (report)
        *report = NULL;
    FV_TRY(prepare(&t, &kept, &pool));
    t.map = fv_calloc(model->ctx, (size_t)model->graph->n_vals + 1, sizeof(fv_val *));
    fv_status status = t.map ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK && report)
        status = fv_load_report_create(model->ctx, report);
    if (status == FV_OK)
        status = make(&t, kept, pool, report ? *report : NULL);
    if (status == FV_OK) {
        fv_model_swap(model, t.to);
        fv_model_touch(model);
        (void)fv_model_set_card(model, FV_CARD_METRICS, NULL); /* they were the old head's; taking away cannot fail */
    } else if (report) {
        fv_load_report_destroy(report);
    }
    fv_free(model->ctx, t.map);
    fv_model_destroy(&t.to);
    return status;
}

fv_status fv_model_finish_as(fv_model *model, fv_value output, const fv_zoo_options *options)
{
    if (!options || !options->head)
        return fv_model_finish(model, output);
    FV_TRY(fv_model_draft(model, output));
    model->finished = true; /* but for tensors, at which nothing looks before it is another */
    return fv_model_replace_head(model, options->head, options->head_report);
}
