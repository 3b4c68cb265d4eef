/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture files: `input: [h, w, c]` and `layers:`, a list. A layer is its name, or a map from its name to its
 * keys; every layer also takes `name:` (of its parameters), `id:` (for later `from:`) and `from:` (what it is fed with;
 * default: the layer before). `from` knows every id, `input`, `previous` and, within `repeat`, `block`: what enters the
 * block. `aux: WEIGHT` beside `layers:` is an auxiliary head.
 */
#include <stdio.h>
#include <string.h>

#include "nn/architecture.h"
#include "nn/head.h"

#define FV_ARCH_LAYERS_MAX 10000

typedef struct arch_id {
    const char *name;
    fv_value value;
} arch_id;

typedef struct reader {
    fv_arch arch;
    fv_ctx *ctx;
    const fv_doc *doc;
    arch_id *ids;
    int64_t n_ids, cap_ids;
    fv_value previous;
    int64_t layers, blocks, heads;
} reader;

static const char *const layer_keys[] = {"name", "id", "from", NULL};

/* ---- ids ---- */

/* The first id of the scope is `scope`: an id may hide one of an outer scope, not one of its own. */
static fv_status check_id(const reader *r, const fv_doc_node *node, const char *name, int64_t scope)
{
    for (int64_t i = scope; i < r->n_ids; i++) {
        if (strcmp(r->ids[i].name, name) == 0)
            return fv_doc_fail(r->doc, node, FV_ERR_VALUE, "id '%s' is taken: every id names one layer", name);
    }
    if (strcmp(name, "previous") == 0 || strcmp(name, "input") == 0)
        return fv_doc_fail(r->doc, node, FV_ERR_VALUE, "id '%s' has a meaning of its own: choose another", name);
    return FV_OK;
}

static fv_status define(reader *r, const char *name, fv_value value)
{
    if (r->n_ids == r->cap_ids) {
        int64_t grown = r->cap_ids ? r->cap_ids * 2 : 16;
        arch_id *ids = fv_realloc(r->ctx, r->ids, (size_t)grown * sizeof *ids);
        if (!ids)
            return FV_ERR_NO_MEMORY;
        r->ids = ids;
        r->cap_ids = grown;
    }
    r->ids[r->n_ids++] = (arch_id){name, value};
    return FV_OK;
}

static fv_status unknown_id(reader *r, const fv_doc_node *node)
{
    const char **names = fv_calloc(r->ctx, (size_t)r->n_ids + 2, sizeof *names);
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < r->n_ids; i++)
        names[i] = r->ids[i].name;
    names[r->n_ids] = "previous";
    const char *nearest = fv_text_nearest(node->text, names);
    fv_status status =
        fv_doc_fail(r->doc, node, FV_ERR_UNKNOWN_OPTION, "no layer before this one has the id '%s'%s%s%s", node->text,
                    nearest ? ": did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    fv_free(r->ctx, names);
    return status;
}

static fv_status resolve(reader *r, const fv_doc_node *node, fv_value *value)
{
    const char *name = NULL;
    FV_TRY(fv_doc_string(r->doc, node, "from", &name));
    *value = r->previous;
    if (strcmp(name, "previous") == 0)
        return FV_OK;
    for (int64_t i = r->n_ids - 1; i >= 0; i--) {
        if (strcmp(r->ids[i].name, name) == 0) {
            *value = r->ids[i].value;
            return FV_OK;
        }
    }
    return unknown_id(r, node);
}

/* What feeds a layer: `node` is the value of its `from`, or NULL. */
static fv_status read_from(reader *r, const fv_doc_node *node, fv_value in[FV_MAX_OPERANDS], int *count)
{
    *count = 1;
    in[0] = r->previous;
    if (!node)
        return FV_OK;
    if (node->kind != FV_DOC_LIST)
        return resolve(r, node, &in[0]);
    if (node->count < 1 || node->count > FV_MAX_OPERANDS)
        return fv_doc_fail(r->doc, node, FV_ERR_VALUE, "from: %lld layers: expected 1 to %d", (long long)node->count,
                           FV_MAX_OPERANDS);
    *count = (int)node->count;
    for (int i = 0; i < *count; i++)
        FV_TRY(resolve(r, &node->child[i], &in[i]));
    return FV_OK;
}

/* ---- layers ---- */

static const fv_arch_layer *find_layer(const char *name)
{
    for (const fv_arch_layer *row = fv_arch_layers; row->keys.name; row++) {
        if (strcmp(row->keys.name, name) == 0)
            return row;
    }
    return NULL;
}

