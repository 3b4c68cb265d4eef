/* SPDX-License-Identifier: Apache-2.0 */
/* Batches from a data set: the ring of slots, and its making and using. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/random.h"
#include "data/balance.h"
#include "data/loader.h"

static int64_t batch_size_of(const fv_loader *l, int64_t batch)
{
    const int64_t rest = l->count - batch * l->options.batch_size;
    return rest < l->options.batch_size ? rest : l->options.batch_size;
}

/* ---- the ring: the lock is held ---- */

static bool can_claim(const fv_loader *l)
{
    return !l->paused && (l->n_redo > 0 || (l->claim < l->n_batches && l->claim < l->released + l->n_slots));
}

/* Claims places [*from, *to) of the batch that is being filled. */
static fv_loader_slot *claim(fv_loader *l, int64_t *from, int64_t *to)
{
    l->active++;
    if (l->n_redo > 0) {
        l->n_redo--;
        *from = l->redo[l->n_redo].at;
        *to = *from + 1;
        return l->redo[l->n_redo].slot;
    }
    fv_loader_slot *s = &l->slots[l->claim % l->n_slots];
    if (s->batch != l->claim) {
        s->batch = l->claim;
        s->n = batch_size_of(l, l->claim);
        s->claimed = s->filled = 0;
        s->done = false;
        s->error.status = FV_OK;
    }
    *from = s->claimed;
    *to = s->n - s->claimed < l->chunk ? s->n : s->claimed + l->chunk;
    s->claimed = *to;
    if (s->claimed == s->n)
        l->claim++;
    return s;
}

/* Places that have been filled; whoever fills the last one mixes, without the lock, and declares the slot done. */
static void places_filled(fv_loader *l, fv_loader_slot *s, int64_t n)
{
    s->filled += n;
    if (s->filled < s->n)
        return;
    if (fv_augment_mixes(l->augment) && s->error.status == FV_OK) {
        pthread_mutex_unlock(&l->mutex);
        fv_loader_mix_slot(l, s);
        pthread_mutex_lock(&l->mutex);
    }
    s->done = true;
}

static void note_error(fv_loader_slot *s, const fv_image_error *error, int64_t sample)
{
    if (error->status != FV_OK && (s->error.status == FV_OK || sample < s->error_sample)) {
        s->error = *error;
        s->error_sample = sample;
    }
}

/* Fills one claim; the lock is given up meanwhile. */
static void work_once(fv_loader *l, fv_worker *w)
{
    int64_t from, to, sample = 0, filled = 0;
    fv_image_error error = {0};
    fv_loader_slot *s = claim(l, &from, &to);
    w->slot = s;
    for (int64_t at = from; at < to; at++) {
        w->at = at;
        pthread_mutex_unlock(&l->mutex);
        const bool own = error.status != FV_OK || fv_loader_fill_place(w, s, at, &error, &sample);
        pthread_mutex_lock(&l->mutex);
        filled += own;
        l->active += w->given_up; /* it was taken off */
        w->given_up = false;
    }
    if (filled > 0) {
        note_error(s, &error, sample);
        places_filled(l, s, filled);
    }
    l->active--;
    if (s->done || l->active == 0)
        pthread_cond_broadcast(&l->ready);
}

static void *work_loop(void *user)
{
    fv_worker *w = user;
    fv_loader *l = w->loader;
    pthread_mutex_lock(&l->mutex);
    while (!l->quit) {
        if (can_claim(l))
            work_once(l, w);
        else
            pthread_cond_wait(&l->work, &l->mutex);
    }
    w->running = false;
    bool last = l->abandoned;
    for (int i = 0; i < l->started; i++)
        last &= !l->workers[i].running;
    pthread_cond_broadcast(&l->ready);
    pthread_mutex_unlock(&l->mutex);
    if (last) {
        fv_dataset *dataset = l->dataset;
        fv_loader_free(l);
        fv_dataset_unpin(dataset);
    }
    return NULL;
}

static bool is_ready(const fv_loader *l, const fv_loader_slot *s)
{
    return s->batch == l->next && s->claimed == s->n && s->done;
}

/* ---- making ---- */

static fv_status check_options(fv_ctx *ctx, const fv_loader_options *o)
{
    if (o->batch_size < 1)
        return fv_fail(ctx, FV_ERR_VALUE, "batch_size %lld: expected at least 1", (long long)o->batch_size);
    if (o->workers < -1 || o->workers > FV_MAX_WORKERS)
        return fv_fail(ctx, FV_ERR_VALUE, "workers %d: expected -1 to %d", o->workers, FV_MAX_WORKERS);
    if (o->queue < 0)
        return fv_fail(ctx, FV_ERR_VALUE, "queue %d: expected at least 0", o->queue);
    if (o->targets < 0)
        return fv_fail(ctx, FV_ERR_VALUE, "targets %lld: expected at least 0", (long long)o->targets);
    if (!(o->stuck_after >= 0))
        return fv_fail(ctx, FV_ERR_VALUE, "stuck_after %g: expected seconds, 0 or more", o->stuck_after);
    return FV_OK;
}

