/* SPDX-License-Identifier: Apache-2.0 */
/* fovea train: data, model, weights and recipe put together. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "augment_text.h"
#include "cache.h"
#include "card.h"
#include "cli.h"
#include "folds.h"
#include "head.h"
#include "memory_text.h"
#include "progress.h"
#include "rates.h"
#include "run_dir.h"
#include "run_find.h"
#include "sanity.h"
#include "start.h"
#include "train_check.h"
#include "train_classes.h"
#include "train_page.h"
#include "train_pixels.h"
#include "train_qat.h"
#include "train_teacher.h"
#include "train_whiten.h"
#include "trial.h"
#include "watch.h"

typedef struct job {
    settings *c;
    fv_ctx *ctx;
    fv_model *model;
    train_teachers teachers;
    new_head head; /* which the model has in the place of its own */
    fv_dataset *train, *val, *test;
    progress progress;
    train_page page;
    char dir[4096], quarantine[3][4200];
    char *arguments, *augment, *identity[2]; /* what a resumed run must have, and what it may change */
    fv_memory plan;
    int64_t left; /* bytes of the limit that neither the plan nor a cache of images takes */
    int interrupt;
    bool begun;              /* the run has written to its folder */
    const trial_plan *trial; /* what is done in the place of the run, which has no folder then; NULL: the run */
    train_part *part;        /* NULL: the run is the verb's own */
} job;

/* ---- data ---- */

static fv_status open_data(job *j)
{
    settings *c = j->c;
    bool has_val = false;
    FV_TRY(fv_dataset_has_split(j->ctx, c->data, "val", &has_val));
    if (has_val && c->fold > 0)
        note("--folds: of the training images; the val split of %s is not looked at", c->data);
    else if (has_val && c->val_split > 0)
        return complain(FV_ERR_CONFLICT, NULL, "--val-split %g: %s has a val split of its own; drop the flag",
                        c->val_split, c->data);
    c->quarantine = j->trial ? NULL : j->quarantine[0];
    return data_open(j->ctx, c, "train", NULL, &j->train);
}

static fv_status open_val(job *j)
{
    bool has_val = false;
    FV_TRY(fv_dataset_has_split(j->ctx, j->c->packed ? j->c->packed : j->c->data, "val", &has_val));
    if (!has_val && j->c->val_split == 0 && j->c->fold == 0)
        return FV_OK;
    j->c->quarantine = j->trial ? NULL : j->quarantine[1];
    return data_open(j->ctx, j->c, "val", j->model, &j->val);
}

static fv_status tell_unlabeled(const job *j)
{
    char folder[4096];
    FV_TRY(fv_dataset_unlabeled_test(j->ctx, j->c->data, folder, sizeof folder));
    if (folder[0])
        note("%s: images without labels: not scored; `fovea predict --data %s --split test` tells their classes",
             folder, j->c->data);
    return FV_OK;
}

/* Only used at the end, but what is wrong with it should not wait until then. */
static fv_status open_test(job *j)
{
    bool has_test = false;
    FV_TRY(fv_dataset_has_split(j->ctx, j->c->packed ? j->c->packed : j->c->data, "test", &has_test));
    if (!has_test)
        return tell_unlabeled(j);
    j->c->quarantine = j->trial ? NULL : j->quarantine[2];
    return data_open(j->ctx, j->c, "test", j->model, &j->test);
}

/* Arrays do not say that one of their bands is opacity, as image files do. */
static bool is_array(const fv_dataset *data)
{
    return strcmp(fv_dataset_format(data), "npy") == 0;
}

/* What follows from the data where nothing else is asked for: the loss from the labels, the network's channels from
 * images that no usual network takes. Said, never silent. */
