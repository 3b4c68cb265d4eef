/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop: epochs, validation, checkpoints, stopping. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "io/safetensors_model.h"
#include "train/alarm.h"
#include "train/checkpoint.h"
#include "train/columns.h"
#include "train/evaluate.h"
#include "train/journal.h"
#include "train/judge.h"
#include "train/state.h"

/* Everything a run holds. */
typedef struct run {
    fv_ctx *ctx;
    fv_model *model;
    fv_dataset *data;
    fv_fit_options options;
    const fv_monitor *monitor;
    fv_phases phases;
    fv_trainer *trainer; /* of the phase */
    fv_loader *loader;
    fv_rows *rows;    /* of the trainer's trunk; NULL: none are kept */
    fv_scorer scorer; /* session NULL: there is no validation */
    fv_journal *journal;
    fv_checkpoints checkpoints;
    fv_progress progress;
    fv_identity identity;
    fv_fit_event event;
    int64_t steps, samples; /* per epoch */
    double start, epoch_start;
    int64_t val_batch, epoch_start_seen;
    fv_stop stop;       /* NOT: it goes on */
    int64_t unfinished; /* the epoch that stopped in its middle while there was no best one: best.safetensors is its */
    double unfinished_metric;
    bool stop_asked;
    fv_alarm alarm;
} run;

static void emit(run *r, fv_event_kind kind, const char *text)
{
    fv_fit_event event = r->event;
    event.kind = kind;
    event.stop = kind == FV_EVENT_END ? r->stop : FV_STOP_NOT;
    event.text = text;
    if (r->journal)
        fv_journal_event(r->journal, &event);
    if (r->options.on_event && r->options.on_event(r->options.user, &event))
        r->stop_asked = true;
}

static void tell_alarm(void *user, const char *line)
{
    emit(user, FV_EVENT_WARN, line);
}

/* ---- setting up ---- */

static fv_status open_session(run *r)
{
    fv_trunk *trunk = r->scorer.trunk = r->trainer->trunk;
    if (!r->scorer.loader)
        return FV_OK;
    return fv_session_create_part(r->model, r->val_batch, trunk ? trunk->cut : NULL, NULL, r->trainer->scratch,
                                  r->trainer->wisdom, &r->scorer.session);
}

static fv_status open_validation(run *r)
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
    return open_session(r);
}

static fv_status keep_rows(run *r)
{
    char line[FV_TRUNK_TEXT];
    if (!r->trainer->trunk || r->options.feature_cache <= 0)
        return FV_OK;
    FV_TRY(fv_trunk_keep(r->trainer->trunk, r->options.feature_cache, r->loader, &r->rows, line));
    if (r->scorer.loader)
        FV_TRY(fv_trunk_keep(r->trainer->trunk, r->options.feature_cache, r->scorer.loader, &r->scorer.rows, line));
    if (r->trainer->trunk->planned > 0)
        emit(r, FV_EVENT_NOTE, line);
    return FV_OK;
}

/* Where a run that resumes stands, and what solvers it ran by, is known before anything is compiled. */
static fv_status create_trainer(run *r)
{
    char *weights = NULL, *plan = NULL;
    fv_trainer_start start = {.phase = 0};
    fv_fit_options with_targets = r->options;
    fv_status status = FV_OK;
    with_targets.soft_targets = fv_loader_targets(r->loader) > 0;
    FV_TRY(fv_phases_read(r->ctx, &r->options, &r->phases));
    if (r->options.output && r->options.resume) {
        weights = fv_path_join(r->ctx, r->options.output, "weights");
        status = weights ? fv_state_begin(r->ctx, weights, &start, &plan) : FV_ERR_NO_MEMORY;
    }
    if (status == FV_OK)
        status = fv_trainer_create_at(r->model, &with_targets, &start, &r->trainer);
    if (status == FV_OK && plan)
        status = fv_wisdom_read(r->trainer->wisdom, weights, plan);
    fv_free(r->ctx, weights);
    fv_free(r->ctx, plan);
    return status;
}

