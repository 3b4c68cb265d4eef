/* SPDX-License-Identifier: Apache-2.0 */
/* fovea runs: what was trained, which was best, how two runs differ. Reads results.csv and args.yaml. */
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run_facts.h"

typedef struct run {
    char name[256];
    int epochs;
    double last[FV_MONITOR_COUNT], best[FV_MONITOR_COUNT]; /* NaN: never measured */
    char model[64], data[256];
    const fv_monitor *monitor; /* what its best is judged by */
    run_facts facts;
} run;

/* The value of `key: value` in a recipe, without quotes. */
static void recipe_value(const char *path, const char *key, char *value, size_t size)
{
    char line[1024];
    FILE *f = fopen(path, "r");
    size_t n = strlen(key);
    value[0] = 0;
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, n) == 0 && line[n] == ':') {
            char *p = line + n + 1 + strspn(line + n + 1, " \"");
            p[strcspn(p, "\"\n")] = 0;
            snprintf(value, size, "%s", p);
            break;
        }
    if (f)
        fclose(f);
}

enum { FIELDS = 64 };

/* Which monitor each field of results.csv holds, by the file's first line; NULL: something else. */
static void read_header(const char *line, const fv_monitor *held[FIELDS])
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int f = 0; f < FIELDS; f++, line += line[strcspn(line, ",\n")] ? strcspn(line, ",\n") + 1 : strlen(line)) {
        held[f] = NULL;
        for (int i = 0; i < count; i++)
            if (strlen(list[i].name) == strcspn(line, ",\n") && strncmp(line, list[i].name, strlen(list[i].name)) == 0)
                held[f] = &list[i];
    }
}

static void read_epoch(const char *line, const fv_monitor *const held[FIELDS], run *r)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int f = 0; f < FIELDS && *line; f++) {
        const size_t n = strcspn(line, ",\n");
        const int64_t i = held[f] ? held[f] - list : 0;
        const double value = held[f] && n ? strtod(line, NULL) : NAN;
        if (isfinite(value)) {
            const int sign = held[f]->metric->higher_is_better ? 1 : -1;
            r->last[i] = value;
            r->best[i] = isnan(r->best[i]) || sign * (value - r->best[i]) > 0 ? value : r->best[i];
        }
        line += n + (line[n] != 0);
    }
    r->epochs++;
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

