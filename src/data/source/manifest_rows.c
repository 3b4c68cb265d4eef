/* SPDX-License-Identifier: Apache-2.0 */
/* What the lines of a manifest mean: rows, bad lines, the kind of label. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "data/source/manifest.h"

enum { BAD_SHOWN = 20 };
static const double VALUE_MAX = 3e38; /* a float's */
#define NAMES "class_name"

/* Without blanks around. */
static void trim(const char *name, char word[32])
{
    const size_t from = strspn(name, " \t");
    size_t n = strlen(name + from);
    while (n > 0 && (name[from + n - 1] == ' ' || name[from + n - 1] == '\t'))
        n--;
    snprintf(word, 32, "%.*s", (int)(n < 31 ? n : 31), name + from);
}

bool fv_manifest_says_names(const char *name)
{
    char word[32];
    trim(name, word);
    return strcasecmp(word, NAMES) == 0;
}

bool fv_manifest_misreads(const char *name)
{
    double value = 0.0;
    const bool digits = name[strspn(name, "0123456789")] == '\0';
    return strchr(name, '|') || strcasecmp(name, "nan") == 0 || (!digits && fv_text_to_double(name, &value));
}

int fv_manifest_field_of(const char *name)
{
    static const struct {
        const char *name;
        int field;
    } names[] = {
        {"path", FV_FIELD_PATH},     {"file", FV_FIELD_PATH},    {"filename", FV_FIELD_PATH}, {"image", FV_FIELD_PATH},
        {"label", FV_FIELD_LABEL},   {"labels", FV_FIELD_LABEL}, {"class", FV_FIELD_LABEL},   {"split", FV_FIELD_SPLIT},
        {"weight", FV_FIELD_WEIGHT}, {"group", FV_FIELD_GROUP},  {NAMES, FV_FIELD_LABEL},
    };
    char word[32];
    trim(name, word);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(names[i].name, word) == 0)
            return names[i].field;
    }
    int64_t k = 0;
    if (strncasecmp(word, "target", 6) == 0 && fv_text_to_int(word + 6, &k) && k >= 0 && k < FV_MANIFEST_TARGETS_MAX)
        return FV_FIELD_TARGET + (int)k;
    return FV_FIELD_OTHER;
}

bool fv_manifest_key(const char *text, uint64_t *key)
{
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return false;
    *key = strtoull(text, NULL, 16);
    return true;
}

bool fv_manifest_name(const char *name)
{
    static const char *const endings[] = {".csv", ".jsonl", ".ndjson", NULL};
    return fv_text_has_ending(name, endings);
}

fv_status fv_manifest_bad(fv_manifest *m, int64_t line, int column, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    m->any_split[FV_SPLIT_TRAIN] |= m->quiet; /* opening it will tell what is wrong */
    if (m->n_bad == 0)
        snprintf(m->first_bad, sizeof m->first_bad, "%lld:%d: %s", (long long)line, column, text);
    if (m->on_bad)
        FV_TRY(m->on_bad(m->on_bad_arg, line, column, text));
    else if (!m->quiet && m->n_bad < BAD_SHOWN)
        fv_log(m->ctx, FV_LOG_ERROR, "data", "%s:%lld:%d: %s", m->path, (long long)line, column, text);
    m->n_bad += m->n_bad == 0 || line != m->bad_at;
    m->bad_at = line;
    return FV_OK;
}

/* Makes room for `more` items. */
static fv_status grow(fv_ctx *ctx, void **items, int64_t need, int64_t *capacity, size_t size)
{
    if (need <= *capacity)
        return FV_OK;
    const int64_t more = need > *capacity * 2 ? need + 64 : *capacity * 2;
    void *grown = fv_realloc(ctx, *items, (size_t)more * size);
    if (!grown)
        return FV_ERR_NO_MEMORY;
    *items = grown;
    *capacity = more;
    return FV_OK;
}

