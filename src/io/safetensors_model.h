/* SPDX-License-Identifier: Apache-2.0 */
/* Model files: what a model is besides its weights, as texts of a safetensors file. Keys: */
#ifndef FV_IO_SAFETENSORS_MODEL_H
#define FV_IO_SAFETENSORS_MODEL_H

#include "io/safetensors.h"
#include "model/model.h"

/*
 * fovea.format    "1"
 * fovea.name      the architecture's name
 * fovea.graph     the graph at batch 1, as fv_graph_json writes it
 * fovea.pipeline  of models that take one image: {h, w, c, resize, resize_size, filter, antialias, ignore_exif,
 * fast_decode, bgr, mean, std, background} fovea.labels    class names, a list; absent while the model has none
 * fovea.init {tensor: [scheme, value]} for tensors that do not start by "default" fovea.selftest  {seed, vectors,
 * outputs, data}: data is base64 of vectors x outputs little-endian float32; input i of vector v is normal number i % 4
 * of Philox block (i / 4, v) under the seed, h w c order fovea.sha256    checksum of the tensor section
 * fovea.crc32c    of that and of the text of the checksum
 * fovea.sparse    {tensor: shape} of those whose zeros are left out (safetensors_sparse.h)
 * fovea.ranges    {rule, images, values: {value: [low, high]}} of the calibration that a model in integers is made by
 * fovea.storage   fp16, bf16 or int8: how weights are held (safetensors_stored.h); absent: float32
 * fovea.aux {value: weight} of auxiliary heads; absent where there are none
 */
#define FV_MODEL_FORMAT "1"

/* Writers of the JSON texts. */
void fv_meta_pipeline(const fv_model *model, fv_str *out);
void fv_meta_labels(const fv_model *model, fv_str *out);
void fv_meta_ports(const fv_model *model, fv_str *out);
void fv_meta_init(const fv_model *model, fv_str *out);
void fv_meta_aux(const fv_model *model, fv_str *out);
void fv_meta_selftest(const fv_model *model, fv_str *out);

/* Readers; `doc` is the text of the key. The model's graph is there, for the first three its slots as well. */
fv_status fv_meta_read_pipeline(fv_model *model, const fv_doc *doc);
fv_status fv_meta_read_labels(fv_model *model, const fv_doc *doc);
fv_status fv_meta_read_selftest(fv_model *model, const fv_doc *doc);
fv_status fv_meta_read_ports(fv_model *model, const fv_doc *doc);
fv_status fv_meta_read_aux(fv_model *model, const fv_doc *doc);
fv_status fv_meta_read_init(fv_model *model, const fv_doc *doc);

/* A model from an open file: what fv_model_load does of files of our own. It goes on in the file's bytes where it can:
 * nobody else is to use its tensors then. */
fv_status fv_model_read(fv_ctx *ctx, const fv_tensor_file *file, fv_model **model);

/* Loads tensors by name; *report (NULL: not wanted) is made whenever the file was compared, also on MODEL_MISMATCH. */
fv_status fv_weights_load(fv_model *model, const fv_tensor_file *file, bool partial, fv_load_report **report);

#endif
