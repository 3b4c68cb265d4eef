/* SPDX-License-Identifier: Apache-2.0 */
/* Reading architecture files: the layers that have keys of their own. */
#ifndef FV_NN_ARCHITECTURE_H
#define FV_NN_ARCHITECTURE_H

#include "nn/zoo.h"

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

/* Names of activations by number, as files have them; ends with NULL. */
extern const char *const fv_arch_activations[];

/* ---- blocks ---- */

typedef struct fv_arch_bottleneck {
    int64_t filters, stride, widen, groups;
} fv_arch_bottleneck;
typedef struct fv_arch_inverted_residual {
    fv_zoo_inverted_residual_options o;
    int64_t expand;
} fv_arch_inverted_residual;
typedef struct fv_arch_squeeze_excite {
    int64_t squeeze;
    fv_activation inner, gate;
} fv_arch_squeeze_excite;
typedef struct fv_arch_shuffle_unit {
    int64_t filters, stride;
} fv_arch_shuffle_unit;
typedef struct fv_arch_inception {
    fv_ints filters;
} fv_arch_inception;
typedef struct fv_arch_dense_block {
    int64_t layers, growth;
} fv_arch_dense_block;
typedef struct fv_arch_convnext {
    fv_zoo_convnext_options o;
} fv_arch_convnext;
extern const fv_attr fv_arch_convnext_keys[], fv_arch_bottleneck_keys[], fv_arch_inverted_residual_keys[],
    fv_arch_squeeze_excite_keys[], fv_arch_shuffle_unit_keys[], fv_arch_inception_keys[], fv_arch_dense_block_keys[];
typedef fv_value fv_arch_make(fv_arch *a, const char *name, void *params, fv_value x);
fv_arch_make fv_arch_make_bottleneck, fv_arch_make_inverted_residual, fv_arch_make_squeeze_excite,
    fv_arch_make_shuffle_unit, fv_arch_make_inception, fv_arch_make_dense_block, fv_arch_make_convnext;

/* Ends with a NULL name. */
extern const fv_arch_layer fv_arch_layers[];

#endif
