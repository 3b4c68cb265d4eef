/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) into the tree in one walk. jansson words the errors: of a text that this reader does not take it says
 * what is wrong and where.
 */
#include "base/doc_impl.h"
#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

typedef struct json_reader {
    fv_doc_builder builder;
    const char *at, *end;
    const char *counted; /* up to where `column` has been counted, so that a long line is walked once */
    int line, column;
    bool untold;   /* what is wrong */
    char *scratch; /* the string at hand where it is not as it stands in the text: `room` bytes */
    size_t room;
} json_reader;

static char peek(const json_reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

static void skip_space(json_reader *r)
{
    for (; r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'); r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->column = 1;
            r->counted = r->at + 1;
        }
    }
}

/* Goes on behind the character if it is the next. */
static bool take(json_reader *r, char c)
{
    skip_space(r);
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

static fv_doc_place place_here(json_reader *r)
{
    for (; r->counted < r->at; r->counted++)
        r->column += ((unsigned char)*r->counted & 0xC0) != 0x80;
    return (fv_doc_place){r->line, r->column};
}

/* Of what explain() tells. */
static fv_status wrong(json_reader *r)
{
    r->untold = true;
    return FV_ERR_SYNTAX;
}

/* ---- strings ---- */

/* The number of four hexadecimal digits; -1: they are none. */
static int hex4(const char *p, const char *end)
{
    static const char digits[] = "0123456789abcdef";
    int code = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char c = p[i] >= 'A' && p[i] <= 'F' ? (char)(p[i] + 32) : p[i];
        const char *digit = c ? strchr(digits, c) : NULL;
        if (!digit)
            return -1;
        code = code << 4 | (int)(digit - digits);
    }
    return code;
}

static char *put_utf8(char *to, int code)
{
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const int lead[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(lead[more] | code >> (6 * more));
    for (int i = more - 1; i >= 0; i--)
        *to++ = (char)(0x80 | (code >> (6 * i) & 0x3F));
    return to;
}

/* Decodes the escape behind a backslash; *p goes behind it. NULL: there is no such escape. */
static char *put_escape(const char **p, const char *end, char *to)
{
    static const char from[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
    const char c = *(*p)++, *row = c ? strchr(from, c) : NULL;
    if (row)
        *to++ = is[row - from];
    if (row || c != 'u')
        return row ? to : NULL;
    int code = hex4(*p, end);
    *p += 4;
    if (code >= 0xD800 && code < 0xDC00) { /* half of a pair */
        const int low = end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2, end) : -1;
        code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00) : -1;
        *p += 6;
    } else if (code >= 0xDC00 && code < 0xE000) {
        code = -1;
    }
    return code > 0 ? put_utf8(to, code) : NULL;
}

/* Decodes the string [p, end) into the scratch, where it is no longer than in the text. */
static fv_status decode(json_reader *r, const char *p, const char *end, bool ascii, size_t *size)
{
    const size_t need = (size_t)(end - p) + 1;
    if (r->room < need) {
        char *grown = fv_malloc(r->builder.doc->ctx, need);
        if (!grown)
            return FV_ERR_NO_MEMORY;
        fv_free(r->builder.doc->ctx, r->scratch);
        r->scratch = grown;
        r->room = need;
    }
    char *to = r->scratch;
    while (to && p < end) {
        if (*p == '\\') {
            p++;
            to = put_escape(&p, end, to);
        } else {
            *to++ = *p++;
        }
    }
    if (!to)
        return wrong(r);
    *to = '\0';
    *size = (size_t)(to - r->scratch);
    return ascii || fv_text_is_utf8(r->scratch) ? FV_OK : wrong(r);
}

/* The string that begins here; *text lives until the next one, its NUL is not there. */
static fv_status read_string(json_reader *r, const char **text, size_t *size)
{
    const char *begin = r->at + 1, *p = begin;
    bool plain = true, ascii = true;
    for (; p < r->end && *p != '"'; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c < 0x20)
            return wrong(r);
        plain = plain && c != '\\';
        ascii = ascii && c < 0x80;
        if (c == '\\')
            p++;
    }
    if (p >= r->end)
        return wrong(r);
    *text = begin;
    *size = (size_t)(p - begin);
    r->at = p + 1;
    if (plain && ascii)
        return FV_OK;
    FV_TRY(decode(r, begin, p, ascii, size));
    *text = r->scratch;
    return FV_OK;
}

