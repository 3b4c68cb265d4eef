/* SPDX-License-Identifier: Apache-2.0 */
/* The losses of a trainer: in its graph, and which they are where nobody says. */
#ifndef FV_TRAIN_LOSSES_H
#define FV_TRAIN_LOSSES_H

#include "train/trainer.h"

/* A trainer's graph: what is behind the frozen beginning, with the losses. */
fv_status fv_losses_add(fv_trainer *trainer, const fv_loss_spec *specs, int32_t n);

/* The loss of the output, and behind it those of the auxiliary heads that teach something under the frozen set, which
 * share its target. Names are the model's. */
fv_status fv_losses_usual(const fv_model *model, const fv_fit_options *options, const bool *frozen,
                          fv_loss_spec specs[1 + FV_AUX_MAX], int32_t *n);

#endif
