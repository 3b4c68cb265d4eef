/* SPDX-License-Identifier: Apache-2.0 */
/* The network that inference computes, as a model of its own. */
#include "compress/fold.h"

#include <stdio.h>
#include <string.h>

#include "ops/attr.h"
#include "ops/ops.h"

typedef struct folding {
    fv_model *model;
    fv_ctx *ctx;
    fv_graph *g, *to; /* lowered; the copy */
    fv_val **map;     /* by id of g */
    fv_tensor **data; /* by id of g: weights that were computed, or are the model's own */
    bool *wanted;     /* by id of g: a weight that something else than weights is computed from */
} folding;

static fv_status replace(folding *f, fv_status (*pass)(const fv_graph *g, fv_graph **out, fv_val **map))
{
    fv_graph *next;
    FV_TRY(pass(f->g, &next, NULL));
    fv_graph_destroy(&f->g);
    f->g = next;
    return FV_OK;
}

/* ---- normalization without weights before it ---- */

static int32_t activation_of(const fv_node *node)
{
    return (node->op->traits & FV_T_FUSES_ACTIVATION) && node->op->attr_size ? *(const int32_t *)node->attr : 0;
}

/* Whether the node would fold into a layer before it, and there is none. */
static bool lacks_producer(const fv_node *node, const int32_t *uses)
{
    const fv_val *src = node->n_in > 0 ? node->in[0] : NULL;
    if (!node->op->fold || !src || src->shape.rank != 4)
        return false;
    const fv_node *producer = src->def;
    return !producer || !fv_node_weighted(producer) || uses[src->id] != 1 || activation_of(producer) ||
           !(producer->op->traits & FV_T_FUSES_ACTIVATION);
}

/* A convolution of single channels by 1. */
static fv_status add_ones(fv_graph *to, const fv_node *node, fv_val *src, fv_val **out)
{
    const int64_t c = src->shape.dim[3];
    const fv_conv2d_attr attr = {.stride = {1, 1}, .dilation = {1, 1}, .groups = c};
    char name[256];
    fv_val *in[2] = {src};
    fv_node *made;
    snprintf(name, sizeof name, "%.200s.channels", node->name);
    FV_TRY(fv_graph_const(to, 1.0, FV_F32, &(fv_shape){4, {c, 1, 1, 1}}, &in[1]));
    FV_TRY(fv_graph_add(to, fv_op_find(to->ctx, "conv2d"), name, &attr, in, 2, &made));
    *out = made->out[0];
    return FV_OK;
}

static fv_status copy_with_ones(const fv_graph *g, const int32_t *uses, fv_val **map, fv_graph *to)
{
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        const fv_node *node = val->def;
        fv_val *in[FV_MAX_OPERANDS] = {NULL};
        fv_node *made;
        if (!node) {
            FV_TRY(fv_graph_copy_leaf(to, val, &map[i]));
            continue;
        }
        if (val->def_index > 0)
            continue;
        for (int32_t k = 0; k < node->n_in; k++)
            in[k] = node->in[k] ? map[node->in[k]->id] : NULL;
        if (lacks_producer(node, uses))
            FV_TRY(add_ones(to, node, in[0], &in[0]));
        FV_TRY(fv_graph_add(to, node->op, node->name, node->attr, in, node->n_in, &made));
        for (int32_t k = 0; k < node->n_out; k++)
            map[node->out[k]->id] = made->out[k];
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        FV_TRY(fv_graph_add_output(to, map[g->outputs[i]->id], g->output_names[i]));
    return FV_OK;
}

static fv_status pass_ones(const fv_graph *g, fv_graph **out, fv_val **unused)
{
    fv_val **map = fv_calloc(g->ctx, (size_t)g->n_vals + 1, sizeof(fv_val *));
    int32_t *uses = fv_calloc(g->ctx, (size_t)g->n_vals + 1, sizeof *uses);
    (void)unused;
    *out = NULL;
    fv_status status = map && uses ? fv_graph_create(g->ctx, fv_op_find, out) : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        fv_graph_uses(g, uses);
        status = copy_with_ones(g, uses, map, *out);
    }
    if (status != FV_OK)
        fv_graph_destroy(out);
    fv_free(g->ctx, uses);
    fv_free(g->ctx, map);
    return status;
}

/* ---- weights that are computed from weights ---- */

static bool is_weight(const folding *f, const fv_val *val)
{
    return val->role == FV_ROLE_PARAM || val->role == FV_ROLE_STATE || val->role == FV_ROLE_CONST ||
           (val->def && f->data[val->id]);
}

