/* SPDX-License-Identifier: Apache-2.0 */
/* Growable text; nearest words; matching. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <fovea/config.h>

bool fv_str_reserve(fv_str *s, size_t more)
{
    if (s->failed)
        return false;
    size_t need = 0;
    if (!__builtin_add_overflow(s->size, more, &need) && need < (size_t)INT64_MAX / 2) {
        if (need + 1 <= s->capacity)
            return true;
        size_t capacity = s->capacity * 2 > need + 1 ? s->capacity * 2 : need + 1;
        capacity = capacity < 64 ? 64 : capacity;
        char *data = fv_realloc(s->ctx, s->data, capacity);
        if (data) {
            s->data = data;
            s->capacity = capacity;
            return true;
        }
    } else {
        fv_fail_memory(s->ctx, more, "a text");
    }
    s->failed = true;
    return false;
}

void fv_str_append_n(fv_str *s, const void *data, size_t size)
{
    if (!fv_str_reserve(s, size))
        return;
    if (size)
        memcpy(s->data + s->size, data, size);
    s->size += size;
    s->data[s->size] = '\0';
}

void fv_str_append(fv_str *s, const char *text)
{
    fv_str_append_n(s, text, strlen(text));
}

void fv_str_vprintf(fv_str *s, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const size_t room = s->data && !s->failed ? s->capacity - s->size : 0;
    int n = fv_text_vformat(room ? s->data + s->size : NULL, room, format, args);
    if (n >= 0 && (size_t)n >= room) { /* it is longer than the room: now that is known */
        if (room)
            s->data[s->size] = '\0';
        n = fv_str_reserve(s, (size_t)n) ? fv_text_vformat(s->data + s->size, (size_t)n + 1, format, again) : 0;
    }
    if (n < 0)
        s->failed = true;
    else
        s->size += (size_t)n;
    va_end(again);
}

void fv_text_tell(void (*tell)(void *user, const char *line), void *user, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    fv_text_vformat(line, sizeof line, format, args);
    va_end(args);
    tell(user, line);
}

void fv_str_printf(fv_str *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fv_str_vprintf(s, format, args);
    va_end(args);
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *p)
{
    static const struct {
        unsigned char first_lo, first_hi, second_lo, second_hi, length;
    } rows[] = {
        {0x01, 0x7F, 0x00, 0xFF, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (p[0] < rows[i].first_lo || p[0] > rows[i].first_hi)
            continue;
        if (rows[i].length > 1 && (p[1] < rows[i].second_lo || p[1] > rows[i].second_hi))
            return 0;
        for (size_t k = 2; k < rows[i].length; k++) {
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        }
        return rows[i].length;
    }
    return 0;
}

bool fv_text_is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t n; *p; p += n) {
        if ((n = utf8_length(p)) == 0)
            return false;
    }
    return true;
}

void fv_str_json(fv_str *s, const char *text)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    fv_str_append_n(s, "\"", 1);
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        const char *escape = strchr(from, *p);
        size_t n = utf8_length(p);
        if (escape)
            fv_str_append_n(s, (char[]){'\\', to[escape - from]}, 2);
        else if (*p < 0x20)
            fv_str_printf(s, "\\u%04x", *p);
        else if (n)
            fv_str_append_n(s, p, n);
        else
            fv_str_append_n(s, "\xEF\xBF\xBD", 3);
        p += n ? n : 1;
    }
    fv_str_append_n(s, "\"", 1);
}

/* C1 controls, line separators, and what turns the direction of writing. */
static bool is_hidden(unsigned code)
{
    static const struct {
        unsigned first, last;
    } rows[] = {{0x80, 0x9F}, {0x61C, 0x61C}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069}};
    bool hidden = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        hidden |= code >= rows[i].first && code <= rows[i].last;
    return hidden;
}

