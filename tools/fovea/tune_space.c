/* SPDX-License-Identifier: Apache-2.0 */
#include "tune_space.h"

#include <fovea/tune.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "augment_text.h"
#include "options.h"
#include "start.h"

/* Where nothing is asked for: the rate first, which matters most. */
static const char *const usual[] = {"lr=log:x0.1..x10", "wd=log:x0.1..x10", "batch-size=x0.5,x1,x2",
                                    "sched=cosine,onecycle,constant", "label-smoothing=0,0.1"};

/* Presets of augmentation beside that of the first run: of photographs, and of what may have no mirror image. */
static const char *const photographs[] = {"rrc; hflip", "rrc scale=0.25..1; hflip; jitter", "rrc; hflip; randaugment"},
                         *const others[] = {"none", "crop pad=2", "rotate degrees=10; shift"};

/* What a trial is measured by, and how long it is: trials that differ in it cannot be compared. */
static const char measured[] =
    " seed val-split monitor epochs max-steps steps-per-epoch patience min-delta restore-best val-interval allow-extra "
    "allow-empty max-bad max-pixels ignore-exif salvage partial reset-head in-chans folds fold group-by ";

/* ---- reading ---- */

static bool is_number_row(const fv_setting_row *o)
{
    return o->kind == FV_SETTING_INT || o->kind == FV_SETTING_REAL || o->kind == FV_SETTING_BATCH ||
           o->kind == FV_SETTING_SHARE;
}

static const char help[] = "`fovea help tune` describes --space";

static fv_status find_row(const char *text, size_t n, const fv_setting_row **row)
{
    const char *names[MAX_OPTIONS + 1];
    char name[64], key[64];
    int count = 0;
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), text);
    *row = NULL;
    for (int i = 0; i < n_options; i++) {
        const bool kind =
            (options[i].verbs & V_TRAIN) && (options[i].level <= FV_TOLD || options[i].offset == AT(model));
        if (kind)
            names[count++] = options[i].key;
        if (kind && fv_setting_has_name(&options[i], text, n))
            *row = &options[i];
    }
    names[count] = NULL;
    const char *nearest = fv_nearest(name, names);
    for (int i = 0; !*row && i < n_options; i++)
        if ((options[i].verbs & V_TRAIN) && fv_setting_has_name(&options[i], text, n))
            return complain(FV_ERR_CONFLICT, "leave it out",
                            "--space: %s changes no result, so that there is nothing to search", options[i].key);
    if (!*row)
        return complain(FV_ERR_UNKNOWN_OPTION, "`fovea help train --help-all` lists the settings",
                        "--space: there is no setting '%s' to search%s%s%s", name, nearest ? "; did you mean " : "",
                        nearest ? nearest : "", nearest ? "?" : "");
    snprintf(key, sizeof key, " %s ", (*row)->key);
    if (strstr(measured, key))
        return complain(FV_ERR_CONFLICT, "give it for all trials alike",
                        "--space: %s says what trials are measured by or how long they are: it cannot differ among "
                        "them",
                        (*row)->key);
    return FV_OK;
}

/* "1e-4", "x0.1": a number to its end. */
static bool read_number(const char *text, size_t n, bool *relative, double *value)
{
    char copy[64], *end;
    *relative = n > 0 && text[0] == 'x';
    if (n - *relative == 0 || n >= sizeof copy)
        return false;
    snprintf(copy, sizeof copy, "%.*s", (int)(n - *relative), text + *relative);
    *value = strtod(copy, &end);
    return *end == '\0' && isfinite(*value);
}

static bool is_open_end(double min)
{
    return min > 0 && min <= FV_ABOVE_ZERO;
}

