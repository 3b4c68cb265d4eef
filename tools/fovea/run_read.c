/* SPDX-License-Identifier: Apache-2.0 */
#include "run_read.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { LINE = 4096 };

/* ---- args.yaml ---- */

/* `key: value` of the top level. */
static bool read_setting(const char *line, run_setting *s)
{
    const size_t colon = strcspn(line, ":\n");
    if (line[0] == '#' || line[0] == ' ' || line[colon] != ':' || colon == 0 || colon >= sizeof s->key)
        return false;
    snprintf(s->key, sizeof s->key, "%.*s", (int)colon, line);
    const char *value = line + colon + 1 + strspn(line + colon + 1, " \"");
    snprintf(s->value, sizeof s->value, "%.*s", (int)strcspn(value, "\"\n"), value);
    return true;
}

static bool read_settings(const char *path, run *r)
{
    char line[LINE];
    FILE *f = fopen(path, "r");
    bool ok = true;
    while (f && ok && fgets(line, sizeof line, f)) {
        run_setting *more = realloc(r->settings, (size_t)(r->n_settings + 1) * sizeof *more);
        ok = more != NULL;
        r->settings = more ? more : r->settings;
        if (ok)
            r->n_settings += read_setting(line, &more[r->n_settings]);
    }
    if (f)
        fclose(f);
    return ok;
}

const char *run_setting_of(const run *r, const char *key)
{
    for (int i = 0; i < r->n_settings; i++)
        if (strcmp(r->settings[i].key, key) == 0)
            return r->settings[i].value;
    return "";
}

bool run_is_place(const char *key)
{
    static const char *const keys[] = {"experiment", "output", "directory"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* ---- results.csv ---- */

static void read_header(const char *line, run *r)
{
    while (*line && *line != '\n' && r->n_columns < RUN_COLUMNS) {
        const size_t n = strcspn(line, ",\r\n");
        snprintf(r->column[r->n_columns++], sizeof r->column[0], "%.*s", (int)n, line);
        line += n + (line[n] == ',');
        line += strspn(line, "\r");
    }
}

int run_column(const run *r, const char *name)
{
    for (int c = 0; c < r->n_columns; c++)
        if (strcmp(r->column[c], name) == 0)
            return c;
    return -1;
}

double run_number(const run *r, int epoch, int column)
{
    return column < 0 ? NAN : r->numbers[(size_t)epoch * (size_t)r->n_columns + (size_t)column];
}

static bool read_epoch(const char *line, run *r)
{
    const size_t row = (size_t)r->n_columns;
    double *more = realloc(r->numbers, (size_t)(r->epochs + 1) * row * sizeof *more);
    if (!more)
        return false;
    r->numbers = more;
    for (size_t c = 0; c < row; c++) {
        const size_t n = strcspn(line, ",\n");
        char *end;
        const double value = strtod(line, &end);
        more[(size_t)r->epochs * row + c] = n > 0 && end > line && end <= line + n ? value : NAN;
        line += n + (line[n] == ',');
    }
    r->epochs++;
    return true;
}

/* The last and the best value of every monitor that the file has. */
static void judge(run *r)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count; i++) {
        const int column = run_column(r, list[i].name), sign = list[i].metric->higher_is_better ? 1 : -1;
        r->last[i] = r->best[i] = NAN;
        for (int e = 0; e < r->epochs; e++) {
            const double value = run_number(r, e, column);
            if (!isfinite(value))
                continue;
            r->last[i] = value;
            if (isnan(r->best[i]) || sign * (value - r->best[i]) > 0) {
                r->best[i] = value;
                r->best_epoch[i] = e + 1;
            }
        }
    }
}

/* The monitor that the recipe names, or the usual one of what was measured. */
static const fv_monitor *monitor_of(const run *r, const char *named)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].name, named) == 0)
            return &list[i];
    static const fv_monitor_id usual[] = {FV_MONITOR_val_top1, FV_MONITOR_val_loss};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (!isnan(r->best[usual[i]]))
            return &list[usual[i]];
    return &list[FV_MONITOR_train_loss];
}

