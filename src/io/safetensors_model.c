/* SPDX-License-Identifier: Apache-2.0 */
/* Saving and loading whole models. */
#include "io/safetensors_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "io/safetensors_sparse.h"
#include "io/safetensors_stored.h"

/* ---- saving ---- */

static void write_graph(const fv_model *model, fv_str *out)
{
    fv_json j = {.out = out};
    fv_graph_json(model->graph, &j);
}

static bool has_labels(const fv_model *model)
{
    return model->card.has_class_names;
}

static void write_temperature(const fv_model *model, fv_str *out)
{
    char text[32];
    fv_str_append(out, fv_double_text(model->card.temperature, text));
}

static bool has_selftest(const fv_model *model)
{
    return model->selftest.vectors > 0;
}

static void write_format(const fv_model *model, fv_str *out)
{
    (void)model;
    fv_str_append(out, FV_MODEL_FORMAT);
}

static void write_name(const fv_model *model, fv_str *out)
{
    fv_str_append(out, model->name);
}

static void write_task(const fv_model *model, fv_str *out)
{
    fv_str_append(out, fv_task_names()[model->task]);
}

static bool has_temperature(const fv_model *model)
{
    return model->card.temperature > 0;
}

static bool has_pipeline(const fv_model *model)
{
    return model->input.id >= 0;
}

static bool has_task(const fv_model *model)
{
    return model->task != FV_TASK_CLASSIFY;
}

static bool has_ports(const fv_model *model)
{
    return model->card.ports != NULL;
}

static bool has_aux(const fv_model *model)
{
    return model->aux.count > 0;
}

static bool has_storage(const fv_model *model)
{
    return model->card.storage != FV_STORAGE_FLOAT32;
}

static void write_storage(const fv_model *model, fv_str *out)
{
    fv_str_append(out, fv_storage_names()[model->card.storage]);
}

static bool has_ranges(const fv_model *model)
{
    return model->card.ranges != NULL;
}

static void write_ranges(const fv_model *model, fv_str *out)
{
    fv_str_append(out, model->card.ranges);
}

#define FV_TEXTS 13
static const struct {
    const char *key;
    void (*write)(const fv_model *model, fv_str *out);
    bool (*present)(const fv_model *model); /* NULL: always */
} fv_texts[FV_TEXTS] = {
    {"fovea.format", write_format, NULL},
    {"fovea.name", write_name, NULL},
    {"fovea.graph", write_graph, NULL},
    {"fovea.pipeline", fv_meta_pipeline, has_pipeline},
    {"fovea.labels", fv_meta_labels, has_labels},
    {"fovea.task", write_task, has_task},
    {"fovea.init", fv_meta_init, NULL},
    {"fovea.selftest", fv_meta_selftest, has_selftest},
    {"fovea.ports", fv_meta_ports, has_ports},
    {"fovea.aux", fv_meta_aux, has_aux},
    {"fovea.temperature", write_temperature, has_temperature},
    {FV_STORAGE_KEY, write_storage, has_storage},
    {"fovea.ranges", write_ranges, has_ranges},
};

static const char *const card_keys[FV_CARD_COUNT] = {
#define FV_CARD_ROW(id, key, title) "fovea." key,
    FV_CARD_LIST(FV_CARD_ROW)
#undef FV_CARD_ROW
};

static fv_status check_weights(const fv_model *model)
{
    fv_model_sync(model);
    for (int i = 0; i < model->n_slots; i++) {
        const fv_dtype dtype = model->slots[i].dtype;
        const void *data = fv_tensor_const_data(model->slots[i].data);
        const int64_t count = fv_dtype_is_float(dtype) ? fv_tensor_count(model->slots[i].data) : 0;
        for (int64_t k = 0; k < count; k++) {
            const double x = fv_get(dtype, data, k);
            if (!isfinite(x))
                return fv_fail(model->ctx, FV_ERR_MODEL_NAN, "model '%s': tensor '%s': element %lld is %s: not saved",
                               model->name, model->slots[i].name, (long long)k, isnan(x) ? "NaN" : "infinite");
        }
    }
    return FV_OK;
}

