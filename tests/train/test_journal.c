/* SPDX-License-Identifier: Apache-2.0 */
/* docs/runs.md says what stands in results.csv and events.jsonl: all of it, and nothing else. */
#include "support/folder.h"

#include <math.h>
#include <stdlib.h>

#include "base/doc.h"
#include "base/file.h"
#include "train/columns.h"
#include "train/journal.h"

enum { NAMES = 64 };
typedef struct names {
    char name[NAMES][32];
    int n;
} names;

static bool has(const names *list, const char *name)
{
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->name[i], name) == 0)
            return true;
    return false;
}

static void add(names *list, const char *name, int size)
{
    assert_true(list->n < NAMES && size < 32);
    snprintf(list->name[list->n++], 32, "%.*s", size, name);
}

/* Words between backquotes in a cell of a table, to the next | or the end of the line. */
static void add_quoted(names *list, const char *cell)
{
    const char *end = cell + strcspn(cell, "|\n");
    for (const char *p = cell; (p = strchr(p, '`')) && p < end;) {
        const char *stop = strchr(p + 1, '`');
        assert_true(stop && stop < end);
        add(list, p + 1, (int)(stop - p - 1));
        p = stop + 1;
    }
}

/* The cell behind `count` bars of a line. */
static const char *cell(const char *line, int count)
{
    for (; count > 0; count--)
        line += strcspn(line, "|") + 1;
    return line;
}

static char *page;

/* The rows of the table whose head begins with `head`: the line behind its rule. */
static const char *table(const char *head)
{
    const char *at = strstr(page, head);
    if (!at)
        fail_msg("docs/runs.md has no table '%s'", head);
    at = strchr(at, '\n') + 1;
    return strchr(at, '\n') + 1;
}

static int read_page(void **state)
{
    (void)state;
    char path[512];
    uint8_t *data;
    int64_t size;
    const char *source = getenv("FOVEA_SOURCE_DIR");
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/docs/runs.md", source);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_file_read(ctx, path, 0, false, &data, &size), FV_OK);
    page = strdup((char *)data);
    fv_free(ctx, data);
    fv_ctx_destroy(&ctx);
    return page ? 0 : -1;
}

static int free_page(void **state)
{
    (void)state;
    free(page);
    return 0;
}

/* ---- results.csv ---- */

static void test_columns(void **state)
{
    (void)state;
    const char *row = table("| column | unit |");
    for (int c = 0; c < FV_RESULT_COLUMNS; c++, row = strchr(row, '\n') + 1) {
        names said = {.n = 0};
        add_quoted(&said, cell(row, 1));
        assert_int_equal(said.n, 1);
        assert_string_equal(said.name[0], fv_column_get((fv_result_column)c)->name);
    }
    assert_true(*row == '\n');
}

/* ---- events.jsonl ---- */

/* An event of which everything is known that there can be of its kind. */
static fv_fit_event full_event(int kind)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    fv_fit_event e = {.kind = (fv_event_kind)kind,
                      .epoch = 1,
                      .global_step = 2,
                      .loss = 0.5,
                      .lr = 0.1,
                      .img_per_s = 100,
                      .data_wait = 0.25,
                      .best = true,
                      .status = kind == FV_EVENT_END ? FV_ERR_DIVERGED : FV_OK,
                      .text = kind == FV_EVENT_STEP || kind == FV_EVENT_EPOCH ? NULL : "a text"};
    for (int i = 0; i < count; i++)
        *(double *)((char *)&e + list[i].offset) = 0.5;
    return e;
}

static const char *type_name(fv_doc_kind kind)
{
    return kind == FV_DOC_STRING ? "string"
           : kind == FV_DOC_BOOL ? "boolean"
           : kind == FV_DOC_INT  ? "integer"
                                 : "number";
}

/* The type that the table of fields gives a field. */
static void type_said(const char *field, char type[16])
{
    for (const char *row = table("| field | type |"); *row == '|'; row = strchr(row, '\n') + 1) {
        names said = {.n = 0};
        add_quoted(&said, cell(row, 1));
        assert_int_equal(said.n, 1);
        if (strcmp(said.name[0], field) == 0) {
            assert_int_equal(sscanf(cell(row, 2), " %15s", type), 1);
            return;
        }
    }
    fail_msg("docs/runs.md tells nothing of the field '%s'", field);
}

