/* SPDX-License-Identifier: Apache-2.0 */
/* --freeze: tensors that keep their values in training. */
#ifndef FV_TRAIN_FREEZE_H
#define FV_TRAIN_FREEZE_H

#include "model/model.h"

/*
 * Marks in frozen[0..n_slots) the model's slots that `text` names: patterns with * and ?, separated by commas, each of
 * whole tensor names or of their beginnings up to a dot or slash ("features.3"); N: those of the first N layers; -N: of
 * all but the last N. A layer is what shares a name up to its last part. NULL, "" or "none": no slot. VALUE where a
 * pattern names nothing or nothing is left to train.
 */
fv_status fv_freeze_mark(const fv_model *model, const char *text, bool *frozen);
/* Marks the slots of such names or of the first layers, `least` of them or more; *number: it was a number of layers.
 * `key` is the setting that asks. VALUE. */
fv_status fv_freeze_layers(const fv_model *model, const char *key, const char *text, int least, bool *named,
                           bool *number);

#endif