static fv_status read_range(const char *line, const char *text, const char *dots, tune_item *item)
{
    bool relative[2];
    const char *high = dots + 2;
    if (!read_number(text, (size_t)(dots - text), &relative[0], &item->low) ||
        !read_number(high, strlen(high), &relative[1], &item->high) || relative[0] != relative[1])
        return complain(FV_ERR_VALUE, help,
                        "--space %s: expected two numbers as LOW..HIGH, or two factors as xLOW..xHIGH", line);
    item->relative = relative[0];
    if (!(item->low < item->high))
        return complain(FV_ERR_VALUE, "write the lower end first",
                        "--space %s: there is nothing between %g and %g: expected a range whose ends rise", line,
                        item->low, item->high);
    if (item->low <= 0 && (item->log || item->relative))
        return complain(FV_ERR_VALUE, item->log ? "drop log:, or begin above 0" : "begin above 0",
                        "--space %s: %g has no logarithm: expected ends above 0", line, item->low);
    for (int i = 0; i < 2 && !item->relative; i++) {
        const double end = i ? item->high : item->low;
        if (end < item->row->min || end > item->row->max)
            return complain(FV_ERR_VALUE, "`fovea help train --help-all` describes it",
                            "--space %s: %g is out of the range of %s: expected %s%g to %g", line, end, item->row->key,
                            is_open_end(item->row->min) ? "above " : "",
                            is_open_end(item->row->min) ? 0 : item->row->min, item->row->max);
    }
    return FV_OK;
}

/* Before the first trial, and not when its turn comes. */
static fv_status check_augment(const char *text)
{
    fv_ctx *ctx = NULL;
    fv_augment *augment = NULL;
    FV_TRY(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx));
    const fv_status status = report(ctx, fv_augment_create(ctx, text, &augment));
    fv_augment_destroy(&augment);
    fv_ctx_destroy(&ctx);
    return status;
}

/* Choices are separated by | where one is there, else by commas. */
static fv_status read_choices(const char *line, const char *text, tune_item *item)
{
    const char separator = strchr(text, '|') ? '|' : ',';
    const char stop[2] = {separator, '\0'};
    for (const char *p = text;; p++) {
        const size_t n = strcspn(p, stop);
        const size_t begin = strspn(p, " \t") < n ? strspn(p, " \t") : n;
        char expected[FV_SETTING_TEXT_MAX];
        settings unused;
        bool relative = false;
        double factor;
        if (item->n_choices == TUNE_CHOICES)
            return complain(FV_ERR_VALUE, "leave some out", "--space %s: more than %d values", line, TUNE_CHOICES);
        char *copy = strndup(p + begin, n - begin);
        if (!copy)
            return complain(FV_ERR_NO_MEMORY, NULL, "no memory for --space");
        item->choice[item->n_choices++] = copy;
        if (is_number_row(item->row) && copy[0] == 'x' && read_number(copy, strlen(copy), &relative, &factor) &&
            factor > 0)
            item->relative = true;
        else if (*copy && item->row->offset == AT(fit.augment))
            FV_TRY(check_augment(copy));
        else if (!*copy || !fv_setting_read(item->row, copy, &unused, expected))
            return complain(FV_ERR_VALUE, help, "--space %s: '%s' is no value of %s: expected %s", line, copy,
                            item->row->key, *copy ? expected : "a value between the separators");
        p += n;
        if (!*p)
            return FV_OK;
    }
}

static fv_status read_item(const char *line, tune_space *space)
{
    const char *equals = strchr(line, '=');
    tune_item *item = &space->item[space->count];
    if (!equals || equals == line)
        return complain(FV_ERR_VALUE, help, "--space %s: expected KEY=VALUES", line);
    if (space->count == TUNE_ITEMS)
        return complain(FV_ERR_VALUE, "search fewer", "--space: more than %d settings", TUNE_ITEMS);
    *item = (tune_item){.row = NULL};
    FV_TRY(find_row(line, (size_t)(equals - line), &item->row));
    for (int i = 0; i < space->count; i++)
        if (space->item[i].row == item->row)
            return complain(FV_ERR_CONFLICT, "name it once", "--space: %s is there twice", item->row->key);
    space->count++;
    const char *text = equals + 1;
    item->log = strncmp(text, "log:", 4) == 0;
    text += item->log ? 4 : 0;
    const char *dots = is_number_row(item->row) ? strstr(text, "..") : NULL;
    if (item->log && !dots)
        return complain(FV_ERR_VALUE, help, "--space %s: log: belongs to a range of numbers", line);
    return dots ? read_range(line, text, dots, item) : read_choices(line, text, item);
}

