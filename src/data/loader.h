/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a loader. Workers fill the slots of a ring, several workers one slot where samples must be decoded;
 * the consumer takes the slots in order. What a place in a batch holds depends on (seed, epoch, place) and on which
 * files are bad, and on nothing else.
 */
#ifndef FV_DATA_LOADER_H
#define FV_DATA_LOADER_H

#include <pthread.h>

#include "data/balance.h"
#include "data/dataset.h"
#include "data/views.h"

#define FV_MAX_WORKERS 256

/* What decoding told of a sample, for the consumer to say in the samples' order. */
typedef struct fv_loader_note {
    fv_image size; /* h, w, c and depth alone */
    fv_decode_notes notes;
} fv_loader_note;

typedef struct fv_loader_slot {
    float *images;
    int32_t *labels;
    float *targets;        /* n x n_targets; NULL: labels are enough */
    float *lines;          /* one sample, while mixing */
    int64_t *samples;      /* -1: nothing could be put here */
    int64_t *skipped;      /* bad samples met on the way to the one that took the place */
    fv_loader_note *notes; /* NULL: workers say themselves what they met */
    int64_t batch, n, claimed, filled;
    bool done;            /* filled, and mixed */
    fv_image_error error; /* why the run must stop; FV_OK: it need not */
    int64_t error_sample;
} fv_loader_slot;

typedef struct fv_worker {
    fv_loader *loader;
    fv_intake intake;
    pthread_t thread;
    bool running; /* has a thread that has not left; under the loader's lock */
    /* For the watchdog, under the loader's lock: what is being read, and for which place. */
    int64_t sample; /* -1: nothing */
    double since;   /* on the watch's clock */
    fv_loader_slot *slot;
    int64_t at;
    bool given_up; /* the place has been filled by somebody else */
} fv_worker;

struct fv_loader {
    fv_dataset *dataset;
    fv_ctx *ctx;
    fv_loader_options options;
    fv_decode_options decode;
    fv_views *views; /* n_views, of one image each; mixing takes place with one, plain */
    int n_views;
    bool each; /* errors are the samples' own: see fv_loader_views */
    struct {
        bool (*know)(void *user, int64_t sample); /* NULL: nobody spares any */
        void *user;
    } spare; /* samples whose images are not wanted */
    fv_augment *augment;
    int64_t sample_size; /* floats */
    int64_t chunk;       /* samples claimed at a time */
    struct {
        int64_t n;           /* numbers of a sample's target; 0: class labels only */
        float *class_weight; /* with balance WEIGHTS */
        bool weighted;       /* targets are multiplied by weights */
    } target;
    struct {
        int64_t number;
        int64_t *order;
        int64_t count; /* places */
        int64_t n_batches;
    } epoch;
    struct {
        fv_worker *workers;
        void *(*loop)(void *worker); /* what a thread does */
        int threads;                 /* 0: the caller decodes, as workers[0] */
        int n;                       /* workers: running ones first, then as many that take the place of stuck ones */
        int started;
    } team;
    pthread_mutex_t mutex; /* of what follows, of team.started, and of the slots' claimed and done */
    pthread_cond_t work, ready;
    struct {
        fv_loader_slot *slots;
        int64_t n;
        int64_t released, claim, next; /* batches: [released, next) are the caller's, [next, claim) are being filled */
    } ring;
    int active; /* workers that fill */
    bool paused, quit;
    bool abandoned; /* by the caller: whoever leaves last frees it */
    struct {
        fv_loader_slot *slot;
        int64_t at;
    } redo[FV_MAX_WORKERS]; /* places given up by stuck workers */
    int n_redo;
    struct {
        double (*clock)(void);            /* monotonic seconds */
        double last;                      /* what it said when it was last looked at */
        double waited;                    /* seconds in which the consumer waited and the process ran */
        int64_t once[3 * FV_MAX_WORKERS]; /* samples whose file has been given up once */
        int n_once;
    } watch;
    double waited;
    int64_t quarantined;
    bool empty; /* the epoch so far: no batch had samples */
};

