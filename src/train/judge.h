/* SPDX-License-Identifier: Apache-2.0 */
/* What the numbers of an epoch mean for the run, and which rule has ended it. */
#ifndef FV_TRAIN_JUDGE_H
#define FV_TRAIN_JUDGE_H

#include "train/state.h"

/* The rule of `options` by which a run that stands there is over: epochs, steps or patience; NOT: it goes on. It says
 * the same of a run that has just come there and of one that is resumed. */
fv_stop fv_run_ended(const fv_progress *progress, const fv_fit_options *options);

/* The same, NOT where the end of its last epoch is still to be done: a kill came before it. */
fv_stop fv_run_over(const fv_progress *progress, const fv_fit_options *options);

/* Whether the event's epoch, a whole one, is the best so far; else patience is one shorter. What is not finite is
 * neither. */
bool fv_judge_epoch(fv_progress *progress, const fv_fit_options *options, const fv_monitor *monitor,
                    const fv_fit_event *event);
/* Before it: whether there is a warning about the epoch's loss. `cause` of a flat one, where it is known; else NULL. */
bool fv_judge_loss(fv_progress *progress, const fv_fit_options *options, double loss, const char *cause,
                   char text[256]);

enum { FV_JUDGE_TEXT = 1100 };
/* Before a run: whether its pixels are on another scale than is expected, with a warning about it. */
fv_status fv_judge_pixels(fv_dataset *dataset, const char *augment, bool *odd, char text[FV_JUDGE_TEXT]);
/* Behind a validation: whether answers are not finite; behind the last one, whether the network has one answer for all
 * samples, or never that of a class. */
bool fv_judge_answers(const fv_model *model, const fv_metrics *metrics, bool last, char text[FV_JUDGE_TEXT]);

/* A run that ended without a best model has not done what it was for: DIVERGED, with what there is instead. `file`:
 * best.safetensors is there (or nothing is written). `weights` is the folder of the files, NULL: none. */
fv_status fv_judge_end(fv_ctx *ctx, const fv_progress *progress, const fv_fit_options *options,
                       const fv_monitor *monitor, const char *weights, bool file);
/* Whether the loss (which is filled in) and --balance fit the labels, and how many numbers a target has: 0 when class
 * labels do. CONFLICT. *warning (NULL: none) is about the data's weights. */
fv_status fv_judge_labels(const fv_model *model, const fv_dataset *data, fv_fit_options *options, int64_t *targets,
                          const char **warning);
/* DATA where no sample counts; true, and the warning, where all are of one class. */
fv_status fv_judge_weights(const fv_dataset *data);
bool fv_judge_one_class(const fv_dataset *data, char text[FV_JUDGE_TEXT]);

/* Whether layers normalize maps of 1 x 1: those of one sample have no variance. SHAPE when the run is of such batches;
 * a last batch of one sample is normalized as in inference. `piece`: samples at a time. */
fv_status fv_judge_single_norm(const fv_graph *graph, const fv_fit_options *options, int64_t piece, bool *single);
/* CONFLICT where the network bounds the scores that the loss wants without bounds. */
fv_status fv_judge_scores(const fv_model *model, const fv_loss *loss);

#endif
