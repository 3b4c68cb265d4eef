/* SPDX-License-Identifier: Apache-2.0 */
/* fovea lr-find: the range test of learning rates on what would be trained. */
#include "lr_find.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curve.h"
#include "show.h"
#include "trial.h"
#include "watch.h"

const char lr_find_idle[] =
    " epochs max-steps lr patience min-delta monitor restore-best val-interval recovery-interval save-period "
    "checkpoint-hist model-ema "
    "model-ema-decay unfreeze-at progressive-resize cache no-prefetch no-feature-cache license data-name date output "
    "experiment resume "
    "log-interval histogram-interval no-color progress " TRIAL_SCHEDULE;

static bool on_point(void *user, const fv_lr_point *point, int64_t step)
{
    const settings *c = user;
    (void)point;
    return watch_step("tried", "rates", step, c->find_steps);
}

/* ---- what comes of it ---- */

static char *csv_of(const fv_lr_point *p, int64_t n, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out)
        return NULL;
    fputs("step,lr,loss,smoothed\n", out);
    for (int64_t i = 0; i < n; i++)
        fprintf(out, "%lld,%.9g,%.9g,%.9g\n", (long long)i + 1, p[i].lr, p[i].loss, p[i].smoothed);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void take_columns(const fv_lr_point *p, int64_t n, double *column)
{
    for (int64_t i = 0; i < n; i++) {
        column[i] = p[i].lr;
        column[n + i] = p[i].smoothed;
        column[2 * n + i] = p[i].loss;
    }
}

static fv_status write_files(const trial *t, const curve_files *files, const fv_lr_point *p, const fv_lr_found *f)
{
    const int64_t n = f->count;
    char about[512], names[2][64];
    size_t size = 0;
    double *column = calloc((size_t)n * 3, sizeof *column);
    char *csv = csv_of(p, n, &size);
    fv_status status = column && csv ? FV_OK : FV_ERR_NO_MEMORY;
    snprintf(about, sizeof about, "%.100s on %.200s, batch %lld, %s", fv_model_name(t->model), t->c->data,
             (long long)t->options.batch_size, fv_optimizer_names()[t->options.optimizer]);
    snprintf(names[0], sizeof names[0], "steepest %.3g", f->steepest);
    snprintf(names[1], sizeof names[1], "lowest %.3g, a tenth %.3g", f->minimum, f->minimum / 10);
    if (status == FV_OK) {
        take_columns(p, n, column);
        const curve drawn = {.title = "Loss by learning rate",
                             .about = about,
                             .x_name = "learning rate",
                             .y_name = "loss",
                             .x = column,
                             .y = column + n,
                             .behind = column + 2 * n,
                             .n = n,
                             .log_x = true,
                             .mark = {{f->steepest, names[0]}, {f->minimum, names[1]}}};
        status = curve_files_write(files, &drawn, csv, size);
    }
    free(csv);
    free(column);
    return status;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *path(const char *text)
{
    return text ? show_json(text) : json_null();
}

static void print_json(const trial *t, const curve_files *files, const fv_lr_found *f)
{
    const settings *c = t->c;
    json_t *suggestions =
        json_pack("{s:o, s:o}", "steepest", number(f->steepest), "minimum_tenth", number(f->minimum / 10));
    json_t *root = json_pack(
        "{s:s, s:o, s:s, s:I, s:I, s:f, s:f, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "model", fv_model_name(t->model),
        "data", show_json(c->data), "optimizer", fv_optimizer_names()[t->options.optimizer], "batch_size",
        (json_int_t)t->options.batch_size, "steps", (json_int_t)f->count, "lr_min", c->lr_min, "lr_max", c->lr_max,
        "diverged", f->diverged, "loss_first", number(f->loss_first), "loss_lowest", number(f->loss_lowest),
        "lr_lowest", number(f->minimum), "suggestions", suggestions, "csv", path(files ? files->csv : NULL), "svg",
        path(files ? files->svg : NULL));
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

static void print_text(const trial *t, const curve_files *files, const fv_lr_found *f)
{
    const settings *c = t->c;
    printf("%s, batch %lld: %lld of %lld steps, rates from %.3g to %.3g%s\n",
           fv_optimizer_names()[t->options.optimizer], (long long)t->options.batch_size, (long long)f->count,
           (long long)c->find_steps, c->lr_min, c->lr_max, f->diverged ? "; ended where the loss diverged" : "");
    if (isfinite(f->minimum))
        printf("loss: %.4g at first, lowest %.4g at lr %.3g\n", f->loss_first, f->loss_lowest, f->minimum);
    if (isfinite(f->steepest))
        printf("steepest: --lr %.2g\n", f->steepest);
    if (isfinite(f->minimum))
        printf("minimum/10: --lr %.2g\n", f->minimum / 10);
    if (files)
        printf("curve: %s\ndrawing: %s\n", files->csv, files->svg);
}

static fv_status conclude(const trial *t, const curve_files *files, const fv_lr_point *points, const fv_lr_found *f)
{
    if (f->stopped)
        return complain(FV_ERR_INTERRUPTED, "nothing was written", "interrupted at step %lld", (long long)f->count);
    if (files)
        FV_TRY(write_files(t, files, points, f));
    t->c->json ? print_json(t, files, f) : print_text(t, files, f);
    if (!isfinite(f->steepest))
        warn("%s on %s: the loss falls at no rate from %.3g to %.3g: nothing to suggest; `fovea sanity` looks for a "
             "cause",
             fv_model_name(t->model), t->c->data, t->c->lr_min, t->c->lr_max);
    return FV_OK;
}

/* ---- the verb ---- */

static fv_status run(const trial *t)
{
    const settings *c = t->c;
    const fv_lr_find_options find = {.lr_min = c->lr_min,
                                     .lr_max = c->lr_max,
                                     .steps = c->find_steps,
                                     .diverged = 4,
                                     .on_point = on_point,
                                     .user = t->c};
    curve_files files;
    fv_lr_found found;
    if (c->lr_curve)
        FV_TRY(curve_files_check(c, "lr-curve", c->lr_curve, &files));
    fv_lr_point *points = calloc((size_t)c->find_steps, sizeof *points);
    if (!points)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for %lld steps", (long long)c->find_steps);
    fv_status status = fv_lr_find(t->model, t->train, &t->options, &find, points, &found);
    watch_end();
    if (status == FV_OK)
        status = conclude(t, c->lr_curve ? &files : NULL, points, &found);
    free(points);
    return status;
}

fv_status verb_lr_find(settings *c)
{
    static const trial_plan plan = {.verb = "lr-find", .augmented = true, .run = run};
    if (c->resume)
        return complain(FV_ERR_CONFLICT, "give its settings with -c RUN/args.yaml, and --model RUN for its weights",
                        "fovea lr-find: --resume: nothing goes on here");
    if (c->lr_min >= c->lr_max)
        return complain(FV_ERR_CONFLICT, "the rate rises from the one to the other",
                        "--lr-min %.3g is not below --lr-max %.3g", c->lr_min, c->lr_max);
    trial_tell_idle(lr_find_idle, "the rate rises in every step, and no model is written");
    return train_try(c, &plan);
}
