/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FOVEA_TRAIN_PIXELS_H
#define FOVEA_TRAIN_PIXELS_H

#include "cli.h"

/* How images become the network's input, as --norm, --mean, --std, --resize and the like say; what is to be measured
 * is, on the training data. */
fv_status train_pixels(const settings *c, fv_dataset *train, fv_model *model);

#endif
