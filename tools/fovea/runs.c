/* SPDX-License-Identifier: Apache-2.0 */
/* fovea runs: what was trained, which was best, how runs differ, and the same for other eyes. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "runs.h"

static double best_of(const run *r)
{
    int count;
    return r->best[r->monitor - fv_monitor_list(&count)];
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

/* `by`: what the list is sorted by; NULL: each run by its own monitor. */
static void print_run(const run *r, const run_measure *by, int width)
{
    const bool wide = width >= WITH_MODEL;
    const fv_metric *metric = by ? by->metric : r->monitor->metric;
    const double value = by ? run_measure_of(r, by) : best_of(r);
    char number[32], best[80] = "-", date[32], test[80];
    if (!isnan(value))
        snprintf(best, sizeof best, "%s %s%s", by ? by->name : r->monitor->name, fv_metric_text(metric, value, number),
                 metric->percent ? " %" : "");
    printf("%-16s %-*s %-8s ", r->name, wide ? 16 : 10, run_date(r, wide ? "%Y-%m-%d %H:%M" : "%Y-%m-%d", date),
           run_status_name(r->facts.status));
    if (wide)
        printf("%-14s ", run_setting_of(r, "model"));
    printf("%6d %18s %8s", r->epochs, best, run_test_text(r, test));
    printf(width >= WITH_DATA ? "  %s\n" : "\n", run_setting_of(r, "data"));
}

static json_t *run_json(const run *r)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:s}", "name", r->name, "model", run_setting_of(r, "model"), "data",
                          run_setting_of(r, "data"), "epochs", r->epochs, "monitor", r->monitor->name);
    char date[32];
    json_object_set_new(o, "date", json_string(run_date(r, "%Y-%m-%dT%H:%M:%S%z", date)));
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
static int best_run(const run_list *runs)
{
    int best = -1, others = 0;
    for (int i = 0; i < runs->count; i++) {
        const run *r = &runs->list[i], *first = best >= 0 ? &runs->list[best] : NULL;
        if (isnan(best_of(r)))
            continue;
        if (first && r->monitor != first->monitor)
            others++;
        else if (!first || (r->monitor->metric->higher_is_better ? 1 : -1) * (best_of(r) - best_of(first)) > 0)
            best = i;
    }
    if (others)
        note("best by %s; runs with another monitor, which cannot be compared: %d", runs->list[best].monitor->name,
             others);
    return best;
}

/* Appends a name to a list of them in a line. */
static void name_run(char *list, size_t size, const run *r)
{
    const size_t used = strlen(list);
    if (used + strlen(r->name) + 8 < size)
        snprintf(list + used, size - used, "%s%s", used ? ", " : "", r->name);
    else if (used + 6 < size && strcmp(list + used - 3, "...") != 0)
        snprintf(list + used, size - used, ", ...");
}

/* What one has to know of a ranking: who is not in it, who is as good as the first, and whether that one may go on. */
static fv_status tell_ranking(const run_list *runs, const run_measure *by)
{
    char without[512] = "", equal[512] = "";
    const run *first = runs->list;
    for (int i = 0; i < runs->count; i++) {
        const double value = run_measure_of(&runs->list[i], by);
        if (isnan(value))
            name_run(without, sizeof without, &runs->list[i]);
        else if (i > 0 && value == run_measure_of(first, by))
            name_run(equal, sizeof equal, &runs->list[i]);
    }
    if (runs->count > 0 && isnan(run_measure_of(first, by)))
        return complain(FV_ERR_NOT_FOUND, "`fovea runs --json` tells what was measured", "--metric %s: no run has it",
                        by->name);
    if (without[0])
        note("without %s: %s", by->name, without);
    if (equal[0])
        note("as good as %s, which began first: %s", first->name, equal);
    return FV_OK;
}

static void print_json(const run_list *runs, int first, int end)
{
    json_t *a = json_array();
    for (int i = first; i < end; i++)
        json_array_append_new(a, run_json(&runs->list[i]));
    json_dumpf(a, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(a);
}

static fv_status list(const settings *c, run_list *runs, bool best_only)
{
    run_measure by;
    if (c->metric) {
        FV_TRY(run_measure_find(c->metric, &by));
        runs_sort(runs, &by);
        FV_TRY(tell_ranking(runs, &by));
    }
    const int best = !best_only ? 0 : c->metric ? (runs->count > 0 ? 0 : -1) : best_run(runs);
    const int first = best < 0 ? 0 : best, end = best_only ? best + 1 : runs->count;
    if (best_only && best >= 0 && runs->list[best].facts.status != RUN_FINISHED)
        note("%s has not finished: %s", runs->list[best].name, run_status_name(runs->list[best].facts.status));
    if (c->json) {
        print_json(runs, first, end);
        return FV_OK;
    }
    const int width = help_width();
    if (runs->count)
        print_head(width);
    for (int i = first; i < end; i++)
        print_run(&runs->list[i], c->metric ? &by : NULL, width);
    return FV_OK;
}

/* How they stand; last values of training, best ones of validation; the test. */
static void diff_results(const run r[2])
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    char date[2][32], test[2][80];
    printf("%-24s %-24s %s\n", "began", run_date(&r[0], "%Y-%m-%d %H:%M", date[0]),
           run_date(&r[1], "%Y-%m-%d %H:%M", date[1]));
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
        printf("%-24s %-24s %s\n", name, run_test_text(&r[0], test[0]), run_test_text(&r[1], test[1]));
    }
}

