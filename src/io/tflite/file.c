/* SPDX-License-Identifier: Apache-2.0 */
/* The file as a whole: is it one, its version, its only subgraph. */
#include <string.h>

#include "io/tflite/node.h"
#include "io/tflite/tflite.h"

/* Fields of the tables, by number. */
enum { MODEL_VERSION, MODEL_CODES, MODEL_GRAPHS, MODEL_BUFFERS = 4 };
enum { GRAPH_TENSORS, GRAPH_INPUTS, GRAPH_OUTPUTS, GRAPH_OPERATORS };

/* A tensor's table has more bytes than this, and tells of a value that needs more here. */
#define TENSOR_BYTES 16

bool fv_tflite_is(const uint8_t *data, int64_t size)
{
    const int64_t root = size >= 8 ? data[0] | data[1] << 8 | data[2] << 16 | (int64_t)data[3] << 24 : size;
    return root <= size - 4 && memcmp(data + 4, "TFL3", 4) == 0;
}

static fv_status damaged(const fv_tflite_file *file, const char *what)
{
    return fv_fail(file->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: %s: the file is cut short or damaged", file->path,
                   what);
}

static fv_status open_file(fv_tflite_file *file)
{
    file->model = fv_flat_root(&file->flat);
    const int64_t version = fv_flat_int(file->model, MODEL_VERSION, 0);
    const fv_flat_vector list = fv_flat_list(file->model, MODEL_GRAPHS, 4);
    file->graphs = list.count;
    if (file->model.at == 0)
        return damaged(file, "there is no model in it");
    if (version != 3)
        return fv_fail(file->ctx, FV_ERR_MODEL, "%s: TFLite schema version %lld: 3 is read", file->path,
                       (long long)version);
    if (list.count < 1)
        return damaged(file, "there is no subgraph in it");
    file->graph = fv_flat_list_child(list, 0);
    file->codes = fv_flat_list(file->model, MODEL_CODES, 4);
    file->buffers = fv_flat_list(file->model, MODEL_BUFFERS, 4);
    file->tensors = fv_flat_list(file->graph, GRAPH_TENSORS, 4);
    file->inputs = fv_flat_list(file->graph, GRAPH_INPUTS, 4);
    file->outputs = fv_flat_list(file->graph, GRAPH_OUTPUTS, 4);
    file->operators = fv_flat_list(file->graph, GRAPH_OPERATORS, 4);
    if (file->flat.bad)
        return damaged(file, "an offset leads out of it");
    if (file->outputs.count < 1 || file->operators.count < 1)
        return damaged(file, "its graph has no operators or no outputs");
    if (file->tensors.count > file->flat.size / TENSOR_BYTES)
        return damaged(file, "it says to have more tensors than it has room for");
    return FV_OK;
}

static fv_status build(fv_import *im, void *user, const fv_import_options *options)
{
    fv_tflite_file *file = user;
    file->value = fv_calloc(file->ctx, (size_t)file->tensors.count + 1, sizeof *file->value);
    file->spread = fv_calloc(file->ctx, (size_t)file->tensors.count + 1, sizeof *file->spread);
    fv_status status = file->value && file->spread ? fv_tflite_build(im, file, options) : FV_ERR_NO_MEMORY;
    fv_free(file->ctx, file->value);
    fv_free(file->ctx, file->spread);
    file->value = NULL;
    file->spread = NULL;
    return status == FV_OK && file->flat.bad ? damaged(file, "an offset leads out of it") : status;
}

fv_status fv_tflite_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options,
                         fv_model **model)
{
    fv_tflite_file file = {.ctx = ctx, .path = source->path, .flat = {source->data, source->size, false}};
    *model = NULL;
    fv_status status = open_file(&file);
    if (status == FV_OK)
        status = fv_import_read(ctx, file.path, file.flat.size, build, &file, options, model);
    if (status == FV_OK)
        status = fv_tflite_describe(&file, *model);
    if (status != FV_OK)
        fv_model_destroy(model);
    if (status != FV_OK && fv_status_exit_code(status) <= 3)
        status = FV_ERR_MODEL_FORMAT;
    if (status != FV_OK && strncmp(fv_ctx_error(ctx), source->path, strlen(source->path)) != 0)
        fv_fail_prefix(ctx, status, source->path);
    return status;
}