size_t fv_text_show(const char *text, char shown[8])
{
    static const char named[] = "\n\r\t", letters[] = "nrt";
    const unsigned char *p = (const unsigned char *)text;
    const size_t n = utf8_length(p);
    const char *name = *p ? strchr(named, *p) : NULL;
    const unsigned code = n == 2   ? (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu)
                          : n == 3 ? (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu)
                                   : 0;
    shown[0] = '\0';
    if (!*p)
        return 0;
    if (name)
        snprintf(shown, 8, "\\%c", letters[name - named]);
    else if (*p < 0x20 || *p == 0x7F || n == 0)
        snprintf(shown, 8, "\\x%02x", *p);
    else if (is_hidden(code))
        snprintf(shown, 8, "\\u%04x", code & 0xFFFF);
    else
        snprintf(shown, 8, "%.*s", (int)n, text);
    return n ? n : 1;
}

void fv_str_show(fv_str *s, const char *text)
{
    char shown[8];
    for (size_t n; (n = fv_text_show(text, shown)) > 0; text += n)
        fv_str_append(s, shown);
}

void fv_str_csv(fv_str *s, const char *text)
{
    size_t length = strlen(text);
    bool edge_space = length && (text[0] == ' ' || text[length - 1] == ' ');
    if (!edge_space && !text[strcspn(text, ",\"\r\n")]) {
        fv_str_append_n(s, text, length);
        return;
    }
    fv_str_append_n(s, "\"", 1);
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\"");
        fv_str_append_n(s, p, n);
        p += n;
        if (*p == '"') {
            fv_str_append_n(s, "\"\"", 2);
            p++;
        }
    }
    fv_str_append_n(s, "\"", 1);
}

const char *fv_str_get(const fv_str *s)
{
    return s->data ? s->data : "";
}

void fv_str_free(fv_str *s)
{
    fv_free(s->ctx, s->data);
    *s = (fv_str){.ctx = s->ctx};
}

fv_status fv_str_status(const fv_str *s)
{
    return s->failed ? FV_ERR_NO_MEMORY : FV_OK;
}

/* Longer words are no names of anything and get no suggestion. */
#define WORD_MAX 127

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '_' ? '-' : c;
}

/* Edit distance with transpositions of neighbors (optimal string alignment); letter case and - or _ do not count. */
static size_t word_distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++)
        last[j] = j;
    for (size_t i = 1; i <= na; i++) {
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            bool same = lower(a[i - 1]) == lower(b[j - 1]);
            size_t d = last[j - 1] + !same;
            d = last[j] + 1 < d ? last[j] + 1 : d;
            d = row[j - 1] + 1 < d ? row[j - 1] + 1 : d;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                d = before[j - 2] + 1 < d ? before[j - 2] + 1 : d;
            row[j] = d;
        }
        size_t *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[nb];
}

const char *fv_text_nearest(const char *word, const char *const *words)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    size_t limit = length / 3 > 2 ? length / 3 : 2;
    if (length > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (n > WORD_MAX)
            continue;
        size_t d = word_distance(word, length, *words, n);
        /* A word of which more than half had to change is not near, however short it is. */
        if (d <= limit && 2 * d <= (n > length ? n : length)) {
            nearest = *words;
            if (d == 0)
                break;
            limit = d - 1;
        }
    }
    return nearest;
}

/* The pattern ends where `end` is. */
static bool match(const char *pattern, const char *end, const char *text)
{
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

bool fv_text_match(const char *pattern, const char *text)
{
    return match(pattern, pattern + strlen(pattern), text);
}

bool fv_text_match_any(const char *patterns, const char *text)
{
    for (const char *p = patterns; p && *p;) {
        const char *end = p + strcspn(p, ",");
        if (match(p, end, text))
            return true;
        p = end + (*end == ',');
    }
    return false;
}

bool fv_text_has_ending(const char *name, const char *const *endings)
{
    const size_t n = strlen(name);
    for (; *endings; endings++) {
        const size_t m = strlen(*endings);
        if (n > m && strcasecmp(name + n - m, *endings) == 0)
            return true;
    }
    return false;
}
