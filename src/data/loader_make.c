/* SPDX-License-Identifier: Apache-2.0 */
/* A loader's making and its end: what an epoch consists of, the slots, the workers. */
#include <string.h>

#include "base/random.h"
#include "data/balance.h"
#include "data/loader.h"

static fv_status check_options(fv_ctx *ctx, const fv_loader_options *o)
{
    if (o->batch_size < 1)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "batch_size %lld: expected at least 1", (long long)o->batch_size);
    if (o->workers < -1 || o->workers > FV_MAX_WORKERS)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "workers %d: expected -1 to %d", o->workers, FV_MAX_WORKERS);
    if (o->queue < 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "queue %d: expected at least 0", o->queue);
    if (o->targets < 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "targets %lld: expected at least 0", (long long)o->targets);
    if ((unsigned)o->balance > FV_BALANCE_WEIGHTS)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "balance %d does not exist", (int)o->balance);
    if (!(o->balance_power >= 0 && o->balance_power <= 1))
        return fv_fail(ctx, FV_ERR_ARGUMENT, "balance_power %g: expected 0 to 1", o->balance_power);
    if (!(o->stuck_after >= 0))
        return fv_fail(ctx, FV_ERR_ARGUMENT, "stuck_after %g: expected seconds, 0 or more", o->stuck_after);
    return FV_OK;
}

static fv_status make_slots(fv_loader *l)
{
    const int64_t n = l->options.batch_size < l->epoch.count ? l->options.batch_size : l->epoch.count;
    int64_t floats = 0;
    if (!fv_size_mul(n, l->sample_size, &floats) || !fv_size_mul(floats, (int64_t)sizeof(float), &floats))
        return fv_fail_memory(l->ctx, SIZE_MAX, "a batch");
    l->ring.slots = fv_calloc(l->ctx, (size_t)l->ring.n, sizeof *l->ring.slots);
    if (!l->ring.slots)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < l->ring.n; i++) {
        fv_loader_slot *s = &l->ring.slots[i];
        s->batch = -1;
        s->images = fv_malloc(l->ctx, (size_t)floats);
        if (l->target.n > 0)
            s->targets = fv_malloc(l->ctx, (size_t)(n * l->target.n) * sizeof(float));
        if (fv_augment_mixes(l->augment))
            s->lines = fv_malloc(l->ctx, (size_t)(l->sample_size + l->target.n) * sizeof(float));
        s->labels = fv_malloc(l->ctx, (size_t)n * sizeof *s->labels);
        s->samples = fv_malloc(l->ctx, (size_t)n * sizeof *s->samples);
        s->skipped = fv_malloc(l->ctx, (size_t)n * sizeof *s->skipped);
        if (l->each && !l->dataset->source->pixels)
            s->notes = fv_malloc(l->ctx, (size_t)n * sizeof *s->notes);
        if (!s->images || !s->labels || !s->samples || !s->skipped || (l->target.n > 0 && !s->targets) ||
            (fv_augment_mixes(l->augment) && !s->lines) || (l->each && !l->dataset->source->pixels && !s->notes))
            return FV_ERR_NO_MEMORY;
    }
    const int64_t bytes = l->ring.n * fv_loader_slot_bytes(l->epoch.count, l->sample_size, &l->options, l->target.n);
    fv_log(l->ctx, l->each ? FV_LOG_DEBUG : FV_LOG_INFO, "data",
           "loader of %lld samples: %d decoding, %lld batches ahead, at most %.1f MB", (long long)l->dataset->count,
           l->team.threads, (long long)l->ring.n - 1, (double)bytes / 1048576);
    return FV_OK;
}

static fv_status make_workers(fv_loader *l)
{
    l->team.workers = fv_calloc(l->ctx, (size_t)l->team.n, sizeof *l->team.workers);
    if (!l->team.workers)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < l->team.n; i++) {
        l->team.workers[i].loader = l;
        l->team.workers[i].sample = -1;
        l->team.workers[i].intake.ctx = l->ctx; /* the rest is made with its thread */
    }
    if (l->team.threads == 0)
        return fv_intake_init(l->ctx, l->views, l->n_views, l->augment, &l->team.workers[0].intake);
    for (int i = 0; i < l->team.threads; i++)
        FV_TRY(fv_loader_start_worker(l));
    return FV_OK;
}

/* The step `pca` needs what has been measured of the training set. */
static fv_status make_augment(fv_loader *l)
{
    FV_TRY(fv_augment_create(l->ctx, l->options.augment, &l->augment));
    l->options.augment = NULL; /* the caller's text need not live as long */
    if (fv_augment_has(l->augment, "pca") && !(l->views[0].pipeline.pca_value[0] > 0))
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
        l->target.class_weight = fv_malloc(l->ctx, (size_t)classes * sizeof *l->target.class_weight);
        if (!l->target.class_weight)
            return FV_ERR_NO_MEMORY;
        const fv_balance_input in = fv_loader_balance(l->dataset, &l->options);
        FV_TRY(fv_balance_weights(l->ctx, &in, l->target.class_weight));
    }
    l->target.weighted = o->shuffle && class_labels && (l->target.class_weight || d->source->weights);
    if (o->targets > 0)
        l->target.n = o->targets;
    else if (fv_augment_mixes(l->augment) || !class_labels || l->target.weighted)
        l->target.n = classes;
    return FV_OK;
}

