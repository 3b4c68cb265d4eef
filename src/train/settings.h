/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a run: defaults and validation. */
#ifndef FV_TRAIN_SETTINGS_H
#define FV_TRAIN_SETTINGS_H

#include <fovea/train.h>

#include "ops/ops.h"

/* Puts numbers where FV_AUTO stands for what follows from other settings. Idempotent. */
void fv_settings_resolve(fv_fit_options *options);
/* Loss and monitor for data that ask for a task, where none are given; before fv_settings_resolve. */
void fv_settings_task(fv_fit_options *options, fv_task task);
/* VALUE or CONFLICT, naming the option and its range. `options` are resolved. */
fv_status fv_settings_check(fv_ctx *ctx, const fv_fit_options *options);
/* CONFLICT where the warm-up is as long as the run, for which the steps of an epoch are known. */
fv_status fv_settings_warmup(fv_ctx *ctx, const fv_fit_options *options, int64_t steps);

/* The monitor of a run; VALUE when unknown, CONFLICT when it needs a validation set that is not there or means nothing
 * for the task. */
fv_status fv_settings_monitor(fv_ctx *ctx, const fv_fit_options *options, fv_task task, const fv_monitor **monitor);

/* The loss operator of a run. */
fv_status fv_settings_loss(fv_ctx *ctx, const fv_fit_options *options, const fv_op **op);
/* Writes the loss's attributes (label smoothing, ...) into `attr` of op->attr_size bytes. */
void fv_settings_loss_attr(const fv_op *op, const fv_fit_options *options, void *attr);

/* cos(pi x), x in [0, 1]. */
double fv_cos_pi(double x);

#endif
