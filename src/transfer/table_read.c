/* SPDX-License-Identifier: Apache-2.0 */
/* Tables read back from the files that fv_feature_table_write made. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <fovea/arrays.h>

#include "base/doc.h"
#include "base/text.h"
#include "io/tensor_file.h"
#include "transfer/table.h"

/* A file on its way to a table. */
typedef struct source {
    fv_ctx *ctx;
    const char *path;
    fv_doc *doc; /* what the rows are; NULL: CSV, which says it itself */
    fv_arrays *arrays;
    fv_tensor_file *tensors;
    fv_feature_stage *stages;
    int count;
    fv_feature_table *table;
} source;

static fv_status fail_form(const source *s, const char *what)
{
    return fv_fail_hint(s->ctx, fv_fail(s->ctx, FV_ERR_DATA_FORMAT, "%s: %s", s->path, what),
                        "expected a file that `fovea features` wrote, and NAME.json beside a NumPy file");
}

/* ---- what the rows are ---- */

static bool read_dims(const fv_doc_node *list, fv_shape *shape)
{
    if (!list || list->kind != FV_DOC_LIST || list->count < 1 || list->count >= FV_MAX_RANK)
        return false;
    *shape = (fv_shape){.rank = (int32_t)list->count + 1, .dim = {1}};
    for (int64_t i = 0; i < list->count; i++) {
        if (list->child[i].kind != FV_DOC_INT || list->child[i].integer < 1)
            return false;
        shape->dim[i + 1] = list->child[i].integer;
    }
    return fv_shape_count(shape) > 0;
}

static bool read_stage(const fv_doc_node *node, fv_feature_stage *stage)
{
    const fv_doc_node *name = fv_doc_get(node, "name"), *pool = fv_doc_get(node, "pool");
    *stage = (fv_feature_stage){.pool = FV_POOLING_COUNT};
    if (!name || name->kind != FV_DOC_STRING || !pool || pool->kind != FV_DOC_STRING ||
        !read_dims(fv_doc_get(node, "shape"), &stage->shape) ||
        !read_dims(fv_doc_get(node, "features"), &stage->features))
        return false;
    for (int i = 0; i < FV_POOLING_COUNT; i++)
        if (strcmp(fv_pooling_names()[i], pool->text) == 0)
            stage->pool = (fv_pooling)i;
    stage->name = name->text;
    stage->width = fv_shape_count(&stage->features);
    return stage->pool != FV_POOLING_COUNT;
}

static fv_status read_stages(source *s)
{
    const fv_doc_node *root = fv_doc_root(s->doc), *format = fv_doc_get(root, "format");
    const fv_doc_node *list = fv_doc_get(root, "stages");
    if (!format || format->kind != FV_DOC_STRING || strcmp(format->text, FV_FEATURES_FORMAT) != 0 || !list ||
        list->kind != FV_DOC_LIST || list->count < 1 || list->count > 100000)
        return fail_form(s, "no table of features");
    s->stages = fv_calloc(s->ctx, (size_t)list->count, sizeof *s->stages);
    if (!s->stages)
        return FV_ERR_NO_MEMORY;
    for (; s->count < list->count; s->count++)
        if (!read_stage(&list->child[s->count], &s->stages[s->count]))
            return fail_form(s, "what it says of its layers cannot be read");
    return FV_OK;
}

static fv_status read_classes(source *s)
{
    const fv_doc_node *root = fv_doc_root(s->doc), *list = fv_doc_get(root, "classes");
    const fv_doc_node *model = fv_doc_get(root, "model"), *digest = fv_doc_get(root, "digest");
    const int64_t n = list && list->kind == FV_DOC_LIST ? list->count : 0;
    const char **names = fv_calloc(s->ctx, (size_t)n + 1, sizeof *names);
    fv_status status = names ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; status == FV_OK && i < n; i++) {
        names[i] = list->child[i].text;
        if (list->child[i].kind != FV_DOC_STRING)
            status = fail_form(s, "a class is no text");
    }
    if (status == FV_OK)
        status = fv_feature_table_set_classes(s->table, names, n);
    fv_free(s->ctx, names);
    if (status == FV_OK && model && digest && model->kind == FV_DOC_STRING && digest->kind == FV_DOC_STRING)
        status = fv_feature_table_set_model(s->table, model->text, digest->text);
    return status;
}

/* ---- numbers ---- */

