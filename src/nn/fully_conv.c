/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A classifier as a network that slides over larger images: what follows the last map becomes convolutions, so that
 * there is a row of scores for every place of the original image's size. The graph is walked once; each of its values
 * is followed by what it is for images of another size.
 */
#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "ops/attr.h"

/* What a value is when the image is larger. */
typedef enum form {
    FORM_FIXED, /* the same: it does not depend on the image, or on all of it at once */
    FORM_MAP,   /* n h w ..., of which h and w grow */
    FORM_ROW    /* n x (h w c) here; a map n h w c there, of which the row is one window */
} form;

typedef struct view {
    form form;
    int64_t window[2]; /* of a ROW: h, w */
    fv_val *val;       /* in the new graph */
} view;

typedef struct slide {
    fv_model *model;
    const fv_graph *g;
    fv_graph *to;
    view *views;      /* by id */
    fv_shape *shapes; /* of leaves, by id */
    bool *global;     /* by node: a pooling that stays over the whole map */
    int64_t size[2];  /* of the new input; 0: as it is */
} slide;

static fv_status refuse(const slide *s, const fv_node *node, const char *why)
{
    return fv_fail_hint(s->g->ctx,
                        fv_fail(s->g->ctx, FV_ERR_MODEL, "model '%s' cannot be made fully convolutional: %s '%s': %s",
                                s->model->name, node->op->name, node->name, why),
                        "only classifiers whose last map is flattened or averaged, and then goes through dense layers, "
                        "can");
}

static bool is_op(const fv_node *node, const char *name)
{
    return strcmp(node->op->name, name) == 0;
}

static bool is_one_of(const fv_node *node, const char *const *names)
{
    while (*names && strcmp(*names, node->op->name) != 0)
        names++;
    return *names != NULL;
}

/* ---- poolings of the whole map ---- */

static const char *const whole_ops[] = {"global_avg_pool", "global_max_pool", NULL};

/* Whether the node takes one number of every map: a pooling, or a mean over rows and columns. */
static bool is_whole(const fv_node *node)
{
    if (is_one_of(node, whole_ops))
        return true;
    if (is_op(node, "adaptive_avg_pool2d")) {
        const int64_t *to = ((const fv_adaptive_pool_attr *)node->attr)->output;
        return to[0] == 1 && to[1] == 1;
    }
    if (!is_op(node, "reduce_mean") || node->in[0]->shape.rank != 4)
        return false;
    const fv_ints *axes = &((const fv_reduce_attr *)node->attr)->axes;
    int seen = 0;
    for (int64_t i = 0; i < axes->count; i++)
        seen |= 1 << (axes->value[i] < 0 ? axes->value[i] + 4 : axes->value[i]);
    return seen == 6 && axes->count == 2;
}

/* A pooling whose result meets a map again (squeeze and excitation) weighs that map, and stays. `reached`: scratch by
 * id. */
static bool is_gate(const slide *s, int32_t pool, bool *reached)
{
    memset(reached, 0, (size_t)s->g->n_vals * sizeof *reached);
    reached[s->g->nodes[pool]->out[0]->id] = true;
    for (int32_t n = pool + 1; n < s->g->n_nodes; n++) {
        const fv_node *node = s->g->nodes[n];
        bool from = false, map = false;
        for (int32_t i = 0; i < node->n_in; i++) {
            const fv_val *in = node->in[i];
            from = from || (in && reached[in->id]);
            map = map || (in && !reached[in->id] && (in->def || in->role == FV_ROLE_INPUT) && in->shape.rank == 4 &&
                          in->shape.dim[1] * in->shape.dim[2] > 1);
        }
        if (from && map)
            return true;
        for (int32_t i = 0; from && i < node->n_out; i++)
            reached[node->out[i]->id] = true;
    }
    return false;
}

static fv_status find_gates(slide *s)
{
    bool *reached = fv_calloc(s->g->ctx, (size_t)s->g->n_vals + 1, sizeof *reached);
    if (!reached)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = 0; n < s->g->n_nodes; n++)
        s->global[n] = is_whole(s->g->nodes[n]) && is_gate(s, n, reached);
    fv_free(s->g->ctx, reached);
    return FV_OK;
}

/* ---- appending ---- */

