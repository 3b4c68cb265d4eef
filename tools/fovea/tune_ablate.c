/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fovea tune --ablate augment: each step of the augmentation left out in turn, others added in turn, each with several
 * seeds. A seed has one validation set, one start and one order for all variants, so that differences are taken seed by
 * seed, and are told from noise by their spread.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "augment_text.h"
#include "options.h"
#include "show.h"
#include "tune.h"

enum { STEPS = 16, VARIANTS = 2 * STEPS + 2, TEXT = 4096 };

typedef struct variant {
    char name[160];
    char augment[TEXT];
    bool added;          /* a step is there that the recipe lacks; else one is left out, or all */
    series_run *run;     /* one for each seed */
    fv_mean score, gain; /* of the variant above the recipe, by seed; better is above 0 */
    const char *verdict;
} variant;

typedef struct ablation {
    series s;
    int64_t seeds;
    int64_t epochs;
    variant variant[VARIANTS];
    int n;
} ablation;

/* ---- recipes ---- */

/* The steps of a text, each without blanks around it; how many. */
static int split_steps(const char *text, char steps[STEPS][TEXT])
{
    int n = 0;
    while (*text && n < STEPS) {
        const size_t size = strcspn(text, ";,");
        const size_t begin = strspn(text, " \t\n") < size ? strspn(text, " \t\n") : size;
        snprintf(steps[n], TEXT, "%.*s", (int)(size - begin), text + begin);
        for (size_t k = strlen(steps[n]); k > 0 && strchr(" \t\n", steps[n][k - 1]);)
            steps[n][--k] = '\0';
        n += steps[n][0] && strcmp(steps[n], "none") != 0;
        text += size + (text[size] != '\0');
    }
    return n;
}

static void join_steps(char steps[STEPS][TEXT], int n, int without, const char *with, char text[TEXT])
{
    text[0] = '\0';
    for (int i = 0; i < n; i++)
        if (i != without)
            snprintf(text + strlen(text), TEXT - strlen(text), "%s%s", text[0] ? "; " : "", steps[i]);
    if (with)
        snprintf(text + strlen(text), TEXT - strlen(text), "%s%s", text[0] ? "; " : "", with);
    if (!text[0])
        snprintf(text, TEXT, "none");
}

/* The steps of the first run, its flags among them, as its args.yaml has them. */
static fv_status recipe_of(const ablation *a, char text[TEXT])
{
    char path[4300], *steps = NULL;
    settings c;
    help_kind help;
    snprintf(path, sizeof path, "%s/%s/args.yaml", a->s.dir, a->variant[0].run[0].name);
    if (!options_push())
        return FV_ERR_NO_MEMORY;
    fv_status status = options_read(&verbs[0], 0, NULL, &c, &help);
    if (status == FV_OK)
        status = options_read_recipe(&verbs[0], path, &c);
    if (status == FV_OK)
        status = augment_text(&c, &steps);
    snprintf(text, TEXT, "%s", steps ? steps : "");
    free(steps);
    options_pop();
    return status;
}

/* The steps behind "augment=". */
static const char *asked_steps(const settings *c)
{
    return c->ablate[7] == '=' ? c->ablate + 8 : "";
}

static fv_status check_asked(const settings *c)
{
    fv_ctx *ctx = NULL;
    fv_augment *augment = NULL;
    if (strncmp(c->ablate, "augment", 7) != 0 || (c->ablate[7] != '\0' && c->ablate[7] != '='))
        return complain(FV_ERR_VALUE, "write --ablate augment, or --ablate 'augment=hflip; rotate'",
                        "--ablate: found '%s', expected augment, or augment=STEPS to add in turn", c->ablate);
    static const char *const idle[] = {"trials", "space", "reduction", "hours"};
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (option_given(idle[i]))
            return complain(FV_ERR_CONFLICT, "drop one of the two",
                            "--%s has no effect here: --ablate trains what is left out or added in turn", idle[i]);
    FV_TRY(context_open(c, &ctx));
    const fv_status status = report(ctx, fv_augment_create(ctx, asked_steps(c), &augment));
    fv_augment_destroy(&augment);
    fv_ctx_destroy(&ctx);
    return status;
}

/* ---- runs ---- */

