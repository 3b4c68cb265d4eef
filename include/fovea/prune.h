/* SPDX-License-Identifier: Apache-2.0 */
/* Pruning: networks without the channels that matter least, and weights of which the smallest are zero. */
#ifndef FOVEA_PRUNE_H
#define FOVEA_PRUNE_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- whole channels ---- */

/** What a channel's worth is read from. Numbers of a layer are divided by their mean, so that layers can be compared.
 */
typedef enum fv_prune_method {
    FV_PRUNE_L1,         /* sum of |w| of its filter */
    FV_PRUNE_L2,         /* root of the sum of w^2 */
    FV_PRUNE_BN,         /* |gamma| of the batch norm behind it (Liu et al., 2017) */
    FV_PRUNE_TAYLOR,     /* sum of |w dL/dw| of its filter, mean over samples (Molchanov et al., 2019) */
    FV_PRUNE_ACTIVATION, /* mean of |x| where weights read it, over samples and places */
    FV_PRUNE_METHOD_COUNT
} fv_prune_method;
/** "l1", "l2", "bn", "taylor", "activation"; ends with NULL. */
FV_API const char *const *fv_prune_methods(void);

typedef struct fv_prune_options {
    fv_prune_method method;
    fv_dataset *data; /* TAYLOR (with labels), ACTIVATION: what is looked at; else may be NULL. Borrowed */
    int64_t samples;  /* of it, the first of its order; 0: 256 */
    int64_t round_to; /* channels that are left of a layer are a multiple of it, at least one of it; 0: 8, 1: any */
    const char *skip; /* names of layers, with * and ?, separated by commas, that keep their channels; NULL: none */
} fv_prune_options;

/**
 * Channels of a model by their worth, and which of them are chosen to go. What must go together (sums of branches,
 * grouped and depthwise convolutions, shuffles) is found from the graph: see fv_op.channels. One thread at a time.
 */
typedef struct fv_pruner fv_pruner;

/**
 * For a finished model, which must live as long and not change. Nothing is chosen at first. MODEL: no channel of it can
 * go; VALUE: no layer is called so; ARGUMENT: data are needed; UNSUPPORTED: not a plain model where data are looked at.
 */
FV_API fv_status fv_pruner_create(fv_model *model, const fv_prune_options *options, fv_pruner **pruner);
/** Takes NULL and pointers to NULL. */
FV_API void fv_pruner_destroy(fv_pruner **pruner);

/** Channels that the same layers make together, and what is left of them as chosen. */
typedef struct fv_prune_group {
    const char *layer; /* the first of these layers */
    int layers;
    int64_t channels, left;
} fv_prune_group;
FV_API int fv_pruner_groups(const fv_pruner *pruner);
/** VALUE where there is no group i. */
FV_API fv_status fv_pruner_group(const fv_pruner *pruner, int i, fv_prune_group *group);

/**
 * Chooses that share of all channels, those worth least; of every group alike (per_group); or of group `only` alone,
 * -1: of all. Rounded as the options say, so that a little more or less goes; what would be left empty keeps the
 * least. VALUE: amount is not from 0 to below 1.
 */
FV_API fv_status fv_pruner_choose(fv_pruner *pruner, double amount, bool per_group, int only);
/** Multiply-adds of an image that are left as chosen. NO_MEMORY. */
FV_API fv_status fv_pruner_macs(fv_pruner *pruner, double *macs);
/** Chooses as few as leave at most that share of the multiply-adds. VALUE: so few cannot be left. */
FV_API fv_status fv_pruner_choose_macs(fv_pruner *pruner, double share, bool per_group);

/** A layer before and behind. */
typedef struct fv_prune_row {
    const char *layer;
    int64_t channels[2]; /* that it makes */
    int64_t parameters[2];
    double macs[2];
    const char *why; /* why it keeps its channels whatever is chosen; NULL: it need not */
} fv_prune_row;

/**
 * A model without the channels chosen: its tensors are smaller, names stay. It computes what the given one does with
 * the weights zero that read the channels that are gone. Class names, pipeline and card go along; figures on the card
 * say that they were measured before; self-test vectors are left out. *rows: of every weighted layer, the caller's:
 * fv_prune_rows_free; may be NULL.
 */
FV_API fv_status fv_pruner_apply(fv_pruner *pruner, fv_model **copy, fv_prune_row **rows, int *count);
FV_API void fv_prune_rows_free(fv_ctx *ctx, fv_prune_row *rows);

/* ---- single weights ---- */

/** Either amount, or keep and of. */
typedef struct fv_sparsify_options {
    double amount;  /* share of the weights that becomes zero, the smallest of all layers; from 0 to below 1 */
    bool per_layer; /* that share of every layer's */
    int64_t keep,
        of; /* of every `of` neighboring inputs of a filter at a place the `keep` largest are left; 0: amount */
    const char *skip; /* as in fv_prune_options */
} fv_sparsify_options;

/** What became of a layer's weights; biases and normalizations are left as they are. */
typedef struct fv_sparse_row {
    const char *layer;
    int64_t weights, zeros[2]; /* before, after */
    const char *why;           /* why it was left as it is; NULL: it was not */
} fv_sparse_row;

/**
 * A copy whose smallest weights are zero: exactly round(amount * weights) of those that are looked at, of equal ones
 * the first; every layer keeps one. Shapes stay, and so does the time that dense kernels take. Files of it hold the
 * bits and numbers of what is not zero (docs/model-files.md). VALUE: amount, keep and of, or names that fit no layer;
 * MODEL: no layer has such weights. *rows is the caller's (fv_sparse_rows_free); may be NULL.
 */
FV_API fv_status fv_model_sparsify(fv_model *model, const fv_sparsify_options *options, fv_model **copy,
                                   fv_sparse_row **rows, int *count);
FV_API void fv_sparse_rows_free(fv_ctx *ctx, fv_sparse_row *rows);

#ifdef __cplusplus
}
#endif
#endif
