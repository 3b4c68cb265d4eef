/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a document: building it and reading it. */
#include "base/doc_impl.h"
#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((int64_t)64 << 20)

/* Up to so many keys are compared with each other, more are sorted. */
#define FEW_KEYS 12

fv_status fv_doc_create(fv_ctx *ctx, const char *name, fv_doc **out)
{
    *out = NULL;
    fv_doc *doc = fv_new(ctx, fv_doc);
    if (!doc)
        return FV_ERR_NO_MEMORY;
    doc->ctx = ctx;
    if (fv_arena_create(ctx, &doc->arena) != FV_OK || !(doc->name = fv_arena_strdup(doc->arena, name))) {
        fv_doc_destroy(&doc);
        return FV_ERR_NO_MEMORY;
    }
    doc->root = (fv_doc_node){.kind = FV_DOC_NULL, .line = 1, .column = 1, .text = ""};
    *out = doc;
    return FV_OK;
}

void fv_doc_destroy(fv_doc **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_doc *doc = *ptr;
    *ptr = NULL;
    fv_arena_destroy(&doc->arena);
    fv_free(doc->ctx, doc);
}

fv_status fv_doc_read(fv_ctx *ctx, const char *path, fv_doc **doc)
{
    *doc = NULL;
    uint8_t *data;
    int64_t size;
    FV_TRY(fv_file_read(ctx, path, FILE_MAX, false, &data, &size));
    const char *text = (const char *)data;
    const char *begin = size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3) ? text + 3 : text;
    begin += strspn(begin, " \t\r\n");
    bool json = *begin == '{' || *begin == '[';
    fv_status status = json ? fv_doc_parse_json(ctx, path, text, (size_t)size, doc)
                            : fv_doc_parse_yaml(ctx, path, text, (size_t)size, doc);
    fv_free(ctx, data);
    return status;
}

const char *fv_doc_name(const fv_doc *doc)
{
    return doc->name;
}

const fv_doc_node *fv_doc_root(const fv_doc *doc)
{
    return &doc->root;
}

/* --- building ------------------------------------------------------------------------------------------------ */

bool fv_doc_wants_key(const fv_doc_builder *b)
{
    return b->depth > 0 && b->frame[b->depth - 1].node.kind == FV_DOC_MAP && !b->key;
}

static char *copy_text(fv_arena *arena, const char *text, size_t size)
{
    char *copy = fv_arena_alloc(arena, size + 1);
    if (copy && size)
        memcpy(copy, text, size); /* the arena is zeroed: the NUL is there */
    return copy;
}

fv_status fv_doc_put_key(fv_doc_builder *b, fv_doc_place place, const char *key, size_t size)
{
    if (memchr(key, '\0', size))
        return fv_doc_fail_at(b->doc, place, FV_ERR_SYNTAX, "a key with a NUL character");
    b->key = copy_text(b->doc->arena, key, size);
    b->key_place = place;
    return b->key ? FV_OK : FV_ERR_NO_MEMORY;
}

/* Gives the node its key and appends it to the children of the innermost list or map, or makes it the root. */
static fv_status put_node(fv_doc_builder *b, fv_doc_node node)
{
    if (!b->depth) {
        b->doc->root = node;
        b->has_root = true;
        return FV_OK;
    }
    if (b->pending_count == b->pending_capacity) {
        int64_t capacity = b->pending_capacity ? b->pending_capacity * 2 : 64;
        fv_doc_node *pending = fv_realloc(b->doc->ctx, b->pending, (size_t)capacity * sizeof *pending);
        if (!pending)
            return FV_ERR_NO_MEMORY;
        b->pending = pending;
        b->pending_capacity = capacity;
    }
    b->pending[b->pending_count++] = node;
    return FV_OK;
}

/* Moves the waiting key into a node that begins. */
static void take_key(fv_doc_builder *b, fv_doc_node *node)
{
    node->key = b->key;
    node->key_line = b->key ? b->key_place.line : 0;
    node->key_column = b->key ? b->key_place.column : 0;
    b->key = NULL;
}