static fv_status no_memory(void)
{
    return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the runs");
}

static void free_runs(ablation *a, int v)
{
    for (int64_t k = 0; a->variant[v].run && k < a->seeds; k++)
        words_free(&a->variant[v].run[k].words);
    free(a->variant[v].run);
    a->variant[v].run = NULL;
}

/* The words of a variant's runs: what was given, its steps in the place of all that changes images, and the seed. */
static fv_status make_runs(ablation *a, int v)
{
    static const char *const flags[] = {"augment", "scale",      "ratio",   "aa",        "color-jitter", "crop-pad",
                                        "hflip",   "vflip",      "degrees", "translate", "shear",        "perspective",
                                        "lens",    "pca-jitter", "reprob",  "mixup",     "cutmix"};
    variant *x = &a->variant[v];
    x->run = calloc((size_t)a->seeds, sizeof *x->run);
    for (int64_t k = 0; x->run && k < a->seeds; k++) {
        char *word[3] = {NULL, NULL, NULL};
        words *w = &x->run[k].words;
        snprintf(x->run[k].name, sizeof x->run[k].name, "variant-%02d-seed-%lld", v, (long long)(a->s.c->fit.seed + k));
        x->run[k].scores.best = NAN;
        if (!words_given(w, a->s.c) || asprintf(&word[0], "--seed=%lld", (long long)(a->s.c->fit.seed + k)) < 0 ||
            !words_set(w, word[0]))
            return no_memory();
        if (v == 0 && k == 0)
            continue; /* from it follows what the others have */
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
            words_drop(w, flags[i]);
        if (asprintf(&word[1], "--augment=%s", x->augment) < 0 || !words_set(w, word[1]) ||
            asprintf(&word[2], "--epochs=%lld", (long long)a->epochs) < 0 || !words_set(w, word[2]))
            return no_memory();
    }
    return x->run ? FV_OK : no_memory();
}

static fv_status train(ablation *a, int v, int64_t k)
{
    variant *x = &a->variant[v];
    series_run *run = &x->run[k];
    char score[64];
    FV_TRY(series_train(&a->s, run, 0, v > 0 || k > 0));
    if (!run->trained)
        return FV_OK;
    note("%s, seed %lld: %s %s", x->name, (long long)(a->s.c->fit.seed + k), run->scores.monitor->name,
         series_score_text(run, score));
    return series_log(&a->s, "trial",
                      json_pack("{s:s, s:s, s:I, s:s, s:o}", "variant", x->name, "augment", x->augment, "seed",
                                (json_int_t)(a->s.c->fit.seed + k), "state", series_state_name(run, true),
                                run->scores.monitor->name,
                                isfinite(run->scores.best) ? json_real(run->scores.best) : json_null()));
}

/* The first run decides epochs and recipe; then the variants are known. */
static fv_status train_first(ablation *a)
{
    char text[64];
    variant *x = &a->variant[0];
    a->n = 1;
    snprintf(x->name, sizeof x->name, "as given");
    FV_TRY(make_runs(a, 0));
    FV_TRY(train(a, 0, 0));
    series_setting(&a->s, &x->run[0], "epochs", text, sizeof text);
    a->epochs = strtoll(text, NULL, 10);
    return recipe_of(a, x->augment);
}

static fv_status plan_variants(ablation *a)
{
    static char steps[STEPS][TEXT], more[STEPS][TEXT];
    const int n = split_steps(a->variant[0].augment, steps), m = split_steps(asked_steps(a->s.c), more);
    if (n + m == 0)
        return complain(FV_ERR_CONFLICT, "name steps to add in turn: --ablate 'augment=hflip; rotate degrees=10'",
                        "--ablate augment: the runs have no augmentation, so that there is nothing to leave out");
    join_steps(steps, n, -1, NULL, a->variant[0].augment);
    free_runs(a, 0);
    for (int i = 0; i < n; i++) {
        variant *x = &a->variant[a->n++];
        snprintf(x->name, sizeof x->name, "without %.140s", steps[i]);
        join_steps(steps, n, i, NULL, x->augment);
    }
    if (n > 1) {
        snprintf(a->variant[a->n].name, sizeof a->variant[0].name, "without all");
        join_steps(steps, 0, -1, NULL, a->variant[a->n++].augment);
    }
    for (int i = 0; i < m; i++) {
        variant *x = &a->variant[a->n++];
        snprintf(x->name, sizeof x->name, "with %.140s", more[i]);
        join_steps(steps, n, -1, more[i], x->augment);
        x->added = true;
    }
    for (int v = 0; v < a->n; v++)
        FV_TRY(make_runs(a, v));
    return FV_OK;
}

