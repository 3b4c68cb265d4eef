/* SPDX-License-Identifier: Apache-2.0 */
/* What the layers of a network make of images. */
#include <math.h>
#include <string.h>

#include "model/model.h"
#include "report/chart.h"
#include "report/network.h"
#include "report/page.h"

/* Images looked at, and rows of the table. */
enum { IMAGES = 32, ROWS = 200 };

/* One layer's result behind its activation: sums over all images, and which channels were ever other than 0. */
typedef struct layer {
    const char *name; /* of its value */
    const fv_val *val;
    double sum, squares;
    int64_t count, zeros;
    bool *alive;
} layer;

typedef struct look {
    fv_ctx *ctx;
    fv_model *model;
    layer *layers;
    const char **names;
    int count;
    int64_t largest, images;
    float *values;
    fv_session *session;
} look;

/* ---- which values ---- */

/* What alone reads a value and changes its numbers one by one: normalization or activation; NULL: nothing does. */
static const fv_val *goes_on(const fv_graph *g, const fv_val *v)
{
    const fv_node *reader = NULL;
    for (int32_t n = 0; n < g->n_nodes; n++)
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++)
            if (g->nodes[n]->in[i] == v) {
                if (reader && reader != g->nodes[n])
                    return NULL;
                reader = g->nodes[n];
            }
    if (!reader || reader->in[0] != v || (reader->op->traits & FV_T_STOCHASTIC) ||
        !(reader->op->fold || reader->op->fuses_as != FV_ACT_NONE))
        return NULL;
    return fv_shape_equal(&reader->out[0]->shape, &v->shape) ? reader->out[0] : NULL;
}

static fv_status choose(look *k)
{
    const fv_graph *g = k->model->graph;
    k->layers = fv_calloc(k->ctx, (size_t)g->n_nodes + 1, sizeof *k->layers);
    k->names = fv_calloc(k->ctx, (size_t)g->n_nodes + 1, sizeof *k->names);
    if (!k->layers || !k->names)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = 0; n < g->n_nodes && k->count < ROWS; n++) {
        const fv_node *node = g->nodes[n];
        if (!fv_node_weighted(node) || fv_model_for_training(k->model, node->out[0]->id))
            continue;
        const fv_val *v = node->out[0];
        for (const fv_val *next = goes_on(g, v); next; next = goes_on(g, next))
            v = next;
        if (v->dtype != FV_F32 || v->shape.rank < 2)
            continue;
        layer *l = &k->layers[k->count];
        *l = (layer){.name = v->name, .val = v};
        l->alive = fv_calloc(k->ctx, (size_t)v->shape.dim[v->shape.rank - 1], sizeof *l->alive);
        if (!l->alive)
            return FV_ERR_NO_MEMORY;
        const int64_t size = fv_shape_count(&v->shape);
        k->largest = size > k->largest ? size : k->largest;
        k->names[k->count++] = v->name;
    }
    return FV_OK;
}

/* ---- what they are ---- */

static void take(layer *l, const float *v)
{
    const int64_t n = fv_shape_count(&l->val->shape), width = l->val->shape.dim[l->val->shape.rank - 1];
    for (int64_t i = 0; i < n; i++) {
        const double x = (double)v[i];
        l->sum += x;
        l->squares += x * x;
        l->zeros += v[i] == 0.0f;
        l->alive[i % width] |= v[i] != 0.0f;
    }
    l->count += n;
}

static fv_status look_at(look *k, const fv_image *image)
{
    FV_TRY(fv_pipeline_apply(k->ctx, &k->model->pipeline, image, fv_session_input(k->session)));
    FV_TRY(fv_session_run(k->session));
    for (int i = 0; i < k->count; i++) {
        const size_t bytes = (size_t)fv_shape_count(&k->layers[i].val->shape) * sizeof(float);
        FV_TRY(fv_session_get(k->session, k->names[i], k->values, bytes));
        take(&k->layers[i], k->values);
    }
    k->images++;
    return FV_OK;
}