/* The numbers of one row. */
static fv_status add_values(fv_manifest *m, const fv_manifest_cells *cells, fv_manifest_row *row)
{
    void *values = m->values;
    FV_TRY(grow(m->ctx, &values, m->n_values + cells->n_values, &m->values_capacity, sizeof *m->values));
    m->values = values;
    row->first_value = m->n_values;
    for (int64_t k = 0; k < cells->n_values; k++)
        m->values[m->n_values + k] = (float)cells->values[k];
    m->n_values += cells->n_values;
    return FV_OK;
}

/* The cells that are read one way whatever the labels are; false: a bad line, told. */
static bool read_cells(fv_manifest *m, const fv_manifest_cells *cells, fv_manifest_row *row, fv_status *status)
{
    const int64_t before = m->n_bad;
    const char *const *text = cells->text;
    const int *column = cells->column;
    double weight = 1.0;
    *row = (fv_manifest_row){.line = cells->line,
                             .path_column = column[FV_FIELD_PATH],
                             .label_column = column[FV_FIELD_LABEL],
                             .label_row = cells->row[FV_FIELD_LABEL],
                             .split = m->split,
                             .key = cells->key,
                             .weight = 1.0f};
    if (!text[FV_FIELD_PATH] || text[FV_FIELD_PATH][0] == '\0')
        *status = fv_manifest_bad(m, cells->line, column[FV_FIELD_PATH] ? column[FV_FIELD_PATH] : 1, "no path");
    if (text[FV_FIELD_SPLIT] && text[FV_FIELD_SPLIT][0]) {
        m->object_line = cells->row[FV_FIELD_SPLIT];
        const int split = fv_split_parse(text[FV_FIELD_SPLIT]);
        row->split = split < 0 ? FV_SPLIT_TRAIN : (fv_split)split;
        if (split < 0)
            *status = fv_manifest_bad(m, cells->line, column[FV_FIELD_SPLIT],
                                      "split '%.40s': expected train, val or test", text[FV_FIELD_SPLIT]);
    }
    if (text[FV_FIELD_WEIGHT] && text[FV_FIELD_WEIGHT][0]) {
        m->has_weights = true;
        m->object_line = cells->row[FV_FIELD_WEIGHT];
        if (!fv_text_to_double(text[FV_FIELD_WEIGHT], &weight) || !(weight >= 0.0 && weight <= 1e30))
            *status = fv_manifest_bad(m, cells->line, column[FV_FIELD_WEIGHT],
                                      "weight '%.40s': expected a number from 0 to 1e30", text[FV_FIELD_WEIGHT]);
        row->weight = (float)weight;
    }
    if (text[FV_FIELD_GROUP] && text[FV_FIELD_GROUP][0]) {
        m->has_groups = true;
        if (!m->keys || !fv_manifest_key(text[FV_FIELD_GROUP], &row->group))
            row->group = fv_text_key(text[FV_FIELD_GROUP]);
    }
    m->object_line = cells->row[FV_FIELD_LABEL];
    for (int64_t k = 0; k < cells->n_values; k++) {
        if (!(fabs(cells->values[k]) <= VALUE_MAX))
            *status = fv_manifest_bad(m, cells->line, column[FV_FIELD_LABEL] ? column[FV_FIELD_LABEL] : 1,
                                      "target %lld is %g, expected a finite number, at most 3e38", (long long)k,
                                      cells->values[k]);
    }
    if (m->n_rows && cells->n_values != m->n_targets)
        *status = fv_manifest_bad(m, cells->line, column[FV_FIELD_LABEL] ? column[FV_FIELD_LABEL] : 1,
                                  "%lld numbers, the lines before have %lld", (long long)cells->n_values,
                                  (long long)m->n_targets);
    return m->n_bad == before;
}