/* ---- what came of it ---- */

static fv_status judge(ablation *a)
{
    double *score = calloc(2 * (size_t)a->seeds, sizeof *score), *gain = score ? score + a->seeds : NULL;
    if (!score)
        return no_memory();
    for (int v = 0; v < a->n; v++) {
        variant *x = &a->variant[v];
        const int sign = x->run[0].scores.monitor->metric->higher_is_better ? 1 : -1;
        for (int64_t k = 0; k < a->seeds; k++) {
            const series_run *run = &x->run[k];
            score[k] = run->state == SERIES_REACHED ? run->scores.best : NAN;
            gain[k] = sign * (score[k] - a->variant[0].run[k].scores.best);
        }
        fv_mean_of(score, a->seeds, &x->score);
        fv_mean_of(gain, a->seeds, &x->gain);
        const bool sure = x->gain.n > 1 && fabs(x->gain.mean) > x->gain.margin;
        x->verdict = v == 0 ? "" : !sure ? "no more than noise" : (x->gain.mean > 0) == x->added ? "helps" : "hurts";
    }
    free(score);
    return FV_OK;
}

static double scale_of(const ablation *a)
{
    return a->variant[0].run[0].scores.monitor->metric->percent ? 100 : 1;
}

static void number_text(double value, double scale, bool sign, char text[32])
{
    snprintf(text, 32, "-");
    if (isfinite(value))
        snprintf(text, 32, sign ? "%+.2f" : "%.2f", value * scale);
}

static fv_status write_csv(const ablation *a)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return FV_ERR_NO_MEMORY;
    fprintf(f, "variant,augment,seeds,%s,deviation,gain,margin,verdict", a->variant[0].run[0].scores.monitor->name);
    for (int64_t k = 0; k < a->seeds; k++)
        fprintf(f, ",seed_%lld", (long long)(a->s.c->fit.seed + k));
    fputc('\n', f);
    for (int v = 0; v < a->n; v++) {
        const variant *x = &a->variant[v];
        show_csv(f, x->name);
        fputc(',', f);
        show_csv(f, x->augment);
        fprintf(f, ",%lld", (long long)x->score.n);
        const double numbers[] = {x->score.mean, x->score.deviation, v ? x->gain.mean : NAN, v ? x->gain.margin : NAN};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            fprintf(f, isfinite(numbers[i]) ? ",%.6g" : ",", numbers[i]);
        fprintf(f, ",%s", x->verdict);
        for (int64_t k = 0; k < a->seeds; k++)
            fprintf(f, isfinite(x->run[k].scores.best) ? ",%.9g" : ",", x->run[k].scores.best);
        fputc('\n', f);
    }
    fv_status status = fclose(f) == 0 ? series_write(&a->s, "ablation.csv", text, size) : (fv_status)FV_ERR_NO_MEMORY;
    free(text);
    return status;
}

enum { C_NAME, C_SCORE, C_DEVIATION, C_GAIN, C_MARGIN, C_VERDICT, C_AUGMENT, COLUMNS };

