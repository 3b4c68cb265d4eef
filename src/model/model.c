/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a model: made empty, filled by a builder or a loader, completed with tensors, destroyed. */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FV_MAX_CLASSES 1000000

static const fv_pipeline default_pipeline = {
    .resize = FV_RESIZE_STRETCH,
    .antialias = true,
    .std = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .background = {255, 255, 255},
};

static const char *const filter_list[FV_FILTER_COUNT + 1] = {
    [FV_FILTER_BILINEAR] = "bilinear", [FV_FILTER_NEAREST] = "nearest", [FV_FILTER_BICUBIC] = "bicubic",
    [FV_FILTER_AREA] = "area",         [FV_FILTER_LANCZOS] = "lanczos",
};

const char *const *fv_filter_names(void)
{
    return filter_list;
}

fv_status fv_model_create(fv_ctx *ctx, fv_model **out)
{
    *out = NULL;
    fv_model *model = fv_new(ctx, fv_model);
    if (!model)
        return FV_ERR_NO_MEMORY;
    model->ctx = ctx;
    model->input.id = -1;
    model->pipeline = default_pipeline;
    snprintf(model->name, sizeof model->name, "model");
    fv_status status = fv_arena_create(ctx, &model->arena);
    if (status == FV_OK)
        status = fv_graph_create(ctx, fv_op_find, &model->graph);
    if (status == FV_OK)
        status = fv_model_runtime_create(model);
    if (status != FV_OK)
        fv_model_destroy(&model);
    *out = model;
    return status;
}

void fv_model_destroy(fv_model **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_model *model = *ptr;
    fv_ctx *ctx = model->ctx;
    *ptr = NULL;
    fv_session_destroy(&model->own.session);
    fv_model_runtime_destroy(&model->runtime);
    for (int i = 0; i < model->n_slots; i++)
        fv_tensor_destroy(&model->slots[i].data);
    fv_free(ctx, model->counts.names.list);
    fv_free(ctx, model->notes);
    fv_graph_destroy(&model->graph);
    fv_arena_destroy(&model->arena);
    fv_free(ctx, model);
}

/* ---- construction ---- */

fv_status fv_model_set_error(fv_model *model, fv_status status)
{
    if (status == FV_OK || model->error != FV_OK)
        return model->error;
    model->error = status;
    snprintf(model->error_text, sizeof model->error_text, "%s", fv_ctx_error(model->ctx));
    snprintf(model->error_hint, sizeof model->error_hint, "%s", fv_ctx_hint(model->ctx));
    return status;
}

fv_status fv_model_note_init(fv_model *model, int32_t val, fv_init init, double value)
{
    for (int i = 0; i < model->n_notes; i++) {
        if (model->notes[i].val == val) {
            model->notes[i].init = init;
            model->notes[i].value = value;
            return FV_OK;
        }
    }
    if (model->n_notes == model->cap_notes) {
        int grown = model->cap_notes ? model->cap_notes * 2 : 32;
        fv_init_note *notes = fv_realloc(model->ctx, model->notes, (size_t)grown * sizeof *notes);
        if (!notes)
            return FV_ERR_NO_MEMORY;
        model->notes = notes;
        model->cap_notes = grown;
    }
    model->notes[model->n_notes++] = (fv_init_note){val, init, value};
    return FV_OK;
}

fv_value fv_model_new_param(fv_model *model, const char *name, fv_role role, fv_dtype dtype, const fv_shape *shape,
                            fv_init init, double init_value)
{
    fv_val *val = NULL;
    if (model->error != FV_OK)
        return (fv_value){-1};
    fv_status status = fv_graph_param(model->graph, name, role, dtype, shape, &val);
    if (status == FV_OK && (unsigned)init >= FV_INIT_COUNT)
        status = fv_fail(model->ctx, FV_ERR_ARGUMENT, "parameter '%s': init %d is not one of fv_init", name, (int)init);
    if (status == FV_OK)
        status = fv_model_note_init(model, val->id, init, init_value);
    if (fv_model_set_error(model, status) != FV_OK)
        return (fv_value){-1};
    return (fv_value){val->id};
}

void fv_model_take_graph(fv_model *model, fv_graph **graph)
{
    fv_graph_destroy(&model->graph);
    model->graph = *graph;
    *graph = NULL;
}

/* The one input, when it is an image; NULL otherwise. */
static const fv_val *image_input(const fv_graph *g)
{
    const fv_val *input = NULL;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        if (val->role != FV_ROLE_INPUT)
            continue;
        if (input || val->dtype != FV_F32 || val->shape.rank != 4 || val->shape.dim[3] > FV_MAX_CHANNELS)
            return NULL;
        input = val;
    }
    return input;
}

