/* SPDX-License-Identifier: Apache-2.0 */
/* fovea runs: what was trained, which was best, how two runs differ. Reads results.csv and args.yaml. */
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { COLUMNS = 12, C_TRAIN_LOSS = 4, C_VAL_TOP1 = 7 };

typedef struct run {
    char name[256];
    int epochs;
    double last[COLUMNS]; /* of the last epoch; negative: empty */
    double best_top1;     /* largest val_top1; negative: none */
    char model[64], data[256];
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

static bool read_run(const char *root, const char *name, run *r)
{
    char path[4096], line[1024];
    *r = (run){.best_top1 = -1};
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(path, sizeof path, "%s/%s/results.csv", root, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    for (bool header = true; fgets(line, sizeof line, f); header = false) {
        char *p = line;
        for (int i = 0; !header && i < COLUMNS; i++) {
            size_t n = strcspn(p, ",\n");
            r->last[i] = n ? strtod(p, NULL) : -1;
            p += n + (p[n] != 0);
        }
        r->epochs += !header;
        if (!header && r->last[C_VAL_TOP1] > r->best_top1)
            r->best_top1 = r->last[C_VAL_TOP1];
    }
    fclose(f);
    snprintf(path, sizeof path, "%s/%s/args.yaml", root, name);
    recipe_value(path, "model", r->model, sizeof r->model);
    recipe_value(path, "data", r->data, sizeof r->data);
    return true;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
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
    return count;
}

static void print_run(const run *r)
{
    char top1[32] = "-", loss[32] = "-";
    if (r->best_top1 >= 0)
        snprintf(top1, sizeof top1, "%.2f %%", 100 * r->best_top1);
    if (r->epochs)
        snprintf(loss, sizeof loss, "%.4f", r->last[C_TRAIN_LOSS]);
    printf("%-20s %-16s %6d %10s %10s  %s\n", r->name, r->model, r->epochs, top1, loss, r->data);
}

static json_t *run_json(const run *r)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:i}", "name", r->name, "model", r->model, "data", r->data, "epochs", r->epochs);
    if (o && r->best_top1 >= 0)
        json_object_set_new(o, "best_val_top1", json_real(r->best_top1));
    if (o && r->epochs)
        json_object_set_new(o, "train_loss", json_real(r->last[C_TRAIN_LOSS]));
    return o;
}

static int list(const cli *c, const char *root, bool best_only)
{
    run *runs;
    int n = read_runs(root, &runs), best = 0;
    for (int i = 1; i < n; i++)
        if (runs[i].best_top1 > runs[best].best_top1)
            best = i;
    if (c->json) {
        json_t *a = json_array();
        for (int i = 0; i < n; i++)
            if (!best_only || i == best)
                json_array_append_new(a, run_json(&runs[i]));
        json_dumpf(a, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(a);
    } else {
        if (n)
            printf("%-20s %-16s %6s %10s %10s  %s\n", "run", "model", "epochs", "val top1", "loss", "data");
        for (int i = 0; i < n; i++)
            if (!best_only || i == best)
                print_run(&runs[i]);
        if (!n)
            note("%s: no runs", root);
    }
    free(runs);
    return 0;
}

/* Lines that are in one recipe and not in the other, then the results side by side. */
static int diff(const char *a, const char *b)
{
    const char *const dirs[2] = {a, b};
    char path[4096], line[1024], key[128], other[1024];
    run r[2];
    for (int i = 0; i < 2; i++)
        if (!read_run(dirs[i], ".", &r[i]))
            return complain(FV_ERR_NOT_FOUND, NULL, "%s: no run folder (results.csv is missing)", dirs[i]);
    printf("%-24s %-24s %s\n", "", a, b);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/args.yaml", dirs[i]);
        FILE *f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f)) {
            char mine[1024];
            if (line[0] == '#' || sscanf(line, "%127[^:]", key) != 1)
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
    printf("%-24s %-24d %d\n%-24s %-24.4f %.4f\n", "epochs run", r[0].epochs, r[1].epochs, "train loss",
           r[0].last[C_TRAIN_LOSS], r[1].last[C_TRAIN_LOSS]);
    if (r[0].best_top1 >= 0 || r[1].best_top1 >= 0)
        printf("%-24s %-24.4f %.4f\n", "best val top1", r[0].best_top1, r[1].best_top1);
    return 0;
}

int verb_runs(cli *c)
{
    const char *action = c->positional[0] ? c->positional[0] : "ls", *root = c->output ? c->output : "runs/train";
    if (strcmp(action, "ls") == 0 || strcmp(action, "best") == 0)
        return list(c, root, action[0] == 'b');
    if (strcmp(action, "diff") == 0 && c->n_positional == 3)
        return diff(c->positional[1], c->positional[2]);
    return complain(FV_ERR_USAGE, NULL, "fovea runs %s: the actions are ls, best, and diff RUN_A RUN_B", action);
}
