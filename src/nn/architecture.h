/* SPDX-License-Identifier: Apache-2.0 */
/* Reading architecture files: the layers that have keys of their own. */
#ifndef FV_NN_ARCHITECTURE_H
#define FV_NN_ARCHITECTURE_H

#include "nn/build.h"

/* What layers need to know of the reading. */
typedef struct fv_arch {
    fv_model *m;
    double dropout; /* of every dropout layer; negative: as the file says */
} fv_arch;

/* A layer: `keys` is an operator row of which only name, attr_size and attrs count: how its keys are read. */
typedef struct fv_arch_layer {
    fv_op keys;
    const char *main; /* the key that a bare value stands for ("dense: 10"); NULL: none */
    fv_value (*make)(fv_arch *a, const char *name, void *params, fv_value x);
} fv_arch_layer;

/* Ends with a NULL name. */
extern const fv_arch_layer fv_arch_layers[];

#endif