/* For a full batch and the last one of an epoch. */
static fv_status compile(run *r)
{
    const int64_t batch = r->options.batch_size;
    if (r->samples >= batch)
        FV_TRY(fv_trainer_prepare(r->trainer, batch));
    return r->samples % batch ? fv_trainer_prepare(r->trainer, r->samples % batch) : FV_OK;
}

/* A piece is normalized before the next one has run. */
static void warn_of_pieces(run *r)
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
    emit(r, FV_EVENT_WARN, text);
}

static fv_status open_training(run *r)
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
        emit(r, FV_EVENT_WARN, line);
    fv_loader_options options = {.batch_size = o->batch_size,
                                 .shuffle = true,
                                 .seed = (uint64_t)o->seed,
                                 .workers = (int)o->workers,
                                 .augment = o->augment,
                                 .balance = o->balance_power > 0 ? (fv_balance)o->balance : FV_BALANCE_NONE,
                                 .balance_power = o->balance_power,
                                 .stuck_after = o->stuck_after};
    FV_TRY(fv_judge_labels(r->model, r->data, &r->options, &options.targets, &warning));
    if (warning)
        emit(r, FV_EVENT_WARN, warning);
    FV_TRY(fv_loader_create(r->data, &r->model->pipeline, &options, &r->loader));
    r->steps = fv_loader_batches(r->loader);
    FV_TRY(create_trainer(r));
    warn_of_pieces(r);
    FV_TRY(fv_judge_single_norm(r->model, o, o->batch_size / fv_trainer_pieces(r->trainer, o->batch_size), &single));
    FV_TRY(fv_loader_places(r->data, &options, &r->samples)); /* balanced classes repeat samples */
    FV_TRY(compile(r));
    if (r->samples % o->batch_size == 1 && single)
        emit(r, FV_EVENT_WARN,
             "the last batch of an epoch has one sample: normalization layers whose maps are 1 x 1 keep their "
             "running statistics in that step");
    return FV_OK;
}

static fv_status open_folder(run *r, bool *resumed)
{
    const fv_fit_options *o = &r->options;
    *resumed = false;
    if (!o->output)
        return FV_OK;
    FV_TRY(fv_journal_open(r->ctx, o->output, &r->journal));
    FV_TRY(fv_checkpoints_open(r->ctx, r->journal->weights, &r->checkpoints));
    return o->resume ? fv_state_resume(r->trainer, &r->progress, &r->identity, r->journal->weights, o->force, resumed)
                     : FV_OK;
}

/* The solvers that this run is computed by, for people and for --plan. */
static fv_status write_plan(run *r)
{
    fv_str text = {.ctx = r->ctx};
    fv_wisdom_text(r->trainer->wisdom, &text);
    fv_status status = fv_str_status(&text);
    if (status == FV_OK)
        status = fv_journal_write(r->journal, "plan.txt", fv_str_get(&text));
    fv_str_free(&text);
    return status;
}

/* ---- saving ---- */

static fv_status save_state(run *r, bool recovery)
{
    if (!r->journal)
        return FV_OK;
    char path[4096];
    r->progress.seconds = fv_time_monotonic() - r->start;
    FV_TRY(fv_checkpoints_state(&r->checkpoints, r->trainer, &r->progress, &r->identity, recovery, path, sizeof path));
    emit(r, FV_EVENT_CHECKPOINT, path);
    return FV_OK;
}

/* ---- one step ---- */

static fv_status fail_diverged(run *r, const fv_batch *batch, double loss)
{
    char layer[256] = "", files[1024] = "", name[512];
    size_t used = 0;
    fv_trainer_rollback(r->trainer);
    if (fv_trainer_blame(r->trainer, layer, sizeof layer) != FV_OK)
        layer[0] = 0;
    fv_trainer_rollback(r->trainer);
    for (int64_t i = 0; i < batch->n && i < 3; i++) {
        fv_dataset_sample_name(r->data, batch->samples[i], name, sizeof name);
        int n = snprintf(files + used, sizeof files - used, "%s%s", i ? ", " : "", name);
        used += n > 0 && (size_t)n < sizeof files - used ? (size_t)n : 0;
    }
    return fv_fail_hint(
        r->ctx,
        fv_fail(r->ctx, FV_ERR_DIVERGED, "epoch %lld step %lld: the %s is not finite; first bad layer: %s; batch: %s%s",
                (long long)r->event.epoch, (long long)r->event.step, isfinite(loss) ? "gradient" : "loss",
                layer[0] ? layer : "unknown", files, batch->n > 3 ? ", ..." : ""),
        "weights and checkpoints are those before this step; try --lr %.2g%s", r->options.lr / 10,
        r->options.warmup_epochs > 0 ? "" : " or --warmup-epochs 1");
}

