/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a loader. Workers fill the slots of a ring, several workers one slot where samples must be decoded;
 * the consumer takes the slots in order. What a place in a batch holds depends on (seed, epoch, place) and on which
 * files are bad, and on nothing else.
 */
#ifndef FV_DATA_LOADER_H
#define FV_DATA_LOADER_H

#include <pthread.h>

#include "data/dataset.h"
#include "data/pipeline.h"

#define FV_MAX_WORKERS 256

typedef struct fv_loader_slot {
    float *images;
    int32_t *labels;
    float *targets;   /* n x n_targets; NULL: labels are enough */
    float *lines;     /* one sample, while mixing */
    int64_t *samples; /* -1: nothing could be put here */
    int64_t *skipped; /* bad samples met on the way to the one that took the place */
    int64_t batch, n, claimed, filled;
    bool done;            /* filled, and mixed */
    fv_image_error error; /* why the run must stop; FV_OK: it need not */
    int64_t error_sample;
} fv_loader_slot;

typedef struct fv_worker {
    fv_loader *loader;
    fv_applier applier;
    pthread_t thread;
    bool running; /* has a thread that has not left; under the loader's lock */
    /* For the watchdog, under the loader's lock: what is being read, and for which place. */
    int64_t sample; /* -1: nothing */
    double since;
    fv_loader_slot *slot;
    int64_t at;
    bool given_up; /* the place has been filled by somebody else */
} fv_worker;

struct fv_loader {
    fv_dataset *dataset;
    fv_ctx *ctx;
    fv_loader_options options;
    fv_decode_options decode;
    fv_pipeline pipeline;
    fv_augment *augment;
    int64_t sample_size; /* floats */
    int64_t n_targets;   /* 0: class labels only */
    float *class_weight; /* with balance WEIGHTS */
    bool weighted;       /* targets are multiplied by weights */
    int64_t chunk;       /* samples claimed at a time */
    int64_t n_batches;
    int64_t *order;
    int64_t count; /* places of an epoch */
    int64_t epoch;
    fv_loader_slot *slots;
    int64_t n_slots;
    fv_worker *workers;
    void *(*loop)(void *worker); /* what a thread does */
    int threads;                 /* 0: the caller decodes, as workers[0] */
    int n_workers;               /* running ones first, then as many that take the place of stuck ones */
    pthread_mutex_t mutex;       /* of what follows, and of the slots' claimed and done */
    pthread_cond_t work, ready;
    int64_t released, claim, next; /* batches: [released, next) are the caller's, [next, claim) are being filled */
    int active, started;
    bool paused, quit;
    bool abandoned; /* by the caller: whoever leaves last frees it */
    struct {
        fv_loader_slot *slot;
        int64_t at;
    } redo[FV_MAX_WORKERS]; /* places given up by stuck workers */
    int n_redo;
    double waited;
    int64_t quarantined;
};

/* ---- filling: the lock is not held (loader_fill.c) ---- */

/* Place `at` of a slot. Shuffled: the next good sample of the epoch's order takes the place of a bad one. In order, as
 * for scoring, the place stays empty, so that no sample counts twice. False: another has filled it meanwhile. */
bool fv_loader_fill_place(fv_worker *worker, fv_loader_slot *slot, int64_t at, fv_image_error *error,
                          int64_t *error_sample);
/* When all places are filled: mixes, where the augmentation says so. */
void fv_loader_mix_slot(fv_loader *loader, fv_loader_slot *slot);

/* Frees what there is; no worker is left. (loader.c) */
void fv_loader_free(fv_loader *loader);

/* ---- workers: the lock is held (loader_watch.c) ---- */

/* Tells the workers to leave and waits until they have. True: those that a file keeps too long are left behind. */
bool fv_loader_stop_workers(fv_loader *loader);
/* Starts the next worker's thread, which runs `loop`. */
fv_status fv_loader_start_worker(fv_loader *loader);
/* Waits for news of a slot, at most a second; quarantines files that do not answer and replaces their workers. */
fv_status fv_loader_wait_ready(fv_loader *loader);

#endif
