/* SPDX-License-Identifier: Apache-2.0 */
/* The files as a whole: are they of Caffe, which holds what, their messages. */
#include <string.h>

#include "io/caffe/caffe.h"

/* ---- is it text ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int64_t skip_blanks(const uint8_t *data, int64_t size, int64_t at)
{
    while (at < size && (is_blank(data[at]) || data[at] == '#')) {
        const bool comment = data[at] == '#';
        while (comment && at < size && data[at] != '\n')
            at++;
        at += at < size;
    }
    return at;
}

/* The letters of a field's name at `at`. */
static int64_t name_length(const uint8_t *data, int64_t size, int64_t at)
{
    int64_t n = 0;
    while (at + n < size && ((data[at + n] >= 'a' && data[at + n] <= 'z') || data[at + n] == '_'))
        n++;
    return n;
}

static bool is_name(const uint8_t *data, int64_t length, const char *name)
{
    return (int64_t)strlen(name) == length && memcmp(data, name, (size_t)length) == 0;
}

/* Whether "layer {" or "layers {" stands anywhere in it. */
static bool has_layer(const uint8_t *data, int64_t size)
{
    for (int64_t i = 0; i + 6 < size; i++) {
        if (data[i] != 'l' || memcmp(data + i, "layer", 5) != 0)
            continue;
        int64_t at = i + 5 + (data[i + 5] == 's');
        at = skip_blanks(data, size, at);
        if (at < size && data[at] == ':')
            at = skip_blanks(data, size, at + 1);
        if (at < size && data[at] == '{')
            return true;
    }
    return false;
}

/* The first field is one of a network's (or of a solver's settings, which are refused by name). */
static bool is_text(const uint8_t *data, int64_t size)
{
    static const char *const fields[] = {"name",        "layer", "layers", "input",          "input_dim",
                                         "input_shape", "state", "net",    "force_backward", NULL};
    const int64_t at = skip_blanks(data, size, size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    const int64_t length = name_length(data, size, at), behind = skip_blanks(data, size, at + length);
    if (length == 0 || behind >= size || (data[behind] != ':' && data[behind] != '{') || memchr(data, 0, (size_t)size))
        return false;
    for (const char *const *f = fields; *f; f++)
        if (is_name(data + at, length, *f))
            return strcmp(*f, "net") == 0 || has_layer(data, size);
    return false;
}

/* ---- is it messages ---- */

static bool varint(const uint8_t *data, int64_t size, int64_t *at, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && *at < size; shift += 7) {
        const uint8_t byte = data[(*at)++];
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

/* Whether a layer's first field is a text that a layer begins with. */
static bool is_layer(const uint8_t *data, int64_t size, int64_t at)
{
    uint64_t tag, length;
    if (!varint(data, size, &at, &tag) || (tag & 7) != 2 || tag >> 3 < 1 || tag >> 3 > 4 ||
        !varint(data, size, &at, &length))
        return false;
    for (int64_t i = at; i < size && i - at < (int64_t)(length < 64 ? length : 64) && tag >> 3 > 1; i++)
        if (data[i] < 32)
            return false;
    return true;
}

/* The outermost fields of a network, up to the first layer; a file that ends within it is one, cut short. */
static bool is_message(const uint8_t *data, int64_t size)
{
    int64_t at = 0;
    while (at < size) {
        uint64_t tag, value;
        if (!varint(data, size, &at, &tag) || !varint(data, size, &at, &value))
            return false;
        const uint64_t field = tag >> 3;
        const bool bytes = (tag & 7) == 2, number = (tag & 7) == 0;
        if (bytes && (field == 2 || field == 100))
            return is_layer(data, size, at);
        if (!(bytes && (field == 1 || field == 3 || field == 4 || field == 6 || field == 8)) &&
            !(number && (field == 4 || field == 5 || field == 7)))
            return false;
        if (bytes) {
            if (value > (uint64_t)(size - at) || (field == 1 && memchr(data + at, 0, (size_t)value)))
                return false;
            at += (int64_t)value;
        }
    }
    return false;
}

bool fv_caffe_is(const uint8_t *data, int64_t size)
{
    return is_message(data, size) || is_text(data, size);
}

fv_status fv_caffe_refuse_tensors(fv_tensor_file *file, const uint8_t *data, int64_t size)
{
    (void)data;
    (void)size;
    return fv_fail_hint(file->ctx,
                        fv_fail(file->ctx, FV_ERR_MODEL,
                                "%s: a network of Caffe, whose weights belong to layers of its own", file->name),
                        "convert it: fovea convert --model FILE.prototxt --weights FILE.caffemodel");
}

#ifndef FV_WITH_CAFFE

fv_status fv_caffe_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options, fv_model **model)
{
    (void)options;
    *model = NULL;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_UNSUPPORTED,
                                "%s: this is a network of Caffe, which this build does not read: it was made without "
                                "protobuf-c",
                                source->path),
                        "install libprotobuf-c-dev and protobuf-c-compiler, and build again");
}

#else

#include "io/caffe/net.h"
#include "io/import/bounded.h"

