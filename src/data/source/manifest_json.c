/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines: one object per line with the keys that CSV has as columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/text.h"
#include "data/source/manifest.h"

/* One line being read. */
typedef struct line_reader {
    fv_manifest *m;
    fv_manifest_cells cells;
    fv_str joined;                                        /* a list of texts as a|b|c */
    double values[FV_MANIFEST_TARGETS_MAX];               /* of a list */
    double targets[FV_MANIFEST_TARGETS_MAX];              /* of target0, target1, ... */
    bool seen[FV_FIELD_TARGET + FV_MANIFEST_TARGETS_MAX]; /* the fields of this line */
    int64_t n_targets;                                    /* target0, target1, ...: how many */
    bool has_key;
    int last_target;               /* the highest of them */
    int target_column, target_row; /* the first one's place */
    const char *other;             /* the first key that means nothing */
    const char *path, *label;      /* instead of the object's own */
} line_reader;

/* Where a node is in the text of an object that is no line of a manifest; 0: it is one. */
static int object_line(const line_reader *r, const fv_doc_node *node)
{
    return r->path ? node->line : 0;
}

static bool is_number(const fv_doc_node *node)
{
    return node->kind == FV_DOC_INT || node->kind == FV_DOC_REAL;
}

/* A label: text, number, or a list of texts or of numbers. */
static fv_status take_label(line_reader *r, const fv_doc_node *node)
{
    fv_manifest_cells *cells = &r->cells;
    int64_t numbers = 0, texts = 0;
    cells->column[FV_FIELD_LABEL] = node->column;
    cells->row[FV_FIELD_LABEL] = object_line(r, node);
    if (node->kind == FV_DOC_STRING || is_number(node)) {
        cells->text[FV_FIELD_LABEL] = node->text;
        return FV_OK;
    }
    for (int64_t i = 0; node->kind == FV_DOC_LIST && i < node->count; i++) {
        numbers += is_number(&node->child[i]);
        texts += node->child[i].kind == FV_DOC_STRING;
    }
    if (node->kind != FV_DOC_LIST || (numbers != node->count && texts != node->count))
        return fv_manifest_bad(r->m, cells->line, node->column,
                               "a label must be a text, a number, or a list of texts or of numbers");
    if (numbers > FV_MANIFEST_TARGETS_MAX)
        return fv_manifest_bad(r->m, cells->line, node->column, "%lld numbers, the limit is %d", (long long)numbers,
                               FV_MANIFEST_TARGETS_MAX);
    for (int64_t i = 0; i < numbers; i++)
        r->values[i] = node->child[i].real;
    cells->n_values = numbers;
    if (numbers > 0)
        return FV_OK;
    r->joined.size = 0;
    fv_str_append(&r->joined, "");
    for (int64_t i = 0; i < node->count; i++) {
        r->m->object_line = object_line(r, &node->child[i]);
        if (strchr(node->child[i].text, '|'))
            return fv_manifest_bad(r->m, cells->line, node->child[i].column, "a class name with | in it");
        fv_str_printf(&r->joined, "%s%s", i ? "|" : "", node->child[i].text);
    }
    cells->text[FV_FIELD_LABEL] = fv_str_get(&r->joined);
    cells->list = true;
    return fv_str_status(&r->joined);
}

static fv_status take_target(line_reader *r, const fv_doc_node *node, int k)
{
    if (!is_number(node))
        return fv_manifest_bad(r->m, r->cells.line, node->column, "'%s' is not a number", node->key);
    if (r->n_targets++ == 0) {
        r->target_column = node->column;
        r->target_row = object_line(r, node);
    }
    r->last_target = k > r->last_target ? k : r->last_target;
    r->targets[k] = node->real;
    return FV_OK;
}

/* target0, target1, ... without a gap and without a list beside them are the line's numbers. */
static fv_status settle_targets(line_reader *r)
{
    fv_manifest_cells *cells = &r->cells;
    if (r->n_targets == 0)
        return FV_OK;
    r->m->object_line = r->target_row;
    if (cells->n_values > 0 || cells->list)
        return fv_manifest_bad(r->m, cells->line, cells->column[FV_FIELD_LABEL],
                               "a list of labels beside target%d: expected one of the two", r->last_target);
    if (r->last_target >= r->n_targets) {
        int k = 0;
        while (r->seen[FV_FIELD_TARGET + k])
            k++;
        return fv_manifest_bad(r->m, cells->line, r->target_column,
                               "target%d is missing: found %lld such keys, up to "
                               "target%d",
                               k, (long long)r->n_targets, r->last_target);
    }
    cells->values = r->targets;
    cells->n_values = r->n_targets;
    return FV_OK;
}

/* What a pack wrote about where an object's sample came from. */
static void note_key(line_reader *r, const fv_doc_node *node)
{
    if (node->kind != FV_DOC_STRING)
        return;
    if (strcmp(node->key, "key") == 0)
        r->has_key = fv_manifest_key(node->text, &r->cells.key);
    else if (strcmp(node->key, "path") == 0 && !r->has_key)
        r->cells.key = fv_text_key(node->text);
}

