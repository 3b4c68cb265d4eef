/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON texts of a model file. */
#include <string.h>

#include "base/json.h"
#include "io/safetensors_model.h"

static const char *const resize_names[] = {
    [FV_RESIZE_STRETCH] = "stretch", [FV_RESIZE_SHORT_CROP] = "short_crop", NULL};

/* ---- base64 (RFC 4648) ---- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(fv_str *out, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)data[i] << 16;
        bits |= n > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        bits |= n > 2 ? data[i + 2] : 0;
        char text[4] = {base64_digits[bits >> 18], base64_digits[bits >> 12 & 63],
                        n > 1 ? base64_digits[bits >> 6 & 63] : '=', n > 2 ? base64_digits[bits & 63] : '='};
        fv_str_append_n(out, text, sizeof text);
    }
}

/* Exactly `size` bytes; false for anything else. */
static bool get_base64(const char *text, uint8_t *data, size_t size)
{
    size_t length = strlen(text), at = 0;
    if (length != (size + 2) / 3 * 4)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 4; k++) {
            const char c = text[i + k];
            const char *digit = c ? strchr(base64_digits, c) : NULL;
            bool padding = c == '=' && at + k > size;
            if (!digit && !padding)
                return false;
            bits = bits << 6 | (uint32_t)(digit ? digit - base64_digits : 0);
        }
        for (int k = 16; k >= 0 && at < size; k -= 8)
            data[at++] = (uint8_t)(bits >> k);
    }
    return true;
}

/* ---- writing ---- */

static const char *const contrast_names[] = {"none", "equalize", "clahe", NULL};

static void put_reals(fv_json *j, const char *key, int64_t count, const float *value)
{
    fv_json_key(j, key);
    fv_json_begin_array(j);
    for (int64_t i = 0; i < count; i++)
        fv_json_float(j, value[i]);
    fv_json_end_array(j);
}

void fv_meta_pipeline(const fv_model *model, fv_str *out)
{
    const fv_pipeline *p = fv_model_pipeline(model);
    fv_json j = {.out = out};
    fv_json_begin_object(&j);
    fv_json_key(&j, "h");
    fv_json_int(&j, p->h);
    fv_json_key(&j, "w");
    fv_json_int(&j, p->w);
    fv_json_key(&j, "c");
    fv_json_int(&j, p->c);
    fv_json_key(&j, "resize");
    fv_json_string(&j, resize_names[p->resize]);
    fv_json_key(&j, "resize_size");
    fv_json_int(&j, p->resize_size);
    fv_json_key(&j, "filter");
    fv_json_string(&j, fv_filter_names()[p->filter]);
    fv_json_key(&j, "antialias");
    fv_json_bool(&j, p->antialias);
    fv_json_key(&j, "ignore_exif");
    fv_json_bool(&j, p->ignore_exif);
    if (p->fast_decode) {
        fv_json_key(&j, "fast_decode");
        fv_json_bool(&j, true);
    }
    if (p->bgr) {
        fv_json_key(&j, "bgr");
        fv_json_bool(&j, true);
    }
    fv_json_key(&j, "contrast");
    fv_json_string(&j, contrast_names[p->contrast]);
    if (p->contrast == FV_CONTRAST_CLAHE && (p->clahe_tiles[0] || p->clahe_tiles[1] || p->clahe_clip > 0)) {
        const float clahe[3] = {(float)p->clahe_tiles[0], (float)p->clahe_tiles[1], p->clahe_clip};
        put_reals(&j, "clahe", 3, clahe);
    }
    fv_json_key(&j, "standardize");
    fv_json_bool(&j, p->standardize);
    if (p->pca_value[0] > 0) {
        put_reals(&j, "pca_value", 3, p->pca_value);
        put_reals(&j, "pca_axis", 9, p->pca_axis);
    }
    put_reals(&j, "mean", p->c, p->mean);
    put_reals(&j, "std", p->c, p->std);
    fv_json_key(&j, "background");
    fv_json_begin_array(&j);
    for (int i = 0; i < 3; i++)
        fv_json_int(&j, p->background[i]);
    fv_json_end_array(&j);
    fv_json_end_object(&j);
}

void fv_meta_labels(const fv_model *model, fv_str *out)
{
    fv_json j = {.out = out};
    fv_json_begin_array(&j);
    for (int64_t i = 0; i < model->n_classes; i++)
        fv_json_string(&j, model->class_names[i]);
    fv_json_end_array(&j);
}

