/* SPDX-License-Identifier: Apache-2.0 */
/* CSV as RFC 4180 has it: quoted fields may hold commas, doubled quotes and line ends; CRLF and LF; a BOM is skipped.
 */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "data/source/manifest.h"

enum { MAX_COLUMNS = FV_FIELD_TARGET + FV_MANIFEST_TARGETS_MAX };

/* Where the reader stands. Fields are unquoted in place and ended with a NUL. */
typedef struct csv {
    char *at, *end, *line_start;
    int64_t line;
    int64_t record_line;
    char *field[MAX_COLUMNS];
    int column[MAX_COLUMNS];
    int n_fields;
    const char *wrong; /* what is wrong with the record, NULL when it is sound */
    int wrong_column;
    int64_t wrong_line;
} csv;

static int column_of(const csv *c, const char *p)
{
    return (int)(p - c->line_start) + 1;
}

static void mark(csv *c, const char *p, const char *what)
{
    if (c->wrong)
        return;
    c->wrong = what;
    c->wrong_column = column_of(c, p);
    c->wrong_line = c->line;
}

static void new_line(csv *c, char *behind)
{
    c->line++;
    c->line_start = behind;
}

/* The rest of a field whose opening quote has been passed; returns where the text ends, unquoted. */
static char *read_quoted(csv *c)
{
    char *to = c->at;
    const char *open = c->at - 1;
    const int64_t open_line = c->line;
    const int open_column = column_of(c, open);
    while (c->at < c->end) {
        if (*c->at == '"' && (c->at + 1 == c->end || c->at[1] != '"')) {
            c->at++;
            return to;
        }
        c->at += *c->at == '"';
        if (*c->at == '\n')
            new_line(c, c->at + 1);
        *to++ = *c->at++;
    }
    if (!c->wrong) {
        c->wrong = "the quote that opens here is never closed";
        c->wrong_line = open_line;
        c->wrong_column = open_column;
    }
    return to;
}

/* One field; *more: another one follows in the record. */
static void read_field(csv *c, bool *more)
{
    char *start = c->at, *stop = NULL;
    const int column = column_of(c, start);
    if (c->at < c->end && *c->at == '"') {
        c->at++;
        start = c->at;
        stop = read_quoted(c);
        if (c->at < c->end && *c->at != ',' && *c->at != '\n' && *c->at != '\r')
            mark(c, c->at, "text behind a closing quote");
    }
    char *plain = c->at;
    while (c->at < c->end && *c->at != ',' && *c->at != '\n' &&
           !(*c->at == '\r' && (c->at + 1 == c->end || c->at[1] == '\n'))) {
        if (!stop && *c->at == '"')
            mark(c, c->at, "a quote inside of a field that does not begin with one");
        c->at++;
    }
    if (!stop) {
        start = plain;
        stop = c->at;
    }
    const bool comma = c->at < c->end && *c->at == ',';
    if (c->at < c->end && *c->at == '\r')
        c->at++;
    if (c->at < c->end) {
        if (*c->at == '\n')
            new_line(c, c->at + 1);
        c->at++;
    }
    *stop = '\0';
    if (strlen(start) != (size_t)(stop - start))
        mark(c, c->line_start, "a zero byte in the text");
    if (c->n_fields < MAX_COLUMNS) {
        c->field[c->n_fields] = start;
        c->column[c->n_fields++] = column;
    } else {
        mark(c, c->line_start, "too many fields");
    }
    *more = comma;
}

static void read_record(csv *c)
{
    bool more = true;
    c->n_fields = 0;
    c->wrong = NULL;
    c->record_line = c->line;
    while (more)
        read_field(c, &more);
}

