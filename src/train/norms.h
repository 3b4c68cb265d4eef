/* SPDX-License-Identifier: Apache-2.0 */
/* How long weights and their gradients are, from epoch to epoch: norms.csv of a run. */
#ifndef FV_TRAIN_NORMS_H
#define FV_TRAIN_NORMS_H

#include "train/journal.h"
#include "train/trainer.h"

/* The header of the file. */
extern const char fv_norms_head[];
/* Appends a line for each weight that is trained: 2-norms of it and of the gradient that was computed last, before the
 * update; nothing where the file is closed. Reads alone: no bit of the run depends on it. */
void fv_norms_note(fv_journal *journal, fv_trainer *trainer, int64_t epoch, int64_t step);

#endif
