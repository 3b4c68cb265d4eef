/* SPDX-License-Identifier: Apache-2.0 */
/* One step at a time: executables, gradients, the optimizer's memory. */
#ifndef FV_TRAIN_TRAINER_H
#define FV_TRAIN_TRAINER_H

#include "exec/exec.h"
#include "model/model.h"
#include "train/optimizer.h"
#include "train/settings.h"

/* Batch sizes compiled at the same time: the full batch, the last short one, and room for callers with more. */
#define FV_TRAINER_EXECS 4

typedef struct fv_trainer_param {
    const char *name;
    fv_tensor *tensor;
    float *slot[FV_OPTIMIZER_SLOTS];
    bool decay; /* weight decay and L1 apply */
} fv_trainer_param;

typedef struct fv_trainer_exec {
    int64_t n;
    fv_exec *exec;
    float **gradient; /* per parameter; NULL: none */
} fv_trainer_exec;

struct fv_trainer {
    fv_ctx *ctx;
    fv_model *model;
    fv_fit_options options;
    const fv_optimizer *optimizer;
    const fv_kernels *kernels;
    const fv_op *loss;
    void *loss_attr;
    fv_dtype target_dtype;
    int slots;

    fv_trainer_param *params;
    int n_params;
    fv_tensor **states; /* running statistics: restored when a step diverges */
    float *states_before;
    int n_states;
    int64_t states_count;

    fv_wisdom *wisdom;
    fv_trainer_exec exec[FV_TRAINER_EXECS];
    fv_trainer_exec *current;
    int64_t step; /* optimizer steps done */
};

/* Compiles for a batch of n now (otherwise at the first gradient of that size), so that memory is known before the run
 * starts. */
fv_status fv_trainer_prepare(fv_trainer *trainer, int64_t n);
/* Undoes the state updates of the last fv_trainer_gradient. */
void fv_trainer_rollback(fv_trainer *trainer);
/* Names the first layer with a NaN or Inf in the last fv_trainer_gradient. */
fv_status fv_trainer_blame(fv_trainer *trainer, char *name, size_t size);
/* Whether every gradient of the last fv_trainer_gradient is finite. */
bool fv_trainer_finite(fv_trainer *trainer);

#endif