/* The array of a stage, which must have its shape. */
static fv_status find_array(const source *s, int stage, int64_t rows, const float **array, const fv_st_entry **entry)
{
    const fv_feature_stage *about = &s->stages[stage];
    const fv_shape one = fv_feature_file_shape(about);
    const fv_tensor *tensor = NULL;
    fv_shape expected = {.rank = one.rank + 1, .dim = {rows}}, found = {0};
    memcpy(expected.dim + 1, one.dim, (size_t)one.rank * sizeof *one.dim);
    *array = NULL;
    *entry = s->tensors ? fv_tensor_file_find(s->tensors, about->name) : NULL;
    for (int i = 0; s->arrays && i < fv_arrays_count(s->arrays); i++)
        if (s->count == 1 && fv_arrays_count(s->arrays) == 1)
            tensor = fv_arrays_tensor(s->arrays, i);
        else if (strcmp(fv_arrays_name(s->arrays, i), about->name) == 0)
            tensor = fv_arrays_tensor(s->arrays, i);
    if (tensor)
        found = *fv_tensor_shape(tensor);
    else if (*entry)
        found = (*entry)->shape;
    if (!fv_shape_equal(&found, &expected) || (tensor && fv_tensor_dtype(tensor) != FV_F32) ||
        (*entry && (*entry)->dtype != FV_F32)) {
        char a[96], b[96];
        const fv_dtype dtype = tensor ? fv_tensor_dtype(tensor) : *entry ? (fv_dtype)(*entry)->dtype : FV_F32;
        return fv_fail(s->ctx, FV_ERR_DATA_FORMAT, "%s: '%s' is %s %s: expected f32 %s", s->path, about->name,
                       tensor || *entry ? fv_dtype_name(dtype) : "not",
                       tensor || *entry ? fv_shape_text(&found, a) : "there", fv_shape_text(&expected, b));
    }
    *array = tensor ? fv_tensor_const_data(tensor) : NULL;
    return FV_OK;
}

/* Row i of all stages. */
static fv_status read_row(const source *s, int64_t i, const float *const *arrays, const fv_st_entry *const *entries,
                          float *turned, float *row)
{
    for (int k = 0; k < s->count; k++) {
        const int64_t width = s->stages[k].width;
        const float *from = arrays[k] ? arrays[k] + i * width : turned;
        if (!arrays[k])
            FV_TRY(fv_tensor_file_floats(s->tensors, entries[k], i * width, width, turned));
        for (int64_t j = 0; j < width; j++)
            if (!isfinite(from[j]))
                return fv_fail(s->ctx, FV_ERR_DATA_FORMAT, "%s: number %lld of row %lld of '%s' is not finite", s->path,
                               (long long)j, (long long)i, s->stages[k].name);
        fv_feature_turn(&s->stages[k], false, from, row);
        row += width;
    }
    return FV_OK;
}

static fv_status read_rows(source *s)
{
    const fv_doc_node *list = fv_doc_get(fv_doc_root(s->doc), "samples");
    const float **arrays = fv_calloc(s->ctx, (size_t)s->count, sizeof *arrays);
    const fv_st_entry **entries = fv_calloc(s->ctx, (size_t)s->count, sizeof *entries);
    float *row = fv_calloc(s->ctx, 2 * (size_t)s->table->width, sizeof *row);
    fv_status status = arrays && entries && row ? FV_OK : FV_ERR_NO_MEMORY;
    for (int k = 0; status == FV_OK && k < s->count; k++)
        status = find_array(s, k, list->count, &arrays[k], &entries[k]);
    for (int64_t i = 0; status == FV_OK && i < list->count; i++) {
        const fv_doc_node *path = fv_doc_get(&list->child[i], "path"), *label = fv_doc_get(&list->child[i], "label");
        const int64_t y = label && label->kind == FV_DOC_INT ? label->integer : -1;
        if (!path || path->kind != FV_DOC_STRING || y < -1 || y >= s->table->classes)
            status = fail_form(s, "what it says of its samples cannot be read");
        if (status == FV_OK)
            status = read_row(s, i, arrays, entries, row + s->table->width, row);
        if (status == FV_OK)
            status = fv_feature_table_add(s->table, path->text, (int32_t)y, 0, row);
    }
    fv_free(s->ctx, arrays);
    fv_free(s->ctx, entries);
    fv_free(s->ctx, row);
    return status;
}

/* The table of a file whose arrays and description are at hand. */
static fv_status read_table(source *s)
{
    const fv_doc_node *samples = fv_doc_get(fv_doc_root(s->doc), "samples");
    FV_TRY(read_stages(s));
    if (!samples || samples->kind != FV_DOC_LIST || samples->count < 1)
        return fail_form(s, "there are no samples in it");
    FV_TRY(fv_feature_table_create(s->ctx, s->stages, s->count, samples->count, NULL, &s->table));
    FV_TRY(read_classes(s));
    return read_rows(s);
}

