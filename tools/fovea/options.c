/* SPDX-License-Identifier: Apache-2.0 */
/* Reading options: words of the command line, and recipes. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static const verb *reading; /* whose options */
static bool given[MAX_OPTIONS];
static cli defaults;
static char *owned[4 * MAX_OPTIONS]; /* texts copied from the recipe */
static int n_owned;

static bool same_name(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((a[i] == '_' ? '-' : a[i]) != (b[i] == '_' ? '-' : b[i]))
            return false;
    return true;
}

static bool has_name(const option *o, const char *name, size_t length)
{
    if (strlen(o->name) == length && same_name(name, o->name, length))
        return true;
    for (const char *a = o->aliases; a; a = strchr(a, ',') ? strchr(a, ',') + 1 : NULL) {
        size_t n = strcspn(a, ",");
        if (n == length && same_name(name, a, length))
            return true;
    }
    return false;
}

/* The verb's own option of that name, else another verb's. */
static const option *find_option(const char *name, size_t length)
{
    const option *others = NULL;
    for (int i = 0; i < n_options; i++) {
        if (!has_name(&options[i], name, length))
            continue;
        if (reading && (options[i].verbs & reading->mask))
            return &options[i];
        others = others ? others : &options[i];
    }
    return others;
}

/* Decimal numbers only, as everywhere: strtod would take 0x10. */
static bool is_hex(const char *text)
{
    return strpbrk(text, "xX") != NULL;
}

static bool read_real(const char *text, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value) && !is_hex(text);
}

static bool read_bytes(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    if (!isfinite(*value) || is_hex(text))
        return false;
    static const char units[] = "kMGT";
    const char *unit = *end ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
    if (end == text || (*end && !unit))
        return false;
    for (int i = 0; unit && i <= unit - units; i++)
        *value *= 1024;
    return !*end || !end[1] || strcmp(end + 1, "B") == 0 || strcmp(end + 1, "iB") == 0;
}

/* What an option takes: "a whole number from 1 to 1000000". */
static void range_text(const option *o, char text[160])
{
    const bool list = o->kind == REALS || o->kind == MEASURE;
    const char *what = o->kind == REAL || list || o->kind == SHARE ? "a number"
                       : o->kind == BYTES                          ? "a size such as 512M or 2G"
                                                                   : "a whole number";
    char low[64] = "", high[64] = "";
    const bool whole = o->kind == INT || o->kind == BATCH, limited = whole || o->max < 1e9;
    bool open = o->min > 0 && o->min <= ABOVE_ZERO;
    if (o->kind == BYTES)
        snprintf(low, sizeof low, ", %.0f%s or more", o->min / (o->min < 1 << 20 ? 1 << 10 : 1 << 20),
                 o->min < 1 << 20 ? "k" : "M");
    else if (open)
        snprintf(low, sizeof low, " above 0");
    else
        snprintf(low, sizeof low, limited ? " from %.10g" : ", %.10g or more", o->min);
    if (o->kind != BYTES && limited)
        snprintf(high, sizeof high, open ? ", at most %.16g" : " to %.16g", o->max);
    snprintf(text, 160, "%s%s%s%s%s", what, low, high, list ? ", or several separated by commas" : "",
             o->kind == BATCH || o->kind == MEASURE ? ", or auto" : "");
}

static int bad_value(const option *o, const char *place, const char *text, const char *expected)
{
    char hint[128];
    if (*place)
        snprintf(hint, sizeof hint, "correct the file there");
    else
        snprintf(hint, sizeof hint, "`fovea help %s` describes --%s", reading->name, o->name);
    return complain(FV_ERR_VALUE, hint, "%s%s%s: found '%s', expected %s", place, *place ? "" : "--", o->name, text,
                    expected);
}

static int bad_range(const option *o, const char *place, const char *text)
{
    char expected[160];
    range_text(o, expected);
    return bad_value(o, place, text, expected);
}

static int set_choice(const option *o, const char *place, const char *text, int *member)
{
    char list[512] = "";
    const char *const *names = option_choices(o);
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *member = i;
            return 0;
        }
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = fv_nearest(text, names);
    char expected[640];
    snprintf(expected, sizeof expected, "one of %s%s%s%s", list, nearest ? "; did you mean " : "",
             nearest ? nearest : "", nearest ? "?" : "");
    return bad_value(o, place, text, expected);
}

static int set_reals(const option *o, const char *place, const char *text, list_option *list)
{
    char item[64];
    list->count = 0;
    list->measured = o->kind == MEASURE && strcmp(text, "auto") == 0;
    if (list->measured)
        return 0;
    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        size_t n = strcspn(p, ",");
        double v;
        snprintf(item, sizeof item, "%.*s", (int)(n < sizeof item ? n : sizeof item - 1), p);
        if (list->count == MAX_CHANNELS || !read_real(item, &v) || v < o->min || v > o->max)
            return bad_range(o, place, text);
        list->value[list->count++] = v;
    }
    return 0;
}