/* Samples in memory cost a worker a microsecond: one thread feeds any network. */
static int threads_of(const fv_dataset *d, const fv_loader_options *o)
{
    const int n = o->workers > 0 ? o->workers : o->workers < 0 ? 0 : d->source->pixels ? 1 : fv_ctx_threads(d->ctx);
    return n > FV_MAX_WORKERS ? FV_MAX_WORKERS : n;
}

/* Batches ready ahead, and the one that the caller holds. */
static int64_t slots_of(const fv_loader_options *o, int threads)
{
    return (threads == 0 ? 0 : o->queue > 0 ? o->queue : threads > 1 ? 4 : 2) + 1;
}

static int64_t slot_bytes(const fv_dataset *d, int64_t sample_size, const fv_loader_options *o, int64_t n_targets)
{
    const int64_t n = o->batch_size < d->count ? o->batch_size : d->count;
    return n * ((sample_size + n_targets) * (int64_t)sizeof(float) + 20) +
           (sample_size + n_targets) * (int64_t)sizeof(float);
}

static fv_status make_slots(fv_loader *l)
{
    const int64_t n = l->options.batch_size < l->count ? l->options.batch_size : l->count;
    int64_t floats = 0;
    if (!fv_size_mul(n, l->sample_size, &floats) || !fv_size_mul(floats, (int64_t)sizeof(float), &floats))
        return fv_fail_memory(l->ctx, SIZE_MAX, "a batch");
    l->slots = fv_calloc(l->ctx, (size_t)l->n_slots, sizeof *l->slots);
    if (!l->slots)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < l->n_slots; i++) {
        fv_loader_slot *s = &l->slots[i];
        s->batch = -1;
        s->images = fv_malloc(l->ctx, (size_t)floats);
        if (l->n_targets > 0)
            s->targets = fv_malloc(l->ctx, (size_t)(n * l->n_targets) * sizeof(float));
        if (fv_augment_mixes(l->augment))
            s->lines = fv_malloc(l->ctx, (size_t)(l->sample_size + l->n_targets) * sizeof(float));
        s->labels = fv_malloc(l->ctx, (size_t)n * sizeof *s->labels);
        s->samples = fv_malloc(l->ctx, (size_t)n * sizeof *s->samples);
        s->skipped = fv_malloc(l->ctx, (size_t)n * sizeof *s->skipped);
        if (!s->images || !s->labels || !s->samples || !s->skipped || (l->n_targets > 0 && !s->targets) ||
            (fv_augment_mixes(l->augment) && !s->lines))
            return FV_ERR_NO_MEMORY;
    }
    const int64_t bytes = l->n_slots * slot_bytes(l->dataset, l->sample_size, &l->options, l->n_targets);
    fv_log(l->ctx, FV_LOG_INFO, "data", "loader of %lld samples: %d decoding, %lld batches ahead, at most %.1f MB",
           (long long)l->dataset->count, l->threads, (long long)l->n_slots - 1, (double)bytes / 1048576);
    return FV_OK;
}

static fv_status make_workers(fv_loader *l)
{
    l->workers = fv_calloc(l->ctx, (size_t)l->n_workers, sizeof *l->workers);
    if (!l->workers)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < l->n_workers; i++) {
        l->workers[i].loader = l;
        l->workers[i].sample = -1;
        FV_TRY(fv_applier_init(l->ctx, &l->pipeline, l->augment, &l->workers[i].applier));
    }
    for (int i = 0; i < l->threads; i++)
        FV_TRY(fv_loader_start_worker(l));
    return FV_OK;
}

static double power_of(const fv_loader_options *o)
{
    return o->balance_power > 0 ? o->balance_power : 1;
}

/* The step `pca` needs what has been measured of the training set. */
static fv_status make_augment(fv_loader *l)
{
    FV_TRY(fv_augment_create(l->ctx, l->options.augment, &l->augment));
    l->options.augment = NULL; /* the caller's text need not live as long */
    if (fv_augment_has(l->augment, "pca") && !(l->pipeline.pca_value[0] > 0))
        return fv_fail_hint(l->ctx,
                            fv_fail(l->ctx, FV_ERR_VALUE, "augment: pca: the pipeline has no color axes of the data"),
                            "measure them with fv_dataset_color_axes and store them in the model's pipeline");
    return FV_OK;
}

