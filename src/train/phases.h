/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run trains, and on what, from when on: --freeze, what --unfreeze-at takes out of it, and the sizes of images
 * that --progressive-resize says. A run is a list of phases with one frozen set each, every one a part of the one
 * before, and one size of images each, none smaller than the one before.
 */
#ifndef FV_TRAIN_PHASES_H
#define FV_TRAIN_PHASES_H

#include <fovea/train.h>

#include "model/model.h"

/* Most phases of a run. */
#define FV_PHASES_MAX 64

typedef struct fv_phases {
    int count;
    int64_t after[FV_PHASES_MAX];   /* epochs that are completed when it begins; the first 0, then rising */
    int64_t size[FV_PHASES_MAX][2]; /* of images: rows, columns; 0: the network's own */
} fv_phases;

/* Reads when phases begin; nothing of the model. VALUE naming the item that is none. */
fv_status fv_phases_read(fv_ctx *ctx, const fv_fit_options *options, fv_phases *phases);
/* The phase in which an epoch is, by how many are completed. */
int fv_phases_at(const fv_phases *phases, int64_t completed);
/*
 * Marks in frozen[0..n_slots) what keeps its values in a phase. As fv_freeze_mark; and VALUE where an item names
 * nothing that is frozen until then.
 */
fv_status fv_phase_mark(const fv_model *model, const fv_fit_options *options, int phase, bool *frozen);

#endif
