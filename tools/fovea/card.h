/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about weights for the model file, data set, license, metrics, date, and how it is shown. */
#ifndef FOVEA_CARD_H
#define FOVEA_CARD_H

#include "cli.h"

/* Writes what was given on the model's card, and nothing else: a file's bits depend on model, data, recipe and seed,
 * not on the day or on what a folder is called. */
fv_status card_take(const settings *c, fv_model *model);
/* Of a model that is trained on these data: how many of what, unless --data-name names them, with what it was trained
 * on before; its old metrics and its old day are gone, its terms stay; then card_take. data NULL: not known. */
fv_status card_take_trained(const settings *c, const fv_dataset *data, fv_model *model);
/* The items of a card on another one. */
fv_status card_copy(const fv_model *from, fv_model *to);
/* A line for each item; of what is not said, how to say it. */
void card_print(const fv_model *model);
/* The members "data", "license", ..., and what they are called. */
const char *card_key(int item);
/* The model as a page in Markdown. `path`: where it lies. */
fv_status card_markdown(const fv_model *model, const char *path, FILE *out);

#endif
