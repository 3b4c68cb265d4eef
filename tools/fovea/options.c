/* SPDX-License-Identifier: Apache-2.0 */
/* Reading options: words of the command line, and recipes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "lr_find.h"
#include "plan.h"
#include "recipe_path.h"
#include "sanity.h"

/* ---- the table ---- */

#define ROW(kind, member, key, aliases, letter, initial, min, max, choices, verbs, level, value, help)                 \
    {key, aliases, letter, FV_SETTING_##kind, AT(member), min, max, choices, verbs, level, value, #initial, help},
#define FIT_ROW(kind, member, ...) ROW(kind, fit.member, __VA_ARGS__)
const fv_setting_row options[] = {SETTINGS_BEFORE(ROW) FV_FIT_SETTINGS(FIT_ROW) SETTINGS_BEHIND(ROW)};
const int n_options = sizeof options / sizeof options[0];
_Static_assert(sizeof options / sizeof options[0] <= MAX_OPTIONS, "room for what is known of each option");

const settings options_default = {.fit = {FV_FIT_DEFAULTS},
                                  SETTINGS_BEFORE(FV_SETTING_INITIAL) SETTINGS_BEHIND(FV_SETTING_INITIAL)};

/* ---- what was given ---- */

typedef enum given_by { NOT_GIVEN, BY_RECIPE, BY_FLAG } given_by;

/* What is known of a command line. */
typedef struct command {
    const verb *verb;
    given_by given[MAX_OPTIONS];
    char *owned[4 * MAX_OPTIONS]; /* texts copied from the recipe */
    int n_owned;
    const char **bare; /* settings.positional */
    bool quiet;        /* of the one below */
    struct command *below;
} command;

static command outermost, *top = &outermost;

/* The verb's own option of that name, else another verb's. */
static const fv_setting_row *find_option(const char *name, size_t length)
{
    const fv_setting_row *others = NULL;
    for (int i = 0; i < n_options; i++) {
        if (!fv_setting_has_name(&options[i], name, length))
            continue;
        if (top->verb && (options[i].verbs & top->verb->mask))
            return &options[i];
        others = others ? others : &options[i];
    }
    return others;
}

/* `place` is "" for a flag and "FILE:LINE:COLUMN: " for a setting of a recipe. */
static fv_status set_option(const fv_setting_row *o, const char *place, const char *text, settings *c)
{
    char hint[128], expected[FV_SETTING_TEXT_MAX];
    top->given[o - options] = *place ? BY_RECIPE : BY_FLAG;
    if (fv_setting_read(o, text, c, expected))
        return FV_OK;
    if (*place)
        snprintf(hint, sizeof hint, "correct the file there");
    else
        snprintf(hint, sizeof hint, "`fovea help %s` describes --%s", top->verb->name, o->key);
    return complain(FV_ERR_VALUE, hint, "%s%s%s: found '%s', expected %s", place, *place ? "" : "--", o->key, text,
                    expected);
}

/* Options that other tools have and this version has not: no other name is what was meant. */
static const char *const planned[] = {"amp",           "half",       "mixed-precision", "dtype", "grad-checkpointing",
                                      "deterministic", "pretrained", "sync-bn"};

static fv_status refuse_planned(const char *place, const char *dashes, const char *name)
{
    for (size_t i = 0; i < sizeof planned / sizeof *planned; i++) {
        const fv_setting_row row = {.key = planned[i]};
        if (fv_setting_has_name(&row, name, strlen(name)))
            return complain(FV_ERR_UNKNOWN_OPTION, "leave it out", "%s%s%s is not in this version", place, dashes,
                            name);
    }
    return FV_OK;
}

static fv_status unknown_option(const verb *v, const char *place, const char *dashes, const char *word, size_t length)
{
    const char *names[MAX_OPTIONS + 1];
    char name[64];
    int n = 0;
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
    if (!*dashes || dashes[1])
        FV_TRY(refuse_planned(place, dashes, name));
    for (int i = 0; i < n_options; i++)
        if (option_shown(v, &options[i]))
            names[n++] = options[i].key;
    names[n] = NULL;
    const char *nearest = fv_nearest(name, names);
    char hint[128];
    snprintf(hint, sizeof hint, "`fovea help %s` lists the options", v->name);
    return complain(FV_ERR_UNKNOWN_OPTION, hint, "%sfovea %s has no option %s%s%s%s%s%s", place, v->name, dashes, name,
                    nearest ? "; did you mean " : "", nearest ? (*place ? "" : "--") : "", nearest ? nearest : "",
                    nearest ? "?" : "");
}

static const fv_setting_row *find_letter(char letter)
{
    const fv_setting_row *others = NULL;
    for (int i = 0; i < n_options; i++)
        if (options[i].letter && options[i].letter == letter) {
            if (top->verb && (options[i].verbs & top->verb->mask))
                return &options[i];
            others = others ? others : &options[i];
        }
    return others;
}

static fv_status unexpected_word(const verb *v, const char *word)
{
    char hint[256];
    snprintf(hint, sizeof hint, "%s`fovea help %s` shows the usage",
             v->mask & (V_TRAIN | V_EVAL) ? "write --data PATH and --model NAME; " : "", v->name);
    return complain(FV_ERR_USAGE, hint, "fovea %s: unexpected word '%s'", v->name, word);
}

/* A copy that lives as long as the settings; NULL: no memory. */
static char *own(const char *text)
{
    char *copy = top->n_owned < (int)(sizeof top->owned / sizeof top->owned[0]) ? strdup(text) : NULL;
    if (copy)
        top->owned[top->n_owned++] = copy;
    return copy;
}

/* Whether a word is the next of a list's numbers: a number, and in no other option's place. */
static bool is_number(const char *word)
{
    char *end;
    (void)strtod(word, &end);
    return end != word && *end == '\0';
}

/* Numbers in words of their own, as "--mean 0.485 0.456 0.406", are one list; *i is the last word taken. */
static const char *join_numbers(const fv_setting_row *o, int argc, char **argv, int *i)
{
    char text[FV_SETTING_TEXT_MAX];
    const bool list = o->kind == FV_SETTING_LIST || o->kind == FV_SETTING_MEASURE || o->kind == FV_SETTING_PAIR;
    const char *first = argv[++*i];
    if (!list || !is_number(first) || *i + 1 >= argc || !is_number(argv[*i + 1]))
        return first;
    snprintf(text, sizeof text, "%s", first);
    while (*i + 1 < argc && is_number(argv[*i + 1])) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, ",%s", argv[++*i]);
    }
    return own(text);
}