static bool computes_weights(const folding *f, const fv_node *node)
{
    if (node->n_in == 0 || !node->op->ref || node->op->updates)
        return false;
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !is_weight(f, node->in[i]))
            return false;
    return true;
}

static fv_status compute_weights(folding *f, const fv_node *node)
{
    void *in[FV_MAX_OPERANDS] = {NULL}, *out[FV_MAX_RESULTS] = {NULL};
    const fv_call call = {.node = node, .in = in, .out = out, .shards = 1};
    fv_status status = FV_OK;
    for (int32_t i = 0; i < node->n_out && status == FV_OK; i++) {
        fv_tensor **made = &f->data[node->out[i]->id];
        status = fv_tensor_create(f->ctx, node->out[i]->dtype, &node->out[i]->shape, made);
        out[i] = status == FV_OK ? fv_tensor_data(*made) : NULL;
    }
    for (int32_t i = 0; i < node->n_in && status == FV_OK; i++) {
        const fv_val *val = node->in[i];
        if (!val || f->data[val->id]) {
            in[i] = val ? fv_tensor_data(f->data[val->id]) : NULL;
            continue;
        }
        in[i] = fv_malloc(f->ctx, (size_t)fv_shape_count(&val->shape) * fv_dtype_size(val->dtype) + 1);
        status = in[i] ? FV_OK : FV_ERR_NO_MEMORY;
        if (status == FV_OK)
            fv_const_fill(val, in[i]);
    }
    if (status == FV_OK)
        node->op->ref(&call);
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !f->data[node->in[i]->id])
            fv_free(f->ctx, in[i]);
    return status;
}

static fv_status gather_weights(folding *f)
{
    const fv_graph *g = f->g;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_slot *slot = g->vals[i]->def ? NULL : fv_model_slot(f->model, g->vals[i]->name);
        if (slot && (g->vals[i]->role == FV_ROLE_PARAM || g->vals[i]->role == FV_ROLE_STATE))
            FV_TRY(fv_tensor_share(slot->data, &f->data[i]));
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        if (computes_weights(f, node)) {
            FV_TRY(compute_weights(f, node));
            continue;
        }
        for (int32_t i = 0; i < node->n_in; i++)
            if (node->in[i])
                f->wanted[node->in[i]->id] = true;
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        f->wanted[g->outputs[i]->id] = true;
    return FV_OK;
}

/* ---- the copy ---- */

/* A weight that was computed is called as the first it was computed from, or as that one's bias. */
static void name_weight(const folding *f, const fv_val *val, char name[256])
{
    const fv_val *from = val->def->in[0];
    const char *dot = strrchr(from->name, '.');
    const int stem = dot ? (int)(dot - from->name) : (int)strlen(from->name);
    if (from->role == FV_ROLE_CONST) /* ones */
        snprintf(name, 256, "%.200s.%s", val->def->name, val->def_index ? "bias" : "weight");
    else if (val->def_index)
        snprintf(name, 256, "%.*s.bias", stem < 200 ? stem : 200, from->name);
    else
        snprintf(name, 256, "%.200s", from->name);
    if (fv_graph_find(f->to, name) || fv_graph_named(f->to, name))
        snprintf(name, 256, "%.200s.%d", val->def->name, (int)val->def_index);
}

static fv_status copy_leaf(folding *f, const fv_val *val)
{
    char name[256];
    if (!f->wanted[val->id])
        return FV_OK;
    if (!val->def)
        return fv_graph_copy_leaf(f->to, val, &f->map[val->id]);
    name_weight(f, val, name);
    return fv_graph_param(f->to, name, FV_ROLE_PARAM, val->dtype, &val->shape, &f->map[val->id]);
}

static fv_status add_activation(folding *f, const fv_node *node, int32_t activation, fv_val **val)
{
    char name[256];
    int count;
    const fv_op *const *list = fv_op_list(&count), *op = NULL;
    fv_node *made;
    for (int i = 0; i < count && !op; i++)
        op = (int32_t)list[i]->fuses_as == activation ? list[i] : NULL;
    if (!op)
        return fv_fail(f->ctx, FV_ERR_INTERNAL, "%s '%s': activation %d has no operator", node->op->name, node->name,
                       (int)activation);
    snprintf(name, sizeof name, "%.200s.act", node->name);
    FV_TRY(fv_graph_add(f->to, op, name, NULL, val, 1, &made));
    *val = made->out[0];
    return FV_OK;
}

