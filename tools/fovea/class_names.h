/* SPDX-License-Identifier: Apache-2.0 */
/* Names for the classes of a model that has none. */
#ifndef FOVEA_CLASS_NAMES_H
#define FOVEA_CLASS_NAMES_H

#include "cli.h"

/* Those of --classes, if that is given. CONFLICT, NOT_FOUND, DATA_CLASSES after a message. */
fv_status class_names_take(const settings *c, fv_model *model);
/* Those of the data, by number: no more than a guess, which is said. DATA_CLASSES, after a message, when there are not
 * as many. */
fv_status class_names_guess(const settings *c, fv_model *model, const fv_dataset *data);
/* Models that answer together: those of the first, by number, which is said. */
fv_status class_names_share(fv_model *const *models, int count);

#endif
