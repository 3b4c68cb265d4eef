/* SPDX-License-Identifier: Apache-2.0 */
/* What fovea tune has found: trials.csv, report.html, and the result. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "tune.h"

/* Columns before and behind those of the settings. */
enum { C_TRIAL, C_STATE, C_EPOCHS, C_SCORE, C_AT, BEFORE };

const char *tune_value(const tune *t, int64_t i, const tune_item *item, char *text, size_t size)
{
    const words *w = &t->trial[i].run.words;
    const size_t n = strlen(item->row->key);
    text[0] = '\0';
    for (int k = 0; k < w->count; k++)
        if (strncmp(w->word[k] + 2, item->row->key, n) == 0 && w->word[k][n + 2] == '=')
            snprintf(text, size, "%s", w->word[k] + n + 3);
    if (i > 0 || text[0])
        return text;
    series_setting(&t->s, &t->trial[0].run, item->row->key, text, size);
    if (!text[0] && item->row->kind == FV_SETTING_TEXT)
        snprintf(text, size, "none");
    return text;
}

static const char *state_of(const tune *t, int64_t i)
{
    return series_state_name(&t->trial[i].run, t->trial[i].rung + 1 == t->n_rungs);
}

/* ---- trials.csv: everything but the last column is a function of what was asked for ---- */

static fv_status write_csv(const tune *t)
{
    char *text = NULL, value[4096];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return FV_ERR_NO_MEMORY;
    fprintf(f, "trial,state,epochs,%s,best_epoch", t->trial[0].run.scores.monitor->name);
    for (int k = 0; k < t->space.count; k++)
        fprintf(f, ",%s", t->space.item[k].row->key);
    fputs(",seconds\n", f);
    for (int64_t i = 0; i < t->n; i++) {
        const run_scores *s = &t->trial[i].run.scores;
        fprintf(f, "%lld,%s,%lld,", (long long)i, state_of(t, i), (long long)s->epochs);
        if (isfinite(s->best))
            fprintf(f, "%.9g,%lld", s->best, (long long)s->best_epoch);
        else
            fputc(',', f);
        for (int k = 0; k < t->space.count; k++) {
            fputc(',', f);
            show_csv(f, tune_value(t, i, &t->space.item[k], value, sizeof value));
        }
        fprintf(f, ",%.1f\n", s->seconds);
    }
    fv_status status = fclose(f) == 0 ? series_write(&t->s, "trials.csv", text, size) : (fv_status)FV_ERR_NO_MEMORY;
    free(text);
    return status;
}

/* ---- report.html ---- */

typedef struct page {
    fv_trials_column *column;
    fv_trials_cell *cell;
    char **text;
    int n_texts;
    bool failed;
} page;

static const char *keep(page *p, char *text)
{
    if (!text) {
        p->failed = true;
        return "";
    }
    p->text[p->n_texts++] = text;
    return text;
}

static fv_trials_cell number_cell(page *p, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    const bool number = end != text && *end == '\0';
    return (fv_trials_cell){keep(p, strdup(text)), number ? value : NAN};
}

static void fill_row(const tune *t, page *p, int64_t i, int n_columns)
{
    fv_trials_cell *c = p->cell + i * n_columns;
    const run_scores *s = &t->trial[i].run.scores;
    const bool percent = s->monitor && s->monitor->metric->percent;
    char text[4096], score[64];
    snprintf(text, sizeof text, "%lld", (long long)i);
    c[C_TRIAL] = number_cell(p, text);
    c[C_STATE] = (fv_trials_cell){state_of(t, i), NAN};
    snprintf(text, sizeof text, "%lld", (long long)s->epochs);
    c[C_EPOCHS] = number_cell(p, text);
    c[C_SCORE] =
        (fv_trials_cell){keep(p, strdup(series_score_text(&t->trial[i].run, score))), s->best * (percent ? 100 : 1)};
    if (!isfinite(s->best))
        c[C_SCORE].text = "";
    snprintf(text, sizeof text, "%lld", (long long)s->best_epoch);
    c[C_AT] = number_cell(p, s->best_epoch ? text : "");
    for (int k = 0; k < t->space.count; k++) {
        const tune_item *item = &t->space.item[k];
        c[BEFORE + k] = number_cell(p, tune_value(t, i, item, text, sizeof text));
        if (item->n_choices > 0)
            c[BEFORE + k].value = NAN; /* choices stand apart, however near they are */
    }
    snprintf(text, sizeof text, "%.1f", s->seconds);
    c[BEFORE + t->space.count] = number_cell(p, s->epochs ? text : "");
}

