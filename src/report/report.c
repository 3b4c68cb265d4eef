/* SPDX-License-Identifier: Apache-2.0 */
#include "report/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "report/lengths.h"
#include "report/page.h"

enum { WARNINGS_MAX = 8192, RECIPE_MAX = 1 << 20 };

fv_status fv_report_create(fv_ctx *ctx, const char *dir, const char *title, fv_report **report)
{
    *report = NULL;
    if (!dir || !*dir)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_report_create: no folder");
    fv_report *r = fv_new(ctx, fv_report);
    if (!r)
        return FV_ERR_NO_MEMORY;
    r->ctx = r->warnings.ctx = r->pictures.ctx = r->facts.ctx = r->network.ctx = ctx;
    r->dir = fv_strdup(ctx, dir);
    r->title = fv_strdup(ctx, title && *title ? title : "Training run");
    r->train_dir = fv_path_join(ctx, dir, "train");
    r->validation_dir = fv_path_join(ctx, dir, "validation");
    if (!r->dir || !r->title || !r->train_dir || !r->validation_dir)
        fv_report_destroy(&r);
    if (r && fv_report_fact(r, "fovea", fv_version()) != FV_OK)
        fv_report_destroy(&r);
    *report = r;
    return r ? FV_OK : FV_ERR_NO_MEMORY;
}

void fv_report_destroy(fv_report **report)
{
    fv_report *r = report ? *report : NULL;
    if (!r)
        return;
    fv_events_close(&r->train);
    fv_events_close(&r->validation);
    fv_events_close(&r->run);
    fv_str_free(&r->warnings);
    fv_str_free(&r->pictures);
    fv_free(r->ctx, r->batch.rgb);
    fv_str_free(&r->facts);
    fv_str_free(&r->network);
    for (int i = 0; i < FV_REPORT_PARTS; i++) {
        fv_free(r->ctx, r->parts[i].title);
        fv_str_free(&r->parts[i].html);
    }
    fv_free(r->ctx, r->dir);
    fv_free(r->ctx, r->title);
    fv_free(r->ctx, r->train_dir);
    fv_free(r->ctx, r->validation_dir);
    fv_free(r->ctx, r);
    *report = NULL;
}

/* ---- TensorBoard ---- */

/* The text of DIR/args.yaml; NULL where there is none. */
static fv_status read_recipe(fv_report *r, char **text)
{
    uint8_t *data = NULL;
    int64_t size;
    char *path = fv_path_join(r->ctx, r->dir, "args.yaml");
    fv_status status = path ? FV_OK : FV_ERR_NO_MEMORY;
    if (path && fv_path_exists(path))
        status = fv_file_read(r->ctx, path, RECIPE_MAX, false, &data, &size);
    fv_free(r->ctx, path);
    *text = (char *)data;
    return status;
}

fv_status fv_report_events(fv_report *r, const char *dir, fv_events **events)
{
    return *events ? FV_OK : fv_events_open(r->ctx, dir, events);
}

static fv_status put_events(fv_report *r, fv_events **events, const char *dir, int64_t step, const fv_scalar *scalars,
                            int count)
{
    FV_TRY(fv_report_events(r, dir, events));
    return fv_events_put(*events, step, scalars, count);
}

/* The scalars of training, or of validation. */
static int list_scalars(const fv_fit_event *e, bool validation, fv_scalar *scalars)
{
    int count, n = 0;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count; i++)
        if (list[i].validation == validation)
            scalars[n++] = (fv_scalar){list[i].metric->tag, fv_monitor_value(&list[i], e)};
    return n;
}

static fv_status write_events(fv_report *r, const fv_fit_event *e)
{
    fv_scalar scalars[FV_MONITOR_COUNT + 1];
    bool measured = false;
    int n = list_scalars(e, false, scalars);
    scalars[n++] = (fv_scalar){"epoch_learning_rate", e->lr};
    FV_TRY(put_events(r, &r->train, r->train_dir, e->epoch, scalars, n));
    n = list_scalars(e, true, scalars);
    for (int i = 0; i < n; i++)
        measured |= isfinite(scalars[i].value);
    return measured ? put_events(r, &r->validation, r->validation_dir, e->epoch, scalars, n) : FV_OK;
}

