/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fovea grow: from a small network to larger ones, as long as validation says that it pays. A rung pays when it scores
 * better than the best one below it by at least one standard error of that score, sqrt(p (1 - p) / n) of n validation
 * images; a score that is no share must be better by a hundredth. The first rung that does not pay ends it.
 */
#include <fovea/trials.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "amounts.h"
#include "curve.h"
#include "series.h"
#include "show.h"

enum { RUNGS = 32 };

typedef struct rung {
    series_run run;
    char model[4300];
    char name[64];
    int64_t parameters;
    double macs;
    double gain; /* above the best one below it; NaN: the first */
    bool pays;
} rung;

typedef struct ladder {
    series s;
    int64_t images; /* of the validation split */
    int64_t size[3], classes;
    rung rung[RUNGS];
    int n;        /* rungs within the budgets, by multiply-adds */
    int tried;    /* of these, from the first on */
    int chosen;   /* -1: not known yet */
    double error; /* standard error of the best score below the last rung */
    char ended[160];
} ladder;

static const series_kind kind = {.command = "grow",
                                 .root = "runs/grow",
                                 .record = "grow.yaml",
                                 .may_differ = " hours macs params license data-name date "};

/* ---- the rungs ---- */

/* The plain family: by turns twice as wide and one layer deeper. */
static const struct {
    int width, depth;
} plain[] = {{4, 1}, {8, 1}, {8, 2}, {16, 2}, {16, 3}, {32, 3}, {32, 4}, {64, 4}, {64, 5}, {128, 5}};

/* Stages of `depth` convolutions with normalization, each twice as wide as the one before and half as large, down to
 * maps of 4 to 7; then their mean, and a layer for the classes. */
static fv_status write_plain(const ladder *l, int width, int depth, rung *r)
{
    char *text = NULL, file[96];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return FV_ERR_NO_MEMORY;
    snprintf(r->name, sizeof r->name, "plain-w%d-d%d", width, depth);
    fprintf(f, "name: %s\ninput: [%lld, %lld, %lld]\nlayers:\n", r->name, (long long)l->size[0], (long long)l->size[1],
            (long long)l->size[2]);
    int64_t side = l->size[0] < l->size[1] ? l->size[0] : l->size[1];
    for (int stage = 0; stage == 0 || (side >= 8 && stage < 5); stage++) {
        if (stage > 0) {
            fputs("  - max_pool2d: 2\n", f);
            side /= 2;
        }
        for (int k = 0; k < depth; k++)
            fprintf(f,
                    "  - conv2d: {filters: %d, kernel: 3, same: true, bias: false}\n"
                    "  - batch_norm: {activation: relu}\n",
                    width << stage);
    }
    fprintf(f, "  - global_avg_pool\n  - dense: %lld\n", (long long)l->classes);
    fv_status status = fclose(f) == 0 ? FV_OK : FV_ERR_NO_MEMORY;
    snprintf(file, sizeof file, "%s.yaml", r->name);
    snprintf(r->model, sizeof r->model, "%s/%s", l->s.dir, file);
    if (status == FV_OK)
        status = series_write(&l->s, file, text, size);
    free(text);
    return status;
}

static fv_status measure(fv_ctx *ctx, const ladder *l, rung *r)
{
    const settings *c = l->s.c;
    const fv_zoo_options o = {.classes = l->classes,
                              .img_size = {c->img_size[0], c->img_size[1]},
                              .channels = c->in_chans,
                              .dropout = option_given("drop") ? c->drop : -1,
                              .drop_path = drop_path_of(c)};
    fv_model *model = NULL;
    fv_totals cost;
    bool loaded;
    fv_status status = model_open(ctx, c, r->model, &o, &model, &loaded);
    if (status == FV_OK && loaded)
        status = complain(FV_ERR_CONFLICT, "name architectures, or leave --model out",
                          "--model %s: a model file does not grow", r->model);
    if (status == FV_OK)
        status = fv_model_totals(model, &cost);
    if (status == FV_OK) {
        r->macs = cost.macs;
        r->parameters = fv_model_parameters(model);
    }
    fv_model_destroy(&model);
    return status;
}