/* What becomes of an image, where that is more than one plain view of it. */
typedef struct fv_loader_views {
    const fv_views *views; /* n, copied: of each network that looks at the same images */
    int n;
    bool whole; /* images are decoded at full size, whatever the pipelines say (fast_decode) */
    /* The consumer wants to hear of each sample in turn (in order, not shuffled). A sample that cannot be used, for
     * whatever reason but memory, is left out of its batch, and neither logged nor counted: fv_dataset_verdict has the
     * reason. What decoding notes is not logged before fv_loader_tell. */
    bool each;
} fv_loader_views;
/* A loader whose batches hold a row of floats for each image, as fv_intake_store has it. Images are decoded as the
 * first network's pipeline says. */
fv_status fv_loader_create_views(fv_dataset *dataset, const fv_loader_views *what, const fv_loader_options *options,
                                 fv_loader **loader);
/* Images of samples that `know` says yes to, once and for all, need not be decoded: their rows in batches hold
 * anything. Any thread calls it. Between epochs. */
void fv_loader_spare(fv_loader *loader, bool (*know)(void *user, int64_t sample), void *user);
/* With `each`: logs what decoding noted of row i of the batch at hand. */
void fv_loader_tell(const fv_loader *loader, const fv_batch *batch, int64_t i);

/* ---- planning (loader_plan.c) ---- */

typedef struct fv_loader_bytes {
    int64_t batches;  /* in the slots */
    int64_t decoding; /* images on their way there */
} fv_loader_bytes;
/* Memory that such a loader will have. dataset NULL: photographs of a usual size, as many as it likes. */
void fv_loader_plan(fv_ctx *ctx, const fv_dataset *dataset, const fv_pipeline *pipeline,
                    const fv_loader_options *options, fv_loader_bytes *bytes);
/* Threads that decode; 0: the caller does. dataset NULL: files. */
int fv_loader_threads(fv_ctx *ctx, const fv_dataset *dataset, const fv_loader_options *options);
/* Samples of an epoch: more than the data set has where classes are balanced by repeating. */
fv_status fv_loader_places(const fv_dataset *dataset, const fv_loader_options *options, int64_t *places);
/* Batches ready ahead, and the one that the caller holds; no more than an epoch has. */
int64_t fv_loader_slots(const fv_loader_options *options, int threads, int64_t places);
int64_t fv_loader_slot_bytes(int64_t places, int64_t sample_size, const fv_loader_options *options, int64_t n_targets);
/* Whether samples are repeated or left out by class, and how. */
bool fv_loader_balances(const fv_dataset *dataset, const fv_loader_options *options);
fv_balance_input fv_loader_balance(const fv_dataset *dataset, const fv_loader_options *options);

/* ---- filling: the lock is not held (loader_fill.c) ---- */

/* Place `at` of a slot. Shuffled: the next good sample of the epoch's order takes the place of a bad one. In order, as
 * for scoring, the place stays empty, so that no sample counts twice. False: another has filled it meanwhile. */
bool fv_loader_fill_place(fv_worker *worker, fv_loader_slot *slot, int64_t at, fv_image_error *error,
                          int64_t *error_sample);
/* When all places are filled: mixes, where the augmentation says so. */
void fv_loader_mix_slot(fv_loader *loader, fv_loader_slot *slot);

/* ---- making (loader_make.c) and working (loader.c) ---- */

/* Which sample comes where in an epoch; at first how many there are, too. */
fv_status fv_loader_make_order(fv_loader *loader, int64_t epoch);
/* What a worker's thread does. */
void *fv_loader_work(void *worker);
/* Frees what there is; no worker is left. */
void fv_loader_free(fv_loader *loader);

/* ---- workers: the lock is held (loader_watch.c) ---- */

/* Tells the workers to leave and waits until they have. True: those that a file keeps too long are left behind. */
bool fv_loader_stop_workers(fv_loader *loader);
/* Starts the next worker's thread, which runs `loop`. */
fv_status fv_loader_start_worker(fv_loader *loader);
/* Waits for news of a slot, at most a second; quarantines files that do not answer and replaces their workers. */
fv_status fv_loader_wait_ready(fv_loader *loader);

#endif
