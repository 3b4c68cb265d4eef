/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before a run of hours: whether the network can learn two batches by heart, and what keeps it from that; and what is
 * known to be unwise in a network and its recipe.
 */
#ifndef FOVEA_SANITY_H
#define FOVEA_SANITY_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What was found, the surer causes first: X(ENUMERATOR, name, title). */
#define FV_SANITY_LIST(X)                                                                                              \
    X(FV_SANITY_LEARNED, "learned", "the network learns two batches by heart")                                         \
    X(FV_SANITY_SOFTMAX, "doubled-softmax", "the loss makes probabilities of what is bounded already")                 \
    X(FV_SANITY_CONSTANT, "constant-input", "the pictures that the network gets have nothing in them")                 \
    X(FV_SANITY_PIXELS, "pixel-range", "the pixels that the network gets are on the wrong scale")                      \
    X(FV_SANITY_LABELS, "contradicting-labels", "the same picture has different labels")                               \
    X(FV_SANITY_SHUFFLED, "shuffled-labels", "labels have nothing to do with pictures: they can only be memorized")    \
    X(FV_SANITY_DEAD, "dead-units", "units behind a ReLU are 0 for every image, and nothing is learned through them")  \
    X(FV_SANITY_RATE_HIGH, "rate-too-high", "the learning rate is too high")                                           \
    X(FV_SANITY_RATE_LOW, "rate-too-low", "the learning rate is too low")                                              \
    X(FV_SANITY_SATURATED, "saturated-gates", "sigmoids or tanhs are at their bounds, where their gradient is 0")      \
    X(FV_SANITY_VANISHING, "vanishing-gradient", "the gradient does not reach the first layers")                       \
    X(FV_SANITY_EXPLODING, "exploding-gradient", "the gradient grows on its way to the first layers")                  \
    X(FV_SANITY_STEPS, "too-few-steps", "the loss still falls: there were too few steps")                              \
    X(FV_SANITY_UNKNOWN, "unknown", "it does not learn, for none of the causes that are looked for")
typedef enum fv_sanity_verdict {
#define FV_SANITY_ROW(id, name, title) id,
    FV_SANITY_LIST(FV_SANITY_ROW)
#undef FV_SANITY_ROW
        FV_SANITY_COUNT
} fv_sanity_verdict;
FV_API const char *fv_sanity_name(fv_sanity_verdict verdict);
FV_API const char *fv_sanity_title(fv_sanity_verdict verdict);

/** What learned by heart means: over a pass of the batches, as they are trained. Numbers to predict: the share of their
 * variance that is explained takes the place of the accuracy, and any loss will do. */
#define FV_SANITY_TOP1 0.99
#define FV_SANITY_LOSS 0.01
/** Steps after which it is given up where fv_fit_options.max_steps says nothing else. */
enum { FV_SANITY_STEPS_MAX = 300, FV_SANITY_TRIES = 8 };

/** One attempt, from the weights as they were given. */
typedef struct fv_sanity_try {
    double lr;
    int64_t steps;
    double first;        /* loss before the first step */
    double highest;      /* of a pass over the batches; infinity where it or a gradient was not finite */
    double lowest, last; /* of a pass */
    double top1;         /* of the last pass; NaN: there was none */
    bool finite;         /* losses and gradients were, up to 1e9 */
    bool learned;
} fv_sanity_try;

/** What comes out of an activation, over all images of the batches: [0] before the first attempt, [1] behind it. NaN
 * where an operator cannot be so. */
typedef struct fv_sanity_units {
    const char *name; /* of the value */
    int64_t units;    /* channels */
    double dead[2];   /* share of units that are 0 everywhere and for every image */
    double bound[2];  /* share of elements within 2 % of an end of their range */
} fv_sanity_units;

/** A tensor of filters or a matrix. */
typedef struct fv_sanity_weights {
    const char *name;
    double norm;        /* its length before the first attempt */
    double gradient[2]; /* length of its gradient on the first batch, before and behind that attempt; NaN: none */
    double change;      /* length of the first step's change */
} fv_sanity_weights;

