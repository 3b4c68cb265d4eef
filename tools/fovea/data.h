/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of `fovea data`: a row in data.c each, with the page that `fovea help data ACTION` shows. */
#ifndef FOVEA_DATA_ACTIONS_H
#define FOVEA_DATA_ACTIONS_H

#include "cli.h"

typedef struct data_action {
    const char *name;
    const char *summary;  /* one line */
    const char *usage;    /* behind "fovea data NAME" */
    const char *text;     /* paragraphs separated by newlines: what it does */
    const char *options;  /* names of the options it looks at, a space on both sides of each; others are refused */
    const char *examples; /* lines */
    fv_status (*run)(settings *c, fv_ctx *ctx);
    const option_words *own; /* what options are to it, where the table of all verbs' options is less exact */
} data_action;

extern const data_action data_actions[]; /* ends with a NULL name */
const data_action *data_action_find(const char *name);
void data_action_help(const data_action *a);
/* The data set an action is about: its bare word or --data; NULL after a message. */
const char *data_path(const settings *c, const char *action);

/* Looks the data over with the options of the command line. */
fv_status data_look(settings *c, fv_ctx *ctx, const char *path, fv_check_report **r);

fv_status data_make(settings *c, fv_ctx *ctx);
fv_status data_check(settings *c, fv_ctx *ctx);
fv_status data_pack(settings *c, fv_ctx *ctx);
fv_status data_split(settings *c, fv_ctx *ctx);
fv_status data_stats(settings *c, fv_ctx *ctx);
fv_status data_show(settings *c, fv_ctx *ctx);

#endif