/* The step's own loss and learning rate: written with those of other steps, as steps may be quick. */
static fv_status write_step(fv_report *r, const fv_fit_event *e)
{
    const fv_scalar scalars[] = {{"batch_loss", e->loss}, {"batch_learning_rate", e->lr}};
    FV_TRY(fv_report_events(r, r->train_dir, &r->train));
    if (r->batch.rgb && e->global_step == 1)
        FV_TRY(fv_events_put_image(r->train, 0, "training_images", &r->batch));
    fv_free(r->ctx, r->batch.rgb);
    r->batch.rgb = NULL;
    FV_TRY(fv_events_add(r->train, e->global_step, scalars, 2));
    return fv_report_spread(r, e);
}

/* The settings of a run that begins, for the table of hyperparameters. */
static fv_status write_settings(fv_report *r)
{
    char *recipe = NULL;
    FV_TRY(read_recipe(r, &recipe));
    fv_status status = recipe ? fv_report_events(r, r->dir, &r->run) : FV_OK;
    if (status == FV_OK && recipe)
        status = fv_events_begin_run(r->run, recipe);
    fv_free(r->ctx, recipe);
    return status;
}

static fv_status write_end(fv_report *r, const fv_fit_event *e)
{
    if (r->train)
        FV_TRY(fv_events_flush(r->train));
    if (!r->begun || e->status == FV_ERR_INTERRUPTED) /* it may go on */
        return FV_OK;
    FV_TRY(fv_report_events(r, r->dir, &r->run));
    return fv_events_end_run(r->run, !r->failed);
}

/* A fresh run empties results.csv; curves of an earlier run in the same folder would lie behind the new ones. */
static fv_status forget_events(fv_report *r)
{
    int64_t removed[3] = {0, 0, 0};
    FV_TRY(fv_events_remove(r->ctx, r->train_dir, &removed[0]));
    FV_TRY(fv_events_remove(r->ctx, r->validation_dir, &removed[1]));
    FV_TRY(fv_events_remove(r->ctx, r->dir, &removed[2]));
    if (removed[0] + removed[1] + removed[2] > 0)
        fv_log(r->ctx, FV_LOG_INFO, "report", "%s: %lld event files of an earlier run removed", r->dir,
               (long long)(removed[0] + removed[1] + removed[2]));
    return FV_OK;
}

/* A run that goes on writes again what lies behind the state that it was read from. */
static fv_status cut_events(fv_report *r, const fv_fit_event *e)
{
    const bool stepped = e->steps > 0 && e->step >= e->steps; /* all steps of the epoch, which has not ended yet */
    const fv_events_done done = {e->epoch - 1, e->epoch - 1 + stepped, e->global_step};
    FV_TRY(fv_events_cut(r->ctx, r->train_dir, &done));
    return fv_events_cut(r->ctx, r->validation_dir, &done);
}

/* ---- the page ---- */

fv_status fv_report_write(fv_report *r)
{
    fv_str page = {.ctx = r->ctx}, findings = {.ctx = r->ctx}, lengths = {.ctx = r->ctx};
    fv_results results = {.ctx = r->ctx};
    char *recipe = NULL, *csv = fv_path_join(r->ctx, r->dir, "results.csv");
    char *html = fv_path_join(r->ctx, r->dir, "report.html"), *norms = fv_path_join(r->ctx, r->dir, "norms.csv");
    fv_status status = csv && html && norms ? fv_results_read(r->ctx, csv, &results) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_put_lengths(&lengths, norms);
    if (status == FV_OK)
        status = read_recipe(r, &recipe);
    for (int i = 0; i < FV_REPORT_PARTS; i++)
        fv_str_append(&findings, fv_str_get(&r->parts[i].html));
    if (status == FV_OK)
        status = fv_str_status(&findings);
    if (status == FV_OK) {
        fv_put_page(&page, &(fv_page){.title = r->title,
                                      .run = r->dir,
                                      .epochs = r->epochs,
                                      .monitor = r->monitor,
                                      .ended = r->ended,
                                      .failed = r->failed,
                                      .cure = r->cure,
                                      .steps = r->steps.step,
                                      .step_loss = r->steps.loss,
                                      .n_steps = r->steps.n,
                                      .findings = fv_str_get(&findings),
                                      .pictures = fv_str_get(&r->pictures),
                                      .lengths = fv_str_get(&lengths),
                                      .network = fv_str_get(&r->network),
                                      .facts = fv_str_get(&r->facts),
                                      .warnings = fv_str_get(&r->warnings),
                                      .recipe = recipe,
                                      .results = &results});
        status = fv_str_status(&page);
    }
    if (status == FV_OK)
        status = fv_file_write(r->ctx, html, page.data, page.size);
    fv_str_free(&page);
    fv_str_free(&findings);
    fv_str_free(&lengths);
    fv_results_free(&results);
    fv_free(r->ctx, recipe);
    fv_free(r->ctx, csv);
    fv_free(r->ctx, html);
    fv_free(r->ctx, norms);
    return status;
}

