/* SPDX-License-Identifier: Apache-2.0 */
/* How a network looks from the inside: what its activations let through, and how long its gradients are. */
#ifndef FV_TRAIN_SANITY_PROBE_H
#define FV_TRAIN_SANITY_PROBE_H

#include "train/sanity_data.h"
#include "train/trainer.h"

/* Makes the lists of the result: activations that can be dead or saturated, and weights that are trained. */
fv_status fv_probe_begin(const fv_trainer *trainer, fv_sanity *s);
/* Looks at activations with the weights as they are; `when` 0: before, 1: behind the first attempt. Changes running
 * statistics. */
fv_status fv_probe_units(const fv_trainer *trainer, const fv_sanity_data *data, int when, fv_sanity *s);
/* Lengths of the gradient that was computed last, and with `when` 0 of the weights. */
void fv_probe_gradients(fv_trainer *trainer, int when, fv_sanity *s);
/* How far the weights are from `before`: all slots of the model, one behind the other. */
void fv_probe_change(const fv_model *model, const char *before, fv_sanity *s);

#endif
