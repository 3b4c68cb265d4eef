/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fvbench overlap: whether training waits for its data.
 *   fvbench overlap PATH --model mobilenet_v2 --batch-size 16 --img-size 224 [--augment STEPS] [--seconds 60]
 *     alone     the same batch again and again, no loader
 *     loader    batches of the data, decoded and augmented by the threads that compute too
 *     paced     a loader that computes nothing and takes 0.8 of a step for a batch, asleep
 *     unpaced   the same in the calling thread, as with --no-prefetch: the sum of both
 * In turns. growth: how much longer the steps took than their computing. Of each the median and the best of its steps,
 * against those of alone, and the share of it that was spent waiting.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "data/dataset.h"
#include "fvbench.h"

enum { WARM = 6, STEPS = 24, TURNS_MAX = 100, SHARE = 8 /* tenths of a step */ };

typedef enum way { ALONE, LOADER, PACED, UNPACED, WAYS } way;
static const char *const way_names[WAYS] = {"alone", "loader", "paced", "unpaced"};

typedef struct job {
    fv_ctx *ctx;
    const fvbench_settings *s;
    fv_model *model;
    fv_trainer *trainer;
    fv_dataset *data[2]; /* as it is, and paced */
    fv_pipeline pipeline;
    double seconds[WAYS][TURNS_MAX * STEPS], waited[WAYS], spent[WAYS], computed[WAYS];
    int n[WAYS];
} job;

/* What a paced sample sleeps. A source knows nothing of the benchmark: it is a global. */
static struct {
    _Atomic double seconds;
    fv_source_ops ops;
    int64_t h, w;
} pace;

static fv_status paced_image(fv_source *source, int64_t i, const fv_decode_options *options, fv_image_request *request,
                             fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    const size_t size = (size_t)(pace.h * pace.w * 3);
    const double seconds = pace.seconds;
    const struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    (void)i, (void)options;
    nanosleep(&t, NULL);
    *notes = (fv_decode_notes){.bad_byte = -1};
    *image = (fv_image){.h = pace.h, .w = pace.w, .c = 3, .data = fv_malloc(source->ctx, size)};
    if (!image->data)
        return fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for an image");
    memset(image->data, 128, size);
    fv_image_answer_whole(request, image);
    return FV_OK;
}

static fv_status next_batch(fv_loader *loader, int64_t *epoch, fv_batch *batch)
{
    FV_TRY(fv_loader_next(loader, batch));
    if (batch->n > 0)
        return FV_OK;
    FV_TRY(fv_loader_start(loader, ++*epoch, 0));
    return fv_loader_next(loader, batch);
}

