/* SPDX-License-Identifier: Apache-2.0 */
/* YAML through libyaml's events. */
#include "base/doc_impl.h"

#include <string.h>
#include <yaml.h>

typedef struct yaml_reader {
    fv_doc_builder builder;
    yaml_parser_t parser;
    const char *text;
    size_t size;
    const char **line; /* where each line begins */
    int64_t lines;
    int documents;
} yaml_reader;

static fv_doc_place place_of(yaml_mark_t mark)
{
    return (fv_doc_place){(int)mark.line + 1, (int)mark.column + 1};
}

/* Length of the line break at p as libyaml counts lines: CR LF, CR, LF, NEL, LS, PS; 0 if there is none. */
static size_t break_length(const char *p, const char *end)
{
    size_t left = (size_t)(end - p);
    if (left >= 2 && p[0] == '\r' && p[1] == '\n')
        return 2;
    if (*p == '\r' || *p == '\n')
        return 1;
    if (left >= 2 && !memcmp(p, "\xC2\x85", 2))
        return 2;
    return left >= 3 && (!memcmp(p, "\xE2\x80\xA8", 3) || !memcmp(p, "\xE2\x80\xA9", 3)) ? 3 : 0;
}

/* Counts the lines, and notes where they begin once there is a table. */
static void scan_lines(yaml_reader *r)
{
    const char *end = r->text + r->size;
    r->lines = 0;
    if (r->line)
        r->line[0] = r->text;
    for (const char *p = r->text; p < end;) {
        size_t n = break_length(p, end);
        p += n ? n : 1;
        if (n && ++r->lines && r->line)
            r->line[r->lines] = p;
    }
    r->lines++;
}

/* The white space that begins a line (0-based): its length, and the column of the first tab in it (0: none). */
static size_t indent_of(const yaml_reader *r, size_t line, int *tab_column)
{
    *tab_column = 0;
    if (line >= (size_t)r->lines)
        return 0;
    const char *p = r->line[line], *end = r->text + r->size;
    for (; p < end && (*p == ' ' || *p == '\t'); p++) {
        if (*p == '\t' && !*tab_column)
            *tab_column = (int)(p - r->line[line]) + 1;
    }
    return (size_t)(p - r->line[line]);
}

static fv_status fail_tab(const yaml_reader *r, size_t line, int column)
{
    fv_doc_place place = {(int)line + 1, column};
    return fv_fail_hint(r->builder.doc->ctx,
                        fv_doc_fail_at(r->builder.doc, place, FV_ERR_SYNTAX, "a tab is used as indentation"),
                        "indent with spaces");
}

/* Refuses a node that follows a tab at the beginning of its line, and a plain scalar that goes on behind one. */
static fv_status check_tabs(const yaml_reader *r, yaml_mark_t start, yaml_mark_t end, bool plain)
{
    int column;
    /* A tab counts as one column: a node that begins where the white space ends is the first thing of its line. */
    if (indent_of(r, start.line, &column) == start.column && column)
        return fail_tab(r, start.line, column);
    for (size_t i = start.line + 1; plain && i <= end.line; i++) {
        (void)indent_of(r, i, &column);
        if (column)
            return fail_tab(r, i, column);
    }
    return FV_OK;
}

/* Line and column of a byte, for the errors of libyaml's reader, which knows only the offset. */
static fv_doc_place place_of_offset(const yaml_reader *r, size_t offset)
{
    const char *at = r->text + (offset < r->size ? offset : r->size);
    int64_t line = r->lines - 1;
    while (line > 0 && r->line[line] > at)
        line--;
    int column = 1;
    for (const char *p = r->line[line]; p < at; p++)
        column += ((unsigned char)*p & 0xC0) != 0x80;
    return (fv_doc_place){(int)line + 1, column};
}

static fv_status parser_fail(const yaml_reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const fv_doc *doc = r->builder.doc;
    if (p->error == YAML_MEMORY_ERROR)
        return fv_fail_memory(doc->ctx, 0, "reading YAML");
    const char *problem = p->problem ? p->problem : "not valid YAML";
    if (p->error == YAML_READER_ERROR)
        return fv_doc_fail_at(doc, place_of_offset(r, p->problem_offset), FV_ERR_SYNTAX, "%s", problem);
    int column;
    (void)indent_of(r, p->problem_mark.line, &column);
    if (column)
        return fail_tab(r, p->problem_mark.line, column);
    fv_doc_place at = place_of(p->problem_mark), from = place_of(p->context_mark);
    if (p->context && from.line != at.line)
        return fv_doc_fail_at(doc, at, FV_ERR_SYNTAX, "%s (%s that began at line %d, column %d)", problem, p->context,
                              from.line, from.column);
    if (p->context)
        return fv_doc_fail_at(doc, at, FV_ERR_SYNTAX, "%s (%s)", problem, p->context);
    return fv_doc_fail_at(doc, at, FV_ERR_SYNTAX, "%s", problem);
}

#define YAML_BINARY_TAG "tag:yaml.org,2002:binary"

static fv_status refuse(const yaml_reader *r, const yaml_event_t *event, const char *what, const char *cure)
{
    return fv_fail_hint(
        r->builder.doc->ctx,
        fv_doc_fail_at(r->builder.doc, place_of(event->start_mark), FV_ERR_SYNTAX, "%s are not supported", what), "%s",
        cure);
}

static fv_status check_properties(const yaml_reader *r, const yaml_event_t *event, const void *anchor, const void *tag)
{
    if (anchor)
        return refuse(r, event, "anchors (&)", "write the value out");
    if (tag)
        return refuse(r, event, "tags (!)", "remove it; put quotes around a value that is to be a text");
    return FV_OK;
}

static int base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Text that is no UTF-8, such as the path of an old camera's folder, in base64 (yaml.org/type/binary): the one tag that
 * is understood. */