/* ---- forms ---- */

static fv_status read_numpy(source *s)
{
    fv_str name = {.ctx = s->ctx};
    FV_TRY(fv_arrays_read(s->ctx, s->path, &s->arrays));
    fv_str_printf(&name, "%s.json", s->path);
    fv_status status = fv_str_status(&name);
    if (status == FV_OK)
        status = fv_doc_read(s->ctx, name.data, &s->doc);
    if (status != FV_OK && status != FV_ERR_NO_MEMORY) { /* for whoever has only the arrays, too */
        char why[600];
        snprintf(why, sizeof why, "what its rows are cannot be read: %.480s", fv_ctx_error(s->ctx));
        status = fail_form(s, why);
    }
    fv_str_free(&name);
    return status == FV_OK ? read_table(s) : status;
}

static fv_status read_safetensors(source *s)
{
    FV_TRY(fv_tensor_file_open(s->ctx, s->path, &s->tensors));
    const char *text = fv_tensor_file_metadata(s->tensors, FV_FEATURES_KEY);
    if (!text)
        return fail_form(s, "a file of tensors, but no table of features");
    FV_TRY(fv_doc_parse_json(s->ctx, s->path, text, strlen(text), &s->doc));
    return read_table(s);
}

/* One field of a line of CSV into `text`, without its quotes; behind the comma, or at the line's end. */
static const char *next_field(const char *at, fv_str *text)
{
    text->size = 0;
    const bool quoted = *at == '"';
    for (at += quoted; *at && (quoted || (*at != ',' && *at != '\n')); at++) {
        if (quoted && *at == '"' && *++at != '"')
            break;
        fv_str_append_n(text, at, 1);
    }
    fv_str_append(text, "");
    return *at == ',' ? at + 1 : at;
}

/* The stages of a line "path,label,NAME:0,NAME:1,...": rows, as a line does not say more. */
static fv_status read_columns(source *s, const char *at, fv_str *field)
{
    char name[600];
    s->stages = fv_calloc(s->ctx, 1024, sizeof *s->stages);
    for (int column = 0; s->stages && *at && *at != '\n'; column++) {
        at = next_field(at, field);
        FV_TRY(fv_str_status(field));
        if (column < 2 && strcmp(fv_str_get(field), column ? "label" : "path") != 0)
            return fail_form(s, "its first line does not begin with path,label");
        const char *colon = strrchr(fv_str_get(field), ':');
        if (column < 2)
            continue;
        snprintf(name, sizeof name, "%.*s", colon ? (int)(colon - field->data) : 0, field->data);
        const bool first = s->count == 0 || strcmp(s->stages[s->count - 1].name, name) != 0;
        if (!*name || (first && s->count == 1024))
            return fail_form(s, "a column is not called LAYER:NUMBER");
        if (first && !(s->stages[s->count++].name = fv_strdup(s->ctx, name)))
            return FV_ERR_NO_MEMORY;
        s->stages[s->count - 1].width++;
    }
    for (int k = 0; k < s->count; k++)
        s->stages[k].shape = s->stages[k].features = (fv_shape){2, {1, s->stages[k].width}};
    return !s->stages ? FV_ERR_NO_MEMORY : s->count > 0 ? FV_OK : fail_form(s, "it has no numbers");
}

/* The number of a class by name, which is a new one behind the others if need be; -1: no name. */
static fv_status class_of(fv_str *names, const char *name, int32_t *label)
{
    int32_t n = 0;
    *label = -1;
    if (!*name)
        return FV_OK;
    for (const char *at = names->data; at && at < names->data + names->size; at += strlen(at) + 1, n++)
        if (strcmp(at, name) == 0) {
            *label = n;
            return FV_OK;
        }
    *label = n;
    fv_str_append_n(names, name, strlen(name) + 1);
    return fv_str_status(names);
}

static fv_status set_names(source *s, const fv_str *names)
{
    const char **list = fv_calloc(s->ctx, names->size + 1, sizeof *list);
    int64_t n = 0;
    if (!list)
        return FV_ERR_NO_MEMORY;
    for (const char *at = names->data; at && at < names->data + names->size; at += strlen(at) + 1)
        list[n++] = at;
    const fv_status status = fv_feature_table_set_classes(s->table, list, n);
    fv_free(s->ctx, list);
    return status;
}