static fv_status choose_task(job *j)
{
    static const struct {
        const char *loss, *labels;
    } tasks[FV_TASK_COUNT] = {{NULL, NULL},
                              {"sigmoid_bce", "several classes each: a sigmoid for every class"},
                              {"mse", "numbers: the network's outputs are the values"}};
    settings *c = j->c;
    int64_t h, w, channels;
    const fv_task kind = fv_dataset_task(j->train);
    if (kind != FV_TASK_CLASSIFY) {
        if (!c->fit.loss)
            c->fit.loss = tasks[kind].loss;
        note("labels: %s, --loss %s", tasks[kind].labels, c->fit.loss);
        FV_TRY(train_check(c)); /* what belongs to another loss */
    }
    fv_dataset_size(j->train, &h, &w, &channels);
    const bool bands = channels == 2 || channels > 4 || (channels == 4 && is_array(j->train));
    if (option_given("in-chans") || train_takes_model_file(c) || !bands)
        return FV_OK;
    c->in_chans = channels;
    note("--in-chans %lld: the images have so many channels", (long long)channels);
    return FV_OK;
}

/* ---- model ---- */

static fv_status open_model(job *j)
{
    settings *c = j->c;
    bool loaded;
    fv_zoo_options options = {.classes = fv_dataset_classes(j->train),
                              .img_size = {c->img_size[0], c->img_size[1]},
                              .channels = c->in_chans,
                              .dropout = option_given("drop") ? c->drop : -1,
                              .drop_path = drop_path_of(c)};
    head_ask(c, options.classes, &j->head, &options);
    FV_TRY(model_open(j->ctx, c, c->model, &options, &j->model, &loaded));
    model_note_pixels(c->model, j->model);
    model_note_temperature(c->model, j->model, "what is trained from it");
    FV_TRY(head_settle(c, loaded, &j->head, j->model));
    if (loaded && !j->head.report && !c->reset_head)
        FV_TRY(classes_compare(c, j->model, j->train));
    if (loaded && c->reset_head)
        FV_TRY(run_reset_head(j->ctx, c, &options, &j->model));
    if (!loaded) {
        FV_TRY(fv_model_init(j->model, (uint64_t)c->fit.seed, (fv_init)c->init));
        if (c->weights)
            FV_TRY(run_load_weights(c, j->model, &j->head));
    }
    char aux[256];
    if (model_aux_text(j->model, aux, sizeof aux)[0])
        note("auxiliary heads: %s: their losses are added by these weights; what is told is the output's loss alone",
             aux);
    FV_TRY(fv_model_set_task(j->model, fv_dataset_task(j->train)));
    return classes_set(j->model, j->train);
}

/* What is done to training images, also when that is nothing: photographs gain by it, and mirrored digits are none. */
static void tell_augment(const job *j)
{
    const bool photographs = start_is_photographs(j->train);
    if (j->augment[0])
        note("augmentation: %s", j->augment);
    else
        note("augmentation: none%s", photographs ? "; photographs gain from --augment 'rrc; hflip'" : "");
}

/* The augmentation as one text, and the colors that it may need, measured once and stored in the model. */
static fv_status set_augment(job *j)
{
    settings *c = j->c;
    fv_augment *augment = NULL;
    fv_pipeline p = *fv_model_pipeline(j->model);
    FV_TRY(augment_text(c, &j->augment));
    FV_TRY(fv_augment_create(j->ctx, j->augment, &augment));
    const bool colors = fv_augment_has(augment, "pca") && !(p.pca_value[0] > 0);
    fv_augment_destroy(&augment);
    tell_augment(j);
    if (!colors)
        return FV_OK;
    FV_TRY(fv_dataset_color_axes(j->train, 0, p.pca_value, p.pca_axis));
    note("colors of the training set: eigenvalues %.4g %.4g %.4g", (double)p.pca_value[0], (double)p.pca_value[1],
         (double)p.pca_value[2]);
    return fv_model_set_pipeline(j->model, &p);
}

/* ---- recipe ---- */

static bool on_event(void *user, const fv_fit_event *e)
{
    job *j = user;
    if (e->kind == FV_EVENT_START)
        cache_settle(j->dir, j->begun = true);
    if (j->begun)
        watch_only(); /* the run saves its state itself */
    progress_event(&j->progress, e);
    train_page_event(&j->page, e);
    j->interrupt = caught_signal != 0;
    return j->part && j->part->pause > 0 && e->kind == FV_EVENT_EPOCH && e->epoch >= j->part->pause;
}

