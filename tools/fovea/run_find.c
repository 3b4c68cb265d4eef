/* SPDX-License-Identifier: Apache-2.0 */
#include "run_find.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"
#include "recipe_path.h"

/* Length of a path without the slashes behind it. */
static size_t path_length(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n;
}

/* Whether the folder is what --output and --experiment name, as far as they are given. */
static bool is_folder_of(const char *folder, const settings *c)
{
    const char *slash = strrchr(folder, '/');
    const size_t n = c->output ? path_length(c->output) : 0;
    if (strcmp(slash ? slash + 1 : folder, c->experiment) != 0)
        return false;
    return !c->output || (slash && (size_t)(slash - folder) == n && strncmp(folder, c->output, n) == 0);
}

fv_status run_take_recipe(settings *c)
{
    static char recipe[4200], folder[4096];
    if (!c->resume || strcmp(c->resume, "auto") == 0)
        return FV_OK;
    snprintf(folder, sizeof folder, "%.*s", (int)path_length(c->resume), c->resume);
    c->resume = folder;
    snprintf(recipe, sizeof recipe, "%s/args.yaml", folder);
    if (c->experiment && !is_folder_of(folder, c))
        return complain(FV_ERR_CONFLICT, "drop one of the two", "--resume %s: --experiment %s is another run", folder,
                        c->experiment);
    struct stat st;
    if (stat(folder, &st) == 0 && S_ISREG(st.st_mode))
        return complain(FV_ERR_NOT_FOUND,
                        "name the run's folder; `fovea train --model FILE` starts another run from it",
                        "--resume %s: a file, and a run goes on from its folder", c->resume);
    if (access(recipe, F_OK) != 0)
        return complain(FV_ERR_NOT_FOUND, "use --resume auto to start a run where there is none",
                        "--resume %s: no run folder (args.yaml is missing there)", c->resume);
    return options_read_recipe(&verbs[0], recipe, c);
}

/* ---- --resume auto ---- */

typedef struct search {
    fv_ctx *ctx;
    const settings *c;
    char open[4096], over[4096]; /* the newest of either kind; "": none */
    double open_time, over_time;
    fv_run_state state;           /* of the open one */
    char other[256], differs[64]; /* an open run of other settings, and the first of them */
} search;

static bool is_of_name(const char *folder, const char *name)
{
    const size_t n = strlen(name);
    return strncmp(folder, name, n) == 0 && strspn(folder + n, "0123456789") == strlen(folder + n);
}

/* What data or other settings decide where nothing is given: it says nothing of which run is meant. */
static bool follows(const fv_setting_row *o, const settings *c)
{
    static const char *const keys[] = {"loss", "in-chans", "model", "epochs"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(o->key, keys[i]) == 0)
            return !option_given(o->key);
    return !option_is_set(o, c) && (o->kind == FV_SETTING_REAL || o->kind == FV_SETTING_BATCH);
}

static bool is_compared(const fv_setting_row *o)
{
    return (o->verbs & V_TRAIN) &&
           (o->level <= FV_MEANING || o->offset == AT(data) || o->offset == AT(model) || o->offset == AT(task) ||
            o->offset == AT(teacher) || o->offset == AT(teacher_weights));
}

/* The folder from which the recipe's relative paths are; NULL: it does not say. */
static const char *directory_of(const fv_config *recipe)
{
    for (int i = 0; i < fv_config_count(recipe); i++)
        if (strcmp(fv_config_get(recipe, i)->key, "directory") == 0 && *fv_config_get(recipe, i)->value)
            return fv_config_get(recipe, i)->value;
    return NULL;
}

/* Whether the recipe, or where it is silent the default, gives the row the value of now. */
static bool is_same(const fv_setting_row *o, const fv_config *recipe, const settings *c)
{
    char now[4096], then[4096], expected[FV_SETTING_TEXT_MAX];
    settings before = options_default;
    for (int i = 0; i < fv_config_count(recipe); i++) {
        const fv_setting *s = fv_config_get(recipe, i);
        if (*s->value && fv_setting_has_name(o, s->key, strlen(s->key)))
            fv_setting_read(o, s->value, &before, expected);
    }
    fv_setting_print(o, c, now, sizeof now);
    fv_setting_print(o, &before, then, sizeof then);
    if (recipe_is_path(o, now) && recipe_is_path(o, then)) {
        char place[2][RECIPE_PATH_MAX];
        return strcmp(recipe_place(NULL, now, place[0]), recipe_place(directory_of(recipe), then, place[1])) == 0;
    }
    return strcmp(now, then) == 0;
}

