/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoch = latency + steps * step
 *
 * where the latency is what an epoch's first step takes beyond the others: its images are waited for. A round is the
 * first batches of an epoch; later rounds of the same ones find what the first has kept, and count by their means.
 */
#include <fovea/forecast.h>

#include <math.h>

#include "base/file.h"
#include "train/run.h"

/* Parts of the time for the first round, later ones and scoring; checkpoints are written whatever they take. */
#define FIRST_ROUND  0.45
#define LATER_ROUNDS 0.40
#define SCORING      0.15
/* Standard error of the mean step, as a share of it, at which no further round is needed. */
#define ENOUGH 0.01

/* Of a round or a validation. */
typedef struct pace {
    double latency, step; /* seconds; a step is of a full batch */
    int64_t steps;        /* that were done */
} pace;

/* Of a phase. */
typedef struct timing {
    pace first, later;
    double scoring[2]; /* of the whole set: the first time, and later. NaN: there is none */
    double checkpoint;
} timing;

typedef struct prober {
    const fv_forecast_options *options;
    bool validates; /* the run does; else what is scored is its test */
    double begin;
} prober;

static fv_status go_on(const prober *p, fv_fitting *r)
{
    const bool asked = p->options->on_step && p->options->on_step(p->options->user, fv_time_monotonic() - p->begin);
    if (asked || (r->options.interrupt && *r->options.interrupt))
        return fv_fail(r->ctx, FV_ERR_INTERRUPTED, "interrupted while a run's steps were timed");
    return FV_OK;
}

/* ---- steps ---- */

/* All that a step of a run does, but that no weight changes. */
static fv_status train_on(fv_fitting *r, const fv_batch *batch)
{
    fv_shape shape;
    double loss;
    FV_TRY(fv_fitting_gradient(r, batch, &loss));
    (void)fv_trainer_finite(r->trainer);
    return fv_trainer_logits(r->trainer, &shape) ? fv_trainer_apply(r->trainer, 0) : FV_ERR_NO_MEMORY;
}

static fv_status time_round(const prober *p, fv_fitting *r, double seconds, pace *timed)
{
    const double begin = fv_time_monotonic();
    double first = 0, others = 0, before = begin;
    FV_TRY(fv_loader_start(r->loader, 0, 0));
    for (timed->steps = 0; timed->steps < r->steps && (timed->steps < 2 || before - begin < seconds);) {
        fv_batch batch;
        FV_TRY(fv_loader_next(r->loader, &batch));
        if (batch.n == 0)
            break;
        FV_TRY(train_on(r, &batch));
        FV_TRY(go_on(p, r));
        const double now = fv_time_monotonic();
        const double share = (double)batch.n / (double)r->options.batch_size; /* the last batch may be smaller */
        *(timed->steps++ ? &others : &first) += (now - before) / (share < 1 ? share : 1);
        before = now;
    }
    if (timed->steps == 0)
        return fv_fail(r->ctx, FV_ERR_DATA_EMPTY, "no image of the training set can be read");
    timed->step = timed->steps > 1 ? others / (double)(timed->steps - 1) : first;
    timed->latency = first > timed->step ? first - timed->step : 0;
    return FV_OK;
}

static fv_status score_some(const prober *p, fv_fitting *r, double seconds, double scoring[2])
{
    fv_metrics metrics = {.samples = INT64_MAX};
    scoring[0] = scoring[1] = NAN;
    for (int i = 0; i < 2 && r->scorer.session; i++) {
        const int64_t images = fv_dataset_count(r->options.validation), most = metrics.samples;
        const double begin = fv_time_monotonic();
        FV_TRY(fv_evaluate_some(&r->scorer, i > 0 ? INFINITY : seconds / 2, most, &metrics));
        FV_TRY(go_on(p, r));
        scoring[i] = (fv_time_monotonic() - begin) * (double)images / (double)metrics.samples;
    }
    return FV_OK;
}

/* ---- files ---- */

static fv_status write_files(fv_fitting *r)
{
    static const char *const names[] = {"best.safetensors", "last.safetensors"};
    char path[4096];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        FV_TRY(fv_checkpoints_model(&r->checkpoints, r->model, names[i]));
    if (r->trainer->average)
        FV_TRY(fv_checkpoints_average(&r->checkpoints, r->trainer, "ema.safetensors"));
    return fv_checkpoints_state(&r->checkpoints, r->trainer, &r->progress, &r->identity, false, path, sizeof path);
}

