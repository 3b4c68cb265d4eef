/* SPDX-License-Identifier: Apache-2.0 */
/* What a run shows beside its numbers: TensorBoard event files and a self-contained HTML page. */
#ifndef FOVEA_REPORT_H
#define FOVEA_REPORT_H

#include <fovea/evaluate.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_report fv_report;

/** What was evaluated, for a page; all is borrowed. `data` are those that `evaluation` is of. */
typedef struct fv_evaluation_page {
    const char *title; /* a heading: "Test", "best.safetensors on photos" */
    const char *about; /* a line below it; NULL: none */
    const fv_model *model;
    fv_dataset *data;
    const fv_metrics *metrics;
    const fv_evaluation *evaluation;
    int64_t epoch;       /* that the model is of: TensorBoard gets the confusion matrix as a picture; 0: it gets none */
    fv_model *explained; /* the one model that was evaluated: over its surest mistakes the maps of fv_explainer are
                            drawn (GRADCAM); NULL: none are */
} fv_evaluation_page;
/** As one HTML page that needs nothing else: scores, confusion matrix, classes, calibration, the worst samples and some
 * that are right as small pictures; of `explained` what fv_report_network shows, too. Written atomically. */
FV_API fv_status fv_evaluation_write_html(fv_ctx *ctx, const fv_evaluation_page *page, const char *path);

/** The curves of fv_evaluation_curve as a drawing: recall by false alarms, precision by recall, a line a class (of many
 * the 10 with the least average precision). `model` has their names. *svg is the caller's (fv_text_free). ARGUMENT:
 * there are none. NO_MEMORY. */
FV_API fv_status fv_evaluation_draw_curves(fv_ctx *ctx, const fv_evaluation *evaluation, const fv_model *model,
                                           char **svg);

/**
 * Prepares a report in the run folder `dir`, which fv_fit creates when the run starts: files are made at the first
 * event. TensorBoard: dir/train and dir/validation, scalars epoch_learning_rate and the tags of fovea/metrics.def,
 * epoch_loss, epoch_accuracy and so on, batch_loss and batch_learning_rate of every step, pictures of what
 * fv_report_evaluation gets; dir itself has the settings of args.yaml as hyperparameters. HTML: dir/report.html,
 * rewritten after every epoch from dir/results.csv.
 */
FV_API fv_status fv_report_create(fv_ctx *ctx, const char *dir, const char *title, fv_report **report);
/** Adds an event of the run. Failures to write are logged as warnings and do not stop the run. */
FV_API void fv_report_event(fv_report *report, const fv_fit_event *event);
/** A line of the page's list of facts, such as ("command", "fovea train --data photos"). NO_MEMORY. */
FV_API fv_status fv_report_fact(fv_report *report, const char *name, const char *value);
/** Puts findings on the page, before or behind the end of the run; those of an earlier call with the same title are
 * replaced. The page is written with the next event, or behind the end at once. NO_MEMORY. */
FV_API fv_status fv_report_evaluation(fv_report *report, const fv_evaluation_page *page);
/** Puts a few training images on the page as the first epoch sees them: `augment` as fv_fit_options has it. NO_MEMORY,
 * and what fv_augment_create says. Images that cannot be read are left out. */
FV_API fv_status fv_report_batch(fv_report *report, fv_dataset *train, const fv_pipeline *pipeline, const char *augment,
                                 uint64_t seed);
/** Histograms of the weights of every layer that is trained, and of their gradients in the last step, at every
 * interval-th epoch, for TensorBoard: dir/train, tags weights/NAME and gradients/NAME. 0, as it is at first: none.
 * ARGUMENT for less. */
FV_API fv_status fv_report_histograms(fv_report *report, int64_t interval);
/** Puts the network on the page: its drawing (fv_model_draw), the filters of its first convolution as pictures and,
 * with `data` (may be NULL), what its layers make of some of their images: mean, deviation, share of zeros, dead units.
 * An earlier network is replaced. What cannot be computed is said on the page. NO_MEMORY. */
FV_API fv_status fv_report_network(fv_report *report, fv_model *model, fv_dataset *data);
FV_API void fv_report_destroy(fv_report **report);

/**
 * What a check of a data set found, as one HTML page that needs nothing else: images per class, a scatter of sizes, the
 * findings with small pictures of up to 200 images. Written atomically. Use the context of the report.
 */
FV_API fv_status fv_check_report_write_html(fv_ctx *ctx, const fv_check_report *report, const char *title,
                                            const char *path);

#ifdef __cplusplus
}
#endif
#endif
