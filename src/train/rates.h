/* SPDX-License-Identifier: Apache-2.0 */
/* --lr-mult and --layer-decay: each tensor's share of the learning rate. */
#ifndef FV_TRAIN_RATES_H
#define FV_TRAIN_RATES_H

#include <fovea/train.h>

#include "model/model.h"

/*
 * rate[0..n_slots): layer_decay^k, where k is how many layers with weights there are behind the tensor's own, times the
 * factor of the last of `lr_mult`'s items that names it: PATTERN=F, separated by commas, patterns as those of --freeze.
 * VALUE where an item is none or names nothing.
 */
fv_status fv_rates_mark(const fv_model *model, const fv_fit_options *options, double *rate);

#endif