static fv_status count_batch(run *r, const fv_batch *batch, double loss)
{
    fv_shape shape;
    const float *logits = fv_trainer_logits(r->trainer, &shape);
    if (!logits)
        return FV_ERR_NO_MEMORY;
    r->progress.correct += fv_count_right(r->model->task, logits, fv_shape_count(&shape) / batch->n, batch);
    r->progress.seen += batch->n;
    r->progress.loss_sum += loss * (double)batch->n;
    return FV_OK;
}

/* What the epoch has come to so far. */
static void describe_epoch(run *r)
{
    const fv_progress *p = &r->progress;
    fv_fit_event *e = &r->event;
    e->step = p->step;
    e->global_step = p->global_step;
    e->train_loss = p->seen ? p->loss_sum / (double)p->seen : NAN;
    e->train_top1 = p->seen && r->model->task != FV_TASK_REGRESS ? (double)p->correct / (double)p->seen : NAN;
}

static void describe_step(run *r, double loss)
{
    fv_progress *p = &r->progress;
    fv_fit_event *e = &r->event;
    double now = fv_time_monotonic(), waited = 0, spent = now - r->epoch_start;
    fv_loader_stats(r->loader, &waited, NULL);
    describe_epoch(r);
    e->loss = loss;
    e->seconds = now - r->start;
    e->img_per_s = spent > 0 ? (double)(p->seen - r->epoch_start_seen) / spent : 0;
    e->data_wait = spent > 0 ? waited / spent : 0;
    e->memory = fv_process_peak();
}

static fv_status compute_gradient(run *r, const fv_batch *batch, double *loss)
{
    const void *target = batch->targets ? (const void *)batch->targets : batch->labels;
    const float *rows;
    if (!r->trainer->trunk)
        return fv_trainer_gradient(r->trainer, batch->images, target, batch->n, loss);
    FV_TRY(fv_trunk_rows(r->trainer->trunk, r->rows, batch->samples, batch->images, batch->n, &rows));
    return fv_trainer_gradient_of_rows(r->trainer, rows, target, batch->n, loss);
}

static fv_status train_step(run *r, const fv_batch *batch)
{
    fv_progress *p = &r->progress;
    double loss;
    r->event.step = p->step + 1;
    r->event.lr = fv_schedule_lr(&r->options, (double)p->epoch + (double)p->step / (double)r->steps);
    FV_TRY(compute_gradient(r, batch, &loss));
    if (!isfinite(loss) || !fv_trainer_finite(r->trainer))
        return fail_diverged(r, batch, loss);
    loss = fv_trainer_output_loss(r->trainer); /* as validation measures it */
    FV_TRY(count_batch(r, batch, loss));
    FV_TRY(fv_trainer_apply(r->trainer, r->event.lr));
    p->step++;
    p->global_step++;
    describe_step(r, loss);
    emit(r, FV_EVENT_STEP, NULL);
    if (r->options.recovery_interval && p->global_step % r->options.recovery_interval == 0 && p->step < r->steps)
        FV_TRY(save_state(r, true));
    if (r->options.max_steps && p->global_step >= r->options.max_steps)
        r->stop = FV_STOP_STEPS;
    return FV_OK;
}

/* ---- one phase ---- */

