/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX files (IR 3 to 13, operator sets 1 to 23), by protobuf-c; a build without it says so. */
#ifndef FV_IO_ONNX_ONNX_H
#define FV_IO_ONNX_ONNX_H

#include "io/import.h"

/* Whether bytes are a model of ONNX's: messages have no magic number, so their outermost fields are looked at. */
bool fv_onnx_is(const uint8_t *data, int64_t size);
fv_status fv_onnx_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options, fv_model **model);

#endif