/* A run by the path of its folder, or by its name among the runs. */
static bool find_run(const char *root, const char *name, run *r)
{
    char dir[4096];
    if (run_read(name, name, r))
        return true;
    snprintf(dir, sizeof dir, "%s/%s", root, name);
    return !strchr(name, '/') && run_read(dir, name, r);
}

/* Settings that are other in one recipe than in the other, then the results side by side. */
static void print_diff(const run r[2])
{
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < r[k].n_settings; i++) {
            const run_setting *s = &r[k].settings[i];
            const char *other = run_setting_of(&r[!k], s->key);
            if (run_is_place(s->key) || strcmp(s->value, other) == 0 || (k == 1 && *other))
                continue;
            printf("%-24s %-24s %s\n", s->key, k ? "-" : s->value, k ? s->value : *other ? other : "-");
        }
    diff_results(r);
}

static fv_status diff(const char *root, const char *const names[2])
{
    run r[2] = {{.epochs = 0}, {.epochs = 0}};
    fv_status status = FV_OK;
    for (int i = 0; i < 2 && status == FV_OK; i++)
        if (!find_run(root, names[i], &r[i]))
            status = complain(FV_ERR_NOT_FOUND, "`fovea runs` lists them", "%s: no run folder (results.csv is missing)",
                              names[i]);
    if (status == FV_OK) {
        printf("%-24s %-24s %s\n", "", names[0], names[1]);
        print_diff(r);
    }
    run_forget(&r[0]);
    run_forget(&r[1]);
    return status;
}

/* ---- for other eyes ---- */

static fv_status write_page(const settings *c, run_list *runs, const char *title)
{
    run_measure by;
    size_t size;
    FV_TRY(output_check(c, NULL, "output", c->output, OUTPUT_PAGE));
    if (c->metric) {
        FV_TRY(run_measure_find(c->metric, &by));
        runs_sort(runs, &by);
        FV_TRY(tell_ranking(runs, &by));
    }
    char *page = runs_page(runs, title, &size);
    if (!page)
        return FV_ERR_NO_MEMORY;
    const fv_status status = output_write(c->output, page, size);
    free(page);
    if (status == FV_OK)
        note("%s: %d %s", c->output, runs->count, runs->count == 1 ? "run" : "runs");
    return status;
}

/* ---- the verb ---- */

typedef enum action { LS, BEST, REPORT, MLFLOW, DIFF, ACTIONS } action;
static const char *const actions[ACTIONS] = {"ls", "best", "report", "mlflow", "diff"};

/* The runs that the words behind the action name; else those of --output, where that is not what is written. */
static fv_status read_named(const settings *c, action a, run_list *runs, const char **first)
{
    const char *root = c->output && a <= BEST ? c->output : "runs/train";
    const char *const *paths = c->n_positional > 1 ? c->positional + 1 : &root;
    const int n = c->n_positional > 1 ? c->n_positional - 1 : 1;
    *first = n == 1 ? paths[0] : NULL;
    if (c->n_positional > 1 && c->output && a <= BEST)
        return complain(FV_ERR_CONFLICT, "leave one out",
                        "fovea runs %s: folders are named, and --output names another", actions[a]);
    if (c->n_positional <= 1 && access(root, F_OK) != 0) { /* nothing was trained here */
        *runs = (run_list){.count = 0};
        return FV_OK;
    }
    return runs_read(paths, n, runs);
}

static fv_status act(const settings *c, action a)
{
    run_list runs = {.count = 0};
    const char *root;
    fv_status status = read_named(c, a, &runs, &root);
    if (status == FV_OK && runs.count == 0 && a >= REPORT)
        status = complain(FV_ERR_NOT_FOUND, "name folders of runs: `fovea runs report runs/train --output runs.html`",
                          "fovea runs %s: %s: no runs", actions[a], root ? root : "the folders");
    else if (status == FV_OK && runs.count == 0)
        note("%s: no runs", root ? root : "the folders");
    if (status == FV_OK && a <= BEST)
        status = list(c, &runs, a == BEST);
    else if (status == FV_OK)
        status = a == REPORT ? write_page(c, &runs, root ? root : "Runs") : runs_mlflow(c, &runs);
    runs_forget(&runs);
    return status;
}

fv_status verb_runs(settings *c)
{
    const char *word = c->positional[0] ? c->positional[0] : "ls";
    int a = 0;
    while (a < ACTIONS && strcmp(actions[a], word) != 0)
        a++;
    if (a == ACTIONS || (a == DIFF && c->n_positional != 3))
        return complain(FV_ERR_USAGE, NULL,
                        "fovea runs %s: the actions are ls, best, report and mlflow with folders behind them, and diff "
                        "RUN_A RUN_B",
                        word);
    if (c->metric && (a == DIFF || a == MLFLOW))
        return complain(FV_ERR_CONFLICT, "leave it out", "fovea runs %s: --metric has no effect here", word);
    if (c->json && a >= REPORT)
        return complain(FV_ERR_CONFLICT, "leave it out", "fovea runs %s: --json has no effect here", word);
    if (!c->output && (a == REPORT || a == MLFLOW))
        return complain(FV_ERR_USAGE, "write for example `fovea runs report runs/train --output runs.html`",
                        "fovea runs %s: --output is missing: where it is written", word);
    if (a == DIFF)
        return diff(c->output ? c->output : "runs/train", c->positional + 1);
    return act(c, (action)a);
}