static int set_size(const option *o, const char *place, const char *text, int64_t size[2])
{
    char *end;
    size[0] = size[1] = strtoll(text, &end, 10);
    if (*end == 'x' || *end == 'X' || *end == ',')
        size[1] = strtoll(end + 1, &end, 10);
    if (*end || end == text)
        return bad_value(o, place, text, "N or HxW (rows x columns, as 224x160)");
    for (int i = 0; i < 2; i++)
        if ((double)size[i] < o->min || (double)size[i] > o->max) {
            char expected[96];
            snprintf(expected, sizeof expected, "N or HxW (rows x columns), each from %g to %g", o->min, o->max);
            return bad_value(o, place, text, expected);
        }
    return 0;
}

static int set_flag(const option *o, const char *place, const char *text, bool *flag)
{
    static const char *const yes[] = {"true", "yes", "on", "1", NULL}, *const no[] = {"false", "no", "off", "0", NULL};
    for (int i = 0; i < 4; i++) {
        if (!text || strcmp(text, yes[i]) == 0)
            return *flag = true, 0;
        if (strcmp(text, no[i]) == 0)
            return *flag = false, 0;
    }
    return bad_value(o, place, text, "true or false");
}

/* `place` is "" for a flag and "FILE:LINE:COLUMN: " for a setting of a recipe. */
static int set_option(const option *o, const char *place, const char *text, cli *c)
{
    void *member = (char *)c + o->offset;
    double v;
    given[o - options] = true;
    switch (o->kind) {
    case TEXT:
        *(const char **)member = text;
        return *text ? 0 : bad_value(o, place, text, "a text");
    case FLAG:
        return set_flag(o, place, text, member);
    case CHOICE:
        return set_choice(o, place, text, member);
    case SIZE:
        return set_size(o, place, text, member);
    case MEASURE:
    case REALS:
        return set_reals(o, place, text, member);
    case SHARE: /* was a switch once: yes is half of the samples */
        if (!text || strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            text = text && *text == 'f' ? "0" : "0.5";
        break;
    case BATCH:
        c->batch_auto = strcmp(text, "auto") == 0;
        if (c->batch_auto)
            return 0;
        break;
    default:
        break;
    }
    bool whole = o->kind == INT || o->kind == BATCH;
    if (!(o->kind == BYTES ? read_bytes(text, &v) : read_real(text, &v)) || (whole && v != floor(v)) || v < o->min ||
        v > o->max)
        return bad_range(o, place, text);
    if (o->kind == REAL || o->kind == SHARE)
        *(double *)member = v;
    else
        *(int64_t *)member = (int64_t)v;
    return 0;
}

static int unknown_option(const verb *v, const char *place, const char *dashes, const char *word, size_t length)
{
    const char *names[MAX_OPTIONS + 1];
    char name[64];
    int n = 0;
    for (int i = 0; i < n_options; i++)
        if (options[i].verbs & v->mask)
            names[n++] = options[i].name;
    names[n] = NULL;
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
    const char *nearest = fv_nearest(name, names);
    char hint[128];
    snprintf(hint, sizeof hint, "`fovea help %s` lists the options", v->name);
    return complain(FV_ERR_UNKNOWN_OPTION, hint, "%sfovea %s has no option %s%s%s%s%s%s", place, v->name, dashes, name,
                    nearest ? "; did you mean " : "", nearest ? (*place ? "" : "--") : "", nearest ? nearest : "",
                    nearest ? "?" : "");
}

static const option *find_letter(char letter)
{
    for (int i = 0; i < n_options; i++)
        if (options[i].letter && options[i].letter == letter)
            return &options[i];
    return NULL;
}

static int unexpected_word(const verb *v, const char *word)
{
    char hint[256];
    snprintf(hint, sizeof hint, "%s`fovea help %s` shows the usage",
             v->mask & (V_TRAIN | V_EVAL) ? "write --data PATH and --model NAME; " : "", v->name);
    return complain(FV_ERR_USAGE, hint, "fovea %s: unexpected word '%s'", v->name, word);
}

static int read_words(const verb *v, int argc, char **argv, cli *c)
{
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *name = word, *equals = strchr(word, '=');
        size_t length;
        const option *o = NULL;
        if (word[0] == '-' && word[1] == '-') {
            name = word + 2;
        } else if (word[0] == '-' && word[1] && !isdigit((unsigned char)word[1])) {
            if (strcmp(word, "-h") == 0) {
                c->positional[0] = v->name;
                return -1;
            }
            o = find_letter(word[1]);
            if (!o || (word[2] && word[2] != '='))
                return unknown_option(v, "", "-", word + 1, strlen(word + 1));
            name = word + 1;
        } else if (!equals || !isalpha((unsigned char)word[0])) {
            if (c->n_positional >= v->positionals)
                return unexpected_word(v, word);
            c->positional[c->n_positional++] = word;
            continue;
        }
        length = equals ? (size_t)(equals - name) : strlen(name);
        if (length == 4 && strncmp(name, "help", 4) == 0) {
            c->positional[0] = v->name;
            return -1;
        }
        if (!o)
            o = find_option(name, length);
        if (!o || !(o->verbs & v->mask))
            return unknown_option(v, "", "--", name, length);
        const char *value = equals ? equals + 1 : NULL;
        if (!value && o->kind == SHARE) {
            double number;
            value = i + 1 < argc && read_real(argv[i + 1], &number) ? argv[++i] : "true";
        }
        if (!value && o->kind != FLAG) {
            bool resume_alone = o->offset == AT(resume) && (i + 1 == argc || argv[i + 1][0] == '-');
            if (!resume_alone && i + 1 == argc)
                return complain(FV_ERR_USAGE, o->help, "--%s needs a value: --%s %s", o->name, o->name, o->value);
            value = resume_alone ? "auto" : argv[++i];
        }
        int code = set_option(o, "", value, c);
        if (code)
            return code;
    }
    return 0;
}