static void fill_columns(const tune *t, page *p, int n_columns)
{
    static const char *const names[BEFORE] = {"trial", "state", "epochs", NULL, "best epoch"};
    for (int k = 0; k < BEFORE; k++)
        p->column[k].name = names[k];
    p->column[C_SCORE].name = t->trial[0].run.scores.monitor->name;
    p->column[C_SCORE].axis = true;
    for (int k = 0; k < t->space.count; k++)
        p->column[BEFORE + k] = (fv_trials_column){t->space.item[k].row->key, true, t->space.item[k].log};
    p->column[n_columns - 1].name = "seconds";
}

static fv_status write_page(const tune *t, const char *command)
{
    const int n_columns = BEFORE + t->space.count + 1;
    char about[512], rungs[128] = "", path[4300], score[2][64], weights[4300], best[256];
    page p = {.column = calloc((size_t)n_columns, sizeof *p.column),
              .cell = calloc((size_t)(t->n * n_columns), sizeof *p.cell),
              .text = calloc((size_t)(t->n * n_columns), sizeof *p.text)};
    fv_ctx *ctx = NULL;
    fv_status status = p.column && p.cell && p.text ? FV_OK : FV_ERR_NO_MEMORY;
    for (int r = 0; r < t->n_rungs; r++)
        snprintf(rungs + strlen(rungs), sizeof rungs - strlen(rungs), "%s%lld", r ? ", " : "", (long long)t->rungs[r]);
    snprintf(about, sizeof about,
             "%lld trials on %.300s; compared behind %s epochs. Trial 0 has the settings as given.", (long long)t->n,
             t->s.c->data, rungs);
    if (status == FV_OK) {
        fill_columns(t, &p, n_columns);
        for (int64_t i = 0; i < t->n; i++)
            fill_row(t, &p, i, n_columns);
        status = p.failed ? FV_ERR_NO_MEMORY : FV_OK;
    }
    fv_trials_fact facts[3] = {{"best", best}, {"command", command}, {"weights", weights}};
    if (t->best >= 0) {
        snprintf(best, sizeof best, "trial %lld: %s %s; as given: %s", (long long)t->best,
                 t->trial[0].run.scores.monitor->name, series_score_text(&t->trial[t->best].run, score[0]),
                 series_score_text(&t->trial[0].run, score[1]));
        snprintf(weights, sizeof weights, "%s/%s/weights/best.safetensors", t->s.dir, t->trial[t->best].run.name);
    }
    const fv_trials_page shown = {.title = "Search of settings",
                                  .about = about,
                                  .facts = facts,
                                  .n_facts = t->best >= 0 ? 3 : 0,
                                  .columns = p.column,
                                  .n_columns = n_columns,
                                  .cells = p.cell,
                                  .n_rows = t->n,
                                  .best = t->best,
                                  .score = C_SCORE,
                                  .higher = t->trial[0].run.scores.monitor->metric->higher_is_better,
                                  .curve_x = -1,
                                  .note = "Scores are the best of all epochs so far, on the validation images by which "
                                          "trials were chosen: on other images expect a little less of the best one."};
    snprintf(path, sizeof path, "%s/report.html", t->s.dir);
    if (status == FV_OK)
        status = fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx);
    if (status == FV_OK)
        status = report(ctx, fv_trials_write_html(ctx, &shown, path));
    fv_ctx_destroy(&ctx);
    while (p.n_texts > 0)
        free(p.text[--p.n_texts]);
    free(p.text);
    free(p.cell);
    free(p.column);
    return status;
}

fv_status tune_write(const tune *t)
{
    char *command = t->best >= 0 ? words_command(&t->trial[t->best].run.words) : NULL;
    fv_status status = write_csv(t);
    if (status == FV_OK && t->best >= 0 && !command)
        status = FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = write_page(t, command);
    free(command);
    return status;
}

/* ---- the result ---- */

