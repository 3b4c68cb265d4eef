/* SPDX-License-Identifier: Apache-2.0 */
/* Layers whose weights become a product of two smaller ones. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <fovea/design.h>

#include "model/model.h"
#include "nn/low_rank.h"
#include "ops/attr.h"

static const char *const methods[FV_FACTOR_METHOD_COUNT + 1] = {"svd", "spatial", NULL};

const char *const *fv_factor_methods(void)
{
    return methods;
}

/* A weighted layer: filters k r s c of each of `groups`; of a matrix o x i, k is o and c is i. */
typedef struct layer {
    const fv_node *node;
    bool matrix;
    int64_t k, r, s, c, groups; /* k and c of a group */
    fv_factor_row *row;
    fv_shape shape[2];
    fv_tensor *half[2]; /* what the two layers have; NULL: it stays */
} layer;

typedef struct work {
    fv_model *model, *copy;
    const fv_factor_options *o;
    layer *layers; /* by node */
    int64_t fixed; /* the rank that all groups have; 0: choose */
    const layer *now;
} work;

static bool is_op(const fv_node *node, const char *name)
{
    return strcmp(node->op->name, name) == 0;
}

static bool is_weighted(const fv_node *node)
{
    return is_op(node, "conv2d") || is_op(node, "dense") || is_op(node, "conv_transpose2d");
}

/* ---- which layers ---- */

static int uses_of(const fv_graph *g, const fv_val *val)
{
    int uses = 0;
    for (int32_t n = 0; n < g->n_nodes; n++)
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++)
            uses += g->nodes[n]->in[i] == val;
    return uses;
}

static void read_layer(const fv_node *node, layer *l)
{
    const int64_t *d = node->in[1]->shape.dim;
    l->node = node;
    l->matrix = is_op(node, "dense");
    l->groups = l->matrix ? 1 : ((const fv_conv2d_attr *)node->attr)->groups;
    l->r = l->matrix ? 1 : d[1];
    l->s = l->matrix ? 1 : d[2];
    l->c = l->matrix ? d[1] : d[3];
    l->k = d[0] / l->groups;
}

/* Of the matrix that is factored, of one group. */
static void matrix_size(const layer *l, fv_factor_method method, int64_t *rows, int64_t *columns)
{
    const bool spatial = method == FV_FACTOR_SPATIAL;
    *rows = spatial ? l->r * l->c : l->k;
    *columns = spatial ? l->s * l->k : l->r * l->s * l->c;
}

/* Parameters of both layers for each channel between them, all groups together, without the bias. */
static int64_t cost_of_rank(const layer *l, fv_factor_method method)
{
    int64_t rows, columns;
    matrix_size(l, method, &rows, &columns);
    return l->groups * (rows + columns);
}

/* NULL: it can be factored. */
static const char *reason_to_stay(const work *w, const fv_node *node, layer *l)
{
    int64_t rows, columns;
    if (is_op(node, "conv_transpose2d"))
        return "transposed convolutions have no such form";
    if (node->in[1]->role != FV_ROLE_PARAM || node->in[1]->dtype != FV_F32)
        return "its weights are constants, or are computed";
    if (uses_of(w->model->graph, node->in[1]) > 1)
        return "other layers have its weights too";
    read_layer(node, l);
    if (w->o->method == FV_FACTOR_SPATIAL && l->matrix)
        return "a matrix has no rows and columns of pixels: use svd";
    if (w->o->method == FV_FACTOR_SPATIAL && (l->r == 1 || l->s == 1))
        return "its window is one pixel high or wide: use svd";
    matrix_size(l, w->o->method, &rows, &columns);
    if (rows == 1 || columns == 1)
        return l->groups > 1 ? "each group has one filter (depthwise): its rank is 1" : "its rank is 1";
    return NULL;
}

/* ---- the rank ---- */

