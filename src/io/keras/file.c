/* SPDX-License-Identifier: Apache-2.0 */
/* The file as a whole: what it is, where its network and its weights are. */
#include <stdio.h>

#include "io/keras/keras.h"
#include "io/keras/net.h"
#include "io/zip.h"

/* ---- is it Keras ---- */

static bool holds(const uint8_t *data, int64_t size, const char *text)
{
    return memmem(data, (size_t)size, text, strlen(text)) != NULL;
}

/* An archive whose directory, at its end, names the network or its weights. */
bool fv_keras_is_archive(const uint8_t *data, int64_t size)
{
    const int64_t tail = size < 65536 ? size : 65536;
    return size >= 4 && memcmp(data, "PK\3\4", 4) == 0 && !holds(data + size - tail, tail, "data.pkl") &&
           (holds(data + size - tail, tail, "model.weights.h5") || holds(data, tail, "model.weights.h5") ||
            holds(data, tail < 512 ? tail : 512, "metadata.json"));
}

bool fv_keras_is(const uint8_t *data, int64_t size)
{
    return fv_hdf5_is(data, size) || fv_keras_is_archive(data, size);
}

/* ---- what else there is in HDF5 ---- */

static fv_status needs_network(const fv_keras_net *net)
{
    return fv_fail_hint(net->ctx,
                        fv_fail(net->ctx, FV_ERR_MODEL,
                                "%s: Keras: weights alone: the file holds no network (model_config)", net->path),
                        "name the network too: --model NAME --weights %s", net->path);
}

/* Weights of Keras without a network, or no file of Keras at all. */
static fv_status no_network(const fv_keras_net *net)
{
    const fv_hdf5_node *root = &net->weights.root;
    const char **texts;
    int64_t count;
    FV_TRY(fv_keras_texts(net, root, "layer_names", &texts, &count));
    if (count || fv_hdf5_child(root, "layers") || fv_hdf5_child(root, "_layer_checkpoint_dependencies") ||
        fv_hdf5_child(root, "model_weights"))
        return needs_network(net);
    const bool matlab = net->weights.data && fv_hdf5_attribute_of(root, "MATLAB_class");
    return fv_fail(net->ctx, FV_ERR_MODEL,
                   "%s: HDF5, but not of Keras: it has neither model_config nor layer_names%s; its first member is "
                   "'%.100s'",
                   net->path, matlab ? " (a file of MATLAB)" : "", root->child ? root->child->name : "");
}

/* The node that has the attribute model_config: the file's root, or the only group with one. */
static fv_status find_model(const fv_keras_net *net, const fv_hdf5_node **model)
{
    const fv_hdf5_node *root = &net->weights.root;
    int count = 0;
    *model = fv_hdf5_attribute_of(root, "model_config") ? root : NULL;
    for (const fv_hdf5_node *node = root->child; node && *model != root; node = node->next)
        if (fv_hdf5_attribute_of(node, "model_config")) {
            *model = node;
            count++;
        }
    if (count > 1)
        return fv_fail_hint(net->ctx,
                            fv_fail(net->ctx, FV_ERR_MODEL,
                                    "%s: Keras: %d networks are in the file, one of them '%.100s'", net->path, count,
                                    (*model)->name),
                            "save each of them into a file of its own");
    return *model ? FV_OK : no_network(net);
}

/* ---- opening ---- */

static fv_status parse_json(fv_keras_net *net, const char *what, const char *text, int64_t size, fv_doc **doc)
{
    const char *name = fv_arena_printf(net->arena, "%s: Keras: %s", net->path, what);
    if (!name)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_doc_parse_json(net->ctx, name, text, (size_t)size, doc);
    return status == FV_OK || status == FV_ERR_NO_MEMORY ? status : FV_ERR_MODEL_FORMAT;
}

static fv_status open_hdf5(fv_keras_net *net, const uint8_t *data, int64_t bytes)
{
    const fv_hdf5_node *model;
    const char *text, *version = "";
    int64_t size, length = 0;
    FV_TRY(fv_hdf5_open(net->ctx, net->path, data, bytes, net->arena, &net->weights));
    FV_TRY(find_model(net, &model));
    FV_TRY(fv_hdf5_text(&net->weights, fv_hdf5_attribute_of(model, "model_config"), 0, &text, &size));
    FV_TRY(parse_json(net, "model_config", text, size, &net->doc));
    net->root = fv_hdf5_child(model, "model_weights");
    if (!net->root)
        return fv_keras_bad(net, "the network is there without its weights (model_weights)");
    const fv_hdf5_values *v = fv_hdf5_attribute_of(model, "keras_version");
    v = v ? v : fv_hdf5_attribute_of(net->root, "keras_version");
    if (v && v->count)
        FV_TRY(fv_hdf5_text(&net->weights, v, 0, &version, &length));
    net->three = length > 1 && version[0] == '3' && version[1] == '.';
    return FV_OK;
}

static fv_status read_version(fv_keras_net *net, const uint8_t *data, int64_t size)
{
    fv_doc *doc = NULL;
    if (!data)
        return FV_OK;
    FV_TRY(parse_json(net, "metadata.json", (const char *)data, size, &doc));
    const fv_doc_node *root = fv_doc_root(doc);
    const fv_doc_node *version = root->kind == FV_DOC_MAP ? fv_doc_get(root, "keras_version") : NULL;
    net->three = version && version->kind == FV_DOC_STRING && strncmp(version->text, "3.", 2) == 0;
    fv_doc_destroy(&doc);
    return FV_OK;
}

