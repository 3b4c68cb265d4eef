/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the text of a .cfg. */
#include "io/darknet/cfg.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Sections beyond this are no network: the deepest that were published have some 300. */
#define SECTIONS_MAX 8192

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes blanks and a comment behind the text out of a line, as darknet does; NUL-terminates it. */
static void squeeze(char *line, char *end)
{
    char *to = line;
    for (const char *at = line; at < end; at++) {
        if (*at == '#' && to != line)
            break;
        if (!is_blank(*at))
            *to++ = *at;
    }
    *to = 0;
}

static bool is_comment(const char *line)
{
    return !*line || *line == '#' || *line == ';';
}

/* How much memory the sections and options need: lines of either kind, at most. */
static void count_lines(const char *text, int64_t size, int64_t *sections, int64_t *options)
{
    *sections = *options = 0;
    for (int64_t i = 0; i < size; i++) {
        *sections += text[i] == '[';
        *options += text[i] == '=';
    }
}

static fv_status parse_line(fv_darknet_cfg *cfg, char *line, int number, fv_darknet_option *options, int *n_options)
{
    if (*line == '[') {
        char *close = strchr(line, ']');
        if (!close || close[1] || close == line + 1)
            return fv_fail(cfg->ctx, FV_ERR_MODEL_FORMAT, "%s:%d: '%.60s' is no section: expected [NAME]", cfg->path,
                           number, line);
        if (cfg->n_sections == SECTIONS_MAX)
            return fv_fail(cfg->ctx, FV_ERR_MODEL_FORMAT, "%s:%d: more than %d sections", cfg->path, number,
                           SECTIONS_MAX);
        *close = 0;
        cfg->sections[cfg->n_sections++] =
            (fv_darknet_section){.name = line + 1, .line = number, .options = options + *n_options};
        return FV_OK;
    }
    char *equals = strchr(line, '=');
    if (!equals || equals == line)
        return fv_fail(cfg->ctx, FV_ERR_MODEL_FORMAT, "%s:%d: '%.60s' is no option: expected KEY=VALUE", cfg->path,
                       number, line);
    if (cfg->n_sections == 0)
        return fv_fail(cfg->ctx, FV_ERR_MODEL_FORMAT, "%s:%d: '%.60s' stands before the first section", cfg->path,
                       number, line);
    *equals = 0;
    options[(*n_options)++] = (fv_darknet_option){line, equals + 1, number};
    cfg->sections[cfg->n_sections - 1].n_options++;
    return FV_OK;
}

fv_status fv_darknet_parse(fv_ctx *ctx, fv_arena *arena, const char *path, const uint8_t *data, int64_t size,
                           fv_darknet_cfg *cfg)
{
    int64_t most_sections, most_options;
    int n_options = 0, number = 0;
    *cfg = (fv_darknet_cfg){.ctx = ctx, .path = path};
    if (memchr(data, 0, (size_t)size) || size > INT32_MAX)
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: darknet: it is no text", path);
    char *text = fv_arena_alloc(arena, (size_t)size + 1);
    if (!text)
        return FV_ERR_NO_MEMORY;
    memcpy(text, data, (size_t)size);
    count_lines(text, size, &most_sections, &most_options);
    if (most_sections > SECTIONS_MAX)
        most_sections = SECTIONS_MAX;
    cfg->sections = fv_arena_alloc(arena, (size_t)(most_sections + 1) * sizeof *cfg->sections);
    fv_darknet_option *options = fv_arena_alloc(arena, (size_t)(most_options + 1) * sizeof *options);
    if (!cfg->sections || !options)
        return FV_ERR_NO_MEMORY;
    for (char *line = text, *end = text + size; line < end;) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        char *stop = next ? next : end;
        number++;
        squeeze(line, stop);
        if (!is_comment(line))
            FV_TRY(parse_line(cfg, line, number, options, &n_options));
        line = stop + 1;
    }
    return FV_OK;
}

/* ---- options ---- */

const fv_darknet_option *fv_darknet_find(const fv_darknet_section *s, const char *key)
{
    for (int i = 0; i < s->n_options; i++)
        if (strcmp(s->options[i].key, key) == 0)
            return &s->options[i];
    return NULL;
}

/* "1", also "1." and "1.0" */
static bool to_int(const char *text, int64_t *value)
{
    double x;
    if (fv_text_to_int(text, value))
        return true;
    if (!fv_text_to_double(text, &x) || x != floor(x) || fabs(x) > 1e15)
        return false;
    *value = (int64_t)x;
    return true;
}

fv_status fv_darknet_int(const fv_darknet_cfg *cfg, const fv_darknet_section *s, const char *key, int64_t fallback,
                         int64_t min, int64_t max, int64_t *value)
{
    const fv_darknet_option *o = fv_darknet_find(s, key);
    *value = fallback;
    if (!o)
        return FV_OK;
    if (!to_int(o->value, value) || *value < min || *value > max)
        return fv_fail(cfg->ctx, FV_ERR_MODEL_FORMAT,
                       "%s:%d: [%.40s] %s=%.60s: expected a whole number from %lld to %lld", cfg->path, o->line,
                       s->name, key, o->value, (long long)min, (long long)max);
    return FV_OK;
}

fv_status fv_darknet_real(const fv_darknet_cfg *cfg, const fv_darknet_section *s, const char *key, double fallback,
                          double *value)
{
    const fv_darknet_option *o = fv_darknet_find(s, key);
    *value = fallback;
    if (!o || (fv_text_to_double(o->value, value) && isfinite(*value)))
        return FV_OK;
    return fv_fail(cfg->ctx, FV_ERR_MODEL_FORMAT, "%s:%d: [%.40s] %s=%.60s: expected a number", cfg->path, o->line,
                   s->name, key, o->value);
}

fv_status fv_darknet_list(const fv_darknet_cfg *cfg, const fv_darknet_section *s, const char *key, int max,
                          int64_t *values, int *count)
{
    const fv_darknet_option *o = fv_darknet_find(s, key);
    *count = 0;
    for (const char *at = o ? o->value : ""; *at;) {
        char word[32];
        const size_t length = strcspn(at, ",");
        if (*count == max)
            return fv_fail(cfg->ctx, FV_ERR_MODEL_FORMAT, "%s:%d: [%.40s] %s: more than %d numbers", cfg->path, o->line,
                           s->name, key, max);
        memcpy(word, at, length < sizeof word ? length : sizeof word - 1);
        word[length < sizeof word ? length : 0] = 0;
        if (!to_int(word, &values[*count]))
            return fv_fail(cfg->ctx, FV_ERR_MODEL_FORMAT,
                           "%s:%d: [%.40s] %s=%.60s: expected whole numbers between commas", cfg->path, o->line,
                           s->name, key, o->value);
        (*count)++;
        at += length + (at[length] == ',');
    }
    return FV_OK;
}