/* Best first: how far a trial came, then its score, then its number. */
static int64_t next_row(const tune *t, const bool *printed)
{
    const int sign = t->trial[0].run.scores.monitor->metric->higher_is_better ? 1 : -1;
    int64_t best = -1;
    for (int64_t i = 0; i < t->n; i++) {
        if (printed[i])
            continue;
        const tune_trial *a = &t->trial[i], *b = best < 0 ? NULL : &t->trial[best];
        const bool better = !b || a->rung > b->rung ||
                            (a->rung == b->rung && isfinite(a->run.scores.best) &&
                             (!isfinite(b->run.scores.best) || sign * (a->run.scores.best - b->run.scores.best) > 0));
        best = better ? i : best;
    }
    return best;
}

static void print_row(const tune *t, int64_t i)
{
    char score[64], value[4096];
    printf("%5lld %-11s %6lld %10s ", (long long)i, state_of(t, i), (long long)t->trial[i].run.scores.epochs,
           series_score_text(&t->trial[i].run, score));
    for (int k = 0; k < t->space.count; k++) {
        tune_value(t, i, &t->space.item[k], value, sizeof value);
        if (value[0]) {
            printf(" %s=", t->space.item[k].row->key);
            show_text(stdout, value);
        }
    }
    putchar('\n');
}

static fv_status print_text(const tune *t, const char *command)
{
    char score[2][64];
    bool *printed = calloc((size_t)t->n, sizeof *printed);
    if (!printed)
        return FV_ERR_NO_MEMORY;
    printf("%5s %-11s %6s %10s  settings\n", "trial", "state", "epochs", t->trial[0].run.scores.monitor->name);
    for (int64_t n = 0; n < t->n; n++) {
        const int64_t i = next_row(t, printed);
        printed[i] = true;
        print_row(t, i);
    }
    free(printed);
    printf("best: trial %lld, %s %s; as given: %s\n", (long long)t->best, t->trial[0].run.scores.monitor->name,
           series_score_text(&t->trial[t->best].run, score[0]), series_score_text(&t->trial[0].run, score[1]));
    printf("command: %s\n", command);
    printf("weights: %s/%s/weights/best.safetensors\n", t->s.dir, t->trial[t->best].run.name);
    printf("report: %s/report.html\n", t->s.dir);
    return FV_OK;
}

static json_t *trial_json(const tune *t, int64_t i)
{
    char value[4096];
    const run_scores *s = &t->trial[i].run.scores;
    json_t *set = json_object();
    for (int k = 0; k < t->space.count; k++) {
        tune_value(t, i, &t->space.item[k], value, sizeof value);
        if (value[0])
            json_object_set_new(set, t->space.item[k].row->key, show_json(value));
    }
    return json_pack("{s:I, s:s, s:I, s:o, s:I, s:o, s:f}", "trial", (json_int_t)i, "state", state_of(t, i), "epochs",
                     (json_int_t)s->epochs, "score", isfinite(s->best) ? json_real(s->best) : json_null(), "best_epoch",
                     (json_int_t)s->best_epoch, "settings", set, "seconds", s->seconds);
}

static void print_json(const tune *t, const char *command)
{
    char weights[4300];
    json_t *list = json_array();
    snprintf(weights, sizeof weights, "%s/%s/weights/best.safetensors", t->s.dir, t->trial[t->best].run.name);
    for (int64_t i = 0; i < t->n; i++)
        json_array_append_new(list, trial_json(t, i));
    json_t *root = json_pack("{s:o, s:s, s:I, s:o, s:o, s:o}", "folder", show_json(t->s.dir), "monitor",
                             t->trial[0].run.scores.monitor->name, "best", (json_int_t)t->best, "command",
                             show_json(command), "weights", show_json(weights), "trials", list);
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

fv_status tune_print(const tune *t)
{
    fv_status status = FV_OK;
    if (t->best < 0)
        return complain(FV_ERR_DIVERGED, "`fovea sanity` with these settings looks for a cause",
                        "%s: no trial has a score that is finite", t->s.dir);
    char *command = words_command(&t->trial[t->best].run.words);
    if (!command)
        return FV_ERR_NO_MEMORY;
    if (t->s.c->json)
        print_json(t, command);
    else
        status = print_text(t, command);
    free(command);
    return status;
}