void fv_meta_init(const fv_model *model, fv_str *out)
{
    fv_json j = {.out = out};
    fv_json_begin_object(&j);
    for (int i = 0; i < model->n_slots; i++) {
        const fv_slot *slot = &model->slots[i];
        if (slot->init == FV_INIT_DEFAULT)
            continue;
        fv_json_key(&j, slot->name);
        fv_json_begin_array(&j);
        fv_json_string(&j, fv_init_names()[slot->init]);
        fv_json_real(&j, slot->init_value);
        fv_json_end_array(&j);
    }
    fv_json_end_object(&j);
}

/* {"aux1.fc2": 0.3, ...} */
void fv_meta_aux(const fv_model *model, fv_str *out)
{
    fv_json j = {.out = out};
    fv_json_begin_object(&j);
    for (int i = 0; i < model->aux.count; i++) {
        fv_json_key(&j, model->graph->vals[model->aux.head[i].val]->name);
        fv_json_real(&j, model->aux.head[i].weight);
    }
    fv_json_end_object(&j);
}

void fv_meta_selftest(const fv_model *model, fv_str *out)
{
    const fv_selftest *t = &model->selftest;
    fv_str_printf(out, "{\"seed\":%llu,\"vectors\":%lld,\"outputs\":%lld,\"data\":\"", (unsigned long long)t->seed,
                  (long long)t->vectors, (long long)t->count);
    put_base64(out, (const uint8_t *)t->output, (size_t)(t->vectors * t->count) * sizeof *t->output);
    fv_str_append(out, "\"}");
}

/* ---- reading ---- */

/* A number that must be there. */
static fv_status get_int(const fv_doc *doc, const char *key, int64_t *value)
{
    const fv_doc_node *node = fv_doc_get(fv_doc_root(doc), key);
    if (!node)
        return fv_doc_fail(doc, fv_doc_root(doc), FV_ERR_MODEL_FORMAT, "'%s' is missing", key);
    return fv_doc_int(doc, node, key, value);
}

static fv_status need(const fv_doc *doc, fv_doc_kind kind, const char *what)
{
    if (fv_doc_root(doc)->kind != kind)
        return fv_doc_fail(doc, fv_doc_root(doc), FV_ERR_MODEL_FORMAT, "expected %s", what);
    return FV_OK;
}

/* A list of exactly `count` numbers. */
static fv_status get_reals(const fv_doc *doc, const char *key, int64_t count, double *value)
{
    const fv_doc_node *node = fv_doc_get(fv_doc_root(doc), key);
    if (!node || node->kind != FV_DOC_LIST || node->count != count)
        return fv_doc_fail(doc, node ? node : fv_doc_root(doc), FV_ERR_MODEL_FORMAT, "'%s': expected %lld numbers", key,
                           (long long)count);
    for (int64_t i = 0; i < count; i++)
        FV_TRY(fv_doc_real(doc, &node->child[i], key, &value[i]));
    return FV_OK;
}

/* The place of a text in a list of names; *index stays where the key is not there. */
static fv_status get_name(const fv_doc *doc, const char *key, const char *const *names, int *index)
{
    const fv_doc_node *node = fv_doc_get(fv_doc_root(doc), key);
    const char *text = NULL;
    if (!node)
        return FV_OK;
    FV_TRY(fv_doc_string(doc, node, key, &text));
    for (*index = 0; names[*index]; ++*index) {
        if (strcmp(names[*index], text) == 0)
            return FV_OK;
    }
    return fv_doc_fail(doc, node, FV_ERR_MODEL_FORMAT, "unknown %s '%s'", key, text);
}

/* Rows and columns of tiles, and the limit; 0 stands for the usual. */
static fv_status get_clahe(const fv_doc *doc, fv_pipeline *p)
{
    double v[3];
    FV_TRY(get_reals(doc, "clahe", 3, v));
    for (int i = 0; i < 2; i++) {
        if (!(v[i] >= 0 && v[i] <= 64) || v[i] != (int)v[i])
            return fv_doc_fail(doc, fv_doc_get(fv_doc_root(doc), "clahe"), FV_ERR_MODEL_FORMAT,
                               "'clahe': expected whole numbers of tiles up to 64, and a limit");
        p->clahe_tiles[i] = (int)v[i];
    }
    if (!(v[2] >= 0 && v[2] <= 1e6))
        return fv_doc_fail(doc, fv_doc_get(fv_doc_root(doc), "clahe"), FV_ERR_MODEL_FORMAT,
                           "'clahe': a limit of %g, expected 0 to 1e6", v[2]);
    p->clahe_clip = (float)v[2];
    return FV_OK;
}

