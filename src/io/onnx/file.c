/* SPDX-License-Identifier: Apache-2.0 */
/* The file as a whole: is it one, its version, its messages. */
#include "io/onnx/file.h"

#include <string.h>

#include "io/onnx/onnx.h"

/* ---- is it ONNX ---- */

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

/* The outermost fields: a version that is a number, then known ones, until the graph. A file that ends within the graph
 * is one, cut short. */
bool fv_onnx_is(const uint8_t *data, int64_t size)
{
    /* wire type of each field of a model: 0 number, 2 bytes; 9: none */
    static const uint8_t wire[] = {9, 0, 2, 2, 2, 0, 2, 2, 2, 9, 9, 9, 9, 9, 2, 9, 9, 9, 9, 9, 2, 9, 9, 9, 9, 2, 2};
    bool version = false;
    int64_t at = 0;
    while (at < size) {
        uint64_t tag, value;
        if (!varint(data, size, &at, &tag) || tag >> 3 >= sizeof wire || wire[tag >> 3] != (tag & 7) ||
            !varint(data, size, &at, &value))
            return false;
        version = version || (tag >> 3 == 1 && value < 1000);
        if (tag >> 3 == 7)
            return version || (value > 0 && at < size && data[at] == 0x0a);
        if ((tag & 7) == 2) {
            if (value > (uint64_t)(size - at))
                return false;
            at += (int64_t)value;
        }
    }
    return false;
}

#ifndef FV_WITH_ONNX

fv_status fv_onnx_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options, fv_model **model)
{
    (void)options;
    *model = NULL;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_UNSUPPORTED,
                                "%s: this is ONNX, which this build does not read: it was "
                                "made without protobuf-c",
                                source->path),
                        "install libprotobuf-c-dev and protobuf-c-compiler, and build again");
}

#else

#include "io/import/bounded.h"

static fv_status check_model(fv_onnx_file *file)
{
    const FvOnnx__Model *m = file->model;
    const int64_t ir = m->has_ir_version ? m->ir_version : 0;
    if (!m->graph)
        return fv_fail(file->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: there is no graph in it", file->path);
    if (ir < 3)
        return fv_fail_hint(file->ctx,
                            fv_fail(file->ctx, FV_ERR_MODEL,
                                    "%s: ONNX IR version %lld: 3 to 13 are read; files before 3 do not say what their "
                                    "operators mean",
                                    file->path, (long long)ir),
                            "export the network again with a newer exporter");
    if (ir > 13)
        return fv_fail(file->ctx, FV_ERR_MODEL, "%s: ONNX IR version %lld: 3 to 13 are read", file->path,
                       (long long)ir);
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const FvOnnx__OperatorSet *set = m->opset_import[i];
        if (!set->domain || !*set->domain || strcmp(set->domain, "ai.onnx") == 0)
            file->opset = set->version;
    }
    if (file->opset < 1 || file->opset > 23)
        return fv_fail_hint(file->ctx,
                            fv_fail(file->ctx, FV_ERR_MODEL, "%s: ONNX operator set %lld: 1 to 23 are read", file->path,
                                    (long long)file->opset),
                            "export the network again, with opset_version=13 for instance");
    if (m->n_functions > 0)
        return fv_fail_hint(file->ctx,
                            fv_fail(file->ctx, FV_ERR_MODEL,
                                    "%s: ONNX: the file defines %lld functions of its own, which are not read",
                                    file->path, (long long)m->n_functions),
                            "inline them: onnx.inliner.inline_local_functions");
    if (m->graph->n_sparse_initializer > 0)
        return fv_fail(file->ctx, FV_ERR_MODEL, "%s: ONNX: sparse initializers are not read", file->path);
    return FV_OK;
}

static fv_status build(fv_import *im, void *file, const fv_import_options *options)
{
    return fv_onnx_build(im, file, options);
}

fv_status fv_onnx_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options, fv_model **model)
{
    fv_bounded memory;
    fv_onnx_file file = {.ctx = ctx, .path = source->path, .size = source->size};
    *model = NULL;
    fv_bounded_begin(ctx, source->size, &memory);
    FvOnnx__Model *message = fv_onnx__model__unpack(&memory.allocator, (size_t)source->size, source->data);
    if (!message)
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: %s", source->path, fv_bounded_why(&memory));
    file.model = message;
    file.allocator = &memory.allocator;
    fv_status status = check_model(&file);
    if (status == FV_OK)
        status = fv_import_read(ctx, file.path, file.size, build, &file, options, model);
    for (int i = 0; i < file.n_branches; i++)
        fv_onnx__graph__free_unpacked(file.branches[i], &memory.allocator);
    fv_onnx__model__free_unpacked(message, &memory.allocator);
    if (status != FV_OK && fv_status_exit_code(status) <= 3)
        status = FV_ERR_MODEL_FORMAT;
    if (status != FV_OK && strncmp(fv_ctx_error(ctx), source->path, strlen(source->path)) != 0)
        fv_fail_prefix(ctx, status, source->path);
    return status;
}

#endif