/* What stands for the value of a flag or a share that was given without "=": the next word where it is one. */
static const char *optional_value(const fv_setting_row *o, int argc, char **argv, int *i)
{
    settings unused;
    char expected[FV_SETTING_TEXT_MAX];
    const char *next = *i + 1 < argc ? argv[*i + 1] : "";
    const bool taken = o->kind == FV_SETTING_SHARE ? fv_setting_read(o, next, &unused, expected)
                                                   : strcasecmp(next, "true") == 0 || strcasecmp(next, "false") == 0;
    return taken ? argv[++*i] : "true";
}

static fv_status read_words(const verb *v, int argc, char **argv, settings *c, help_kind *help)
{
    top->bare = calloc((size_t)argc + 4, sizeof *top->bare); /* verbs look at their first ones without counting them */
    if (!top->bare)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for %d words", argc);
    c->positional = top->bare;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *name = word, *equals = strchr(word, '=');
        size_t length;
        const fv_setting_row *o = NULL;
        if (word[0] == '-' && word[1] == '-') {
            name = word + 2;
        } else if (word[0] == '-' && word[1] && !isdigit((unsigned char)word[1])) {
            if (strcmp(word, "-h") == 0) {
                *help = HELP_USUAL;
                return FV_OK;
            }
            o = find_letter(word[1]);
            if (!o || (word[2] && word[2] != '=' && !isdigit((unsigned char)word[2])))
                return unknown_option(v, "", "-", word + 1, strlen(word + 1));
            name = word + 1;
            equals = word[2] ? word + 1 + (word[2] == '=') : NULL; /* -b=32 and -b32 */
        } else if (!equals || !isalpha((unsigned char)word[0]) || memchr(word, ' ', (size_t)(equals - word))) {
            if (c->n_positional >= v->positionals)
                return unexpected_word(v, word);
            top->bare[c->n_positional++] = word;
            continue;
        }
        length = o ? 1 : equals ? (size_t)(equals - name) : strlen(name);
        if (strncmp(name, "help", length) == 0 && length == 4) {
            *help = HELP_USUAL;
            return FV_OK;
        }
        if (strncmp(name, "help-all", length) == 0 && length == 8) {
            *help = HELP_ALL;
            return FV_OK;
        }
        if (!o)
            o = find_option(name, length);
        if (!o || !(o->verbs & v->mask))
            return unknown_option(v, "", "--", name, length);
        const char *value = equals ? equals + 1 : NULL;
        if (!value && (o->kind == FV_SETTING_SHARE || o->kind == FV_SETTING_FLAG))
            value = optional_value(o, argc, argv, &i);
        if (!value) {
            bool resume_alone = o->offset == AT(resume) && (i + 1 == argc || argv[i + 1][0] == '-');
            if (!resume_alone && i + 1 == argc)
                return complain(FV_ERR_USAGE, o->help, "--%s needs a value: --%s %s", o->key, o->key, o->value);
            value = resume_alone ? "auto" : join_numbers(o, argc, argv, &i);
            if (!value)
                return complain(FV_ERR_NO_MEMORY, NULL, "no memory for --%s", o->key);
        }
        const char *before = o->offset == AT(input)                    ? c->input
                             : o->offset == AT(space)                  ? c->space
                             : o->offset == AT(fit.unfreeze_at)        ? c->fit.unfreeze_at
                             : o->offset == AT(fit.progressive_resize) ? c->fit.progressive_resize
                                                                       : NULL;
        if (before) { /* one more */
            const size_t size = strlen(before) + strlen(value) + 2;
            char *both = malloc(size);
            if (both)
                snprintf(both, size, o->offset == AT(space) ? "%s\n%s" : "%s,%s", before, value);
            value = both ? own(both) : NULL;
            free(both);
            if (!value)
                return complain(FV_ERR_NO_MEMORY, NULL, "no memory for --%s", o->key);
        }
        FV_TRY(set_option(o, "", value, c));
    }
    return FV_OK;
}

