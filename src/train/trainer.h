/* SPDX-License-Identifier: Apache-2.0 */
/* One step at a time: executables, gradients, the optimizer's memory. */
#ifndef FV_TRAIN_TRAINER_H
#define FV_TRAIN_TRAINER_H

#include "exec/program.h"
#include "model/model.h"
#include "train/average.h"
#include "train/distill.h"
#include "train/optimizer.h"
#include "train/phases.h"
#include "train/pieces.h"
#include "train/trunk.h"
#include "train/settings.h"

/* Batch sizes compiled at the same time: the full batch, the last short one, and room for callers with more, the last
 * of which gives way to the next. */
#define FV_TRAINER_EXECS 4

typedef struct fv_trainer_param {
    const char *name;
    fv_tensor *tensor;
    float *slot[FV_OPTIMIZER_SLOTS]; /* what the optimizer remembers, on the host */
    bool decay;                      /* weight decay and L1 apply */
    double rate;                     /* share of the learning rate */
    int64_t since;                   /* steps done before the first that trained it */
} fv_trainer_param;

/* What is compiled for one batch size. All of them take turns in the trainer's scratch. */
typedef struct fv_trainer_exec {
    int64_t n;
    fv_program *program;
    fv_instance *instance;
    fv_pieces *pieces;           /* of the batch, where it is computed in several; else NULL */
    const fv_port **gradient;    /* per parameter; NULL: none */
    const fv_port *loss;         /* the sum of several is made of its own ports */
    const fv_port *run, *finite; /* of the update; NULL where no parameter has a gradient */
} fv_trainer_exec;

/* One loss of the trained graph. */
typedef struct fv_trainer_loss {
    const char *name, *target; /* of its value and of its target's INPUT, in the graph */
    double weight;
    fv_dtype target_dtype;
} fv_trainer_loss;

/* How far the current batch is. */
typedef enum fv_trainer_phase {
    FV_TRAINER_IDLE,
    FV_TRAINER_BEGUN,
    FV_TRAINER_COMPUTED, /* outputs and gradients can be read, and applied once */
    FV_TRAINER_APPLIED   /* outputs and gradients can still be read */
} fv_trainer_phase;

/* Where in a run a trainer begins. */
typedef struct fv_trainer_start {
    int phase;                    /* fv_phases */
    int64_t begun[FV_PHASES_MAX]; /* steps that were done when it and those before it began */
} fv_trainer_start;

struct fv_trainer {
    fv_ctx *ctx;
    fv_model *model;
    fv_fit_options options;
    const fv_optimizer *optimizer;
    bool planned;    /* for its programs' sizes: it has no memory of its own and cannot run */
    fv_graph *graph; /* the model's, behind the trunk or for images of the phase's size, with the losses */
    fv_trunk *trunk; /* the frozen beginning; NULL: the graph begins at the image */
    fv_trainer_loss losses[FV_LOSSES_MAX];
    int32_t n_losses;
    struct {
        fv_loss_spec list[FV_LOSSES_MAX];
        int32_t count;   /* 0: the usual ones */
        fv_arena *texts; /* in them */
    } specs;             /* losses of the caller's, for the next phase */
    fv_trainer_start start;
    int slots;

    fv_trainer_param *params;
    int n_params;
    bool *frozen;       /* by the model's slot: --freeze, in this phase */
    int64_t *since;     /* by slot, as of a parameter; -1: frozen */
    fv_tensor **states; /* running statistics: restored when a step diverges */
    int n_states;
    struct {
        char *data;
        size_t bytes;
    } undo; /* the states before the step */

    fv_average *average; /* NULL: none is kept */
    fv_distill *distill; /* NULL: there are no teachers */
    fv_wisdom *wisdom;
    fv_store *store;           /* of the slots */
    fv_accumulate *accumulate; /* --grad-accum-steps above 1: sums of pieces that ran already */
    fv_scratch *scratch;       /* of all that is compiled here, and of validation */
    struct {
        float *gradient, *logits; /* where the device's memory is not the host's: the ones asked for last */
        bool *set;                /* by port of the current program: written since fv_trainer_begin */
    } host;
    fv_trainer_exec exec[FV_TRAINER_EXECS];
    fv_trainer_exec *current;
    fv_trainer_phase phase;
    int64_t step; /* optimizer steps done */
};

/* The trainer of a phase, as a state says when it and those before it began. */
fv_status fv_trainer_create_at(fv_model *model, const fv_fit_options *options, const fv_trainer_start *start,
                               fv_trainer **trainer);
/* A trainer for planning alone. */
fv_status fv_trainer_create_planned(fv_model *model, const fv_fit_options *options, int phase, fv_trainer **trainer);
/* Goes over to a later phase: another trainer, with the step's number, the record of solvers, averages and what the
 * optimizer remembers. Sessions in its scratch must be gone. *trainer is NULL on failure, but for ARGUMENT. */
fv_status fv_trainer_enter(fv_trainer **trainer, int phase);
/* What would be compiled for a batch of n. */
fv_status fv_trainer_program(fv_trainer *trainer, int64_t n, fv_program **program);
/* Appends the update of a trainer (`user`): fv_program_options. */
fv_status fv_trainer_append_update(void *user, fv_graph *graph, const char *const *params, fv_val *const *gradients,
                                   int32_t count, int32_t *first);
void fv_trainer_free_exec(fv_trainer *trainer, fv_trainer_exec *exec);
/* Compiles for a batch of n now (otherwise at the first gradient of that size), so that memory is known before the run
 * starts. */
fv_status fv_trainer_prepare(fv_trainer *trainer, int64_t n);
/* Of the last fv_trainer_gradient: the loss of the first alone, without auxiliary heads. */
double fv_trainer_output_loss(const fv_trainer *trainer);
/* Undoes the state updates of the last fv_trainer_gradient. */
void fv_trainer_rollback(fv_trainer *trainer);
/* fv_trainer_gradient of a batch: for rows of the trunk in the place of images, where there is one. Teachers know its
 * samples, and may have kept what they say of them. */
fv_status fv_trainer_gradient_of_batch(fv_trainer *trainer, const fv_batch *batch, const float *rows, double *loss);
/* Names the first layer with a NaN or Inf in the last fv_trainer_gradient. */
fv_status fv_trainer_blame(fv_trainer *trainer, char *name, size_t size);
/* Whether every gradient of the last fv_trainer_gradient is finite. */
bool fv_trainer_finite(fv_trainer *trainer);
/* In how many pieces a batch of n is computed. */
int fv_trainer_pieces(const fv_trainer *trainer, int64_t n);
/* One line about what begins to learn in the trainer's phase, which begins with that epoch; NULL: nothing does. */
#define FV_TRAINER_TEXT 400
const char *fv_trainer_begun(const fv_trainer *trainer, int64_t epoch, char text[FV_TRAINER_TEXT]);
/* Brings slots and averages up to date before they are read; says that they were written. */
void fv_trainer_sync(fv_trainer *trainer);
void fv_trainer_touch(fv_trainer *trainer);

#endif
