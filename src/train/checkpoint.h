/* SPDX-License-Identifier: Apache-2.0 */
/* The files of weights/: which there are, which go, what happens when the disk is full. */
#ifndef FV_TRAIN_CHECKPOINT_H
#define FV_TRAIN_CHECKPOINT_H

#include "train/state.h"

/* Recovery states kept beside last.state. */
#define FV_RECOVERY_KEPT 2

typedef struct fv_checkpoints {
    fv_ctx *ctx;
    char *dir;                           /* NULL: nothing is written */
    char recovery[FV_RECOVERY_KEPT][40]; /* names, newest first; "" none */
    char *best;                          /* best weights and states in slot order */
    int64_t *best_counts;                /* and its counters */
    bool remembers;                      /* `best` has been filled */
    fv_model *model;                     /* which has been lent `selftest` */
    fv_session *selftest;                /* what saving runs, in the trainer's scratch */
    fv_wisdom *selftest_plan;            /* its solvers: a record makes the program its own */
} fv_checkpoints;

/* Makes the memory that saving needs (`files`: of models; `best`: of remembering), so that a run that has begun does
 * not fail for want of it at its first checkpoint. OVER_BUDGET. */
fv_status fv_checkpoints_prepare(fv_trainer *trainer, bool files, bool best, fv_checkpoints *checkpoints);
/* Makes the session that saving runs in a trainer's scratch, in the place of the one that there is; NULL: gives that
 * one back, before its scratch is gone. */
fv_status fv_checkpoints_lend(fv_checkpoints *checkpoints, const fv_trainer *trainer);
/* Notes the recovery states already in dir. */
fv_status fv_checkpoints_open(fv_ctx *ctx, const char *dir, fv_checkpoints *checkpoints);
void fv_checkpoints_close(fv_checkpoints *checkpoints);

/*
 * Saves the state: as recovery-EEEE-SSSSSS.state (the oldest goes), or as last.state, the one before staying as
 * previous.state until the next (recovery states go). A full disk: recovery states are removed and the save is tried
 * once more; older files stay intact. `path` tells where.
 */
fv_status fv_checkpoints_state(fv_checkpoints *checkpoints, fv_trainer *trainer, const fv_progress *progress,
                               const fv_identity *identity, bool recovery, char *path, size_t size);
/* Saves the model under that name, with the same answer to a full disk. */
fv_status fv_checkpoints_model(fv_checkpoints *checkpoints, fv_model *model, const char *name);

bool fv_checkpoints_has(const fv_checkpoints *checkpoints, const char *name);
/* Removes the file, where there is one. */
fv_status fv_checkpoints_drop(const fv_checkpoints *checkpoints, const char *name);
/* One file as another, with the same answer to a full disk. */
fv_status fv_checkpoints_copy(fv_checkpoints *checkpoints, const char *from, const char *to);

/* Saves the model with the trainer's averages for tensors. */
fv_status fv_checkpoints_average(fv_checkpoints *checkpoints, fv_trainer *trainer, const char *name);

/* Keeps a copy of the weights in memory, and brings it back (or best.safetensors, when the copy was made before a
 * resume). */
fv_status fv_checkpoints_remember(fv_checkpoints *checkpoints, fv_ctx *ctx, fv_model *model);
fv_status fv_checkpoints_restore(fv_checkpoints *checkpoints, fv_model *model);

#endif
