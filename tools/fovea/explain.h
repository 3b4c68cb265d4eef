/* SPDX-License-Identifier: Apache-2.0 */
/* predict --explain: maps of what answers rest on, drawn over the images. */
#ifndef FOVEA_EXPLAIN_VERB_H
#define FOVEA_EXPLAIN_VERB_H

#include <jansson.h>

#include "test_time.h"

typedef struct explaining explaining;

/* Refuses settings that contradict each other, or would have no effect. */
fv_status explain_check(const settings *c);
/* Prepares maps of the one model, and the folder that they are drawn into. *e is NULL without --explain. */
fv_status explain_open(fv_ctx *ctx, const settings *c, const ensemble *models, explaining **e);
void explain_close(explaining **e);
/* Draws and writes the map of one image for --class, else for the class `best`. */
fv_status explain_image(explaining *e, const char *name, const fv_image *image, int64_t best);

/* Of the image explained last: a member of a line; lines below an answer; the picture's path. */
json_t *explain_json(const explaining *e);
void explain_text(const explaining *e);
const char *explain_picture(const explaining *e);
int64_t explain_class(const explaining *e);
/* How many maps there are and where; with --randomize, whether they depend on the weights. */
void explain_summary(const explaining *e);

#endif
