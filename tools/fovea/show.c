/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <stdlib.h>
#include <string.h>

void show_text(FILE *f, const char *text)
{
    static const char named[] = "\n\r\t", letters[] = "nrt";
    for (const char *p = text; *p; p++) {
        const char *at = strchr(named, *p);
        if (at)
            fprintf(f, "\\%c", letters[at - named]);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fprintf(f, "\\x%02x", (unsigned char)*p);
        else
            fputc(*p, f);
    }
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
