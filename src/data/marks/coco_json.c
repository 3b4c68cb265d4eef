/* SPDX-License-Identifier: Apache-2.0 */
#include "data/marks/coco_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { MAX_DEPTH = 64 };

typedef struct scanner {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_coco *coco;
    const char *start, *at, *end;
    int64_t line;
    bool failed;      /* bad_line is set */
    fv_status status; /* NO_MEMORY */
} scanner;

/* Stops the scan; only the first place counts. False, so that it can be returned. */
static bool expected(scanner *s, const char *what)
{
    if (!s->failed) {
        s->coco->bad_line = s->line;
        s->coco->bad_byte = s->at - s->start;
        s->coco->expected = what;
    }
    s->failed = true;
    return false;
}

static bool no_memory(scanner *s)
{
    s->failed = true;
    s->status = FV_ERR_NO_MEMORY;
    return false;
}

static char peek(scanner *s)
{
    for (; s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'); s->at++)
        s->line += *s->at == '\n';
    return s->at < s->end ? *s->at : '\0';
}

static bool accept(scanner *s, char c)
{
    if (s->failed || peek(s) != c)
        return false;
    s->at++;
    return true;
}

/* A string as it is written, between the quotes. */
static bool raw_string(scanner *s, const char **text, size_t *size)
{
    if (!accept(s, '"'))
        return expected(s, "a string");
    *text = s->at;
    while (s->at < s->end && *s->at != '"' && (unsigned char)*s->at >= 0x20)
        s->at += *s->at == '\\' && s->end - s->at > 1 ? 2 : 1;
    if (s->at >= s->end || *s->at != '"')
        return expected(s, "the end of a string");
    *size = (size_t)(s->at++ - *text);
    return true;
}

static void put_utf8(fv_str *out, uint32_t c)
{
    const char two[] = {(char)(0xC0 | (c >> 6 & 0x1F)), (char)(0x80 | (c & 0x3F))};
    const char three[] = {(char)(0xE0 | (c >> 12 & 0xF)), (char)(0x80 | (c >> 6 & 0x3F)), (char)(0x80 | (c & 0x3F))};
    const char four[] = {(char)(0xF0 | (c >> 18 & 7)), (char)(0x80 | (c >> 12 & 0x3F)), (char)(0x80 | (c >> 6 & 0x3F)),
                         (char)(0x80 | (c & 0x3F))};
    const char one = (char)c;
    if (c < 0x80)
        fv_str_append_n(out, &one, 1);
    else if (c < 0x800)
        fv_str_append_n(out, two, 2);
    else
        fv_str_append_n(out, c < 0x10000 ? three : four, c < 0x10000 ? 3 : 4);
}

/* Four digits behind \u; 0 when they are none. */
static uint32_t hex4(const char *p, const char *end)
{
    uint32_t c = 0;
    for (int i = 0; i < 4; i++, p++) {
        const char *digits = "0123456789abcdef", *d = p < end ? strchr(digits, *p | 0x20) : NULL;
        if (!d || *p == '\0')
            return 0;
        c = c << 4 | (uint32_t)(d - digits);
    }
    return c;
}

/* A string with its escapes resolved, in the arena. */
static bool string(scanner *s, const char **text)
{
    static const char names[] = "nrtbf", codes[] = "\n\r\t\b\f";
    const char *p = NULL;
    size_t size = 0;
    if (!raw_string(s, &p, &size))
        return false;
    fv_str out = {.ctx = s->ctx};
    fv_str_append(&out, "");
    for (const char *end = p + size; p < end; p++) {
        if (*p != '\\') {
            fv_str_append_n(&out, p, 1);
            continue;
        }
        p++;
        const char *known = p < end ? strchr(names, *p) : NULL;
        if (p < end && *p == 'u') {
            uint32_t c = hex4(p + 1, end);
            p += end - p > 4 ? 4 : end - p - 1;
            if (c >= 0xD800 && c < 0xDC00 && end - p > 6 && p[1] == '\\' && p[2] == 'u') {
                c = 0x10000 + ((c - 0xD800) << 10) + ((hex4(p + 3, end) - 0xDC00) & 0x3FF);
                p += 6;
            }
            put_utf8(&out, c ? c : '?');
        } else if (p < end) {
            fv_str_append_n(&out, known ? &codes[known - names] : p, 1);
        }
    }
    *text = out.failed ? NULL : fv_arena_strdup(s->arena, fv_str_get(&out));
    fv_str_free(&out);
    return *text ? true : no_memory(s);
}

static bool number(scanner *s, double *value)
{
    char text[64];
    peek(s);
    size_t n = 0;
    while (n + 1 < sizeof text && s->at + n < s->end && strchr("+-.0123456789eE", s->at[n]) && s->at[n])
        n++;
    memcpy(text, s->at, n);
    text[n] = '\0';
    if (n == 0 || !fv_text_to_double(text, value))
        return expected(s, "a number");
    s->at += n;
    return true;
}

/* Whole numbers beyond 2^53 do not occur as ids. A text ("000042") is no id either. */
static bool whole(scanner *s, int64_t *value)
{
    double v = 0.0;
    if (!number(s, &v))
        return false;
    if (fabs(v) > 9e15 || v != floor(v))
        return expected(s, "a whole number");
    *value = (int64_t)v;
    return true;
}

static bool skip(scanner *s, int depth)
{
    const char *text;
    size_t size;
    const char c = peek(s), close = c == '{' ? '}' : ']';
    if (depth > MAX_DEPTH)
        return expected(s, "less nesting");
    if (c == '"')
        return raw_string(s, &text, &size);
    if (c != '{' && c != '[') {
        const char *from = s->at;
        while (s->at < s->end && strchr("+-.0123456789eEtrufalsn", *s->at) && *s->at)
            s->at++;
        return s->at > from ? true : expected(s, "a value");
    }
    s->at++;
    if (accept(s, close))
        return true;
    do {
        if (c == '{' && (!raw_string(s, &text, &size) || !accept(s, ':')))
            return expected(s, "a key and a colon");
        if (!skip(s, depth + 1))
            return false;
    } while (accept(s, ','));
    return accept(s, close) ? true : expected(s, c == '{' ? "a comma or }" : "a comma or ]");
}

/* Calls fn for each key of an object. */
static bool object(scanner *s, bool (*fn)(scanner *s, const char *key, size_t size, void *item), void *item)
{
    const char *key;
    size_t size;
    if (!accept(s, '{'))
        return expected(s, "an object");
    if (accept(s, '}'))
        return true;
    do {
        if (!raw_string(s, &key, &size))
            return false;
        if (!accept(s, ':'))
            return expected(s, "a colon");
        if (!fn(s, key, size, item))
            return false;
    } while (accept(s, ','));
    return accept(s, '}') ? true : expected(s, "a comma or }");
}

static bool is(const char *key, size_t size, const char *name)
{
    return strlen(name) == size && memcmp(key, name, size) == 0;
}

static bool image_member(scanner *s, const char *key, size_t size, void *item)
{
    fv_coco_image *image = item;
    if (is(key, size, "id"))
        return whole(s, &image->id);
    if (is(key, size, "file_name"))
        return string(s, &image->name);
    if (is(key, size, "width"))
        return number(s, &image->w);
    return is(key, size, "height") ? number(s, &image->h) : skip(s, 0);
}

static bool box_member(scanner *s, const char *key, size_t size, void *item)
{
    fv_coco_box *box = item;
    if (is(key, size, "id"))
        return whole(s, &box->id);
    if (is(key, size, "image_id"))
        return whole(s, &box->image);
    if (is(key, size, "category_id"))
        return whole(s, &box->category);
    if (is(key, size, "iscrowd")) {
        int64_t crowd = 0;
        const bool ok = peek(s) == 't' || peek(s) == 'f' ? (crowd = *s->at == 't', skip(s, 0)) : whole(s, &crowd);
        box->crowd = crowd != 0;
        return ok;
    }
    if (!is(key, size, "bbox"))
        return skip(s, 0);
    if (!accept(s, '['))
        return expected(s, "a list of four numbers");
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !accept(s, ','))
            return expected(s, "a list of four numbers");
        if (!number(s, &box->at[i]))
            return false;
    }
    box->has_box = true;
    return accept(s, ']') ? true : expected(s, "a list of four numbers");
}

