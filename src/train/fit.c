/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop: epochs, validation, checkpoints, stopping. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/dataset.h"
#include "io/safetensors_model.h"
#include "train/columns.h"
#include "train/judge.h"
#include "train/norms.h"
#include "train/plateau.h"
#include "train/run.h"

static fv_status open_folder(fv_fitting *r, bool *resumed)
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
static fv_status write_plan(fv_fitting *r)
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

static fv_status save_state(fv_fitting *r, bool recovery)
{
    if (!r->journal)
        return FV_OK;
    char path[4096];
    r->progress.seconds = fv_time_monotonic() - r->start;
    FV_TRY(fv_checkpoints_state(&r->checkpoints, r->trainer, &r->progress, &r->identity, recovery, path, sizeof path));
    fv_fitting_emit(r, FV_EVENT_CHECKPOINT, path);
    return FV_OK;
}

/* ---- one step ---- */

static fv_status fail_diverged(fv_fitting *r, const fv_batch *batch, double loss)
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

static fv_status count_batch(fv_fitting *r, const fv_batch *batch, double loss)
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
static void describe_epoch(fv_fitting *r)
{
    const fv_progress *p = &r->progress;
    fv_fit_event *e = &r->event;
    e->step = p->step;
    e->global_step = p->global_step;
    e->train_loss = p->seen ? p->loss_sum / (double)p->seen : NAN;
    e->train_top1 = p->seen && r->model->task != FV_TASK_REGRESS ? (double)p->correct / (double)p->seen : NAN;
}

static void describe_step(fv_fitting *r, double loss)
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

fv_status fv_fitting_gradient(fv_fitting *r, const fv_batch *batch, double *loss)
{
    const float *rows = NULL;
    if (r->trainer->trunk)
        FV_TRY(fv_trunk_rows(r->trainer->trunk, r->rows, batch->samples, batch->images, batch->n, &rows));
    return fv_trainer_gradient_of_batch(r->trainer, batch, rows, loss);
}

static double rate_of(const fv_fitting *r, int64_t step)
{
    return fv_schedule_at(&r->options, r->progress.epoch, step, r->steps) * r->progress.lr_scale;
}

static fv_status train_step(fv_fitting *r, const fv_batch *batch)
{
    fv_progress *p = &r->progress;
    double loss;
    r->event.step = p->step + 1;
    r->event.lr = rate_of(r, p->step);
    FV_TRY(fv_fitting_call(r, FV_MOMENT(step_begin), &r->event.lr));
    FV_TRY(fv_fitting_gradient(r, batch, &loss));
    if (!isfinite(loss) || !fv_trainer_finite(r->trainer))
        return fail_diverged(r, batch, loss);
    loss = fv_trainer_output_loss(r->trainer); /* as validation measures it */
    FV_TRY(count_batch(r, batch, loss));
    if (p->step == 0)
        fv_norms_note(r->journal, r->trainer, r->event.epoch, p->global_step + 1);
    FV_TRY(
        fv_trainer_apply_with(r->trainer, r->event.lr, fv_schedule_momentum(&r->options, p->epoch, p->step, r->steps)));
    p->step++;
    p->global_step++;
    describe_step(r, loss);
    fv_fitting_emit(r, FV_EVENT_STEP, NULL);
    FV_TRY(fv_fitting_call(r, FV_MOMENT(step_end), NULL));
    if (r->options.recovery_interval && p->global_step % r->options.recovery_interval == 0 && p->step < r->steps)
        FV_TRY(save_state(r, true));
    if (r->options.max_steps && p->global_step >= r->options.max_steps)
        r->stop = FV_STOP_STEPS;
    return FV_OK;
}

/* ---- one phase ---- */

/* Losses are on another level from here on: none is high for what was before. */
static fv_status change_size(fv_fitting *r, int phase)
{
    r->progress.lowest_loss = DBL_MAX;
    r->alarm.epoch = 0;
    return fv_fitting_open_loader(r, phase);
}

/* Where the next epoch lets more of the network learn, or on images of another size, all that was compiled is made
 * anew. */