/* The batch is the first dimension of every input, 1 here; there is something to compute. */
static fv_status check_ends(fv_model *model)
{
    const fv_graph *g = model->graph;
    char text[96];
    int inputs = 0;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        if (val->role != FV_ROLE_INPUT)
            continue;
        inputs++;
        if (val->shape.rank < 1 || val->shape.dim[0] != 1)
            return fv_fail(model->ctx, FV_ERR_SHAPE,
                           "model '%s': input '%s' is %s %s: expected 1 as the first dimension, which is the batch",
                           model->name, val->name, fv_dtype_name(val->dtype), fv_shape_text(&val->shape, text));
    }
    if (inputs < 1 || g->n_outputs < 1)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT,
                       "model '%s': %d inputs and %d outputs: expected one or more of both", model->name, inputs,
                       (int)g->n_outputs);
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (g->nodes[n]->op->updates || (g->nodes[n]->op->traits & FV_T_BACKWARD))
            return fv_fail(model->ctx, FV_ERR_UNSUPPORTED,
                           "model '%s': '%s' (%s) belongs to training, not to a model: it %s", model->name,
                           g->nodes[n]->name, g->nodes[n]->op->name,
                           g->nodes[n]->op->updates ? "changes tensors" : "is part of a gradient");
    const fv_val *image = image_input(g);
    model->input.id = image ? image->id : -1;
    return FV_OK;
}

/* Whether the first output is a row of classes for every sample. */
static bool has_classes(const fv_graph *g)
{
    const fv_val *out = g->outputs[0];
    return fv_dtype_is_float(out->dtype) && out->shape.rank >= 2 && out->shape.dim[0] == 1;
}

bool fv_model_is_plain(const fv_model *model)
{
    const fv_graph *g = model->graph;
    return model->finished && model->input.id >= 0 && g->n_outputs == 1 && g->outputs[0]->dtype == FV_F32 &&
           has_classes(g);
}

fv_status fv_model_need_plain(const fv_model *model, const char *what)
{
    const fv_graph *g = model->graph;
    char text[96];
    int inputs = 0;
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "%s: model '%s' is not finished; call fv_model_finish first", what,
                       model->name);
    if (fv_model_is_plain(model))
        return FV_OK;
    for (int32_t i = 0; i < g->n_vals; i++)
        inputs += g->vals[i]->role == FV_ROLE_INPUT;
    return fv_fail(
        model->ctx, FV_ERR_UNSUPPORTED,
        "%s: model '%s' has %d inputs (%s) and %d outputs, the first '%s' of %s %s: expected one image f32 1 "
        "x h x w x c (c up to %d) and one output f32 1 x classes",
        what, model->name, inputs, model->input.id >= 0 ? "an image" : "no image alone", (int)g->n_outputs,
        g->output_names[0], fv_dtype_name(g->outputs[0]->dtype), fv_shape_text(&g->outputs[0]->shape, text),
        FV_MAX_CHANNELS);
}

/* Class names "0", "1", ... */
static fv_status number_classes(fv_model *model)
{
    const fv_shape *out = &model->graph->outputs[0]->shape;
    model->card.has_class_names = false;
    model->n_classes = has_classes(model->graph) ? out->dim[out->rank - 1] : 0;
    if (model->n_classes > FV_MAX_CLASSES)
        return fv_fail(model->ctx, FV_ERR_UNSUPPORTED, "model '%s': %lld classes: at most %d are supported",
                       model->name, (long long)model->n_classes, FV_MAX_CLASSES);
    model->class_names = fv_arena_alloc(model->arena, (size_t)(model->n_classes + 1) * sizeof *model->class_names);
    if (!model->class_names)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < model->n_classes; i++) {
        model->class_names[i] = fv_arena_printf(model->arena, "%lld", (long long)i);
        if (!model->class_names[i])
            return FV_ERR_NO_MEMORY;
    }
    return FV_OK;
}

fv_status fv_model_check(fv_model *model)
{
    FV_TRY(fv_graph_verify(model->graph));
    FV_TRY(check_ends(model));
    FV_TRY(fv_model_check_aux(model));
    FV_TRY(number_classes(model));
    return fv_model_derive_slots(model);
}

void fv_output(fv_model *model, const char *name, fv_value output)
{
    fv_status status;
    if (model->error != FV_OK)
        return;
    if (model->finished)
        status = fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is finished already", model->name);
    else if (output.id < 0 || output.id >= model->graph->n_vals)
        status = fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': the output is not a value of it", model->name);
    else if (name)
        status = fv_graph_output_as(model->graph, model->graph->vals[output.id], name);
    else
        status = fv_graph_output(model->graph, model->graph->vals[output.id]);
    fv_model_set_error(model, status);
}

