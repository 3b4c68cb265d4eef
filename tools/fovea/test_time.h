/* SPDX-License-Identifier: Apache-2.0 */
/* What eval and predict share: one model or several, and how often they look at an image. */
#ifndef FOVEA_TEST_TIME_H
#define FOVEA_TEST_TIME_H

#include "cli.h"

enum { MAX_MODELS = FV_LIST_MAX };

typedef struct ensemble {
    fv_model *model[MAX_MODELS]; /* the first one's classes and task are those of all */
    int count;
    fv_predictor *predictor;
} ensemble;

/* Opens the models of --model (names separated by commas, unless there is a file of that very name); refuses settings
 * that would have no effect. Closing takes what was opened. */
fv_status ensemble_open(fv_ctx *ctx, const settings *c, ensemble *e);
void ensemble_close(ensemble *e);
/* Whether an image is looked at once, by one model. */
bool ensemble_is_plain(const settings *c, const ensemble *e);
/* Makes the predictor, and says what an image will cost unless that is one run. */
fv_status ensemble_predictor(const settings *c, ensemble *e);

#endif
