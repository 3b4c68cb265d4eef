/* SPDX-License-Identifier: Apache-2.0 */
/* How long a run will take, by a probe of its own steps before it. */
#ifndef FOVEA_FORECAST_H
#define FOVEA_FORECAST_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_forecast_options {
    double seconds;     /* that the probe takes, about, at most; a step or two are done in any case */
    const char *folder; /* on the disk of the run: its checkpoints are written there once, and removed; NULL: they count
                           for nothing */
    fv_dataset *test;   /* scored at the end: what is timed where the run has no validation; may be NULL */
    /** After every step and batch; true ends the probe. May be NULL. */
    bool (*on_step)(void *user, double seconds);
    void *user;
} fv_forecast_options;

/** Seconds, where nothing else is said. */
typedef struct fv_forecast {
    int64_t steps, epochs, samples; /* of an epoch; of the run, at most; trained on in an epoch */
    int64_t timed;                  /* steps that were timed */
    double open;                    /* from the call until the first step: data, memory, programs */
    double step;                    /* the last phase's, of a full batch, once what is kept is kept */
    double first_epoch, epoch;      /* steps of the first epoch, and of one of the last phase */
    double validation;              /* of the last phase, but for its first one. NaN: there is no set */
    double scored;                  /* of an image, nothing of which is kept. NaN: nor a test */
    int64_t validations;            /* of the run */
    double checkpoint;              /* all files of an epoch's end */
    double total;                   /* of fv_fit_with, if no rule ends the run before its epochs or max_steps */
    int64_t kept_bytes; /* that the run will have beside fv_fit_memory's: feature_cache, as far as it is needed */
} fv_forecast;

/**
 * Times steps of a copy of the model on the first batches, twice where there is time: what the data set and frozen
 * layers keep is then at hand, as it is from the second epoch on; batches of the validation set, scored; and a
 * checkpoint. Each phase of unfreeze_at gets its share of the time. The model and every random number of a later run
 * are what they were. The options are those of the run. What fv_fit_with says of data, model and options; INTERRUPTED.
 */
FV_API fv_status fv_fit_forecast(fv_model *model, fv_dataset *train, const fv_fit_options *options,
                                 const fv_forecast_options *probe, fv_forecast *forecast);

#ifdef __cplusplus
}
#endif
#endif