static fv_status step(job *j, const fv_batch *batch)
{
    double loss;
    FV_TRY(fv_trainer_gradient(j->trainer, batch->images, batch->labels, batch->n, &loss));
    return fv_trainer_apply(j->trainer, 1e-6);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of this turn's steps without a loader: the machine may be slower now than it was. */
static double last_alone(const job *j)
{
    double last[STEPS] = {0.0};
    if (j->n[ALONE] >= STEPS)
        memcpy(last, j->seconds[ALONE] + j->n[ALONE] - STEPS, sizeof last);
    qsort(last, STEPS, sizeof last[0], by_value);
    return last[STEPS / 2];
}

/* For a batch by so many threads to take its share of a step. */
static void set_pace(const job *j, double step_seconds, int workers)
{
    pace.seconds = 0.1 * SHARE * step_seconds * (workers > 0 ? workers : 1) / (double)j->s->batch;
}

static fv_status run_steps(job *j, way how, fv_loader *loader, int workers)
{
    fv_batch batch;
    int64_t epoch = 0;
    double before = 0.0, after = 0.0, typical = last_alone(j);
    set_pace(j, typical, workers);
    FV_TRY(fv_loader_start(loader, epoch, 0));
    FV_TRY(fv_loader_next(loader, &batch));
    for (int k = 0; k < WARM + STEPS; k++) {
        const int64_t was = epoch;
        if (k == WARM)
            fv_loader_stats(loader, &before, NULL);
        const double begin = fv_time_monotonic();
        if (how != ALONE)
            FV_TRY(next_batch(loader, &epoch, &batch));
        const double loaded = fv_time_monotonic();
        FV_TRY(step(j, &batch));
        const double took = fv_time_monotonic() - begin;
        typical += 0.2 * (fv_time_monotonic() - loaded - typical); /* on a busy machine steps come in all lengths */
        set_pace(j, typical, workers);
        if (epoch != was)
            before = 0.0; /* the loader counts from the epoch's beginning */
        if (k >= WARM) {
            j->seconds[how][j->n[how]++] = took;
            j->spent[how] += took;
            j->computed[how] += took - (loaded - begin);
        }
    }
    fv_loader_stats(loader, &after, NULL);
    j->waited[how] += how == ALONE ? 0.0 : after - before;
    return FV_OK;
}

static double median_of(job *j, way how)
{
    qsort(j->seconds[how], (size_t)j->n[how], sizeof j->seconds[how][0], by_value);
    return j->n[how] ? j->seconds[how][j->n[how] / 2] : 0.0;
}

static fv_status run_turn(job *j, way how)
{
    fv_loader *loader = NULL;
    const bool paced = how == PACED || how == UNPACED;
    const int workers = how == UNPACED || how == ALONE ? -1 : fv_ctx_threads(j->ctx);
    const fv_loader_options o = {.batch_size = j->s->batch,
                                 .shuffle = true,
                                 .drop_last = true,
                                 .workers = workers,
                                 .augment = paced ? NULL : j->s->augment};
    fv_status status = fv_loader_create(j->data[paced], &j->pipeline, &o, &loader);
    if (status == FV_OK)
        status = run_steps(j, how, loader, workers);
    fv_loader_destroy(&loader);
    return status;
}

static fv_status prepare(job *j)
{
    const fvbench_settings *s = j->s;
    const fv_zoo_options zoo = {.img_size = {s->img_size, s->img_size}, .dropout = -1};
    FV_TRY(fv_model_zoo(j->ctx, s->model, &zoo, &j->model));
    FV_TRY(fv_model_init(j->model, 0, FV_INIT_DEFAULT));
    const fv_fit_options o = FV_FIT_OPTIONS(.batch_size = s->batch, .lr = 1e-6);
    FV_TRY(fv_trainer_create(j->model, &o, &j->trainer));
    fv_model_input_size(j->model, &j->pipeline.h, &j->pipeline.w, &j->pipeline.c);
    j->pipeline.antialias = true;
    for (int k = 0; k < 16; k++) {
        j->pipeline.mean[k] = 0.5f;
        j->pipeline.std[k] = 0.25f;
    }
    for (int k = 0; k < 2; k++)
        FV_TRY(fv_dataset_open(j->ctx, s->problem, NULL, &j->data[k]));
    pace.h = j->pipeline.h;
    pace.w = j->pipeline.w;
    pace.ops = *j->data[1]->source->ops;
    pace.ops.image = paced_image;
    j->data[1]->source->ops = &pace.ops;
    j->data[1]->source->pixels = NULL;
    return FV_OK;
}

fv_status fvbench_overlap(fv_ctx *ctx, const fvbench_settings *s)
{
    job *j = calloc(1, sizeof *j);
    if (!j)
        return FV_ERR_NO_MEMORY;
    j->ctx = ctx;
    j->s = s;
    fv_status status = prepare(j);
    const double begin = fv_time_monotonic();
    for (int turn = 0; status == FV_OK && turn < TURNS_MAX; turn++) {
        if (turn > 0 && fv_time_monotonic() - begin > s->seconds)
            break;
        for (way how = 0; status == FV_OK && how < WAYS; how++)
            status = run_turn(j, how);
    }
    const double median = median_of(j, ALONE), best = j->seconds[ALONE][0]; /* in order now */
    for (way how = 0; status == FV_OK && how < WAYS; how++) {
        const double own = median_of(j, how);
        printf("%-8s step_ms=%.1f (best %.1f) against_alone=%.3f (best %.3f) growth=%.1f%% data_wait=%.1f%% steps=%d\n",
               way_names[how], 1e3 * own, 1e3 * j->seconds[how][0], own / median, j->seconds[how][0] / best,
               100 * (j->spent[how] / j->computed[how] - 1), 100 * j->waited[how] / j->spent[how], j->n[how]);
    }
    fv_trainer_destroy(&j->trainer);
    for (int k = 0; k < 2; k++)
        fv_dataset_destroy(&j->data[k]);
    fv_model_destroy(&j->model);
    free(j);
    return status;
}