/* The settings as they were read, and what only this run has. */
static fv_fit_options fit_options(job *j)
{
    const settings *c = j->c;
    fv_fit_options o = c->fit;
    o.augment = j->augment;
    o.workers = c->no_prefetch ? -1 : o.workers;
    o.validation = j->val;
    o.findings = j->page.latest;
    o.output = j->dir;
    o.arguments = j->arguments;
    o.identity = j->identity[0];
    o.identity_told = j->identity[1];
    o.resume = c->resume != NULL;
    o.force = c->force;
    o.feature_cache = c->no_feature_cache ? 0 : j->left;
    o.teachers = j->teachers.list;
    o.n_teachers = j->teachers.count;
    o.on_event = on_event;
    o.user = j;
    o.interrupt = &j->interrupt;
    return o;
}

/* What the run will have at a batch size, and the test at its end, when the best model is beside the trained one.
 * OVER_BUDGET when that is more than the limit. */
static fv_status planned_memory(job *j, int64_t batch, fv_memory *plan)
{
    fv_fit_options o = fit_options(j);
    fv_memory test;
    o.batch_size = batch;
    FV_TRY(fv_fit_memory(j->model, j->train, &o, plan));
    if (j->test) {
        FV_TRY(fv_evaluate_memory(j->model, j->test, batch, (int)o.workers, &test));
        test.total += test.weights;
        test.weights *= 2;
        *plan = test.total > plan->total ? test : *plan;
    }
    return plan->total <= fv_ctx_memory_limit(j->ctx) ? FV_OK : FV_ERR_OVER_BUDGET;
}

/* Halves the batch until it fits. OVER_BUDGET with the smallest plan where none does; networks that cannot be trained
 * on fewer samples at a time end the search. */
static fv_status fitting_batch(job *j, int64_t *batch, fv_memory *plan)
{
    fv_status status = planned_memory(j, *batch, plan);
    for (int64_t half = *batch / 2; half > 0 && (status == FV_ERR_OVER_BUDGET || status == FV_ERR_NO_MEMORY);
         half /= 2) {
        fv_memory less;
        const fv_status smaller = planned_memory(j, half, &less);
        if (smaller != FV_OK && smaller != FV_ERR_OVER_BUDGET && smaller != FV_ERR_NO_MEMORY)
            return FV_ERR_OVER_BUDGET;
        *batch = half;
        *plan = less;
        status = smaller;
    }
    return status;
}

static fv_status over_budget(job *j, const fv_memory *plan, int64_t batch)
{
    char hint[200], parts[200];
    fv_memory less;
    const double limit = (double)fv_ctx_memory_limit(j->ctx) / 1048576;
    int64_t fits = batch, held = fv_dataset_count(j->train) < batch ? fv_dataset_count(j->train) : batch;
    memory_text(plan, 3, parts, sizeof parts);
    if (fitting_batch(j, &fits, &less) == FV_OK)
        snprintf(hint, sizeof hint, "use --batch-size %lld, or raise --memory", (long long)fits);
    else
        snprintf(hint, sizeof hint,
                 "not even --batch-size %lld fits (%.1f MiB): use a smaller model or --img-size, or raise --memory",
                 (long long)fits, (double)less.total / 1048576);
    return complain(FV_ERR_OVER_BUDGET, hint,
                    "training with batch %lld needs %.2f MiB, but the limit is %.2f MiB; the largest parts: %s",
                    (long long)held, (double)plan->total / 1048576, limit, parts);
}

/* --batch-size auto: 64, or 16 for few photographs from nothing, halved while an epoch would have fewer than 10 steps
 * or the plan would not fit. Said, never silent. */
static fv_status choose_batch(job *j)
{
    settings *c = j->c;
    fv_memory plan;
    fv_status status;
    if (c->fit.batch_size == 0) {
        for (c->fit.batch_size = start_batch(c);
             c->fit.batch_size > 8 && fv_dataset_count(j->train) / c->fit.batch_size < 10;)
            c->fit.batch_size /= 2;
        status = fitting_batch(j, &c->fit.batch_size, &plan);
        if (status == FV_OK)
            note("--batch-size auto: %lld", (long long)c->fit.batch_size);
    } else {
        status = planned_memory(j, c->fit.batch_size, &plan);
    }
    if (status == FV_ERR_OVER_BUDGET || status == FV_ERR_NO_MEMORY)
        return over_budget(j, &plan, c->fit.batch_size);
    FV_TRY(status);
    FV_TRY(memory_tell(j->ctx, "training", &plan, NULL));
    j->plan = plan;
    j->left = fv_ctx_memory_limit(j->ctx) - plan.total;
    return j->trial && !j->trial->whole ? FV_OK : cache_in_memory(c, j->model, &j->left, j->train, j->val);
}