static int64_t choose_rank(void *arg, const double *singular, int64_t count)
{
    const work *w = arg;
    const fv_factor_options *o = w->o;
    const layer *l = w->now;
    double sum = 0, part = 0;
    int64_t rank = 1;
    if (w->fixed || o->rank) {
        rank = w->fixed ? w->fixed : o->rank;
        return rank < count ? rank : count;
    }
    if (o->energy > 0) {
        for (int64_t i = 0; i < count; i++)
            sum += singular[i] * singular[i];
        for (rank = 0; rank < count && (rank == 0 || part < o->energy * sum); rank++)
            part += singular[rank] * singular[rank];
        return rank;
    }
    const double keep = o->keep > 0 ? o->keep : 0.5;
    rank = (int64_t)(keep * (double)fv_shape_count(&l->node->in[1]->shape) / (double)cost_of_rank(l, o->method));
    return rank < 1 ? 1 : rank > count ? count : rank;
}

/* ---- one layer ---- */

/* The matrix of a group: rows of filters as they are, or (row, channel) x (column, filter). */
static const float *take_matrix(const work *w, const layer *l, const float *wei, int64_t group, float *room)
{
    const float *from = wei + group * l->k * l->r * l->s * l->c;
    if (w->o->method == FV_FACTOR_SVD)
        return from;
    for (int64_t k = 0; k < l->k; k++)
        for (int64_t r = 0; r < l->r; r++)
            for (int64_t s = 0; s < l->s; s++)
                for (int64_t c = 0; c < l->c; c++)
                    room[((r * l->c + c) * l->s + s) * l->k + k] = from[((k * l->r + r) * l->s + s) * l->c + c];
    return room;
}

/* Where a group's factors belong in the weights of the two layers. */
static void put_factors(const work *w, const layer *l, const fv_low_rank *f, int64_t group)
{
    const int64_t q = f->rank;
    float *first = fv_tensor_data(l->half[0]), *second = fv_tensor_data(l->half[1]);
    if (w->o->method == FV_FACTOR_SVD) {
        memcpy(first + group * q * f->columns, f->right, (size_t)(q * f->columns) * sizeof(float));
        memcpy(second + group * f->rows * q, f->left, (size_t)(f->rows * q) * sizeof(float));
        return;
    }
    for (int64_t i = 0; i < q; i++) {
        for (int64_t row = 0; row < f->rows; row++)
            first[(group * q + i) * f->rows + row] = f->left[row * q + i];
        for (int64_t s = 0; s < l->s; s++)
            for (int64_t k = 0; k < l->k; k++)
                second[((group * l->k + k) * l->s + s) * q + i] = f->right[(i * l->s + s) * l->k + k];
    }
}

static fv_status make_halves(const work *w, layer *l, int64_t rank)
{
    const bool spatial = w->o->method == FV_FACTOR_SPATIAL;
    const int64_t between = l->groups * rank, k = l->groups * l->k;
    l->shape[0] = (fv_shape){4, {between, l->r, spatial ? 1 : l->s, l->c}};
    l->shape[1] = (fv_shape){4, {k, 1, spatial ? l->s : 1, rank}};
    if (l->matrix) {
        l->shape[0] = (fv_shape){2, {rank, l->c}};
        l->shape[1] = (fv_shape){2, {k, rank}};
    }
    for (int i = 0; i < 2; i++)
        FV_TRY(fv_tensor_create(w->model->ctx, FV_F32, &l->shape[i], &l->half[i]));
    return FV_OK;
}

static fv_status check_memory(const work *w, const layer *l, int64_t rows, int64_t columns)
{
    fv_ctx *ctx = w->model->ctx;
    int64_t now;
    const int64_t need = fv_low_rank_bytes(rows, columns) + 4 * rows * columns, limit = fv_ctx_memory_limit(ctx);
    fv_ctx_memory(ctx, &now, NULL);
    if (limit <= 0 || now + need <= limit)
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_OVER_BUDGET,
                                "%s '%s': the singular values of its %lldx%lld matrix need %.1f MiB and %.1f MiB are "
                                "in use, but the limit is %.1f MiB",
                                l->node->op->name, l->node->name, (long long)rows, (long long)columns,
                                (double)need / 1048576, (double)now / 1048576, (double)limit / 1048576),
                        "raise --memory, or name other layers with --layers");
}

