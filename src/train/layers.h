/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of a model by name: a layer is what shares a tensor's name up to its last dot. */
#ifndef FV_TRAIN_LAYERS_H
#define FV_TRAIN_LAYERS_H

#include "model/model.h"

/* Whether slot i is the first of its layer. */
bool fv_layer_begins(const fv_model *model, int i);
int fv_layer_count(const fv_model *model);
/* Whether a pattern with * and ? names a tensor, or what its name begins with up to a dot. */
bool fv_layer_named(const char *pattern, const char *tensor);
/* VALUE: no tensor is called so; the hint lists the layers. `key` is the setting that asks. */
fv_status fv_layer_unknown(const fv_model *model, const char *key, const char *pattern);

#endif
