/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_COMPRESS_FOLD_H
#define FV_COMPRESS_FOLD_H

#include "model/model.h"

/*
 * A copy of a finished model as inference computes it: normalization is part of the weights before it (a convolution of
 * single channels where there are none), what only trains is gone, and every activation is a node of its own, called
 * NAME.act where the layer had it. Weights are float32 and keep their names.
 */
fv_status fv_model_fold(fv_model *model, fv_model **folded);
/* Class names and what a model's card says, for a copy with other weights: what was measured is said to be of before
 * (`before`: "quantized"). */
fv_status fv_model_copy_card(fv_model *model, const char *before, fv_model *copy);

#endif
