/* SPDX-License-Identifier: Apache-2.0 */
/* --sched plateau: the rate decays where the monitored number no longer improves. */
#ifndef FV_TRAIN_PLATEAU_H
#define FV_TRAIN_PLATEAU_H

#include "train/state.h"

enum { FV_PLATEAU_TEXT = 256 };
/* Takes the event's epoch, a whole one, into account; whether that changes the rate of further epochs, which `text`
 * says. `warmup`: epochs of the warm-up, which do not count; nor do epochs without a finite number. */
bool fv_plateau_epoch(fv_progress *progress, const fv_fit_options *options, double warmup, const fv_monitor *monitor,
                      const fv_fit_event *event, char text[FV_PLATEAU_TEXT]);

#endif
