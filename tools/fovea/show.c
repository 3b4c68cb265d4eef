/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <stdlib.h>
#include <string.h>

#include <fovea/config.h>

void show_text(FILE *f, const char *text)
{
    char shown[8];
    for (size_t n; (n = fv_text_show(text, shown)) > 0; text += n)
        fputs(shown, f);
}

json_t *show_json(const char *text)
{
    json_t *string = json_string(text);
    char *copy = string ? NULL : malloc(4 * strlen(text) + 1), *to = copy;
    if (!copy)
        return string;
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x80)
            *to++ = *p;
        else
            to += sprintf(to, "\\x%02x", (unsigned char)*p);
    *to = 0;
    string = json_string(copy);
    free(copy);
    return string;
}

void show_csv(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            fputc('"', f);
        fputc(*p, f);
    }
    fputc('"', f);
}

void show_word(FILE *f, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:@%,=";
    if (*word && strspn(word, plain) == strlen(word)) {
        fprintf(f, " %s", word);
        return;
    }
    fputs(" '", f);
    for (; *word; word++)
        *word == '\'' ? fputs("'\\''", f) : fputc(*word, f);
    fputc('\'', f);
}