static fv_status unknown_layer(reader *r, const fv_doc_node *node, const char *name)
{
    const char *nearest = fv_text_nearest(name, fv_op_names());
    int count = 0;
    while (fv_arch_layers[count].keys.name)
        count++;
    const char *own[32] = {NULL};
    for (int i = 0; i < count && i < 31; i++)
        own[i] = fv_arch_layers[i].keys.name;
    const char *among_own = fv_text_nearest(name, own);
    nearest = among_own ? among_own : nearest;
    return fv_doc_fail(r->doc, node, FV_ERR_UNKNOWN_OPTION, "there is no layer '%s'%s%s%s", name,
                       nearest ? ": did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* The model's first error, with the place in the file in front. */
static fv_status place_error(reader *r, const fv_doc_node *node)
{
    char place[512];
    fv_model *m = r->arch.m;
    if (m->error == FV_OK)
        return FV_OK;
    snprintf(place, sizeof place, "%.400s:%d:%d", fv_doc_name(r->doc), node->line, node->column);
    return fv_fail_prefix(r->ctx, m->error, place);
}

/* What describes a layer's keys; NULL: there is no such layer. */
static const fv_op *keys_of(const reader *r, const char *layer)
{
    const fv_arch_layer *row = find_layer(layer);
    const fv_op *op = row ? &row->keys : fv_op_find(r->ctx, layer);
    return op && !(op->traits & (FV_T_BACKWARD | FV_T_LOSS)) ? op : NULL;
}

/* A layer of the table or an operator, with its keys read. `map` holds them (NULL: none). */
static fv_status make_layer(reader *r, const fv_doc_node *node, const char *layer, const fv_doc_node *map,
                            const char *name, const fv_value *in, int count, fv_value *out)
{
    const fv_arch_layer *row = find_layer(layer);
    const fv_op *op = keys_of(r, layer);
    if (row && count != 1)
        return fv_doc_fail(r->doc, node, FV_ERR_VALUE, "%s takes one input, from names %d", layer, count);
    void *params = fv_calloc(r->ctx, 1, op->attr_size ? op->attr_size : 1);
    if (!params)
        return FV_ERR_NO_MEMORY;
    fv_attr_defaults(op, params);
    fv_status status = FV_OK;
    if (map)
        status = fv_attr_read(op, params, r->doc, map, layer_keys);
    if (status == FV_OK && row) {
        *out = row->make(&r->arch, name, params, in[0]);
    } else if (status == FV_OK) {
        char full[FV_NAME_MAX];
        if (fv_nn_name(r->arch.m, layer, name, full))
            *out = fv_nn_append(r->arch.m, layer, full, params, in, count);
    }
    fv_free(r->ctx, params);
    return status == FV_OK ? place_error(r, node) : status;
}

/* One layer: `node` is where it stands, `value` what stands behind its name (NULL: nothing). */
static fv_status read_layer(reader *r, const fv_doc_node *node, const char *layer, const fv_doc_node *value,
                            int64_t scope)
{
    const fv_arch_layer *row = find_layer(layer);
    const fv_doc_node *from = NULL, *id = NULL, *named = NULL, *map = NULL;
    fv_doc_node single, wrapped;
    fv_value in[FV_MAX_OPERANDS], out = fv_no_value;
    const char *name = NULL, *id_text = NULL;
    int count;
    if (!keys_of(r, layer))
        return unknown_layer(r, node, layer);
    if (value && value->kind == FV_DOC_MAP) {
        map = value;
        from = fv_doc_get(map, "from");
        id = fv_doc_get(map, "id");
        named = fv_doc_get(map, "name");
    } else if (value && value->kind == FV_DOC_LIST && !(row && row->main)) {
        from = value; /* concat: [left, right] */
    } else if (value && value->kind != FV_DOC_NULL) {
        if (!row || !row->main)
            return fv_doc_fail(r->doc, value, FV_ERR_VALUE, "%s: expected a map of its keys, found '%s'", layer,
                               value->text ? value->text : "a list");
        single = *value; /* dense: 10 */
        single.key = row->main;
        wrapped = (fv_doc_node){
            .kind = FV_DOC_MAP, .line = value->line, .column = value->column, .count = 1, .child = &single};
        map = &wrapped;
    }
    if (named)
        FV_TRY(fv_doc_string(r->doc, named, "name", &name));
    if (id)
        FV_TRY(fv_doc_string(r->doc, id, "id", &id_text));
    if (id)
        FV_TRY(check_id(r, id, id_text, scope));
    FV_TRY(read_from(r, from, in, &count));
    if (++r->layers > FV_ARCH_LAYERS_MAX)
        return fv_doc_fail(r->doc, node, FV_ERR_VALUE, "more than %d layers", FV_ARCH_LAYERS_MAX);
    FV_TRY(make_layer(r, node, layer, map, name ? name : id_text, in, count, &out));
    r->previous = out;
    return id ? define(r, id_text, out) : FV_OK;
}

static fv_status read_list(reader *r, const fv_doc_node *list, int64_t scope);

/* The name of a part of the list: `name:`, else KIND and its number. */
static fv_status read_name(reader *r, const fv_doc_node *map, const char *kind, int64_t number, char name[201])
{
    const fv_doc_node *named = fv_doc_get(map, "name");
    const char *text = NULL;
    snprintf(name, 201, "%s%lld", kind, (long long)number);
    if (named)
        FV_TRY(fv_doc_string(r->doc, named, "name", &text));
    if (text)
        snprintf(name, 201, "%.200s", text);
    return FV_OK;
}

/* Parameters are named OUTER.NAME.… until fv_prefix puts `outer` back. */
static fv_status enter(reader *r, const fv_doc_node *map, const char *outer, const char *name)
{
    char prefix[512];
    snprintf(prefix, sizeof prefix, "%.191s%s%.300s", outer, outer[0] ? "." : "", name);
    fv_prefix(r->arch.m, prefix);
    return place_error(r, map);
}

/* `repeat: 3` beside `layers:` (and perhaps `name:`): the list again and again, each time under the prefix NAME.<i>. */
static fv_status read_repeat(reader *r, const fv_doc_node *map)
{
    static const char *const keys[] = {"repeat", "layers", "name", NULL};
    const fv_doc_node *list = fv_doc_get(map, "layers");
    char outer[sizeof r->arch.m->prefix], name[201], numbered[232];
    int64_t times = 0;
    FV_TRY(fv_doc_check_keys(r->doc, map, keys));
    FV_TRY(fv_doc_int(r->doc, fv_doc_get(map, "repeat"), "repeat", &times));
    if (times < 1 || times > 1000)
        return fv_doc_fail(r->doc, map, FV_ERR_VALUE, "repeat: %lld: expected 1 to 1000", (long long)times);
    if (!list)
        return fv_doc_fail(r->doc, map, FV_ERR_VALUE, "repeat needs 'layers', a list");
    FV_TRY(read_name(r, map, "block", ++r->blocks, name));
    memcpy(outer, r->arch.m->prefix, sizeof outer);
    for (int64_t i = 0; i < times; i++) {
        const int64_t scope = r->n_ids;
        snprintf(numbered, sizeof numbered, "%s.%lld", name, (long long)i);
        FV_TRY(enter(r, map, outer, numbered));
        FV_TRY(define(r, "block", r->previous));
        FV_TRY(read_list(r, list, scope));
        r->n_ids = scope;
    }
    fv_prefix(r->arch.m, outer);
    return FV_OK;
}

/* `aux: 0.3` beside `layers:` (and perhaps `name:` and `from:`): an auxiliary head of that weight, under the prefix
 * NAME. What follows goes on from where it branches off. */
static fv_status read_aux(reader *r, const fv_doc_node *map)
{
    static const char *const keys[] = {"aux", "layers", "name", "from", NULL};
    const fv_doc_node *list = fv_doc_get(map, "layers");
    const fv_value trunk = r->previous;
    const int64_t scope = r->n_ids;
    char outer[sizeof r->arch.m->prefix], name[201];
    fv_value in[FV_MAX_OPERANDS];
    double weight = 0;
    int count;
    FV_TRY(fv_doc_check_keys(r->doc, map, keys));
    FV_TRY(fv_doc_real(r->doc, fv_doc_get(map, "aux"), "aux", &weight));
    if (!list)
        return fv_doc_fail(r->doc, map, FV_ERR_VALUE, "aux needs 'layers', a list");
    FV_TRY(read_from(r, fv_doc_get(map, "from"), in, &count));
    if (count != 1)
        return fv_doc_fail(r->doc, map, FV_ERR_VALUE, "aux takes one input, from names %d", count);
    FV_TRY(read_name(r, map, "aux", ++r->heads, name));
    memcpy(outer, r->arch.m->prefix, sizeof outer);
    FV_TRY(enter(r, map, outer, name));
    r->previous = in[0];
    FV_TRY(read_list(r, list, scope));
    fv_aux_head(r->arch.m, r->previous, weight);
    fv_prefix(r->arch.m, outer);
    r->n_ids = scope;
    r->previous = trunk;
    return place_error(r, map);
}

static fv_status read_list(reader *r, const fv_doc_node *list, int64_t scope)
{
    if (list->kind != FV_DOC_LIST || list->count < 1)
        return fv_doc_fail(r->doc, list, FV_ERR_VALUE, "layers: expected a list of layers");
    for (int64_t i = 0; i < list->count; i++) {
        const fv_doc_node *node = &list->child[i];
        if (node->kind == FV_DOC_STRING) {
            FV_TRY(read_layer(r, node, node->text, NULL, scope));
        } else if (node->kind == FV_DOC_MAP && fv_doc_get(node, "repeat")) {
            FV_TRY(read_repeat(r, node));
        } else if (node->kind == FV_DOC_MAP && fv_doc_get(node, "aux")) {
            FV_TRY(read_aux(r, node));
        } else if (node->kind == FV_DOC_MAP && node->count == 1) {
            FV_TRY(read_layer(r, node, node->child[0].key, &node->child[0], scope));
        } else {
            return fv_doc_fail(r->doc, node, FV_ERR_VALUE, "expected one layer: its name, or 'name: {keys}'%s",
                               node->kind == FV_DOC_MAP ? " (are its keys indented too little?)" : "");
        }
    }
    return FV_OK;
}

/* ---- the file ---- */

static fv_status read_input(reader *r, const fv_doc_node *root, const fv_zoo_options *o)
{
    const fv_doc_node *node = fv_doc_get(root, "input");
    int64_t size[3];
    if (!node || node->kind != FV_DOC_LIST || node->count != 3)
        return fv_doc_fail(r->doc, node ? node : root, FV_ERR_VALUE,
                           "input: expected a list of height, width and channels, e.g. [28, 28, 1]");
    for (int i = 0; i < 3; i++)
        FV_TRY(fv_doc_int(r->doc, &node->child[i], "input", &size[i]));
    if (o && (o->img_size[0] || o->img_size[1])) {
        size[0] = o->img_size[0] ? o->img_size[0] : o->img_size[1];
        size[1] = o->img_size[1] ? o->img_size[1] : o->img_size[0];
    }
    size[2] = o && o->channels ? o->channels : size[2];
    r->previous = fv_input(r->arch.m, size[0], size[1], size[2]);
    FV_TRY(place_error(r, node));
    return define(r, "input", r->previous);
}

/* "nets/small.yaml" -> "small" unless the file says `name:`. */
static fv_status set_name(reader *r, const fv_doc_node *root, const char *path)
{
    const fv_doc_node *node = fv_doc_get(root, "name");
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    int size = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    if (node) {
        FV_TRY(fv_doc_string(r->doc, node, "name", &name));
        size = (int)strlen(name);
    }
    snprintf(r->arch.m->name, sizeof r->arch.m->name, "%.*s", size, name);
    return FV_OK;
}

static fv_status read_file(reader *r, const char *path, const fv_zoo_options *o)
{
    static const char *const keys[] = {"name", "input", "layers", NULL};
    const fv_doc_node *root = fv_doc_root(r->doc);
    if (root->kind != FV_DOC_MAP)
        return fv_doc_fail(r->doc, root, FV_ERR_VALUE, "expected 'input' and 'layers'");
    FV_TRY(fv_doc_check_keys(r->doc, root, keys));
    FV_TRY(set_name(r, root, path));
    FV_TRY(read_input(r, root, o));
    const fv_doc_node *list = fv_doc_get(root, "layers");
    if (!list)
        return fv_doc_fail(r->doc, root, FV_ERR_VALUE, "'layers' is missing");
    FV_TRY(read_list(r, list, 1));
    fv_status status = fv_model_finish_as(r->arch.m, r->previous, o);
    if (status == FV_OK && o && o->classes && o->classes != fv_model_classes(r->arch.m))
        status = fv_model_change_head(r->arch.m, o->classes);
    return status == FV_OK ? FV_OK : fv_fail_prefix(r->ctx, status, fv_doc_name(r->doc));
}

fv_status fv_model_read_architecture(fv_ctx *ctx, const char *path, const fv_zoo_options *options, fv_model **out)
{
    fv_doc *doc = NULL;
    reader r = {.ctx = ctx, .arch = {.dropout = options ? options->dropout : -1}};
    *out = NULL;
    if (options && (options->classes < 0 || options->channels < 0 || options->img_size[0] < 0 ||
                    options->img_size[1] < 0 || !(options->dropout < 1)))
        return fv_fail(ctx, FV_ERR_VALUE, "%s: classes, channels and image size must be 0 or more, dropout below 1",
                       path);
    if (options && options->drop_path != 0)
        return fv_fail_hint(
            ctx, fv_fail(ctx, FV_ERR_CONFLICT, "%s: an architecture file has its own stochastic depth", path),
            "leave out --drop-path, and write a layer at the end of a branch: - stochastic_depth: {rate: 0.1}");
    FV_TRY(fv_doc_read(ctx, path, &doc));
    r.doc = doc;
    fv_status status = fv_model_create(ctx, &r.arch.m);
    if (status == FV_OK)
        status = read_file(&r, path, options);
    if (status != FV_OK)
        fv_model_destroy(&r.arch.m);
    fv_free(ctx, r.ids);
    fv_doc_destroy(&doc);
    *out = r.arch.m;
    return status;
}