/* The largest rank that a group asks for, where it is not the same for all. */
static fv_status common_rank(work *w, const layer *l, const float *wei, int64_t rows, int64_t columns, float *room)
{
    int64_t most = 0;
    for (int64_t g = 0; g < l->groups && l->groups > 1 && w->o->energy > 0; g++) {
        fv_low_rank f;
        FV_TRY(fv_low_rank_find(w->model->ctx, take_matrix(w, l, wei, g, room), rows, columns, choose_rank, w, &f));
        most = f.rank > most ? f.rank : most;
        fv_low_rank_clear(w->model->ctx, &f);
    }
    w->fixed = most;
    return FV_OK;
}

/* |w - w'|^2 of all groups comes from theirs. */
static fv_status factor_groups(work *w, layer *l, const float *wei, float *room)
{
    fv_ctx *ctx = w->model->ctx;
    int64_t rows, columns;
    double wrong = 0, all = 0;
    matrix_size(l, w->o->method, &rows, &columns);
    w->now = l;
    w->fixed = 0;
    FV_TRY(common_rank(w, l, wei, rows, columns, room));
    for (int64_t g = 0; g < l->groups; g++) {
        fv_low_rank f;
        double size = 0;
        FV_TRY(fv_low_rank_find(ctx, take_matrix(w, l, wei, g, room), rows, columns, choose_rank, w, &f));
        fv_status status = g == 0 ? make_halves(w, l, f.rank) : FV_OK;
        if (status == FV_OK)
            put_factors(w, l, &f, g);
        l->row->rank = f.rank;
        for (int64_t i = 0; i < (rows < columns ? rows : columns); i++)
            size += f.singular[i] * f.singular[i];
        wrong += f.error * f.error * size;
        all += size;
        fv_low_rank_clear(ctx, &f);
        FV_TRY(status);
    }
    l->row->weight_error = all > 0 ? sqrt(wrong / all) : 0;
    return FV_OK;
}

static fv_status factor_layer(work *w, layer *l)
{
    fv_ctx *ctx = w->model->ctx;
    fv_factor_row *row = l->row;
    int64_t rows, columns;
    matrix_size(l, w->o->method, &rows, &columns);
    row->full_rank = rows < columns ? rows : columns;
    const fv_slot *slot = fv_model_slot(w->model, l->node->in[1]->name);
    FV_TRY(check_memory(w, l, rows, columns));
    float *room = w->o->method == FV_FACTOR_SPATIAL ? fv_malloc(ctx, (size_t)(rows * columns) * sizeof *room) : NULL;
    fv_status status = w->o->method == FV_FACTOR_SPATIAL && !room ? FV_ERR_NO_MEMORY : FV_OK;
    if (status == FV_OK)
        status = factor_groups(w, l, fv_slot_data(slot), room);
    fv_free(ctx, room);
    FV_TRY(status);
    const int64_t after = row->rank * cost_of_rank(l, w->o->method), before = fv_shape_count(&l->node->in[1]->shape);
    if (!w->o->rank && after >= before) {
        snprintf(row->why, sizeof row->why, "no smaller: it needs rank %lld of %lld", (long long)row->rank,
                 (long long)row->full_rank);
        for (int i = 0; i < 2; i++)
            fv_tensor_destroy(&l->half[i]);
        return FV_OK;
    }
    row->factored = true;
    return FV_OK;
}

/* ---- the new graph ---- */