static int by_cost(const void *a, const void *b)
{
    const rung *x = a, *y = b;
    return x->macs != y->macs ? (x->macs > y->macs ? 1 : -1) : strcmp(x->name, y->name);
}

static fv_status list_named(ladder *l)
{
    for (const char *p = l->s.c->model; *p && l->n < RUNGS;) {
        const size_t size = strcspn(p, ",");
        rung *r = &l->rung[l->n];
        snprintf(r->model, sizeof r->model, "%.*s", (int)size, p);
        const char *slash = strrchr(r->model, '/');
        snprintf(r->name, sizeof r->name, "%.63s", slash ? slash + 1 : r->model);
        l->n += size > 0;
        p += size + (p[size] == ',');
    }
    if (l->n >= 2)
        return FV_OK;
    return complain(FV_ERR_VALUE, "write --model resnet8,resnet20,resnet32, or leave it out for a plain family",
                    "--model %s: one architecture is no ladder", l->s.c->model);
}

/* Those beyond a budget are left out. */
static fv_status keep_affordable(ladder *l)
{
    const settings *c = l->s.c;
    const rung first = l->rung[0];
    int n = 0;
    for (int i = 0; i < l->n; i++)
        if (!(l->rung[i].macs > c->macs) && !((double)l->rung[i].parameters > c->params)) /* NaN: no budget */
            l->rung[n++] = l->rung[i];
    snprintf(l->ended, sizeof l->ended, n < l->n ? "the next one is beyond the budget" : "there is no larger one");
    l->n = n;
    if (n > 0)
        return FV_OK;
    char macs[AMOUNT_MAX], params[AMOUNT_MAX];
    return complain(FV_ERR_OVER_BUDGET, "raise --macs or --params, or make --img-size smaller",
                    "no network is within the budget: the smallest, %s, takes %s multiply-adds and %s parameters",
                    first.name, amount_count(first.macs, macs), amount_count((double)first.parameters, params));
}

static fv_status open_data(fv_ctx *ctx, ladder *l)
{
    settings *c = l->s.c;
    fv_dataset *train = NULL, *val = NULL;
    int64_t h, w, channels;
    fv_status status = data_open(ctx, c, "train", NULL, &train);
    if (status == FV_OK)
        status = data_open(ctx, c, "val", NULL, &val);
    if (status == FV_OK) {
        fv_dataset_size(train, &h, &w, &channels);
        l->images = fv_dataset_count(val);
        l->classes = fv_dataset_classes(train);
        l->size[0] = c->img_size[0] ? c->img_size[0] : h ? h : 64;
        l->size[1] = c->img_size[1] ? c->img_size[1] : w ? w : 64;
        l->size[2] = c->in_chans ? c->in_chans : channels ? channels : 3;
    }
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&train);
    return status;
}

static fv_status plan(fv_ctx *ctx, ladder *l)
{
    FV_TRY(open_data(ctx, l));
    if (strcmp(l->s.c->model, "auto") != 0)
        FV_TRY(list_named(l));
    for (size_t i = 0; strcmp(l->s.c->model, "auto") == 0 && i < sizeof plain / sizeof *plain; i++)
        FV_TRY(write_plain(l, plain[i].width, plain[i].depth, &l->rung[l->n++]));
    for (int i = 0; i < l->n; i++)
        FV_TRY(measure(ctx, l, &l->rung[i]));
    qsort(l->rung, (size_t)l->n, sizeof *l->rung, by_cost);
    FV_TRY(keep_affordable(l));
    for (int i = 0; i < l->n; i++) {
        rung *r = &l->rung[i];
        char *word = NULL;
        snprintf(r->run.name, sizeof r->run.name, "rung-%02d", i + 1);
        r->run.scores.best = NAN;
        if (!words_given(&r->run.words, l->s.c) || asprintf(&word, "--model=%s", r->model) < 0 ||
            !words_set(&r->run.words, word))
            return FV_ERR_NO_MEMORY;
    }
    return FV_OK;
}

/* ---- climbing ---- */

static bool is_share(const rung *r)
{
    return r->run.scores.monitor->metric->percent;
}

/* What a rung must gain above a score. */
static double threshold(const ladder *l, const rung *best)
{
    const double p = best->run.scores.best;
    return is_share(best) ? sqrt(p * (1 - p) / (double)l->images) : fabs(p) / 100;
}