static fv_status read_header(fv_manifest *m, csv *c, int *meaning, int *n_columns)
{
    bool seen[MAX_COLUMNS] = {false};
    int64_t targets = 0;
    *n_columns = c->n_fields;
    for (int k = 0; k < c->n_fields; k++) {
        const int field = meaning[k] = fv_manifest_field_of(c->field[k]);
        if (field < 0)
            continue;
        if (seen[field])
            return fv_fail(m->ctx, FV_ERR_DATA_FORMAT, "%s:%lld:%d: a second column '%s'", m->path,
                           (long long)c->record_line, c->column[k], c->field[k]);
        seen[field] = true;
        m->named |= fv_manifest_says_names(c->field[k]);
        targets += field >= FV_FIELD_TARGET;
    }
    for (int64_t k = 0; k < targets; k++) {
        if (!seen[FV_FIELD_TARGET + k])
            return fv_fail(m->ctx, FV_ERR_DATA_FORMAT, "%s:%lld: column target%lld is missing: found %lld such columns",
                           m->path, (long long)c->record_line, (long long)k, (long long)targets);
    }
    if (c->wrong || !seen[FV_FIELD_PATH] || (!seen[FV_FIELD_LABEL] && targets == 0))
        return fv_fail_hint(m->ctx,
                            fv_fail(m->ctx, FV_ERR_DATA_FORMAT,
                                    "%s:%lld:1: no header: found '%.60s%s%.60s', expected the names of the columns",
                                    m->path, (long long)c->record_line, c->field[0], c->n_fields > 1 ? "," : "",
                                    c->n_fields > 1 ? c->field[1] : ""),
                            "the first line must be path,label[,split,weight,group] or path,target0[,target1,...], "
                            "separated by commas");
    for (int k = 0; k < c->n_fields && !m->quiet; k++) {
        if (meaning[k] < 0)
            fv_log(m->ctx, FV_LOG_WARN, "data", "%s:%lld:%d: column '%s' is not used", m->path,
                   (long long)c->record_line, c->column[k], c->field[k]);
    }
    m->n_targets = targets;
    return FV_OK;
}

static fv_status add_record(fv_manifest *m, const csv *c, const int *meaning, int n_columns, double *values)
{
    fv_manifest_cells cells = {.line = c->record_line, .values = values, .n_values = m->n_targets};
    if (c->wrong)
        return fv_manifest_bad(m, c->wrong_line, c->wrong_column, "%s", c->wrong);
    if (c->n_fields != n_columns)
        return fv_manifest_bad(m, c->record_line, c->column[c->n_fields - 1], "%d fields, the header has %d",
                               c->n_fields, n_columns);
    for (int k = 0; k < n_columns; k++) {
        const int field = meaning[k];
        if (field >= 0 && field < FV_FIELD_TARGET) {
            cells.text[field] = c->field[k];
            cells.column[field] = c->column[k];
        }
        if (field >= FV_FIELD_TARGET && !fv_text_to_double(c->field[k], &values[field - FV_FIELD_TARGET]))
            return fv_manifest_bad(m, c->record_line, c->column[k], "'%.40s' is not a number", c->field[k]);
    }
    return fv_manifest_add(m, &cells);
}

/* The lines behind the header. */
static fv_status read_lines(fv_manifest *m, csv *c, const int *meaning, int n_columns)
{
    double *values = fv_calloc(m->ctx, (size_t)m->n_targets + 1, sizeof *values);
    fv_status status = values ? FV_OK : FV_ERR_NO_MEMORY;
    while (status == FV_OK && c->at < c->end) {
        read_record(c);
        if (c->n_fields > 1 || c->field[0][0] != '\0' || c->wrong)
            status = add_record(m, c, meaning, n_columns, values);
    }
    fv_free(m->ctx, values);
    return status;
}

fv_status fv_manifest_parse_csv(fv_manifest *m, char *text, size_t size)
{
    csv *c = fv_new(m->ctx, csv);
    int *meaning = fv_calloc(m->ctx, MAX_COLUMNS, sizeof *meaning), n_columns = 0;
    fv_status status = c && meaning ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        const bool bom = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
        c->at = c->line_start = text + (bom ? 3 : 0);
        c->end = text + size;
        c->line = 1;
        do
            read_record(c);
        while (c->n_fields == 1 && c->field[0][0] == '\0' && c->at < c->end);
        status = read_header(m, c, meaning, &n_columns);
    }
    if (status == FV_OK)
        status = read_lines(m, c, meaning, n_columns);
    fv_free(m->ctx, c);
    fv_free(m->ctx, meaning);
    return status;
}