fv_status fv_meta_read_pipeline(fv_model *model, const fv_doc *doc)
{
    /* The first are looked at by themselves, or need not be there: files from before there was a choice have none. */
    enum { OPTIONAL = 11 };
    static const char *const keys[] = {"h",     "w",           "c",           "filter",    "contrast",
                                       "clahe", "standardize", "pca_value",   "pca_axis",  "fast_decode",
                                       "bgr",   "resize",      "resize_size", "antialias", "ignore_exif",
                                       "mean",  "std",         "background",  NULL};
    fv_pipeline p = *fv_model_pipeline(model);
    double mean[16], std[16], background[3], pca[12];
    const char *resize = NULL;
    int mode = 0, kernel = FV_FILTER_BILINEAR, contrast = FV_CONTRAST_NONE;
    FV_TRY(need(doc, FV_DOC_MAP, "a map"));
    const fv_doc_node *root = fv_doc_root(doc);
    FV_TRY(fv_doc_check_keys(doc, root, keys));
    FV_TRY(get_int(doc, "h", &p.h));
    FV_TRY(get_int(doc, "w", &p.w));
    FV_TRY(get_int(doc, "c", &p.c));
    FV_TRY(get_int(doc, "resize_size", &p.resize_size));
    for (size_t i = OPTIONAL; keys[i]; i++) {
        if (!fv_doc_get(root, keys[i]))
            return fv_doc_fail(doc, root, FV_ERR_MODEL_FORMAT, "'%s' is missing", keys[i]);
    }
    FV_TRY(fv_doc_string(doc, fv_doc_get(root, "resize"), "resize", &resize));
    while (resize_names[mode] && strcmp(resize_names[mode], resize) != 0)
        mode++;
    if (!resize_names[mode])
        return fv_doc_fail(doc, fv_doc_get(root, "resize"), FV_ERR_MODEL_FORMAT, "unknown resize '%s'", resize);
    p.resize = (fv_resize_mode)mode;
    FV_TRY(get_name(doc, "filter", fv_filter_names(), &kernel));
    FV_TRY(get_name(doc, "contrast", contrast_names, &contrast));
    p.filter = (fv_filter)kernel;
    p.contrast = (fv_contrast)contrast;
    if (fv_doc_get(root, "clahe"))
        FV_TRY(get_clahe(doc, &p));
    if (fv_doc_get(root, "standardize"))
        FV_TRY(fv_doc_bool(doc, fv_doc_get(root, "standardize"), "standardize", &p.standardize));
    if (fv_doc_get(root, "fast_decode"))
        FV_TRY(fv_doc_bool(doc, fv_doc_get(root, "fast_decode"), "fast_decode", &p.fast_decode));
    if (fv_doc_get(root, "bgr"))
        FV_TRY(fv_doc_bool(doc, fv_doc_get(root, "bgr"), "bgr", &p.bgr));
    if (fv_doc_get(root, "pca_value")) {
        FV_TRY(get_reals(doc, "pca_value", 3, pca));
        FV_TRY(get_reals(doc, "pca_axis", 9, pca + 3));
        for (int i = 0; i < 12; i++)
            (i < 3 ? p.pca_value + i : p.pca_axis + i - 3)[0] = (float)pca[i];
    }
    FV_TRY(fv_doc_bool(doc, fv_doc_get(root, "antialias"), "antialias", &p.antialias));
    FV_TRY(fv_doc_bool(doc, fv_doc_get(root, "ignore_exif"), "ignore_exif", &p.ignore_exif));
    if (p.c < 1 || p.c > 16)
        return fv_doc_fail(doc, root, FV_ERR_MODEL_FORMAT, "%lld channels: expected 1 to 16", (long long)p.c);
    FV_TRY(get_reals(doc, "mean", p.c, mean));
    FV_TRY(get_reals(doc, "std", p.c, std));
    FV_TRY(get_reals(doc, "background", 3, background));
    for (int64_t i = 0; i < p.c; i++) {
        p.mean[i] = (float)mean[i];
        p.std[i] = (float)std[i];
    }
    for (int i = 0; i < 3; i++) {
        if (!(background[i] >= 0 && background[i] <= 255))
            return fv_doc_fail(doc, root, FV_ERR_MODEL_FORMAT, "background: expected numbers from 0 to 255");
        p.background[i] = (uint8_t)background[i];
    }
    return fv_model_set_pipeline(model, &p);
}