/* Samples spread over the data; those that cannot be read are left out. */
static fv_status look_around(look *k, fv_dataset *data)
{
    const int64_t all = fv_dataset_count(data), n = all < IMAGES ? all : IMAGES;
    for (int64_t i = 0; i < n; i++) {
        fv_image image = {0};
        fv_status status = fv_dataset_image(data, i * all / n, &image, NULL);
        if (status == FV_OK)
            status = look_at(k, &image);
        fv_image_free(k->ctx, &image);
        if (status == FV_ERR_NO_MEMORY)
            return status;
        if (status != FV_OK)
            fv_fail_clear(k->ctx);
    }
    return FV_OK;
}

/* ---- the table ---- */

static void put_share(fv_str *out, double share, bool bad)
{
    fv_str_append(out, bad ? "<td class=\"bad\">" : "<td>");
    fv_put_fixed(out, 100 * share, 1);
    fv_str_append(out, "</td>");
}

static void put_layer(fv_str *out, const layer *l)
{
    const int64_t width = l->val->shape.dim[l->val->shape.rank - 1];
    const double mean = l->sum / (double)l->count, variance = l->squares / (double)l->count - mean * mean;
    int64_t dead = 0;
    char text[96];
    fv_shape shape = {.rank = l->val->shape.rank - 1};
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = l->val->shape.dim[i + 1];
    for (int64_t c = 0; c < width; c++)
        dead += !l->alive[c];
    fv_str_append(out, "<tr><td>");
    fv_put_escaped(out, l->name);
    fv_str_printf(out, "</td><td>%s</td><td>", fv_shape_text(&shape, text));
    fv_put_short(out, mean, 4);
    fv_str_append(out, "</td><td>");
    fv_put_short(out, sqrt(variance > 0 ? variance : 0), 4);
    fv_str_append(out, "</td>");
    put_share(out, (double)l->zeros / (double)l->count, false);
    put_share(out, (double)dead / (double)width, dead * 10 > width * 9);
    fv_str_append(out, "</tr>\n");
}

static void put_table(fv_str *out, const look *k)
{
    fv_str_printf(
        out,
        "<p class=\"sub\">Of %lld images, behind each layer's normalization and activation. Dead: channels "
        "that are 0 everywhere in all of them.</p>\n<div class=\"scroll wide\"><table class=\"names\">\n<thead>"
        "<tr><th>layer</th><th>result</th><th>mean</th><th>deviation</th><th>zeros %%</th><th>dead %%</th>"
        "</tr></thead>\n<tbody>\n",
        (long long)k->images);
    for (int i = 0; i < k->count; i++)
        put_layer(out, &k->layers[i]);
    fv_str_append(out, "</tbody></table></div>\n");
}

static fv_status run(look *k, fv_dataset *data)
{
    FV_TRY(choose(k));
    k->values = fv_calloc(k->ctx, (size_t)k->largest + 1, sizeof *k->values);
    if (!k->values)
        return FV_ERR_NO_MEMORY;
    const fv_session_options o = {.batch = 1, .values = k->names, .n_values = k->count};
    FV_TRY(fv_session_create_with(k->model, &o, &k->session));
    return look_around(k, data);
}

fv_status fv_put_activity(fv_str *out, fv_model *model, fv_dataset *data)
{
    look k = {.ctx = out->ctx, .model = model};
    fv_status status = fv_model_need_plain(model, "activations");
    if (status == FV_OK)
        status = run(&k, data);
    fv_str_append(out, status == FV_OK && k.images == 0 ? "" : "<h2>Activations</h2>\n");
    if (status == FV_OK && k.images > 0)
        put_table(out, &k);
    if (status != FV_OK && status != FV_ERR_NO_MEMORY) {
        fv_str_append(out, "<p class=\"sub\">Not looked at: ");
        fv_put_escaped(out, fv_ctx_error(out->ctx));
        fv_str_append(out, "</p>\n");
        fv_fail_clear(out->ctx);
        status = FV_OK;
    }
    fv_session_destroy(&k.session);
    for (int i = 0; k.layers && i < k.count; i++)
        fv_free(k.ctx, k.layers[i].alive);
    fv_free(k.ctx, k.layers);
    fv_free(k.ctx, k.names);
    fv_free(k.ctx, k.values);
    return status == FV_OK ? fv_str_status(out) : status;
}
