/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in an evaluation: class by class, pair by pair, sample by sample. */
#ifndef FOVEA_EVALUATE_H
#define FOVEA_EVALUATE_H

#include <fovea/predict.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The findings of one evaluation. Filled by one thread; then any may read. */
typedef struct fv_evaluation fv_evaluation;

/** Empty findings for a model's task and its number of classes or targets. The context must outlive them. NO_MEMORY,
 * ARGUMENT. */
FV_API fv_status fv_evaluation_create(fv_ctx *ctx, fv_task task, int64_t classes, fv_evaluation **evaluation);
FV_API void fv_evaluation_destroy(fv_evaluation **evaluation);

/** What was found changes places; both are of one task and number of classes. */
FV_API void fv_evaluation_swap(fv_evaluation *a, fv_evaluation *b);

/** fv_evaluate and fv_predictor_evaluate that also fill `findings` (may be NULL), which forget what they held before.
 * Samples without a finite answer are in no finding. ARGUMENT: the findings are for another task or number of classes.
 */
FV_API fv_status fv_evaluate_into(fv_model *model, fv_dataset *dataset, int64_t batch_size, int workers,
                                  fv_metrics *metrics, fv_evaluation *findings);
FV_API fv_status fv_predictor_evaluate_into(fv_predictor *predictor, fv_dataset *dataset, fv_metrics *metrics,
                                            fv_evaluation *findings);

/* ---- samples ---- */

typedef struct fv_judged_sample {
    int64_t sample;         /* number in the data set */
    int32_t truth, said;    /* classes; MULTILABEL: how many of its classes were missed, how many were made up */
    float confidence;       /* the answer's probability of `said`; MULTILABEL, REGRESS: 0 */
    float truth_confidence; /* its probability of `truth`, likewise */
    float loss;             /* as in fv_metrics */
    bool right;             /* what fv_metrics.top1 counts; REGRESS: false */
} fv_judged_sample;
FV_API fv_task fv_evaluation_task(const fv_evaluation *evaluation);
FV_API int64_t fv_evaluation_classes(const fv_evaluation *evaluation);
FV_API int64_t fv_evaluation_count(const fv_evaluation *evaluation);
/** The sample with the i-th largest loss, from 0 on; of equal losses the one that comes first in the data set. */
FV_API const fv_judged_sample *fv_evaluation_worst(const fv_evaluation *evaluation, int64_t i);

/* ---- classes: CLASSIFY, and MULTILABEL with each class said from a probability of 1/2 on ---- */

/**
 * precision = right / said, recall = right / samples, f1 = 2 right / (said + samples): 0 where nothing is divided by
 * nothing, as scikit-learn has it, but NaN for a class that neither occurs nor is said.
 */
typedef struct fv_class_score {
    int64_t samples, said, right;
    double precision, recall, f1;
} fv_class_score;
FV_API void fv_evaluation_class(const fv_evaluation *evaluation, int64_t class_index, fv_class_score *score);
typedef struct fv_ranked_class {
    int64_t class_index;
    double f1;
} fv_ranked_class;
/** The classes that occur or are said, from the lowest f1 on, of equal ones in their order, into rows[classes]; how
 * many they are. */
FV_API int64_t fv_evaluation_ranking(const fv_evaluation *evaluation, fv_ranked_class *rows);
/** Means over the classes that occur or are said: each the same (macro), or by its samples (weighted). NaN without
 * samples. */
FV_API void fv_evaluation_means(const fv_evaluation *evaluation, fv_class_score *macro, fv_class_score *weighted);

/* ---- pairs: CLASSIFY ---- */

/** Samples of class `truth` that were taken for class `said`: a cell of the confusion matrix. */
FV_API int64_t fv_evaluation_confusion(const fv_evaluation *evaluation, int64_t truth, int64_t said);
typedef struct fv_confused_pair {
    int64_t truth, said, count;
} fv_confused_pair;
/** The i-th most frequent pair of two different classes; false: there are no more. */
FV_API bool fv_evaluation_pair(const fv_evaluation *evaluation, int64_t i, fv_confused_pair *pair);

/* ---- calibration: CLASSIFY and MULTILABEL ---- */

enum { FV_CALIBRATION_BINS = 15 };
/** What was said with a confidence in (low, high]; the first bin has 0, too. */
typedef struct fv_calibration_bin {
    double low, high;
    int64_t count;
    double confidence, accuracy; /* means over the bin; NaN: it is empty */
} fv_calibration_bin;
FV_API void fv_evaluation_bin(const fv_evaluation *evaluation, int bin, fv_calibration_bin *result);
/**
 * Expected calibration error (Guo et al., 2017): sum over bins of count / all * |accuracy - confidence|. A number is
 * the confidence of a sample's best class and whether it is right; MULTILABEL: the probability of each class and
 * whether the sample has it. NaN without samples.
 */
FV_API double fv_evaluation_calibration_error(const fv_evaluation *evaluation);

/* ---- curves: CLASSIFY and MULTILABEL, one class against the rest ---- */

/** Before an evaluation: keeps all answers for the curves, unless they take more than `bytes`; 0: none [which is what
 * findings begin with]. */
FV_API void fv_evaluation_keep_answers(fv_evaluation *evaluation, int64_t bytes);
/** Whether there are curves: answers were kept, and there was room for them. */
FV_API bool fv_evaluation_has_curves(const fv_evaluation *evaluation);
/** What holds when a class is said from `threshold` on: recall = true positives / samples of the class, false_rate =
 * false positives / all other samples, precision as in fv_class_score (1 where nothing is said). */
typedef struct fv_curve_point {
    double threshold, recall, false_rate, precision;
} fv_curve_point;
/**
 * The points of a class, from the highest threshold on: one for each different answer, behind a first one (threshold
 * infinite) where nothing is said. *points is the caller's (fv_curve_free), NULL without curves, or where all samples
 * or none have the class. The points of scikit-learn's roc_curve (drop_intermediate=False) and precision_recall_curve.
 */
FV_API fv_status fv_evaluation_curve(const fv_evaluation *evaluation, int64_t class_index, fv_curve_point **points,
                                     int64_t *count);
FV_API void fv_curve_free(const fv_evaluation *evaluation, fv_curve_point **points);
/** The area under recall by false_rate (trapezoids), and the sum of gained recall times precision, as scikit-learn's
 * roc_auc_score and average_precision_score; NaN where there is no curve. */
FV_API fv_status fv_evaluation_areas(const fv_evaluation *evaluation, int64_t class_index, double *roc_auc,
                                     double *average_precision);

/* ---- targets: REGRESS ---- */

/** Of the errors e = value - truth: mean |e|, sqrt(mean e^2), mean e, and 1 - sum e^2 / sum (truth - mean)^2, NaN when
 * all truths are the same. */
typedef struct fv_target_score {
    double mae, rmse, bias, r2;
} fv_target_score;
FV_API void fv_evaluation_target(const fv_evaluation *evaluation, int64_t target, fv_target_score *score);

#ifdef __cplusplus
}
#endif
#endif
