/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of a network as a model of its own: up to some of its values, maps pooled. */
#ifndef FV_NN_CUT_H
#define FV_NN_CUT_H

#include <fovea/transfer.h>

#include "model/model.h"

typedef struct fv_cut {
    const char *value; /* name in the graph */
    fv_pooling pool;   /* of a map n h w c; nothing is done to other values */
    int64_t grid[2];   /* at least 1; no more cells are made than the map has pixels */
} fv_cut;

/* An output of the values' names for each of n cuts; the model shares its tensors with `model`, and its pipeline and
 * task are those of it. */
fv_status fv_model_cut(fv_model *model, const fv_cut *cuts, int n, fv_model **out);
/* One cut as a row, and a dense layer behind it: weights classes x width (the row's numbers in the order h w c) and
 * bias, and these class names. Its tensors are its own. */
typedef struct fv_cut_head {
    const float *weights, *bias;
    int64_t classes, width;
    const char *const *class_names;
} fv_cut_head;
fv_status fv_model_cut_head(fv_model *model, const fv_cut *cut, const fv_cut_head *head, fv_model **out);

#endif