static void judge(ladder *l, int i)
{
    rung *r = &l->rung[i];
    r->gain = NAN;
    r->pays = r->run.state == SERIES_REACHED && isfinite(r->run.scores.best);
    if (l->chosen >= 0) {
        const rung *best = &l->rung[l->chosen];
        const int sign = best->run.scores.monitor->metric->higher_is_better ? 1 : -1;
        l->error = threshold(l, best);
        r->gain = sign * (r->run.scores.best - best->run.scores.best);
        r->pays = r->pays && r->gain >= l->error;
    }
    if (r->pays)
        l->chosen = i;
}

static fv_status tell(const ladder *l, int i)
{
    const rung *r = &l->rung[i];
    char score[64], macs[AMOUNT_MAX];
    if (!r->run.trained)
        return FV_OK;
    note("%s, %s multiply-adds: %s %s%s", r->name, amount_count(r->macs, macs), r->run.scores.monitor->name,
         series_score_text(&r->run, score), i > 0 && !r->pays ? ", which does not pay" : "");
    return series_log(
        &l->s, "rung",
        json_pack("{s:i, s:s, s:f, s:I, s:s, s:o, s:b}", "rung", i + 1, "model", r->name, "macs", r->macs, "parameters",
                  (json_int_t)r->parameters, "state", series_state_name(&r->run, true), r->run.scores.monitor->name,
                  isfinite(r->run.scores.best) ? json_real(r->run.scores.best) : json_null(), "pays", r->pays));
}

static fv_status climb(ladder *l)
{
    double seconds = 0;
    for (int i = 0; i < l->n; i++) {
        rung *r = &l->rung[i];
        series_look(&l->s, &r->run, 0);
        if (r->run.scores.epochs == 0 && seconds >= 3600 * l->s.c->hours) {
            snprintf(l->ended, sizeof l->ended, "--hours %g are over", l->s.c->hours);
            return FV_OK;
        }
        FV_TRY(series_train(&l->s, &r->run, 0, i > 0));
        seconds += isfinite(r->run.scores.seconds) ? r->run.scores.seconds : 0;
        l->tried = i + 1;
        judge(l, i);
        FV_TRY(tell(l, i));
        if (i == 0 || r->pays)
            continue;
        snprintf(l->ended, sizeof l->ended, "%s gains less than %s", r->name,
                 is_share(r) ? "a standard error" : "a hundredth");
        return FV_OK;
    }
    return FV_OK;
}

/* ---- what came of it ---- */

static double scale_of(const ladder *l)
{
    return is_share(&l->rung[0]) ? 100 : 1;
}

static void gain_text(const ladder *l, const rung *r, char text[32])
{
    snprintf(text, 32, "-");
    if (isfinite(r->gain))
        snprintf(text, 32, "%+.2f", r->gain * scale_of(l));
}

static fv_status write_csv(const ladder *l)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return FV_ERR_NO_MEMORY;
    fprintf(f, "rung,model,parameters,macs,state,epochs,%s,gain,pays,seconds\n", l->rung[0].run.scores.monitor->name);
    for (int i = 0; i < l->tried; i++) {
        const rung *r = &l->rung[i];
        fprintf(f, "%d,", i + 1);
        show_csv(f, r->name);
        fprintf(f, ",%lld,%.0f,%s,%lld,", (long long)r->parameters, r->macs, series_state_name(&r->run, true),
                (long long)r->run.scores.epochs);
        fprintf(f, isfinite(r->run.scores.best) ? "%.9g," : ",", r->run.scores.best);
        fprintf(f, isfinite(r->gain) ? "%.6g," : ",", r->gain);
        fprintf(f, "%s,%.1f\n", r->pays ? "yes" : "no", r->run.scores.seconds);
    }
    const fv_status status = fclose(f) == 0 ? series_write(&l->s, "grow.csv", text, size) : (fv_status)FV_ERR_NO_MEMORY;
    free(text);
    return status;
}