/** The network's input, over the batches. */
typedef struct fv_sanity_inputs {
    double low, high, mean, deviation;
    int64_t images, constant; /* of one value all over */
    bool same;                /* all of them are one picture */
    bool odd;                 /* further from 0 and 1 than networks are made for */
} fv_sanity_inputs;

/** Whether pictures tell labels: `right` of `images` got the label that they have, where `chance` of them would with
 * answers and labels dealt out at random; `sigmas` standard deviations lie between. images 0: it was not asked. */
typedef struct fv_sanity_odds {
    int64_t images;
    double right, chance, sigmas;
} fv_sanity_odds;

typedef struct fv_sanity {
    fv_sanity_verdict verdict;
    const char *evidence; /* one line; "" where all is well */
    const char *cure;     /* one line; "" */
    const char *options;  /* what to add to the command for it, "--lr 0.01"; NULL: it is none of options */
    const char *pixels;   /* the files' pixels are on another scale than is expected; NULL: no */
    int64_t batches, samples;
    fv_sanity_inputs inputs;
    fv_sanity_odds neighbors; /* of each of some images the five nearest of the others answer (the best of three ways of
                                 measuring how near) */
    fv_sanity_odds others;    /* the network that knows the batches by heart answers for other images */
    int64_t pairs;            /* pictures that are the same to 2 % with different labels, of those images */
    int64_t pairs_within;     /* in the batches */
    const char *pair[2];      /* names of one such pair, with their labels */
    int n_tries, n_units, n_weights;
    fv_sanity_try tries[FV_SANITY_TRIES]; /* the first at the rate of the options */
    const fv_sanity_units *units;         /* in the network's order */
    const fv_sanity_weights *weights;
    fv_ctx *ctx;
    struct fv_arena *arena; /* that all this lies in */
} fv_sanity;

/**
 * Trains the first two batches of a run with these options by heart, without augmentation, mixing, dropout, label
 * smoothing, balancing, averages or the schedule: at most max_steps steps (0: FV_SANITY_STEPS_MAX, and four times as
 * many where only they are missing), half of them at `lr`, and from there on linearly down to 0. Where that fails, or
 * what was learned means nothing, the verdict says why, as far as can be told: other rates are tried, each from the
 * same start. Writes nothing; the model ends as it began. The same bits with any number of threads. FV_OK whatever the
 * verdict is. Not for models that fv_fit_with would refuse: CONFLICT and what else it returns; but see
 * fv_sanity_scores. The caller destroys *sanity.
 */
FV_API fv_status fv_sanity_run(fv_model *model, fv_dataset *train, const fv_fit_options *options, fv_sanity **sanity);
/** FV_SANITY_SOFTMAX where the model ends with a bounded activation although the loss bounds scores itself, which
 * training refuses; NULL where it does not. */
FV_API fv_status fv_sanity_scores(fv_model *model, const fv_fit_options *options, fv_sanity **sanity);
FV_API void fv_sanity_destroy(fv_sanity **sanity);

/* ---- what is known to be unwise ---- */

typedef struct fv_lint_options {
    const fv_fit_options *fit; /* NULL: nothing is known of the recipe */
    int64_t images;            /* of training data; 0: not known */
    bool trained;              /* weights come from elsewhere: how many a layer has is not for these data to carry */
    bool own;                  /* the design is the caller's also where its name is that of a known architecture */
} fv_lint_options;
/**
 * Tells, each in one line and with its reason: sigmoids or tanhs between weighted layers; ReLUs in front of a maximum;
 * more than 10 weighted layers one behind the other without normalization or a way around; last layers with more than
 * 1,000 weights an image; neither weight decay nor dropout. The first three are not told of architectures of the zoo,
 * which are what their papers say.
 */
FV_API fv_status fv_lint(const fv_model *model, const fv_lint_options *options,
                         void (*tell)(void *user, const char *line), void *user);

#ifdef __cplusplus
}
#endif
#endif
