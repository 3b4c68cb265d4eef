/* SPDX-License-Identifier: Apache-2.0 */
/* Filling the places of a slot with samples. */
#include <stdio.h>
#include <string.h>

#include "data/loader.h"

/* The worker begins (sample >= 0) or ends to read a file. False: it took so long that its place was given away. */
static bool watch(fv_worker *w, int64_t sample)
{
    fv_loader *l = w->loader;
    pthread_mutex_lock(&l->mutex);
    const bool kept = !w->given_up;
    w->sample = sample;
    w->since = l->watch.waited;
    pthread_mutex_unlock(&l->mutex);
    return kept;
}

/* The file has answered: how long it takes to decode it is not its fault. */
static void stop_watching(void *worker)
{
    (void)watch(worker, -1);
}

/* Decodes sample i, as much of it as its frame needs. */
static fv_status read_sample(fv_worker *w, int64_t i, fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    fv_loader *l = w->loader;
    const fv_source *source = l->dataset->source;
    fv_image_request *request = fv_intake_begin(&w->intake, l->options.seed, (uint64_t)l->epoch.number, (uint64_t)i);
    if (!source->pixels) {
        fv_decode_options decode = l->decode;
        decode.on_bytes = stop_watching;
        decode.user = w;
        return fv_dataset_fetch_quiet(l->dataset, i, &decode, request, image, notes, error);
    }
    *image = (fv_image){.h = source->h, .w = source->w, .c = source->c, .bands = source->bands};
    image->data = (uint8_t *)source->pixels + l->dataset->index[i] * image->h * image->w * image->c;
    return FV_OK;
}

typedef enum outcome { LOADED, BAD, STOP, GIVEN_UP } outcome;

/* The target of sample i, times its weight: the loss of a target times w is w times the loss. */
static void store_target(const fv_loader *l, int64_t i, float *target)
{
    const fv_dataset *d = l->dataset;
    fv_dataset_target(d, i, target, l->target.n);
    if (!l->target.weighted)
        return;
    const float weight =
        fv_dataset_weight(d, i) * (l->target.class_weight ? l->target.class_weight[d->labels[i]] : 1.0f);
    for (int64_t k = 0; k < l->target.n; k++)
        target[k] *= weight;
}

static void label_sample(const fv_loader *l, int64_t i, fv_loader_slot *s, int64_t at)
{
    s->samples[at] = i;
    s->labels[at] = l->dataset->labels[i];
    if (s->targets)
        store_target(l, i, s->targets + at * l->target.n);
}

/* The decoded sample i into place `at` of a slot. */
static fv_status store_sample(fv_worker *w, int64_t i, const fv_image *image, const fv_decode_notes *notes,
                              fv_loader_slot *s, int64_t at, fv_image_error *error)
{
    const fv_loader *l = w->loader;
    fv_dataset *d = l->dataset;
    FV_TRY(fv_intake_store(&w->intake, image, s->images + at * l->sample_size, error));
    if (s->notes) {
        s->notes[at] = (fv_loader_note){*image, *notes};
        s->notes[at].size.data = NULL;
    } else if (!d->source->pixels) {
        fv_dataset_tell(d, i, image, notes);
    }
    label_sample(l, i, s, at);
    return FV_OK;
}

/* Sample i into place `at` of a slot. */
static outcome load_sample(fv_worker *w, int64_t i, fv_loader_slot *s, int64_t at, fv_image_error *error)
{
    fv_loader *l = w->loader;
    fv_dataset *d = l->dataset;
    const bool in_memory = d->source->pixels != NULL;
    fv_image image = {0};
    fv_decode_notes notes;
    fv_image_error why = {0};
    if (l->spare.know && l->spare.know(l->spare.user, i)) {
        label_sample(l, i, s, at);
        return LOADED;
    }
    if (!in_memory)
        watch(w, i);
    fv_status status = read_sample(w, i, &image, &notes, &why);
    const bool kept = in_memory || watch(w, -1);
    if (status == FV_OK && kept)
        status = store_sample(w, i, &image, &notes, s, at, &why);
    if (!in_memory)
        fv_image_free(l->ctx, &image);
    if (!kept)
        return GIVEN_UP;
    if (status == FV_OK)
        return LOADED;
    if (!fv_error_is_quarantine(&why) && (!l->each || why.status == FV_ERR_NO_MEMORY || why.fault == FV_FAULT_MACHINE))
        *error = why;
    else if (fv_dataset_quarantine(d, i, &why) != FV_OK)
        *error = (fv_image_error){.status = FV_ERR_NO_MEMORY, .text = "no memory for the quarantine"};
    return error->status == FV_OK ? BAD : STOP;
}

bool fv_loader_fill_place(fv_worker *w, fv_loader_slot *s, int64_t at, fv_image_error *error, int64_t *error_sample)
{
    fv_loader *l = w->loader;
    const int64_t count = l->epoch.count, tries = l->options.shuffle ? count : 1;
    const int64_t place = s->batch * l->options.batch_size + at;
    s->samples[at] = -1;
    for (int64_t t = 0; t < tries; t++) {
        const int64_t i = l->epoch.order[(place + t) % count];
        s->skipped[at] = t;
        const outcome got = fv_dataset_is_bad(l->dataset, i) ? BAD : load_sample(w, i, s, at, error);
        if (got == STOP)
            *error_sample = i;
        if (got != BAD)
            return got != GIVEN_UP;
    }
    s->skipped[at] = tries;
    return true;
}

/* Places that stayed empty are not mixed: there are none unless every file is bad. */
void fv_loader_mix_slot(fv_loader *l, fv_loader_slot *s)
{
    for (int64_t at = 0; at < s->n; at++) {
        if (s->samples[at] < 0)
            return;
    }
    const fv_mix mix = {.images = s->images,
                        .targets = s->targets,
                        .lines = s->lines,
                        .n = s->n,
                        .h = l->views[0].pipeline.h,
                        .w = l->views[0].pipeline.w,
                        .c = l->views[0].pipeline.c,
                        .n_targets = l->target.n};
    fv_augment_mix(l->augment, l->options.seed, (uint64_t)l->epoch.number, s->batch, &mix);
}