fv_status fv_manifest_add(fv_manifest *m, const fv_manifest_cells *cells)
{
    fv_manifest_row row;
    fv_status status = FV_OK;
    if (!read_cells(m, cells, &row, &status) || status != FV_OK)
        return status;
    m->any_split[row.split] = true;
    void *rows = m->rows;
    FV_TRY(grow(m->ctx, &rows, m->n_rows + 1, &m->rows_capacity, sizeof *m->rows));
    m->rows = rows;
    if (m->n_rows == 0)
        m->n_targets = cells->n_values;
    m->has_lists |= cells->list;
    if (m->quiet) { /* the splits are all that counts */
        m->n_rows += m->n_rows == 0;
        return FV_OK;
    }
    row.path = fv_arena_strdup(m->arena, cells->text[FV_FIELD_PATH]);
    row.label = cells->text[FV_FIELD_LABEL] ? fv_arena_strdup(m->arena, cells->text[FV_FIELD_LABEL]) : NULL;
    row.group_name = row.group ? fv_arena_strdup(m->arena, cells->text[FV_FIELD_GROUP]) : NULL;
    if (!row.path || (cells->text[FV_FIELD_LABEL] && !row.label) || (row.group && !row.group_name))
        return FV_ERR_NO_MEMORY;
    FV_TRY(add_values(m, cells, &row));
    m->rows[m->n_rows++] = row;
    return FV_OK;
}

/* ---- what labels are ---- */

/* As they look. */
static fv_task guess_kind(const fv_manifest *m)
{
    double value = 0.0;
    bool numbers = true, fraction = false;
    if (m->n_targets > 0)
        return FV_TASK_REGRESS;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const char *label = m->rows[i].label;
        if (label && strchr(label, '|'))
            return FV_TASK_MULTILABEL;
        numbers = numbers && label && fv_text_to_double(label, &value);
        fraction |= numbers && value != floor(value);
    }
    return m->has_lists ? FV_TASK_MULTILABEL : numbers && fraction ? FV_TASK_REGRESS : FV_TASK_CLASSIFY;
}

/* Whether a label is a number, or several separated by |. */
static bool is_numbers(const char *label)
{
    double value = 0.0;
    for (const char *at = label; at;) {
        char word[64];
        const size_t n = strcspn(at, "|");
        snprintf(word, sizeof word, "%.*s", (int)(n < 63 ? n : 63), at);
        if (!fv_text_to_double(word, &value))
            return false;
        at = at[n] ? at + n + 1 : NULL;
    }
    return label != NULL;
}

/* Labels of another kind than is wanted throughout are one mistake, not one per line. */
static fv_status check_kind(fv_manifest *m)
{
    bool numbers = m->n_targets > 0;
    const char *first = NULL;
    int64_t line = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        if (m->kind == FV_TASK_REGRESS)
            numbers |= is_numbers(m->rows[i].label);
        if (!first && m->rows[i].label && m->rows[i].label[0]) {
            first = m->rows[i].label;
            line = m->rows[i].line;
        }
    }
    if (m->kind == FV_TASK_REGRESS && !numbers && first)
        return fv_fail_hint(m->ctx,
                            fv_fail(m->ctx, FV_ERR_CONFLICT,
                                    "%s: numbers to predict are wanted (regression), but the labels are names of "
                                    "classes, such as '%.40s' on line %lld",
                                    m->path, first, (long long)line),
                            "give a model or --task for classes (class, multi-label), or data with numbers as labels");
    if (m->kind != FV_TASK_REGRESS && m->n_targets > 0 && !first)
        return fv_fail_hint(
            m->ctx,
            fv_fail(m->ctx, FV_ERR_CONFLICT,
                    "%s: %s is wanted, but the samples have numbers to predict (%lld each) and no label", m->path,
                    m->kind == FV_TASK_CLASSIFY ? "one class each" : "a set of classes", (long long)m->n_targets),
            "give a model or --task for numbers (regression), or data with labels");
    return FV_OK;
}

