/* SPDX-License-Identifier: Apache-2.0 */
#include "series.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "recipe_path.h"
#include "run_dir.h"
#include "run_facts.h"
#include "run_file.h"
#include "show.h"
#include "trial.h"
#include "watch.h"
#include "zoo.h"

/* ---- the folder ---- */

bool series_is_folder(const series_kind *kind, const char *dir)
{
    char path[4200];
    struct stat st;
    const int n = snprintf(path, sizeof path, "%s/%s", dir, kind->record);
    return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* What the record has to say of a row that matters to what is done. */
static bool is_compared(const series *s, const fv_setting_row *o)
{
    char key[64];
    snprintf(key, sizeof key, " %s ", o->key);
    if (!(o->verbs & s->verb->mask) || strstr(s->kind->may_differ, key))
        return false;
    return o->level <= FV_TOLD || o->offset == AT(data) || o->offset == AT(model) || o->offset == AT(task) ||
           o->offset == AT(fit.max_steps);
}

static void value_of(const fv_setting_row *o, const settings *c, char text[4096])
{
    char place[RECIPE_PATH_MAX];
    const char *const *path = (const void *)((const char *)c + o->offset);
    fv_setting_print(o, c, text, 4096);
    if (o->kind == FV_SETTING_TEXT && *path && recipe_is_path(o, *path))
        snprintf(text, 4096, "%s", recipe_place(NULL, *path, place));
}

/* Reads a record into settings of their own, which live until options_pop. */
static fv_status read_record(const series *s, const char *dir, settings *then)
{
    char path[4200];
    help_kind help;
    snprintf(path, sizeof path, "%s/%s", dir, s->kind->record);
    if (!options_push())
        return FV_ERR_NO_MEMORY;
    fv_status status = options_read(s->verb, 0, NULL, then, &help);
    return status == FV_OK ? options_read_recipe(s->verb, path, then) : status;
}

static bool is_of_now(const series *s, const char *dir)
{
    settings then;
    const fv_status status = read_record(s, dir, &then);
    char texts[2][4096];
    bool same = status == FV_OK;
    for (int i = 0; same && i < n_options; i++) {
        if (!is_compared(s, &options[i]))
            continue;
        value_of(&options[i], s->c, texts[0]);
        value_of(&options[i], &then, texts[1]);
        same = strcmp(texts[0], texts[1]) == 0;
    }
    options_pop();
    return same;
}

static fv_status too_long(void)
{
    return complain(FV_ERR_VALUE, "choose a shorter --output", "--output: the path is too long");
}

/* Whether a process was killed there before it had written what it was asked for. */
static bool is_unbegun(const series_kind *kind, const char *dir)
{
    struct dirent *entry;
    DIR *folder = opendir(dir);
    const size_t n = strlen(kind->record);
    bool empty = folder != NULL;
    while (folder && (entry = readdir(folder)))
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                          (strncmp(entry->d_name, kind->record, n) == 0 && entry->d_name[n] == '.'));
    if (folder)
        closedir(folder);
    return empty;
}

/* --resume auto: DIR/NAME, NAME2, ...: the last one that was asked for what is asked for now, else an empty one. */
static fv_status find(series *s, const char *root, const char *name)
{
    char dir[4096], unbegun[4096] = "";
    s->dir[0] = '\0';
    for (int i = 1;; i++) {
        struct stat st;
        const int n = i == 1 ? snprintf(dir, sizeof dir, "%s/%s", root, name)
                             : snprintf(dir, sizeof dir, "%s/%s%d", root, name, i);
        if (n < 0 || (size_t)n >= sizeof dir)
            return too_long();
        if (stat(dir, &st) != 0)
            break;
        if (series_is_folder(s->kind, dir) && is_of_now(s, dir))
            snprintf(s->dir, sizeof s->dir, "%s", dir);
        else if (is_unbegun(s->kind, dir))
            snprintf(unbegun, sizeof unbegun, "%s", dir);
    }
    s->resumed = s->dir[0] != '\0';
    if (s->resumed)
        note("--resume auto: %s", s->dir);
    else
        snprintf(s->dir, sizeof s->dir, "%s", unbegun);
    return FV_OK;
}

