/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches from a data set. Workers fill the slots of a ring, several workers one slot where samples must be decoded;
 * the consumer takes the slots in order. What a place in a batch holds depends on (seed, epoch, place) and on which
 * files are bad, and on nothing else.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "data/dataset.h"
#include "data/pipeline.h"

#define MAX_WORKERS 256

typedef struct slot {
    float *images;
    int32_t *labels;
    int64_t *samples; /* -1: nothing could be put here */
    int64_t *skipped; /* bad samples met on the way to the one that took the place */
    int64_t batch, n, claimed, done;
    fv_image_error error; /* why the run must stop; FV_OK: it need not */
    int64_t error_sample;
} slot;

typedef struct worker {
    fv_loader *loader;
    fv_applier applier;
    pthread_t thread;
    bool running;
} worker;

struct fv_loader {
    fv_dataset *dataset;
    fv_ctx *ctx;
    fv_loader_options options;
    fv_decode_options decode;
    int64_t sample_size; /* floats */
    int64_t chunk;       /* samples claimed at a time */
    int64_t n_batches;
    int64_t *order;
    int64_t epoch;
    slot *slots;
    int64_t n_slots;
    worker *workers;
    int n_workers; /* the last one is the caller's own when there are no threads */
    int threads;
    pthread_mutex_t mutex; /* of what follows, and of the slots' claimed and done */
    pthread_cond_t work, ready;
    int64_t released, claim, next; /* batches: [released, next) are the caller's, [next, claim) are being filled */
    int active;
    bool paused, quit;
    double waited;
    int64_t quarantined;
};

static int64_t batch_size_of(const fv_loader *l, int64_t batch)
{
    const int64_t rest = l->dataset->count - batch * l->options.batch_size;
    return rest < l->options.batch_size ? rest : l->options.batch_size;
}

/* ---- filling: no lock is held ---- */

/* Sample i into floats; false: i is bad, or *error tells why the run must stop. */
static bool load_sample(worker *w, int64_t i, float *dst, fv_image_error *error)
{
    fv_loader *l = w->loader;
    fv_dataset *d = l->dataset;
    const fv_source *source = d->source;
    const fv_augment augment = fv_augment_draw(&l->options, (uint64_t)l->epoch, (uint64_t)i);
    fv_image image = {.h = source->h, .w = source->w, .c = source->c};
    if (source->pixels) {
        image.data = (uint8_t *)source->pixels + d->index[i] * image.h * image.w * image.c;
    } else {
        fv_image_error why = {0};
        if (fv_dataset_fetch(d, i, &l->decode, NULL, &image, NULL, &why) != FV_OK) {
            if (!fv_error_is_quarantine(&why))
                *error = why;
            else if (fv_dataset_quarantine(d, i, &why) != FV_OK)
                *error = (fv_image_error){.status = FV_ERR_NO_MEMORY, .text = "no memory for the quarantine"};
            return false;
        }
    }
    const uint8_t *pixels = NULL;
    int64_t c = 0;
    const fv_status status = fv_applier_pixels(&w->applier, &image, &pixels, &c);
    if (status == FV_OK)
        fv_applier_store(&w->applier, pixels, c, &augment, dst);
    else
        *error = (fv_image_error){.status = status, .text = "no memory for resizing"};
    if (!source->pixels)
        fv_image_free(l->ctx, &image);
    return status == FV_OK;
}

/* Place `at` of a slot. Shuffled: the next good sample of the epoch's order takes the place of a bad one. In order, as
 * for scoring, the place stays empty, so that no sample counts twice. */
static void fill_place(worker *w, slot *s, int64_t at, fv_image_error *error, int64_t *error_sample)
{
    fv_loader *l = w->loader;
    const int64_t count = l->dataset->count, tries = l->options.shuffle ? count : 1;
    int64_t place = s->batch * l->options.batch_size + at;
    s->samples[at] = -1;
    for (int64_t t = 0; t < tries; t++) {
        const int64_t i = l->order[(place + t) % count];
        s->skipped[at] = t;
        if (!fv_dataset_is_bad(l->dataset, i) && load_sample(w, i, s->images + at * l->sample_size, error)) {
            s->samples[at] = i;
            s->labels[at] = l->dataset->labels[i];
            return;
        }
        if (error->status != FV_OK) {
            *error_sample = i;
            return;
        }
    }
    s->skipped[at] = tries;
}

