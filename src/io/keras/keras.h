/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras files of versions 2.0 to 3.x: `.h5` (HDF5) and `.keras` (a zip archive with HDF5 inside). The network is in
 * them as JSON, which is read and never run.
 */
#ifndef FV_IO_KERAS_KERAS_H
#define FV_IO_KERAS_KERAS_H

#include "io/import.h"
#include "io/tensor_file.h"

bool fv_keras_is(const uint8_t *data, int64_t size);
fv_status fv_keras_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options,
                        fv_model **model);

/* Named tensors of a file of weights: filters as [out][in][h][w], matrices as [out][in]. */
bool fv_keras_is_weights(const uint8_t *data, int64_t size);
fv_status fv_keras_read_weights(fv_tensor_file *file, const uint8_t *data, int64_t size);
/* The same of a .keras, a network with its weights. */
bool fv_keras_is_archive(const uint8_t *data, int64_t size);
fv_status fv_keras_read_archive(fv_tensor_file *file, const uint8_t *data, int64_t size);

#endif