/* The node with operands as they are in the new graph, `attr` NULL: its own. */
static fv_status append(slide *s, const fv_node *node, const char *op, const void *attr, form f)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made = NULL;
    const fv_op *row = op ? fv_op_find(s->g->ctx, op) : node->op;
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? s->views[node->in[i]->id].val : NULL;
    FV_TRY(fv_graph_add(s->to, row, node->name, attr ? attr : node->attr, in, node->n_in, &made));
    for (int32_t i = 0; i < node->n_out; i++) {
        s->views[node->out[i]->id] = (view){f, {1, 1}, made->out[i]};
        if (f == FORM_ROW) /* rows computed of rows are windows of the same size */
            for (int32_t k = 0; k < node->n_in; k++)
                if (node->in[k] && s->views[node->in[k]->id].form == FORM_ROW)
                    memcpy(s->views[node->out[i]->id].window, s->views[node->in[k]->id].window, sizeof(int64_t[2]));
    }
    return FV_OK;
}

/* The whole map is one window of the original's size. */
static fv_status slide_whole(slide *s, const fv_node *node)
{
    const int64_t *d = node->in[0]->shape.dim;
    const bool largest = is_op(node, "global_max_pool");
    const fv_pool2d_attr attr = {.size = {d[1], d[2]}, .stride = {1, 1}};
    const form f = node->out[0]->shape.rank == 2 ? FORM_ROW : FORM_MAP;
    return append(s, node, largest ? "max_pool2d" : "avg_pool2d", &attr, f);
}

/* Windows of whole numbers of pixels side by side. */
static fv_status slide_adaptive(slide *s, const fv_node *node)
{
    const int64_t *d = node->in[0]->shape.dim, *to = ((const fv_adaptive_pool_attr *)node->attr)->output;
    if (d[1] % to[0] != 0 || d[2] % to[1] != 0)
        return refuse(s, node, "its windows differ in size");
    const fv_pool2d_attr attr = {.size = {d[1] / to[0], d[2] / to[1]}, .stride = {d[1] / to[0], d[2] / to[1]}};
    return append(s, node, "avg_pool2d", &attr, FORM_MAP);
}

/* Rows times weights o x (h w c) are maps convolved with o h w c: the same numbers in the same order. */
static fv_status slide_dense(slide *s, const fv_node *node)
{
    fv_conv2d_attr attr;
    if (s->views[node->in[0]->id].form != FORM_ROW) /* of a map it is every pixel's */
        return append(s, node, NULL, NULL, s->views[node->in[0]->id].form);
    fv_attr_defaults(fv_op_find(s->g->ctx, "conv2d"), &attr);
    attr.activation = ((const fv_dense_attr *)node->attr)->activation;
    FV_TRY(append(s, node, "conv2d", &attr, FORM_ROW));
    memcpy(s->views[node->out[0]->id].window, (const int64_t[]){1, 1}, sizeof(int64_t[2]));
    return FV_OK;
}

/* Where rows become maps again, or maps rows, nothing is done; other shapes keep their pixels. */
static fv_status slide_reshape(slide *s, const fv_node *node)
{
    const fv_val *in = node->in[0], *out = node->out[0];
    const view *v = &s->views[in->id];
    const int64_t *d = in->shape.dim, *to = out->shape.dim;
    if (to[0] != d[0])
        return refuse(s, node, "it mixes samples");
    if (out->shape.rank == 2 && in->shape.rank == 4) {
        s->views[out->id] = (view){FORM_ROW, {d[1], d[2]}, v->val};
        return FV_OK;
    }
    if (v->form == FORM_ROW && out->shape.rank == 2) {
        s->views[out->id] = *v;
        return FV_OK;
    }
    if (v->form == FORM_ROW && out->shape.rank == 4 && to[1] == v->window[0] && to[2] == v->window[1]) {
        s->views[out->id] = (view){FORM_MAP, {1, 1}, v->val};
        return FV_OK;
    }
    if (v->form != FORM_MAP || is_op(node, "flatten") || out->shape.rank < 4 || to[1] != d[1] || to[2] != d[2])
        return refuse(s, node, "it mixes pixels and channels");
    fv_reshape_attr attr = {.dims.count = out->shape.rank - 1};
    for (int k = 1; k < out->shape.rank; k++)
        attr.dims.value[k - 1] = k < 3 ? v->val->shape.dim[k] : to[k];
    return append(s, node, NULL, &attr, FORM_MAP);
}