/* Where the next epoch lets more of the network learn, all that was compiled for the frozen set is made anew. */
static fv_status enter_phase(run *r)
{
    char line[FV_TRAINER_TEXT];
    const int phase = fv_phases_at(&r->phases, r->progress.epoch);
    if (phase == r->trainer->start.phase)
        return FV_OK;
    fv_session_destroy(&r->scorer.session);
    fv_checkpoints_lend(&r->checkpoints, NULL);
    fv_loader_spare(r->loader, NULL, NULL);
    if (r->scorer.loader)
        fv_loader_spare(r->scorer.loader, NULL, NULL);
    fv_rows_destroy(&r->scorer.rows);
    fv_rows_destroy(&r->rows);
    FV_TRY(fv_trainer_enter(&r->trainer, phase));
    emit(r, FV_EVENT_NOTE, fv_trainer_begun(r->trainer, r->event.epoch, line));
    FV_TRY(compile(r));
    FV_TRY(open_session(r));
    FV_TRY(keep_rows(r));
    if (r->journal)
        FV_TRY(fv_checkpoints_lend(&r->checkpoints, r->trainer));
    return r->journal ? write_plan(r) : FV_OK;
}

/* ---- one epoch ---- */

static fv_status validate(run *r, bool last)
{
    fv_metrics m;
    fv_monitor_forget(&r->event, true);
    if (!r->scorer.session || (!last && (r->progress.epoch + 1) % r->options.val_interval != 0))
        return FV_OK;
    FV_TRY(fv_evaluate_with(&r->scorer, &m, r->options.findings));
    char text[FV_JUDGE_TEXT];
    if (fv_judge_answers(r->model, &m, last, text))
        emit(r, FV_EVENT_WARN, text);
    fv_monitor_take(&r->event, &m);
    fv_alarm_losses(&r->alarm, &r->event);
    return FV_OK;
}

/* An epoch that a rule stops in its middle counts for nothing: a run that goes on from there will do the whole of it.
 * Only while there is no best model yet its model is kept as one. */
static void judge_epoch(run *r)
{
    fv_progress *p = &r->progress;
    const double metric = fv_monitor_value(r->monitor, &r->event);
    char text[256];
    if (fv_judge_loss(p, &r->options, r->event.train_loss, r->alarm.cause, text))
        emit(r, FV_EVENT_WARN, text);
    if (p->step < r->steps) {
        r->event.best = p->best_epoch == 0 && isfinite(metric);
        r->unfinished = r->event.best ? r->event.epoch : 0;
        r->unfinished_metric = metric;
        return;
    }
    r->event.best = fv_judge_epoch(p, &r->options, r->monitor, &r->event);
}

static fv_status save_models(run *r)
{
    FV_TRY(fv_monitor_to_card(&r->event, r->model));
    if (r->journal && r->event.best)
        FV_TRY(fv_checkpoints_model(&r->checkpoints, r->model, "best.safetensors"));
    if (r->journal)
        FV_TRY(fv_checkpoints_model(&r->checkpoints, r->model, "last.safetensors"));
    if (r->journal && r->trainer->average)
        FV_TRY(fv_checkpoints_average(&r->checkpoints, r->trainer, "ema.safetensors"));
    if (r->event.best && r->options.restore_best)
        FV_TRY(fv_checkpoints_remember(&r->checkpoints, r->ctx, r->model));
    return FV_OK;
}

static fv_status end_epoch(run *r)
{
    fv_progress *p = &r->progress;
    bool last = r->stop || p->epoch + 1 >= r->options.epochs;
    fv_alarm_units(&r->alarm, r->trainer, &r->event);
    FV_TRY(validate(r, last));
    judge_epoch(r);
    r->event.memory = fv_process_peak();
    r->event.seconds = fv_time_monotonic() - r->start;
    FV_TRY(save_models(r));
    emit(r, FV_EVENT_EPOCH, NULL);
    if (p->step >= r->steps) {
        p->epoch++;
        p->step = p->seen = p->correct = 0;
        p->loss_sum = 0;
    }
    r->stop = r->stop ? r->stop : fv_run_ended(p, &r->options);
    p->finished = r->stop != FV_STOP_NOT;
    if (p->finished && r->options.restore_best && fv_checkpoints_has(&r->checkpoints, "best.safetensors"))
        FV_TRY(fv_checkpoints_copy(&r->checkpoints, "best.safetensors", "last.safetensors"));
    return save_state(r, false);
}

