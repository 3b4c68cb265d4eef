/* SPDX-License-Identifier: Apache-2.0 */
/* What the options say about the weights, for the model file: data set, license, metrics, date. */
#ifndef FOVEA_CARD_H
#define FOVEA_CARD_H

#include "cli.h"

/* Sets the date of a run where none was given: today (UTC), or the day of SOURCE_DATE_EPOCH. */
fv_status card_set_date(settings *c);
/* Writes what was given on the model's card; `data` (may be NULL) is described where --data-name is not given. */
fv_status card_take(const settings *c, const fv_dataset *data, fv_model *model);

#endif