static fv_status on_binary(yaml_reader *r, const yaml_event_t *event)
{
    fv_ctx *ctx = r->builder.doc->ctx;
    const char *text = (const char *)event->data.scalar.value;
    char *bytes = fv_malloc(ctx, event->data.scalar.length + 1);
    size_t n = 0;
    unsigned held = 0;
    int bits = 0;
    bool good = bytes != NULL;
    if (!bytes)
        return FV_ERR_NO_MEMORY;
    for (; good && *text && *text != '='; text++) {
        const int digit = base64_digit(*text);
        if (digit < 0 && strchr(" \t\r\n", *text))
            continue;
        held = (held << 6 | (unsigned)(digit & 63)) & 0xFFFFu;
        bits += 6;
        if (bits >= 8)
            bytes[n++] = (char)(held >> (bits -= 8) & 0xFFu);
        good = digit >= 0 && (n == 0 || bytes[n - 1] != '\0');
    }
    const fv_status status = good ? fv_doc_put_scalar(&r->builder, place_of(event->start_mark),
                                                      (fv_doc_node){.kind = FV_DOC_STRING}, bytes, n)
                                  : fv_doc_fail_at(r->builder.doc, place_of(event->start_mark), FV_ERR_SYNTAX,
                                                   "!!binary: expected a text in base64");
    fv_free(ctx, bytes);
    return status;
}

static fv_status on_scalar(yaml_reader *r, const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;
    if (tag && !event->data.scalar.anchor && !fv_doc_wants_key(&r->builder) && strcmp(tag, YAML_BINARY_TAG) == 0)
        return on_binary(r, event);
    fv_doc_builder *b = &r->builder;
    const char *text = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    fv_doc_place place = place_of(event->start_mark);
    FV_TRY(check_properties(r, event, event->data.scalar.anchor, event->data.scalar.tag));
    FV_TRY(check_tabs(r, event->start_mark, event->end_mark, plain));
    if (fv_doc_wants_key(b))
        return fv_doc_put_key(b, place, text, size);
    fv_doc_node node = {.kind = FV_DOC_STRING};
    if (plain && !memchr(text, '\0', size))
        fv_doc_resolve_plain(text, &node);
    return fv_doc_put_scalar(b, place, node, text, size);
}

static fv_status on_collection(yaml_reader *r, const yaml_event_t *event, fv_doc_kind kind, const void *anchor,
                               const void *tag)
{
    FV_TRY(check_properties(r, event, anchor, tag));
    FV_TRY(check_tabs(r, event->start_mark, event->start_mark, false));
    fv_doc_place place = place_of(event->start_mark);
    if (fv_doc_wants_key(&r->builder))
        return fv_doc_fail_at(r->builder.doc, place, FV_ERR_SYNTAX, "found %s as a key, expected a name",
                              kind == FV_DOC_MAP ? "a map" : "a list");
    return fv_doc_open(&r->builder, place, kind);
}

static fv_status on_document(yaml_reader *r, const yaml_event_t *event)
{
    if (r->documents++)
        return refuse(r, event, "several documents in one file (---)", "keep one document per file");
    if (event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
        return refuse(r, event, "tag directives (%TAG)", "remove it");
    return FV_OK;
}

static fv_status on_event(yaml_reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(r, event);
    case YAML_ALIAS_EVENT:
        return refuse(r, event, "aliases (*)", "write the value out");
    case YAML_SCALAR_EVENT:
        return on_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_collection(r, event, FV_DOC_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_collection(r, event, FV_DOC_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return fv_doc_close(&r->builder);
    default:
        return FV_OK;
    }
}

static fv_status run_events(yaml_reader *r)
{
    if (!yaml_parser_initialize(&r->parser))
        return fv_fail_memory(r->builder.doc->ctx, sizeof r->parser, "reading YAML");
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text, r->size);
    fv_status status = FV_OK;
    for (bool done = false; !done && status == FV_OK;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event)) {
            status = parser_fail(r);
            break;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        status = on_event(r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&r->parser);
    return status;
}

static fv_status check_encoding(const yaml_reader *r)
{
    const unsigned char *t = (const unsigned char *)r->text;
    bool utf16 = r->size >= 2 && ((t[0] == 0xFF && t[1] == 0xFE) || (t[0] == 0xFE && t[1] == 0xFF));
    if (!utf16)
        return FV_OK;
    return fv_fail_hint(
        r->builder.doc->ctx,
        fv_doc_fail_at(r->builder.doc, (fv_doc_place){1, 1}, FV_ERR_SYNTAX, "the file is UTF-16, expected UTF-8"),
        "save it as UTF-8");
}

fv_status fv_doc_parse_yaml(fv_ctx *ctx, const char *name, const char *text, size_t size, fv_doc **doc)
{
    *doc = NULL;
    fv_doc *made = NULL;
    yaml_reader *r = fv_new(ctx, yaml_reader);
    if (!r)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_doc_create(ctx, name, &made);
    if (status != FV_OK)
        goto done;
    bool bom = size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3);
    r->text = bom ? text + 3 : text;
    r->size = bom ? size - 3 : size;
    r->builder.doc = made;
    status = check_encoding(r);
    if (status != FV_OK)
        goto done;
    scan_lines(r);
    r->line = fv_calloc(ctx, (size_t)r->lines, sizeof *r->line);
    if (!r->line) {
        status = FV_ERR_NO_MEMORY;
        goto done;
    }
    scan_lines(r);
    status = run_events(r);
    fv_doc_builder_free(&r->builder);
    fv_free(ctx, r->line);
done:
    fv_free(ctx, r);
    if (status != FV_OK)
        fv_doc_destroy(&made);
    *doc = made;
    return status;
}
