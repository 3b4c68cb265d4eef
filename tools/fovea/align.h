/* SPDX-License-Identifier: Apache-2.0 */
/* Which layers of two networks are the same. */
#ifndef FOVEA_ALIGN_H
#define FOVEA_ALIGN_H

#include "cli.h"

typedef struct align_layer {
    const char *value; /* its result */
    const char *op;
    fv_shape shape;
    bool output; /* of the network */
    bool inner;  /* a normalization of the same shape follows, which may be part of the other's layer */
    int match;   /* the other's; -1: it has none */
} align_layer;

typedef struct align {
    align_layer *layer[2];
    int count[2];
} align;

/*
 * Pairs layers in their order: those of one name and shape before all, then those that do the same with results of one
 * shape, where a normalization stands for the convolution before it. False: no memory. End with align_free either way.
 */
bool align_models(const fv_model *a, const fv_model *b, align *al);
void align_free(align *al);

#endif