/* The caller or a signal wants the run to stop here. */
static fv_status stop_within(run *r)
{
    FV_TRY(save_state(r, true));
    if (r->stop_asked) {
        r->stop = FV_STOP_ASKED;
        return FV_OK;
    }
    const fv_status status =
        fv_fail(r->ctx, FV_ERR_INTERRUPTED, "interrupted at epoch %lld step %lld%s", (long long)r->event.epoch,
                (long long)r->progress.step, r->journal ? "; the state is saved" : "; no run folder, nothing saved");
    return r->journal ? fv_journal_hint(r->journal, status, "") : status;
}

static fv_status train_epoch(run *r)
{
    fv_progress *p = &r->progress;
    r->event.epoch = p->epoch + 1;
    FV_TRY(enter_phase(r));
    r->epoch_start = fv_time_monotonic();
    r->epoch_start_seen = p->seen;
    if (p->step > 0) { /* resumed within the epoch, perhaps behind its last step */
        describe_epoch(r);
        r->event.lr = fv_schedule_lr(&r->options, (double)p->epoch + (double)(p->step - 1) / (double)r->steps);
    }
    FV_TRY(fv_loader_start(r->loader, p->epoch, p->step));
    while (!r->stop) {
        fv_batch batch;
        FV_TRY(fv_loader_next(r->loader, &batch));
        if (batch.n == 0) {
            p->step = r->steps; /* quarantined samples may have left fewer batches */
            break;
        }
        FV_TRY(train_step(r, &batch));
        if (r->stop_asked || (r->options.interrupt && *r->options.interrupt))
            return stop_within(r);
    }
    return end_epoch(r);
}

/* ---- the whole run ---- */

static fv_status run_epochs(run *r)
{
    fv_status status;
    /* A kill may have come between the last step that a rule allows and the end of what belongs to it. */
    r->stop = fv_run_ended(&r->progress, &r->options);
    do
        status = train_epoch(r);
    while (status == FV_OK && !r->stop);
    return status;
}

/* Tells why the run ends. What the listeners do with it, and fail at, must not take the reason's place. */
static fv_status end_failed(run *r, fv_status status, fv_fit_result *result)
{
    char text[1024], hint[512];
    snprintf(text, sizeof text, "%s", fv_ctx_error(r->ctx));
    if (status == FV_ERR_NO_SPACE && !fv_ctx_hint(r->ctx)[0] && r->journal)
        fv_journal_hint(r->journal, status, " when there is space: what was saved before is whole");
    snprintf(hint, sizeof hint, "%s", fv_ctx_hint(r->ctx));
    r->stop = result->stop = FV_STOP_FAILED;
    r->event.status = status;
    emit(r, FV_EVENT_END, text);
    fv_fail_clear(r->ctx);
    fv_fail(r->ctx, status, "%s", text);
    return hint[0] ? fv_fail_hint(r->ctx, status, "%s", hint) : status;
}

/* From here on the folder is written to. */
static fv_status start(run *r, bool resumed)
{
    const fv_fit_options *o = &r->options;
    const int64_t tensors = 2 + r->trainer->slots + (r->trainer->average ? 2 : 0);
    const fv_journal_start begin = {.arguments = o->arguments,
                                    .checkpoint_bytes = 4 * fv_model_parameters(r->model) * tensors,
                                    .resumed = resumed,
                                    .epoch = r->progress.epoch,
                                    .seconds = r->progress.seconds};
    if (r->journal) {
        FV_TRY(fv_journal_begin(r->journal, &begin));
        if (r->progress.best_epoch == 0) /* of an epoch that was not finished */
            FV_TRY(fv_checkpoints_drop(&r->checkpoints, "best.safetensors"));
        FV_TRY(write_plan(r));
    }
    r->start = fv_time_monotonic() - r->progress.seconds;
    r->event.seconds = r->progress.seconds;
    r->event.memory = fv_process_peak();
    emit(r, FV_EVENT_START, resumed ? "resumed" : NULL);
    return FV_OK;
}