static fv_status copy_node(folding *f, const fv_node *node)
{
    _Alignas(16) unsigned char attr[512];
    const int32_t activation = activation_of(node), none = 0;
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made;
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? f->map[node->in[i]->id] : NULL;
    if (node->op->attr_size > sizeof attr)
        return fv_fail(f->ctx, FV_ERR_INTERNAL, "operator '%s' has too many attributes to be copied", node->op->name);
    if (activation) {
        memcpy(attr, node->attr, node->op->attr_size);
        memcpy(attr, &none, sizeof none);
    }
    FV_TRY(fv_graph_add(f->to, node->op, node->name, activation ? attr : node->attr, in, node->n_in, &made));
    for (int32_t i = 0; i < node->n_out; i++)
        f->map[node->out[i]->id] = made->out[i];
    return activation ? add_activation(f, node, activation, &f->map[node->out[0]->id]) : FV_OK;
}

static fv_status copy_graph(folding *f)
{
    const fv_graph *g = f->g;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        const bool weight = !val->def || f->data[i];
        if (weight)
            FV_TRY(copy_leaf(f, val));
        else if (val->def_index == 0)
            FV_TRY(copy_node(f, val->def));
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        FV_TRY(fv_graph_add_output(f->to, f->map[g->outputs[i]->id], g->output_names[i]));
    return FV_OK;
}

static fv_status take_weight(void *user, const fv_slot *slot, fv_tensor **tensor)
{
    const folding *f = user;
    for (int32_t i = 0; i < f->g->n_vals; i++)
        if (f->data[i] && f->map[i] && strcmp(f->map[i]->name, slot->name) == 0)
            return fv_tensor_share(f->data[i], tensor);
    return fv_fail(f->ctx, FV_ERR_INTERNAL, "folding lost the tensor '%s'", slot->name);
}

fv_status fv_model_copy_card(fv_model *model, const char *before, fv_model *copy)
{
    const char *measured = fv_model_card(model, FV_CARD_METRICS);
    fv_str text = {.ctx = model->ctx};
    fv_status status = FV_OK;
    snprintf(copy->name, sizeof copy->name, "%s", model->name);
    FV_TRY(fv_model_copy_manner(model, copy));
    if (model->card.has_class_names)
        FV_TRY(fv_model_take_class_names(copy, model->class_names, model->n_classes));
    copy->card.origin = model->card.origin;
    copy->card.pixels_said = model->card.pixels_said;
    if (measured && before) {
        fv_str_printf(&text, "before it was %s: %s", before, measured);
        status = fv_str_status(&text);
        if (status == FV_OK && text.size <= FV_CARD_MAX)
            status = fv_model_set_card(copy, FV_CARD_METRICS, fv_str_get(&text));
        fv_str_free(&text);
    }
    return status;
}

static fv_status fold(folding *f, fv_model **folded)
{
    FV_TRY(fv_pass_lower(f->model->graph, 1, FV_F32, FV_LOWER_INFERENCE, &f->g, NULL));
    FV_TRY(replace(f, fv_pass_dead));
    FV_TRY(replace(f, pass_ones));
    FV_TRY(replace(f, fv_pass_fold));
    FV_TRY(replace(f, fv_pass_dead));
    const size_t n = (size_t)f->g->n_vals + 1;
    f->map = fv_calloc(f->ctx, n, sizeof *f->map);
    f->data = fv_calloc(f->ctx, n, sizeof *f->data);
    f->wanted = fv_calloc(f->ctx, n, sizeof *f->wanted);
    if (!f->map || !f->data || !f->wanted)
        return FV_ERR_NO_MEMORY;
    FV_TRY(gather_weights(f));
    FV_TRY(fv_graph_create(f->ctx, fv_op_find, &f->to));
    FV_TRY(copy_graph(f));
    FV_TRY(fv_model_create(f->ctx, folded));
    fv_model_take_graph(*folded, &f->to);
    FV_TRY(fv_model_complete_with(*folded, &(fv_tensor_source){take_weight, f}));
    return fv_model_copy_card(f->model, NULL, *folded);
}

fv_status fv_model_fold(fv_model *model, fv_model **folded)
{
    folding f = {.model = model, .ctx = model->ctx};
    *folded = NULL;
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: it cannot be folded", model->name);
    fv_model_sync(model);
    const fv_status status = fold(&f, folded);
    for (int32_t i = 0; f.data && i < f.g->n_vals; i++)
        fv_tensor_destroy(&f.data[i]);
    fv_free(f.ctx, f.map);
    fv_free(f.ctx, f.data);
    fv_free(f.ctx, f.wanted);
    fv_graph_destroy(&f.g);
    fv_graph_destroy(&f.to);
    if (status != FV_OK)
        fv_model_destroy(folded);
    return status;
}