static bool is_tuning(const settings *c)
{
    return c->weights || train_takes_model_file(c);
}

static void choose_defaults(settings *c)
{
    if (!option_given("momentum"))
        c->fit.momentum = fv_optimizer_about(c->fit.optimizer)->momentum;
}

/* The learning rate, for which the batch is known, and the recipe as a line. */
static void choose_rate(job *j)
{
    settings *c = j->c;
    const fv_task kind = fv_dataset_task(j->train);
    const fv_optimizer_info *optimizer = fv_optimizer_about(c->fit.optimizer);
    const bool tuning = is_tuning(c);
    if (isnan(c->fit.lr))
        c->fit.lr = tuning ? optimizer->tuning_lr : start_rate(c, optimizer->lr);
    if (j->trial)
        return;
    char text[64], more[2][64] = {"", ""};
    if (c->fit.warmup_steps > 0)
        snprintf(more[0], sizeof more[0], ", %lld steps of warm-up", (long long)c->fit.warmup_steps);
    if (c->fit.warmup_epochs > 0)
        snprintf(more[0], sizeof more[0], ", %g of warm-up", c->fit.warmup_epochs);
    if (c->fit.label_smoothing > 0)
        snprintf(more[1], sizeof more[1], ", label smoothing %g", c->fit.label_smoothing);
    note("recipe: %s%s%s, lr %g%s, weight decay %g, %s schedule, %s%s%s", kind == FV_TASK_CLASSIFY ? "" : c->fit.loss,
         kind == FV_TASK_CLASSIFY ? "" : ", ", optimizer->name, c->fit.lr,
         tuning && !option_given("lr") ? " (fine-tuning)" : "", c->fit.weight_decay,
         fv_schedule_names()[c->fit.schedule], count_of(c->fit.epochs, "epoch", "epochs", text), more[0], more[1]);
}

/* ---- the end ---- */

/* What the run left, of what people look for. */
static void print_files(const job *j)
{
    static const char *const names[] = {"best.safetensors", "last.safetensors"};
    char path[4200];
    snprintf(path, sizeof path, "%s/weights/int8.safetensors", j->dir);
    if (j->c->qat && access(path, F_OK) == 0)
        printf("integers: %s\n", path);
    printf("run: %s\n", j->dir);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/weights/%s", j->dir, names[i]);
        if (access(path, F_OK) != 0)
            continue;
        printf("weights: %s\n", path);
        return;
    }
}

/* What came of one run of several is told by who makes them. */
static fv_status finish_part(job *j, const fv_fit_result *r)
{
    char path[4200];
    j->part->result = *r;
    if (r->stop == FV_STOP_ASKED)
        return FV_OK;
    snprintf(path, sizeof path, "%s/weights/best.safetensors", j->dir);
    if (r->stop != FV_STOP_COMPLETE)
        FV_TRY(train_page_validation(j->ctx, j->c, &j->page, r->best_epoch, path));
    return j->c->qat ? train_qat_export(j->ctx, j->dir, r->stop == FV_STOP_COMPLETE) : FV_OK;
}

