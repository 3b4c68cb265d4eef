/* SPDX-License-Identifier: Apache-2.0 */
/* Batches from a data set: the ring of slots, and how it is used. */
#include <string.h>

#include "base/file.h"
#include "data/loader.h"

static int64_t batch_size_of(const fv_loader *l, int64_t batch)
{
    const int64_t rest = l->epoch.count - batch * l->options.batch_size;
    return rest < l->options.batch_size ? rest : l->options.batch_size;
}

/* ---- the ring: the lock is held ---- */

static bool can_claim(const fv_loader *l)
{
    return !l->paused &&
           (l->n_redo > 0 || (l->ring.claim < l->epoch.n_batches && l->ring.claim < l->ring.released + l->ring.n));
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
    fv_loader_slot *s = &l->ring.slots[l->ring.claim % l->ring.n];
    if (s->batch != l->ring.claim) {
        s->batch = l->ring.claim;
        s->n = batch_size_of(l, l->ring.claim);
        s->claimed = s->filled = 0;
        s->done = false;
        s->error.status = FV_OK;
    }
    *from = s->claimed;
    *to = s->n - s->claimed < l->chunk ? s->n : s->claimed + l->chunk;
    s->claimed = *to;
    if (s->claimed == s->n)
        l->ring.claim++;
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

void *fv_loader_work(void *user)
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
    for (int i = 0; i < l->team.started; i++)
        last &= !l->team.workers[i].running;
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
    return s->batch == l->ring.next && s->claimed == s->n && s->done;
}

/* ---- using ---- */

int64_t fv_loader_targets(const fv_loader *loader)
{
    return loader->target.n;
}

int64_t fv_loader_batches(const fv_loader *loader)
{
    return loader->epoch.n_batches;
}

fv_status fv_loader_start(fv_loader *l, int64_t epoch, int64_t first)
{
    if (epoch < 0 || first < 0 || first > l->epoch.n_batches)
        return fv_fail(l->ctx, FV_ERR_ARGUMENT, "fv_loader_start: epoch %lld, batch %lld of %lld", (long long)epoch,
                       (long long)first, (long long)l->epoch.n_batches);
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
    l->epoch.number = epoch;
    status = fv_loader_make_order(l, epoch);
    if (status != FV_OK) {
        pthread_mutex_unlock(&l->mutex);
        return status;
    }
    for (int64_t i = 0; i < l->ring.n; i++)
        l->ring.slots[i].batch = -1;
    l->ring.released = l->ring.claim = l->ring.next = first;
    l->waited = 0.0;
    l->empty = first == 0;
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
    l->ring.released = l->ring.next;
    pthread_cond_broadcast(&l->work);
    if (l->paused || l->ring.next >= l->epoch.n_batches) {
        pthread_mutex_unlock(&l->mutex);
        return FV_OK;
    }
    fv_loader_slot *s = &l->ring.slots[l->ring.next % l->ring.n];
    if (!is_ready(l, s)) {
        const double begin = fv_time_monotonic();
        while (!is_ready(l, s) && status == FV_OK) {
            if (l->team.threads == 0)
                work_once(l, &l->team.workers[0]);
            else
                status = fv_loader_wait_ready(l);
        }
        l->waited += fv_time_monotonic() - begin;
    }
    if (status == FV_OK) {
        l->ring.next++;
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
            fv_status status = fv_dataset_tell_bad(l->dataset, l->epoch.order[place % l->epoch.count], &first);
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
            if (s->notes)
                s->notes[kept] = s->notes[at];
            memmove(s->images + kept * l->sample_size, s->images + at * l->sample_size,
                    (size_t)l->sample_size * sizeof(float));
            if (s->targets)
                memmove(s->targets + kept * l->target.n, s->targets + at * l->target.n,
                        (size_t)l->target.n * sizeof(float));
        }
        kept++;
    }
    s->n = kept;
}

static fv_status stop_for(fv_loader *l, const fv_loader_slot *s)
{
    char path[FV_SAMPLE_PATH];
    fv_dataset_sample_path(l->dataset, s->error_sample, path, sizeof path);
    const fv_status status = fv_fail(l->ctx, s->error.status, "%s: %s", path, s->error.text);
    return s->error.fault != FV_FAULT_MACHINE
               ? status
               : fv_fail_hint(l->ctx, status,
                              "it was tried for some seconds; the file may be sound: the machine lacked what reading "
                              "needs");
}

/* An epoch of nothing is no epoch: neither learned nor scored. */
static fv_status fail_nothing(const fv_loader *l)
{
    const fv_dataset *d = l->dataset;
    return fv_fail_hint(l->ctx,
                        fv_fail(l->ctx, FV_ERR_DATA_EMPTY, "%s: none of %lld image%s can be used", d->path,
                                (long long)d->count, d->count == 1 ? "" : "s"),
                        "`fovea data check` says why for each; repair or replace them");
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
        if (!l->each)
            FV_TRY(tell_skipped(l, s));
        compact(l, s);
        if (s->n > 0) {
            l->empty = false;
            *batch = (fv_batch){.images = s->images,
                                .labels = s->labels,
                                .targets = s->targets,
                                .samples = s->samples,
                                .n = s->n,
                                .n_targets = l->target.n};
            return FV_OK;
        }
    }
    if (l->each)
        return FV_OK;
    if (l->dataset->csv_due)
        FV_TRY(fv_dataset_write_quarantine(l->dataset));
    return l->empty && l->dataset->count > 0 ? fail_nothing(l) : FV_OK;
}

void fv_loader_spare(fv_loader *l, bool (*know)(void *user, int64_t sample), void *user)
{
    l->spare.know = know;
    l->spare.user = user;
}

void fv_loader_tell(const fv_loader *l, const fv_batch *batch, int64_t i)
{
    const fv_loader_slot *s = &l->ring.slots[(l->ring.next - 1) % l->ring.n];
    if (s->notes)
        fv_dataset_tell(l->dataset, batch->samples[i], &s->notes[i].size, &s->notes[i].notes);
}

void fv_loader_stats(const fv_loader *loader, double *waited, int64_t *quarantined)
{
    if (waited)
        *waited = loader->waited;
    if (quarantined)
        *quarantined = loader->quarantined;
}
