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
    /* Values that monotone activations (ReLU, ...) are asked for as the layers stand, and as they run: behind the
     * maximum pooling that follows one, which has fewer, with the same bits. */
    double activated, activated_run;
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

/* ---- drawn ---- */

typedef enum fv_drawing_form { FV_DRAWING_SVG, FV_DRAWING_DOT } fv_drawing_form;
/** A network as boxes from the input down: a layer with what works on its numbers one by one; branches side by side,
 * edges that pass layers in lanes of their own, results' sizes on the edges, colors by kind, long networks in columns.
 * SVG as it is to be looked at, light or dark as the page is; DOT for Graphviz, blocks as clusters. What only training
 * computes is left out. *text is the caller's: fv_text_free. */
FV_API fv_status fv_model_draw(const fv_model *model, fv_drawing_form form, char **text);

/* ---- had for less ---- */

typedef enum fv_suggestion_kind {
    FV_SUGGEST_STACK,      /* r x r: (r - 1) / 2 convolutions of 3 x 3, the last with the stride (VGG, Inception) */
    FV_SUGGEST_SPATIAL,    /* r x r: 1 x r and r x 1 (Inception v3) */
    FV_SUGGEST_BOTTLENECK, /* r x r: 1 x 1 to a quarter of the channels, r x r of these, 1 x 1 back (ResNet) */
    FV_SUGGEST_SEPARABLE,  /* r x r: depthwise, then 1 x 1 (MobileNet) */
    FV_SUGGEST_POOL,       /* flattened map and matrix: global average pooling and a matrix (NiN, GoogLeNet) */
    FV_SUGGEST_CONV,       /* matrix: a convolution as large as the map, 1 x 1 behind it; the same numbers */
    FV_SUGGEST_BIAS,       /* bias in front of batch normalization: none; the same numbers, its mean moved */
    FV_SUGGEST_COUNT
} fv_suggestion_kind;
/** "stack", "spatial", "bottleneck", "separable", "pool", "conv", "bias"; ends with NULL. */
FV_API const char *const *fv_suggestion_kinds(void);

typedef struct fv_suggestion {
    int layer; /* as fv_model_layer counts */
    fv_suggestion_kind kind;
    char now[64], instead[96]; /* "7x7 64>64", "3x3 64>64, 3x3 64>64, 3x3 64>64" */
    int64_t parameters[2];     /* of the layer, and of what takes its place; biases where it has one */
    double macs[2];
    int64_t field[2][2]; /* pixels of the layer's own input that one of its results sees: now and instead, h w */
    bool exact;          /* there are weights with which the numbers are the same; else it wants training */
} fv_suggestion;
/** What layers of a network could be replaced with, as counted by hand: 49 C^2 parameters of 7 x 7 with C channels
 * against 27 C^2 of three 3 x 3, h w times as many multiply-adds. Only what costs less in one of the two and no more in
 * the other, and exact ones. In order of layers. *list is the caller's: fv_suggestions_free. */
FV_API fv_status fv_model_suggest(const fv_model *model, fv_suggestion **list, int *count);
FV_API void fv_suggestions_free(fv_ctx *ctx, fv_suggestion *list);

/* ---- against what images show ---- */

/** What a network's maps see of an image; the smaller one of both directions. */
typedef struct fv_sight {
    int64_t field, step;   /* of a place of the last map that is larger than one pixel, and from place to place */
    int64_t filter, first; /* of the first layer with weights: its window, and its stride */
    bool whole;            /* a place of that last map sees all of the image */
    bool apart;            /* the layer behind it has weights for each place */
} fv_sight;
/** What does not go together, bits. */
enum {
    FV_SIGHT_NARROW = 1 << 0, /* the last map sees less than what is shown: field < 0.8 extent, and no layer behind it
                                 puts places together */
    FV_SIGHT_COARSE = 1 << 1, /* it has hardly two places for it: step > extent / 2 */
    FV_SIGHT_BLUNT = 1 << 2,  /* the first layer steps over detail: first > 2 detail */
    FV_SIGHT_EMPTY = 1 << 3   /* images hold nothing so fine as their pixels: detail >= 4, twice that of sharp ones */
};
/** UNSUPPORTED: it has no map, or no layer with weights that reads one. */
FV_API fv_status fv_model_sight(const fv_model *model, fv_sight *sight);
/** The bits for things of that extent with detail of that size, both in pixels of the network's input, as
 * fv_dataset_detail measures them; NaN: not known. */
FV_API unsigned fv_sight_misfits(const fv_sight *sight, double detail, double extent);

/* ---- made smaller ---- */

/** How a layer's weights become two layers'. */
typedef enum fv_factor_method {
    FV_FACTOR_SVD,     /* a matrix o x i: i > r > o; filters r x s: the same window to r channels, then 1 x 1 */
    FV_FACTOR_SPATIAL, /* filters r x s: r x 1 to q channels, then 1 x s */
    FV_FACTOR_METHOD_COUNT
} fv_factor_method;
/** "svd", "spatial"; ends with NULL. */
FV_API const char *const *fv_factor_methods(void);

/** One of rank, energy, keep; none: keep 0.5. */
typedef struct fv_factor_options {
    fv_factor_method method;
    int64_t rank;       /* channels between the two, in every group; at most the full rank, at which nothing is lost */
    double energy;      /* as few as keep this share of the sum of squares of the singular values; 0 to 1 */
    double keep;        /* as many as leave at most this share of the layer's parameters; 0 to 1 */
    const char *layers; /* names, with * and ?, separated by commas; NULL: all */
} fv_factor_options;

/** What became of a weighted layer. */
typedef struct fv_factor_row {
    const char *layer; /* of the model that was given */
    bool factored;
    char why[120];           /* why it was left as it is */
    int64_t rank, full_rank; /* of a group */
    double weight_error;     /* |w - w'| / |w|, of the sums of squares */
    double output_error;     /* the same of the layer's results, once measured; below 0: it was not */
    int64_t parameters[2];   /* before, after */
    double macs[2];
} fv_factor_row;

/**
 * A copy in which layers are two each: NAME.in and NAME.out have their weights, the bias and the activation go with the
 * second, whose result is called as the layer's was. The nearest of that rank by the sum of squares (Eckart and Young,
 * 1936), computed in float64, with the same bits on any number of threads. With `energy` and `keep` a layer that would
 * not become smaller stays. Transposed convolutions, weights that several layers share, constants, and what has rank 1
 * stay too: rows say why. *rows (as many as there are weighted layers) is the caller's, on failure too where it is not
 * NULL: fv_factor_rows_free. VALUE: options out of range, or no layer of those names; MODEL: no layer becomes two;
 * OVER_BUDGET naming the layer whose matrix does not fit.
 */
FV_API fv_status fv_model_factorize(fv_model *model, const fv_factor_options *options, fv_model **copy,
                                    fv_factor_row **rows, int *count);
FV_API void fv_factor_rows_free(fv_ctx *ctx, fv_factor_row *rows);
/** Runs both on `images` (count x h x w x c, as fv_session_input takes them; NULL: random numbers, normal) and sets
 * rows' output_error, and *error, that of the models' results. UNSUPPORTED: not one image in, one row out. */
FV_API fv_status fv_factor_measure(fv_model *model, fv_model *copy, const float *images, int64_t count,
                                   fv_factor_row *rows, int n_rows, double *error);

#ifdef __cplusplus
}
#endif
#endif
