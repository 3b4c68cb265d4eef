/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is set up from: loaders, the trainer, validation. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/dataset.h"
#include "train/image_size.h"
#include "train/judge.h"
#include "train/run.h"

fv_status fv_fitting_open_session(fv_fitting *r)
{
    fv_trunk *trunk = r->scorer.trunk = r->trainer->trunk;
    if (!r->scorer.loader)
        return FV_OK;
    return fv_session_create_part(r->model, r->val_batch, trunk ? trunk->cut : NULL, NULL, r->trainer->scratch,
                                  r->trainer->wisdom, &r->scorer.session);
}

fv_status fv_fitting_open_validation(fv_fitting *r)
{
    fv_dataset *data = r->options.validation;
    if (!data)
        return FV_OK;
    if (fv_dataset_classes(data) > r->model->n_classes)
        return fv_fail_classes(r->model, data);
    int64_t count = fv_dataset_count(data);
    r->val_batch = r->options.batch_size < count ? r->options.batch_size : count;
    if (r->val_batch == 0)
        return fv_fail(r->ctx, FV_ERR_DATA_EMPTY, "the validation set is empty");
    fv_loader_options options = {.batch_size = r->val_batch, .workers = (int)r->options.workers};
    FV_TRY(fv_task_check(r->model, data));
    if (r->model->task != FV_TASK_CLASSIFY)
        options.targets = r->model->n_classes;
    r->scorer.model = r->model;
    FV_TRY(fv_loader_create(data, &r->model->pipeline, &options, &r->scorer.loader));
    return fv_fitting_open_session(r);
}

/* What teachers say of images, of which less is left for the trunk. */
static fv_status keep_answers(fv_fitting *r, int64_t *left)
{
    char line[FV_DISTILL_TEXT];
    int64_t used = 0;
    if (!r->trainer->distill)
        return FV_OK;
    FV_TRY(fv_distill_keep(r->trainer->distill, *left, r->loader, &used, line));
    if (used > 0)
        fv_fitting_emit(r, FV_EVENT_NOTE, line);
    *left -= used;
    return FV_OK;
}

fv_status fv_fitting_keep_rows(fv_fitting *r)
{
    char line[FV_TRUNK_TEXT];
    int64_t left = r->options.feature_cache;
    if (left <= 0)
        return FV_OK;
    FV_TRY(keep_answers(r, &left));
    if (!r->trainer->trunk || left <= 0)
        return FV_OK;
    FV_TRY(fv_trunk_keep(r->trainer->trunk, left, r->loader, &r->rows, line));
    if (r->trainer->distill) /* teachers look at images, until they have seen all */
        fv_loader_spare(r->loader, NULL, NULL);
    if (r->scorer.loader)
        FV_TRY(fv_trunk_keep(r->trainer->trunk, left, r->scorer.loader, &r->scorer.rows, line));
    if (r->trainer->trunk->planned > 0)
        fv_fitting_emit(r, FV_EVENT_NOTE, line);
    return FV_OK;
}

/* Where a run that resumes stands, and what solvers it ran by, is known before anything is compiled. */
static fv_status find_start(fv_fitting *r, char **plan)
{
    FV_TRY(fv_phases_read(r->ctx, &r->options, &r->phases));
    FV_TRY(fv_image_sizes_check(r->model, &r->options, &r->phases));
    if (!r->options.output || !r->options.resume)
        return FV_OK;
    char *weights = fv_path_join(r->ctx, r->options.output, "weights");
    const fv_status status = weights ? fv_state_begin(r->ctx, weights, &r->begin, plan) : FV_ERR_NO_MEMORY;
    fv_free(r->ctx, weights);
    return status;
}

static fv_status create_trainer(fv_fitting *r, const char *plan)
{
    fv_fit_options with_targets = r->options;
    with_targets.soft_targets = fv_loader_targets(r->loader) > 0;
    FV_TRY(fv_trainer_create_at(r->model, &with_targets, &r->begin, &r->trainer));
    return plan ? fv_wisdom_read(r->trainer->wisdom, r->options.output, plan) : FV_OK;
}

fv_status fv_fitting_open_loader(fv_fitting *r, int phase)
{
    const fv_pipeline pipeline = fv_image_size_pipeline(r->model, &r->phases, phase);
    char text[128];
    FV_TRY(fv_loader_create(r->data, &pipeline, &r->loading, &r->loader));
    snprintf(text, sizeof text, "--progressive-resize: from epoch %lld on training images of %lld x %lld",
             (long long)r->phases.after[phase] + 1, (long long)pipeline.h, (long long)pipeline.w);
    if (r->options.progressive_resize)
        fv_fitting_emit(r, FV_EVENT_NOTE, text);
    return FV_OK;
}

