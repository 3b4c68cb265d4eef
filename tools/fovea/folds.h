/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FOVEA_PROGRAM_FOLDS_H
#define FOVEA_PROGRAM_FOLDS_H

#include "cli.h"

/* Whether `fovea train` is to make a run for each fold: --folds without --fold, or --resume of such a folder. */
bool folds_asked(const settings *c);
/* Trains them, each in a run folder of its own, and tells mean and deviation. */
fv_status train_folds(settings *c);

#endif