fv_status fv_meta_read_labels(fv_model *model, const fv_doc *doc)
{
    FV_TRY(need(doc, FV_DOC_LIST, "a list of names"));
    const fv_doc_node *root = fv_doc_root(doc);
    const char **names = fv_calloc(model->ctx, (size_t)root->count + 1, sizeof *names);
    if (!names)
        return FV_ERR_NO_MEMORY;
    fv_status status = FV_OK;
    for (int64_t i = 0; status == FV_OK && i < root->count; i++)
        status = fv_doc_string(doc, &root->child[i], "class name", &names[i]);
    if (status == FV_OK)
        status = fv_model_take_class_names(model, names, root->count);
    fv_free(model->ctx, names);
    return status;
}

fv_status fv_meta_read_init(fv_model *model, const fv_doc *doc)
{
    FV_TRY(need(doc, FV_DOC_MAP, "a map"));
    const fv_doc_node *root = fv_doc_root(doc);
    for (int64_t i = 0; i < root->count; i++) {
        const fv_doc_node *row = &root->child[i];
        const fv_val *val = fv_graph_find(model->graph, row->key);
        double value;
        int scheme = 0;
        if (!val || (val->role != FV_ROLE_PARAM && val->role != FV_ROLE_STATE))
            return fv_doc_fail(doc, row, FV_ERR_MODEL_FORMAT, "'%s' is no tensor of the graph", row->key);
        if (row->kind != FV_DOC_LIST || row->count != 2 || row->child[0].kind != FV_DOC_STRING)
            return fv_doc_fail(doc, row, FV_ERR_MODEL_FORMAT, "'%s': expected [scheme, value]", row->key);
        while (fv_init_names()[scheme] && strcmp(fv_init_names()[scheme], row->child[0].text) != 0)
            scheme++;
        if (!fv_init_names()[scheme])
            return fv_doc_fail(doc, row, FV_ERR_MODEL_FORMAT, "'%s': unknown scheme '%s'", row->key,
                               row->child[0].text);
        FV_TRY(fv_doc_real(doc, &row->child[1], row->key, &value));
        FV_TRY(fv_model_note_init(model, val->id, (fv_init)scheme, value));
    }
    return FV_OK;
}

fv_status fv_meta_read_aux(fv_model *model, const fv_doc *doc)
{
    FV_TRY(need(doc, FV_DOC_MAP, "a map"));
    const fv_doc_node *root = fv_doc_root(doc);
    for (int64_t i = 0; i < root->count; i++) {
        const fv_doc_node *row = &root->child[i];
        const fv_val *val = fv_graph_find(model->graph, row->key);
        double weight;
        if (!val)
            return fv_doc_fail(doc, row, FV_ERR_MODEL_FORMAT, "'%s' is no value of the graph", row->key);
        FV_TRY(fv_doc_real(doc, row, row->key, &weight));
        FV_TRY(fv_model_note_aux(model, val->id, weight));
    }
    return FV_OK;
}

fv_status fv_meta_read_selftest(fv_model *model, const fv_doc *doc)
{
    static const char *const keys[] = {"seed", "vectors", "outputs", "data", NULL};
    fv_selftest t = {0};
    int64_t seed;
    FV_TRY(need(doc, FV_DOC_MAP, "a map"));
    FV_TRY(fv_doc_check_keys(doc, fv_doc_root(doc), keys));
    FV_TRY(get_int(doc, "seed", &seed));
    FV_TRY(get_int(doc, "vectors", &t.vectors));
    FV_TRY(get_int(doc, "outputs", &t.count));
    const fv_doc_node *data = fv_doc_get(fv_doc_root(doc), "data");
    if (t.vectors < 1 || t.vectors > 1000 || t.count < 1 || t.count > 1000000)
        return fv_doc_fail(doc, fv_doc_root(doc), FV_ERR_MODEL_FORMAT, "%lld vectors of %lld numbers are impossible",
                           (long long)t.vectors, (long long)t.count);
    if (!data || data->kind != FV_DOC_STRING)
        return fv_doc_fail(doc, fv_doc_root(doc), FV_ERR_MODEL_FORMAT, "'data' is missing or no text");
    size_t size = (size_t)(t.vectors * t.count) * sizeof *t.output;
    if (strlen(data->text) != (size + 2) / 3 * 4)
        return fv_doc_fail(doc, data, FV_ERR_MODEL_FORMAT, "'data' has not the length of %lld vectors of %lld numbers",
                           (long long)t.vectors, (long long)t.count);
    t.seed = (uint64_t)seed;
    t.output = fv_arena_alloc(model->arena, size);
    if (!t.output)
        return FV_ERR_NO_MEMORY;
    if (!get_base64(data->text, (uint8_t *)t.output, size))
        return fv_doc_fail(doc, data, FV_ERR_MODEL_FORMAT, "'data' is not base64");
    model->selftest = t;
    return FV_OK;
}

