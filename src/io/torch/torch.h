/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch's files of tensors (.pt, .pth, .th, .bin): the zip format of version 1.6 and later, and the pickles before
 * it; of TorchScript the tensors alone. The pickle is interpreted by a reader that knows tensors and containers and
 * executes nothing; whatever else it names is MODEL_PICKLE, with that name.
 *
 * The tensors are those of the state dict: the top of the file, or the part of it that holds most of them
 * (file->inside). Nested names are joined by dots. Tensors whose strides are not those of their shape are copied.
 */
#ifndef FV_IO_TORCH_H
#define FV_IO_TORCH_H

#include "io/tensor_file.h"

bool fv_torch_is_zip(const uint8_t *data, int64_t size);
fv_status fv_torch_read_zip(fv_tensor_file *file, const uint8_t *data, int64_t size);
bool fv_torch_is_legacy(const uint8_t *data, int64_t size);
fv_status fv_torch_read_legacy(fv_tensor_file *file, const uint8_t *data, int64_t size);

#endif