static fv_status finish(job *j, const fv_fit_result *r)
{
    char path[4200];
    static const char *const flags[FV_STOP_COUNT] = {
        [FV_STOP_DONE] = "epochs", [FV_STOP_STEPS] = "max-steps", [FV_STOP_EARLY] = "patience"};
    if (r->stop == FV_STOP_COMPLETE)
        note("%s (%s); a larger --%s goes on%s", fv_stop_text(r->stop), fv_stop_text(r->ended), flags[r->ended],
             r->ended == FV_STOP_DONE ? "" : ", as does 0");
    else if (r->stop != FV_STOP_DONE)
        note("%s", fv_stop_text(r->stop));
    if (r->best_epoch) {
        const bool percent = r->monitor->metric->percent;
        printf("best: epoch %lld, %s %.4g%s\n", (long long)r->best_epoch, r->monitor->name,
               r->best_metric * (percent ? 100 : 1), percent ? " %" : "");
    }
    snprintf(path, sizeof path, "%s/weights/best.safetensors", j->dir);
    watch_again();
    fv_status status = FV_OK;
    if (r->stop != FV_STOP_COMPLETE)
        status = train_page_validation(j->ctx, j->c, &j->page, r->best_epoch, path);
    if (status == FV_OK)
        status = train_page_test(j->ctx, j->c, j->dir, &j->page, j->test, path);
    if (j->c->qat && status == FV_OK)
        status = train_qat_export(j->ctx, j->dir, r->stop == FV_STOP_COMPLETE);
    print_files(j);
    if (status == FV_ERR_INTERRUPTED) {
        watch_only();
        snprintf(path, sizeof path, "`fovea train --resume %s` scores it", j->dir);
        return complain(status, path,
                        "interrupted while it was scored: the training is complete, its weights are saved");
    }
    note("use it:  fovea predict --model %s/weights/best.safetensors --source YOUR_IMAGE", j->dir);
    return status;
}

static void describe_run(const job *j)
{
    char text[5][64] = {"no validation images (--val-split 0.2 holds some out)"};
    if (j->val)
        count_of(fv_dataset_count(j->val), "validation image", "validation images", text[0]);
    note("%s: %s, %s, %s; %s: %lld parameters; %s, %s", j->c->data,
         count_of(fv_dataset_count(j->train), "training image", "training images", text[1]), text[0],
         count_of(fv_dataset_classes(j->train), "class", "classes", text[2]), fv_model_name(j->model),
         (long long)fv_model_parameters(j->model), count_of(fv_ctx_threads(j->ctx), "thread", "threads", text[3]),
         fv_ctx_isa(j->ctx));
}

static bool is_frozen(const settings *c)
{
    return c->fit.freeze && strcmp(c->fit.freeze, "none") != 0;
}

static fv_status choose_folder(job *j)
{
    settings *c = j->c;
    FV_TRY(run_dir_choose(j->ctx, c, j->dir, sizeof j->dir));
    snprintf(j->quarantine[0], sizeof j->quarantine[0], "%s/quarantine.csv", j->dir);
    snprintf(j->quarantine[1], sizeof j->quarantine[1], "%s/quarantine-val.csv", j->dir);
    snprintf(j->quarantine[2], sizeof j->quarantine[2], "%s/quarantine-test.csv", j->dir);
    c->quarantine = j->quarantine[0];
    return cache_on_disk(j->ctx, c, j->dir);
}

/* What the run would begin with: data, network, pipeline. */
static fv_status prepare(job *j)
{
    settings *c = j->c;
    FV_TRY(open_data(j));
    FV_TRY(choose_task(j));
    FV_TRY(start_choose(j->ctx, c, j->train));
    if (c->no_feature_cache && !is_frozen(c) && !c->teacher)
        return complain(FV_ERR_CONFLICT, "leave it out, or say with --freeze what is frozen",
                        "--no-feature-cache has no effect here: nothing is frozen");
    choose_defaults(c);
    FV_TRY(open_model(j));
    FV_TRY(train_pixels(c, j->train, j->model));
    if (c->qat)
        FV_TRY(train_qat(j->ctx, c, &j->model));
    if (c->whiten)
        FV_TRY(train_whiten(c, j->train, j->model));
    const bool learns = !j->trial || j->trial->augmented; /* as in the run */
    return learns ? train_teachers_open(j->ctx, c, j->model, &j->teachers) : FV_OK;
}

/* What a run opens beside its training set. */
static fv_status open_rest(job *j, trial *t)
{
    FV_TRY(open_val(j));
    FV_TRY(open_test(j));
    FV_TRY(run_dir_choose(j->ctx, j->c, j->dir, sizeof j->dir));
    t->val = j->val;
    t->test = j->test;
    t->folder = j->dir;
    return FV_OK;
}