/* Labels as numbers, several separated by |. */
static fv_status values_from_labels(fv_manifest *m)
{
    double values[64];
    for (int64_t i = 0; i < m->n_rows; i++) {
        fv_manifest_row *row = &m->rows[i];
        fv_manifest_cells cells = {.line = row->line, .values = values};
        const char *at = row->label ? row->label : "";
        bool good = true;
        for (bool more = true; more && good;) {
            char word[64];
            const size_t n = strcspn(at, "|");
            snprintf(word, sizeof word, "%.*s", (int)(n < 63 ? n : 63), at);
            good = cells.n_values < 64 && fv_text_to_double(word, &values[cells.n_values]) &&
                   fabs(values[cells.n_values++]) <= VALUE_MAX;
            more = at[n] == '|';
            at += n + more;
        }
        m->object_line = row->label_row;
        if (!good)
            FV_TRY(fv_manifest_bad(m, row->line, row->label_column ? row->label_column : 1,
                                   "'%.40s' is not a finite number, at most 3e38", row->label ? row->label : ""));
        else if (m->n_targets && cells.n_values != m->n_targets)
            FV_TRY(fv_manifest_bad(m, row->line, row->label_column, "%lld numbers, the lines before have %lld",
                                   (long long)cells.n_values, (long long)m->n_targets));
        else {
            m->n_targets = cells.n_values;
            FV_TRY(add_values(m, &cells, row));
        }
    }
    return FV_OK;
}

static fv_status name_targets(fv_manifest *m)
{
    const char **names = fv_arena_alloc(m->arena, (size_t)(m->n_targets + 1) * sizeof *names);
    for (int64_t k = 0; names && k < m->n_targets; k++) {
        names[k] = fv_arena_printf(m->arena, "target%lld", (long long)k);
        if (!names[k])
            return FV_ERR_NO_MEMORY;
    }
    m->target_names = names;
    return names ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_manifest_settle(fv_manifest *m, const char *task)
{
    FV_TRY(fv_task_parse(m->ctx, task, &m->kind));
    if (m->kind == FV_TASK_COUNT) {
        m->kind = m->named ? FV_TASK_CLASSIFY : guess_kind(m);
        if (m->kind == FV_TASK_REGRESS && m->n_targets == 0)
            fv_log(m->ctx, FV_LOG_INFO, "data",
                   "%s: the labels are numbers with fractions: values to predict (--task class reads them as names)",
                   m->path);
    }
    FV_TRY(check_kind(m));
    if (m->kind == FV_TASK_REGRESS) {
        if (m->n_targets == 0)
            FV_TRY(values_from_labels(m));
        return name_targets(m);
    }
    m->n_targets = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const fv_manifest_row *row = &m->rows[i];
        m->object_line = row->label_row;
        if (!row->label || (row->label[0] == '\0' && m->kind == FV_TASK_CLASSIFY))
            FV_TRY(fv_manifest_bad(m, row->line, row->label_column ? row->label_column : 1, "no label"));
        else if (m->kind == FV_TASK_CLASSIFY && !m->named && strcasecmp(row->label, "nan") == 0)
            FV_TRY(fv_manifest_bad(m, row->line, row->label_column, "the label is '%s'", row->label));
    }
    return FV_OK;
}

/* ---- files ---- */

static fv_status check_files(fv_manifest *m, const char *root)
{
    fv_str path = {.ctx = m->ctx};
    for (int64_t i = 0; i < m->n_rows; i++) {
        const fv_manifest_row *row = &m->rows[i];
        struct stat st;
        char why[128];
        path.size = 0;
        fv_str_printf(&path, "%s%s%s", row->path[0] == '/' ? "" : root, row->path[0] == '/' ? "" : "/", row->path);
        if (fv_str_status(&path) != FV_OK)
            break;
        if (stat(fv_str_get(&path), &st) != 0)
            fv_manifest_bad(m, row->line, row->path_column, "%.200s: %s%s", row->path,
                            errno == ENOENT || errno == ENOTDIR ? "no such file" : "cannot be looked at: ",
                            errno == ENOENT || errno == ENOTDIR ? "" : strerror_r(errno, why, sizeof why));
        else if (!S_ISREG(st.st_mode))
            fv_manifest_bad(m, row->line, row->path_column, "%.200s: not a regular file", row->path);
    }
    const fv_status status = fv_str_status(&path);
    fv_str_free(&path);
    return status;
}

