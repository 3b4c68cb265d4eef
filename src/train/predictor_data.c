/* SPDX-License-Identifier: Apache-2.0 */
/* The samples of a data set through a predictor: a loader decodes ahead while the networks run. */
#include <stdio.h>

#include "base/file.h"
#include "train/evaluate.h"
#include "train/evaluation.h"
#include "train/predictor.h"

/* Floats of a batch that is decoded ahead, unless one image has more; there are at most FV_PREDICTOR_AHEAD of them, and
 * the one in use. */
enum { BATCH_FLOATS = 1 << 20 };

/* Images that go through together: as many as fill a batch with the views of the member that has the fewest, fewer
 * where they are large, and such that `count` of them make batches of about one size. */
static int64_t images_together(const fv_predictor *p, int64_t count)
{
    int64_t views = p->members[0].views;
    for (int i = 1; i < p->count; i++)
        views = p->members[i].views < views ? p->members[i].views : views;
    int64_t n = (p->most > 0 ? p->most : FV_PREDICTOR_ROWS) / views, fit = BATCH_FLOATS / p->size;
    n = fit < n ? fit : n;
    n = n < 1 ? 1 : n;
    const int64_t batches = (count + n - 1) / n;
    return (count + batches - 1) / batches;
}

/* The plan for so many images at a time. Decoding that takes more than half of the limit is left out: whoever decodes
 * refuses the images for which there is no room, one by one. */
static fv_status plan_of(const fv_predictor *p, const fv_dataset *dataset, int64_t together, fv_memory *m)
{
    FV_TRY(fv_predictor_plan(p, dataset, together, m));
    if (m->decoding > fv_ctx_memory_limit(p->ctx) / 2) {
        m->total -= m->decoding;
        m->decoding = 0;
    }
    return FV_OK;
}

/* As many images at a time as the plan has room for; *m is the plan. */
static fv_status plan(const fv_predictor *p, const fv_dataset *dataset, int64_t *together, fv_memory *m)
{
    *together = images_together(p, dataset ? fv_dataset_count(dataset) : INT32_MAX);
    fv_status status = plan_of(p, dataset, *together, m);
    while (*together > 1 &&
           (status == FV_ERR_OVER_BUDGET || (status == FV_OK && m->total > fv_ctx_memory_limit(p->ctx)))) {
        *together /= 2;
        status = plan_of(p, dataset, *together, m);
    }
    return status;
}

fv_status fv_predictor_memory(const fv_predictor *p, const fv_dataset *dataset, fv_memory *memory)
{
    int64_t together;
    return plan(p, dataset, &together, memory);
}

/* Sessions for so many images, fewer where memory does not suffice. */
static fv_status prepare(fv_predictor *p, const fv_dataset *dataset, int64_t *together)
{
    fv_memory m;
    int64_t n = images_together(p, fv_dataset_count(dataset));
    if (p->fits == 0) {
        const int64_t wanted = n;
        FV_TRY(plan(p, dataset, &n, &m));
        p->fits = n < wanted ? n : INT64_MAX;
    }
    n = n < p->fits ? n : p->fits;
    fv_status status = fv_predictor_prepare(p, n);
    while (n > 1 && status == FV_ERR_OVER_BUDGET) {
        n /= 2;
        fv_log(p->ctx, FV_LOG_INFO, "predict", "%s; trying %lld images at a time", fv_ctx_error(p->ctx), (long long)n);
        status = fv_predictor_prepare(p, n);
    }
    *together = n;
    return status;
}

static fv_status start(fv_predictor *p, fv_dataset *dataset, bool each, uint64_t first)
{
    int64_t together = 0;
    fv_predictor_stop(p);
    FV_TRY(prepare(p, dataset, &together));
    const fv_loader_views what = {.views = p->views, .n = p->count, .whole = true, .each = each};
    const fv_loader_options options = {.batch_size = together, .workers = p->workers, .queue = FV_PREDICTOR_AHEAD};
    p->data.dataset = dataset;
    p->data.first = first;
    fv_status status = fv_loader_create_views(dataset, &what, &options, &p->data.loader);
    if (status == FV_OK)
        status = fv_loader_start(p->data.loader, 0, 0);
    if (status != FV_OK)
        fv_predictor_stop(p);
    return status;
}