static fv_status make_targets(fv_loader *l)
{
    const fv_dataset *d = l->dataset;
    const fv_loader_options *o = &l->options;
    const int64_t classes = fv_dataset_classes(d);
    const bool class_labels = fv_dataset_task(d) == FV_TASK_CLASSIFY;
    if (o->shuffle && class_labels && o->balance == FV_BALANCE_WEIGHTS) {
        l->class_weight = fv_malloc(l->ctx, (size_t)classes * sizeof *l->class_weight);
        if (!l->class_weight)
            return FV_ERR_NO_MEMORY;
        FV_TRY(fv_balance_weights(l->ctx, d->labels, d->count, classes, o->balance, power_of(o), l->class_weight));
    }
    l->weighted = o->shuffle && class_labels && (l->class_weight || d->source->weights);
    if (o->targets > 0)
        l->n_targets = o->targets;
    else if (fv_augment_mixes(l->augment) || !class_labels || l->weighted)
        l->n_targets = classes;
    return FV_OK;
}

/* Which sample comes where in an epoch; at first how many there are, too. */
static fv_status make_order(fv_loader *l, int64_t epoch)
{
    const fv_dataset *d = l->dataset;
    const fv_loader_options *o = &l->options;
    const bool balanced = o->shuffle && o->balance != FV_BALANCE_NONE && o->balance != FV_BALANCE_WEIGHTS &&
                          fv_dataset_task(d) == FV_TASK_CLASSIFY;
    const double power = power_of(o);
    if (!l->order) {
        l->count = d->count;
        if (balanced)
            FV_TRY(fv_balance_order(l->ctx, d->labels, d->count, fv_dataset_classes(d), o->balance, power, o->seed,
                                    epoch, NULL, &l->count));
        l->order = fv_malloc(l->ctx, (size_t)l->count * sizeof *l->order);
        return l->order ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (balanced)
        return fv_balance_order(l->ctx, d->labels, d->count, fv_dataset_classes(d), o->balance, power, o->seed, epoch,
                                l->order, &l->count);
    if (o->shuffle)
        fv_permutation(o->seed, FV_RANDOM_SHUFFLE, (uint64_t)epoch, l->count, l->order);
    for (int64_t i = 0; !o->shuffle && i < l->count; i++)
        l->order[i] = i;
    return FV_OK;
}

static fv_status fill(fv_loader *l, const fv_pipeline *pipeline)
{
    fv_loader_options *o = &l->options;
    const bool in_memory = l->dataset->source->pixels != NULL;
    l->decode = fv_pipeline_decoding(pipeline, &l->dataset->decode);
    l->pipeline = *pipeline;
    FV_TRY(check_options(l->ctx, o));
    o->stuck_after = o->stuck_after > 0 ? o->stuck_after : 30.0;
    FV_TRY(make_augment(l));
    FV_TRY(make_targets(l));
    l->threads = threads_of(l->dataset, o);
    l->n_workers = l->threads == 0 ? 1 : in_memory ? l->threads : 2 * l->threads;
    l->chunk = in_memory ? o->batch_size : 1;
    l->n_slots = slots_of(o, l->threads);
    FV_TRY(make_order(l, 0));
    l->n_batches = l->count / o->batch_size;
    if (l->count % o->batch_size != 0 && (!o->drop_last || l->n_batches == 0))
        l->n_batches++;
    if (!fv_size_mul(pipeline->h, pipeline->w, &l->sample_size) ||
        !fv_size_mul(l->sample_size, pipeline->c, &l->sample_size))
        return fv_fail(l->ctx, FV_ERR_VALUE, "pipeline: an input of that size cannot be");
    FV_TRY(make_slots(l));
    l->paused = true; /* until an epoch is started */
    l->loop = work_loop;
    return make_workers(l);
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
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&l->ready, &clock);
    pthread_condattr_destroy(&clock);
    fv_status status = fill(l, pipeline);
    if (status != FV_OK) {
        fv_loader_destroy(&l);
        return status;
    }
    *loader = l;
    return FV_OK;
}

static void free_batches(fv_loader *l)
{
    for (int64_t i = 0; l->slots && i < l->n_slots; i++) {
        fv_loader_slot *s = &l->slots[i];
        fv_free(l->ctx, s->images);
        fv_free(l->ctx, s->targets);
        fv_free(l->ctx, s->lines);
        fv_free(l->ctx, s->labels);
        fv_free(l->ctx, s->samples);
        fv_free(l->ctx, s->skipped);
        *s = (fv_loader_slot){.batch = -1};
    }
}