static fv_status read_members(fv_keras_net *net, fv_zip *zip)
{
    const uint8_t *config, *meta, *weights;
    int64_t config_size, meta_size, size;
    FV_TRY(fv_zip_read(zip, "config.json", &config, &config_size));
    FV_TRY(fv_zip_read(zip, "metadata.json", &meta, &meta_size));
    FV_TRY(fv_zip_read(zip, "model.weights.h5", &weights, &size));
    if (!config)
        return fv_keras_bad(net, "the archive has no config.json: the network is not in it");
    if (!weights)
        return fv_keras_bad(net, "the archive has no model.weights.h5: the weights are not in it");
    FV_TRY(read_version(net, meta, meta_size));
    FV_TRY(parse_json(net, "config.json", (const char *)config, config_size, &net->doc));
    FV_TRY(fv_hdf5_open(net->ctx, net->path, weights, size, net->arena, &net->weights));
    net->root = &net->weights.root;
    net->archive = true;
    return FV_OK;
}

static fv_status open_archive(fv_keras_net *net, const uint8_t *data, int64_t size)
{
    fv_zip *zip = NULL;
    FV_TRY(fv_zip_open(net->ctx, net->path, data, size, net->arena, 4 * size + (1 << 24), &zip));
    fv_status status = read_members(net, zip);
    fv_zip_close(&zip);
    return status;
}

fv_status fv_keras_open(fv_keras_net *net, const uint8_t *data, int64_t size)
{
    return fv_hdf5_is(data, size) ? open_hdf5(net, data, size) : open_archive(net, data, size);
}

/* ---- pixels ---- */

static double number_of(const fv_keras_layer *layer, const char *key)
{
    const fv_doc_node *node =
        layer && layer->config && layer->config->kind == FV_DOC_MAP ? fv_doc_get(layer->config, key) : NULL;
    while (node && node->kind == FV_DOC_LIST && node->count)
        node = node->child;
    return node && (node->kind == FV_DOC_INT || node->kind == FV_DOC_REAL) ? node->real : 0.0;
}

/*
 * A network that begins with Rescaling by 1/255, 1/127.5 or so, or that takes off a mean of tens, takes pixels of
 * 0 to 255: these are (pixel / 255 - 0) / (1 / 255). A network that resizes images takes them stretched.
 */
static fv_status set_pipeline(const fv_keras_net *net, fv_model *m)
{
    fv_pipeline p = *fv_model_pipeline(m);
    fv_model_input_size(m, &p.h, &p.w, &p.c);
    if (p.c < 1 || p.c > 16 || net->graph->n_in != 1)
        return FV_OK;
    const int input = net->graph->in[0].layer;
    const fv_keras_layer *scale = fv_keras_front(net->graph, input, "Rescaling");
    const fv_keras_layer *shift = scale ? NULL : fv_keras_front(net->graph, input, "Normalization");
    if (fv_keras_front(net->graph, input, "Resizing"))
        p.resize = FV_RESIZE_STRETCH;
    const double factor = scale ? number_of(scale, "scale") : 1.0;
    const bool levels = (factor > 0.0 && factor < 1.0 / 64) || number_of(shift, "mean") > 2.0;
    for (int i = 0; i < 16 && levels; i++) {
        p.mean[i] = 0.0f;
        p.std[i] = 1.0f / 255.0f;
    }
    m->card.pixels_said = levels;
    if (levels)
        fv_log(net->ctx, FV_LOG_INFO, "import", "%s: pixels are 0 to 255, which the network itself scales", net->path);
    return fv_model_set_pipeline(m, &p);
}

/* ---- the whole ---- */

static fv_status build(fv_keras_net *net, const fv_import_source *source, fv_model **model)
{
    FV_TRY(fv_keras_open(net, source->data, source->size));
    FV_TRY(fv_keras_parse(net, fv_doc_root(net->doc), 0, &net->graph));
    FV_TRY(fv_keras_assign(net));
    FV_TRY(fv_import_begin(net->ctx, source->path, source->size, false, &net->im));
    FV_TRY(fv_keras_walk(net));
    FV_TRY(fv_import_finish(&net->im, model));
    return set_pipeline(net, *model);
}

fv_status fv_keras_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options, fv_model **model)
{
    fv_keras_net net = {.ctx = ctx, .path = source->path, .options = options, .im.ctx = ctx};
    *model = NULL;
    FV_TRY(fv_arena_create(ctx, &net.arena));
    fv_status status = build(&net, source, model);
    if (status != FV_OK)
        fv_model_destroy(model);
    fv_import_end(&net.im);
    fv_doc_destroy(&net.doc);
    fv_arena_destroy(&net.arena);
    if (status != FV_OK && fv_status_exit_code(status) <= 3)
        status = FV_ERR_MODEL_FORMAT;
    if (status != FV_OK && strncmp(fv_ctx_error(ctx), source->path, strlen(source->path)) != 0)
        fv_fail_prefix(ctx, status, source->path);
    return status;
}
