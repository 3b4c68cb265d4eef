/* SPDX-License-Identifier: Apache-2.0 */
/* Models of single epochs that stay: weights/epoch-0012.safetensors. */
#ifndef FV_TRAIN_HISTORY_H
#define FV_TRAIN_HISTORY_H

#include <fovea/train.h>

struct fv_checkpoints;

/* --checkpoint-hist at most. */
enum { FV_HISTORY_MAX = 100 };
/* Epochs whose models are kept by rank, the best first; of equals the earlier. It belongs to the run's state: what is
 * not in it was not written by this run, and is never removed. */
typedef struct fv_history {
    int count;
    struct {
        int64_t epoch;
        double metric;
    } list[FV_HISTORY_MAX + 1]; /* room for one before another goes */
} fv_history;

/* Models that a run of `done` epochs will still have to find room for. */
int64_t fv_history_files(const fv_fit_options *options, int64_t done, const fv_history *history);
/*
 * Behind the end of a whole epoch, when last.safetensors is its model: copies that where the settings keep it, then
 * removes what came to be behind the last rank. Doing it again from the state before makes the same files, so that a
 * kill between changes nothing.
 */
fv_status fv_history_epoch(fv_history *history, struct fv_checkpoints *checkpoints, const fv_fit_options *options,
                           const fv_monitor *monitor, const fv_fit_event *event);
/* Of a run that is resumed: forgets models that are no longer there. */
void fv_history_look(fv_history *history, const struct fv_checkpoints *checkpoints);

#endif