static fv_status count_node(fv_doc_builder *b, fv_doc_place place)
{
    if (++b->nodes > FV_DOC_NODES_MAX)
        return fv_doc_fail_at(b->doc, place, FV_ERR_SYNTAX, "more than %d values in one document", FV_DOC_NODES_MAX);
    return FV_OK;
}

fv_status fv_doc_put_scalar(fv_doc_builder *b, fv_doc_place place, fv_doc_node node, const char *text, size_t size)
{
    FV_TRY(count_node(b, place));
    if (memchr(text, '\0', size))
        return fv_doc_fail_at(b->doc, place, FV_ERR_SYNTAX, "a string with a NUL character");
    node.text = copy_text(b->doc->arena, text, size);
    if (!node.text)
        return FV_ERR_NO_MEMORY;
    node.line = place.line;
    node.column = place.column;
    take_key(b, &node);
    return put_node(b, node);
}

fv_status fv_doc_open(fv_doc_builder *b, fv_doc_place place, fv_doc_kind kind)
{
    FV_TRY(count_node(b, place));
    if (b->depth == FV_DOC_DEPTH_MAX)
        return fv_doc_fail_at(b->doc, place, FV_ERR_SYNTAX, "lists and maps nest more than %d deep", FV_DOC_DEPTH_MAX);
    fv_doc_frame *frame = &b->frame[b->depth];
    frame->node = (fv_doc_node){.kind = kind, .line = place.line, .column = place.column, .text = ""};
    take_key(b, &frame->node);
    frame->first = b->pending_count;
    b->depth++;
    return FV_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const fv_doc_node *x = *(const fv_doc_node *const *)a, *y = *(const fv_doc_node *const *)b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x > y) - (x < y); /* equal keys stay in document order */
}

/* Whether any two of a few keys are the same. */
static bool repeats(const fv_doc_node *child, int64_t count)
{
    bool same = false;
    for (int64_t i = 1; i < count; i++)
        for (int64_t k = 0; k < i; k++)
            same = same || !strcmp(child[i].key, child[k].key);
    return same;
}

static fv_status check_unique(fv_doc_builder *b, const fv_doc_node *child, int64_t count)
{
    if (count <= FEW_KEYS && !repeats(child, count))
        return FV_OK;
    const fv_doc_node **sorted = fv_malloc(b->doc->ctx, (size_t)count * sizeof(*sorted));
    if (!sorted)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < count; i++)
        sorted[i] = &child[i];
    qsort(sorted, (size_t)count, sizeof *sorted, compare_keys);
    const fv_doc_node *first = NULL, *again = NULL;
    for (int64_t i = 1; i < count; i++) {
        if (!strcmp(sorted[i - 1]->key, sorted[i]->key) && (!again || sorted[i] < again)) {
            first = sorted[i - 1];
            again = sorted[i];
        }
    }
    fv_free(b->doc->ctx, sorted);
    if (!again)
        return FV_OK;
    return fv_doc_fail_at(b->doc, (fv_doc_place){again->key_line, again->key_column}, FV_ERR_SYNTAX,
                          "key '%s' appears a second time (first at line %d, column %d)", again->key, first->key_line,
                          first->key_column);
}

fv_status fv_doc_close(fv_doc_builder *b)
{
    fv_doc_frame *frame = &b->frame[b->depth - 1];
    fv_doc_node *node = &frame->node;
    node->count = b->pending_count - frame->first;
    if (node->count) {
        const fv_doc_node *child = b->pending + frame->first;
        if (node->kind == FV_DOC_MAP)
            FV_TRY(check_unique(b, child, node->count));
        node->child = fv_arena_memdup(b->doc->arena, child, (size_t)node->count * sizeof *child);
        if (!node->child)
            return FV_ERR_NO_MEMORY;
    }
    b->pending_count = frame->first;
    b->depth--;
    return put_node(b, *node);
}

