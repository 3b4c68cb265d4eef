/* SPDX-License-Identifier: Apache-2.0 */
/* A run of fv_fit_with: what it holds, and how it is set up. */
#ifndef FV_TRAIN_RUN_H
#define FV_TRAIN_RUN_H

#include "data/loader.h"
#include "train/alarm.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/journal.h"
#include "train/state.h"

/* Everything a run holds. */
typedef struct fv_fitting {
    fv_ctx *ctx;
    fv_model *model;
    fv_dataset *data;
    fv_fit_options options;
    const fv_monitor *monitor;
    fv_phases phases;
    fv_trainer_start begin;    /* of a run that is not resumed */
    fv_trainer *trainer;       /* of the phase */
    fv_loader_options loading; /* of the training set */
    fv_loader *loader;         /* of the phase */
    fv_rows *rows;             /* of the trainer's trunk; NULL: none are kept */
    fv_scorer scorer;          /* session NULL: there is no validation */
    fv_journal *journal;
    fv_checkpoints checkpoints;
    fv_progress progress;
    fv_identity identity;
    fv_fit_event event;
    int64_t steps, samples; /* per epoch */
    double start, epoch_start;
    int64_t val_batch, epoch_start_seen;
    fv_stop stop;       /* NOT: it goes on */
    int64_t unfinished; /* the epoch that stopped in its middle while there was no best one: best.safetensors is its */
    double unfinished_metric;
    bool stop_asked;
    fv_alarm alarm;
} fv_fitting;

/* Tells the journal and the caller; a caller may ask to stop. */
void fv_fitting_emit(fv_fitting *r, fv_event_kind kind, const char *text);
/* The same of a warning: fv_alarm's `tell`. */
void fv_fitting_warn(void *fitting, const char *line);
/* Calls a member of the callbacks, and does what they ask for: notes, stopping, rates (*lr; NULL: none is asked for).
 * VALUE for a rate or factor that is none. */
fv_status fv_fitting_call(fv_fitting *r, size_t member, double *lr);
#define FV_MOMENT(name) offsetof(fv_callback, name)
/* The gradient of a batch of the run's. */
fv_status fv_fitting_gradient(fv_fitting *r, const fv_batch *batch, double *loss);
/* Loader and trainer, compiled; what is odd about the data is said. */
fv_status fv_fitting_open_training(fv_fitting *r);
fv_status fv_fitting_open_validation(fv_fitting *r);
/* The loader of a phase, and what size its images have. */
fv_status fv_fitting_open_loader(fv_fitting *fitting, int phase);
/* Of a trainer: what validation runs by, programs for the batches of an epoch, and rows of its trunk. */
fv_status fv_fitting_open_session(fv_fitting *r);
fv_status fv_fitting_compile(fv_fitting *r);
fv_status fv_fitting_keep_rows(fv_fitting *r);

#endif
