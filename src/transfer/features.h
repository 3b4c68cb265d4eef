/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of features: a part of the network that computes rows, and the table that keeps them. */
#ifndef FV_TRANSFER_FEATURES_H
#define FV_TRANSFER_FEATURES_H

#include <fovea/transfer.h>

#include "model/model.h"
#include "nn/cut.h"

struct fv_features {
    fv_ctx *ctx;
    fv_model *model, *part; /* part: the values asked for are its outputs */
    fv_cut *cuts;
    fv_feature_stage *stages;
    int count;
    int64_t width;
    int64_t most; /* images at a time as asked for; 0: by their size */
    int workers;
    fv_session *session; /* of `batch` images; NULL: not made yet */
    int64_t batch;
    float *values; /* batch x width, a stage after the other */
};

/* The cuts of a list of layers, and their stages; both are the caller's (fv_free). */
fv_status fv_features_cuts(fv_model *model, const fv_features_options *options, fv_cut **cuts, int *count);
/* Images that go through at a time, for a data set of that many. */
int64_t fv_features_batch(const fv_features *features, int64_t samples);
/* A session for so many images. */
fv_status fv_features_prepare(fv_features *features, int64_t batch);
/* The rows of n images, at most `batch`, which lie one after another. */
fv_status fv_features_rows(fv_features *features, const float *images, int64_t n, float *rows);

#endif
