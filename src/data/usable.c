/* SPDX-License-Identifier: Apache-2.0 */
/* Whether every class has an image that can be used: known before training, not after it. */
#include <stdio.h>

#include "data/dataset.h"

/*
 * Classes that are looked at are those whose files could all be bad without exceeding max_bad: larger ones stop a run
 * by that. Of each, files are decoded one after another until one is good: mostly the first.
 */
typedef struct search {
    fv_dataset *d;
    const int64_t *next; /* the next sample of a sample's class, -1: none */
    int64_t *at;         /* per class: the sample to be looked at, the last bad one, -1: none */
    int64_t *count;      /* per class */
    fv_image_error *error;
} search;

static bool can_vanish(const fv_dataset *d, int64_t count)
{
    return count > 0 && (double)count <= d->max_bad * (double)(d->count + d->source->n_bad);
}

/* Goes on until an image of class k is good (at = -1) or all are bad (at = the first). */
static fv_status look_at_class(void *arg, int64_t k)
{
    const search *s = arg;
    const int64_t first = s->at[k];
    s->at[k] = -1;
    if (first < 0 || !can_vanish(s->d, s->count[k]))
        return FV_OK;
    for (int64_t i = first; i >= 0; i = s->next[i]) {
        fv_image image = {0};
        fv_decode_notes notes;
        fv_image_error error = {0};
        const fv_status status = fv_dataset_fetch_quiet(s->d, i, NULL, NULL, &image, &notes, &error);
        fv_image_free(s->d->ctx, &image);
        if (status == FV_OK || status == FV_ERR_NO_MEMORY)
            return status;
        if (!fv_error_is_quarantine(&error))
            return FV_OK; /* what is no fault of the file is told when the run comes to it */
        if (i == first)
            s->error[k] = error;
    }
    s->at[k] = first;
    return FV_OK;
}

static fv_status tell_class(const search *s, int64_t k, bool allow_empty)
{
    const fv_dataset *d = s->d;
    const char *name = d->classes.name[k];
    char path[FV_SAMPLE_PATH];
    fv_dataset_sample_path(d, s->at[k], path, sizeof path);
    if (allow_empty) {
        fv_log(d->ctx, FV_LOG_WARN, "data", "%s: class '%s': none of its %lld images can be used (%s: %s)", d->path,
               name, (long long)s->count[k], path, s->error[k].text);
        return FV_OK;
    }
    return fv_fail_hint(d->ctx,
                        fv_fail(d->ctx, FV_ERR_DATA_EMPTY,
                                "%s: class '%s': none of its %lld images can be used; the first, %s: %s", d->path, name,
                                (long long)s->count[k], path, s->error[k].text),
                        "convert or replace them, remove the class, or keep it empty with --allow-empty");
}

/* Chains the samples of each class in order. */
static void chain(search *s, int64_t *next, int64_t *last)
{
    const fv_dataset *d = s->d;
    for (int64_t k = 0; k < d->classes.count; k++)
        s->at[k] = last[k] = -1;
    for (int64_t i = 0; i < d->count; i++) {
        const int32_t k = d->labels[i];
        next[i] = -1;
        if (last[k] < 0)
            s->at[k] = i;
        else
            next[last[k]] = i;
        last[k] = i;
        s->count[k]++;
    }
}

fv_status fv_dataset_check_usable(fv_dataset *d, bool allow_empty)
{
    const size_t classes = (size_t)d->classes.count;
    if (d->source->pixels || d->source->kind != FV_TASK_CLASSIFY || !can_vanish(d, 1))
        return FV_OK;
    int64_t *next = fv_malloc(d->ctx, (size_t)d->count * sizeof *next);
    int64_t *last = fv_malloc(d->ctx, classes * sizeof *last);
    search s = {.d = d,
                .next = next,
                .at = fv_malloc(d->ctx, classes * sizeof *s.at),
                .count = fv_calloc(d->ctx, classes, sizeof *s.count),
                .error = fv_calloc(d->ctx, classes, sizeof *s.error)};
    fv_status status = next && last && s.at && s.count && s.error ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        chain(&s, next, last);
        status = fv_data_each(d->ctx, "looked into", "classes", d->classes.count, look_at_class, &s);
    }
    for (int64_t k = 0; status == FV_OK && k < d->classes.count; k++) {
        if (s.at[k] >= 0)
            status = tell_class(&s, k, allow_empty);
    }
    fv_free(d->ctx, next);
    fv_free(d->ctx, last);
    fv_free(d->ctx, s.at);
    fv_free(d->ctx, s.count);
    fv_free(d->ctx, s.error);
    return status;
}
