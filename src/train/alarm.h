/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong in a run without an error: told once, with the likely cause and what to do about it. */
#ifndef FV_TRAIN_ALARM_H
#define FV_TRAIN_ALARM_H

#include "train/trainer.h"

typedef struct fv_alarm {
    bool dead, parted; /* told of */
    double lowest;     /* loss of validation so far; of `epoch` (0: none), when the loss of training was `train` */
    double train;
    int64_t epoch;
    const char *cause; /* that was told of, why a loss may stay where it is; NULL: none */
    void (*tell)(void *user, const char *line);
    void *user;
} fv_alarm;

/* At the start: `line` says that the pixels are on another scale than is expected. */
void fv_alarm_scale(fv_alarm *alarm, const char *line);
/* Behind an epoch's last step, before anything else runs in the trainer's memory: layers nearly all of whose units have
 * no gradient, as those behind a ReLU that is 0 for every image of the batch. A look at one element of most rows. */
void fv_alarm_units(fv_alarm *alarm, fv_trainer *trainer, const fv_fit_event *epoch);
/* Behind a validation: the losses of training and validation part. */
void fv_alarm_losses(fv_alarm *alarm, const fv_fit_event *epoch);

#endif
