/* SPDX-License-Identifier: Apache-2.0 */
/* --head and --pool: a new head on a network's body. */
#ifndef FOVEA_PROGRAM_HEAD_H
#define FOVEA_PROGRAM_HEAD_H

#include "cli.h"

bool head_wanted(const settings *c);
/* How many layers with tensors the new head has, the output layer included; 1 where none is asked for. */
fv_status head_layers(fv_ctx *ctx, const settings *c, int *layers);
/*
 * Puts the head on a network; `classes` 0: as many as it has. `trained`: its weights mean something, so that what stays
 * and what goes is said. *report (may be NULL; the caller's) has what is new as MISSING.
 */
fv_status head_put(const settings *c, int64_t classes, bool trained, fv_model *model, fv_load_report **report);
/* Whether a tensor is one of those new ones. `report` may be NULL. */
bool head_is_new(const fv_load_report *report, const char *name);

#endif
