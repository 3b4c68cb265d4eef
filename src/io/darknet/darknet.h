/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of darknet: a .cfg, which is text, and a .weights beside it. */
#ifndef FV_IO_DARKNET_DARKNET_H
#define FV_IO_DARKNET_DARKNET_H

#include "io/import.h"
#include "io/tensor_file.h"

/* Text whose first section is [net] or [network]. */
bool fv_darknet_is(const uint8_t *data, int64_t size);
/* The weights are options->weights. */
fv_status fv_darknet_read(fv_ctx *ctx, const fv_import_source *source, const fv_import_options *options,
                          fv_model **model);
/* The header of a .weights; as a file of tensors it is refused, saying what to give: it has no names and shapes. */
bool fv_darknet_is_weights(const uint8_t *data, int64_t size);
fv_status fv_darknet_refuse_tensors(fv_tensor_file *file, const uint8_t *data, int64_t size);

#endif