static fv_status slide_transpose(slide *s, const fv_node *node)
{
    const fv_ints *dims = &((const fv_dims_attr *)node->attr)->dims;
    for (int k = 0; k < 3; k++)
        if (dims->count < 4 || dims->value[k] != k)
            return refuse(s, node, "it moves pixels");
    return append(s, node, NULL, NULL, FORM_MAP);
}

/* Along the channels, which are last; of a row they are behind its pixels. */
static fv_status slide_axis(slide *s, const fv_node *node)
{
    const int rank = node->out[0]->shape.rank;
    const bool slice = is_op(node, "slice");
    const int64_t given = slice ? ((const fv_slice_attr *)node->attr)->axis : ((const fv_axis_attr *)node->attr)->axis;
    const int64_t axis = given < 0 ? given + rank : given;
    fv_slice_attr part = slice ? *(const fv_slice_attr *)node->attr : (fv_slice_attr){0};
    fv_axis_attr along = slice ? (fv_axis_attr){0} : *(const fv_axis_attr *)node->attr;
    form f = FORM_MAP;
    for (int32_t i = 0; i < node->n_in; i++) {
        const view *v = node->in[i] ? &s->views[node->in[i]->id] : NULL;
        if (!v || v->form != FORM_ROW)
            continue;
        f = FORM_ROW;
        if (v->window[0] * v->window[1] != 1)
            return refuse(s, node, "it works on a flattened map");
    }
    if (axis != rank - 1 && !(rank == 5 && axis >= 3))
        return refuse(s, node, "it works along something other than channels");
    part.axis = along.axis = f == FORM_ROW ? 3 : axis;
    return append(s, node, NULL, slice ? (const void *)&part : &along, f);
}

/* Element by element, or window by window: as it is. */
static fv_status slide_same(slide *s, const fv_node *node)
{
    static const char *const by_channel[] = {"batch_norm", "layer_norm", "prelu", NULL};
    form f = FORM_MAP;
    bool map = false;
    for (int32_t i = 0; i < node->n_in; i++) {
        const view *v = node->in[i] ? &s->views[node->in[i]->id] : NULL;
        map = map || (v && v->form == FORM_MAP);
        if (!v || v->form != FORM_ROW)
            continue;
        f = FORM_ROW;
        if (is_one_of(node, by_channel) && v->window[0] * v->window[1] != 1)
            return refuse(s, node, "its channels are those of a flattened map");
    }
    if (f == FORM_ROW && map)
        return refuse(s, node, "a row meets a map");
    return append(s, node, NULL, NULL, f);
}

static const struct {
    const char *op;
    fv_status (*slide)(slide *s, const fv_node *node);
} rows[] = {
    {"dense", slide_dense},
    {"flatten", slide_reshape},
    {"reshape", slide_reshape},
    {"transpose", slide_transpose},
    {"adaptive_avg_pool2d", slide_adaptive},
    {"softmax", slide_axis},
    {"log_softmax", slide_axis},
    {"concat", slide_axis},
    {"slice", slide_axis},
    {"add", slide_same},
    {"sub", slide_same},
    {"mul", slide_same},
    {"div", slide_same},
    {"max", slide_same},
    {"min", slide_same},
    {"relu", slide_same},
    {"relu6", slide_same},
    {"leaky_relu", slide_same},
    {"prelu", slide_same},
    {"sigmoid", slide_same},
    {"tanh", slide_same},
    {"silu", slide_same},
    {"gelu", slide_same},
    {"erf", slide_same},
    {"hard_sigmoid", slide_same},
    {"hard_swish", slide_same},
    {"clamp", slide_same},
    {"exp", slide_same},
    {"log", slide_same},
    {"sqrt", slide_same},
    {"pow", slide_same},
    {"cast", slide_same},
    {"dropout", slide_same},
    {"stochastic_depth", slide_same},
    {"batch_norm", slide_same},
    {"layer_norm", slide_same},
    {"conv2d", slide_same},
    {"conv_transpose2d", slide_same},
    {"max_pool2d", slide_same},
    {"avg_pool2d", slide_same},
    {"lrn", slide_same},
    {"pad", slide_same},
    {"upsample2d", slide_same},
    {"channel_shuffle", slide_same},
    {NULL, NULL},
};

