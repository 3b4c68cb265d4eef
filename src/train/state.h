/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a run on disk: all that a resumed run needs, in one checksummed file. */
#ifndef FV_TRAIN_STATE_H
#define FV_TRAIN_STATE_H

#include "train/history.h"
#include "train/identity.h"
#include "train/trainer.h"

/* Where a run stands. */
typedef struct fv_progress {
    int64_t epoch;       /* epochs completed */
    int64_t step;        /* steps done in the epoch in progress */
    int64_t pass, batch; /* --steps-per-epoch: the data were gone through so often, and so far since; else 0 */
    int64_t global_step; /* steps done in all */
    double loss_sum;     /* over the samples of the epoch in progress */
    int64_t correct, seen;
    double best_metric;
    int64_t best_epoch;            /* 1-based; 0: none yet */
    int64_t bad_epochs;            /* since the monitor last improved */
    double lowest_loss;            /* of any epoch so far */
    double first_loss;             /* of the first epoch */
    double seconds;                /* that the run took so far */
    double lr_scale;               /* factor of the schedule's rates */
    double plateau_best;           /* of --sched plateau; NaN: none yet */
    int64_t plateau_bad, cooldown; /* epochs without improvement; epochs that do not count yet */
    fv_history history;            /* models of epochs that are kept by rank */
    bool finished;                 /* a rule ended it (fv_run_ended), and its files are written */
} fv_progress;

/*
 * Layout: "FVSTATE1", u64 length of the JSON header, the header (progress, identity, solver choices, tensor count),
 * then for each tensor of the model its elements and those of the optimizer's slots (float32, little endian), then the
 * moving averages where there are any, then u32 CRC-32 of everything before it.
 */
fv_status fv_state_save(fv_trainer *trainer, const fv_progress *progress, const fv_identity *identity,
                        const char *path);

/* Reads one file into trainer (weights, slots, solver choices) and *progress. MODEL_CORRUPT or MODEL_FORMAT leave the
 * trainer as it was; what fv_identity_check says of another identity too. */
fv_status fv_state_load(fv_trainer *trainer, fv_progress *progress, const fv_identity *identity, const char *path,
                        bool force);

/* What a run that will resume is made with, as the newest valid *.state in `dir` says: its phase, and the solvers that
 * were recorded (the caller's; NULL: there is no state). */
fv_status fv_state_begin(fv_ctx *ctx, const char *dir, fv_trainer_start *start, char **plan);

/*
 * Continues from the newest valid *.state in `dir` (by global step), warning about broken newer ones. *found tells
 * whether there was one.
 */
fv_status fv_state_resume(fv_trainer *trainer, fv_progress *progress, const fv_identity *identity, const char *dir,
                          bool force, bool *found);

#endif