/* The next batch, and its answers. */
static fv_status run_next(fv_predictor *p)
{
    fv_prediction *d = &p->data;
    d->at = 0;
    FV_TRY(fv_loader_next(d->loader, &d->batch));
    return d->batch.n ? fv_predictor_round(p, d->batch.images, d->batch.n, d->batch.samples, d->first) : FV_OK;
}

/* ---- sample by sample ---- */

fv_status fv_predictor_start(fv_predictor *p, fv_dataset *dataset, uint64_t first)
{
    if (fv_dataset_count(dataset) == 0)
        return fv_fail(p->ctx, FV_ERR_DATA_EMPTY, "no samples to predict");
    return start(p, dataset, true, first);
}

fv_status fv_predictor_next(fv_predictor *p, fv_answer *answer)
{
    fv_prediction *d = &p->data;
    *answer = (fv_answer){.sample = -1};
    if (!d->loader || d->next == fv_dataset_count(d->dataset))
        return FV_OK;
    if (d->at == d->batch.n)
        FV_TRY(run_next(p));
    answer->sample = d->next++;
    if (d->at == d->batch.n || d->batch.samples[d->at] != answer->sample) { /* it was left out */
        answer->status = fv_dataset_verdict(d->dataset, answer->sample, d->text, sizeof d->text);
        answer->error = d->text;
        return FV_OK;
    }
    const float *mean = p->mean + d->at * p->classes, *std = p->std + d->at * p->classes;
    fv_loader_tell(d->loader, &d->batch, d->at++);
    answer->status = fv_answer_check(p->members[0].model, mean, p->classes);
    if (answer->status == FV_OK) {
        answer->mean = mean;
        answer->std = std;
    } else {
        snprintf(d->text, sizeof d->text, "%s", fv_ctx_error(p->ctx));
        answer->error = d->text;
    }
    return FV_OK;
}

void fv_predictor_stop(fv_predictor *p)
{
    fv_loader_destroy(&p->data.loader);
    p->data.dataset = NULL;
    p->data.batch = (fv_batch){0};
    p->data.at = p->data.next = 0;
}

/* ---- a score ---- */

static fv_status score(fv_predictor *p, float *target, fv_tally *tally)
{
    const fv_prediction *d = &p->data;
    int64_t done = 0;
    for (;;) {
        FV_TRY(run_next(p));
        if (d->batch.n == 0)
            return FV_OK;
        for (int64_t i = 0; i < d->batch.n; i++) {
            const int64_t sample = d->batch.samples[i];
            fv_dataset_target(d->dataset, sample, target, p->classes);
            FV_TRY(fv_tally_add(tally, sample, p->mean + i * p->classes, false, d->batch.labels[i], target));
        }
        done += d->batch.n;
        FV_TRY(fv_watch(p->ctx, "scored", "images", done, fv_dataset_count(d->dataset)));
    }
}

fv_status fv_predictor_evaluate(fv_predictor *p, fv_dataset *dataset, fv_metrics *metrics)
{
    return fv_predictor_evaluate_into(p, dataset, metrics, NULL);
}

fv_status fv_predictor_evaluate_into(fv_predictor *p, fv_dataset *dataset, fv_metrics *metrics, fv_evaluation *findings)
{
    const double begin = fv_time_monotonic();
    fv_tally tally;
    *metrics = (fv_metrics){0};
    if (fv_dataset_classes(dataset) > p->classes)
        return fv_fail_classes(p->members[0].model, dataset);
    FV_TRY(fv_task_check(p->members[0].model, dataset));
    if (fv_dataset_count(dataset) == 0)
        return fv_fail(p->ctx, FV_ERR_DATA_EMPTY, "no samples to evaluate on");
    if (findings)
        FV_TRY(fv_evaluation_begin(findings, p->task, p->classes));
    float *target = fv_malloc(p->ctx, (size_t)p->classes * sizeof *target);
    fv_tally_begin(p->ctx, p->task, p->classes, findings, &tally);
    fv_status status = target ? start(p, dataset, false, 0) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = score(p, target, &tally);
    fv_status ended = fv_tally_end(&tally, status == FV_OK ? metrics : NULL);
    if (p->data.loader)
        fv_loader_stats(p->data.loader, NULL, &metrics->quarantined);
    fv_predictor_stop(p);
    fv_free(p->ctx, target);
    metrics->img_per_s = (double)metrics->samples / (fv_time_monotonic() - begin);
    return status != FV_OK ? status : ended;
}
