/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON through jansson, which checks the text and decodes it but keeps no positions. A second walk over the same text,
 * now known to be valid, finds line and column of each value while the tree is copied.
 */
#include "base/doc_impl.h"
#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct json_reader {
    fv_doc_builder builder;
    const char *at, *end;
    const char *counted; /* up to where `column` has been counted, so that a long line is walked once */
    int line, column;
} json_reader;

static char peek(const json_reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

static void skip_space(json_reader *r)
{
    for (; r->at < r->end && strchr(" \t\r\n", *r->at); r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->column = 1;
            r->counted = r->at + 1;
        }
    }
}

/* Skips white space and the commas and colons between values. */
static void skip_between(json_reader *r)
{
    skip_space(r);
    while (peek(r) == ',' || peek(r) == ':') {
        r->at++;
        skip_space(r);
    }
}

static fv_doc_place place_here(json_reader *r)
{
    for (; r->counted < r->at; r->counted++)
        r->column += ((unsigned char)*r->counted & 0xC0) != 0x80;
    return (fv_doc_place){r->line, r->column};
}

/* Never beyond the end, whatever the other parser took for valid. */
static void advance(json_reader *r, ptrdiff_t n)
{
    r->at = n < r->end - r->at ? r->at + n : r->end;
}

static void skip_string(json_reader *r)
{
    advance(r, 1);
    while (r->at < r->end && *r->at != '"')
        advance(r, *r->at == '\\' ? 2 : 1);
    advance(r, 1);
}

/* How long the string that begins here is once decoded. */
static size_t decoded_length(const json_reader *r)
{
    size_t length = 0;
    for (const char *p = r->at + 1; p < r->end && *p != '"';) {
        if (*p != '\\') {
            length++;
            p++;
        } else if (r->end - p < 6 || p[1] != 'u') {
            length++;
            p += 2;
        } else {
            char digits[5] = {p[2], p[3], p[4], p[5], '\0'};
            unsigned long code = strtoul(digits, NULL, 16);
            bool pair = code >= 0xD800 && code < 0xDC00;
            length += pair ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
            p += pair ? 12 : 6;
        }
    }
    return length;
}

/*
 * jansson goes on without the characters of a string or number that it found no memory for. So each is compared with
 * the text: a string by its length, a number by its value.
 */
static fv_status check_string(const json_reader *r, size_t length)
{
    return length == decoded_length(r) ? FV_OK : fv_fail_memory(r->builder.doc->ctx, length, "reading JSON");
}

static fv_status check_number(const json_reader *r, const char *begin, const json_t *value)
{
    fv_ctx *ctx = r->builder.doc->ctx;
    size_t length = (size_t)(r->at - begin);
    int64_t integer = 0;
    double real = 0;
    char small[64], *text = length < sizeof small ? small : fv_malloc(ctx, length + 1);
    if (!text)
        return FV_ERR_NO_MEMORY;
    memcpy(text, begin, length);
    text[length] = '\0';
    bool same = json_is_integer(value) ? fv_text_to_int(text, &integer) && integer == (int64_t)json_integer_value(value)
                                       : fv_text_to_double(text, &real) &&
                                             !(real < json_real_value(value) || real > json_real_value(value));
    if (text != small)
        fv_free(ctx, text);
    return same ? FV_OK : fv_fail_memory(ctx, length, "reading JSON");
}

/* A number, true, false or null. */
static void skip_word(json_reader *r)
{
    while (r->at < r->end && !strchr(" \t\r\n,:]}", *r->at))
        r->at++;
}

static fv_status put_value(json_reader *r, const json_t *value);

static fv_status put_object(json_reader *r, json_t *object)
{
    /* jansson iterates in the order of the text, and refused keys that appear twice. */
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        skip_between(r);
        const char *key = json_object_iter_key(i);
        FV_TRY(check_string(r, strlen(key)));
        FV_TRY(fv_doc_put_key(&r->builder, place_here(r), key, strlen(key)));
        skip_string(r);
        FV_TRY(put_value(r, json_object_iter_value(i)));
    }
    return FV_OK;
}