/* The score over the cost, as a drawing of its own. */
static fv_status write_drawing(const ladder *l)
{
    double x[RUNGS], y[RUNGS];
    size_t size = 0;
    char about[256];
    const rung *chosen = &l->rung[l->chosen];
    for (int i = 0; i < l->tried; i++) {
        x[i] = l->rung[i].macs;
        y[i] = l->rung[i].run.scores.best * scale_of(l);
    }
    snprintf(about, sizeof about, "%.120s: %lld validation images", l->s.c->data, (long long)l->images);
    const curve drawn = {.title = "Score by cost",
                         .about = about,
                         .x_name = "multiply-adds of an image",
                         .y_name = l->rung[0].run.scores.monitor->name,
                         .x = x,
                         .y = y,
                         .n = l->tried,
                         .log_x = true,
                         .mark = {{chosen->macs, chosen->name}}};
    char *svg = curve_svg(&drawn, &size);
    const fv_status status = svg ? series_write(&l->s, "grow.svg", svg, size) : (fv_status)FV_ERR_NO_MEMORY;
    free(svg);
    return status;
}

enum { C_RUNG, C_MODEL, C_PARAMETERS, C_MACS, C_SCORE, C_GAIN, C_PAYS, COLUMNS };

static fv_status write_page(const ladder *l, const char *command)
{
    const fv_trials_column columns[COLUMNS] = {{.name = "rung"},
                                               {.name = "model"},
                                               {.name = "parameters"},
                                               {.name = "thousand multiply-adds"},
                                               {.name = l->rung[0].run.scores.monitor->name},
                                               {.name = "gain"},
                                               {.name = "pays"}};
    char about[512], path[4300], texts[RUNGS][4][32], scores[RUNGS][64];
    fv_trials_cell cells[RUNGS][COLUMNS];
    fv_ctx *ctx = NULL;
    for (int i = 0; i < l->tried; i++) {
        const rung *r = &l->rung[i];
        snprintf(texts[i][0], 32, "%d", i + 1);
        snprintf(texts[i][1], 32, "%lld", (long long)r->parameters);
        snprintf(texts[i][2], 32, "%.0f", r->macs / 1e3);
        gain_text(l, r, texts[i][3]);
        cells[i][C_RUNG] = (fv_trials_cell){texts[i][0], i + 1};
        cells[i][C_MODEL] = (fv_trials_cell){r->name, NAN};
        cells[i][C_PARAMETERS] = (fv_trials_cell){texts[i][1], (double)r->parameters};
        cells[i][C_MACS] = (fv_trials_cell){texts[i][2], r->macs / 1e3};
        cells[i][C_SCORE] = (fv_trials_cell){series_score_text(&r->run, scores[i]), r->run.scores.best * scale_of(l)};
        cells[i][C_GAIN] = (fv_trials_cell){texts[i][3], r->gain};
        cells[i][C_PAYS] = (fv_trials_cell){i == 0 ? "" : r->pays ? "yes" : "no", NAN};
    }
    snprintf(about, sizeof about, "%.300s, %lld validation images. Ended: %s.", l->s.c->data, (long long)l->images,
             l->ended);
    const fv_trials_fact facts[] = {{"chosen", l->rung[l->chosen].name}, {"command", command}};
    const fv_trials_page page = {
        .title = "How large a network pays",
        .about = about,
        .facts = facts,
        .n_facts = 2,
        .columns = columns,
        .n_columns = COLUMNS,
        .cells = cells[0],
        .n_rows = l->tried,
        .best = l->chosen,
        .score = C_SCORE,
        .higher = l->rung[0].run.scores.monitor->metric->higher_is_better,
        .curve_x = C_MACS,
        .note = "A rung pays when it scores better than the best one below it by at least one standard error of that "
                "score, sqrt(p (1 - p) / n); the first that does not ends the ladder."};
    snprintf(path, sizeof path, "%s/report.html", l->s.dir);
    FV_TRY(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx));
    const fv_status status = report(ctx, fv_trials_write_html(ctx, &page, path));
    fv_ctx_destroy(&ctx);
    return status;
}