static fv_status enter_phase(fv_fitting *r)
{
    char line[FV_TRAINER_TEXT];
    const int before = r->trainer->start.phase, phase = fv_phases_at(&r->phases, r->progress.epoch);
    if (phase == before)
        return FV_OK;
    const bool resized = memcmp(r->phases.size[phase], r->phases.size[before], sizeof r->phases.size[0]) != 0;
    fv_session_destroy(&r->scorer.session);
    fv_checkpoints_lend(&r->checkpoints, NULL);
    fv_loader_spare(r->loader, NULL, NULL);
    if (r->scorer.loader)
        fv_loader_spare(r->scorer.loader, NULL, NULL);
    fv_rows_destroy(&r->scorer.rows);
    fv_rows_destroy(&r->rows);
    if (resized)
        fv_loader_destroy(&r->loader);
    FV_TRY(fv_trainer_enter(&r->trainer, phase));
    if (fv_trainer_begun(r->trainer, r->event.epoch, line))
        fv_fitting_emit(r, FV_EVENT_NOTE, line);
    if (resized)
        FV_TRY(change_size(r, phase));
    FV_TRY(fv_fitting_compile(r));
    FV_TRY(fv_fitting_open_session(r));
    FV_TRY(fv_fitting_keep_rows(r));
    if (r->journal)
        FV_TRY(fv_checkpoints_lend(&r->checkpoints, r->trainer));
    return r->journal ? write_plan(r) : FV_OK;
}

/* ---- one epoch ---- */

static fv_status validate(fv_fitting *r, bool last)
{
    fv_metrics m;
    fv_monitor_forget(&r->event, true);
    if (!r->scorer.session || (!last && (r->progress.epoch + 1) % r->options.val_interval != 0))
        return FV_OK;
    FV_TRY(fv_fitting_call(r, FV_MOMENT(validation_begin), NULL));
    FV_TRY(fv_evaluate_with(&r->scorer, &m, r->options.findings));
    char text[FV_JUDGE_TEXT];
    if (fv_judge_answers(r->model, &m, last, text))
        fv_fitting_emit(r, FV_EVENT_WARN, text);
    fv_monitor_take(&r->event, &m);
    fv_alarm_losses(&r->alarm, &r->event);
    return fv_fitting_call(r, FV_MOMENT(validation_end), NULL);
}

/* An epoch that a rule stops in its middle counts for nothing: a run that goes on from there will do the whole of it.
 * Only while there is no best model yet its model is kept as one. */
static void judge_epoch(fv_fitting *r)
{
    fv_progress *p = &r->progress;
    const double metric = fv_monitor_value(r->monitor, &r->event);
    char text[FV_PLATEAU_TEXT];
    if (fv_judge_loss(p, &r->options, r->event.train_loss, r->alarm.cause, text))
        fv_fitting_emit(r, FV_EVENT_WARN, text);
    if (p->step < r->steps) {
        r->event.best = p->best_epoch == 0 && isfinite(metric);
        r->unfinished = r->event.best ? r->event.epoch : 0;
        r->unfinished_metric = metric;
        return;
    }
    r->event.best = fv_judge_epoch(p, &r->options, r->monitor, &r->event);
    const double warmup =
        r->options.warmup_steps > 0 ? (double)r->options.warmup_steps / (double)r->steps : r->options.warmup_epochs;
    if (fv_plateau_epoch(p, &r->options, warmup, r->monitor, &r->event, text))
        fv_fitting_emit(r, FV_EVENT_NOTE, text);
}

static fv_status save_models(fv_fitting *r)
{
    FV_TRY(fv_monitor_to_card(&r->event, r->model));
    if (r->journal && r->event.best)
        FV_TRY(fv_checkpoints_model(&r->checkpoints, r->model, "best.safetensors"));
    else if (r->journal && r->progress.best_epoch == 0) /* of this epoch, when a rule stopped it in its middle */
        FV_TRY(fv_checkpoints_drop(&r->checkpoints, "best.safetensors"));
    if (r->journal)
        FV_TRY(fv_checkpoints_model(&r->checkpoints, r->model, "last.safetensors"));
    if (r->journal && r->trainer->average)
        FV_TRY(fv_checkpoints_average(&r->checkpoints, r->trainer, "ema.safetensors"));
    if (r->journal && r->progress.step >= r->steps) /* a whole epoch */
        FV_TRY(fv_history_epoch(&r->progress.history, &r->checkpoints, &r->options, r->monitor, &r->event));
    if (r->event.best && r->options.restore_best)
        FV_TRY(fv_checkpoints_remember(&r->checkpoints, r->ctx, r->model));
    return FV_OK;
}

