/* SPDX-License-Identifier: Apache-2.0 */
/* Predicting with more than one look: several views of an image, passes with dropout, several models. */
#ifndef FOVEA_PREDICT_H
#define FOVEA_PREDICT_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * For an image, members m of weight w_m (they sum to 1), views v and passes t, a predictor gives
 *
 *     mean = 1/T sum_t y_t,  y_t = sum_m w_m 1/V sum_v f(z_mvt),  std = sqrt(sum_t (y_t - mean)^2 / (T - 1))
 *
 * z are the model's outputs and f makes answers of them: softmax for a model that classifies, a sigmoid for each class
 * of a multi-label one, nothing for values; of a calibrated model z are outputs by its temperature. With `mean_logits`
 * f is applied to the means of z instead. Sums are float64 in the order of members, views. Without dropout there is one
 * pass and std is 0. Memory does not grow with T.
 */
typedef struct fv_predictor fv_predictor;

typedef struct fv_predictor_options {
    const char *tta;       /* views: "none" [NULL], "flip" (mirrored too), "5crop" (corners and center), "10crop" */
    const char *scales;    /* short sides to resize to before cropping, "224,256,384"; [NULL: the model's own] */
    const double *weights; /* of the members, any sum; [NULL: equal] */
    bool mean_logits;      /* average outputs instead of answers */
    int64_t mc_dropout;    /* passes with dropout at work (Gal and Ghahramani, 2016); [0: dropout is off] */
    uint64_t seed;      /* of these passes: what is dropped is a pure function of (seed, sample, member, view, pass) */
    int64_t batch_size; /* forwards at a time; changes no result [0: up to 32, fewer of large images] */
    int workers;        /* of a data set: decoding threads, as fv_loader_options has them */
} fv_predictor_options;

/**
 * Compiles `count` models to be asked together; they must outlive the predictor and keep their weights meanwhile. Each
 * keeps its own pipeline; classes are numbered as the first model does and matched by name. options may be NULL.
 * DATA_CLASSES: the models know other classes, both lists are shown. CONFLICT: they do different tasks; mc_dropout of a
 * model without dropout. VALUE: the views, weights below 0 or all 0.
 */
FV_API fv_status fv_predictor_create(fv_model *const *models, int count, const fv_predictor_options *options,
                                     fv_predictor **predictor);
FV_API void fv_predictor_destroy(fv_predictor **predictor);
/**
 * What a process will have while it predicts or scores a data set (NULL: photographs) with this predictor: fewer images
 * go through at a time where the context's limit asks for it. Images that take more than half of it to decode do not
 * count: those for which there is no room are refused one by one. OVER_BUDGET where not even one fits.
 */
FV_API fv_status fv_predictor_memory(const fv_predictor *predictor, const fv_dataset *dataset, fv_memory *memory);
/** Numbers of an answer: the classes or targets of the first model. */
FV_API int64_t fv_predictor_classes(const fv_predictor *predictor);
/** Runs of a network for one image: views times passes, summed over the models. */
FV_API int64_t fv_predictor_forwards(const fv_predictor *predictor);
/** The answer for one image: `mean` and `std` (may be NULL) have fv_predictor_classes elements. `sample` keys dropout.
 * One thread at a time. NO_MEMORY, DATA_FORMAT (channels), DIVERGED (the answer is not finite). */
FV_API fv_status fv_predictor_run(fv_predictor *predictor, const fv_image *image, uint64_t sample, float *mean,
                                  float *std);
/** What a predictor says of one sample of a data set. Pointers are valid until the next call. */
typedef struct fv_answer {
    int64_t sample;          /* -1: there are no more */
    fv_status status;        /* OK; why the sample cannot be read; DIVERGED: its answer is not finite */
    const char *error;       /* "ROOT/NAME: the file is empty"; of DIVERGED, without the name; NULL: none */
    const float *mean, *std; /* as of fv_predictor_run; NULL: there is no answer */
} fv_answer;
/**
 * Begins with the samples of a data set, in their order; threads decode ahead of fv_predictor_next, and networks are
 * run for several images at a time: as many as memory allows, which changes no answer. `first` keys dropout for sample
 * 0. The data set must stay until fv_predictor_stop. A sample that cannot be used, for whatever reason, is told of in
 * its place; a file that does not answer is given up after 30 seconds. NO_MEMORY, DATA_EMPTY.
 */
FV_API fv_status fv_predictor_start(fv_predictor *predictor, fv_dataset *dataset, uint64_t first);
/** The next sample's answer; one thread at a time. NO_MEMORY; IO when too many files do not answer. */
FV_API fv_status fv_predictor_next(fv_predictor *predictor, fv_answer *answer);
/** Ends it before or behind the last sample, as fv_loader_destroy does. Destroying the predictor stops it, too. */
FV_API void fv_predictor_stop(fv_predictor *predictor);
/** fv_evaluate with the predictor's answers; the data's classes must be numbered as the first model's. Losses of
 * classes are those of the mean probabilities, each at most 88. */
FV_API fv_status fv_predictor_evaluate(fv_predictor *predictor, fv_dataset *dataset, fv_metrics *metrics);

#ifdef __cplusplus
}
#endif
#endif
