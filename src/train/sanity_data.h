/* SPDX-License-Identifier: Apache-2.0 */
/* What fv_sanity_run looks at: two batches, small sketches of more pictures, and what these say by themselves. */
#ifndef FV_TRAIN_SANITY_DATA_H
#define FV_TRAIN_SANITY_DATA_H

#include <fovea/sanity.h>

#include "data/loader.h"
#include "model/model.h"

enum { FV_SANITY_BATCHES = 2 };

typedef struct fv_sanity_data {
    fv_ctx *ctx;
    fv_dataset *dataset;
    fv_loader *loader; /* of the batches, and of others behind them */
    int64_t h, w, c;   /* of the network's input */
    fv_batch batches[FV_SANITY_BATCHES];
    int count;
    int64_t sketched, width; /* pictures that have one, the first ones those of the batches; numbers of each */
    float *sketches;         /* means of a grid of cells */
    int32_t *labels;
    int64_t *samples;
} fv_sanity_data;

/* Reads the batches and, where samples have one class each, sketches more pictures. `targets`: as the loader has them.
 * What it has made is freed by fv_sanity_data_close, also on failure. */
fv_status fv_sanity_data_open(fv_sanity_data *d, const fv_model *model, fv_dataset *dataset,
                              const fv_fit_options *options, int64_t targets);
void fv_sanity_data_close(fv_sanity_data *d);

void fv_sanity_inputs_of(const fv_sanity_data *d, fv_sanity_inputs *inputs);
/* neighbors, pairs and pair of the result. */
fv_status fv_sanity_labels_of(const fv_sanity_data *d, fv_sanity *s);

/* How far `right` of n answers are from what they would be if the same answers and labels were dealt out at random:
 * answers[k] samples were taken for class k, truths[k] are of it. */
fv_sanity_odds fv_sanity_odds_of(int64_t n, int64_t right, const int64_t *answers, const int64_t *truths,
                                 int64_t classes);

#endif