static fv_status slide_node(slide *s, int32_t n)
{
    const fv_node *node = s->g->nodes[n];
    bool fixed = true;
    for (int32_t i = 0; i < node->n_in; i++)
        fixed = fixed && (!node->in[i] || s->views[node->in[i]->id].form == FORM_FIXED);
    if (fixed || s->global[n])
        return append(s, node, NULL, NULL, FORM_FIXED);
    if (is_whole(node) && s->views[node->in[0]->id].form == FORM_MAP)
        return slide_whole(s, node);
    for (size_t r = 0; rows[r].op; r++)
        if (strcmp(rows[r].op, node->op->name) == 0)
            return rows[r].slide(s, node);
    return refuse(s, node, "it has no form for larger images");
}

/* ---- leaves ---- */

/* Weights of dense layers that follow a map become filters of its size; which map that is the original's shapes say,
 * as far as a flattened map is followed through what works element by element. */
static fv_status find_filters(slide *s)
{
    int64_t(*window)[2] = fv_calloc(s->g->ctx, (size_t)s->g->n_vals + 1, sizeof *window);
    fv_status status = window ? FV_OK : FV_ERR_NO_MEMORY;
    for (int32_t n = 0; status == FV_OK && n < s->g->n_nodes; n++) {
        const fv_node *node = s->g->nodes[n];
        const fv_val *in = node->n_in > 0 ? node->in[0] : NULL, *out = node->n_out > 0 ? node->out[0] : NULL;
        if (!in || !out || out->shape.rank != 2 || out->shape.dim[0] != in->shape.dim[0])
            continue;
        if (s->views[in->id].form == FORM_FIXED && in->def == NULL && in->role != FV_ROLE_INPUT)
            continue;
        if (in->shape.rank == 4 && (is_op(node, "flatten") || is_op(node, "reshape"))) {
            window[out->id][0] = in->shape.dim[1];
            window[out->id][1] = in->shape.dim[2];
        } else if (in->shape.rank == 4 && is_whole(node) && !s->global[n]) {
            window[out->id][0] = window[out->id][1] = 1;
        } else if (is_op(node, "dense") && window[in->id][0] > 0) {
            const fv_val *wei = node->in[1];
            const int64_t h = window[in->id][0], w = window[in->id][1], *d = wei->shape.dim;
            const fv_shape filter = {4, {d[0], h, w, d[1] / (h * w)}};
            if (wei->role != FV_ROLE_PARAM ||
                (s->shapes[wei->id].rank == 4 && !fv_shape_equal(&s->shapes[wei->id], &filter)))
                status = refuse(s, node, "its weights are computed, or are those of another layer too");
            s->shapes[wei->id] = filter;
            window[out->id][0] = window[out->id][1] = 1;
        } else {
            memcpy(window[out->id], window[in->id], sizeof *window);
        }
    }
    fv_free(s->g->ctx, window);
    return status;
}

static fv_status copy_leaf(slide *s, const fv_val *val)
{
    fv_val like = *val;
    const bool image = val->role == FV_ROLE_INPUT && val->id == s->model->input.id;
    like.shape = s->shapes[val->id];
    for (int i = 0; image && i < 2; i++)
        like.shape.dim[1 + i] = s->size[i] > 0 ? s->size[i] : like.shape.dim[1 + i];
    s->views[val->id] = (view){image ? FORM_MAP : FORM_FIXED, {1, 1}, NULL};
    return fv_graph_copy_leaf(s->to, &like, &s->views[val->id].val);
}

static fv_status slide_graph(slide *s)
{
    for (int32_t i = 0; i < s->g->n_vals; i++)
        s->shapes[i] = s->g->vals[i]->shape;
    FV_TRY(find_gates(s));
    FV_TRY(find_filters(s));
    for (int32_t i = 0; i < s->g->n_vals; i++)
        if (!s->g->vals[i]->def)
            FV_TRY(copy_leaf(s, s->g->vals[i]));
    for (int32_t n = 0; n < s->g->n_nodes; n++)
        FV_TRY(slide_node(s, n));
    for (int32_t i = 0; i < s->g->n_outputs; i++)
        FV_TRY(fv_graph_add_output(s->to, s->views[s->g->outputs[i]->id].val, s->g->output_names[i]));
    return FV_OK;
}

/* ---- the model ---- */

/* Scores that were rows are maps now, laid out as the file's images are; of a softmax that was left out they stay as
 * they are here. */
