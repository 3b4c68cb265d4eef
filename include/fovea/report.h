/* SPDX-License-Identifier: Apache-2.0 */
/* What a run shows beside its numbers: TensorBoard event files and a self-contained HTML page. */
#ifndef FOVEA_REPORT_H
#define FOVEA_REPORT_H

#include <fovea/data.h>
#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_report fv_report;

/**
 * Prepares a report in the run folder `dir`, which fv_fit creates when the run starts: files are made at the first
 * event. TensorBoard: dir/train and dir/validation, scalars epoch_learning_rate and the tags of
 * fovea/metrics.def, epoch_loss, epoch_accuracy and so on. HTML: dir/report.html, rewritten after every epoch from
 * dir/results.csv.
 */
FV_API fv_status fv_report_create(fv_ctx *ctx, const char *dir, const char *title, fv_report **report);
/** Adds an event of the run. Failures to write are logged as warnings and do not stop the run. */
FV_API void fv_report_event(fv_report *report, const fv_fit_event *event);
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
