/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FOVEA_TRAIN_CHECK_H
#define FOVEA_TRAIN_CHECK_H

#include "cli.h"

/* CONFLICT, having said why, when an option was given that contradicts another one or that nothing would look at. */
fv_status train_check(const settings *c);
/* Whether --model is a model file, which has an input of its own. */
bool train_takes_model_file(const settings *c);

#endif