/* The model that the run is for, once it is over. */
static fv_status finish(run *r)
{
    const bool file = !r->journal || fv_checkpoints_has(&r->checkpoints, "best.safetensors");
    if (r->stop != FV_STOP_ASKED && !r->unfinished)
        FV_TRY(fv_judge_end(r->ctx, &r->progress, &r->options, r->monitor, r->checkpoints.dir, file));
    return r->options.restore_best && file ? fv_checkpoints_restore(&r->checkpoints, r->model) : FV_OK;
}

static void fill_result(const run *r, const fv_progress *first, fv_fit_result *result)
{
    const fv_progress *p = &r->progress;
    result->epochs_run = p->epoch - first->epoch;
    result->steps_run = p->global_step - first->global_step;
    result->best_epoch = p->best_epoch ? p->best_epoch : r->unfinished;
    result->best_metric = p->best_epoch ? p->best_metric : r->unfinished ? r->unfinished_metric : NAN;
    result->final_loss = r->event.train_loss;
    result->stop = r->stop;
}

static fv_status execute(run *r, fv_fit_result *result)
{
    bool resumed = false;
    fv_fit_options *o = &r->options;
    FV_TRY(fv_settings_check(r->ctx, o));
    FV_TRY(fv_settings_monitor(r->ctx, o, r->model->task, &r->monitor));
    r->event.monitor = result->monitor = r->monitor;
    FV_TRY(open_training(r));
    FV_TRY(open_validation(r));
    FV_TRY(keep_rows(r));
    FV_TRY(fv_checkpoints_prepare(r->trainer, o->output != NULL, o->restore_best, &r->checkpoints));
    FV_TRY(fv_identity_make(r->model, r->data, o, &r->identity));
    FV_TRY(open_folder(r, &resumed));
    r->event.epochs = o->epochs;
    r->event.steps = r->steps;
    r->event.epoch = r->progress.epoch + 1;
    r->event.global_step = result->resumed_step = r->progress.global_step;
    const fv_progress first = r->progress;
    fv_status status = FV_OK;
    result->ended = resumed ? fv_run_over(&first, o) : FV_STOP_NOT;
    r->stop = FV_STOP_COMPLETE; /* and nothing in the folder changes */
    if (!result->ended) {
        FV_TRY(start(r, resumed));
        status = run_epochs(r);
        result->ended = r->stop;
    }
    if (status == FV_OK)
        status = finish(r);
    fill_result(r, &first, result);
    if (status != FV_OK)
        return end_failed(r, status, result);
    emit(r, FV_EVENT_END, fv_stop_text(r->stop));
    return FV_OK;
}

fv_status fv_fit_with(fv_model *model, fv_dataset *train, const fv_fit_options *options, fv_fit_result *result)
{
    fv_fit_result unused;
    result = result ? result : &unused;
    *result = (fv_fit_result){.best_metric = NAN, .final_loss = NAN};
    FV_TRY(fv_model_need_plain(model, "fv_fit"));
    run r = {.ctx = model->ctx, .model = model, .data = train, .options = *options, .start = fv_time_monotonic()};
    FV_TRY(fv_labels_adopt(model, train));
    fv_settings_task(&r.options, model->task);
    fv_settings_resolve(&r.options);
    r.event.loss = NAN;
    r.alarm = (fv_alarm){.tell = tell_alarm, .user = &r};
    fv_monitor_forget(&r.event, false);
    fv_monitor_forget(&r.event, true);
    r.progress.best_metric = NAN;
    fv_status status = execute(&r, result);
    fv_checkpoints_close(&r.checkpoints);
    fv_session_destroy(&r.scorer.session);
    fv_loader_destroy(&r.scorer.loader);
    fv_loader_destroy(&r.loader);
    fv_rows_destroy(&r.scorer.rows);
    fv_rows_destroy(&r.rows);
    fv_trainer_destroy(&r.trainer);
    fv_journal_close(&r.journal);
    return status;
}