static fv_status take_record(series *s)
{
    char path[4200];
    settings then;
    FV_TRY(read_record(s, s->dir, &then));
    char keyed[2][4096] = {"", ""};
    const char *key = NULL;
    /* Which options were given is asked of the command line, which lies below the record's. */
    for (int i = 0; i < n_options && !key; i++) {
        if (!is_compared(s, &options[i]) || !option_row_given_below(&options[i]))
            continue;
        value_of(&options[i], s->c, keyed[0]);
        value_of(&options[i], &then, keyed[1]);
        key = strcmp(keyed[0], keyed[1]) != 0 ? options[i].key : NULL;
    }
    options_pop();
    if (key)
        return complain(FV_ERR_CONFLICT, "leave it out, or start another one without --resume",
                        "--resume %s: --%s was %s, now %s", s->dir, key, keyed[1], keyed[0]);
    snprintf(path, sizeof path, "%s/%s", s->dir, s->kind->record);
    return options_read_recipe(s->verb, path, s->c);
}

static fv_status write_record(series *s)
{
    static char here[4096];
    s->c->directory = getcwd(here, sizeof here);
    char *text = options_given_yaml(s->verb, s->c);
    const fv_status status = text ? series_write(s, s->kind->record, text, strlen(text)) : (fv_status)FV_ERR_NO_MEMORY;
    free(text);
    return status;
}

static fv_status lock(series *s)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", s->dir, s->kind->record);
    s->lock = open(path, O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 100 && s->lock >= 0; i++) { /* a process that was killed may still be dying */
        if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
            return FV_OK;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    if (s->lock >= 0)
        return complain(FV_ERR_LOCKED, "wait for it, or choose another --experiment",
                        "%s: another process is at work there", s->dir);
    return FV_OK;
}

fv_status series_open(series *s, settings *c, const series_kind *kind)
{
    *s = (series){.kind = kind, .c = c, .lock = -1};
    for (s->verb = verbs; strcmp(s->verb->name, kind->command) != 0;)
        s->verb++;
    const char *root = c->output ? c->output : kind->root, *name = c->experiment ? c->experiment : "exp";
    const bool named = c->resume && strcmp(c->resume, "auto") != 0;
    if (named) {
        if ((size_t)snprintf(s->dir, sizeof s->dir, "%s", c->resume) >= sizeof s->dir)
            return too_long();
        for (size_t n = strlen(s->dir); n > 1 && s->dir[n - 1] == '/';)
            s->dir[--n] = '\0';
        if (!series_is_folder(kind, s->dir))
            return complain(FV_ERR_NOT_FOUND, "name the folder that it said at its beginning, or use --resume auto",
                            "--resume %s: no folder of `fovea %s` (%s is missing there)", c->resume, kind->command,
                            kind->record);
        FV_TRY(take_record(s));
    }
    if (!c->data)
        return complain(FV_ERR_USAGE, "`fovea help data` says what it may be", "fovea %s: --data PATH is missing",
                        kind->command);
    if (!named && c->resume)
        FV_TRY(find(s, root, name));
    s->resumed = s->resumed || named;
    if (!s->dir[0]) {
        FV_TRY(run_dir_claim(root, name, s->dir, sizeof s->dir));
        s->made = true;
    }
    if (!s->resumed)
        FV_TRY(write_record(s));
    return lock(s);
}

void series_close(series *s)
{
    if (s->lock >= 0)
        close(s->lock);
    s->lock = -1;
}

/* Whether there is a folder within the folder. */
static bool has_run(const series *s)
{
    char path[4200];
    struct stat st;
    struct dirent *entry;
    DIR *folder = opendir(s->dir);
    bool found = !folder;
    while (folder && !found && (entry = readdir(folder))) {
        snprintf(path, sizeof path, "%s/%.90s", s->dir, entry->d_name);
        found = entry->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    }
    if (folder)
        closedir(folder);
    return found;
}

void series_tell(const series *s)
{
    char hint[4400];
    series_resume_hint(s, hint, sizeof hint);
    note("%s: %s where it is stopped", s->dir, hint);
}

void series_abandon(series *s)
{
    char path[4200];
    struct dirent *entry;
    DIR *folder = s->made ? opendir(s->dir) : NULL;
    if (!folder)
        return;
    /* What it wrote before its first run, whose folder keeps the rest. */
    while ((entry = readdir(folder))) {
        const char *ending = strrchr(entry->d_name, '.');
        snprintf(path, sizeof path, "%s/%.90s", s->dir, entry->d_name);
        if (ending && strcmp(ending, ".yaml") == 0 && !has_run(s))
            remove(path);
    }
    closedir(folder);
    if (has_run(s) || rmdir(s->dir) != 0)
        return;
    /* The usual place is ours, too; what has something in it stays. */
    snprintf(path, sizeof path, "%s", s->c->output ? "" : s->kind->root);
    for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
        *end = '\0';
        rmdir(path);
    }
}