static void print_text(const ladder *l, const char *command)
{
    char params[AMOUNT_MAX], macs[AMOUNT_MAX], score[64], gain[32];
    printf("%4s %-22s %10s %14s %10s %8s  %s\n", "rung", "model", "parameters", "multiply-adds",
           l->rung[0].run.scores.monitor->name, "gain", "pays");
    for (int i = 0; i < l->tried; i++) {
        const rung *r = &l->rung[i];
        gain_text(l, r, gain);
        printf("%4d %-22.22s %10s %14s %10s %8s  %s\n", i + 1, r->name, amount_count((double)r->parameters, params),
               amount_count(r->macs, macs), series_score_text(&r->run, score), gain,
               i == 0    ? ""
               : r->pays ? "yes"
                         : "no");
    }
    printf("ended: %s\nchosen: %s\ncommand: %s\nweights: %s/%s/weights/best.safetensors\nreport: %s/report.html\n",
           l->ended, l->rung[l->chosen].name, command, l->s.dir, l->rung[l->chosen].run.name, l->s.dir);
}

static void print_json(const ladder *l, const char *command)
{
    char weights[4300];
    json_t *list = json_array();
    for (int i = 0; i < l->tried; i++) {
        const rung *r = &l->rung[i];
        json_array_append_new(list,
                              json_pack("{s:i, s:o, s:I, s:f, s:s, s:o, s:o, s:b}", "rung", i + 1, "model",
                                        show_json(r->name), "parameters", (json_int_t)r->parameters, "macs", r->macs,
                                        "state", series_state_name(&r->run, true), "score",
                                        isfinite(r->run.scores.best) ? json_real(r->run.scores.best) : json_null(),
                                        "gain", isfinite(r->gain) ? json_real(r->gain) : json_null(), "pays", r->pays));
    }
    snprintf(weights, sizeof weights, "%s/%s/weights/best.safetensors", l->s.dir, l->rung[l->chosen].run.name);
    json_t *root = json_pack("{s:o, s:s, s:I, s:o, s:s, s:o, s:o, s:o}", "folder", show_json(l->s.dir), "monitor",
                             l->rung[0].run.scores.monitor->name, "images", (json_int_t)l->images, "chosen",
                             show_json(l->rung[l->chosen].name), "ended", l->ended, "command", show_json(command),
                             "weights", show_json(weights), "rungs", list);
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

/* Where nothing was learned the smallest network is no finding. */
static void doubt(const ladder *l)
{
    const rung *r = &l->rung[l->chosen];
    const double guess = 1 / (double)l->classes, score = r->run.scores.best;
    if (strcmp(r->run.scores.monitor->name, "val_top1") == 0 &&
        score <= guess + 2 * sqrt(guess * (1 - guess) / (double)l->images))
        note("%s is no better than guessing (%.3g %%), so this says nothing about sizes: longer runs, or another rate "
             "(`fovea lr-find`)",
             r->name, 100 * guess);
}

static fv_status conclude(const ladder *l)
{
    if (l->chosen < 0)
        return complain(FV_ERR_DIVERGED, "`fovea sanity` with these settings looks for a cause",
                        "%s: no network has a score that is finite", l->s.dir);
    char *command = words_command(&l->rung[l->chosen].run.words);
    fv_status status = command ? write_csv(l) : (fv_status)FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = write_drawing(l);
    if (status == FV_OK)
        status = write_page(l, command);
    if (status == FV_OK)
        l->s.c->json ? print_json(l, command) : print_text(l, command);
    if (status == FV_OK)
        doubt(l);
    free(command);
    return status;
}

static fv_status grow(ladder *l)
{
    fv_ctx *ctx = NULL;
    FV_TRY(series_check_validation(&l->s));
    if (l->s.c->weights)
        return complain(FV_ERR_CONFLICT, "leave it out", "--weights: each network of a ladder starts anew");
    FV_TRY(context_open(l->s.c, &ctx));
    const fv_status status = report(ctx, plan(ctx, l));
    fv_ctx_destroy(&ctx);
    FV_TRY(status);
    series_tell(&l->s);
    FV_TRY(climb(l));
    return conclude(l);
}

fv_status verb_grow(settings *c)
{
    ladder *l = calloc(1, sizeof *l);
    if (!l)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the ladder");
    l->chosen = -1;
    fv_status status = series_open(&l->s, c, &kind);
    if (status == FV_OK)
        status = grow(l);
    if (status != FV_OK)
        series_abandon(&l->s);
    for (int i = 0; i < RUNGS; i++)
        words_free(&l->rung[i].run.words);
    series_close(&l->s);
    free(l);
    return status;
}
