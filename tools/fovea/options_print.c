/* SPDX-License-Identifier: Apache-2.0 */
/* Options written out: as a recipe that repeats the run, and as help. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <jansson.h>

#include "options.h"
#include "recipe_path.h"

/* A path need not be UTF-8, as YAML must be. */
static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);
    json_decref(string);
    return string != NULL;
}

static void yaml_binary(FILE *f, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)text;
    fputs("!!binary ", f);
    for (size_t n = strlen(text); n > 0;) {
        const size_t taken = n < 3 ? n : 3;
        unsigned long bits = (unsigned long)p[0] << 16;
        bits |= taken > 1 ? (unsigned long)p[1] << 8 : 0;
        bits |= taken > 2 ? p[2] : 0;
        for (size_t k = 0; k < 4; k++)
            fputc(k <= taken ? digits[bits >> (18 - 6 * k) & 63] : '=', f);
        p += taken;
        n -= taken;
    }
}

static void yaml_text(FILE *f, const char *text)
{
    if (!is_utf8(text)) {
        yaml_binary(f, text);
        return;
    }
    bool plain = *text != 0;
    for (const char *p = text; *p; p++)
        plain = plain && (isalnum((unsigned char)*p) || strchr("_-./", *p)) && !(p == text && strchr("-.", *p));
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        plain = plain && strcasecmp(text, words[i]) != 0;
    char *end;
    strtod(text, &end);
    if (plain && *end) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fprintf(f, "\\x%02x", *p);
        else if (*p == '"' || *p == '\\')
            fprintf(f, "\\%c", *p);
        else
            fputc(*p, f);
    }
    fputc('"', f);
}

/* One line of a recipe's value: a list in brackets, a text in quotes where it needs them. */
static void yaml_value(FILE *f, const fv_setting_row *o, const settings *c)
{
    char text[4096];
    const char *const *long_text = (const void *)((const char *)c + o->offset);
    fv_setting_print(o, c, text, sizeof text);
    if (o->kind == FV_SETTING_TEXT)
        yaml_text(f, *long_text ? *long_text : "");
    else
        fprintf(f, strchr(text, ',') ? "[%s]" : "%s", text);
}

/* What is about this command and not about the run is left out. */
static bool is_written(const fv_setting_row *o, const settings *c)
{
    static const size_t left_out[] = {AT(config), AT(quiet), AT(verbose), AT(resume), AT(force)};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (o->offset == left_out[i])
            return false;
    return option_is_set(o, c);
}

char *options_yaml(const verb *v, const settings *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    fprintf(f, "# fovea %s: every setting of this run; repeat it with `fovea %s -c args.yaml`\n", fv_version(),
            v->name);
    for (int i = 0; i < n_options; i++) {
        if (!(options[i].verbs & v->mask) || !is_written(&options[i], c))
            continue;
        fprintf(f, "%s: ", options[i].key);
        yaml_value(f, &options[i], c);
        fputc('\n', f);
    }
    return fclose(f) == 0 ? text : NULL;
}

char *options_given_yaml(const verb *v, const settings *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    fprintf(f, "# fovea %s: what `fovea %s` was asked for\n", fv_version(), v->name);
    for (int i = 0; i < n_options; i++) {
        const size_t at = options[i].offset;
        const bool here = at == AT(directory), aside = at == AT(json) || at == AT(progress) || at == AT(no_color) ||
                                                       at == AT(output) || at == AT(experiment);
        if (!(options[i].verbs & v->mask) || aside || !is_written(&options[i], c) ||
            !(here || option_row_given(&options[i])))
            continue;
        fprintf(f, "%s: ", options[i].key);
        yaml_value(f, &options[i], c);
        fputc('\n', f);
    }
    return fclose(f) == 0 ? text : NULL;
}

