/* SPDX-License-Identifier: Apache-2.0 */
/* Which formats of whole networks there are, and loading models of any of them. */
#include "io/tensor_file.h"
#include "io/import.h"

#include "io/caffe/caffe.h"
#include "io/darknet/darknet.h"
#include "io/keras/keras.h"
#include "io/onnx/onnx.h"
#include "io/safetensors_model.h"
#include "io/tflite/tflite.h"

static const fv_importer importers[] = {
    {"Keras", fv_keras_is, fv_keras_read, false},      {"ONNX", fv_onnx_is, fv_onnx_read, false},
    {"TFLite", fv_tflite_is, fv_tflite_read, false},   {"Caffe", fv_caffe_is, fv_caffe_read, true},
    {"darknet", fv_darknet_is, fv_darknet_read, true},
};

const fv_importer *fv_importer_of(const uint8_t *data, int64_t size)
{
    for (size_t i = 0; i < sizeof importers / sizeof importers[0]; i++)
        if (importers[i].is(data, size))
            return &importers[i];
    return NULL;
}

/* Takes the file's bytes where it is one of our own: the model goes on in them. */
static fv_status read_model(fv_ctx *ctx, const char *path, fv_blob *blob, const fv_import_options *options,
                            fv_model **out)
{
    const fv_import_source whole = {path, blob->data, blob->size}, *source = &whole;
    const fv_importer *importer = fv_importer_of(source->data, source->size);
    fv_tensor_file *file = NULL;
    if (options->weights && !(importer && importer->apart))
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_CONFLICT,
                                    "--weights %s: %s is a model file, which has weights of its own", options->weights,
                                    source->path),
                            "drop --weights, or name the architecture with --model");
    if (importer) {
        FV_TRY(importer->read(ctx, source, options, out));
        (*out)->card.origin = importer->name;
        const fv_status named = fv_import_labels_beside(ctx, source->path, *out);
        if (named != FV_OK)
            fv_model_destroy(out);
        return named;
    }
    FV_TRY(fv_tensor_file_parse(ctx, source->path, source->data, source->size, &file));
    fv_status status = fv_tensor_file_take(file, blob);
    if (status == FV_OK)
        status = fv_model_read(ctx, file, out);
    fv_tensor_file_close(&file);
    return status;
}

/* A size that was asked for is the model's, or the file decided otherwise. */
static fv_status check_size(fv_ctx *ctx, const char *path, const fv_import_options *o, fv_model **model)
{
    int64_t h, w, c;
    fv_model_input_size(*model, &h, &w, &c);
    if (o->img_size[0] <= 0 || o->own_size || (o->img_size[0] == h && o->img_size[1] == w))
        return FV_OK;
    fv_model_destroy(model);
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_CONFLICT,
                                "%s: images of %lldx%lld are asked for, and a model file has an input size of its own: "
                                "%lldx%lld",
                                path, (long long)o->img_size[0], (long long)o->img_size[1], (long long)h, (long long)w),
                        "drop --img-size: it is for new networks and for files that leave the size open");
}

fv_status fv_model_import(fv_ctx *ctx, const char *path, const fv_import_options *options, fv_model **out)
{
    static const fv_import_options none = {.n_values = 0};
    fv_blob blob;
    *out = NULL;
    FV_TRY(fv_tensor_file_load(ctx, path, &blob));
    fv_status status = read_model(ctx, path, &blob, options ? options : &none, out);
    fv_blob_free(ctx, &blob);
    return status == FV_OK && options ? check_size(ctx, path, options, out) : status;
}

fv_status fv_model_load(fv_ctx *ctx, const char *path, fv_model **out)
{
    return fv_model_import(ctx, path, NULL, out);
}