static int by_path(const void *a, const void *b)
{
    const fv_manifest_row *x = *(fv_manifest_row *const *)a, *y = *(fv_manifest_row *const *)b;
    const int order = strcmp(x->path, y->path);
    return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* One file in two splits would be trained on and scored with. */
static fv_status check_twice(fv_manifest *m)
{
    int64_t twice = 0, first = 0;
    const fv_manifest_row **sorted = fv_malloc(m->ctx, (size_t)(m->n_rows + 1) * sizeof *sorted);
    if (!sorted)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < m->n_rows; i++)
        sorted[i] = &m->rows[i];
    qsort(sorted, (size_t)m->n_rows, sizeof *sorted, by_path);
    for (int64_t i = 1; i < m->n_rows; i++) {
        const fv_manifest_row *a = sorted[i - 1], *b = sorted[i];
        if (strcmp(a->path, b->path) != 0)
            continue;
        if (a->split != b->split)
            fv_manifest_bad(m, b->line, b->path_column, "%.200s: in split '%s', and in '%s' on line %lld", b->path,
                            fv_split_name(b->split), fv_split_name(a->split), (long long)a->line);
        first = twice++ == 0 ? b->line : first;
    }
    if (twice > 0)
        fv_log(m->ctx, FV_LOG_WARN, "data", "%s: %lld paths are listed more than once (first: line %lld)", m->path,
               (long long)twice, (long long)first);
    fv_free(m->ctx, (void *)sorted);
    return FV_OK;
}

/* ---- all of it ---- */

static fv_status parse(fv_manifest *m, const char *task, const char *check)
{
    uint8_t *data = NULL;
    int64_t size = 0;
    FV_TRY(fv_file_read(m->ctx, m->path, fv_ctx_memory_limit(m->ctx), false, &data, &size));
    const char *text = (const char *)data;
    const char *first = text + strspn(text, "\xEF\xBB\xBF \t\r\n");
    const bool json = *first == '{', array = *first == '[' && first[1 + strspn(first + 1, " \t\r\n")] == '{';
    fv_status status =
        size == 0 ? fv_fail_hint(m->ctx,
                                 fv_fail(m->ctx, FV_ERR_DATA_EMPTY, "%s: an empty file, expected a manifest", m->path),
                                 "write a header (path,label) and a line for each image")
        : array   ? fv_fail_hint(
                        m->ctx,
                        fv_fail(m->ctx, FV_ERR_DATA_FORMAT, "%s: a JSON array, expected an object on each line", m->path),
                        "write each as a line of its own, without the brackets around them and the commas "
                          "between them")
        : json ? fv_manifest_parse_jsonl(m, (char *)data, (size_t)size)
               : fv_manifest_parse_csv(m, (char *)data, (size_t)size);
    fv_free(m->ctx, data);
    if (status != FV_OK || !check)
        return status;
    FV_TRY(fv_manifest_settle(m, task));
    FV_TRY(check_files(m, check));
    FV_TRY(check_twice(m));
    if (m->n_bad > 0)
        return fv_fail_hint(m->ctx,
                            fv_fail(m->ctx, FV_ERR_DATA_FORMAT, "%s: %lld bad line%s, the first %s:%s", m->path,
                                    (long long)m->n_bad, m->n_bad > 1 ? "s" : "", m->path, m->first_bad),
                            "correct the lines listed above%s",
                            m->n_bad > BAD_SHOWN ? " (the first 20 are); nothing was read" : "; nothing was read");
    if (m->n_rows == 0)
        return fv_fail_hint(m->ctx, fv_fail(m->ctx, FV_ERR_DATA_EMPTY, "%s: a header and no line behind it", m->path),
                            "write a line for each image");
    return FV_OK;
}

fv_status fv_manifest_read(fv_ctx *ctx, fv_arena *arena, const char *path, const char *task, const char *check,
                           fv_manifest *manifest)
{
    *manifest = (fv_manifest){.ctx = ctx,
                              .arena = arena,
                              .path = path,
                              .quiet = check == NULL,
                              .on_bad = manifest->on_bad,
                              .on_bad_arg = manifest->on_bad_arg};
    fv_status status = parse(manifest, task, check);
    if (status != FV_OK)
        fv_manifest_free(manifest);
    return status;
}

void fv_manifest_free(fv_manifest *manifest)
{
    fv_free(manifest->ctx, manifest->rows);
    fv_free(manifest->ctx, manifest->values);
    manifest->rows = NULL;
    manifest->values = NULL;
}