/* The first error of building, again. */
static fv_status built(fv_model *model)
{
    if (model->error == FV_OK)
        return FV_OK;
    fv_status status = fv_fail(model->ctx, model->error, "%s", model->error_text);
    return model->error_hint[0] ? fv_fail_hint(model->ctx, status, "%s", model->error_hint) : status;
}

fv_status fv_model_finish_outputs(fv_model *model)
{
    FV_TRY(built(model));
    if (model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is finished already", model->name);
    return fv_model_set_error(model, fv_model_complete(model));
}

fv_status fv_model_draft(fv_model *model, fv_value output)
{
    fv_output(model, NULL, output);
    FV_TRY(built(model));
    return fv_model_check(model);
}

fv_status fv_model_finish(fv_model *model, fv_value output)
{
    if (!model->finished)
        fv_output(model, NULL, output);
    return fv_model_finish_outputs(model);
}

/* ---- looking ---- */

fv_slot *fv_model_slot(fv_model *model, const char *name)
{
    const fv_val *val = fv_graph_find(model->graph, name);
    return val ? fv_model_slot_of(model, val->id) : NULL;
}

float *fv_slot_data(const fv_slot *slot)
{
    return fv_tensor_data(slot->data);
}

fv_counter *fv_model_counter(fv_model *model, const char *name)
{
    for (int i = 0; i < model->n_counters; i++) {
        if (strcmp(model->counters[i].name, name) == 0)
            return &model->counters[i];
    }
    return NULL;
}

void fv_model_count_batches(fv_model *model, int64_t batches, const bool *frozen)
{
    for (int i = 0; i < model->n_counters; i++)
        if (!frozen[model->counters[i].slot])
            model->counters[i].value += batches;
}

static void *find_binding(void *user, const char *name, const fv_shape *shape)
{
    fv_slot *slot = fv_model_slot(user, name);
    return slot && fv_shape_equal(&slot->shape, shape) ? fv_tensor_data(slot->data) : NULL;
}

fv_binding fv_model_binding(fv_model *model)
{
    return (fv_binding){find_binding, model};
}

int fv_model_tensor_count(const fv_model *model)
{
    return model->n_slots;
}

fv_tensor *fv_model_tensor(fv_model *model, int i, const char **name, bool *trained)
{
    if (i < 0 || i >= model->n_slots)
        return NULL;
    if (name)
        *name = model->slots[i].name;
    if (trained)
        *trained = model->slots[i].kind != FV_SLOT_STATE;
    fv_model_lend(model);
    return model->slots[i].data;
}

bool fv_model_in_head(const fv_model *model, const char *name)
{
    const fv_val *val = fv_graph_find(model->graph, name);
    const fv_slot *slot = val ? fv_model_slot_of(model, val->id) : NULL;
    return slot && slot->head;
}

fv_tensor *fv_model_find_tensor(fv_model *model, const char *name)
{
    fv_slot *slot = fv_model_slot(model, name);
    fv_model_lend(model);
    return slot ? slot->data : NULL;
}

int64_t fv_model_weight_bytes(const fv_model *model)
{
    int64_t bytes = 0;
    for (int i = 0; i < model->n_slots; i++)
        bytes += (int64_t)fv_tensor_bytes(model->slots[i].data);
    return bytes;
}

int64_t fv_model_parameters(const fv_model *model)
{
    int64_t count = 0;
    for (int i = 0; i < model->n_slots; i++) {
        if (model->slots[i].kind != FV_SLOT_STATE)
            count += fv_shape_count(&model->slots[i].shape);
    }
    return count;
}

const char *fv_model_name(const fv_model *model)
{
    return model->name;
}

void fv_model_input_size(const fv_model *model, int64_t *h, int64_t *w, int64_t *c)
{
    const fv_shape none = {.rank = 4};
    const fv_shape *in = model->input.id >= 0 ? &model->graph->vals[model->input.id]->shape : &none;
    *h = in->dim[1];
    *w = in->dim[2];
    *c = in->dim[3];
}

/* ---- classes and pipeline ---- */

int64_t fv_model_classes(const fv_model *model)
{
    return model->n_classes;
}

const char *fv_model_class_name(const fv_model *model, int64_t i)
{
    return i >= 0 && i < model->n_classes ? model->class_names[i] : NULL;
}

bool fv_model_has_class_names(const fv_model *model)
{
    return model->card.has_class_names;
}

fv_status fv_model_take_class_names(fv_model *model, const char *const *names, int64_t count)
{
    if (count != model->n_classes)
        return fv_fail_hint(model->ctx,
                            fv_fail(model->ctx, FV_ERR_DATA_CLASSES,
                                    "model '%s' has %lld classes, %lld names were given", model->name,
                                    (long long)model->n_classes, (long long)count),
                            "give the model a head of that many classes (--reset-head) or give every class a name");
    const char **copy = fv_arena_alloc(model->arena, (size_t)(count > 0 ? count : 1) * sizeof *copy);
    if (!copy)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < count; i++) {
        copy[i] = fv_arena_strdup(model->arena, names[i]);
        if (!copy[i])
            return FV_ERR_NO_MEMORY;
    }
    model->class_names = copy;
    model->card.has_class_names = true;
    return FV_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names tell classes apart, for people and in files. */
static fv_status check_names(fv_model *model, const char *const *names, int64_t count)
{
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count; i++) {
        const char *what = !names[i] || !names[i][0] ? "is empty" : fv_text_is_utf8(names[i]) ? NULL : "is not UTF-8";
        if (what)
            return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': the name of class %lld %s", model->name,
                           (long long)i, what);
    }
    const char **sorted = fv_malloc(model->ctx, ((size_t)count + 1) * sizeof *sorted);
    if (!sorted)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < count; i++)
        sorted[i] = names[i];
    qsort(sorted, (size_t)count, sizeof *sorted, compare_names);
    for (int64_t i = 1; status == FV_OK && i < count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status =
                fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': two classes are called '%s'", model->name, sorted[i]);
    fv_free(model->ctx, sorted);
    return status;
}