char *option_word(const fv_setting_row *o, const settings *c)
{
    char text[4096], *word = NULL;
    const char *const *long_text = (const void *)((const char *)c + o->offset);
    fv_setting_print(o, c, text, sizeof text);
    return asprintf(&word, "--%s=%s", o->key, o->kind == FV_SETTING_TEXT ? *long_text : text) < 0 ? NULL : word;
}

/* A path is what it leads to, from wherever it is called. */
static void identity_value(FILE *f, const fv_setting_row *o, const settings *c)
{
    const char *const *text = (const void *)((const char *)c + o->offset);
    char place[RECIPE_PATH_MAX];
    if (o->kind == FV_SETTING_TEXT && recipe_is_path(o, *text))
        yaml_text(f, recipe_place(NULL, *text, place));
    else
        yaml_value(f, o, c);
}

char *options_identity(const settings *c, fv_setting_level level)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    for (int i = 0; i < n_options; i++) {
        const bool fits = options[i].offset >= AT(fit) && options[i].offset < AT(fit) + sizeof c->fit;
        if (fits || !(options[i].verbs & V_TRAIN) || options[i].level != level)
            continue;
        fprintf(f, "%s: ", options[i].key);
        if (option_is_set(&options[i], c))
            identity_value(f, &options[i], c);
        fputc('\n', f);
    }
    return fclose(f) == 0 ? text : NULL;
}

/* ---- help ---- */

int help_width(void)
{
    struct winsize w;
    int width = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 100;
    return width < 60 ? 60 : width > 120 ? 120 : width;
}

void help_wrap(FILE *out, const char *text, int indent, int width)
{
    int column = indent;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column > indent && column + 1 + n > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        column += fprintf(out, "%s%.*s", column > indent ? " " : "", n, text);
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

/* The option's help, its choices and its default; or the action's own words. */
static void describe(const fv_setting_row *o, const option_words *own, char text[1024])
{
    if (own) {
        snprintf(text, 1024, "%s", own->help);
        return;
    }
    int n = snprintf(text, 1024, "%s", o->help);
    if (o->kind == FV_SETTING_CHOICE) {
        n += snprintf(text + n, 1024 - (size_t)n, " (");
        for (const char *p = o->choices; *p; p++) /* "a,b," -> "a, b" */
            if (*p != ',' || p[1])
                n += snprintf(text + n, 1024 - (size_t)n, *p == ',' ? ", " : "%c", *p);
        n += snprintf(text + n, 1024 - (size_t)n, ")");
    }
    /* Numbers as their row writes them: 1e-8. */
    static const bool as_written[FV_SETTING_KIND_COUNT] = {
        [FV_SETTING_INT] = true, [FV_SETTING_REAL] = true, [FV_SETTING_BYTES] = true, [FV_SETTING_SHARE] = true};
    char value[256];
    fv_setting_print(o, &options_default, value, sizeof value);
    if (o->kind != FV_SETTING_FLAG && option_is_set(o, &options_default))
        snprintf(text + n, 1024 - (size_t)n, " [%s]", as_written[o->kind] ? o->initial : value);
}

void options_help_some(unsigned verbs_mask, const char *names_wanted, const option_words *own, FILE *out)
{
    enum { INDENT = 34 };
    int width = help_width();
    for (int i = 0; i < n_options; i++) {
        const fv_setting_row *o = &options[i];
        const option_words *words = own;
        char left[64], letter[8] = "    ", text[1024], word[64];
        snprintf(word, sizeof word, " %s ", o->key);
        if (!(o->verbs & verbs_mask) || (names_wanted && !strstr(names_wanted, word)))
            continue;
        while (words && words->name && strcmp(words->name, o->key) != 0)
            words++;
        words = words && words->name ? words : NULL;
        const char *value = words ? words->value : o->value;
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->key, value ? " " : "", value ? value : "");
        describe(o, words, text);
        fprintf(out, "  %-*s ", INDENT - 3, left);
        if (strlen(left) > INDENT - 3)
            fprintf(out, "\n%*s", INDENT, "");
        help_wrap(out, text, INDENT, width);
    }
}
