/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before a trained network is taken to other data: how much data there are, how far they are from those it was trained
 * on, and what of it to train then, and how.
 */
#ifndef FOVEA_ADVISE_H
#define FOVEA_ADVISE_H

#include <fovea/transfer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The four cells of the table of transfer learning, and what is trained in each. */
typedef enum fv_transfer_cell {
    FV_CELL_TOP,    /* similar data, little of them: a linear classifier on top */
    FV_CELL_LAST,   /* similar, much: the last stages */
    FV_CELL_STAGES, /* different, little: linear classifiers from several stages, of which the best is kept */
    FV_CELL_MORE,   /* different, much: all stages */
    FV_CELL_COUNT
} fv_transfer_cell;
/** "top", "last", "stages", "more", in the order of fv_transfer_cell; ends with NULL. */
FV_API const char *const *fv_transfer_cell_names(void);

/** Images of a class from which on there is much: what fv_data_summary.strategy takes, too. */
enum { FV_MUCH_DATA = 200 };

typedef struct fv_advise_options {
    int64_t samples; /* images that are looked at, of each class its share [0: 300, or 10 of each class, up to 2,000] */
    uint64_t seed;   /* of which these are, and of the folds */
    bool own_head;   /* the network's last layer is a trained one: what it answers means something */
    int workers;     /* decoding threads, as fv_loader_options has them */
} fv_advise_options;

/** A linear classifier on one stage: accuracy over stratified folds of the sample. */
typedef struct fv_stage_probe {
    const char *name;       /* of the value, as fv_features_options.layers takes it */
    int64_t width;          /* numbers of an image there: the means of the channels */
    double accuracy, error; /* mean over folds, and its standard error */
} fv_stage_probe;

/**
 * How far data are from the network's own, which are not at hand: three numbers, each against the largest that was
 * found for data of the kind that networks were trained on (docs/transfer.md has what was measured).
 *
 *     norm     mean over batch norms and their channels of |mean of the data - running mean| / running deviation: the
 *              running ones are of the network's own data
 *     answers  the mutual information of images and the network's own answers, as a share of the logarithm of the
 *              number of classes: H(mean p) - mean H(p). Near 0: all images get the same answer, or none is clear
 *     probes   the error of a linear classifier on the last stage, by that on the best one, 1 % added to both
 *
 * `distance` is the geometric mean of norm / FV_NEAR_NORM, FV_NEAR_ANSWERS / answers and probes / FV_NEAR_PROBES, each
 * within 1/4 and 4, of those that there are: above 1 the data are different.
 */
#define FV_NEAR_NORM    0.2
#define FV_NEAR_ANSWERS 0.75
#define FV_NEAR_PROBES  1.3
typedef struct fv_likeness {
    int64_t samples; /* that were looked at */
    int norms;       /* batch norms that were looked at; 0: `norm` is NaN */
    double norm;
    double answers; /* NaN: the network has no trained head */
    double probes;
    int n_probes, best; /* of fv_advice_probe, the last of which is what the head reads */
    double distance;
} fv_likeness;

/** How much there is: the training split. */
typedef struct fv_amounts {
    int64_t images, classes;
    int64_t smallest, typical, largest; /* images of a class: the least, images / classes, the most */
} fv_amounts;

/**
 * What to train, and how. Where `c` is above 0, logistic regression on standardized rows (fv_linear_fit), and what
 * training would need is 0 or NULL. Texts live as long as the advice.
 */
typedef struct fv_transfer_recipe {
    double c;            /* weight of the losses, as fv_linear_options has it; 0: training */
    int64_t grid;        /* rows are means in grid x grid cells of a map */
    const char *freeze;  /* as --freeze takes it; NULL: nothing */
    const char *lr_mult; /* as --lr-mult takes it; NULL: one rate */
    double lr;           /* of adamw, of the new last layer */
    int64_t epochs, batch_size;
    double drop;         /* rate before the new last layer; 0: none */
    const char *augment; /* as --augment takes it */
    double val_split;    /* where the data have no val split of their own */
} fv_transfer_recipe;
/** The rate of dropout in front of a layer of so many weights that learns from so many images: log10(weights / images)
 * / 4 between 0 and 1/2, in steps of 0.05. */
FV_API double fv_drop_rule(int64_t weights, int64_t images);
/** Rules behind the recipe, a sentence each. */
typedef enum fv_recipe_rule {
    FV_RULE_TRAINED, /* what is trained, and at which rate */
    FV_RULE_EPOCHS,
    FV_RULE_DROP, /* or C */
    FV_RULE_AUGMENT,
    FV_RULE_COUNT
} fv_recipe_rule;

typedef struct fv_advice fv_advice;
/**
 * Looks at a sample of the data (a training split, of which afterwards only that sample is left) with the network: a
 * pure function of model, data and options, whatever the threads. `options` may be NULL. UNSUPPORTED: labels are not
 * one class each, or the network takes no image; DATA_EMPTY: not two classes with two images each; DATA_TOO_BAD,
 * OVER_BUDGET, DIVERGED, INTERRUPTED, NO_MEMORY.
 */
FV_API fv_status fv_advise(fv_model *model, fv_dataset *data, const fv_advise_options *options, fv_advice **advice);
FV_API void fv_advice_destroy(fv_advice **advice);
FV_API fv_transfer_cell fv_advice_cell(const fv_advice *advice);
/**
 * The cell whose recipe is the one to take: that of the advice, but for FV_CELL_STAGES FV_CELL_MORE where not even the
 * best stage tells the classes apart: by its probe less than half of the way from 1 / classes to 1. Then a linear
 * classifier on what the network computes is of little use, and the network has to change.
 */
FV_API fv_transfer_cell fv_advice_choice(const fv_advice *advice);
FV_API const fv_amounts *fv_advice_amounts(const fv_advice *advice);
FV_API const fv_likeness *fv_advice_likeness(const fv_advice *advice);
/** Probe i, from the image on; NULL: there is none. */
FV_API const fv_stage_probe *fv_advice_probe(const fv_advice *advice, int i);
/** What the cell of the advice, or another one, means for this network and these data. */
FV_API const fv_transfer_recipe *fv_advice_recipe(const fv_advice *advice, fv_transfer_cell cell);
FV_API const char *fv_advice_rule(const fv_advice *advice, fv_transfer_cell cell, fv_recipe_rule rule);

#ifdef __cplusplus
}
#endif
#endif
