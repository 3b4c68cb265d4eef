/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of Caffe: a .prototxt, which is text, and a .caffemodel beside it; or a .caffemodel, which holds its layers
 * too. By protobuf-c; a build without it says so. */
#ifndef FV_IO_CAFFE_CAFFE_H
#define FV_IO_CAFFE_CAFFE_H

#include "io/import.h"
#include "io/tensor_file.h"

/* Text of layers, or their messages: these have no magic number, so the outermost fields are looked at. */
bool fv_caffe_is(const uint8_t *data, int64_t size);
/* Of a text the weights are options->weights. */
fv_status fv_caffe_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options,
                        fv_model **model);
/* As a file of tensors for another network it is refused, saying what to give: its blobs have no names. */
fv_status fv_caffe_refuse_tensors(fv_tensor_file *file, const uint8_t *data, int64_t size);

#endif