bool run_read(const char *dir, const char *name, run *r)
{
    char path[4200], line[LINE];
    *r = (run){.epochs = 0};
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->dir, sizeof r->dir, "%s", dir);
    snprintf(path, sizeof path, "%s/results.csv", dir);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    bool ok = true;
    if (fgets(line, sizeof line, f))
        read_header(line, r);
    while (ok && r->n_columns > 0 && fgets(line, sizeof line, f))
        if (strchr(line, '\n')) /* the last one may be half written */
            ok = read_epoch(line, r);
    fclose(f);
    judge(r);
    snprintf(path, sizeof path, "%s/args.yaml", dir);
    if (!ok || !read_settings(path, r)) {
        run_forget(r);
        return false;
    }
    r->monitor = monitor_of(r, run_setting_of(r, "monitor"));
    run_facts_read(dir, &r->facts);
    return true;
}

void run_forget(run *r)
{
    free(r->settings);
    free(r->numbers);
    r->settings = NULL;
    r->numbers = NULL;
    r->n_settings = r->epochs = 0;
}

/* ---- folders of them ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int by_date(const void *a, const void *b)
{
    const run *x = a, *y = b;
    if (x->facts.began != y->facts.began)
        return x->facts.began < y->facts.began ? -1 : 1;
    return strcmp(x->dir, y->dir);
}

static fv_status add_run(run_list *runs, const char *dir, const char *name, bool *added)
{
    run *more = realloc(runs->list, (size_t)(runs->count + 1) * sizeof *more);
    if (!more)
        return FV_ERR_NO_MEMORY;
    runs->list = more;
    *added = run_read(dir, name, &more[runs->count]);
    runs->count += *added;
    return FV_OK;
}

/* A path that is given once more, or a run that is in a folder that is given too, counts once. */
static bool is_listed(const run_list *runs, const char *dir)
{
    struct stat a, b;
    for (int i = 0; i < runs->count; i++)
        if (stat(dir, &a) == 0 && stat(runs->list[i].dir, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
            return true;
    return false;
}

/* `several`: names alone would not say which run is meant. */
static fv_status read_path(const char *path, bool several, run_list *runs)
{
    struct stat st;
    struct dirent **entries;
    bool added = false;
    fv_status status = FV_OK;
    char dir[4096];
    const size_t length = strlen(path);
    snprintf(dir, sizeof dir, "%.*s", (int)(length > 1 && path[length - 1] == '/' ? length - 1 : length), path);
    const char *slash = strrchr(dir, '/');
    if (!is_listed(runs, dir))
        FV_TRY(add_run(runs, dir, slash && !several ? slash + 1 : dir, &added));
    if (added)
        return FV_OK;
    const int n = stat(dir, &st) == 0 && S_ISDIR(st.st_mode) ? scandir(dir, &entries, NULL, by_name) : -1;
    for (int i = 0; i < n; i++) {
        char inner[4096 + 258], name[4096 + 258];
        snprintf(inner, sizeof inner, "%s/%s", dir, entries[i]->d_name);
        snprintf(name, sizeof name, "%s", several ? inner : entries[i]->d_name);
        if (status == FV_OK && entries[i]->d_name[0] != '.' && strlen(inner) < sizeof dir && !is_listed(runs, inner))
            status = add_run(runs, inner, name, &added);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return status;
}

fv_status runs_read(const char *const *paths, int n, run_list *runs)
{
    struct stat st;
    *runs = (run_list){.count = 0};
    for (int i = 0; i < n; i++) {
        if (stat(paths[i], &st) != 0 || !S_ISDIR(st.st_mode))
            return complain(FV_ERR_NOT_FOUND, "name folders of runs, such as runs/train, or runs' own folders",
                            "%s: no such folder", paths[i]);
        FV_TRY(read_path(paths[i], n > 1, runs));
    }
    if (runs->count > 1)
        qsort(runs->list, (size_t)runs->count, sizeof *runs->list, by_date);
    return FV_OK;
}

void runs_forget(run_list *runs)
{
    for (int i = 0; i < runs->count; i++)
        run_forget(&runs->list[i]);
    free(runs->list);
    *runs = (run_list){.count = 0};
}

/* ---- measures ---- */

fv_status run_measure_find(const char *name, run_measure *m)
{
    enum { TEST = sizeof "test_" - 1 };
    int monitors, metrics, n = 0;
    const fv_monitor *list = fv_monitor_list(&monitors);
    const fv_metric *rows = fv_metric_list(&metrics);
    static char names[FV_MONITOR_COUNT + FV_METRIC_COUNT][40];
    const char *known[FV_MONITOR_COUNT + FV_METRIC_COUNT + 1];
    char hint[512] = "";
    for (int i = 0; i < monitors; i++) {
        snprintf(names[n++], sizeof names[0], "%s", list[i].name);
        if (strcmp(list[i].name, name) == 0 ||
            (list[i].validation && strncmp(name, "val_", 4) != 0 && strcmp(list[i].name + 4, name) == 0)) {
            *m = (run_measure){list[i].name, list[i].metric, &list[i]};
            return FV_OK;
        }
    }
    for (int i = 0; i < metrics; i++, n++) {
        snprintf(names[n], sizeof names[0], "test_%s", rows[i].name);
        if (strncmp(name, "test_", TEST) == 0 && strcmp(rows[i].name, name + TEST) == 0) {
            *m = (run_measure){names[n], &rows[i], NULL};
            return FV_OK;
        }
    }
    for (int i = 0; i < n; i++) {
        known[i] = names[i];
        snprintf(hint + strlen(hint), sizeof hint - strlen(hint), "%s%s", i ? ", " : "they are ", names[i]);
    }
    known[n] = NULL;
    const char *nearest = fv_nearest(name, known);
    if (nearest)
        snprintf(hint, sizeof hint, "did you mean '%s'?", nearest);
    return complain(FV_ERR_VALUE, hint, "--metric %s: runs have no such metric", name);
}

double run_measure_of(const run *r, const run_measure *m)
{
    int count;
    return m->monitor ? r->best[m->monitor - fv_monitor_list(&count)]
                      : r->facts.scores[m->metric - fv_metric_list(&count)];
}

void runs_sort(run_list *runs, const run_measure *m)
{
    const int sign = m->metric->higher_is_better ? 1 : -1;
    for (int i = 1; i < runs->count; i++) { /* by insertion: equals keep their order */
        const run moved = runs->list[i];
        const double value = run_measure_of(&moved, m);
        int k = i;
        for (; k > 0; k--) {
            const double before = run_measure_of(&runs->list[k - 1], m);
            if (isnan(value) || (!isnan(before) && sign * (value - before) <= 0))
                break;
            runs->list[k] = runs->list[k - 1];
        }
        runs->list[k] = moved;
    }
}

/* ---- texts ---- */

const char *run_date(const run *r, const char *format, char text[32])
{
    const time_t began = (time_t)r->facts.began;
    struct tm local;
    if (r->facts.began <= 0 || !localtime_r(&began, &local) || strftime(text, 32, format, &local) == 0)
        snprintf(text, 32, "-");
    return text;
}

const char *run_test_text(const run *r, char text[80])
{
    int count;
    const fv_metric *list = fv_metric_list(&count);
    snprintf(text, 80, "-");
    for (int i = 0; i < count; i++) {
        char number[32];
        if (strcmp(list[i].name, r->facts.test) == 0 && isfinite(r->facts.scores[i]))
            snprintf(text, 80, "%s%s", fv_metric_text(&list[i], r->facts.scores[i], number),
                     list[i].percent ? " %" : "");
    }
    return text;
}
