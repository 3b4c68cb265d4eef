/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a model: as it is, or with another number of classes. */
#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "ops/attr.h"

/* A view that counts the classes counts the new ones. */
static void count_anew(const fv_node *node, const fv_val *src, int64_t before, int64_t classes, fv_reshape_attr *attr)
{
    *attr = *(const fv_reshape_attr *)node->attr;
    if (fv_shape_count(&src->shape) == fv_shape_count(&node->in[0]->shape))
        return;
    for (int64_t k = attr->dims.count - 1; k >= 0; k--) {
        if (attr->dims.value[k] != before)
            continue;
        attr->dims.value[k] = classes;
        return;
    }
}

/* Appends to `to` every value and node of `from`, in order, so that ids stay the same; parameters take their shape from
 * `shapes` (by id; NULL: as they are), where there are `classes` in the place of those `before`. */
static fv_status copy_graph(const fv_graph *from, const fv_shape *shapes, int64_t before, int64_t classes, fv_graph *to)
{
    for (int32_t i = 0; i < from->n_vals; i++) {
        const fv_val *val = from->vals[i];
        const fv_shape *shape = shapes ? &shapes[i] : &val->shape;
        fv_val *in[FV_MAX_OPERANDS] = {NULL};
        fv_status status = FV_OK;
        if (val->def && val->def_index > 0)
            continue;
        if (!val->def) {
            fv_val like = *val;
            like.shape = *shape;
            status = fv_graph_copy_leaf(to, &like, NULL);
        }
        for (int32_t k = 0; val->def && k < val->def->n_in; k++)
            in[k] = val->def->in[k] ? to->vals[val->def->in[k]->id] : NULL;
        fv_reshape_attr anew;
        const bool view = shapes && val->def && (val->def->op->traits & FV_T_VIEW) &&
                          val->def->op->attr_size == sizeof(fv_reshape_attr); /* the view that counts */
        if (view)
            count_anew(val->def, in[0], before, classes, &anew);
        if (val->def)
            status =
                fv_graph_add(to, val->def->op, val->def->name, view ? &anew : val->def->attr, in, val->def->n_in, NULL);
        if (status != FV_OK)
            return status;
        if (to->n_vals <= i)
            return fv_fail(from->ctx, FV_ERR_INTERNAL, "graph: a copy lost value '%s'", val->name);
    }
    for (int32_t i = 0; i < from->n_outputs; i++)
        FV_TRY(fv_graph_add_output(to, to->vals[from->outputs[i]->id], from->output_names[i]));
    return FV_OK;
}

fv_status fv_model_copy_manner(const fv_model *model, fv_model *copy)
{
    copy->pipeline = model->pipeline;
    copy->task = model->task;
    for (const fv_port_note *p = model->card.ports; p; p = p->next)
        if (fv_graph_named(copy->graph, p->name))
            FV_TRY(fv_model_note_port(copy, p->name, p->layout));
    for (int i = 0; i < FV_CARD_COUNT; i++)
        FV_TRY(fv_model_set_card(copy, (fv_card_item)i, model->card.texts[i].text));
    return FV_OK;
}

fv_status fv_model_complete_copy(const fv_model *model, fv_val *const *map, fv_model *copy)
{
    snprintf(copy->name, sizeof copy->name, "%s", model->name);
    for (int i = 0; i < model->n_notes; i++) {
        const fv_init_note *n = &model->notes[i];
        if (!map || map[n->val])
            FV_TRY(fv_model_note_init(copy, map ? map[n->val]->id : n->val, n->init, n->value));
    }
    for (int i = 0; i < model->aux.count; i++) {
        const int32_t val = model->aux.head[i].val;
        if (!map || map[val])
            FV_TRY(fv_model_note_aux(copy, map ? map[val]->id : val, model->aux.head[i].weight));
    }
    FV_TRY(fv_model_complete(copy));
    return fv_model_copy_manner(model, copy);
}

/* A complete model with the graph of `model` (parameters of other shapes if `shapes`) and zero weights. */
static fv_status copy_model(fv_model *model, const fv_shape *shapes, int64_t classes, fv_model **out)
{
    fv_graph *graph = NULL;
    *out = NULL;
    fv_status status = fv_graph_create(model->ctx, fv_op_find, &graph);
    if (status == FV_OK)
        status = copy_graph(model->graph, shapes, model->n_classes, classes, graph);
    if (status == FV_OK)
        status = fv_model_create(model->ctx, out);
    if (status == FV_OK) {
        fv_model_take_graph(*out, &graph);
        status = fv_model_complete_copy(model, NULL, *out);
    }
    fv_graph_destroy(&graph);
    if (status != FV_OK)
        fv_model_destroy(out);
    return status;
}

static void copy_weights(const fv_model *from, fv_model *to, bool head)
{
    fv_model_sync(from);
    for (int i = 0; i < to->n_slots; i++) {
        if (head || !to->slots[i].head)
            memcpy(fv_tensor_data(to->slots[i].data), fv_tensor_const_data(from->slots[i].data),
                   fv_tensor_bytes(from->slots[i].data));
    }
    for (int i = 0; i < to->n_counters; i++)
        to->counters[i].value = from->counters[i].value;
}