void fv_doc_builder_free(fv_doc_builder *b)
{
    fv_free(b->doc->ctx, b->pending);
    b->pending = NULL;
}

/* --- plain scalars ------------------------------------------------------------------------------------------- */

/* 0o17 and 0x1F (no sign), or decimal digits with an optional sign; false for anything else and on overflow. */
static bool core_int(const char *text, int64_t *value)
{
    int base = text[0] == '0' && text[1] == 'o' ? 8 : text[0] == '0' && text[1] == 'x' ? 16 : 10;
    if (base == 10)
        return fv_text_to_int(text, value);
    const char *digits = base == 8 ? "01234567" : "0123456789abcdefABCDEF";
    text += 2;
    if (!*text || text[strspn(text, digits)])
        return false;
    int64_t sum = 0;
    for (; *text; text++) {
        int digit = *text <= '9' ? *text - '0' : (*text | 0x20) - 'a' + 10;
        if (__builtin_mul_overflow(sum, base, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}

void fv_doc_resolve_plain(const char *text, fv_doc_node *node)
{
    static const struct {
        const char *word;
        fv_doc_kind kind;
        int integer;
        double real;
    } words[] = {
        {"", FV_DOC_NULL, 0, 0},
        {"~", FV_DOC_NULL, 0, 0},
        {"null", FV_DOC_NULL, 0, 0},
        {"Null", FV_DOC_NULL, 0, 0},
        {"NULL", FV_DOC_NULL, 0, 0},
        {"true", FV_DOC_BOOL, 1, 0},
        {"True", FV_DOC_BOOL, 1, 0},
        {"TRUE", FV_DOC_BOOL, 1, 0},
        {"false", FV_DOC_BOOL, 0, 0},
        {"False", FV_DOC_BOOL, 0, 0},
        {"FALSE", FV_DOC_BOOL, 0, 0},
        {".nan", FV_DOC_REAL, 0, NAN},
        {".NaN", FV_DOC_REAL, 0, NAN},
        {".NAN", FV_DOC_REAL, 0, NAN},
        {".inf", FV_DOC_REAL, 0, INFINITY},
        {".Inf", FV_DOC_REAL, 0, INFINITY},
        {".INF", FV_DOC_REAL, 0, INFINITY},
        {"+.inf", FV_DOC_REAL, 0, INFINITY},
        {"-.inf", FV_DOC_REAL, 0, -INFINITY},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strcmp(text, words[i].word)) {
            node->kind = words[i].kind;
            node->integer = words[i].integer;
            node->real = words[i].real;
            return;
        }
    }
    if (core_int(text, &node->integer)) {
        node->kind = FV_DOC_INT;
        node->real = (double)node->integer;
    } else {
        node->kind = fv_text_to_double(text, &node->real) ? FV_DOC_REAL : FV_DOC_STRING;
    }
}

/* --- reading ------------------------------------------------------------------------------------------------- */

const fv_doc_node *fv_doc_get(const fv_doc_node *map, const char *key)
{
    if (!map || map->kind != FV_DOC_MAP)
        return NULL;
    for (int64_t i = 0; i < map->count; i++) {
        if (!strcmp(map->child[i].key, key))
            return &map->child[i];
    }
    return NULL;
}

static fv_status fail_at(const fv_doc *doc, fv_doc_place place, fv_status status, const char *format, va_list args)
{
    fv_str text = {.ctx = doc->ctx};
    fv_str_vprintf(&text, format, args);
    if (!text.failed)
        fv_fail(doc->ctx, status, "%s:%d:%d: %s", doc->name, place.line, place.column, fv_str_get(&text));
    else
        status = FV_ERR_NO_MEMORY;
    fv_str_free(&text);
    return status;
}

fv_status fv_doc_fail_at(const fv_doc *doc, fv_doc_place place, fv_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    status = fail_at(doc, place, status, format, args);
    va_end(args);
    return status;
}

fv_status fv_doc_fail(const fv_doc *doc, const fv_doc_node *node, fv_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fv_doc_place place = node ? (fv_doc_place){node->line, node->column} : (fv_doc_place){1, 1};
    status = fail_at(doc, place, status, format, args);
    va_end(args);
    return status;
}

static fv_status wrong_kind(const fv_doc *doc, const fv_doc_node *node, const char *what, const char *expected)
{
    static const char *const kinds[] = {"nothing",  "the boolean", "the number", "the number",
                                        "the text", "a list",      "a map"};
    bool scalar = node->kind != FV_DOC_NULL && node->kind != FV_DOC_LIST && node->kind != FV_DOC_MAP;
    if (!scalar)
        return fv_doc_fail(doc, node, FV_ERR_VALUE, "%s: found %s, expected %s", what, kinds[node->kind], expected);
    return fv_doc_fail(doc, node, FV_ERR_VALUE, "%s: found %s '%.80s', expected %s", what, kinds[node->kind],
                       node->text, expected);
}

fv_status fv_doc_int(const fv_doc *doc, const fv_doc_node *node, const char *what, int64_t *value)
{
    const double exact = 9007199254740992.0; /* 2^53: beyond it a real no longer says which integer is meant */
    if (node->kind == FV_DOC_INT)
        *value = node->integer;
    else if (node->kind == FV_DOC_REAL && fabs(node->real) <= exact && node->real == floor(node->real))
        *value = (int64_t)node->real;
    else
        return wrong_kind(doc, node, what, "a whole number");
    return FV_OK;
}

fv_status fv_doc_real(const fv_doc *doc, const fv_doc_node *node, const char *what, double *value)
{
    if ((node->kind != FV_DOC_INT && node->kind != FV_DOC_REAL) || !isfinite(node->real))
        return wrong_kind(doc, node, what, "a finite number");
    *value = node->real;
    return FV_OK;
}

fv_status fv_doc_bool(const fv_doc *doc, const fv_doc_node *node, const char *what, bool *value)
{
    if (node->kind != FV_DOC_BOOL)
        return wrong_kind(doc, node, what, "true or false");
    *value = node->integer != 0;
    return FV_OK;
}

fv_status fv_doc_string(const fv_doc *doc, const fv_doc_node *node, const char *what, const char **value)
{
    if (node->kind != FV_DOC_STRING) {
        fv_status status = wrong_kind(doc, node, what, "a text");
        bool scalar = node->kind == FV_DOC_BOOL || node->kind == FV_DOC_INT || node->kind == FV_DOC_REAL;
        return scalar ? fv_fail_hint(doc->ctx, status, "put quotes around it: \"%.80s\"", node->text) : status;
    }
    *value = node->text;
    return FV_OK;
}

fv_status fv_doc_check_keys(const fv_doc *doc, const fv_doc_node *map, const char *const *keys)
{
    if (map->kind != FV_DOC_MAP)
        return wrong_kind(doc, map, map->key ? map->key : "document", "a map (key: value)");
    for (int64_t i = 0; i < map->count; i++) {
        const fv_doc_node *child = &map->child[i];
        const char *const *key = keys;
        while (*key && strcmp(*key, child->key))
            key++;
        if (*key)
            continue;
        fv_doc_place place = {child->key_line, child->key_column};
        const char *nearest = fv_text_nearest(child->key, keys);
        if (nearest)
            return fv_doc_fail_at(doc, place, FV_ERR_UNKNOWN_OPTION, "unknown key '%.80s'; did you mean '%s'?",
                                  child->key, nearest);
        fv_str list = {.ctx = doc->ctx};
        for (key = keys; *key; key++)
            fv_str_printf(&list, "%s%s", key == keys ? "" : ", ", *key);
        fv_status status = fv_str_status(&list);
        if (status == FV_OK)
            status = fv_doc_fail_at(doc, place, FV_ERR_UNKNOWN_OPTION, "unknown key '%.80s'; valid keys: %s",
                                    child->key, fv_str_get(&list));
        fv_str_free(&list);
        return status;
    }
    return FV_OK;
}