fv_status series_check_validation(const series *s)
{
    const settings *c = s->c;
    fv_ctx *ctx;
    bool has_val = false;
    if (c->fit.monitor && strncmp(c->fit.monitor, "val_", 4) != 0)
        return complain(FV_ERR_CONFLICT, "leave it out, or name a score of validation (val_top1, val_loss)",
                        "--monitor %s: runs are compared by what they score on images that they do not learn from",
                        c->fit.monitor);
    if (c->val_split > 0 || c->cross_folds > 0)
        return FV_OK;
    FV_TRY(context_open(c, &ctx));
    const fv_status status = report(ctx, fv_dataset_has_split(ctx, c->data, "val", &has_val));
    fv_ctx_destroy(&ctx);
    FV_TRY(status);
    if (has_val)
        return FV_OK;
    return complain(FV_ERR_USAGE, "--val-split 0.2 holds some out",
                    "%s: no val split here: runs are compared by what they score on it", c->data);
}

/* ---- words ---- */

void words_drop(words *w, const char *key)
{
    const size_t n = strlen(key);
    for (int i = 0; i < w->count; i++) {
        if (strncmp(w->word[i] + 2, key, n) != 0 || w->word[i][n + 2] != '=')
            continue;
        free(w->word[i]);
        memmove(w->word + i, w->word + i + 1, (size_t)(w->count - i - 1) * sizeof *w->word);
        w->count--;
        return;
    }
}

bool words_set(words *w, char *word)
{
    char key[64] = "";
    if (word)
        snprintf(key, sizeof key, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    words_drop(w, key);
    if (word && w->count == w->room) {
        const int room = 2 * w->room + 16;
        char **more = realloc(w->word, (size_t)room * sizeof *more);
        if (more) {
            w->word = more;
            w->room = room;
        }
    }
    if (!word || w->count == w->room) {
        free(word);
        return false;
    }
    w->word[w->count++] = word;
    return true;
}

bool words_given(words *w, const settings *c)
{
    static const size_t left_out[] = {AT(config), AT(resume),   AT(output),   AT(experiment), AT(directory),
                                      AT(quiet),  AT(no_color), AT(progress), AT(verbose),    AT(force)};
    for (int i = 0; i < n_options; i++) {
        bool mine = (options[i].verbs & V_TRAIN) && option_row_given(&options[i]) && option_is_set(&options[i], c);
        for (size_t k = 0; k < sizeof left_out / sizeof *left_out; k++)
            mine = mine && options[i].offset != left_out[k];
        if (mine && !words_set(w, option_word(&options[i], c)))
            return false;
    }
    return true;
}

void words_free(words *w)
{
    while (w->count > 0)
        free(w->word[--w->count]);
    free(w->word);
    *w = (words){NULL, 0, 0};
}

char *words_command(const words *w)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputs("fovea train", out);
    for (int i = 0; i < w->count; i++)
        show_word(out, w->word[i]);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- a run ---- */

static void path_of(const series *s, const series_run *run, char path[4200])
{
    snprintf(path, 4200, "%s/%s", s->dir, run->name);
}

void series_look(const series *s, series_run *run, int64_t epochs)
{
    char dir[4200];
    run_facts facts;
    path_of(s, run, dir);
    run_facts_read(dir, &facts);
    run_scores_read(dir, s->c->fit.monitor, epochs, &run->scores);
    const bool over = facts.status == RUN_FINISHED;
    run->state = facts.status == RUN_DIVERGED                           ? SERIES_DIVERGED
                 : over || (epochs > 0 && run->scores.epochs >= epochs) ? SERIES_REACHED
                                                                        : SERIES_OPEN;
}

/* The command within this one. */
static fv_status train(const series *s, const series_run *run, int64_t epochs)
{
    char place[3][4200];
    settings c;
    help_kind help;
    train_part part = {.pause = epochs};
    const char **argv = calloc((size_t)run->words.count + 3, sizeof *argv);
    if (!argv || !options_push()) {
        free(argv);
        return FV_ERR_NO_MEMORY;
    }
    snprintf(place[0], sizeof place[0], "--output=%s", s->dir);
    snprintf(place[1], sizeof place[1], "--experiment=%s", run->name);
    snprintf(place[2], sizeof place[2], "--resume=auto");
    for (int i = 0; i < 3; i++)
        argv[i] = place[i];
    memcpy(argv + 3, run->words.word, (size_t)run->words.count * sizeof *argv);
    fv_status status = options_read(&verbs[0], run->words.count + 3, (char **)argv, &c, &help);
    c.progress = s->c->progress;
    c.no_color = s->c->no_color;
    c.quiet = s->c->quiet;
    c.verbose = s->c->verbose;
    if (c.progress == PROGRESS_AUTO && !c.verbose && !isatty(STDERR_FILENO))
        c.progress = PROGRESS_NONE;
    cli_quiet = !c.verbose;
    c.words = (char **)argv;
    c.n_words = run->words.count + 3;
    if (status == FV_OK)
        status = run_file_resolve(&verbs[0], &c);
    if (status == FV_OK)
        status = zoo_resolve(&verbs[0], &c);
    if (status == FV_OK)
        status = train_in_parts(&c, &part);
    watch_end();
    options_pop();
    free(argv);
    return status;
}

fv_status series_train(const series *s, series_run *run, int64_t epochs, bool may_fail)
{
    char hint[4400], label[64];
    run->trained = false;
    series_look(s, run, epochs);
    if (run->state == SERIES_REACHED || (run->state == SERIES_DIVERGED && may_fail))
        return FV_OK;
    snprintf(label, sizeof label, "%s", run->name);
    messages_of_part(label, may_fail);
    fv_status status = train(s, run, epochs);
    messages_of_part(NULL, false);
    if (status == FV_ERR_INTERRUPTED) {
        watch_only(); /* what is there goes on: the signal has had its way */
        series_resume_hint(s, hint, sizeof hint);
        return complain(status, hint, "interrupted in %s; what was trained is saved", run->name);
    }
    run->trained = true;
    series_look(s, run, epochs);
    if (status == FV_OK || !may_fail || !status_is_of_settings(status))
        return status;
    run->state = status == FV_ERR_DIVERGED ? SERIES_DIVERGED : SERIES_REFUSED;
    return FV_OK;
}

void series_setting(const series *s, const series_run *run, const char *key, char *value, size_t size)
{
    char path[4300];
    fv_ctx *ctx = NULL;
    fv_config *config = NULL;
    snprintf(path, sizeof path, "%s/%s/args.yaml", s->dir, run->name);
    value[0] = '\0';
    if (fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx) == FV_OK && fv_config_read(ctx, path, &config) == FV_OK)
        for (int i = 0; i < fv_config_count(config); i++)
            if (strcmp(fv_config_get(config, i)->key, key) == 0)
                snprintf(value, size, "%s", fv_config_get(config, i)->value);
    fv_config_destroy(&config);
    fv_ctx_destroy(&ctx);
}