static int read_recipe(const verb *v, cli *c)
{
    fv_ctx *ctx = NULL;
    fv_config *config = NULL;
    fv_status status = fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx);
    if (status == FV_OK)
        status = fv_config_read(ctx, c->config, &config);
    int code = status == FV_OK ? 0 : report(ctx, status);
    for (int i = 0; !code && i < fv_config_count(config); i++) {
        const fv_setting *s = fv_config_get(config, i);
        char place[1024];
        snprintf(place, sizeof place, "%s:%d:%d: ", c->config, s->line, s->column);
        const option *o = find_option(s->key, strlen(s->key));
        if (!o || !(o->verbs & v->mask) || o->offset == AT(config)) {
            code = unknown_option(v, place, "", s->key, strlen(s->key));
            break;
        }
        if (given[o - options] || !*s->value)
            continue;
        char *text = strdup(s->value);
        if (!text || n_owned == (int)(sizeof owned / sizeof owned[0])) {
            free(text);
            code = complain(FV_ERR_NO_MEMORY, NULL, "%sno memory for the recipe", place);
            break;
        }
        owned[n_owned++] = text;
        code = set_option(o, place, text, c);
    }
    fv_config_destroy(&config);
    fv_ctx_destroy(&ctx);
    return code;
}

int options_read(const verb *v, int argc, char **argv, cli *c)
{
    reading = v;
    for (int i = 0; i < n_options; i++) {
        if (options[i].kind == REAL && !options[i].def)
            *(double *)(void *)((char *)c + options[i].offset) = REAL_UNSET;
        if (options[i].def && (options[i].verbs & v->mask) && set_option(&options[i], "", options[i].def, c))
            return 1;
    }
    memset(given, 0, sizeof given);
    defaults = *c;
    int code = read_words(v, argc, argv, c);
    if (!code && c->config)
        code = read_recipe(v, c);
    cli_quiet = c->quiet;
    if (!code && c->device && strcmp(c->device, "auto") != 0 && strcmp(c->device, "cpu") != 0)
        code = complain(FV_ERR_DEVICE, "use --device cpu, or auto",
                        "--device %s: this build has no such device; possible: %s", c->device, "auto or cpu");
    return code;
}

bool option_given(const char *name)
{
    const option *o = find_option(name, strlen(name));
    return o && given[o - options];
}

bool option_changed(const char *name, const cli *c)
{
    static const size_t sizes[] = {
        [TEXT] = sizeof(char *),   [INT] = sizeof(int64_t),       [REAL] = sizeof(double),
        [FLAG] = sizeof(bool),     [CHOICE] = sizeof(int),        [SIZE] = 2 * sizeof(int64_t),
        [SHARE] = sizeof(double),  [REALS] = sizeof(list_option), [MEASURE] = sizeof(list_option),
        [BYTES] = sizeof(int64_t), [BATCH] = sizeof(int64_t)};
    const option *o = find_option(name, strlen(name));
    return o && given[o - options] &&
           memcmp((const char *)c + o->offset, (const char *)&defaults + o->offset, sizes[o->kind]) != 0;
}

void options_free(void)
{
    while (n_owned > 0)
        free(owned[--n_owned]);
}