/* ---- events of the run ---- */

/* A report that cannot be written is no reason to stop; nor may its message stand where the run's belongs. */
static void settle(fv_report *r, fv_status status, const char *what)
{
    if (status == FV_OK)
        return;
    const char *text = fv_ctx_error(r->ctx);
    fv_log(r->ctx, FV_LOG_WARN, "report", "%s not written: %s", what, *text ? text : fv_status_text(status));
    fv_fail_clear(r->ctx);
}

static fv_status read_steps(fv_report *r)
{
    char *path = fv_path_join(r->ctx, r->dir, "events.jsonl");
    fv_status status = path ? fv_steps_read(r->ctx, path, &r->steps) : FV_ERR_NO_MEMORY;
    fv_free(r->ctx, path);
    return status;
}

static void keep_warning(fv_report *r, const char *text)
{
    if (r->warnings_full)
        return;
    r->warnings_full = r->warnings.size + strlen(text) > WARNINGS_MAX;
    fv_str_append(&r->warnings, r->warnings_full ? "further warnings are in events.jsonl" : text);
    fv_str_append(&r->warnings, "\n");
    settle(r, fv_str_status(&r->warnings), "a warning");
    r->warnings.failed = false;
}

void fv_report_event(fv_report *r, const fv_fit_event *e)
{
    r->begun |= e->kind == FV_EVENT_START;
    r->epochs = e->epochs > 0 ? e->epochs : r->epochs;
    r->monitor = e->monitor ? e->monitor : r->monitor;
    if (e->kind == FV_EVENT_START)
        settle(r, e->text ? cut_events(r, e) : forget_events(r), "TensorBoard events");
    if (e->kind == FV_EVENT_START && e->text)
        settle(r, read_steps(r), "the losses of earlier steps");
    if (e->kind == FV_EVENT_START && !e->text)
        settle(r, write_settings(r), "TensorBoard events");
    if (e->kind == FV_EVENT_STEP) {
        fv_steps_add(&r->steps, e->global_step, e->loss);
        settle(r, write_step(r, e), "TensorBoard events");
    }
    if (e->kind == FV_EVENT_CHECKPOINT && r->train) /* a run that goes on from here must not lack steps before */
        settle(r, fv_events_flush(r->train), "TensorBoard events");
    if (e->kind == FV_EVENT_WARN && e->text)
        keep_warning(r, e->text);
    if (e->kind == FV_EVENT_EPOCH)
        settle(r, write_events(r, e), "TensorBoard events");
    if (e->kind == FV_EVENT_END) {
        snprintf(r->why, sizeof r->why, "%s", e->text ? e->text : "done");
        r->ended = r->why;
        r->failed = e->stop == FV_STOP_FAILED && e->status != FV_ERR_INTERRUPTED;
        snprintf(r->cure, sizeof r->cure, "%s", r->failed ? fv_ctx_hint(r->ctx) : "");
        settle(r, write_end(r, e), "TensorBoard events");
    }
    if (r->begun && (e->kind == FV_EVENT_EPOCH || e->kind == FV_EVENT_END)) /* else the run was over: its page stands */
        settle(r, fv_report_write(r), "report.html");
}