/* A schedule of its own is asked for by its settings. */
static bool is_schedule_given(void)
{
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    if (option_given("warmup-epochs") || option_given("warmup-steps"))
        return true;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < FV_SCHEDULE_COUNT; k++)
            if (option_given(rows[i].key) && fv_schedule_takes(k, rows[i].key))
                return true;
    return false;
}

static fv_status read_usual(tune_space *space)
{
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(usual[i], "="), usual[i]);
        if (option_given(key) || (strcmp(key, "sched") == 0 && is_schedule_given()))
            continue;
        FV_TRY(read_item(usual[i], space));
        space->item[space->count - 1].usual = true;
    }
    return FV_OK;
}

fv_status tune_space_read(const settings *c, tune_space *space)
{
    char line[1024];
    *space = (tune_space){.count = 0};
    if (!c->space)
        return read_usual(space);
    for (const char *p = c->space; *p;) {
        const size_t n = strcspn(p, "\n");
        if (n >= sizeof line)
            return complain(FV_ERR_VALUE, help, "--space: more than %zu characters", sizeof line - 1);
        snprintf(line, sizeof line, "%.*s", (int)n, p);
        FV_TRY(read_item(line, space));
        p += n + (p[n] == '\n');
    }
    return space->count > 0 ? FV_OK : complain(FV_ERR_VALUE, help, "--space: expected KEY=VALUES");
}

void tune_space_free(tune_space *space)
{
    for (int i = 0; i < space->count; i++)
        while (space->item[i].n_choices > 0)
            free(space->item[i].choice[--space->item[i].n_choices]);
    space->count = 0;
}

/* ---- what follows from the first run ---- */

static double into_range(const fv_setting_row *o, double value)
{
    if (o->kind == FV_SETTING_INT || o->kind == FV_SETTING_BATCH)
        value = round(value);
    return value < o->min ? o->min : value > o->max ? o->max : value;
}

/* As a command has it: three digits are as good as more, and can be read. */
static char *number_text(const fv_setting_row *o, double value)
{
    char *text = NULL;
    const bool whole = o->kind == FV_SETTING_INT || o->kind == FV_SETTING_BATCH;
    return asprintf(&text, whole ? "%.0f" : "%.3g", into_range(o, value)) < 0 ? NULL : text;
}

static fv_status scale_item(tune_item *item, double by)
{
    item->low = into_range(item->row, item->low * by);
    item->high = into_range(item->row, item->high * by);
    for (int i = 0; i < item->n_choices; i++) {
        bool relative;
        double factor = 1;
        if (item->choice[i][0] != 'x' || !read_number(item->choice[i], strlen(item->choice[i]), &relative, &factor))
            continue;
        free(item->choice[i]);
        if (!(item->choice[i] = number_text(item->row, factor * by)))
            return FV_ERR_NO_MEMORY;
    }
    item->relative = false;
    return FV_OK;
}

static void drop_item(tune_space *space, int at)
{
    tune_item *item = &space->item[at];
    while (item->n_choices > 0)
        free(item->choice[--item->n_choices]);
    memmove(item, item + 1, (size_t)(space->count - at - 1) * sizeof *item);
    space->count--;
}

static fv_status add_choice(tune_item *item, const char *text)
{
    for (int i = 0; i < item->n_choices; i++)
        if (strcmp(item->choice[i], text) == 0)
            return FV_OK;
    char *copy = strdup(text);
    if (!copy)
        return FV_ERR_NO_MEMORY;
    item->choice[item->n_choices++] = copy;
    return FV_OK;
}

/* Presets of augmentation, where nothing of the kind was given. */
static fv_status add_augment(const series *s, const series_run *first, tune_space *space)
{
    char text[4096];
    const fv_setting_row *row = NULL;
    fv_ctx *ctx = NULL;
    fv_dataset *data = NULL;
    for (int i = 0; i < n_options; i++)
        row = strcmp(options[i].key, "augment") == 0 ? &options[i] : row;
    if (option_given("augment") || augment_given(s->c) || space->count == TUNE_ITEMS)
        return FV_OK;
    FV_TRY(context_open(s->c, &ctx));
    fv_status status = report(ctx, data_open(ctx, s->c, "train", NULL, &data));
    const bool photos = status == FV_OK && start_is_photographs(data);
    fv_dataset_destroy(&data);
    fv_ctx_destroy(&ctx);
    FV_TRY(status);
    tune_item *item = &space->item[space->count++];
    *item = (tune_item){.row = row, .usual = true};
    series_setting(s, first, "augment", text, sizeof text);
    status = add_choice(item, text[0] ? text : "none");
    for (size_t i = 0; status == FV_OK && i < 3; i++)
        status = add_choice(item, photos ? photographs[i] : others[i]);
    return status;
}