/* ---- the ring: the lock is held ---- */

static bool can_claim(const fv_loader *l)
{
    return !l->paused && l->claim < l->n_batches && l->claim < l->released + l->n_slots;
}

/* Claims places [*from, *to) of the batch that is being filled. */
static slot *claim(fv_loader *l, int64_t *from, int64_t *to)
{
    slot *s = &l->slots[l->claim % l->n_slots];
    if (s->batch != l->claim) {
        s->batch = l->claim;
        s->n = batch_size_of(l, l->claim);
        s->claimed = s->done = 0;
        s->error.status = FV_OK;
    }
    *from = s->claimed;
    *to = s->n - s->claimed < l->chunk ? s->n : s->claimed + l->chunk;
    s->claimed = *to;
    if (s->claimed == s->n)
        l->claim++;
    l->active++;
    return s;
}

/* Fills one claim; the lock is given up meanwhile. */
static void work_once(fv_loader *l, worker *w)
{
    int64_t from, to, sample = 0;
    fv_image_error error = {0};
    slot *s = claim(l, &from, &to);
    pthread_mutex_unlock(&l->mutex);
    for (int64_t at = from; at < to && error.status == FV_OK; at++)
        fill_place(w, s, at, &error, &sample);
    pthread_mutex_lock(&l->mutex);
    if (error.status != FV_OK && (s->error.status == FV_OK || sample < s->error_sample)) {
        s->error = error;
        s->error_sample = sample;
    }
    s->done += to - from;
    l->active--;
    if (s->done == s->n || l->active == 0)
        pthread_cond_broadcast(&l->ready);
}