static fv_status end_epoch(fv_fitting *r)
{
    fv_progress *p = &r->progress;
    bool last = r->stop || p->epoch + 1 >= r->options.epochs;
    fv_alarm_units(&r->alarm, r->trainer, &r->event);
    FV_TRY(validate(r, last));
    judge_epoch(r);
    r->event.memory = fv_process_peak();
    r->event.seconds = fv_time_monotonic() - r->start;
    FV_TRY(fv_fitting_call(r, FV_MOMENT(epoch_end), NULL));
    FV_TRY(save_models(r));
    fv_fitting_emit(r, FV_EVENT_EPOCH, NULL);
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
static fv_status stop_within(fv_fitting *r)
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

/* The next batch. Where an epoch is a number of steps, the data begin anew behind their end; else the epoch has ended
 * there, with *batch empty. */
static fv_status next_batch(fv_fitting *r, fv_batch *batch)
{
    fv_progress *p = &r->progress;
    FV_TRY(fv_loader_next(r->loader, batch));
    if (r->options.steps_per_epoch == 0)
        return FV_OK;
    if (batch->n == 0 && p->batch > 0) {
        p->pass++;
        p->batch = 0;
        FV_TRY(fv_loader_start(r->loader, p->pass, 0));
        FV_TRY(fv_loader_next(r->loader, batch));
    }
    p->batch++;
    return FV_OK;
}

static fv_status start_loader(fv_fitting *r)
{
    const fv_progress *p = &r->progress;
    return r->options.steps_per_epoch > 0 ? fv_loader_start(r->loader, p->pass, p->batch)
                                          : fv_loader_start(r->loader, p->epoch, p->step);
}

static fv_status train_epoch(fv_fitting *r)
{
    fv_progress *p = &r->progress;
    const bool counted = r->options.steps_per_epoch > 0;
    r->event.epoch = p->epoch + 1;
    FV_TRY(enter_phase(r));
    r->epoch_start = fv_time_monotonic();
    r->epoch_start_seen = p->seen;
    if (p->step > 0) { /* resumed within the epoch, perhaps behind its last step */
        describe_epoch(r);
        r->event.lr = rate_of(r, p->step - 1);
    }
    FV_TRY(fv_fitting_call(r, FV_MOMENT(epoch_begin), NULL));
    FV_TRY(start_loader(r));
    while (!r->stop && !(counted && p->step >= r->steps)) {
        fv_batch batch;
        FV_TRY(next_batch(r, &batch));
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

static fv_status run_epochs(fv_fitting *r)
{
    fv_status status;
    /* A kill may have come between the last step that a rule allows and the end of what belongs to it. */
    r->stop = fv_run_ended(&r->progress, &r->options);
    do {
        status = train_epoch(r);
        if (r->stop_asked && !r->stop) /* behind an epoch, whose state is saved */
            r->stop = FV_STOP_ASKED;
    } while (status == FV_OK && !r->stop);
    return status;
}

/* Tells why the run ends. What the listeners do with it, and fail at, must not take the reason's place. */
static fv_status end_failed(fv_fitting *r, fv_status status, fv_fit_result *result)
{
    char text[1024], hint[512];
    snprintf(text, sizeof text, "%s", fv_ctx_error(r->ctx));
    if (status == FV_ERR_NO_SPACE && !fv_ctx_hint(r->ctx)[0] && r->journal)
        fv_journal_hint(r->journal, status, " when there is space: what was saved before is whole");
    snprintf(hint, sizeof hint, "%s", fv_ctx_hint(r->ctx));
    r->stop = result->stop = FV_STOP_FAILED;
    r->event.status = status;
    fv_fitting_emit(r, FV_EVENT_END, text);
    fv_fail_clear(r->ctx);
    fv_fail(r->ctx, status, "%s", text);
    return hint[0] ? fv_fail_hint(r->ctx, status, "%s", hint) : status;
}

/* From here on the folder is written to. */
static fv_status start(fv_fitting *r, bool resumed)
{
    const fv_fit_options *o = &r->options;
    const int64_t tensors = 2 + r->trainer->slots + (r->trainer->average ? 2 : 0);
    fv_history_look(&r->progress.history, &r->checkpoints);
    const fv_journal_start begin = {.arguments = o->arguments,
                                    .checkpoint_bytes = 4 * fv_model_parameters(r->model) * tensors,
                                    .epoch_files = fv_history_files(o, r->progress.epoch, &r->progress.history),
                                    .model_bytes = fv_model_weight_bytes(r->model),
                                    .resumed = resumed,
                                    .epoch = r->progress.epoch,
                                    .step = r->progress.global_step,
                                    .seconds = r->progress.seconds};
    if (r->journal) {
        FV_TRY(fv_journal_begin(r->journal, &begin));
        if (!resumed) /* another run's */
            FV_TRY(fv_checkpoints_drop(&r->checkpoints, "best.safetensors"));
        FV_TRY(write_plan(r));
    }
    r->start = fv_time_monotonic() - r->progress.seconds;
    r->event.seconds = r->progress.seconds;
    r->event.memory = fv_process_peak();
    r->event.step = r->progress.step;
    fv_fitting_emit(r, FV_EVENT_START, resumed ? "resumed" : NULL);
    return fv_fitting_call(r, FV_MOMENT(fit_begin), NULL);
}

/* The model that the run is for, once it is over. */
static fv_status finish(fv_fitting *r)
{
    const bool file = !r->journal || fv_checkpoints_has(&r->checkpoints, "best.safetensors");
    if (r->stop != FV_STOP_ASKED && !r->unfinished)
        FV_TRY(fv_judge_end(r->ctx, &r->progress, &r->options, r->monitor, r->checkpoints.dir, file));
    return r->options.restore_best && file ? fv_checkpoints_restore(&r->checkpoints, r->model) : FV_OK;
}

static void fill_result(const fv_fitting *r, const fv_progress *first, fv_fit_result *result)
{
    const fv_progress *p = &r->progress;
    result->epochs_run = p->epoch - first->epoch;
    result->steps_run = p->global_step - first->global_step;
    result->best_epoch = p->best_epoch ? p->best_epoch : r->unfinished;
    result->best_metric = p->best_epoch ? p->best_metric : r->unfinished ? r->unfinished_metric : NAN;
    result->final_loss = r->event.train_loss;
    result->stop = r->stop;
}

static fv_status execute(fv_fitting *r, fv_fit_result *result)
{
    bool resumed = false;
    fv_fit_options *o = &r->options;
    FV_TRY(fv_settings_check(r->ctx, o));
    FV_TRY(fv_settings_monitor(r->ctx, o, r->model->task, &r->monitor));
    r->event.monitor = result->monitor = r->monitor;
    FV_TRY(fv_fitting_open_training(r));
    FV_TRY(fv_fitting_open_validation(r));
    FV_TRY(fv_fitting_keep_rows(r));
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
        if (status == FV_OK)
            status = fv_fitting_call(r, FV_MOMENT(fit_end), NULL);
    }
    if (status == FV_OK)
        status = finish(r);
    fill_result(r, &first, result);
    if (status != FV_OK)
        return end_failed(r, status, result);
    fv_fitting_emit(r, FV_EVENT_END, fv_stop_text(r->stop));
    return FV_OK;
}

/* Whoever gets the model may want to know what it has seen. */
static fv_status name_data(fv_model *model, const fv_dataset *train)
{
    char text[96];
    return fv_model_card(model, FV_CARD_DATA) ? FV_OK
                                              : fv_model_set_card(model, FV_CARD_DATA, fv_dataset_summary(train, text));
}

fv_status fv_fit_with(fv_model *model, fv_dataset *train, const fv_fit_options *options, fv_fit_result *result)
{
    fv_fit_result unused;
    result = result ? result : &unused;
    *result = (fv_fit_result){.best_metric = NAN, .final_loss = NAN};
    FV_TRY(fv_model_need_plain(model, "fv_fit"));
    fv_fitting r = {
        .ctx = model->ctx, .model = model, .data = train, .options = *options, .start = fv_time_monotonic()};
    FV_TRY(fv_labels_adopt(model, train));
    FV_TRY(name_data(model, train));
    fv_settings_task(&r.options, model->task);
    fv_settings_resolve(&r.options);
    r.event.loss = NAN;
    r.alarm = (fv_alarm){.tell = fv_fitting_warn, .user = &r};
    fv_monitor_forget(&r.event, false);
    fv_monitor_forget(&r.event, true);
    r.progress.best_metric = r.progress.plateau_best = NAN;
    r.progress.lr_scale = 1;
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