static fv_status write_page(const ablation *a)
{
    static char texts[VARIANTS][4][32];
    static fv_trials_cell cells[VARIANTS][COLUMNS];
    const fv_trials_column columns[COLUMNS] = {
        {.name = "variant"},     {.name = a->variant[0].run[0].scores.monitor->name},
        {.name = "deviation"},   {.name = "gain"},
        {.name = "\xC2\xB1"},    {.name = "the step"},
        {.name = "augmentation"}};
    char about[512], path[4300];
    fv_ctx *ctx = NULL;
    for (int v = 0; v < a->n; v++) {
        const variant *x = &a->variant[v];
        const double numbers[4] = {x->score.mean, x->score.deviation, v ? x->gain.mean : NAN, v ? x->gain.margin : NAN};
        cells[v][C_NAME] = (fv_trials_cell){x->name, NAN};
        for (int i = 0; i < 4; i++) {
            number_text(numbers[i], scale_of(a), i == 2, texts[v][i]);
            cells[v][C_SCORE + i] = (fv_trials_cell){texts[v][i], numbers[i]};
        }
        cells[v][C_VERDICT] = (fv_trials_cell){x->verdict, NAN};
        cells[v][C_AUGMENT] = (fv_trials_cell){x->augment, NAN};
    }
    snprintf(about, sizeof about, "%.300s: %lld seeds each, %lld epochs.", a->s.c->data, (long long)a->seeds,
             (long long)a->epochs);
    const fv_trials_page page = {
        .title = "What each step of the augmentation brings",
        .about = about,
        .columns = columns,
        .n_columns = COLUMNS,
        .cells = cells[0],
        .n_rows = a->n,
        .best = -1,
        .score = -1,
        .curve_x = -1,
        .mean = C_GAIN,
        .margin = C_MARGIN,
        .note = "Gain: how much better the variant is than the recipe as given, seed by seed; the true one is within "
                "the number behind \xC2\xB1 of it (95 %, Student's t). A step helps where leaving it out loses more "
                "than that."};
    snprintf(path, sizeof path, "%s/report.html", a->s.dir);
    FV_TRY(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx));
    const fv_status status = report(ctx, fv_trials_write_html(ctx, &page, path));
    fv_ctx_destroy(&ctx);
    return status;
}

static void print_text(const ablation *a)
{
    printf("%-36s %5s %9s %9s %9s %9s  %s\n", "variant", "seeds", a->variant[0].run[0].scores.monitor->name,
           "deviation", "gain", "+-", "the step");
    for (int v = 0; v < a->n; v++) {
        const variant *x = &a->variant[v];
        char text[4][32];
        number_text(x->score.mean, scale_of(a), false, text[0]);
        number_text(x->score.deviation, scale_of(a), false, text[1]);
        number_text(v ? x->gain.mean : NAN, scale_of(a), true, text[2]);
        number_text(v ? x->gain.margin : NAN, scale_of(a), false, text[3]);
        printf("%-36s %5lld %9s %9s %9s %9s  %s\n", x->name, (long long)x->score.n, text[0], text[1], text[2], text[3],
               x->verdict);
    }
    printf("table: %s/ablation.csv\nreport: %s/report.html\n", a->s.dir, a->s.dir);
}

static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void print_json(const ablation *a)
{
    json_t *list = json_array();
    for (int v = 0; v < a->n; v++) {
        const variant *x = &a->variant[v];
        json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:s}", "variant", show_json(x->name),
                                              "augment", show_json(x->augment), "seeds", (json_int_t)x->score.n, "mean",
                                              real_or_null(x->score.mean), "deviation",
                                              real_or_null(x->score.deviation), "gain", real_or_null(x->gain.mean),
                                              "margin", real_or_null(x->gain.margin), "step", x->verdict));
    }
    json_t *root = json_pack("{s:o, s:s, s:o}", "folder", show_json(a->s.dir), "monitor",
                             a->variant[0].run[0].scores.monitor->name, "variants", list);
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

static fv_status conclude(ablation *a)
{
    FV_TRY(judge(a));
    FV_TRY(write_csv(a));
    FV_TRY(write_page(a));
    a->s.c->json ? print_json(a) : print_text(a);
    return FV_OK;
}

static fv_status ablate(ablation *a)
{
    FV_TRY(check_asked(a->s.c));
    FV_TRY(series_check_validation(&a->s));
    series_tell(&a->s);
    FV_TRY(train_first(a));
    FV_TRY(plan_variants(a));
    for (int64_t k = 0; k < a->seeds; k++)
        for (int v = 0; v < a->n; v++)
            FV_TRY(train(a, v, k));
    return conclude(a);
}

fv_status tune_ablate(series *s)
{
    ablation *a = calloc(1, sizeof *a);
    if (!a)
        return no_memory();
    a->s = *s;
    a->seeds = s->c->repeats;
    const fv_status status = ablate(a);
    for (int v = 0; v < a->n; v++)
        free_runs(a, v);
    free(a);
    return status;
}