static fv_status add_halves(work *w, const layer *l, fv_graph *to, fv_val **map)
{
    char name[256];
    fv_val *wei[2], *bia = l->node->n_in > 2 ? l->node->in[2] : NULL;
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%.200s.%s.weight", l->node->name, i ? "out" : "in");
        FV_TRY(fv_graph_param(to, name, FV_ROLE_PARAM, FV_F32, &l->shape[i], &wei[i]));
    }
    map[l->node->in[1]->id] = wei[0]; /* its successor is the next value */
    if (bia && bia->role == FV_ROLE_PARAM && !map[bia->id] && uses_of(w->model->graph, bia) == 1) {
        snprintf(name, sizeof name, "%.200s.out.bias", l->node->name);
        FV_TRY(fv_graph_param(to, name, FV_ROLE_PARAM, bia->dtype, &bia->shape, &map[bia->id]));
    }
    return FV_OK;
}

/* A convolution's window goes with the first, or its rows with the first and its columns with the second. */
static void split_attributes(const work *w, const layer *l, fv_conv2d_attr attr[2])
{
    const fv_conv2d_attr *from = l->node->attr;
    const bool spatial = w->o->method == FV_FACTOR_SPATIAL;
    attr[0] = *from;
    attr[0].activation = FV_ACT_NONE;
    fv_attr_defaults(l->node->op, &attr[1]);
    attr[1].activation = from->activation;
    attr[1].groups = from->groups;
    for (int side = 1; spatial && side < 4; side += 2) { /* left, right */
        attr[1].pad[side] = from->pad[side];
        attr[0].pad[side] = 0;
    }
    if (spatial) {
        attr[1].stride[1] = from->stride[1];
        attr[1].dilation[1] = from->dilation[1];
        attr[0].stride[1] = attr[0].dilation[1] = 1;
    }
}

static fv_status add_pair(work *w, const layer *l, fv_graph *to, fv_val **map)
{
    const fv_node *node = l->node;
    char name[256];
    fv_conv2d_attr attr[2];
    fv_dense_attr dense[2] = {{FV_ACT_NONE}, {FV_ACT_NONE}};
    fv_val *in[FV_MAX_OPERANDS] = {map[node->in[0]->id], map[node->in[1]->id]};
    fv_node *made;
    if (l->matrix)
        dense[1] = *(const fv_dense_attr *)node->attr;
    else
        split_attributes(w, l, attr);
    snprintf(name, sizeof name, "%.200s.in", node->name);
    FV_TRY(fv_graph_add(to, node->op, name, l->matrix ? (void *)&dense[0] : &attr[0], in, 2, &made));
    in[0] = made->out[0];
    in[1] = to->vals[in[1]->id + 1];
    for (int32_t i = 2; i < node->n_in; i++)
        in[i] = node->in[i] ? map[node->in[i]->id] : NULL;
    FV_TRY(fv_graph_add(to, node->op, node->name, l->matrix ? (void *)&dense[1] : &attr[1], in, node->n_in, &made));
    map[node->out[0]->id] = made->out[0];
    return FV_OK;
}

/* The layer whose weights a value is; NULL: it stays. */
static const layer *layer_of(const work *w, const fv_val *val)
{
    const fv_graph *g = w->model->graph;
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (w->layers[n].half[0] && g->nodes[n]->in[1] == val)
            return &w->layers[n];
    return NULL;
}

static fv_status copy_value(work *w, const fv_val *val, fv_graph *to, fv_val **map)
{
    const fv_node *node = val->def;
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made;
    if (!node) {
        const layer *l = val->role == FV_ROLE_PARAM ? layer_of(w, val) : NULL;
        if (l)
            return add_halves(w, l, to, map);
        return map[val->id] ? FV_OK : fv_graph_copy_leaf(to, val, &map[val->id]);
    }
    if (val->def_index > 0)
        return FV_OK;
    if (w->layers[node->id].half[0])
        return add_pair(w, &w->layers[node->id], to, map);
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? map[node->in[i]->id] : NULL;
    FV_TRY(fv_graph_add(to, node->op, node->name, node->attr, in, node->n_in, &made));
    for (int32_t i = 0; i < node->n_out; i++)
        map[node->out[i]->id] = made->out[i];
    return FV_OK;
}

