/* SPDX-License-Identifier: Apache-2.0 */
/* The classes of what is trained: the model's and the data's. */
#ifndef FOVEA_TRAIN_CLASSES_H
#define FOVEA_TRAIN_CLASSES_H

#include "cli.h"

/* Gives the model the names of the data's classes. */
fv_status classes_set(fv_model *model, const fv_dataset *train);
/* Rejects, before anything is trained, a model file whose task or classes are not the data's; shows both lists. */
fv_status classes_compare(const settings *c, const fv_model *model, const fv_dataset *train);

#endif