const char *series_score_text(const series_run *run, char text[64])
{
    char number[32];
    const fv_metric *metric = run->scores.monitor ? run->scores.monitor->metric : NULL;
    snprintf(text, 64, "-");
    if (metric && isfinite(run->scores.best))
        snprintf(text, 64, "%s%s", fv_metric_text(metric, run->scores.best, number), metric->percent ? " %" : "");
    return text;
}

const char *series_state_name(const series_run *run, bool end)
{
    switch (run->state) {
    case SERIES_DIVERGED:
        return "diverged";
    case SERIES_REFUSED:
        return "refused";
    case SERIES_REACHED:
        return end ? "done" : "stopped";
    default:
        return run->scores.epochs > 0 ? "open" : "not started";
    }
}

/* ---- files ---- */

fv_status series_log(const series *s, const char *event, json_t *object)
{
    char path[4200];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    json_t *line = json_pack("{s:f, s:s}", "wall", (double)t.tv_sec + 1e-9 * (double)t.tv_nsec, "ev", event);
    if (line && object)
        json_object_update(line, object);
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(object);
    json_decref(line);
    if (!text)
        return FV_ERR_NO_MEMORY;
    snprintf(path, sizeof path, "%s/events.jsonl", s->dir);
    FILE *f = fopen(path, "a");
    const bool put = f && fprintf(f, "%s\n", text) > 0;
    const bool closed = f && fclose(f) == 0;
    const int error = errno;
    free(text);
    if (put && closed)
        return FV_OK;
    return complain(error == ENOSPC ? FV_ERR_NO_SPACE : FV_ERR_IO, NULL, "%s: cannot be written: %s", path,
                    strerror(error));
}

fv_status series_write(const series *s, const char *name, const char *text, size_t size)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return output_write(path, text, size);
}

void series_resume_hint(const series *s, char *text, size_t size)
{
    if (!s->kind->record) {
        snprintf(text, size, "the same command goes on");
        return;
    }
    FILE *out = fmemopen(text, size, "w");
    if (!out)
        return;
    fprintf(out, "`fovea %s --resume", s->kind->command);
    show_word(out, s->dir);
    fputs("` goes on", out);
    fclose(out);
}
