/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <string.h>
#include <sys/stat.h>

#include "sheet.h"

static bool begins_with(const uint8_t *head, size_t size, const char *text)
{
    return size >= strlen(text) && memcmp(head, text, strlen(text)) == 0;
}

static bool is_page(const uint8_t *head, size_t size)
{
    return begins_with(head, size, "<!DOCTYPE html>\n");
}

static bool is_quarantine(const uint8_t *head, size_t size)
{
    return begins_with(head, size, "path,verdict,byte");
}

static const struct {
    const char *what;
    bool (*is)(const uint8_t *head, size_t size);
} kinds[] = {
    [OUTPUT_SHEET] = {"a contact sheet (PNG)", sheet_is},
    [OUTPUT_PAGE] = {"a report (HTML)", is_page},
    [OUTPUT_QUARANTINE] = {"a quarantine list (CSV)", is_quarantine},
};

static bool same_inode(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool output_same(const char *a, const char *b)
{
    const char *const paths[2] = {a, b};
    char folder[2][4096];
    const char *name[2];
    for (int k = 0; k < 2; k++) {
        const char *slash = strrchr(paths[k], '/');
        name[k] = slash ? slash + 1 : paths[k];
        snprintf(folder[k], sizeof folder[k], "./%.*s", (int)(name[k] - paths[k]), paths[k]);
        if (paths[k][0] == '/')
            snprintf(folder[k], sizeof folder[k], "%.*s", (int)(name[k] - paths[k]), paths[k]);
    }
    return same_inode(a, b) || (strcmp(name[0], name[1]) == 0 && same_inode(folder[0], folder[1]));
}

fv_status output_check(const settings *c, const char *option, const char *path, output_kind kind)
{
    struct stat st;
    uint8_t head[64];
    if (!path || c->force || stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return FV_OK;
    FILE *f = fopen(path, "rb");
    const size_t size = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    if (kinds[kind].is(head, size))
        return FV_OK;
    return complain(FV_ERR_CONFLICT, "choose another file, or replace this one with --force",
                    "--%s %s: exists already, and is not %s of fovea", option, path, kinds[kind].what);
}

fv_status output_form(settings *c)
{
    if (c->json && option_given("out") && c->out != OUT_JSON)
        return complain(FV_ERR_CONFLICT, "drop one of them", "--json and --out: two forms of one result");
    if (c->json)
        c->out = OUT_JSON;
    return FV_OK;
}