void fv_loader_free(fv_loader *l)
{
    for (int i = 0; l->workers && i < l->n_workers; i++)
        fv_applier_free(&l->workers[i].applier);
    free_batches(l);
    fv_free(l->ctx, l->slots);
    fv_free(l->ctx, l->workers);
    fv_free(l->ctx, l->order);
    fv_free(l->ctx, l->class_weight);
    fv_augment_destroy(&l->augment);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ready);
    pthread_mutex_destroy(&l->mutex);
    fv_free(l->ctx, l);
}

void fv_loader_destroy(fv_loader **loader)
{
    if (!loader || !*loader)
        return;
    fv_loader *l = *loader;
    *loader = NULL;
    pthread_mutex_lock(&l->mutex);
    const bool left = fv_loader_stop_workers(l);
    if (left) {
        l->abandoned = true;
        fv_dataset_pin(l->dataset);
        free_batches(l); /* the large part; who was given up does not touch it */
    }
    pthread_mutex_unlock(&l->mutex);
    if (!left)
        fv_loader_free(l);
}

/* ---- using ---- */

int64_t fv_loader_memory(const fv_dataset *dataset, const fv_pipeline *pipeline, const fv_loader_options *options)
{
    return slots_of(options, threads_of(dataset, options)) *
           slot_bytes(dataset, pipeline->h * pipeline->w * pipeline->c, options, fv_dataset_classes(dataset));
}

int64_t fv_loader_targets(const fv_loader *loader)
{
    return loader->n_targets;
}

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
    fv_status status = FV_OK;
    while (l->active > 0 && status == FV_OK)
        status = fv_loader_wait_ready(l);
    if (status != FV_OK) {
        pthread_mutex_unlock(&l->mutex);
        return status;
    }
    l->n_redo = 0;
    l->epoch = epoch;
    status = make_order(l, epoch);
    if (status != FV_OK) {
        pthread_mutex_unlock(&l->mutex);
        return status;
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
static fv_status take(fv_loader *l, fv_loader_slot **taken)
{
    fv_status status = FV_OK;
    *taken = NULL;
    pthread_mutex_lock(&l->mutex);
    l->released = l->next;
    pthread_cond_broadcast(&l->work);
    if (l->paused || l->next >= l->n_batches) {
        pthread_mutex_unlock(&l->mutex);
        return FV_OK;
    }
    fv_loader_slot *s = &l->slots[l->next % l->n_slots];
    if (!is_ready(l, s)) {
        const double begin = fv_time_monotonic();
        while (!is_ready(l, s) && status == FV_OK) {
            if (l->threads == 0)
                work_once(l, &l->workers[0]);
            else
                status = fv_loader_wait_ready(l);
        }
        l->waited += fv_time_monotonic() - begin;
    }
    if (status == FV_OK) {
        l->next++;
        *taken = s;
    }
    pthread_mutex_unlock(&l->mutex);
    return status;
}

/* Tells the bad samples that a slot's places met, in order. */
static fv_status tell_skipped(fv_loader *l, const fv_loader_slot *s)
{
    for (int64_t at = 0; at < s->n; at++) {
        for (int64_t t = 0; t < s->skipped[at]; t++) {
            bool first = false;
            const int64_t place = s->batch * l->options.batch_size + at + t;
            fv_status status = fv_dataset_tell_bad(l->dataset, l->order[place % l->count], &first);
            l->quarantined += first;
            FV_TRY(status);
        }
    }
    return FV_OK;
}

/* Closes the gaps of places that stayed empty. */
static void compact(const fv_loader *l, fv_loader_slot *s)
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
            if (s->targets)
                memmove(s->targets + kept * l->n_targets, s->targets + at * l->n_targets,
                        (size_t)l->n_targets * sizeof(float));
        }
        kept++;
    }
    s->n = kept;
}

static fv_status stop_for(fv_loader *l, const fv_loader_slot *s)
{
    char name[1024];
    fv_dataset_sample_name(l->dataset, s->error_sample, name, sizeof name);
    return fv_fail(l->ctx, s->error.status, "%s/%s: %s", l->dataset->path, name, s->error.text);
}

fv_status fv_loader_next(fv_loader *l, fv_batch *batch)
{
    *batch = (fv_batch){0};
    for (;;) {
        fv_loader_slot *s = NULL;
        FV_TRY(take(l, &s));
        if (!s)
            break;
        if (s->error.status != FV_OK)
            return stop_for(l, s);
        FV_TRY(tell_skipped(l, s));
        compact(l, s);
        if (s->n > 0) {
            *batch = (fv_batch){.images = s->images,
                                .labels = s->labels,
                                .targets = s->targets,
                                .samples = s->samples,
                                .n = s->n,
                                .n_targets = l->n_targets};
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