static void *work_loop(void *user)
{
    worker *w = user;
    fv_loader *l = w->loader;
    pthread_mutex_lock(&l->mutex);
    while (!l->quit) {
        if (can_claim(l))
            work_once(l, w);
        else
            pthread_cond_wait(&l->work, &l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

static bool is_ready(const fv_loader *l, const slot *s)
{
    return s->batch == l->next && s->claimed == s->n && s->done == s->n;
}

/* ---- making ---- */

static fv_status check_options(fv_ctx *ctx, const fv_loader_options *o)
{
    if (o->batch_size < 1)
        return fv_fail(ctx, FV_ERR_VALUE, "batch_size %lld: expected at least 1", (long long)o->batch_size);
    if (o->workers < -1 || o->workers > MAX_WORKERS)
        return fv_fail(ctx, FV_ERR_VALUE, "workers %d: expected -1 to %d", o->workers, MAX_WORKERS);
    if (o->queue < 0)
        return fv_fail(ctx, FV_ERR_VALUE, "queue %d: expected at least 0", o->queue);
    if (o->crop_pad < 0 || o->crop_pad > 4096)
        return fv_fail(ctx, FV_ERR_VALUE, "crop_pad %lld: expected 0 to 4096", (long long)o->crop_pad);
    return FV_OK;
}

static fv_status make_slots(fv_loader *l)
{
    const int64_t n = l->options.batch_size < l->dataset->count ? l->options.batch_size : l->dataset->count;
    int64_t floats = 0;
    if (!fv_size_mul(n, l->sample_size, &floats) || !fv_size_mul(floats, (int64_t)sizeof(float), &floats))
        return fv_fail_memory(l->ctx, SIZE_MAX, "a batch");
    l->slots = fv_calloc(l->ctx, (size_t)l->n_slots, sizeof *l->slots);
    if (!l->slots)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < l->n_slots; i++) {
        slot *s = &l->slots[i];
        s->batch = -1;
        s->images = fv_malloc(l->ctx, (size_t)floats);
        s->labels = fv_malloc(l->ctx, (size_t)n * sizeof *s->labels);
        s->samples = fv_malloc(l->ctx, (size_t)n * sizeof *s->samples);
        s->skipped = fv_malloc(l->ctx, (size_t)n * sizeof *s->skipped);
        if (!s->images || !s->labels || !s->samples || !s->skipped)
            return FV_ERR_NO_MEMORY;
    }
    fv_log(l->ctx, FV_LOG_DEBUG, "data", "loader: %d threads, %lld batches ahead, %lld bytes", l->threads,
           (long long)l->n_slots - 1, (long long)(l->n_slots * floats));
    return FV_OK;
}

static fv_status make_workers(fv_loader *l, const fv_pipeline *pipeline)
{
    l->workers = fv_calloc(l->ctx, (size_t)l->n_workers, sizeof *l->workers);
    if (!l->workers)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < l->n_workers; i++) {
        l->workers[i].loader = l;
        FV_TRY(fv_applier_init(l->ctx, pipeline, &l->workers[i].applier));
    }
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals belong to the caller's thread */
    int error = 0;
    for (int i = 0; i < l->threads && error == 0; i++) {
        error = pthread_create(&l->workers[i].thread, NULL, work_loop, &l->workers[i]);
        l->workers[i].running = error == 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error ? fv_fail(l->ctx, FV_ERR_FAILED, "a loader thread cannot be started: %s", strerror(error)) : FV_OK;
}

static fv_status fill(fv_loader *l, const fv_pipeline *pipeline)
{
    const fv_loader_options *o = &l->options;
    const bool in_memory = l->dataset->source->pixels != NULL;
    l->decode = l->dataset->decode;
    l->decode.ignore_exif |= pipeline->ignore_exif; /* the model's rule */
    FV_TRY(check_options(l->ctx, o));
    /* Samples in memory cost a worker a microsecond: one thread feeds any network. */
    l->threads = o->workers > 0 ? o->workers : o->workers < 0 ? 0 : in_memory ? 1 : fv_ctx_threads(l->ctx);
    l->threads = l->threads > MAX_WORKERS ? MAX_WORKERS : l->threads;
    l->n_workers = l->threads > 0 ? l->threads : 1;
    l->chunk = in_memory ? o->batch_size : 1;
    int64_t queue = o->queue > 0 ? o->queue : l->threads > 1 ? 4 : 2;
    l->n_slots = (l->threads > 0 ? queue : 0) + 1; /* and the one that the caller holds */
    l->n_batches = l->dataset->count / o->batch_size;
    if (l->dataset->count % o->batch_size != 0 && (!o->drop_last || l->n_batches == 0))
        l->n_batches++;
    if (!fv_size_mul(pipeline->h, pipeline->w, &l->sample_size) ||
        !fv_size_mul(l->sample_size, pipeline->c, &l->sample_size))
        return fv_fail(l->ctx, FV_ERR_VALUE, "pipeline: an input of that size cannot be");
    l->order = fv_malloc(l->ctx, (size_t)l->dataset->count * sizeof *l->order);
    if (!l->order)
        return FV_ERR_NO_MEMORY;
    FV_TRY(make_slots(l));
    l->paused = true; /* until an epoch is started */
    return make_workers(l, pipeline);
}

fv_status fv_loader_create(fv_dataset *dataset, const fv_pipeline *pipeline, const fv_loader_options *options,
                           fv_loader **loader)
{
    *loader = NULL;
    fv_loader *l = fv_new(dataset->ctx, fv_loader);
    if (!l)
        return FV_ERR_NO_MEMORY;
    l->dataset = dataset;
    l->ctx = dataset->ctx;
    l->options = *options;
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    fv_status status = fill(l, pipeline);
    if (status != FV_OK) {
        fv_loader_destroy(&l);
        return status;
    }
    *loader = l;
    return FV_OK;
}

void fv_loader_destroy(fv_loader **loader)
{
    if (!loader || !*loader)
        return;
    fv_loader *l = *loader;
    pthread_mutex_lock(&l->mutex);
    l->quit = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->mutex);
    for (int i = 0; l->workers && i < l->n_workers; i++) {
        if (l->workers[i].running)
            pthread_join(l->workers[i].thread, NULL);
    }
    for (int i = 0; l->workers && i < l->n_workers; i++)
        fv_applier_free(&l->workers[i].applier);
    for (int64_t i = 0; l->slots && i < l->n_slots; i++) {
        fv_free(l->ctx, l->slots[i].images);
        fv_free(l->ctx, l->slots[i].labels);
        fv_free(l->ctx, l->slots[i].samples);
        fv_free(l->ctx, l->slots[i].skipped);
    }
    fv_free(l->ctx, l->slots);
    fv_free(l->ctx, l->workers);
    fv_free(l->ctx, l->order);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ready);
    pthread_mutex_destroy(&l->mutex);
    fv_free(l->ctx, l);
    *loader = NULL;
}