static fv_status read_line(source *s, int64_t number, const char *at, fv_str *fields, float *row)
{
    int32_t label;
    at = next_field(at, &fields[0]);
    at = next_field(at, &fields[1]);
    FV_TRY(fv_str_status(&fields[0]));
    FV_TRY(fv_str_status(&fields[1]));
    FV_TRY(class_of(&fields[2], fv_str_get(&fields[1]), &label));
    for (int64_t i = 0; i < s->table->width; i++) {
        double value;
        at = next_field(at, &fields[1]);
        FV_TRY(fv_str_status(&fields[1]));
        if (!fv_text_to_double(fv_str_get(&fields[1]), &value) || !isfinite((float)value))
            return fv_fail(s->ctx, FV_ERR_DATA_FORMAT, "%s:%lld: '%.40s' in column %lld: expected a number", s->path,
                           (long long)number, fv_str_get(&fields[1]), (long long)i + 3);
        row[i] = (float)value;
    }
    if (*at && *at != '\n')
        return fv_fail(s->ctx, FV_ERR_DATA_FORMAT, "%s:%lld: more than %lld columns", s->path, (long long)number,
                       (long long)s->table->width + 2);
    return fv_feature_table_add(s->table, fv_str_get(&fields[0]), label, 0, row);
}

/* Behind the line's end; names may have one in quotes. */
static const char *next_line(const char *at)
{
    bool quoted = false;
    for (; *at && (quoted || *at != '\n'); at++)
        quoted ^= *at == '"';
    return *at ? at + 1 : at;
}

static fv_status read_lines(source *s, const char *text, fv_str *fields)
{
    int64_t lines = 0;
    FV_TRY(read_columns(s, text, &fields[0]));
    for (const char *at = next_line(text); *at; at = next_line(at))
        lines++;
    if (lines == 0)
        return fail_form(s, "there are no samples in it");
    FV_TRY(fv_feature_table_create(s->ctx, s->stages, s->count, lines, NULL, &s->table));
    float *row = fv_calloc(s->ctx, (size_t)s->table->width, sizeof *row);
    fv_status status = row ? FV_OK : FV_ERR_NO_MEMORY;
    int64_t number = 2;
    for (const char *at = next_line(text); status == FV_OK && *at; at = next_line(at))
        status = read_line(s, number++, at, fields, row);
    fv_free(s->ctx, row);
    return status == FV_OK ? set_names(s, &fields[2]) : status;
}

static fv_status read_csv(source *s)
{
    uint8_t *text = NULL;
    int64_t size;
    fv_str fields[3] = {{.ctx = s->ctx}, {.ctx = s->ctx}, {.ctx = s->ctx}};
    FV_TRY(fv_file_read(s->ctx, s->path, 0, false, &text, &size));
    const fv_status status = read_lines(s, (const char *)text, fields);
    for (int i = 0; i < s->count; i++)
        fv_free(s->ctx, (char *)(uintptr_t)s->stages[i].name);
    for (int i = 0; i < 3; i++)
        fv_str_free(&fields[i]);
    fv_free(s->ctx, text);
    return status;
}

/* The file is read whole, and its rows are kept beside it. */
static fv_status check_room(fv_ctx *ctx, const char *path)
{
    struct stat st;
    int64_t now;
    const int64_t limit = fv_ctx_memory_limit(ctx);
    fv_ctx_memory(ctx, &now, NULL);
    if (stat(path, &st) != 0 || limit <= 0 || 2 * st.st_size <= limit - now)
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_OVER_BUDGET,
                                "%s: %.1f MiB of features need twice that, and the limit is %.1f "
                                "MiB, of which %.1f are in use",
                                path, (double)st.st_size / 1048576, (double)limit / 1048576, (double)now / 1048576),
                        "raise --memory, or pool the maps");
}

fv_status fv_feature_table_read(fv_ctx *ctx, const char *path, fv_feature_table **table)
{
    static const char *const numpy[] = {".npy", ".npz", NULL}, *const csv[] = {".csv", NULL};
    source s = {.ctx = ctx, .path = path};
    *table = NULL;
    FV_TRY(fv_feature_file_check(ctx, path, 1));
    FV_TRY(check_room(ctx, path));
    const fv_status status = fv_text_has_ending(path, numpy) ? read_numpy(&s)
                             : fv_text_has_ending(path, csv) ? read_csv(&s)
                                                             : read_safetensors(&s);
    fv_doc_destroy(&s.doc);
    fv_arrays_destroy(&s.arrays);
    fv_tensor_file_close(&s.tensors);
    fv_free(ctx, s.stages);
    if (status != FV_OK)
        fv_feature_table_destroy(&s.table);
    *table = s.table;
    return status;
}
