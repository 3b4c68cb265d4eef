/* SPDX-License-Identifier: Apache-2.0 */
/* Probabilities that mean what they say: temperature scaling (Guo et al., 2017). */
#ifndef FOVEA_CALIBRATE_H
#define FOVEA_CALIBRATE_H

#include <fovea/data.h>
#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Fewer samples are refused: a temperature from so few is off by about 10 %, and the calibration error's 15 bins hold
 * fewer than 7 samples each, whose share of right answers is then off by some 0.15. */
#define FV_CALIBRATE_LEAST 100

/** The outputs of a model for the samples of a data set, with their labels: samples x classes floats are kept. */
typedef struct fv_logits fv_logits;

/**
 * Runs the model over the data set once, with its temperature left out. The context must outlive the result; model and
 * data set may go. Samples that cannot be read are left out and logged. CONFLICT: the model predicts values, or the
 * labels are not what it asks for; DATA_CLASSES: the data have other classes; DATA_EMPTY: fewer than FV_CALIBRATE_LEAST
 * samples; DIVERGED: an output is not finite.
 */
FV_API fv_status fv_logits_create(fv_model *model, fv_dataset *dataset, int64_t batch_size, int workers,
                                  fv_logits **logits);
/** The same of outputs from elsewhere, which are copied: n x classes numbers, with n labels, or for MULTILABEL n x
 * classes targets of 0 and 1. ARGUMENT: another task, a label out of range; DATA_EMPTY, DIVERGED as above. */
FV_API fv_status fv_logits_from(fv_ctx *ctx, fv_task task, int64_t classes, int64_t n, const float *rows,
                                const int32_t *labels, const float *targets, fv_logits **logits);
FV_API void fv_logits_destroy(fv_logits **logits);
/** Samples. */
FV_API int64_t fv_logits_count(const fv_logits *logits);

/**
 * The one T > 0 that minimizes the negative log-likelihood of softmax(z / T), or of the sigmoids of z / T. It is convex
 * in 1 / T, and T is where its derivative is 0: found by Newton's steps within a bracket, in float64, in the order of
 * the samples, to 1e-12 of T; the same bits on every machine. `error` (may be NULL) is T's standard error by the
 * curvature there. DATA: there is none, as every answer is right (T would be 0), or the labels fit the outputs no
 * better than chance (T would be infinite); or it is not in [1e-6, 1e6].
 */
FV_API fv_status fv_logits_temperature(const fv_logits *logits, double *temperature, double *error);

typedef struct fv_reliability {
    int64_t samples;
    double calibration_error; /* as fv_evaluation_calibration_error */
    double loss;              /* negative log-likelihood; fv_metrics.loss */
    double brier; /* mean squared distance of the probabilities from the truth (Brier, 1950): sum over classes of (p_k -
                     y_k)^2; MULTILABEL: the mean over them */
    double top1;  /* fv_metrics.top1; no temperature changes it */
} fv_reliability;
/** What the answers are worth at a temperature; 1: as they are. The numbers of fv_evaluate_into. ARGUMENT: T is not in
 * [1e-6, 1e6]. */
FV_API fv_status fv_logits_reliability(const fv_logits *logits, double temperature, fv_reliability *reliability);

#ifdef __cplusplus
}
#endif
#endif
