/* SPDX-License-Identifier: Apache-2.0 */
/* --head and --pool: a new head on a network's body. */
#ifndef FOVEA_PROGRAM_HEAD_H
#define FOVEA_PROGRAM_HEAD_H

#include "cli.h"

bool head_wanted(const settings *c);
/* How many layers with tensors the new head has, the output layer included; 1 where none is asked for. */
fv_status head_layers(fv_ctx *ctx, const settings *c, int *layers);

/* What a command asks for, and what came of it. */
typedef struct new_head {
    fv_head_options options;
    fv_load_report *report; /* NULL: there is no new head */
} new_head;

/* Lets options of architectures ask for it; `classes` 0: as many as the network has. */
void head_ask(const settings *c, int64_t classes, new_head *h, fv_zoo_options *options);
/* Behind model_open: puts it on a network that was `loaded` from a file, and says what stays of that and what goes. */
fv_status head_settle(const settings *c, bool loaded, new_head *h, fv_model *model);
/* Whether a tensor is one of the new ones. */
bool head_is_new(const new_head *h, const char *name);
void head_forget(new_head *h);

#endif