/* Takes a path of a recipe as the run that wrote it meant it; a copy. */
static fv_status read_path(const fv_setting_row *o, const char *place, const fv_setting *s, settings *c)
{
    char text[RECIPE_PATH_MAX], hint[128];
    bool found;
    char *path = own(recipe_path(c->directory, s->value, text, &found));
    snprintf(hint, sizeof hint, "name where it is now with --%s", o->key);
    if (!path)
        return complain(FV_ERR_NO_MEMORY, NULL, "%sno memory for the recipe", place);
    if (!found)
        return complain(FV_ERR_NOT_FOUND, hint, "%s%s: there is no %s", place, o->key, path);
    return set_option(o, place, path, c);
}

fv_status options_read_setting(const verb *v, const char *path, const fv_setting *s, settings *c)
{
    char place[1024];
    snprintf(place, sizeof place, "%s:%d:%d: ", path, s->line, s->column);
    const fv_setting_row *o = find_option(s->key, strlen(s->key));
    if (!o || !(o->verbs & v->mask) || o->offset == AT(config))
        return unknown_option(v, place, "", s->key, strlen(s->key));
    if (top->given[o - options] || !*s->value)
        return FV_OK;
    if (c->directory && recipe_is_path(o, s->value))
        return read_path(o, place, s, c);
    char *text = own(s->value);
    if (!text)
        return complain(FV_ERR_NO_MEMORY, NULL, "%sno memory for the recipe", place);
    return set_option(o, place, text, c);
}

/* The folder comes first: other settings mean what it says. */
static fv_status read_settings(const verb *v, const char *path, const fv_config *config, settings *c)
{
    char place[1024];
    const fv_config_stage *first = fv_config_stage_at(config, 1);
    if (first && !(v->mask & V_COMPRESS)) {
        snprintf(place, sizeof place, "%s:%d:%d: ", path, first->line, first->column);
        return complain(FV_ERR_UNKNOWN_OPTION, "give it to `fovea compress -c`", "%sfovea %s takes no recipe of stages",
                        place, v->name);
    }
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < fv_config_count(config); i++) {
            const fv_setting *s = fv_config_get(config, i);
            if (s->stage == 0 && (strcmp(s->key, "directory") == 0) == (pass == 0))
                FV_TRY(options_read_setting(v, path, s, c));
        }
    return FV_OK;
}

fv_status options_read_recipe(const verb *v, const char *path, settings *c)
{
    fv_ctx *ctx = NULL;
    fv_config *config = NULL;
    fv_status status = fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx);
    if (status == FV_OK)
        status = fv_config_read(ctx, path, &config);
    if (status == FV_OK)
        status = read_settings(v, path, config, c);
    status = report(ctx, status);
    fv_config_destroy(&config);
    fv_ctx_destroy(&ctx);
    return status;
}