/* A line that was written, against the row of its event. */
static void check_line(fv_ctx *ctx, const char *line, size_t size, names *used)
{
    static const char *const always[] = {"t", "ev", "epoch", "step"};
    fv_doc *doc = NULL;
    names said = {.n = 0};
    const char *row = table("| `ev` | when |");
    assert_int_equal(fv_doc_parse_json(ctx, "line", line, size, &doc), FV_OK);
    const fv_doc_node *root = fv_doc_root(doc), *kind = fv_doc_get(root, "ev");
    for (; *row == '|'; row = strchr(row, '\n') + 1) {
        names event = {.n = 0};
        add_quoted(&event, cell(row, 1));
        assert_int_equal(event.n, 1);
        if (strcmp(event.name[0], kind->text) == 0)
            break;
    }
    if (*row != '|')
        fail_msg("docs/runs.md tells nothing of the event '%s'", kind->text);
    for (int i = 0; i < 4; i++)
        add(&said, always[i], (int)strlen(always[i]));
    add_quoted(&said, cell(row, 3));
    for (int64_t i = 0; i < root->count; i++) {
        const fv_doc_node *field = &root->child[i];
        char type[16];
        if (!has(&said, field->key))
            fail_msg("'%s' has the field '%s', which docs/runs.md does not list", kind->text, field->key);
        type_said(field->key, type);
        if (strcmp(type, type_name(field->kind)) != 0 && !(strcmp(type, "number") == 0 && field->kind == FV_DOC_INT))
            fail_msg("'%s' is a %s, and docs/runs.md calls it a %s", field->key, type_name(field->kind), type);
        if (!has(used, field->key))
            add(used, field->key, (int)strlen(field->key));
    }
    for (int i = 0; i < said.n; i++)
        if (!fv_doc_get(root, said.name[i]))
            fail_msg("docs/runs.md lists '%s' of '%s', which has none", said.name[i], kind->text);
    fv_doc_destroy(&doc);
}

static void test_events(void **state)
{
    (void)state;
    uint8_t *data;
    int64_t size;
    int lines = 0, rows = 0;
    names used = {.n = 0};
    fv_journal *j = NULL;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_journal_open(ctx, dir, &j), FV_OK);
    assert_int_equal(fv_journal_begin(j, &(fv_journal_start){.resumed = false}), FV_OK);
    for (int kind = 0; kind < FV_EVENT_COUNT; kind++) {
        const fv_fit_event e = full_event(kind);
        fv_journal_event(j, &e);
    }
    fv_journal_close(&j);
    assert_int_equal(fv_file_read(ctx, fv_test_path(dir, "events.jsonl"), 0, false, &data, &size), FV_OK);
    for (char *line = (char *)data; *line; line = strchr(line, '\n') + 1, lines++)
        check_line(ctx, line, strcspn(line, "\n"), &used);
    assert_int_equal(lines, FV_EVENT_COUNT);
    /* And the other way round: every row is of an event, or of a field that some event has. */
    for (const char *row = table("| `ev` | when |"); *row == '|'; row = strchr(row, '\n') + 1)
        rows++;
    assert_int_equal(rows, FV_EVENT_COUNT);
    for (const char *row = table("| field | type |"); *row == '|'; row = strchr(row, '\n') + 1) {
        names said = {.n = 0};
        add_quoted(&said, cell(row, 1));
        if (!has(&used, said.name[0]))
            fail_msg("docs/runs.md lists the field '%s', which no event has", said.name[0]);
    }
    fv_free(ctx, data);
    fv_ctx_destroy(&ctx);
}

/* What is not measured is left out; what is infinite is null. */
static void test_gaps(void **state)
{
    (void)state;
    uint8_t *data;
    int64_t size;
    fv_journal *j = NULL;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_fit_event e = full_event(FV_EVENT_EPOCH);
    e.val_loss = INFINITY;
    e.val_top1 = NAN;
    assert_int_equal(fv_journal_open(ctx, dir, &j), FV_OK);
    assert_int_equal(fv_journal_begin(j, &(fv_journal_start){.resumed = false}), FV_OK);
    fv_journal_event(j, &e);
    fv_journal_close(&j);
    assert_int_equal(fv_file_read(ctx, fv_test_path(dir, "events.jsonl"), 0, false, &data, &size), FV_OK);
    assert_non_null(strstr((char *)data, "\"val_loss\":null"));
    assert_null(strstr((char *)data, "\"val_top1\""));
    fv_free(ctx, data);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gaps, setup, teardown),
    };
    return cmocka_run_group_tests(tests, read_page, free_page);
}
