/* SPDX-License-Identifier: Apache-2.0 */
/* fovea train --folds K: K runs, each validated on another part of the training images. */
#include "folds.h"

#include <fovea/trials.h>
#include <fovea/tune.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "series.h"
#include "show.h"

static const series_kind kind = {
    .command = "train", .root = "runs/train", .record = "folds.yaml", .may_differ = " license data-name date "};

typedef struct folds {
    series s;
    series_run *run;
    int64_t n;
    fv_mean mean;
} folds;

bool folds_asked(const settings *c)
{
    const bool named = c->resume && strcmp(c->resume, "auto") != 0;
    return named ? series_is_folder(&kind, c->resume) : c->cross_folds > 0 && c->fold == 0;
}

static double scale_of(const folds *f)
{
    return f->run[0].scores.monitor->metric->percent ? 100 : 1;
}

/* ---- folds.csv: everything but the last column is a function of what was asked for ---- */

static fv_status write_csv(const folds *f)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return FV_ERR_NO_MEMORY;
    fprintf(out, "fold,state,epochs,%s,best_epoch,seconds\n", f->run[0].scores.monitor->name);
    for (int64_t k = 0; k < f->n; k++) {
        const series_run *run = &f->run[k];
        fprintf(out, "%lld,%s,%lld,", (long long)k + 1, series_state_name(run, true), (long long)run->scores.epochs);
        if (isfinite(run->scores.best))
            fprintf(out, "%.9g,%lld", run->scores.best, (long long)run->scores.best_epoch);
        else
            fputc(',', out);
        fprintf(out, ",%.1f\n", run->scores.seconds);
    }
    const fv_status status =
        fclose(out) == 0 ? series_write(&f->s, "folds.csv", text, size) : (fv_status)FV_ERR_NO_MEMORY;
    free(text);
    return status;
}

static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *make_json(const folds *f)
{
    json_t *list = json_array();
    for (int64_t k = 0; k < f->n; k++) {
        const series_run *run = &f->run[k];
        json_array_append_new(list, json_pack("{s:I, s:s, s:I, s:o, s:I}", "fold", (json_int_t)k + 1, "state",
                                              series_state_name(run, true), "epochs", (json_int_t)run->scores.epochs,
                                              "score", real_or_null(run->scores.best), "best_epoch",
                                              (json_int_t)run->scores.best_epoch));
    }
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "folder", show_json(f->s.dir), "monitor",
                     f->run[0].scores.monitor->name, "mean", real_or_null(f->mean.mean), "deviation",
                     real_or_null(f->mean.deviation), "margin", real_or_null(f->mean.margin), "folds", list);
}

static fv_status write_json(const folds *f)
{
    json_t *root = make_json(f);
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9) | JSON_PRESERVE_ORDER) : NULL;
    json_decref(root);
    const fv_status status = text ? series_write(&f->s, "folds.json", text, strlen(text)) : (fv_status)FV_ERR_NO_MEMORY;
    free(text);
    return status;
}

static void mean_text(const folds *f, char text[128])
{
    const double scale = scale_of(f);
    const char *unit = scale > 1 ? " %" : "";
    snprintf(text, 128, "%.4g%s +- %.3g (deviation over %lld folds); the mean within %.3g (95 %%)",
             f->mean.mean * scale, unit, f->mean.deviation * scale, (long long)f->mean.n, f->mean.margin * scale);
}

enum { C_FOLD, C_STATE, C_EPOCHS, C_SCORE, C_AT, COLUMNS };