/* The constants whose elements are not in the graph's text; their number. `items` may be NULL. */
static int64_t make_constants(const fv_graph *g, fv_st_item *items)
{
    int64_t count = 0;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        if (val->role != FV_ROLE_CONST || !fv_const_is_apart(val))
            continue;
        if (items)
            items[count] = (fv_st_item){.name = val->name,
                                        .dtype = val->dtype,
                                        .shape = val->shape,
                                        .data = fv_tensor_const_data(val->elements)};
        count++;
    }
    return count;
}

/* What takes the place of slots' float32. */
typedef struct parts {
    fv_sparse_parts sparse;
    fv_stored_parts stored;
} parts;

/* A tensor whole, or its bits and numbers, or in a smaller type; the place behind. */
static fv_st_item *put_slot(const fv_slot *slot, const fv_sparse_part *part, const fv_stored_part *stored,
                            fv_st_item *items)
{
    if (part) {
        *items++ =
            (fv_st_item){.name = part->names[0], .dtype = FV_U8, .shape = {1, {part->bytes}}, .data = part->mask};
        *items++ =
            (fv_st_item){.name = part->names[1], .dtype = FV_F32, .shape = {1, {part->count}}, .data = part->values};
        return items;
    }
    if (stored && stored->scale)
        *items++ = (fv_st_item){
            .name = stored->scale_name, .dtype = FV_BF16, .shape = {1, {slot->shape.dim[0]}}, .data = stored->scale};
    *items++ = (fv_st_item){.name = slot->name,
                            .dtype = stored ? stored->dtype : slot->dtype,
                            .shape = slot->file_shape,
                            .data = stored ? stored->data : fv_tensor_const_data(slot->data),
                            .outer = slot->outer,
                            .mid = slot->mid,
                            .inner = slot->inner};
    return items;
}

static void make_items(const fv_model *model, const parts *p, fv_st_item *items)
{
    for (int i = 0; i < model->n_slots; i++)
        items = put_slot(&model->slots[i], fv_sparse_of(&p->sparse, i), fv_stored_of(&p->stored, i), items);
    for (int i = 0; i < model->n_counters; i++)
        *items++ = (fv_st_item){
            .name = model->counters[i].name, .dtype = FV_I64, .shape = {.rank = 0}, .data = &model->counters[i].value};
    make_constants(model->graph, items);
}

static fv_status save(fv_model *model, const parts *p, const char *path)
{
    fv_str text[FV_TEXTS + 1] = {{0}};
    fv_st_text texts[FV_TEXTS + 1 + FV_CARD_COUNT];
    int64_t n_texts = 0;
    const int64_t n_items =
        model->n_slots + p->sparse.n + p->stored.scales + model->n_counters + make_constants(model->graph, NULL);
    fv_st_item *items = fv_calloc(model->ctx, (size_t)n_items + 1, sizeof *items);
    if (!items)
        return FV_ERR_NO_MEMORY;
    make_items(model, p, items);
    fv_status status = FV_OK;
    for (int i = 0; i <= FV_TEXTS; i++) {
        text[i].ctx = model->ctx;
        const bool present = i == FV_TEXTS ? p->sparse.n > 0 : !fv_texts[i].present || fv_texts[i].present(model);
        if (status != FV_OK || !present)
            continue;
        if (i == FV_TEXTS)
            fv_sparse_text(model, &p->sparse, &text[i]);
        else
            fv_texts[i].write(model, &text[i]);
        status = fv_str_status(&text[i]);
        texts[n_texts++] = (fv_st_text){i == FV_TEXTS ? FV_SPARSE_KEY : fv_texts[i].key, fv_str_get(&text[i])};
    }
    for (int i = 0; i < FV_CARD_COUNT; i++)
        if (model->card.texts[i].text)
            texts[n_texts++] = (fv_st_text){card_keys[i], model->card.texts[i].text};
    if (status == FV_OK)
        status = fv_safetensors_write(model->ctx, path, items, n_items, texts, n_texts);
    for (int i = 0; i <= FV_TEXTS; i++)
        fv_str_free(&text[i]);
    fv_free(model->ctx, items);
    return status;
}

fv_status fv_model_save(fv_model *model, const char *path)
{
    parts p = {.sparse = {NULL, 0}};
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: it cannot be saved", model->name);
    FV_TRY(check_weights(model));
    FV_TRY(fv_selftest_record(model));
    fv_status status = fv_sparse_make(model, &p.sparse);
    if (status == FV_OK)
        status = fv_stored_make(model, &p.sparse, &p.stored);
    if (status == FV_OK)
        status = save(model, &p, path);
    fv_sparse_free(model->ctx, &p.sparse);
    fv_stored_free(model->ctx, &p.stored);
    return status;
}