static fv_status time_files(const prober *p, fv_fitting *r, double *checkpoint)
{
    static const char *const names[] = {"best.safetensors", "last.safetensors", "ema.safetensors", "last.state",
                                        "previous.state"};
    *checkpoint = 0;
    if (!p->options->folder)
        return FV_OK;
    FV_TRY(fv_checkpoints_prepare(r->trainer, true, r->options.restore_best, &r->checkpoints));
    FV_TRY(fv_identity_make(r->model, r->data, &r->options, &r->identity));
    FV_TRY(fv_checkpoints_open(r->ctx, p->options->folder, &r->checkpoints));
    const double begin = fv_time_monotonic();
    fv_status status = write_files(r);
    *checkpoint = fv_time_monotonic() - begin;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fv_checkpoints_has(&r->checkpoints, names[i])) {
            const fv_status dropped = fv_checkpoints_drop(&r->checkpoints, names[i]);
            status = status == FV_OK ? dropped : status;
        }
    return status;
}

/* ---- a phase ---- */

/* Short epochs are gone through until the mean of a step is known well enough, as few steps say little on a machine
 * that does more. */
static fv_status time_later(const prober *p, fv_fitting *r, double seconds, pace *later)
{
    const double begin = fv_time_monotonic();
    double spent = 0, error = INFINITY, squares = 0, rounds = 0;
    for (pace sum = {0}; rounds == 0 || (error > ENOUGH && spent * (1 + 0.5 / rounds) < seconds);) {
        pace one = {0};
        FV_TRY(time_round(p, r, seconds - spent, &one));
        rounds++;
        sum = (pace){sum.latency + one.latency, sum.step + one.step, sum.steps + one.steps};
        *later = (pace){sum.latency / rounds, sum.step / rounds, sum.steps};
        squares += one.step * one.step;
        const double variance = squares / rounds - later->step * later->step;
        if (rounds > 2)
            error = sqrt((variance > 0 ? variance : 0) / (rounds - 1)) / later->step;
        spent = fv_time_monotonic() - begin;
    }
    return FV_OK;
}

static fv_status time_phase(const prober *p, fv_fitting *r, double seconds, timing *found)
{
    const double begin = fv_time_monotonic();
    FV_TRY(time_round(p, r, FIRST_ROUND * seconds, &found->first));
    found->later = found->first;
    if (fv_time_monotonic() - begin < LATER_ROUNDS * seconds * 1.5)
        FV_TRY(time_later(p, r, LATER_ROUNDS * seconds, &found->later));
    FV_TRY(score_some(p, r, SCORING * seconds, found->scoring));
    return time_files(p, r, &found->checkpoint);
}

static fv_status open_phase(fv_fitting *r)
{
    FV_TRY(fv_fitting_open_training(r));
    FV_TRY(fv_fitting_open_validation(r));
    return fv_fitting_keep_rows(r);
}

static void close_phase(fv_fitting *r)
{
    fv_checkpoints_close(&r->checkpoints);
    r->checkpoints = (fv_checkpoints){0};
    fv_session_destroy(&r->scorer.session);
    fv_loader_destroy(&r->scorer.loader);
    fv_loader_destroy(&r->loader);
    fv_rows_destroy(&r->scorer.rows);
    fv_rows_destroy(&r->rows);
    fv_trainer_destroy(&r->trainer);
}

/* ---- the run ---- */

/* An epoch's steps in full batches. */
static double full_steps(const fv_fitting *r)
{
    return r->options.steps_per_epoch > 0 ? (double)r->steps : (double)r->samples / (double)r->options.batch_size;
}

static double epoch_of(const pace *timed, double steps)
{
    return timed->latency + steps * timed->step;
}

/* Adds the epochs from..to-1, the last of which may be shorter, and their ends. */
static void add_epochs(const prober *p, const fv_fitting *r, const timing *found, int64_t from, int64_t to,
                       fv_forecast *f)
{
    const fv_fit_options *o = &r->options;
    for (int64_t epoch = from; epoch < to; epoch++) {
        const int64_t left = o->max_steps > 0 ? o->max_steps - epoch * r->steps : r->steps;
        const double share = left < r->steps ? (double)left / (double)r->steps : 1;
        const bool last = epoch + 1 == f->epochs;
        f->total += share * epoch_of(epoch > from ? &found->later : &found->first, full_steps(r));
        f->total += found->checkpoint;
        if (o->recovery_interval > 0)
            f->total += found->checkpoint / 3 * (double)((r->steps - 1) / o->recovery_interval);
        if (!p->validates || (!last && (epoch + 1) % o->val_interval != 0))
            continue;
        f->total += found->scoring[f->validations++ > 0];
    }
}

