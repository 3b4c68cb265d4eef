/* SPDX-License-Identifier: Apache-2.0 */
/* What the paths of a recipe mean to whoever reads it in another folder than the run that wrote it. */
#ifndef FOVEA_RECIPE_PATH_H
#define FOVEA_RECIPE_PATH_H

#include "options.h"

enum { RECIPE_PATH_MAX = 4096 };

/* Whether a value of the row names a file or a folder, and no architecture or way of planning. */
bool recipe_is_path(const fv_setting_row *o, const char *value);
/*
 * A relative path is from `directory`, the working directory of the run that wrote the recipe; where nothing of that
 * name is there, from the present one, as after the whole tree was moved. Returns `value` where it is that already,
 * else `text`; *found tells whether anything is there (a pattern's files are not looked for).
 */
const char *recipe_path(const char *directory, const char *value, char text[RECIPE_PATH_MAX], bool *found);
/* The place as one name whatever it is called and wherever it is called from; `directory` NULL: the present one. */
const char *recipe_place(const char *directory, const char *value, char text[RECIPE_PATH_MAX]);

#endif