static fv_status build(fv_caffe_net *net, int64_t bytes, bool whole, bool *merges, fv_model **model)
{
    fv_caffe_net own = *net; /* whatever an attempt finds is its own */
    fv_ctx *ctx = net->im.ctx;
    fv_status status = fv_import_begin(ctx, net->path, bytes, whole, &own.im);
    if (status == FV_OK)
        status = fv_caffe_build(&own);
    if (status == FV_OK && !(own.im.merges && !whole))
        status = fv_import_finish(&own.im, model);
    if (status == FV_OK && *model)
        status = fv_caffe_set_pipeline(&own, *model);
    *merges = own.im.merges;
    fv_import_end(&own.im);
    return status;
}

/* The first dimension is taken for the batch; a network that does something else with it is read as it stands. */
static fv_status read_layers(fv_caffe_net *net, int64_t bytes, fv_model **model)
{
    bool merges = false;
    fv_status status = build(net, bytes, false, &merges, model);
    if (!*model && merges) {
        fv_fail_clear(net->im.ctx);
        status = build(net, bytes, true, &merges, model);
    }
    return status;
}

/* A text, whose blobs are in options->weights. */
static fv_status read_apart(fv_caffe_net *net, const fv_import_source *source, fv_arena *arena, fv_model **model)
{
    fv_ctx *ctx = net->im.ctx;
    FvCaffe__Net text = FV_CAFFE__NET__INIT;
    fv_bounded memory;
    fv_blob blob;
    if (!net->options->weights)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_MODEL,
                                    "%s: a network of Caffe without its weights, which are in a "
                                    "file of their own",
                                    source->path),
                            "give it too: --weights FILE.caffemodel");
    net->weights_path = net->options->weights;
    FV_TRY(fv_caffe_parse(ctx, arena, source->path, source->data, source->size, &text.base, &net->unknown));
    if (text.n_layer + text.n_layers == 0 && net->unknown)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_MODEL_FORMAT,
                                    "%s:%d: Caffe: '%.60s' is no field of a network, and there is no layer in it",
                                    source->path, net->unknown->line, net->unknown->name),
                            "a solver's settings name the network's file: net: \"FILE\"");
    FV_TRY(fv_tensor_file_load(ctx, net->weights_path, &blob));
    fv_bounded_begin(ctx, blob.size, &memory);
    FvCaffe__NetBlobs *blobs = NULL;
    fv_status status = FV_OK;
    if (!is_message(blob.data, blob.size))
        status = fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: it is no .caffemodel", net->weights_path),
                              is_text(blob.data, blob.size)
                                  ? "it is a network's text: --model FILE.prototxt --weights FILE.caffemodel"
                                  : "weights of a .prototxt are in a .caffemodel");
    else if (!(blobs = fv_caffe__net_blobs__unpack(&memory.allocator, (size_t)blob.size, blob.data)))
        status = fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: Caffe: %s", net->weights_path, fv_bounded_why(&memory));
    const int64_t bytes = source->size + blob.size;
    fv_blob_free(ctx, &blob);
    net->text = &text;
    net->blobs = blobs;
    if (status == FV_OK)
        status = read_layers(net, bytes, model);
    if (blobs)
        fv_caffe__net_blobs__free_unpacked(blobs, &memory.allocator);
    return status;
}

/* Layers with their blobs, as they were trained. */
static fv_status read_whole(fv_caffe_net *net, const fv_import_source *source, fv_model **model)
{
    fv_ctx *ctx = net->im.ctx;
    fv_bounded memory;
    if (net->options->weights)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_CONFLICT,
                                    "--weights %s: %s is a .caffemodel, which has weights of its own",
                                    net->options->weights, source->path),
                            "drop --weights, or give --model FILE.prototxt --weights FILE.caffemodel");
    net->weights_path = source->path;
    fv_bounded_begin(ctx, source->size, &memory);
    FvCaffe__Net *layers = fv_caffe__net__unpack(&memory.allocator, (size_t)source->size, source->data);
    if (!layers)
        return fv_fail_hint(
            ctx, fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: Caffe: %s", source->path, fv_bounded_why(&memory)),
            "of a fork of Caffe it may be read by its text: --model FILE.prototxt --weights %s", source->path);
    net->text = layers;
    fv_status status = read_layers(net, source->size, model);
    fv_caffe__net__free_unpacked(layers, &memory.allocator);
    return status;
}

fv_status fv_caffe_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options, fv_model **model)
{
    fv_caffe_net net = {.im.ctx = ctx, .path = source->path, .options = options};
    fv_arena *arena = NULL;
    *model = NULL;
    FV_TRY(fv_arena_create(ctx, &arena));
    fv_status status = is_message(source->data, source->size) ? read_whole(&net, source, model)
                                                              : read_apart(&net, source, arena, model);
    if (status != FV_OK)
        fv_model_destroy(model);
    fv_arena_destroy(&arena);
    if (status != FV_OK && status != FV_ERR_CONFLICT && fv_status_exit_code(status) <= 3)
        status = FV_ERR_MODEL_FORMAT;
    if (status != FV_OK && status != FV_ERR_CONFLICT && !strstr(fv_ctx_error(ctx), source->path) &&
        !(options->weights && strstr(fv_ctx_error(ctx), options->weights)))
        fv_fail_prefix(ctx, status, source->path);
    return status;
}

#endif
