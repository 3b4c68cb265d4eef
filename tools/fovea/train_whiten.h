/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FOVEA_TRAIN_WHITEN_H
#define FOVEA_TRAIN_WHITEN_H

#include "cli.h"

/* --whiten: the first layer's filters from the images as the network gets them; --freeze then names them too. */
fv_status train_whiten(settings *c, fv_dataset *train, fv_model *model);

#endif