/* The first setting in which the run is another; NULL: none. */
static const char *difference(const fv_config *recipe, const settings *c)
{
    for (int i = 0; i < n_options; i++)
        if (is_compared(&options[i]) && !follows(&options[i], c) && !is_same(&options[i], recipe, c))
            return options[i].key;
    return NULL;
}

/* The options that decide whether a run is over: its own --epochs, where none are given. */
static fv_fit_options rules(search *s, const fv_config *recipe)
{
    fv_fit_options o = s->c->fit;
    for (int i = 0; i < fv_config_count(recipe) && !option_given("epochs"); i++)
        if (strcmp(fv_config_get(recipe, i)->key, "epochs") == 0)
            fv_fit_set(s->ctx, &o, "epochs", fv_config_get(recipe, i)->value);
    return o;
}

static fv_status look(search *s, const char *name, const char *dir)
{
    const bool of_name = is_of_name(name, s->c->experiment ? s->c->experiment : "exp");
    char path[4200];
    struct stat st;
    fv_config *recipe = NULL;
    fv_run_state state;
    snprintf(path, sizeof path, "%s/args.yaml", dir);
    if ((s->c->experiment && !of_name) || stat(path, &st) != 0)
        return FV_OK;
    fv_status status = fv_config_read(s->ctx, path, &recipe);
    if (status != FV_OK) /* no run of ours, or none that can be read */
        return status == FV_ERR_NO_MEMORY ? status : FV_OK;
    const char *other = difference(recipe, s->c);
    const fv_fit_options o = rules(s, recipe);
    status = fv_run_look(s->ctx, dir, &o, &state);
    const double time = state.found ? state.time : (double)st.st_mtime;
    if (status == FV_OK && other && !state.ended) {
        snprintf(s->other, sizeof s->other, "%s", name);
        snprintf(s->differs, sizeof s->differs, "%s", other);
    } else if (status == FV_OK && !other && !state.ended && (!s->open[0] || time > s->open_time)) {
        snprintf(s->open, sizeof s->open, "%s", dir);
        s->open_time = time;
        s->state = state;
    } else if (status == FV_OK && !other && state.ended && of_name && (!s->over[0] || time > s->over_time)) {
        snprintf(s->over, sizeof s->over, "%s", dir);
        s->over_time = time;
    }
    fv_config_destroy(&recipe);
    return status;
}

fv_status run_find(fv_ctx *ctx, const settings *c, const char *root, char *dir, size_t size)
{
    search s = {.ctx = ctx, .c = c};
    struct dirent *entry;
    DIR *folder = opendir(root);
    fv_status status = FV_OK;
    dir[0] = '\0';
    while (folder && status == FV_OK && (entry = readdir(folder))) {
        char path[4096];
        const int n = snprintf(path, sizeof path, "%s/%s", root, entry->d_name);
        if (entry->d_name[0] != '.' && n > 0 && (size_t)n < sizeof path)
            status = look(&s, entry->d_name, path);
    }
    if (folder)
        closedir(folder);
    FV_TRY(status);
    snprintf(dir, size, "%s", s.open[0] ? s.open : s.over);
    if (s.open[0] && s.state.found)
        note("--resume auto: %s, which has done %lld steps", dir, (long long)s.state.global_step);
    else if (s.open[0])
        note("--resume auto: %s, which has no state yet", dir);
    else if (!s.over[0] && c->experiment)
        snprintf(dir, size, "%s/%s", root, c->experiment);
    else if (!s.over[0] && s.other[0])
        note("--resume auto: %s/%s is another run (--%s differs): a new one is started", root, s.other, s.differs);
    return FV_OK;
}
