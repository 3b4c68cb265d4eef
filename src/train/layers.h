/* SPDX-License-Identifier: Apache-2.0 */
/* Layers and blocks of a model by name. Parts of a name end at a dot, or at a slash as Keras and Caffe have it; a layer
 * is what shares a tensor's name up to its last part. */
#ifndef FV_TRAIN_LAYERS_H
#define FV_TRAIN_LAYERS_H

#include "model/model.h"

/* Characters of a tensor's name that are its layer's: "features.0.weight" is of "features.0", "conv/kernel" of "conv".
 */
size_t fv_layer_size(const char *name);
/* Whether slot i is the first of its layer. */
bool fv_layer_begins(const fv_model *model, int i);
int fv_layer_count(const fv_model *model);
/* Whether a pattern with * and ? names a tensor, or what its name begins with up to the end of a part. */
bool fv_layer_named(const char *pattern, const char *tensor);
/* VALUE: no tensor is called so; the hint lists the layers. `key` is the setting that asks. */
fv_status fv_layer_unknown(const fv_model *model, const char *key, const char *pattern);

/* Bytes of names[i] that more than half of n names begin with, by whole parts, each name's last part aside: no block is
 * told by them. 0: there are none, and *of is "". */
size_t fv_names_trunk(const char *const *names, int n, const char **of);
/*
 * Bytes of a name that are its block's. Behind the trunk, as far as the name has it, that is up to the first part that
 * is a number (features.3 of features.3.squeeze.relu) or to a number between underscores (block_13 of
 * block_13_expand/kernel), whichever comes first; else the first part.
 */
size_t fv_block_size(const char *name, const char *trunk, size_t trunk_size);

#endif