static bool read_run(const char *root, const char *name, run *r)
{
    char path[4096], line[1024], monitor[64];
    const fv_monitor *held[FIELDS] = {NULL};
    *r = (run){0};
    for (int i = 0; i < FV_MONITOR_COUNT; i++)
        r->last[i] = r->best[i] = NAN;
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(path, sizeof path, "%s/%s/results.csv", root, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    if (fgets(line, sizeof line, f))
        read_header(line, held);
    while (fgets(line, sizeof line, f))
        read_epoch(line, held, r);
    fclose(f);
    snprintf(path, sizeof path, "%s/%s/args.yaml", root, name);
    recipe_value(path, "model", r->model, sizeof r->model);
    recipe_value(path, "data", r->data, sizeof r->data);
    recipe_value(path, "monitor", monitor, sizeof monitor);
    r->monitor = monitor_of(r, monitor);
    snprintf(path, sizeof path, "%s/%s", root, name);
    run_facts_read(path, &r->facts);
    return true;
}

static double best_of(const run *r)
{
    int count;
    return r->best[r->monitor - fv_monitor_list(&count)];
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int by_date(const void *a, const void *b)
{
    const run *x = a, *y = b;
    if (x->facts.began != y->facts.began)
        return x->facts.began < y->facts.began ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int read_runs(const char *root, run **runs)
{
    struct dirent **entries;
    int n = scandir(root, &entries, NULL, by_name), count = 0;
    *runs = calloc(n > 0 ? (size_t)n : 1, sizeof **runs);
    for (int i = 0; i < n; i++) {
        if (*runs && entries[i]->d_name[0] != '.')
            count += read_run(root, entries[i]->d_name, &(*runs)[count]);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (count > 1)
        qsort(*runs, (size_t)count, sizeof **runs, by_date);
    return count;
}

static const char *date_text(const run *r, const char *format, char text[32])
{
    const time_t began = (time_t)r->facts.began;
    struct tm local;
    if (r->facts.began <= 0 || !localtime_r(&began, &local) || strftime(text, 32, format, &local) == 0)
        snprintf(text, 32, "-");
    return text;
}

/* What the test gave, by its usual metric: "97.50 %"; "-": nothing was tested. */
static const char *test_text(const run *r, char text[80])
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

enum { WITH_MODEL = 100, WITH_DATA = 120 }; /* columns of a terminal that has room for them */

static void print_head(int width)
{
    const bool wide = width >= WITH_MODEL;
    printf("%-16s %-*s %-8s ", "run", wide ? 16 : 10, "date", "status");
    if (wide)
        printf("%-14s ", "model");
    printf("%6s %18s %8s%s\n", "epochs", "best", "test", width >= WITH_DATA ? "  data" : "");
}

static void print_run(const run *r, int width)
{
    const bool wide = width >= WITH_MODEL;
    char number[32], best[80] = "-", date[32], test[80];
    if (!isnan(best_of(r)))
        snprintf(best, sizeof best, "%s %s%s", r->monitor->name, fv_metric_text(r->monitor->metric, best_of(r), number),
                 r->monitor->metric->percent ? " %" : "");
    printf("%-16s %-*s %-8s ", r->name, wide ? 16 : 10, date_text(r, wide ? "%Y-%m-%d %H:%M" : "%Y-%m-%d", date),
           run_status_name(r->facts.status));
    if (wide)
        printf("%-14s ", r->model);
    printf("%6d %18s %8s", r->epochs, best, test_text(r, test));
    printf(width >= WITH_DATA ? "  %s\n" : "\n", r->data);
}

static json_t *run_json(const run *r)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:s}", "name", r->name, "model", r->model, "data", r->data, "epochs",
                          r->epochs, "monitor", r->monitor->name);
    char date[32];
    json_object_set_new(o, "date", json_string(date_text(r, "%Y-%m-%dT%H:%M:%S%z", date)));
    json_object_set_new(o, "status", json_string(run_status_name(r->facts.status)));
    int n_metrics;
    const fv_metric *metrics = fv_metric_list(&n_metrics);
    for (int i = 0; o && i < n_metrics; i++) {
        char key[64];
        snprintf(key, sizeof key, "test_%s", metrics[i].name);
        if (isfinite(r->facts.scores[i]))
            json_object_set_new(o, key, json_real(r->facts.scores[i]));
    }
    for (int i = 0; o && i < count; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s%s", list[i].validation ? "best_" : "", list[i].name);
        if (!isnan(r->last[i]))
            json_object_set_new(o, key, json_real(list[i].validation ? r->best[i] : r->last[i]));
    }
    return o;
}

/* The best of the runs that are judged as the first is; -1: none was judged. */
static int best_run(const run *runs, int n)
{
    int best = -1, others = 0;
    for (int i = 0; i < n; i++) {
        if (isnan(best_of(&runs[i])))
            continue;
        if (best >= 0 && runs[i].monitor != runs[best].monitor)
            others++;
        else if (best < 0 ||
                 (runs[i].monitor->metric->higher_is_better ? 1 : -1) * (best_of(&runs[i]) - best_of(&runs[best])) > 0)
            best = i;
    }
    if (others)
        note("best by %s; runs with another monitor, which cannot be compared: %d", runs[best].monitor->name, others);
    return best;
}

static fv_status list(const settings *c, const char *root, bool best_only)
{
    run *runs;
    int n = read_runs(root, &runs), best = best_only ? best_run(runs, n) : -1;
    if (c->json) {
        json_t *a = json_array();
        for (int i = 0; i < n; i++)
            if (!best_only || i == best)
                json_array_append_new(a, run_json(&runs[i]));
        json_dumpf(a, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(a);
    } else {
        const int width = help_width();
        if (n)
            print_head(width);
        for (int i = 0; i < n; i++)
            if (!best_only || i == best)
                print_run(&runs[i], width);
        if (!n)
            note("%s: no runs", root);
    }
    free(runs);
    return 0;
}

/* How they stand; last values of training, best ones of validation; the test. */
static void diff_results(const run r[2])
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    char date[2][32], test[2][80];
    printf("%-24s %-24s %s\n", "began", date_text(&r[0], "%Y-%m-%d %H:%M", date[0]),
           date_text(&r[1], "%Y-%m-%d %H:%M", date[1]));
    printf("%-24s %-24s %s\n", "status", run_status_name(r[0].facts.status), run_status_name(r[1].facts.status));
    printf("%-24s %-24d %d\n", "epochs run", r[0].epochs, r[1].epochs);
    for (int i = 0; i < count; i++) {
        char name[64], text[2][32];
        const char *shown[2];
        if (isnan(r[0].last[i]) && isnan(r[1].last[i]))
            continue;
        snprintf(name, sizeof name, "%s%s", list[i].validation ? "best " : "", list[i].name);
        for (char *p = name; *p; p++)
            *p = *p == '_' ? ' ' : *p;
        for (int k = 0; k < 2; k++)
            shown[k] = fv_metric_text(list[i].metric, list[i].validation ? r[k].best[i] : r[k].last[i], text[k]);
        printf("%-24s %-24s %s%s\n", name, shown[0], shown[1], list[i].metric->percent ? " %" : "");
    }
    if (r[0].facts.test[0] || r[1].facts.test[0]) {
        char name[80];
        snprintf(name, sizeof name, "test %.60s", r[r[0].facts.test[0] == '\0'].facts.test);
        printf("%-24s %-24s %s\n", name, test_text(&r[0], test[0]), test_text(&r[1], test[1]));
    }
}

/* A run by the path of its folder, or by its name among the runs. */
static bool find_run(const char *root, const char *name, char dir[4096], run *r)
{
    snprintf(dir, 4096, "%s", name);
    if (read_run(dir, ".", r))
        return true;
    snprintf(dir, 4096, "%s/%s", root, name);
    return !strchr(name, '/') && read_run(dir, ".", r);
}

/* What says where and not how: it differs between any two runs. */
static bool is_place(const char *key)
{
    static const char *const keys[] = {"experiment", "output", "directory"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* Lines that are in one recipe and not in the other, then the results side by side. */
static fv_status diff(const char *root, const char *a, const char *b)
{
    const char *const names[2] = {a, b};
    char dirs[2][4096], path[2 * 4096 + 16], line[1024], key[128], other[1024];
    run r[2];
    for (int i = 0; i < 2; i++)
        if (!find_run(root, names[i], dirs[i], &r[i]))
            return complain(FV_ERR_NOT_FOUND, "`fovea runs` lists them", "%s: no run folder (results.csv is missing)",
                            names[i]);
    printf("%-24s %-24s %s\n", "", a, b);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/args.yaml", dirs[i]);
        FILE *f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f)) {
            char mine[1024];
            if (line[0] == '#' || sscanf(line, "%127[^:]", key) != 1 || is_place(key))
                continue;
            snprintf(path, sizeof path, "%s/args.yaml", dirs[i]);
            recipe_value(path, key, mine, sizeof mine);
            snprintf(path, sizeof path, "%s/args.yaml", dirs[!i]);
            recipe_value(path, key, other, sizeof other);
            if (strcmp(mine, other) != 0 && (i == 0 || !*other))
                printf("%-24s %-24s %s\n", key, i ? (*other ? other : "-") : mine, i ? mine : (*other ? other : "-"));
        }
        if (f)
            fclose(f);
    }
    diff_results(r);
    return 0;
}

fv_status verb_runs(settings *c)
{
    const char *action = c->positional[0] ? c->positional[0] : "ls", *root = c->output ? c->output : "runs/train";
    if (strcmp(action, "ls") == 0 || strcmp(action, "best") == 0)
        return list(c, root, action[0] == 'b');
    if (strcmp(action, "diff") == 0 && c->n_positional == 3)
        return diff(root, c->positional[1], c->positional[2]);
    return complain(FV_ERR_USAGE, NULL, "fovea runs %s: the actions are ls, best, and diff RUN_A RUN_B", action);
}
