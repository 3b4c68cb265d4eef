/* SPDX-License-Identifier: Apache-2.0 */
/* Options written out: as a recipe that repeats the run, and as help. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "options.h"

static void yaml_text(FILE *f, const char *text)
{
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

/* The shortest text that reads back as the same number. */
static void yaml_real(FILE *f, double value)
{
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, f);
}

static void yaml_option(FILE *f, const option *o, const cli *c)
{
    const void *member = (const char *)c + o->offset;
    const list_option *list = member;
    const int64_t *size = member;
    switch (o->kind) {
    case TEXT:
        yaml_text(f, *(const char *const *)member);
        break;
    case FLAG:
        fputs(*(const bool *)member ? "true" : "false", f);
        break;
    case CHOICE:
        fputs(option_choices(o)[*(const int *)member], f);
        break;
    case REAL:
    case SHARE:
        yaml_real(f, *(const double *)member);
        break;
    case MEASURE:
    case REALS:
        if (list->measured)
            fputs("auto", f);
        for (int i = 0; i < list->count; i++) {
            fputs(i ? ", " : "[", f);
            yaml_real(f, list->value[i]);
        }
        fputs(list->measured ? "" : "]", f);
        break;
    case SIZE:
        fprintf(f, "%lldx%lld", (long long)size[0], (long long)size[1]);
        break;
    default:
        fprintf(f, "%lld", (long long)*size);
        break;
    }
}

/* Options whose zero means "not set" are left out. */
static bool is_set(const option *o, const cli *c)
{
    const void *member = (const char *)c + o->offset;
    if (o->offset == AT(config) || o->offset == AT(quiet) || o->offset == AT(verbose) || o->offset == AT(resume) ||
        o->offset == AT(force))
        return false;
    switch (o->kind) {
    case TEXT:
        return *(const char *const *)member != NULL;
    case MEASURE:
    case REALS:
        return ((const list_option *)member)->count > 0 || ((const list_option *)member)->measured;
    case SIZE:
    case BYTES:
        return *(const int64_t *)member != 0;
    case INT:
        return *(const int64_t *)member != 0 || o->def;
    case REAL:
    case SHARE:
        return *(const double *)member != REAL_UNSET;
    default:
        return true;
    }
}

char *options_yaml(const verb *v, const cli *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    fprintf(f, "# fovea %s: every setting of this run; repeat it with `fovea %s -c args.yaml`\n", fv_version(),
            v->name);
    for (int i = 0; i < n_options; i++) {
        if (!(options[i].verbs & v->mask) || !is_set(&options[i], c))
            continue;
        fprintf(f, "%s: ", options[i].name);
        yaml_option(f, &options[i], c);
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

void options_help(const verb *v, FILE *out)
{
    options_help_some(v->mask, NULL, NULL, out);
}

/* The option's help, its choices and its default; or the action's own words. */
static void describe(const option *o, const option_words *own, char text[1024])
{
    if (own) {
        snprintf(text, 1024, "%s", own->help);
        return;
    }
    int n = snprintf(text, 1024, "%s", o->help);
    const char *const *names = o->kind == CHOICE ? option_choices(o) : NULL;
    for (int k = 0; names && names[k]; k++)
        n += snprintf(text + n, 1024 - (size_t)n, "%s%s", k ? ", " : " (", names[k]);
    if (names)
        n += snprintf(text + n, 1024 - (size_t)n, ")");
    if (o->def && o->kind != FLAG)
        snprintf(text + n, 1024 - (size_t)n, " [%s]", o->def);
}

void options_help_some(unsigned verbs_mask, const char *names_wanted, const option_words *own, FILE *out)
{
    enum { INDENT = 34 };
    int width = help_width();
    for (int i = 0; i < n_options; i++) {
        const option *o = &options[i];
        const option_words *words = own;
        char left[64], letter[8] = "    ", text[1024], word[64];
        snprintf(word, sizeof word, " %s ", o->name);
        if (!(o->verbs & verbs_mask) || (names_wanted && !strstr(names_wanted, word)))
            continue;
        while (words && words->name && strcmp(words->name, o->name) != 0)
            words++;
        words = words && words->name ? words : NULL;
        const char *value = words ? words->value : o->value;
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, value ? " " : "", value ? value : "");
        describe(o, words, text);
        fprintf(out, "  %-*s ", INDENT - 3, left);
        if (strlen(left) > INDENT - 3)
            fprintf(out, "\n%*s", INDENT, "");
        help_wrap(out, text, INDENT, width);
    }
}