/* ---- loading ---- */

/* Parses the text of a key and hands it to `read`; an absent key is fine unless `required`. */
static fv_status read_text(fv_model *model, const fv_tensor_file *file, const char *key,
                           fv_status (*read)(fv_model *model, const fv_doc *doc), bool required)
{
    fv_doc *doc = NULL;
    const char *text = fv_tensor_file_metadata(file, key);
    if (!text && !required)
        return FV_OK;
    if (!text)
        return fv_fail(model->ctx, FV_ERR_MODEL_FORMAT, "'%s' is missing", key);
    fv_status status = fv_doc_parse_json(model->ctx, key, text, strlen(text), &doc);
    if (status == FV_OK)
        status = read(model, doc);
    fv_doc_destroy(&doc);
    return status;
}

/* A constant whose elements are a tensor of the file. Nothing is allocated that the file has no bytes for. */
static fv_status load_constant(void *user, const char *name, fv_dtype dtype, const fv_shape *shape, fv_tensor **tensor)
{
    const fv_tensor_file *file = user;
    const fv_st_entry *entry = fv_tensor_file_find(file, name);
    fv_ctx *ctx = fv_tensor_file_ctx(file);
    if (!entry || entry->dtype != (int)dtype || !fv_shape_equal(&entry->shape, shape))
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT, "constant '%s' of the graph %s", name,
                       entry ? "has another dtype or shape in the file" : "is not in the file");
    FV_TRY(fv_tensor_create(ctx, dtype, shape, tensor));
    memcpy(fv_tensor_data(*tensor), entry->data, fv_tensor_bytes(*tensor));
    return FV_OK;
}

static fv_status read_graph(fv_model *model, const fv_tensor_file *file)
{
    static const char key[] = "fovea.graph";
    const fv_const_source apart = {load_constant, (void *)(uintptr_t)file};
    const char *text = fv_tensor_file_metadata(file, key);
    fv_graph *graph = NULL;
    fv_doc *doc = NULL;
    if (!text)
        return fv_fail(model->ctx, FV_ERR_MODEL_FORMAT, "'%s' is missing", key);
    fv_status status = fv_doc_parse_json(model->ctx, key, text, strlen(text), &doc);
    if (status == FV_OK)
        status = fv_graph_read_json(model->ctx, fv_op_find, doc, fv_doc_root(doc), &apart, &graph);
    fv_doc_destroy(&doc);
    if (status == FV_OK)
        fv_model_take_graph(model, &graph);
    return status;
}

/* Bare text. Files from before there was a choice classify. */
static fv_status read_task(fv_model *model, const fv_tensor_file *file)
{
    const char *text = fv_tensor_file_metadata(file, "fovea.task");
    for (int i = 0; text && i < FV_TASK_COUNT; i++) {
        if (strcmp(text, fv_task_names()[i]) == 0)
            return fv_model_set_task(model, (fv_task)i);
    }
    return text ? fv_fail(model->ctx, FV_ERR_MODEL_FORMAT,
                          "'fovea.task' is '%.20s': expected classify, multilabel or regress", text)
                : FV_OK;
}

/* A bare number, read the same in every locale. */
static fv_status read_temperature(fv_model *model, const fv_tensor_file *file)
{
    static const char key[] = "fovea.temperature";
    const char *text = fv_tensor_file_metadata(file, key);
    double temperature = 0;
    fv_doc *doc = NULL;
    if (!text)
        return FV_OK;
    fv_status status = fv_doc_parse_json(model->ctx, key, text, strlen(text), &doc);
    if (status == FV_OK)
        status = fv_doc_real(doc, fv_doc_root(doc), key, &temperature);
    if (status == FV_OK && !(temperature > 0))
        status = fv_doc_fail(doc, fv_doc_root(doc), FV_ERR_MODEL_FORMAT, "expected a number above 0");
    fv_doc_destroy(&doc);
    return status == FV_OK ? fv_model_set_temperature(model, temperature) : status;
}

/* Sizes come from an untrusted text: believed are only those that the file has the bytes for. A slot goes on in these
 * where they lie as a tensor's do: fv_weights_load then brings them into the library's order in place. */