/* ---- using ---- */

int64_t fv_loader_batches(const fv_loader *loader)
{
    return loader->n_batches;
}

fv_status fv_loader_start(fv_loader *l, int64_t epoch, int64_t first)
{
    if (epoch < 0 || first < 0 || first > l->n_batches)
        return fv_fail(l->ctx, FV_ERR_ARGUMENT, "fv_loader_start: epoch %lld, batch %lld of %lld", (long long)epoch,
                       (long long)first, (long long)l->n_batches);
    pthread_mutex_lock(&l->mutex);
    l->paused = true;
    while (l->active > 0)
        pthread_cond_wait(&l->ready, &l->mutex);
    l->epoch = epoch;
    if (l->options.shuffle) {
        fv_permutation(l->options.seed, FV_RANDOM_SHUFFLE, (uint64_t)epoch, l->dataset->count, l->order);
    } else {
        for (int64_t i = 0; i < l->dataset->count; i++)
            l->order[i] = i;
    }
    for (int64_t i = 0; i < l->n_slots; i++)
        l->slots[i].batch = -1;
    l->released = l->claim = l->next = first;
    l->waited = 0.0;
    l->paused = false;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->mutex);
    return FV_OK;
}

/* Takes the next slot, filled. NULL at the end. */
static slot *take(fv_loader *l)
{
    pthread_mutex_lock(&l->mutex);
    l->released = l->next;
    pthread_cond_broadcast(&l->work);
    if (l->paused || l->next >= l->n_batches) {
        pthread_mutex_unlock(&l->mutex);
        return NULL;
    }
    slot *s = &l->slots[l->next % l->n_slots];
    if (!is_ready(l, s)) {
        const double begin = fv_time_monotonic();
        while (!is_ready(l, s)) {
            if (l->threads == 0)
                work_once(l, &l->workers[0]);
            else
                pthread_cond_wait(&l->ready, &l->mutex);
        }
        l->waited += fv_time_monotonic() - begin;
    }
    l->next++;
    pthread_mutex_unlock(&l->mutex);
    return s;
}

/* Tells the bad samples that a slot's places met, in order. */
static fv_status tell_skipped(fv_loader *l, const slot *s)
{
    for (int64_t at = 0; at < s->n; at++) {
        for (int64_t t = 0; t < s->skipped[at]; t++) {
            bool first = false;
            const int64_t place = s->batch * l->options.batch_size + at + t;
            fv_status status = fv_dataset_tell_bad(l->dataset, l->order[place % l->dataset->count], &first);
            l->quarantined += first;
            FV_TRY(status);
        }
    }
    return FV_OK;
}

/* Closes the gaps of places that stayed empty. */
static void compact(const fv_loader *l, slot *s)
{
    int64_t kept = 0;
    for (int64_t at = 0; at < s->n; at++) {
        if (s->samples[at] < 0)
            continue;
        if (kept != at) {
            s->samples[kept] = s->samples[at];
            s->labels[kept] = s->labels[at];
            memmove(s->images + kept * l->sample_size, s->images + at * l->sample_size,
                    (size_t)l->sample_size * sizeof(float));
        }
        kept++;
    }
    s->n = kept;
}

static fv_status stop_for(fv_loader *l, const slot *s)
{
    char name[1024];
    fv_dataset_sample_name(l->dataset, s->error_sample, name, sizeof name);
    return fv_fail(l->ctx, s->error.status, "%s/%s: %s", l->dataset->path, name, s->error.text);
}

fv_status fv_loader_next(fv_loader *l, fv_batch *batch)
{
    *batch = (fv_batch){0};
    for (slot *s = take(l); s; s = take(l)) {
        if (s->error.status != FV_OK)
            return stop_for(l, s);
        FV_TRY(tell_skipped(l, s));
        compact(l, s);
        if (s->n > 0) {
            *batch = (fv_batch){.images = s->images, .labels = s->labels, .samples = s->samples, .n = s->n};
            return FV_OK;
        }
    }
    return l->dataset->csv_due ? fv_dataset_write_quarantine(l->dataset) : FV_OK;
}

void fv_loader_stats(const fv_loader *loader, double *waited, int64_t *quarantined)
{
    if (waited)
        *waited = loader->waited;
    if (quarantined)
        *quarantined = loader->quarantined;
}
