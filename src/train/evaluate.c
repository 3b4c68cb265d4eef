/* SPDX-License-Identifier: Apache-2.0 */
/* Scoring a model on a data set, and predicting one image. */
#include "train/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "data/loader.h"
#include "model/model.h"
#include "train/evaluation.h"

static fv_status compute(const fv_scorer *s, const fv_batch *batch)
{
    const fv_pipeline *p = &s->model->pipeline;
    int64_t size = p->h * p->w * p->c;
    const float *input = batch->images;
    if (s->trunk) {
        FV_TRY(fv_trunk_rows(s->trunk, s->rows, batch->samples, batch->images, batch->n, &input));
        size = s->trunk->size;
    }
    memcpy(fv_session_input(s->session), input, (size_t)(batch->n * size) * sizeof(float));
    return fv_session_run_n(s->session, batch->n);
}

/* Until `deadline` or `most` samples, but one batch in any case. */
static fv_status score_batches(const fv_scorer *s, double deadline, int64_t most, fv_tally *tally)
{
    const int64_t total = fv_dataset_count(s->loader->dataset);
    int64_t done = 0;
    const int64_t classes = s->model->n_classes;
    for (;;) {
        fv_batch batch;
        FV_TRY(fv_loader_next(s->loader, &batch));
        if (batch.n == 0)
            return FV_OK;
        FV_TRY(compute(s, &batch));
        const float *logits = fv_session_output(s->session, NULL);
        for (int64_t i = 0; i < batch.n; i++)
            FV_TRY(fv_tally_add(tally, batch.samples[i], logits + i * classes, true, batch.labels[i],
                                batch.targets ? batch.targets + i * batch.n_targets : NULL));
        done += batch.n;
        FV_TRY(fv_watch(s->model->ctx, "scored", "images", done, total));
        if (done >= most || fv_time_monotonic() >= deadline)
            return FV_OK;
    }
}

static fv_status score(const fv_scorer *s, double seconds, int64_t samples, fv_metrics *metrics,
                       fv_evaluation *findings)
{
    const fv_model *model = s->model;
    const double start = fv_time_monotonic();
    fv_tally tally;
    *metrics = (fv_metrics){0};
    if (findings)
        FV_TRY(fv_evaluation_begin(findings, model->task, model->n_classes));
    FV_TRY(fv_session_refresh(s->session));
    FV_TRY(fv_loader_start(s->loader, 0, 0));
    fv_tally_begin(model->ctx, model->task, model->n_classes, findings, &tally);
    tally.temperature = model->card.temperature;
    fv_status status = score_batches(s, start + seconds, samples, &tally);
    const double took = fv_time_monotonic() - start;
    if (status != FV_OK) {
        (void)fv_tally_end(&tally, NULL);
        return status;
    }
    FV_TRY(fv_tally_end(&tally, metrics));
    fv_loader_stats(s->loader, NULL, &metrics->quarantined);
    metrics->img_per_s = (double)metrics->samples / took;
    return FV_OK;
}

fv_status fv_evaluate_with(const fv_scorer *s, fv_metrics *metrics, fv_evaluation *findings)
{
    return score(s, INFINITY, INT64_MAX, metrics, findings);
}

fv_status fv_evaluate_some(const fv_scorer *s, double seconds, int64_t samples, fv_metrics *metrics)
{
    return score(s, seconds, samples, metrics, NULL);
}

fv_status fv_evaluate(fv_model *model, fv_dataset *dataset, int64_t batch_size, int workers, fv_metrics *metrics)
{
    return fv_evaluate_into(model, dataset, batch_size, workers, metrics, NULL);
}

fv_status fv_evaluate_into(fv_model *model, fv_dataset *dataset, int64_t batch_size, int workers, fv_metrics *metrics,
                           fv_evaluation *findings)
{
    fv_ctx *ctx = model->ctx;
    fv_session *session = NULL;
    fv_loader *loader = NULL;
    *metrics = (fv_metrics){0};
    FV_TRY(fv_model_need_plain(model, "fv_evaluate"));
    if (fv_dataset_classes(dataset) > model->n_classes)
        return fv_fail_classes(model, dataset);
    FV_TRY(fv_task_check(model, dataset));
    if (batch_size <= 0)
        batch_size = 64;
    if (batch_size > fv_dataset_count(dataset))
        batch_size = fv_dataset_count(dataset);
    if (batch_size == 0)
        return fv_fail(ctx, FV_ERR_DATA_EMPTY, "no samples to evaluate on");
    fv_loader_options options = {.batch_size = batch_size, .workers = workers};
    if (model->task != FV_TASK_CLASSIFY)
        options.targets = model->n_classes;
    const fv_pipeline *p = &model->pipeline;
    fv_status status = fv_session_create(model, batch_size, &session);
    if (status == FV_OK)
        status = fv_loader_create(dataset, p, &options, &loader);
    if (status == FV_OK)
        status =
            fv_evaluate_with(&(fv_scorer){.model = model, .session = session, .loader = loader}, metrics, findings);
    fv_loader_destroy(&loader);
    fv_session_destroy(&session);
    return status;
}

fv_status fv_labels_adopt(fv_model *model, const fv_dataset *dataset)
{
    const int64_t n = fv_dataset_classes(dataset);
    model->task = fv_dataset_task(dataset);
    if (model->card.has_class_names || n != model->n_classes)
        return FV_OK;
    const char **names = fv_malloc(model->ctx, (size_t)(n > 0 ? n : 1) * sizeof *names);
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < n; i++)
        names[i] = fv_dataset_class_name(dataset, i);
    fv_status status = fv_model_set_class_names(model, names, n);
    fv_free(model->ctx, names);
    return status;
}

fv_status fv_fail_classes(fv_model *model, const fv_dataset *dataset)
{
    int64_t have = model->n_classes, data = fv_dataset_classes(dataset);
    fv_str model_list = {.ctx = model->ctx}, data_list = {.ctx = model->ctx};
    for (int64_t i = 0; i < have && i < 8; i++)
        fv_str_printf(&model_list, "%s%s", i ? ", " : "", fv_model_class_name(model, i));
    for (int64_t i = 0; i < data && i < 8; i++)
        fv_str_printf(&data_list, "%s%s", i ? ", " : "", fv_dataset_class_name(dataset, i));
    fv_status status =
        fv_fail_hint(model->ctx,
                     fv_fail(model->ctx, FV_ERR_DATA_CLASSES, "the model has %lld classes (%s%s), the data %lld (%s%s)",
                             (long long)have, fv_str_get(&model_list), have > 8 ? ", ..." : "", (long long)data,
                             fv_str_get(&data_list), data > 8 ? ", ..." : ""),
                     "use data with the model's classes, or train a new output layer: `fovea train --reset-head`");
    fv_str_free(&model_list);
    fv_str_free(&data_list);
    return status;
}

fv_status fv_predict(fv_model *model, const fv_image *image, float *probabilities)
{
    fv_session *session;
    fv_shape shape;
    FV_TRY(fv_model_session(model, &session));
    FV_TRY(fv_pipeline_apply(model->ctx, &model->pipeline, image, fv_session_input(session)));
    FV_TRY(fv_session_run(session));
    const float *logits = fv_session_output(session, &shape);
    fv_model_answer(model, logits, fv_shape_count(&shape), probabilities);
    return fv_answer_check(model, probabilities, fv_shape_count(&shape));
}
