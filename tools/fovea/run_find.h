/* SPDX-License-Identifier: Apache-2.0 */
/* Which run --resume goes on with. */
#ifndef FOVEA_RUN_FIND_H
#define FOVEA_RUN_FIND_H

#include "cli.h"

/* --resume DIR: the recipe of the run, for all that was not given. NOT_FOUND: no run folder. --resume auto: nothing. */
fv_status run_take_recipe(settings *c);
/*
 * --resume auto: of the runs in `root` that have the settings of now (with --experiment only those of that name, with
 * any number behind it) the newest that is not over; else the newest that is, if it has the name; said. With
 * --experiment and no such run, the very folder, when it is there: what differs is told where the state is read. "":
 * there is none.
 */
fv_status run_find(fv_ctx *ctx, const settings *c, const char *root, char *dir, size_t size);

#endif