/* ---- numbers and words ---- */

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Behind the number that begins at p; NULL: it is none. *whole: it is an integer. */
static const char *number_end(const char *p, const char *end, bool *whole)
{
    p += p < end && *p == '-';
    const char *digits = p;
    p = skip_digits(p, end);
    if (p == digits || (*digits == '0' && p > digits + 1))
        return NULL;
    *whole = true;
    if (p < end && *p == '.') {
        *whole = false;
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        *whole = false;
        p++;
        p += p < end && (*p == '-' || *p == '+');
        digits = p;
        p = skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    return p;
}

static fv_status put_number(json_reader *r, fv_doc_place place)
{
    fv_ctx *ctx = r->builder.doc->ctx;
    fv_doc_node node = {.kind = FV_DOC_INT};
    bool whole = false;
    const char *begin = r->at, *end = number_end(begin, r->end, &whole);
    if (!end)
        return wrong(r);
    const size_t size = (size_t)(end - begin);
    char small[64], *text = size < sizeof small ? small : fv_malloc(ctx, size + 1);
    if (!text)
        return FV_ERR_NO_MEMORY;
    memcpy(text, begin, size);
    text[size] = '\0';
    bool fits = whole ? fv_text_to_int(text, &node.integer) : fv_text_to_double(text, &node.real);
    if (text != small)
        fv_free(ctx, text);
    if (!fits)
        return wrong(r);
    if (whole)
        node.real = (double)node.integer;
    else
        node.kind = FV_DOC_REAL;
    r->at = end;
    return fv_doc_put_scalar(&r->builder, place, node, begin, size);
}

static fv_status put_word(json_reader *r, fv_doc_place place)
{
    static const struct {
        const char *word;
        fv_doc_node node;
    } rows[] = {{"true", {.kind = FV_DOC_BOOL, .integer = 1}},
                {"false", {.kind = FV_DOC_BOOL}},
                {"null", {.kind = FV_DOC_NULL}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const size_t size = strlen(rows[i].word);
        if ((size_t)(r->end - r->at) < size || memcmp(r->at, rows[i].word, size) != 0)
            continue;
        r->at += size;
        return fv_doc_put_scalar(&r->builder, place, rows[i].node, rows[i].word, size);
    }
    return wrong(r);
}

/* ---- values ---- */

static fv_status put_value(json_reader *r);

static fv_status put_key(json_reader *r)
{
    const char *key;
    size_t size;
    skip_space(r);
    const fv_doc_place place = place_here(r);
    if (peek(r) != '"')
        return wrong(r);
    FV_TRY(read_string(r, &key, &size));
    FV_TRY(fv_doc_put_key(&r->builder, place, key, size));
    return take(r, ':') ? FV_OK : wrong(r);
}

/* The recursion is as deep as the document, which fv_doc_open limits. */
static fv_status put_container(json_reader *r, fv_doc_place place, bool map)
{
    const char closing = map ? '}' : ']';
    FV_TRY(fv_doc_open(&r->builder, place, map ? FV_DOC_MAP : FV_DOC_LIST));
    r->at++;
    if (take(r, closing))
        return fv_doc_close(&r->builder);
    do {
        if (map)
            FV_TRY(put_key(r));
        FV_TRY(put_value(r));
    } while (take(r, ','));
    return take(r, closing) ? fv_doc_close(&r->builder) : wrong(r);
}

static fv_status put_value(json_reader *r)
{
    const char *text;
    size_t size;
    skip_space(r);
    const fv_doc_place place = place_here(r);
    const char first = peek(r);
    if (first == '{' || first == '[')
        return put_container(r, place, first == '{');
    if (first == '"') {
        FV_TRY(read_string(r, &text, &size));
        return fv_doc_put_scalar(&r->builder, place, (fv_doc_node){.kind = FV_DOC_STRING}, text, size);
    }
    return first == '-' || (first >= '0' && first <= '9') ? put_number(r, place) : put_word(r, place);
}

static fv_status put_document(json_reader *r)
{
    FV_TRY(put_value(r));
    skip_space(r);
    return r->at == r->end ? FV_OK : wrong(r);
}

/* ---- what is wrong ---- */

/* The place of a NUL, which jansson drops behind a number. */
static fv_status refuse_nul(json_reader *r)
{
    const char *nul = memchr(r->at, '\0', (size_t)(r->end - r->at));
    if (!nul)
        return FV_OK;
    json_reader to = {.at = r->at, .end = nul, .counted = r->at, .line = 1, .column = 1};
    while (to.at < to.end) {
        skip_space(&to);
        to.at += to.at < to.end;
    }
    return fv_doc_fail_at(r->builder.doc, place_here(&to), FV_ERR_SYNTAX, "a NUL character");
}

/* Of a text that was refused with `status`. */
static fv_status explain(json_reader *r, const char *text, fv_status status)
{
    const fv_doc *doc = r->builder.doc;
    json_error_t error;
    errno = 0;
    json_t *tree = json_loadb(text, (size_t)(r->end - text), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (tree) { /* what jansson takes is refused for what the tree would be: that is told already */
        json_decref(tree);
        return r->untold ? fv_doc_fail_at(doc, place_here(r), status, "this is no JSON") : status;
    }
    /* Most allocations of jansson's reader that fail look like wrong syntax; malloc itself tells. */
    if (json_error_code(&error) == json_error_out_of_memory || errno == ENOMEM)
        return fv_fail_memory(doc->ctx, 0, "reading JSON");
    const fv_doc_place place = {error.line > 0 ? error.line : 1, error.column > 0 ? error.column : 1};
    return fv_doc_fail_at(doc, place, FV_ERR_SYNTAX, "%s", error.text);
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
        const bool bom = size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3);
        const char *begin = bom ? text + 3 : text;
        r->at = r->counted = begin;
        r->end = text + size;
        r->line = r->column = 1;
        r->builder.doc = made;
        status = refuse_nul(r);
        if (status == FV_OK && (status = put_document(r)) == FV_ERR_SYNTAX)
            status = explain(r, begin, status);
        fv_doc_builder_free(&r->builder);
        fv_free(ctx, r->scratch);
    }
    fv_free(ctx, r);
    if (status != FV_OK)
        fv_doc_destroy(&made);
    *doc = made;
    return status;
}