static fv_status open_phase(fv_fitting *r)
{
    char *plan = NULL;
    fv_status status = find_start(r, &plan);
    if (status == FV_OK)
        status = fv_fitting_open_loader(r, r->begin.phase);
    if (status == FV_OK)
        status = create_trainer(r, plan);
    fv_free(r->ctx, plan);
    return status;
}

/* Of the graph that is trained first: images do not become smaller. */
static fv_status judge_norms(fv_fitting *r, bool *single)
{
    const int64_t batch = r->options.batch_size;
    fv_graph *sized;
    FV_TRY(fv_image_size_graph(r->model, &r->phases, r->begin.phase, &sized));
    const fv_status status = fv_judge_single_norm(sized ? sized : r->model->graph, &r->options,
                                                  batch / fv_trainer_pieces(r->trainer, batch), single);
    fv_graph_destroy(&sized);
    return status;
}

/* For a full batch and the last one of an epoch. */
fv_status fv_fitting_compile(fv_fitting *r)
{
    const int64_t batch = r->options.batch_size;
    if (r->samples >= batch)
        FV_TRY(fv_trainer_prepare(r->trainer, batch));
    return r->samples % batch ? fv_trainer_prepare(r->trainer, r->samples % batch) : FV_OK;
}

/* A piece is normalized before the next one has run. */
static void warn_of_pieces(fv_fitting *r)
{
    const int64_t batch = r->options.batch_size;
    const int pieces = fv_trainer_pieces(r->trainer, batch);
    char text[256];
    if (pieces < 2 || r->trainer->n_states == 0 || r->options.freeze_norm)
        return;
    snprintf(text, sizeof text,
             "--grad-accum-steps %d: batch norm takes its statistics from %lld samples at a time, not from the %lld of "
             "a batch; with --freeze-norm it takes none",
             pieces, (long long)(batch / pieces), (long long)batch);
    fv_fitting_emit(r, FV_EVENT_WARN, text);
}

fv_status fv_fitting_open_training(fv_fitting *r)
{
    const fv_fit_options *o = &r->options;
    if (fv_dataset_classes(r->data) > r->model->n_classes)
        return fv_fail_classes(r->model, r->data);
    int64_t count = fv_dataset_count(r->data);
    if (count == 0)
        return fv_fail(r->ctx, FV_ERR_DATA_EMPTY, "the training set is empty");
    char line[FV_JUDGE_TEXT];
    const char *warning;
    bool single = false, odd_scale;
    FV_TRY(fv_judge_weights(r->data));
    FV_TRY(fv_judge_pixels(r->data, o->augment, &odd_scale, line));
    if (odd_scale)
        fv_alarm_scale(&r->alarm, line);
    if (fv_judge_one_class(r->data, line))
        fv_fitting_emit(r, FV_EVENT_WARN, line);
    r->loading = (fv_loader_options){.batch_size = o->batch_size,
                                     .shuffle = true,
                                     .seed = (uint64_t)o->seed,
                                     .workers = (int)o->workers,
                                     .augment = o->augment,
                                     .balance = o->balance_power > 0 ? (fv_balance)o->balance : FV_BALANCE_NONE,
                                     .balance_power = o->balance_power,
                                     .stuck_after = o->stuck_after};
    FV_TRY(fv_judge_labels(r->model, r->data, &r->options, &r->loading.targets, &warning));
    if (warning)
        fv_fitting_emit(r, FV_EVENT_WARN, warning);
    FV_TRY(open_phase(r));
    r->steps = o->steps_per_epoch > 0 ? o->steps_per_epoch : fv_loader_batches(r->loader);
    FV_TRY(fv_settings_warmup(r->ctx, o, r->steps));
    warn_of_pieces(r);
    FV_TRY(judge_norms(r, &single));
    FV_TRY(fv_loader_places(r->data, &r->loading, &r->samples)); /* balanced classes repeat samples */
    FV_TRY(fv_fitting_compile(r));
    if (r->samples % o->batch_size == 1 && single)
        fv_fitting_emit(
            r, FV_EVENT_WARN,
            "the last batch of an epoch has one sample: normalization layers whose maps are 1 x 1 keep their "
            "running statistics in that step");
    return FV_OK;
}