fv_status fv_model_set_class_names(fv_model *model, const char *const *names, int64_t count)
{
    if (!names && count > 0)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "fv_model_set_class_names: no names");
    if (count == model->n_classes)
        FV_TRY(check_names(model, names, count));
    return fv_model_take_class_names(model, names, count);
}

static const char *const task_list[FV_TASK_COUNT + 1] = {
    [FV_TASK_CLASSIFY] = "classify", [FV_TASK_MULTILABEL] = "multilabel", [FV_TASK_REGRESS] = "regress"};

const char *const *fv_task_names(void)
{
    return task_list;
}

fv_task fv_model_task(const fv_model *model)
{
    return model->task;
}

fv_status fv_model_set_task(fv_model *model, fv_task task)
{
    if ((unsigned)task >= FV_TASK_COUNT)
        return fv_fail(model->ctx, FV_ERR_VALUE, "model '%s': task %d does not exist", model->name, (int)task);
    model->card.temperature = task == model->task ? model->card.temperature : 0;
    model->task = task;
    return FV_OK;
}

double fv_model_temperature(const fv_model *model)
{
    return model->card.temperature;
}

fv_status fv_model_set_temperature(fv_model *model, double t)
{
    if (t != 0 && (model->task == FV_TASK_REGRESS || !(t >= FV_TEMPERATURE_LEAST && t <= FV_TEMPERATURE_MOST)))
        return fv_fail(
            model->ctx, FV_ERR_ARGUMENT,
            "model '%s': a temperature of %g: expected 1e-6 to 1e6, and a model whose answers are probabilities",
            model->name, t);
    model->card.temperature = t;
    return FV_OK;
}

const char *const *fv_storage_names(void)
{
    static const char *const names[FV_STORAGE_COUNT + 1] = {"float32", "fp16", "bf16", "int8", NULL};
    return names;
}

fv_storage fv_model_storage(const fv_model *model)
{
    return model->card.storage;
}

const fv_pipeline *fv_model_pipeline(const fv_model *model)
{
    return &model->pipeline;
}

fv_status fv_model_set_pipeline(fv_model *model, const fv_pipeline *p)
{
    int64_t h, w, c;
    fv_model_input_size(model, &h, &w, &c);
    if (p->h != h || p->w != w || p->c != c)
        return fv_fail(model->ctx, FV_ERR_SHAPE, "pipeline: %lldx%lldx%lld: the input of '%s' is %lldx%lldx%lld",
                       (long long)p->h, (long long)p->w, (long long)p->c, model->name, (long long)h, (long long)w,
                       (long long)c);
    FV_TRY(fv_pipeline_check(model->ctx, p));
    if (p->resize == FV_RESIZE_SHORT_CROP && p->resize_size < (h > w ? h : w))
        return fv_fail(model->ctx, FV_ERR_ARGUMENT,
                       "pipeline: short side %lld: expected at least the larger side of the input (%lld)",
                       (long long)p->resize_size, (long long)(h > w ? h : w));
    model->pipeline = *p;
    return FV_OK;
}