/* Up to its first step, where the trial takes over. */
static fv_status try_out(job *j)
{
    trial t = {.ctx = j->ctx, .c = j->c, .model = j->model, .train = j->train};
    bool goes_on = true;
    if (j->trial->before)
        FV_TRY(j->trial->before(&t, &goes_on));
    if (!goes_on)
        return FV_OK;
    if (j->trial->augmented)
        FV_TRY(set_augment(j));
    if (j->trial->whole)
        FV_TRY(open_rest(j, &t));
    FV_TRY(choose_batch(j));
    choose_rate(j);
    t.memory = &j->plan;
    t.options = fit_options(j);
    t.options.output = NULL;
    t.options.on_event = NULL;
    return j->trial->run(&t);
}

static fv_status train(job *j)
{
    settings *c = j->c;
    fv_fit_result result;
    FV_TRY(train_check(c));
    FV_TRY(fv_head_check(j->ctx, c->head, NULL));
    if (!j->trial)
        FV_TRY(choose_folder(j));
    FV_TRY(prepare(j));
    if (j->trial)
        return try_out(j);
    FV_TRY(set_augment(j));
    FV_TRY(card_take_trained(c, j->train, j->model));
    FV_TRY(open_val(j));
    FV_TRY(open_test(j));
    FV_TRY(choose_batch(j));
    run_dir_name(c, j->dir);
    choose_rate(j);
    FV_TRY(rates_tell(&c->fit, j->model));
    j->arguments = options_yaml(&verbs[0], c);
    j->identity[0] = options_identity(c, FV_MEANING);
    j->identity[1] = options_identity(c, FV_TOLD);
    if (!j->arguments || !j->identity[0] || !j->identity[1])
        return FV_ERR_NO_MEMORY;
    describe_run(j);
    FV_TRY(sanity_advise(c->model, j->model, &c->fit, fv_dataset_count(j->train), is_tuning(c)));
    FV_TRY(train_page_open(j->ctx, c, j->dir, j->model, j->train, j->augment, j->val, &j->plan, &j->page));
    fv_fit_options options = fit_options(j);
    fv_eta_begin(&j->progress.eta, &options);
    fv_status status = fv_fit_with(j->model, j->train, &options, &result);
    if (status == FV_ERR_DIVERGED && !j->part)
        print_files(j);
    FV_TRY(status);
    return j->part ? finish_part(j, &result) : finish(j, &result);
}

static fv_status train_with(settings *c, const trial_plan *plan, train_part *part)
{
    job j = {.c = c, .trial = plan, .part = part};
    FV_TRY(run_take_recipe(c));
    if (!c->data)
        return complain(FV_ERR_USAGE, "`fovea help data` says what it may be", "fovea %s: --data PATH is missing",
                        plan ? plan->verb : "train");
    fv_status status = context_open(c, &j.ctx);
    if (status != FV_OK)
        return status;
    j.progress = progress_make(c);
    watch_begin(c, j.ctx);
    status = report(j.ctx, train(&j));
    if (!j.begun)
        cache_settle(j.dir, false);
    if (status != FV_OK || plan)
        run_dir_release();
    train_page_close(&j.page);
    free(j.arguments);
    free(j.identity[0]);
    free(j.identity[1]);
    free(j.augment);
    head_forget(&j.head);
    fv_dataset_destroy(&j.test);
    fv_dataset_destroy(&j.val);
    fv_dataset_destroy(&j.train);
    train_teachers_close(&j.teachers);
    fv_model_destroy(&j.model);
    fv_ctx_destroy(&j.ctx);
    return status;
}

fv_status verb_train(settings *c)
{
    if (folds_asked(c))
        return train_folds(c);
    return train_with(c, NULL, NULL);
}

fv_status train_try(settings *c, const trial_plan *plan)
{
    return train_with(c, plan, NULL);
}

fv_status train_in_parts(settings *c, train_part *part)
{
    return train_with(c, NULL, part);
}

void trial_tell_idle(const char *idle, const char *why)
{
    char list[1024] = "", key[64];
    int n = 0;
    for (const char *p = idle + 1; *p; p += strlen(key) + 1) {
        snprintf(key, sizeof key, "%.*s", (int)strcspn(p, " "), p);
        if (option_given(key) && strlen(list) + sizeof key < sizeof list)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s--%s", n++ ? ", " : "", key);
    }
    if (n > 0)
        note("%s: no part in that %s %s", why, n > 1 ? "have" : "has", list);
}