void fv_model_copy_by_name(fv_model *from, fv_model *to)
{
    fv_model_sync(from);
    for (int i = 0; i < to->n_slots; i++) {
        const fv_slot *slot = fv_model_slot(from, to->slots[i].name);
        if (slot && fv_shape_equal(&slot->shape, &to->slots[i].shape))
            memcpy(fv_tensor_data(to->slots[i].data), fv_tensor_const_data(slot->data),
                   fv_tensor_bytes(to->slots[i].data));
    }
    for (int i = 0; i < to->n_counters; i++) {
        const fv_counter *counter = fv_model_counter(from, to->counters[i].name);
        to->counters[i].value = counter ? counter->value : 0;
    }
}

/* What travels with the weights and is about their numbers. */
static fv_status copy_answers(const fv_model *model, fv_model *copy)
{
    if (model->card.has_class_names)
        FV_TRY(fv_model_take_class_names(copy, model->class_names, model->n_classes));
    copy->card.temperature = model->card.temperature;
    copy->card.storage = model->card.storage;
    copy->card.ranges = model->card.ranges ? fv_arena_strdup(copy->arena, model->card.ranges) : NULL;
    if (model->card.ranges && !copy->card.ranges)
        return FV_ERR_NO_MEMORY;
    if (model->selftest.vectors == 0)
        return FV_OK;
    copy->selftest = model->selftest;
    copy->selftest.output = fv_arena_memdup(copy->arena, model->selftest.output,
                                            (size_t)(model->selftest.vectors * model->selftest.count) * sizeof(float));
    return copy->selftest.output ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_model_clone(fv_model *model, fv_model **out)
{
    fv_model *copy = NULL;
    *out = NULL;
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: it cannot be copied", model->name);
    FV_TRY(copy_model(model, NULL, 0, &copy));
    copy_weights(model, copy, true);
    const fv_status status = copy_answers(model, copy);
    if (status != FV_OK)
        fv_model_destroy(&copy);
    *out = copy;
    return status;
}

void fv_model_swap(fv_model *a, fv_model *b)
{
    fv_model t = *a;
    *a = *b;
    *b = t;
    a->version = b->version;
    /* What sessions and stores know of a model is its handle. */
    b->runtime = a->runtime;
    a->runtime = t.runtime;
    fv_model_forget_device(a);
}

fv_status fv_model_change_head(fv_model *model, int64_t classes)
{
    fv_model *copy = NULL;
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: call fv_model_finish first",
                       model->name);
    const fv_graph *g = model->graph;
    fv_shape *shapes = fv_calloc(model->ctx, (size_t)g->n_vals, sizeof *shapes);
    if (!shapes)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < g->n_vals; i++)
        shapes[i] = g->vals[i]->shape;
    int heads = 0;
    for (int i = 0; i < model->n_slots; i++) {
        if (model->slots[i].head) {
            shapes[model->slots[i].val].dim[0] = classes;
            heads++;
        }
    }
    fv_status status = FV_OK;
    if (classes < 1 || heads == 0)
        status = fv_fail(model->ctx, FV_ERR_SHAPE, "model '%s': no head with %lld classes can be made%s", model->name,
                         (long long)classes, heads ? "" : ": it has no weighted layer");
    if (status == FV_OK)
        status = copy_model(model, shapes, classes, &copy);
    if (status == FV_OK && copy->n_classes != classes)
        status = fv_fail(model->ctx, FV_ERR_SHAPE,
                         "model '%s': its last weighted layer has %lld outputs, but the model then gives %lld classes",
                         model->name, (long long)classes, (long long)copy->n_classes);
    if (status == FV_ERR_SHAPE)
        fv_fail_hint(model->ctx, status, "--head linear puts an output layer in the place of the whole classifier");
    if (status == FV_OK) {
        copy_weights(model, copy, false);
        fv_model_swap(model, copy);
        fv_model_touch(model);
        (void)fv_model_set_card(model, FV_CARD_METRICS, NULL); /* they were the old head's; taking away cannot fail */
    }
    fv_free(model->ctx, shapes);
    fv_model_destroy(&copy);
    return status;
}

fv_status fv_model_reset_head(fv_model *model, int64_t classes, uint64_t seed)
{
    FV_TRY(fv_model_change_head(model, classes));
    for (int i = 0; i < model->n_slots; i++) {
        if (model->slots[i].head)
            fv_slot_start(model->ctx, &model->slots[i], seed, model->slots[i].init, model->slots[i].init_value);
    }
    return FV_OK;
}

fv_status fv_model_drop_aux_heads(fv_model *model)
{
    fv_graph *graph = NULL;
    fv_model *copy = NULL;
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: call fv_model_finish first",
                       model->name);
    if (model->aux.count == 0)
        return FV_OK;
    fv_val **map = fv_calloc(model->ctx, (size_t)model->graph->n_vals, sizeof(fv_val *));
    fv_status status = map ? fv_pass_dead(model->graph, &graph, map) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_model_create(model->ctx, &copy);
    if (status == FV_OK) {
        fv_model_take_graph(copy, &graph);
        status = fv_model_complete_copy(model, map, copy);
    }
    if (status == FV_OK) {
        fv_model_copy_by_name(model, copy);
        status = copy_answers(model, copy);
    }
    if (status == FV_OK) {
        const fv_selftest answers = copy->selftest;
        const double temperature = copy->card.temperature;
        const fv_storage storage = copy->card.storage;
        fv_model_swap(model, copy);
        fv_model_touch(model);
        model->card.temperature = temperature;
        model->card.storage = storage;
        model->selftest = answers; /* what is computed is what it was */
    }
    fv_free(model->ctx, map);
    fv_graph_destroy(&graph);
    fv_model_destroy(&copy);
    return status;
}