static fv_status put_array(json_reader *r, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        FV_TRY(put_value(r, json_array_get(array, i)));
    return FV_OK;
}

static fv_status put_container(json_reader *r, json_t *value)
{
    bool map = json_is_object(value);
    FV_TRY(fv_doc_open(&r->builder, place_here(r), map ? FV_DOC_MAP : FV_DOC_LIST));
    advance(r, 1);
    FV_TRY(map ? put_object(r, value) : put_array(r, value));
    skip_between(r);
    advance(r, 1); /* the closing bracket */
    return fv_doc_close(&r->builder);
}

/* The recursion is as deep as the document, which fv_doc_open limits. */
static fv_status put_value(json_reader *r, const json_t *value)
{
    skip_between(r);
    if (json_is_object(value) || json_is_array(value))
        return put_container(r, (json_t *)(uintptr_t)value);
    fv_doc_place place = place_here(r);
    if (json_is_string(value)) {
        FV_TRY(check_string(r, json_string_length(value)));
        skip_string(r);
        return fv_doc_put_scalar(&r->builder, place, (fv_doc_node){.kind = FV_DOC_STRING}, json_string_value(value),
                                 json_string_length(value));
    }
    const char *begin = r->at;
    skip_word(r);
    if (json_is_number(value))
        FV_TRY(check_number(r, begin, value));
    fv_doc_node node = {.kind = FV_DOC_NULL};
    if (json_is_boolean(value)) {
        node.kind = FV_DOC_BOOL;
        node.integer = json_is_true(value);
    } else if (json_is_integer(value)) {
        node.kind = FV_DOC_INT;
        node.integer = json_integer_value(value);
        node.real = (double)node.integer;
    } else if (json_is_real(value)) {
        node.kind = FV_DOC_REAL;
        node.real = json_real_value(value);
    }
    return fv_doc_put_scalar(&r->builder, place, node, begin, (size_t)(r->at - begin));
}

/* jansson drops a NUL behind a number, so that the two walks would part. */
static fv_status refuse_nul(json_reader *r)
{
    const char *nul = memchr(r->at, '\0', (size_t)(r->end - r->at));
    if (!nul)
        return FV_OK;
    json_reader to = {.at = r->at, .end = nul, .counted = r->at, .line = 1, .column = 1};
    while (to.at < to.end) {
        skip_space(&to);
        advance(&to, 1);
    }
    return fv_doc_fail_at(r->builder.doc, place_here(&to), FV_ERR_SYNTAX, "a NUL character");
}

static fv_status parse(json_reader *r)
{
    json_error_t error;
    FV_TRY(refuse_nul(r));
    errno = 0;
    json_t *tree = json_loadb(r->at, (size_t)(r->end - r->at), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!tree) {
        /* Most allocations of jansson's reader that fail look like wrong syntax; malloc itself tells. */
        if (json_error_code(&error) == json_error_out_of_memory || errno == ENOMEM)
            return fv_fail_memory(r->builder.doc->ctx, 0, "reading JSON");
        fv_doc_place place = {error.line > 0 ? error.line : 1, error.column > 0 ? error.column : 1};
        return fv_doc_fail_at(r->builder.doc, place, FV_ERR_SYNTAX, "%s", error.text);
    }
    fv_status status = put_value(r, tree);
    json_decref(tree);
    return status;
}

fv_status fv_doc_parse_json(fv_ctx *ctx, const char *name, const char *text, size_t size, fv_doc **doc)
{
    *doc = NULL;
    fv_doc *made = NULL;
    json_reader *r = fv_new(ctx, json_reader);
    if (!r)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_doc_create(ctx, name, &made);
    if (status == FV_OK) {
        bool bom = size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3);
        r->at = r->counted = bom ? text + 3 : text;
        r->end = text + size;
        r->line = r->column = 1;
        r->builder.doc = made;
        status = parse(r);
        fv_doc_builder_free(&r->builder);
    }
    fv_free(ctx, r);
    if (status != FV_OK)
        fv_doc_destroy(&made);
    *doc = made;
    return status;
}
