/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow Lite files: float, half, sparse and quantized networks, by a small reader of flatbuffers of our own. */
#ifndef FV_IO_TFLITE_TFLITE_H
#define FV_IO_TFLITE_TFLITE_H

#include "io/import.h"

/* Whether the bytes have the mark of TFLite's schema. */
bool fv_tflite_is(const uint8_t *data, int64_t size);
fv_status fv_tflite_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options,
                         fv_model **model);

#endif