static fv_status build_graph(work *w, fv_graph *to, fv_val **map)
{
    const fv_graph *g = w->model->graph;
    for (int32_t i = 0; i < g->n_vals; i++)
        FV_TRY(copy_value(w, g->vals[i], to, map));
    for (int32_t i = 0; i < g->n_outputs; i++)
        FV_TRY(fv_graph_add_output(to, map[g->outputs[i]->id], g->output_names[i]));
    return FV_OK;
}

static void take_weights(work *w, const fv_graph *g)
{
    char name[256];
    fv_model_copy_by_name(w->model, w->copy);
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const layer *l = &w->layers[n];
        if (!l->half[0])
            continue;
        for (int i = 0; i < 2; i++) {
            snprintf(name, sizeof name, "%.200s.%s.weight", l->node->name, i ? "out" : "in");
            memcpy(fv_tensor_data(fv_model_slot(w->copy, name)->data), fv_tensor_const_data(l->half[i]),
                   fv_tensor_bytes(l->half[i]));
        }
        snprintf(name, sizeof name, "%.200s.out.bias", l->node->name);
        const fv_slot *bia = fv_model_slot(w->copy, name);
        if (bia && l->node->n_in > 2 && l->node->in[2])
            memcpy(fv_tensor_data(bia->data), fv_tensor_const_data(fv_model_slot(w->model, l->node->in[2]->name)->data),
                   fv_tensor_bytes(bia->data));
    }
    fv_model_touch(w->copy);
}

/* Initial values are noted for values that are there under their own name; halves start as others do. */
static fv_status build_copy(work *w)
{
    fv_model *m = w->model;
    fv_graph *to = NULL;
    fv_val **map = fv_calloc(m->ctx, (size_t)m->graph->n_vals + 1, sizeof(fv_val *));
    fv_status status = map ? fv_graph_create(m->ctx, fv_op_find, &to) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = build_graph(w, to, map);
    if (status == FV_OK)
        status = fv_model_create(m->ctx, &w->copy);
    if (status == FV_OK) {
        fv_model_take_graph(w->copy, &to);
        status = fv_model_complete_copy(m, map, w->copy);
    }
    if (status == FV_OK)
        take_weights(w, m->graph);
    if (status == FV_OK && m->card.has_class_names)
        status = fv_model_take_class_names(w->copy, m->class_names, m->n_classes);
    if (status == FV_OK) {
        w->copy->card.origin = m->card.origin;
        status = fv_model_note_before(m, "factorized", w->copy);
        w->copy->card.pixels_said = m->card.pixels_said;
    }
    fv_graph_destroy(&to);
    fv_free(m->ctx, map);
    return status;
}

/* ---- the model ---- */

static fv_status check_options(fv_ctx *ctx, const fv_factor_options *o)
{
    const int given = (o->rank != 0) + (o->energy != 0) + (o->keep != 0);
    if (given > 1)
        return fv_fail(ctx, FV_ERR_CONFLICT, "factorize: give one of rank, energy and keep, not %d of them", given);
    if (o->rank < 0 || !(o->energy >= 0 && o->energy <= 1) || !(o->keep >= 0 && o->keep <= 1) || o->method < 0 ||
        o->method >= FV_FACTOR_METHOD_COUNT)
        return fv_fail(ctx, FV_ERR_VALUE,
                       "factorize: rank %lld, energy %g, keep %g: a rank is at least 1, shares are from 0 to 1",
                       (long long)o->rank, o->energy, o->keep);
    return FV_OK;
}

/* Each pattern names a layer. */
static fv_status check_names(const work *w)
{
    const fv_graph *g = w->model->graph;
    for (const char *p = w->o->layers; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        char one[256];
        const char *first = NULL;
        bool any = false;
        snprintf(one, sizeof one, "%.*s", (int)strcspn(p, ","), p);
        for (int32_t n = 0; n < g->n_nodes && !any; n++) {
            if (!is_weighted(g->nodes[n]))
                continue;
            first = first ? first : g->nodes[n]->name;
            any = fv_text_match(one, g->nodes[n]->name);
        }
        if (!any)
            return fv_fail_hint(
                g->ctx,
                fv_fail(g->ctx, FV_ERR_VALUE, "no weighted layer of model '%s' is called '%s'", w->model->name, one),
                "`fovea info` lists them: the first is '%s'", first ? first : "none");
    }
    return FV_OK;
}

