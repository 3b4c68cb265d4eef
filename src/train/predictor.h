/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a predictor. An image's inputs are one row of floats, as fv_intake_store has it: the views of the first
 * member, of the second, and so on. predictor.c makes answers of such rows; predictor_data.c has the rows of a data set
 * made by a loader, ahead of the runs.
 */
#ifndef FV_TRAIN_PREDICTOR_H
#define FV_TRAIN_PREDICTOR_H

#include <fovea/predict.h>

#include "data/loader.h"
#include "model/model.h"

/* Rows of a session in which dropout works: the pass's place in a group of these is its row. */
enum { FV_PASS_GROUP = 16 };
/* Rows of a batch at most, unless the caller says. */
enum { FV_PREDICTOR_ROWS = 32 };

typedef struct fv_member {
    fv_model *model;
    fv_session *session;
    int64_t batch, size; /* rows of a run; floats of an input */
    int64_t views;       /* inputs that it has of an image */
    int64_t inputs;      /* where they begin in an image's row */
    double weight;       /* by the number of views */
    int64_t *place;      /* of its classes among the first member's */
} fv_member;

/* What is kept of the passes behind us, for one class: memory does not grow with their number. */
typedef struct fv_spread {
    double sum;             /* of the answers */
    double middle, squares; /* their mean, and their squared distances from it, as Welford has it */
} fv_spread;

/* The samples of a data set on their way through. */
typedef struct fv_prediction {
    fv_dataset *dataset;
    fv_loader *loader; /* NULL: none are */
    fv_batch batch;    /* that the answers in mean and std are for */
    int64_t at, next;  /* row of the batch, sample: those that are answered next */
    uint64_t first;    /* key of the data set's sample 0 */
    char text[4600];   /* why there is no answer */
} fv_prediction;

struct fv_predictor {
    fv_ctx *ctx;
    fv_member *members;
    fv_views *views; /* of each member */
    int count;
    fv_task task;
    int64_t classes, passes, forwards;
    bool dropout, mean_logits;
    uint64_t seed;
    int64_t most;       /* rows of a run at most; 0: as each member's inputs suggest */
    int64_t size;       /* floats of an image's row */
    int workers;        /* that decode; as fv_loader_options has it */
    int64_t round;      /* images that go through together; 0: nothing is prepared */
    int64_t fits;       /* at most as many, by the plan of the first data set; 0: none was planned */
    fv_intake intake;   /* for images that come decoded, one by one: */
    float *inputs;      /* its row */
    double *sums;       /* round x classes; with dropout of one image, FV_PASS_GROUP x classes */
    fv_spread *spreads; /* with dropout: classes */
    float *answer;      /* one row's */
    float *mean, *std;  /* round x classes */
    fv_prediction data;
};

/* Batches of a data set that are decoded ahead. */
enum { FV_PREDICTOR_AHEAD = 2 };
/* Rows of a member's run when `round` images go through together. */
int64_t fv_predictor_rows(const fv_predictor *predictor, const fv_member *member, int64_t round);
/* What a process will have that predicts a data set (NULL: photographs), so many images at a time (memory.c). */
fv_status fv_predictor_plan(const fv_predictor *predictor, const fv_dataset *dataset, int64_t together,
                            fv_memory *memory);
/* Makes room for `round` images at a time, and sessions that fit them. */
fv_status fv_predictor_prepare(fv_predictor *predictor, int64_t round);
/* Answers for `count` rows, at most `round`, in mean and std. Dropout of row i is keyed by first + samples[i]. */
fv_status fv_predictor_round(fv_predictor *predictor, const float *inputs, int64_t count, const int64_t *samples,
                             uint64_t first);

#endif