static fv_status note_ports(const slide *s, fv_model *to)
{
    bool first = false;
    for (const fv_port_note *p = s->model->card.ports; p; p = p->next) {
        first = first || (p->layout == FV_LAYOUT_NCHW && strcmp(p->name, s->g->vals[s->model->input.id]->name) == 0);
        FV_TRY(fv_model_note_port(to, p->name, p->layout));
    }
    for (int32_t i = 0; first && i < s->g->n_outputs; i++) {
        bool noted = false;
        for (const fv_port_note *p = s->model->card.ports; p; p = p->next)
            noted = noted || strcmp(p->name, s->g->output_names[i]) == 0;
        if (!noted && s->g->outputs[i]->shape.rank == 2 && s->views[s->g->outputs[i]->id].form == FORM_ROW)
            FV_TRY(fv_model_note_port(to, s->g->output_names[i], FV_LAYOUT_NCHW));
    }
    return FV_OK;
}

static fv_status finish(const slide *s, fv_graph **graph, fv_model *to)
{
    fv_model *m = s->model;
    fv_model_take_graph(to, graph);
    snprintf(to->name, sizeof to->name, "%s", m->name);
    FV_TRY(fv_model_complete(to));
    for (int i = 0; i < m->n_slots; i++) {
        const fv_slot *slot = fv_model_slot(to, m->slots[i].name);
        if (slot)
            memcpy(fv_tensor_data(slot->data), fv_tensor_const_data(m->slots[i].data),
                   fv_tensor_bytes(m->slots[i].data));
    }
    for (int i = 0; i < m->n_counters; i++)
        if (fv_model_counter(to, m->counters[i].name))
            fv_model_counter(to, m->counters[i].name)->value = m->counters[i].value;
    fv_pipeline p = m->pipeline;
    p.h = to->pipeline.h;
    p.w = to->pipeline.w;
    const int64_t side = p.h > p.w ? p.h : p.w;
    p.resize_size = p.resize_size > 0 && p.resize_size < side ? side : p.resize_size;
    to->pipeline = p;
    to->task = m->task;
    to->card.origin = m->card.origin;
    to->card.pixels_said = m->card.pixels_said;
    FV_TRY(note_ports(s, to));
    for (int i = 0; i < FV_CARD_COUNT; i++)
        FV_TRY(fv_model_set_card(to, (fv_card_item)i, m->card.texts[i].text));
    if (m->card.has_class_names && to->n_classes == m->n_classes)
        FV_TRY(fv_model_take_class_names(to, m->class_names, m->n_classes));
    fv_model_touch(to);
    return FV_OK;
}

fv_status fv_model_fully_conv(fv_model *model, int64_t h, int64_t w, fv_model **out)
{
    slide s = {.model = model, .g = model->graph, .size = {h, w}};
    fv_ctx *ctx = model->ctx;
    fv_graph *graph = NULL;
    *out = NULL;
    if (!model->finished || model->input.id < 0)
        return fv_fail(ctx, FV_ERR_MODEL, "model '%s' cannot be made fully convolutional: it takes no single image",
                       model->name);
    if (model->aux.count > 0) { /* an image of another size has no place for them */
        fv_model *bare = NULL;
        fv_status status = fv_model_clone(model, &bare);
        if (status == FV_OK)
            status = fv_model_drop_aux_heads(bare);
        if (status == FV_OK)
            status = fv_model_fully_conv(bare, h, w, out);
        fv_model_destroy(&bare);
        return status;
    }
    fv_model_sync(model);
    s.views = fv_calloc(ctx, (size_t)s.g->n_vals + 1, sizeof *s.views);
    s.shapes = fv_calloc(ctx, (size_t)s.g->n_vals + 1, sizeof *s.shapes);
    s.global = fv_calloc(ctx, (size_t)s.g->n_nodes + 1, sizeof *s.global);
    fv_status status = s.views && s.shapes && s.global ? fv_graph_create(ctx, fv_op_find, &graph) : FV_ERR_NO_MEMORY;
    s.to = graph;
    if (status == FV_OK)
        status = slide_graph(&s);
    if (status == FV_OK)
        status = fv_model_create(ctx, out);
    if (status == FV_OK)
        status = finish(&s, &graph, *out);
    if (status != FV_OK)
        fv_model_destroy(out);
    fv_graph_destroy(&graph);
    fv_free(ctx, s.views);
    fv_free(ctx, s.shapes);
    fv_free(ctx, s.global);
    return status;
}
