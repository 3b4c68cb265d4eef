/* SPDX-License-Identifier: Apache-2.0 */
/* Which values of a network a list of layers means. */
#ifndef FV_TRANSFER_STAGES_H
#define FV_TRANSFER_STAGES_H

#include "model/model.h"

/* Values of the model's graph in the order asked for, each once; *list is the caller's (fv_free). `text` as
 * fv_features_options.layers has it. */
fv_status fv_stages_find(const fv_model *model, const char *text, const fv_val ***list, int *count);
/* The first node that reads tensors of the head; the number of nodes: there is none. */
int32_t fv_stages_head(const fv_model *model);

#endif
