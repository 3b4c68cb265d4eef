/* SPDX-License-Identifier: Apache-2.0 */
/* What the options say about the weights, for the model file: data set, license, metrics, date. */
#ifndef FOVEA_CARD_H
#define FOVEA_CARD_H

#include "cli.h"

/* Writes what was given on the model's card, and nothing else: a file's bits depend on model, data, recipe and seed,
 * not on the day or on what a folder is called. */
fv_status card_take(const settings *c, fv_model *model);

#endif