static fv_status take_entry(void *user, const fv_slot *slot, fv_tensor **tensor)
{
    const fv_tensor_file *file = user;
    const fv_st_entry *entry = fv_tensor_file_find(file, slot->name);
    if (!entry || !fv_shape_equal(&entry->shape, &slot->file_shape))
        return fv_fail(fv_tensor_file_ctx(file), FV_ERR_MODEL_FORMAT, "tensor '%s' of the graph %s", slot->name,
                       entry ? "has another shape in the file" : "is not in the file");
    const bool floats = entry->dtype == FV_F32 && slot->dtype == FV_F32;
    return floats ? fv_tensor_file_share(file, entry, &slot->shape, tensor) : FV_OK;
}

/* Kept as it is: who takes ranges from it looks at it. */
static fv_status read_ranges(fv_model *model, const fv_tensor_file *file)
{
    const char *text = fv_tensor_file_metadata(file, "fovea.ranges");
    model->card.ranges = text ? fv_arena_strdup(model->arena, text) : NULL;
    return text && !model->card.ranges ? FV_ERR_NO_MEMORY : FV_OK;
}

static fv_status load(fv_model *model, const fv_tensor_file *file)
{
    FV_TRY(fv_safetensors_verify(file, NULL));
    FV_TRY(read_graph(model, file));
    FV_TRY(read_text(model, file, "fovea.init", fv_meta_read_init, false));
    FV_TRY(read_text(model, file, "fovea.aux", fv_meta_read_aux, false));
    model->card.sparse = fv_tensor_file_metadata(file, FV_SPARSE_KEY) != NULL;
    FV_TRY(fv_model_complete_with(model, &(fv_tensor_source){take_entry, (void *)(uintptr_t)file}));
    FV_TRY(read_text(model, file, "fovea.pipeline", fv_meta_read_pipeline, has_pipeline(model)));
    FV_TRY(read_text(model, file, "fovea.ports", fv_meta_read_ports, false));
    FV_TRY(read_text(model, file, "fovea.labels", fv_meta_read_labels, false));
    FV_TRY(read_task(model, file));
    for (int i = 0; i < FV_CARD_COUNT; i++)
        FV_TRY(fv_model_set_card(model, (fv_card_item)i, fv_tensor_file_metadata(file, card_keys[i])));
    FV_TRY(fv_weights_load(model, file, false, NULL));
    FV_TRY(fv_stored_read(file, &model->card.storage));
    FV_TRY(read_ranges(model, file));
    FV_TRY(read_temperature(model, file));
    return read_text(model, file, "fovea.selftest", fv_meta_read_selftest, false);
}

/* Whether the file is a model, and of a version that this build reads. */
static fv_status check_format(fv_ctx *ctx, const fv_tensor_file *file)
{
    const char *format = fv_tensor_file_metadata(file, "fovea.format");
    const char *path = fv_tensor_file_name(file);
    if (!format || !fv_tensor_file_metadata(file, "fovea.graph"))
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_MODEL, "%s: weights only: it does not say of which network", path),
                            "name the architecture: --model NAME --weights %s", path);
    if (strcmp(format, FV_MODEL_FORMAT) != 0)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: model format '%.20s': this build reads format %s",
                                    path, format, FV_MODEL_FORMAT),
                            "use the version of fovea that wrote it, or a newer one");
    return FV_OK;
}

fv_status fv_model_read(fv_ctx *ctx, const fv_tensor_file *file, fv_model **out)
{
    const char *path = fv_tensor_file_name(file), *name = fv_tensor_file_metadata(file, "fovea.name");
    fv_model *model = NULL;
    *out = NULL;
    FV_TRY(check_format(ctx, file));
    FV_TRY(fv_model_create(ctx, &model));
    snprintf(model->name, sizeof model->name, "%s", name ? name : "model");
    fv_status status = load(model, file);
    /* What the builder would refuse is a defect of the file here. */
    if (status != FV_OK && fv_status_exit_code(status) <= 3)
        status = FV_ERR_MODEL_FORMAT;
    if (status != FV_OK && strncmp(fv_ctx_error(ctx), path, strlen(path)) != 0)
        fv_fail_prefix(ctx, status, path);
    if (status != FV_OK)
        fv_model_destroy(&model);
    *out = model;
    return status;
}