fv_status fv_loader_make_order(fv_loader *l, int64_t epoch)
{
    const fv_dataset *d = l->dataset;
    const fv_loader_options *o = &l->options;
    const bool balanced = fv_loader_balances(d, o);
    const fv_balance_input in = fv_loader_balance(l->dataset, &l->options);
    if (!l->epoch.order) {
        FV_TRY(fv_loader_places(d, o, &l->epoch.count));
        l->epoch.order = fv_malloc(l->ctx, (size_t)l->epoch.count * sizeof *l->epoch.order);
        return l->epoch.order ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (balanced)
        return fv_balance_order(l->ctx, &in, o->seed, epoch, l->epoch.order, &l->epoch.count);
    if (o->shuffle)
        fv_permutation(o->seed, FV_RANDOM_SHUFFLE, (uint64_t)epoch, l->epoch.count, l->epoch.order);
    for (int64_t i = 0; !o->shuffle && i < l->epoch.count; i++)
        l->epoch.order[i] = i;
    return FV_OK;
}

static fv_status fill(fv_loader *l, const fv_loader_views *what)
{
    fv_loader_options *o = &l->options;
    const bool in_memory = l->dataset->source->pixels != NULL;
    l->each = what->each;
    l->decode = fv_pipeline_decoding(&what->views[0].pipeline, &l->dataset->decode);
    l->decode.fast &= !what->whole;
    l->views = fv_malloc(l->ctx, (size_t)what->n * sizeof *l->views);
    if (!l->views)
        return FV_ERR_NO_MEMORY;
    memcpy(l->views, what->views, (size_t)what->n * sizeof *l->views);
    l->n_views = what->n;
    FV_TRY(check_options(l->ctx, o));
    o->stuck_after = o->stuck_after > 0 ? o->stuck_after : 30.0;
    FV_TRY(make_augment(l));
    FV_TRY(make_targets(l));
    l->team.threads = fv_loader_threads(l->ctx, l->dataset, o);
    l->team.n = l->team.threads == 0 ? 1 : in_memory ? l->team.threads : 3 * l->team.threads;
    l->chunk = in_memory ? o->batch_size : 1;
    FV_TRY(fv_loader_make_order(l, 0));
    l->ring.n = fv_loader_slots(o, l->team.threads, l->epoch.count);
    l->epoch.n_batches = l->epoch.count / o->batch_size;
    if (l->epoch.count % o->batch_size != 0 && (!o->drop_last || l->epoch.n_batches == 0))
        l->epoch.n_batches++;
    if (!fv_views_size(l->views, l->n_views, &l->sample_size))
        return fv_fail(l->ctx, FV_ERR_VALUE, "pipeline: an input of that size cannot be");
    FV_TRY(make_slots(l));
    l->paused = true; /* until an epoch is started */
    l->team.loop = fv_loader_work;
    return make_workers(l);
}

fv_status fv_loader_create_views(fv_dataset *dataset, const fv_loader_views *what, const fv_loader_options *options,
                                 fv_loader **loader)
{
    *loader = NULL;
    fv_loader *l = fv_new(dataset->ctx, fv_loader);
    if (!l)
        return FV_ERR_NO_MEMORY;
    l->dataset = dataset;
    l->ctx = dataset->ctx;
    l->options = *options;
    l->watch.clock = fv_time_monotonic;
    l->watch.last = fv_time_monotonic();
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&l->ready, &clock);
    pthread_condattr_destroy(&clock);
    fv_status status = fill(l, what);
    if (status != FV_OK) {
        fv_loader_destroy(&l);
        return status;
    }
    *loader = l;
    return FV_OK;
}

fv_status fv_loader_create(fv_dataset *dataset, const fv_pipeline *pipeline, const fv_loader_options *options,
                           fv_loader **loader)
{
    const fv_views views = fv_views_plain(pipeline);
    return fv_loader_create_views(dataset, &(fv_loader_views){.views = &views, .n = 1}, options, loader);
}

static void free_batches(fv_loader *l)
{
    for (int64_t i = 0; l->ring.slots && i < l->ring.n; i++) {
        fv_loader_slot *s = &l->ring.slots[i];
        fv_free(l->ctx, s->images);
        fv_free(l->ctx, s->targets);
        fv_free(l->ctx, s->lines);
        fv_free(l->ctx, s->labels);
        fv_free(l->ctx, s->samples);
        fv_free(l->ctx, s->skipped);
        fv_free(l->ctx, s->notes);
        *s = (fv_loader_slot){.batch = -1};
    }
}

void fv_loader_free(fv_loader *l)
{
    for (int i = 0; l->team.workers && i < l->team.n; i++)
        fv_intake_free(&l->team.workers[i].intake);
    free_batches(l);
    fv_free(l->ctx, l->ring.slots);
    fv_free(l->ctx, l->team.workers);
    fv_free(l->ctx, l->epoch.order);
    fv_free(l->ctx, l->views);
    fv_free(l->ctx, l->target.class_weight);
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
