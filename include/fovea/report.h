/* SPDX-License-Identifier: Apache-2.0 */
/* What a run shows beside its numbers: TensorBoard event files and a self-contained HTML page. */
#ifndef FOVEA_REPORT_H
#define FOVEA_REPORT_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_report fv_report;

/**
 * Prepares a report in the run folder `dir`, which fv_fit creates when the run starts: files are made at the first
 * event. TensorBoard: dir/train and dir/validation, scalars epoch_loss, epoch_accuracy, epoch_learning_rate. HTML:
 * dir/report.html, rewritten after every epoch from dir/results.csv.
 */
FV_API fv_status fv_report_create(fv_ctx *ctx, const char *dir, const char *title, fv_report **report);
/** Adds an event of the run. Failures to write are logged as warnings and do not stop the run. */
FV_API void fv_report_event(fv_report *report, const fv_fit_event *event);
FV_API void fv_report_destroy(fv_report **report);

#ifdef __cplusplus
}
#endif
#endif
