/* SPDX-License-Identifier: Apache-2.0 */
/* Choices made before, as lines of text that people can read and compare. */
#include <stdio.h>
#include <string.h>

#include "plan/internal.h"

typedef struct wisdom_entry {
    char *problem, *solver;
    int version;
} wisdom_entry;

struct fv_wisdom {
    fv_ctx *ctx;
    wisdom_entry *entry; /* sorted by problem */
    size_t count, capacity;
};

fv_status fv_wisdom_create(fv_ctx *ctx, fv_wisdom **wisdom)
{
    *wisdom = fv_new(ctx, fv_wisdom);
    if (!*wisdom)
        return FV_ERR_NO_MEMORY;
    (*wisdom)->ctx = ctx;
    return FV_OK;
}

void fv_wisdom_destroy(fv_wisdom **wisdom)
{
    if (!wisdom || !*wisdom)
        return;
    fv_wisdom *w = *wisdom;
    fv_ctx *ctx = w->ctx;
    for (size_t i = 0; i < w->count; i++) {
        fv_free(ctx, w->entry[i].problem);
        fv_free(ctx, w->entry[i].solver);
    }
    fv_free(ctx, w->entry);
    fv_free(ctx, w);
    *wisdom = NULL;
}

/* First entry whose problem is not below `problem`; *same tells whether it is that problem. */
static size_t wisdom_place(const fv_wisdom *w, const char *problem, bool *same)
{
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(w->entry[middle].problem, problem) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *same = low < w->count && strcmp(w->entry[low].problem, problem) == 0;
    return low;
}

const char *fv_wisdom_find(const fv_wisdom *wisdom, const char *problem, int *version)
{
    bool same;
    size_t at = wisdom_place(wisdom, problem, &same);
    if (!same)
        return NULL;
    *version = wisdom->entry[at].version;
    return wisdom->entry[at].solver;
}

fv_status fv_wisdom_put(fv_wisdom *w, const char *problem, const char *solver, int version)
{
    bool same;
    size_t at = wisdom_place(w, problem, &same);
    char *name = fv_strdup(w->ctx, solver);
    if (!name)
        return FV_ERR_NO_MEMORY;
    if (same) {
        fv_free(w->ctx, w->entry[at].solver);
        w->entry[at].solver = name;
        w->entry[at].version = version;
        return FV_OK;
    }
    char *key = fv_strdup(w->ctx, problem);
    if (key && w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 32;
        wisdom_entry *grown = fv_realloc(w->ctx, w->entry, capacity * sizeof *grown);
        if (!grown) {
            fv_free(w->ctx, key);
            key = NULL;
        } else {
            w->entry = grown;
            w->capacity = capacity;
        }
    }
    if (!key) {
        fv_free(w->ctx, name);
        return FV_ERR_NO_MEMORY;
    }
    memmove(&w->entry[at + 1], &w->entry[at], (w->count - at) * sizeof *w->entry);
    w->entry[at] = (wisdom_entry){.problem = key, .solver = name, .version = version};
    w->count++;
    return FV_OK;
}

void fv_wisdom_text(const fv_wisdom *wisdom, fv_str *out)
{
    for (size_t i = 0; i < wisdom->count; i++) {
        const wisdom_entry *e = &wisdom->entry[i];
        fv_str_printf(out, "%s => %s@%d\n", e->problem, e->solver, e->version);
    }
}

/* Splits "problem => solver@version" in place; false when it is not one. */
static bool wisdom_split(char *line, char **solver, int *version)
{
    int64_t number;
    char *arrow = strstr(line, " => ");
    char *at = arrow ? strrchr(arrow, '@') : NULL;
    if (!at || arrow == line || at == arrow + 4 || !fv_text_to_int(at + 1, &number) || number < 0 || number > INT32_MAX)
        return false;
    *arrow = '\0';
    *at = '\0';
    *solver = arrow + 4;
    *version = (int)number;
    return true;
}

fv_status fv_wisdom_read(fv_wisdom *wisdom, const char *name, const char *text)
{
    fv_ctx *ctx = wisdom->ctx;
    fv_status status = FV_OK;
    char *copy = fv_strdup(ctx, text);
    if (!copy)
        return FV_ERR_NO_MEMORY;
    int number = 1;
    for (char *line = copy; status == FV_OK && line; number++) {
        char *next = strchr(line, '\n'), *solver;
        int version;
        if (next)
            *next++ = '\0';
        size_t size = strlen(line);
        if (size > 0 && line[size - 1] == '\r')
            line[size - 1] = '\0';
        if (*line && *line != '#') {
            if (wisdom_split(line, &solver, &version))
                status = fv_wisdom_put(wisdom, line, solver, version);
            else
                status = fv_fail(ctx, FV_ERR_SYNTAX, "%s:%d: expected 'problem => solver@version', found '%.80s'", name,
                                 number, line);
        }
        line = next;
    }
    fv_free(ctx, copy);
    return status;
}