fv_status options_read(const verb *v, int argc, char **argv, settings *c, help_kind *help)
{
    top->verb = v;
    *c = options_default;
    *help = HELP_NONE;
    fv_status status = read_words(v, argc, argv, c, help);
    if (status == FV_OK && !*help && c->config)
        status = options_read_recipe(v, c->config, c);
    const bool recipe = c->config || (c->resume && strcmp(c->resume, "auto") != 0);
    if (status == FV_OK && !*help && option_given("directory") && !recipe)
        status = complain(FV_ERR_CONFLICT, "add -c FILE or --resume DIR, or drop it",
                          "--directory has no effect here: no recipe is read");
    cli_quiet = c->quiet;
    if (status == FV_OK && !*help && strcmp(c->device, "auto") != 0 && strcmp(c->device, "cpu") != 0)
        status = complain(FV_ERR_DEVICE, "use --device cpu, or auto",
                          "--device %s: this build has no such device; possible: %s", c->device, "auto or cpu");
    return status;
}

bool option_shown(const verb *v, const fv_setting_row *o)
{
    char key[64];
    snprintf(key, sizeof key, " %s ", o->key);
    return (o->verbs & v->mask) && !((v->mask & V_SANITY) && strstr(sanity_idle, key)) &&
           !((v->mask & V_LR_FIND) && strstr(lr_find_idle, key)) && !((v->mask & V_PLAN) && strstr(plan_idle, key));
}

bool option_given(const char *name)
{
    const fv_setting_row *o = find_option(name, strlen(name));
    return o && top->given[o - options];
}

void option_note_given(const char *name)
{
    const fv_setting_row *o = find_option(name, strlen(name));
    if (o)
        top->given[o - options] = BY_FLAG;
}

bool option_row_given(const fv_setting_row *o)
{
    return top->given[o - options];
}

bool option_row_given_below(const fv_setting_row *o)
{
    return top->below && top->below->given[o - options];
}

bool option_typed(const char *name)
{
    const fv_setting_row *o = find_option(name, strlen(name));
    return o && top->given[o - options] == BY_FLAG;
}

const char *option_typed_next(int *i)
{
    while (*i < n_options && top->given[*i] != BY_FLAG)
        ++*i;
    return *i < n_options ? options[(*i)++].key : NULL;
}

/* The option that a word is, with what follows it in the word; NULL: it is none. */
static const fv_setting_row *option_of_word(const char *word, const char **rest)
{
    if (word[0] != '-' || !word[1])
        return NULL;
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const size_t length = word[1] == '-' ? strcspn(name, "=") : 1;
    *rest = name + length;
    if (word[1] == '-')
        return find_option(name, length);
    for (int i = 0; i < n_options; i++)
        if (options[i].letter == *name && (options[i].verbs & top->verb->mask))
            return &options[i];
    return NULL;
}

int option_at_word(const settings *c, int i, const char *keys)
{
    char key[64];
    const char *rest;
    const fv_setting_row *o = option_of_word(c->words[i], &rest);
    if (!o)
        return 0;
    snprintf(key, sizeof key, " %s ", o->key);
    return !strstr(keys, key) ? 0 : *rest || o->kind == FV_SETTING_FLAG || i + 1 >= c->n_words ? 1 : 2;
}

const char *option_text(const char *name, const settings *c, char *text, size_t size)
{
    return fv_setting_print(find_option(name, strlen(name)), c, text, size);
}

bool option_is_set(const fv_setting_row *o, const settings *c)
{
    char expected[FV_SETTING_TEXT_MAX];
    return fv_setting_check(o, c, expected);
}

bool option_changed(const char *name, const settings *c)
{
    const fv_setting_row *o = find_option(name, strlen(name));
    char now[4096], before[4096];
    return o && top->given[o - options] &&
           strcmp(fv_setting_print(o, c, now, sizeof now),
                  fv_setting_print(o, &options_default, before, sizeof before)) != 0;
}

bool options_push(void)
{
    command *above = calloc(1, sizeof *above);
    if (!above)
        return false;
    above->below = top;
    above->quiet = cli_quiet;
    top = above;
    return true;
}

void options_pop(void)
{
    command *above = top;
    options_free();
    cli_quiet = above->quiet;
    top = above->below;
    free(above);
}

void options_free(void)
{
    while (top->n_owned > 0)
        free(top->owned[--top->n_owned]);
    free(top->bare);
    top->bare = NULL;
}
