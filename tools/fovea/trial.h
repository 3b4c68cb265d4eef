/* SPDX-License-Identifier: Apache-2.0 */
/* What would be trained, for verbs that look at it: all of `fovea train` up to its first step, without a run folder. */
#ifndef FOVEA_TRIAL_H
#define FOVEA_TRIAL_H

#include "cli.h"

typedef struct trial {
    fv_ctx *ctx;
    settings *c;
    fv_model *model;                /* with the weights that a run would begin with */
    fv_dataset *train, *val, *test; /* val and test: of a plan that is `whole`, where there are such; else NULL */
    fv_fit_options options;         /* run: batch and rate are chosen; nothing is written or told of */
    const fv_memory *memory;        /* run: what is planned */
    const char *folder;             /* run, of a plan that is `whole`: where its files would be, and go from again */
} trial;

typedef struct trial_plan {
    const char *verb;
    bool augmented; /* options has the run's augmentation */
    bool whole;     /* its other sets and its cache are opened, too, and its folder is there for a while */
    /* May be NULL: before anything is compiled, where batch and rate are not known yet. *goes_on false: it is over. */
    fv_status (*before)(const trial *t, bool *goes_on);
    fv_status (*run)(const trial *t);
} trial_plan;

fv_status train_try(settings *c, const trial_plan *plan);

/* One run of several that a verb makes: the run of `fovea train` with its folder, but it may pause, tells nothing of
 * its end, and leaves the test split alone. */
typedef struct train_part {
    int64_t pause; /* it stops behind that epoch, to be resumed; 0: at its end */
    fv_fit_result result;
} train_part;

fv_status train_in_parts(settings *c, train_part *part);

/* Options of the learning rate over a run, a blank behind each. */
#define TRIAL_SCHEDULE                                                                                                 \
    "steps-per-epoch sched warmup-epochs warmup-steps warmup-lr min-lr decay-epochs decay-milestones decay-rate "      \
    "poly-power restart-epochs restart-mult cycle-mode cycle-up cycle-down patience-epochs plateau-threshold "         \
    "cooldown-epochs pct-start div-factor final-div-factor anneal max-momentum base-momentum "
/* Says which of these options (a blank on both sides of each) were given, as `why` leaves them without a part. */
void trial_tell_idle(const char *idle, const char *why);

#endif
