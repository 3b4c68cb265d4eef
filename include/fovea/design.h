/* SPDX-License-Identifier: Apache-2.0 */
/* Networks as designs: what one costs in all, two of them side by side, what of one could be had for less. */
#ifndef FOVEA_DESIGN_H
#define FOVEA_DESIGN_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- in all ---- */

/** A whole network, of one image, without what only training computes. */
typedef struct fv_totals {
    int64_t parameters; /* those of auxiliary heads too */
    double macs, flops;
    int64_t activation_bytes; /* of all layers' results */
    int layers, weighted_layers;
    int depth;                  /* weighted layers on the longest way from the input to an output */
    int64_t receptive_field[2]; /* of the last map that is larger than one pixel; 0: there is none */
    bool whole[2];              /* that sees all of the input wherever one looks */
} fv_totals;
FV_API fv_status fv_model_totals(const fv_model *model, fv_totals *totals);

/* ---- side by side ---- */

/** Layer i in a few words: its filters or matrix, and attributes that are not their defaults: "3x3 64>128 stride=2,2
 * pad=1,1,1,1". *text is the caller's: fv_text_free. */
FV_API fv_status fv_model_layer_words(const fv_model *model, int i, char **text);

/** What became of a layer on the way from one network to another. */
typedef enum fv_layer_match {
    FV_LAYER_SAME,    /* operator, attributes, shapes of parameters and result are equal; names may differ */
    FV_LAYER_CHANGED, /* the operator is the same */
    FV_LAYER_REMOVED, /* the second has none for it */
    FV_LAYER_ADDED,   /* the first has none for it */
    FV_LAYER_MATCH_COUNT
} fv_layer_match;
typedef struct fv_layer_pair {
    fv_layer_match match;
    int a, b; /* layers of the first and the second; -1: none */
} fv_layer_pair;
/** Layers of two networks in order, paired so that as much as possible is alike: the alignment of both lists with the
 * largest sum of likeness (operator, attributes and parameters, result, name; Needleman and Wunsch, 1970). *pairs is
 * the caller's: fv_layer_pairs_free with the context of `a`. NO_MEMORY. */
FV_API fv_status fv_model_align(const fv_model *a, const fv_model *b, fv_layer_pair **pairs, int *count);
FV_API void fv_layer_pairs_free(fv_ctx *ctx, fv_layer_pair *pairs);

#ifdef __cplusplus
}
#endif
#endif