static fv_status write_page(const folds *f)
{
    const fv_trials_column columns[COLUMNS] = {{.name = "fold"},
                                               {.name = "state"},
                                               {.name = "epochs"},
                                               {.name = f->run[0].scores.monitor->name},
                                               {.name = "best epoch"}};
    char about[512], mean[128], path[4300], texts[100][3][32], scores[100][64];
    fv_trials_cell cells[100][COLUMNS];
    fv_ctx *ctx = NULL;
    for (int64_t k = 0; k < f->n; k++) {
        const run_scores *s = &f->run[k].scores;
        snprintf(texts[k][0], sizeof texts[k][0], "%lld", (long long)k + 1);
        snprintf(texts[k][1], sizeof texts[k][1], "%lld", (long long)s->epochs);
        snprintf(texts[k][2], sizeof texts[k][2], "%lld", (long long)s->best_epoch);
        cells[k][C_FOLD] = (fv_trials_cell){texts[k][0], (double)k + 1};
        cells[k][C_STATE] = (fv_trials_cell){series_state_name(&f->run[k], true), NAN};
        cells[k][C_EPOCHS] = (fv_trials_cell){texts[k][1], NAN};
        cells[k][C_SCORE] = (fv_trials_cell){series_score_text(&f->run[k], scores[k]), s->best * scale_of(f)};
        cells[k][C_AT] = (fv_trials_cell){texts[k][2], NAN};
    }
    mean_text(f, mean);
    snprintf(about, sizeof about, "%.400s: %lld folds.", f->s.c->data, (long long)f->n);
    const fv_trials_fact facts[] = {{f->run[0].scores.monitor->name, mean}};
    const fv_trials_page page = {.title = "Cross-validation",
                                 .about = about,
                                 .facts = facts,
                                 .n_facts = 1,
                                 .columns = columns,
                                 .n_columns = COLUMNS,
                                 .cells = cells[0],
                                 .n_rows = f->n,
                                 .best = -1,
                                 .score = -1,
                                 .higher = f->run[0].scores.monitor->metric->higher_is_better,
                                 .curve_x = -1,
                                 .note = "Each fold is validated on images that its run did not learn from, and each "
                                         "training image is in one of them."};
    snprintf(path, sizeof path, "%s/report.html", f->s.dir);
    FV_TRY(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx));
    const fv_status status = report(ctx, fv_trials_write_html(ctx, &page, path));
    fv_ctx_destroy(&ctx);
    return status;
}

static void print_text(const folds *f)
{
    char text[128], score[64];
    printf("%5s %-9s %6s %10s %10s\n", "fold", "state", "epochs", f->run[0].scores.monitor->name, "best epoch");
    for (int64_t k = 0; k < f->n; k++)
        printf("%5lld %-9s %6lld %10s %10lld\n", (long long)k + 1, series_state_name(&f->run[k], true),
               (long long)f->run[k].scores.epochs, series_score_text(&f->run[k], score),
               (long long)f->run[k].scores.best_epoch);
    mean_text(f, text);
    printf("%s: %s\nruns: %s\nreport: %s/report.html\n", f->run[0].scores.monitor->name, text, f->s.dir, f->s.dir);
}

/* ---- the runs ---- */

static fv_status make_runs(folds *f)
{
    f->n = f->s.c->cross_folds;
    f->run = calloc((size_t)f->n, sizeof *f->run);
    for (int64_t k = 0; f->run && k < f->n; k++) {
        char *word = NULL;
        snprintf(f->run[k].name, sizeof f->run[k].name, "fold-%lld", (long long)k + 1);
        if (!words_given(&f->run[k].words, f->s.c) || asprintf(&word, "--fold=%lld", (long long)k + 1) < 0 ||
            !words_set(&f->run[k].words, word))
            return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the folds");
    }
    return f->run ? FV_OK : complain(FV_ERR_NO_MEMORY, NULL, "no memory for the folds");
}

static fv_status train(folds *f)
{
    double score[100] = {0};
    FV_TRY(series_check_validation(&f->s));
    FV_TRY(make_runs(f));
    series_tell(&f->s);
    for (int64_t k = 0; k < f->n; k++) {
        char text[64];
        series_run *run = &f->run[k];
        FV_TRY(series_train(&f->s, run, 0, k > 0));
        score[k] = run->state == SERIES_REACHED ? run->scores.best : NAN;
        if (!run->trained)
            continue;
        note("%s: %s %s", run->name, run->scores.monitor->name, series_score_text(run, text));
        FV_TRY(series_log(&f->s, "fold",
                          json_pack("{s:I, s:s, s:o}", "fold", (json_int_t)k + 1, "state", series_state_name(run, true),
                                    run->scores.monitor->name, real_or_null(run->scores.best))));
    }
    fv_mean_of(score, f->n, &f->mean);
    FV_TRY(write_csv(f));
    FV_TRY(write_json(f));
    FV_TRY(write_page(f));
    print_text(f);
    return FV_OK;
}

fv_status train_folds(settings *c)
{
    folds f = {.run = NULL};
    fv_status status = series_open(&f.s, c, &kind);
    if (status == FV_OK)
        status = train(&f);
    if (status != FV_OK)
        series_abandon(&f.s);
    for (int64_t k = 0; f.run && k < f.n; k++)
        words_free(&f.run[k].words);
    free(f.run);
    series_close(&f.s);
    return status;
}