static fv_status factor_all(work *w, fv_factor_row *rows, int *count)
{
    fv_ctx *ctx = w->model->ctx;
    const fv_graph *g = w->model->graph;
    int factored = 0;
    const fv_factor_row *left = NULL;
    FV_TRY(check_names(w));
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        layer *l = &w->layers[n];
        fv_layer_info info;
        if (!is_weighted(node))
            continue;
        fv_model_layer(w->model, n, &info);
        l->row = &rows[(*count)++];
        *l->row = (fv_factor_row){.layer = node->name, .output_error = -1};
        l->row->parameters[0] = l->row->parameters[1] = info.parameters;
        l->row->macs[0] = l->row->macs[1] = info.macs;
        const bool named = !w->o->layers || fv_text_match_any(w->o->layers, node->name);
        const char *why = named ? reason_to_stay(w, node, l) : "not named";
        snprintf(l->row->why, sizeof l->row->why, "%s", why ? why : "");
        if (!why)
            FV_TRY(factor_layer(w, l));
        factored += l->row->factored;
        if (!l->row->factored && (!left || strcmp(left->why, "not named") == 0))
            left = l->row;
    }
    if (*count == 0)
        return fv_fail(ctx, FV_ERR_MODEL, "model '%s' has no weighted layer", w->model->name);
    if (factored == 0)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_MODEL, "model '%s': no layer becomes two: '%s': %s", w->model->name,
                                    left->layer, left->why),
                            "ask for less: a smaller --energy or --keep, or a --rank");
    return FV_OK;
}

/* Parameters and multiply-adds of the two, biases where they were. */
static void count_after(work *w)
{
    const int n = fv_model_layer_count(w->copy);
    for (int i = 0; i + 1 < n; i++) {
        fv_layer_info first, second;
        fv_model_layer(w->copy, i, &first);
        fv_model_layer(w->copy, i + 1, &second);
        for (int32_t k = 0; k < w->model->graph->n_nodes; k++) {
            const layer *l = &w->layers[k];
            if (!l->half[0] || strcmp(l->row->layer, second.name) != 0)
                continue;
            l->row->parameters[1] = first.parameters + second.parameters;
            l->row->macs[1] = first.macs + second.macs;
        }
    }
}

fv_status fv_model_factorize(fv_model *model, const fv_factor_options *options, fv_model **copy, fv_factor_row **rows,
                             int *count)
{
    fv_ctx *ctx = model->ctx;
    work w = {.model = model, .o = options};
    *copy = NULL;
    *rows = NULL;
    *count = 0;
    FV_TRY(check_options(ctx, options));
    if (!model->finished)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: it cannot be factorized", model->name);
    fv_model_sync(model);
    const int32_t nodes = model->graph->n_nodes;
    w.layers = fv_calloc(ctx, (size_t)nodes + 1, sizeof *w.layers);
    *rows = fv_calloc(ctx, (size_t)nodes + 1, sizeof **rows);
    fv_status status = w.layers && *rows ? factor_all(&w, *rows, count) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = build_copy(&w);
    if (status == FV_OK)
        count_after(&w);
    else
        fv_model_destroy(&w.copy);
    for (int32_t n = 0; w.layers && n < nodes; n++)
        for (int i = 0; i < 2; i++)
            fv_tensor_destroy(&w.layers[n].half[i]);
    fv_free(ctx, w.layers);
    *copy = w.copy;
    return status;
}

void fv_factor_rows_free(fv_ctx *ctx, fv_factor_row *rows)
{
    fv_free(ctx, rows);
}