/* For what a trunk makes of images, of both sets. */
static int64_t kept_by(const fv_fitting *r)
{
    const fv_trunk *trunk = r->trainer->trunk;
    const int64_t bytes =
        (trunk ? trunk->planned * trunk->size * (int64_t)sizeof(float) : 0) + fv_distill_kept(r->trainer->distill);
    return bytes < r->options.feature_cache ? bytes : r->options.feature_cache;
}

static void conclude_phase(const prober *p, const fv_fitting *r, const timing *found, int64_t phase, fv_forecast *f)
{
    const fv_fit_options *o = &r->options;
    const int64_t from = r->phases.after[phase];
    int64_t to = phase + 1 < r->phases.count ? r->phases.after[phase + 1] : f->epochs;
    to = to < f->epochs ? to : f->epochs;
    if (phase == 0)
        f->first_epoch = epoch_of(&found->first, full_steps(r));
    f->steps = r->steps;
    f->samples = o->steps_per_epoch > 0 ? r->steps * o->batch_size : r->samples;
    f->step = found->later.step;
    f->epoch = epoch_of(&found->later, full_steps(r));
    f->timed += found->first.steps + found->later.steps;
    f->validation = found->scoring[1];
    f->scored = found->scoring[0] / (o->validation ? (double)fv_dataset_count(o->validation) : 1);
    f->kept_bytes = kept_by(r) > f->kept_bytes ? kept_by(r) : f->kept_bytes;
    f->checkpoint = found->checkpoint;
    add_epochs(p, r, found, from, to, f);
}

static void count_epochs(const fv_fitting *r, fv_forecast *f)
{
    const int64_t most = r->options.max_steps;
    f->epochs = r->options.epochs;
    if (most > 0 && (most + r->steps - 1) / r->steps < f->epochs)
        f->epochs = (most + r->steps - 1) / r->steps;
}

static fv_status probe_run(const prober *p, fv_fitting *r, fv_forecast *f)
{
    int phase = 0;
    FV_TRY(fv_settings_check(r->ctx, &r->options));
    do {
        timing found = {0};
        const double begin = fv_time_monotonic();
        r->begin.phase = phase;
        fv_status status = open_phase(r);
        const double opened = fv_time_monotonic() - begin;
        f->total += opened;
        f->open = phase == 0 ? opened : f->open;
        if (status == FV_OK)
            count_epochs(r, f);
        if (status == FV_OK)
            status = time_phase(p, r, p->options->seconds / r->phases.count, &found);
        if (status == FV_OK)
            conclude_phase(p, r, &found, phase, f);
        close_phase(r);
        FV_TRY(status);
    } while (++phase < r->phases.count && r->phases.after[phase] < f->epochs);
    return FV_OK;
}

fv_status fv_fit_forecast(fv_model *model, fv_dataset *train, const fv_fit_options *options,
                          const fv_forecast_options *probe, fv_forecast *forecast)
{
    fv_model *copy = NULL;
    *forecast = (fv_forecast){.validation = NAN, .scored = NAN};
    FV_TRY(fv_model_need_plain(model, "fv_fit_forecast"));
    FV_TRY(fv_model_clone(model, &copy));
    const prober p = {.options = probe, .validates = options->validation != NULL, .begin = fv_time_monotonic()};
    fv_fitting r = {.ctx = model->ctx, .model = copy, .data = train, .options = *options, .start = p.begin};
    r.alarm = (fv_alarm){.tell = fv_fitting_warn, .user = &r};
    r.options.output = NULL;
    r.options.resume = false;
    r.options.n_callbacks = 0;
    if (!r.options.validation)
        r.options.validation = probe->test;
    fv_status status = fv_labels_adopt(copy, train);
    fv_settings_task(&r.options, copy->task);
    fv_settings_resolve(&r.options);
    r.progress.best_metric = r.progress.plateau_best = NAN;
    r.progress.lr_scale = 1;
    if (status == FV_OK)
        status = probe_run(&p, &r, forecast);
    fv_model_destroy(&copy);
    return status;
}