static bool category_member(scanner *s, const char *key, size_t size, void *item)
{
    fv_coco_category *category = item;
    if (is(key, size, "id"))
        return whole(s, &category->id);
    return is(key, size, "name") ? string(s, &category->name) : skip(s, 0);
}

/* Room for one more item, zeroed. */
static void *grow(scanner *s, void **items, int64_t *count, int64_t *room, size_t size)
{
    if (*count == *room) {
        const int64_t more = *room ? *room * 2 : 256;
        void *grown = fv_realloc(s->ctx, *items, (size_t)more * size);
        if (!grown) {
            no_memory(s);
            return NULL;
        }
        *items = grown;
        *room = more;
    }
    void *item = (char *)*items + (size_t)(*count)++ * size;
    memset(item, 0, size);
    return item;
}

static bool top_member(scanner *s, const char *key, size_t size, void *unused)
{
    (void)unused;
    fv_coco *c = s->coco;
    const bool images = is(key, size, "images"), boxes = is(key, size, "annotations");
    if (!images && !boxes && !is(key, size, "categories"))
        return skip(s, 0);
    if (!accept(s, '['))
        return expected(s, "a list");
    if (accept(s, ']'))
        return true;
    do {
        peek(s);
        bool ok = false;
        void *items = images ? (void *)c->images : boxes ? (void *)c->boxes : (void *)c->categories;
        if (images) {
            fv_coco_image *image = grow(s, &items, &c->n_images, &c->image_room, sizeof *image);
            c->images = items;
            if (image) {
                *image = (fv_coco_image){.id = INT64_MIN, .line = s->line, .name = ""};
                ok = object(s, image_member, image);
            }
        } else if (boxes) {
            fv_coco_box *box = grow(s, &items, &c->n_boxes, &c->box_room, sizeof *box);
            c->boxes = items;
            if (box) {
                *box = (fv_coco_box){.id = INT64_MIN, .image = INT64_MIN, .category = INT64_MIN, .line = s->line};
                ok = object(s, box_member, box);
            }
        } else {
            fv_coco_category *category = grow(s, &items, &c->n_categories, &c->category_room, sizeof *category);
            c->categories = items;
            if (category) {
                *category = (fv_coco_category){.id = INT64_MIN, .line = s->line, .name = ""};
                ok = object(s, category_member, category);
            }
        }
        if (!ok)
            return false;
    } while (accept(s, ','));
    return accept(s, ']') ? true : expected(s, "a comma or ]");
}

fv_status fv_coco_parse(fv_ctx *ctx, fv_arena *arena, const char *text, int64_t size, fv_coco *coco)
{
    scanner s = {ctx, arena, coco, text, text, text + size, 1, false, FV_OK};
    *coco = (fv_coco){0};
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        s.at += 3;
    if (object(&s, top_member, NULL) && (peek(&s), s.at < s.end))
        expected(&s, "nothing behind the object");
    return s.status;
}

void fv_coco_free(fv_ctx *ctx, fv_coco *coco)
{
    fv_free(ctx, coco->images);
    fv_free(ctx, coco->boxes);
    fv_free(ctx, coco->categories);
    *coco = (fv_coco){0};
}