static bool has_label_smoothing(const series *s, const series_run *first)
{
    char loss[64], task[64];
    series_setting(s, first, "loss", loss, sizeof loss);
    series_setting(s, first, "task", task, sizeof task);
    return fv_loss_takes(loss[0] ? loss : NULL, "label-smoothing");
}

fv_status tune_space_settle(const series *s, const series_run *first, tune_space *space)
{
    for (int i = 0; i < space->count; i++) {
        tune_item *item = &space->item[i];
        char text[256];
        series_setting(s, first, item->row->key, text, sizeof text);
        const double base = strtod(text, NULL);
        const bool unfit = (item->relative && !(base > 0)) ||
                           (strcmp(item->row->key, "label-smoothing") == 0 && !has_label_smoothing(s, first));
        if (unfit && item->usual)
            drop_item(space, i--);
        else if (unfit && item->relative)
            return complain(FV_ERR_CONFLICT, "give numbers in the place of factors",
                            "--space: factors of %s, but the first run has %s of it", item->row->key,
                            text[0] ? text : "none");
        else if (item->relative)
            FV_TRY(scale_item(item, base));
    }
    return s->c->space ? FV_OK : add_augment(s, first, space);
}

/* ---- drawing ---- */

static char *draw_item(const tune_item *item, uint64_t seed, int64_t number)
{
    const double u = fv_tune_draw(seed, number, item->row->key);
    if (item->n_choices > 0)
        return strdup(item->choice[(int)(u * item->n_choices)]);
    const bool whole = item->row->kind == FV_SETTING_INT || item->row->kind == FV_SETTING_BATCH;
    if (item->log)
        return number_text(item->row, exp(log(item->low) + u * (log(item->high) - log(item->low))));
    /* Each whole number is as likely as the others. */
    return number_text(item->row, whole ? floor(item->low + u * (item->high - item->low + 1))
                                        : item->low + u * (item->high - item->low));
}

static const char *value_in(const words *w, const char *key)
{
    const size_t n = strlen(key);
    for (int i = 0; i < w->count; i++)
        if (strncmp(w->word[i] + 2, key, n) == 0 && w->word[i][n + 2] == '=')
            return w->word[i] + n + 3;
    return NULL;
}

static int kind_of(const words *w, const series *s, const series_run *first, const char *key, const char *const *names)
{
    char text[64];
    series_setting(s, first, key, text, sizeof text);
    const char *value = value_in(w, key) ? value_in(w, key) : text;
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], value) == 0)
            return i;
    return -1;
}

/* Whether a setting that belongs to some of a kind belongs to this one. */
static bool belongs(const char *const *names, bool (*takes)(int kind, const char *key), int kind, const char *key)
{
    bool any = false;
    for (int i = 0; names[i]; i++)
        any = any || takes(i, key);
    return !any || takes(kind, key);
}

bool tune_space_draw(const tune_space *space, const series *s, const series_run *first, int64_t number, words *w)
{
    for (int i = 0; i < space->count; i++) {
        char *value = draw_item(&space->item[i], (uint64_t)s->c->fit.seed, number), *word = NULL;
        const bool made = value && asprintf(&word, "--%s=%s", space->item[i].row->key, value) >= 0;
        free(value);
        if (!made || !words_set(w, word))
            return false;
    }
    const int opt = kind_of(w, s, first, "opt", fv_optimizer_names());
    const int sched = kind_of(w, s, first, "sched", fv_schedule_names());
    for (int i = 0; i < space->count; i++) {
        const char *key = space->item[i].row->key;
        if (!belongs(fv_optimizer_names(), fv_optimizer_takes, opt, key) ||
            !belongs(fv_schedule_names(), fv_schedule_takes, sched, key))
            words_drop(w, key);
    }
    return true;
}