static fv_status take_key(line_reader *r, const fv_doc_node *node)
{
    fv_manifest_cells *cells = &r->cells;
    const int field = strcmp(node->key, "targets") == 0 ? FV_FIELD_LABEL : fv_manifest_field_of(node->key);
    if (r->path)
        note_key(r, node);
    r->m->named |= fv_manifest_says_names(node->key);
    if ((field == FV_FIELD_PATH && r->path) || (field == FV_FIELD_LABEL && r->label))
        return FV_OK;
    r->m->object_line = object_line(r, node);
    if (field < 0) {
        r->other = r->other ? r->other : node->key;
        return FV_OK;
    }
    if (r->seen[field])
        return fv_manifest_bad(r->m, cells->line, node->column, "'%s': given a second time", node->key);
    r->seen[field] = true;
    if (field == FV_FIELD_LABEL)
        return take_label(r, node);
    if (field >= FV_FIELD_TARGET)
        return take_target(r, node, field - FV_FIELD_TARGET);
    if (node->kind == FV_DOC_NULL)
        return FV_OK;
    if (node->kind != FV_DOC_STRING && !is_number(node))
        return fv_manifest_bad(r->m, cells->line, node->column, "'%s' must be a text or a number", node->key);
    cells->text[field] = node->text;
    cells->column[field] = node->column;
    cells->row[field] = object_line(r, node);
    return FV_OK;
}

static fv_status take_object(line_reader *r, const fv_doc_node *root)
{
    const int64_t bad = r->m->n_bad;
    r->m->object_line = object_line(r, root);
    if (root->kind != FV_DOC_MAP)
        return fv_manifest_bad(r->m, r->cells.line, 1, "expected an object: {\"path\": ..., \"label\": ...}");
    for (int64_t i = 0; i < root->count; i++)
        FV_TRY(take_key(r, &root->child[i]));
    FV_TRY(settle_targets(r));
    if (r->path)
        r->cells.text[FV_FIELD_PATH] = r->path;
    if (r->label)
        r->cells.text[FV_FIELD_LABEL] = r->label;
    return r->m->n_bad == bad ? fv_manifest_add(r->m, &r->cells) : FV_OK;
}

/* "line:LINE:COLUMN: TEXT" as the parser records it -> a bad line. */
static fv_status tell_syntax(fv_manifest *m, int64_t line, bool object)
{
    char copy[300], *text = copy;
    int column = 1, row = 1;
    snprintf(copy, sizeof copy, "%s", fv_ctx_error(m->ctx));
    for (int part = 0; part < 3 && strchr(text, ':'); part++) {
        if (part == 1)
            row = atoi(text);
        if (part == 2)
            column = atoi(text);
        text = strchr(text, ':') + 1;
    }
    fv_fail_clear(m->ctx);
    m->object_line = object ? row : 0;
    return fv_manifest_bad(m, line, column, "%s", text + strspn(text, " "));
}

static fv_status parse_line(line_reader *r, const char *text, size_t size, int64_t line)
{
    fv_doc *doc = NULL;
    r->cells = (fv_manifest_cells){.line = line, .values = r->values};
    memset(r->seen, 0, sizeof r->seen);
    r->n_targets = r->last_target = 0;
    r->has_key = false;
    if (r->path)
        r->cells.key = fv_text_key(r->path);
    fv_status status = fv_doc_parse_json(r->m->ctx, "line", text, size, &doc);
    if (status == FV_ERR_SYNTAX)
        return tell_syntax(r->m, line, r->path != NULL);
    if (status != FV_OK)
        return status;
    const char *before = r->other;
    status = take_object(r, fv_doc_root(doc));
    if (r->other != before && !r->m->quiet && !r->path)
        fv_log(r->m->ctx, FV_LOG_WARN, "data", "%s:%lld: key '%s' is not used", r->m->path, (long long)line, r->other);
    if (r->other != before)
        r->other = "";
    fv_doc_destroy(&doc);
    return status;
}

fv_status fv_manifest_parse_jsonl(fv_manifest *m, char *text, size_t size)
{
    line_reader *r = fv_new(m->ctx, line_reader);
    if (!r)
        return FV_ERR_NO_MEMORY;
    r->m = m;
    r->joined.ctx = m->ctx;
    fv_status status = FV_OK;
    const char *at = text, *end = text + size;
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    for (int64_t line = 1; status == FV_OK && at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *next = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        while (stop > at && (stop[-1] == '\r' || stop[-1] == ' '))
            stop--;
        if (stop > at)
            status = parse_line(r, at, (size_t)(stop - at), line);
        at = next;
    }
    fv_str_free(&r->joined);
    fv_free(m->ctx, r);
    return status;
}

fv_status fv_manifest_parse_object(fv_manifest *m, const char *text, size_t size, int64_t line, const char *path,
                                   const char *label)
{
    line_reader *r = fv_new(m->ctx, line_reader);
    if (!r)
        return FV_ERR_NO_MEMORY;
    r->m = m;
    r->joined.ctx = m->ctx;
    r->path = path;
    r->label = label;
    const fv_status status = parse_line(r, text, size, line);
    fv_str_free(&r->joined);
    fv_free(m->ctx, r);
    return status;
}