/* ---- layouts of the file that a model came from ---- */

static const char *const layout_names[] = {[FV_LAYOUT_NCHW] = "nchw",
                                           [FV_LAYOUT_SCORES] = "scores",
                                           [FV_LAYOUT_WHOLE] = "whole",
                                           [FV_LAYOUT_INTEGERS] = "integers",
                                           [FV_LAYOUT_INTEGER_SCORES] = "integer_scores"};

void fv_meta_ports(const fv_model *model, fv_str *out)
{
    fv_json j = {.out = out};
    fv_json_begin_object(&j);
    for (const fv_port_note *p = model->card.ports; p; p = p->next) {
        fv_json_key(&j, p->name);
        if (p->layout < FV_LAYOUT_INTEGERS) {
            fv_json_string(&j, layout_names[p->layout]);
            continue;
        }
        fv_json_begin_object(&j);
        fv_json_key(&j, "layout");
        fv_json_string(&j, layout_names[p->layout]);
        fv_json_key(&j, "dtype");
        fv_json_string(&j, fv_dtype_name(p->integers));
        fv_json_key(&j, "scale");
        fv_json_real(&j, p->scale);
        fv_json_key(&j, "zero");
        fv_json_int(&j, p->zero);
        fv_json_end_object(&j);
    }
    fv_json_end_object(&j);
}

/* {"layout": "integers", "dtype": "i8", "scale": 0.5, "zero": -128} */
static fv_status read_integers(fv_model *model, const fv_doc *doc, const char *name, const fv_doc_node *map)
{
    const char *layout, *type;
    double scale;
    int64_t zero;
    static const char *const keys[] = {"layout", "dtype", "scale", "zero"};
    for (int k = 0; k < 4; k++)
        if (!fv_doc_get(map, keys[k]))
            return fv_doc_fail(doc, map, FV_ERR_MODEL_FORMAT, "'%s' has no '%s'", name, keys[k]);
    FV_TRY(fv_doc_string(doc, fv_doc_get(map, "layout"), "layout", &layout));
    FV_TRY(fv_doc_string(doc, fv_doc_get(map, "dtype"), "dtype", &type));
    FV_TRY(fv_doc_real(doc, fv_doc_get(map, "scale"), "scale", &scale));
    FV_TRY(fv_doc_int(doc, fv_doc_get(map, "zero"), "zero", &zero));
    const bool is_signed = strcmp(type, fv_dtype_name(FV_I8)) == 0;
    if ((!is_signed && strcmp(type, fv_dtype_name(FV_U8)) != 0) || !(scale > 0) || zero < -128 || zero > 255)
        return fv_doc_fail(doc, map, FV_ERR_MODEL_FORMAT, "'%s' has no integers of a type, scale and zero point", name);
    for (int k = FV_LAYOUT_INTEGERS; k <= FV_LAYOUT_INTEGER_SCORES; k++)
        if (strcmp(layout, layout_names[k]) == 0)
            FV_TRY(fv_model_note_integers(model, name, (fv_port_layout)k, is_signed ? FV_I8 : FV_U8, scale, zero));
    return FV_OK;
}

fv_status fv_meta_read_ports(fv_model *model, const fv_doc *doc)
{
    const fv_doc_node *root = fv_doc_root(doc);
    for (int64_t i = 0; root->kind == FV_DOC_MAP && i < root->count; i++) {
        const fv_doc_node *child = &root->child[i];
        for (int k = FV_LAYOUT_NCHW; k <= FV_LAYOUT_WHOLE; k++)
            if (child->text && strcmp(child->text, layout_names[k]) == 0)
                FV_TRY(fv_model_note_port(model, child->key, (fv_port_layout)k));
        if (child->kind == FV_DOC_MAP)
            FV_TRY(read_integers(model, doc, child->key, child));
    }
    return FV_OK;
}
