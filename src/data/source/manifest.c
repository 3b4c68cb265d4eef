/* SPDX-License-Identifier: Apache-2.0 */
/* Files named in a manifest: FILE.csv, FILE.jsonl, or a folder with manifest.csv or manifest.jsonl in it. */
#include "data/source/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

typedef struct manifest_source {
    fv_source base;
    const char *root;
    const char **path; /* relative to root, as written */
} manifest_source;

static const char *const folder_names[] = {"manifest.csv", "manifest.jsonl"};

/* The manifest's own path; *file is the caller's, NULL when there is none. */
static fv_status find_file(fv_ctx *ctx, const char *path, char **file)
{
    *file = NULL;
    if (!fv_path_is_dir(path)) {
        *file = fv_strdup(ctx, path);
        return *file ? FV_OK : FV_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < sizeof folder_names / sizeof *folder_names; i++) {
        char *try = fv_path_join(ctx, path, folder_names[i]);
        if (!try)
            return FV_ERR_NO_MEMORY;
        if (fv_path_exists(try)) {
            *file = try;
            return FV_OK;
        }
        fv_free(ctx, try);
    }
    return fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: the manifest has vanished", path);
}

static fv_status manifest_probe(fv_ctx *ctx, const fv_place *place, bool *yes)
{
    (void)ctx;
    if (place->is_file)
        *yes = fv_manifest_name(place->path);
    for (int64_t i = 0; i < place->count; i++)
        for (size_t k = 0; k < sizeof folder_names / sizeof *folder_names; k++)
            *yes |= strcmp(place->names[i], folder_names[k]) == 0;
    return FV_OK;
}

static fv_status manifest_has_split(fv_ctx *ctx, const char *path, fv_split split, bool *has)
{
    fv_arena *arena = NULL;
    fv_manifest m = {0};
    char *file = NULL;
    *has = false;
    FV_TRY(fv_arena_create(ctx, &arena));
    fv_status status = find_file(ctx, path, &file);
    if (status == FV_OK)
        status = fv_manifest_read(ctx, arena, file, NULL, NULL, &m);
    if (status == FV_OK) {
        *has = m.any_split[split];
        fv_manifest_free(&m);
    }
    fv_free(ctx, file);
    fv_arena_destroy(&arena);
    return status;
}

static void manifest_destroy(fv_source *base)
{
    fv_free(base->ctx, base->labels);
    fv_free(base->ctx, base->targets);
    fv_free(base->ctx, base->weights);
    fv_free(base->ctx, base->groups);
    fv_free(base->ctx, (void *)((manifest_source *)base)->path);
}

static void manifest_name(const fv_source *base, int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%s", ((const manifest_source *)base)->path[i]);
}

static uint64_t manifest_key(const fv_source *base, int64_t i)
{
    return fv_text_key(((const manifest_source *)base)->path[i]);
}

static char *full_path(const fv_source *base, int64_t i)
{
    const manifest_source *s = (const manifest_source *)base;
    return fv_path_join(base->ctx, s->path[i][0] == '/' ? "" : s->root, s->path[i]);
}

static int64_t manifest_bytes(const fv_source *base, int64_t i)
{
    struct stat st = {0};
    char *path = full_path(base, i);
    if (path && stat(path, &st) != 0)
        st.st_size = 0;
    fv_free(base->ctx, path);
    return (int64_t)st.st_size;
}

static fv_status manifest_image(fv_source *base, int64_t i, const fv_decode_options *options, fv_image_request *request,
                                fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    char *path = full_path(base, i);
    if (!path) {
        *image = (fv_image){0};
        return fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for a path");
    }
    fv_status status = fv_image_read_quiet(base->ctx, path, options, request, image, notes, error);
    fv_free(base->ctx, path);
    return status;
}

static fv_status manifest_read(fv_source *base, int64_t i, uint8_t **data, int64_t *size, fv_image_error *error)
{
    const manifest_source *s = (const manifest_source *)base;
    return fv_sample_read_file(base->ctx, s->root, s->path[i], data, size, error);
}

static const fv_source_ops manifest_ops = {.destroy = manifest_destroy,
                                           .name = manifest_name,
                                           .key = manifest_key,
                                           .bytes = manifest_bytes,
                                           .image = manifest_image,
                                           .read = manifest_read};

/* ---- classes ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Calls fn for each class name of a row; the text between two | is copied into `word`, as long as the label. */
static void each_class(const fv_manifest *m, const char *label, char *word, void (*fn)(void *arg, const char *name),
                       void *arg)
{
    for (const char *at = label; *at;) {
        const size_t n = m->kind == FV_LABEL_MULTI ? strcspn(at, "|") : strlen(at);
        memcpy(word, at, n);
        word[n] = '\0';
        if (n > 0)
            fn(arg, word);
        at += n + (at[n] == '|');
    }
}

/* Names as they are found, each once where they come in runs. */
typedef struct collector {
    fv_arena *arena;
    fv_ctx *ctx;
    const char **list;
    int64_t count, capacity, sorted; /* the first `sorted` are in order */
    bool failed;
} collector;

static void sort_unique(collector *c)
{
    int64_t kept = 0;
    qsort(c->list, (size_t)c->count, sizeof *c->list, by_text);
    for (int64_t i = 0; i < c->count; i++) {
        if (i == 0 || strcmp(c->list[kept - 1], c->list[i]) != 0)
            c->list[kept++] = c->list[i];
    }
    c->count = c->sorted = kept;
}

static void collect(void *arg, const char *name)
{
    collector *c = arg;
    if (c->count == c->capacity) {
        sort_unique(c); /* most names are there already: the list stays short */
        if (c->count >= c->capacity / 2) {
            const int64_t more = c->capacity ? c->capacity * 2 : 1024;
            const char **list = fv_realloc(c->ctx, c->list, (size_t)more * sizeof *list);
            if (!list) {
                c->failed = true;
                return;
            }
            c->list = list;
            c->capacity = more;
        }
    }
    if (bsearch(&name, c->list, (size_t)c->sorted, sizeof *c->list, by_text))
        return;
    const char *copy = fv_arena_strdup(c->arena, name);
    c->failed |= copy == NULL;
    if (copy)
        c->list[c->count++] = copy;
}

/* The class names of the rows of a split (or of all, FV_SPLIT_COUNT), byte-wise sorted. */
static fv_status collect_classes(const fv_manifest *m, fv_arena *arena, fv_split split, char *word, fv_names *names)
{
    collector c = {.arena = arena, .ctx = m->ctx};
    for (int64_t i = 0; i < m->n_rows && !c.failed; i++) {
        if (m->rows[i].split == split || split == FV_SPLIT_COUNT)
            each_class(m, m->rows[i].label, word, collect, &c);
    }
    sort_unique(&c);
    const char **list = c.failed ? NULL : fv_arena_alloc(arena, (size_t)(c.count + 1) * sizeof *list);
    if (list && c.count > 0)
        memcpy(list, c.list, (size_t)c.count * sizeof *list);
    fv_free(m->ctx, (void *)c.list);
    *names = (fv_names){list, list ? c.count : 0};
    return list ? FV_OK : FV_ERR_NO_MEMORY;
}

/* Letter case and blanks around do not count. */
static int loosely(const char *a, const char *b)
{
    a += strspn(a, " \t");
    b += strspn(b, " \t");
    size_t n = strlen(a), m = strlen(b);
    while (n > 0 && (a[n - 1] == ' ' || a[n - 1] == '\t'))
        n--;
    while (m > 0 && (b[m - 1] == ' ' || b[m - 1] == '\t'))
        m--;
    const int order = strncasecmp(a, b, n < m ? n : m);
    return order ? order : n < m ? -1 : n > m;
}

static int by_loose_text(const void *a, const void *b)
{
    return loosely(*(char *const *)a, *(char *const *)b);
}

/* "Cat" beside "cat " is one class written in two ways. */
static fv_status check_alike(const fv_manifest *m, const fv_names *names)
{
    const char **sorted = fv_malloc(m->ctx, (size_t)(names->count + 1) * sizeof *sorted);
    if (!sorted)
        return FV_ERR_NO_MEMORY;
    memcpy(sorted, names->name, (size_t)names->count * sizeof *sorted);
    qsort(sorted, (size_t)names->count, sizeof *sorted, by_loose_text);
    fv_status status = FV_OK;
    for (int64_t i = 1; i < names->count && status == FV_OK; i++) {
        if (loosely(sorted[i - 1], sorted[i]) == 0)
            status = fv_fail_hint(m->ctx,
                                  fv_fail(m->ctx, FV_ERR_DATA_CLASSES,
                                          "%s: classes '%s' and '%s' differ by letter case or blanks only", m->path,
                                          sorted[i - 1], sorted[i]),
                                  "write them in one way");
    }
    fv_free(m->ctx, (void *)sorted);
    return status;
}

static int64_t find_sorted(const fv_names *names, const char *name)
{
    const char *const *at = bsearch(&name, names->name, (size_t)names->count, sizeof *names->name, by_text);
    return at ? at - names->name : -1;
}

/* A class with one sample whose name is nearly that of a large one was probably meant to be it. */
static fv_status warn_typos(const fv_manifest *m, const fv_names *names, const int32_t *labels, int64_t count)
{
    if (m->kind != FV_LABEL_CLASS || names->count < 2 || names->count > 1000)
        return FV_OK;
    int64_t *counts = fv_calloc(m->ctx, (size_t)names->count, sizeof *counts);
    const char **large = fv_calloc(m->ctx, (size_t)names->count + 1, sizeof *large);
    int64_t n = 0;
    for (int64_t i = 0; counts && large && i < count; i++)
        counts[labels[i]]++;
    for (int64_t k = 0; counts && large && k < names->count; k++) {
        if (counts[k] >= 10)
            large[n++] = names->name[k];
    }
    for (int64_t k = 0; counts && large && k < names->count; k++) {
        const char *near = counts[k] == 1 && strlen(names->name[k]) > 2 ? fv_text_nearest(names->name[k], large) : NULL;
        if (near)
            fv_log(m->ctx, FV_LOG_WARN, "data", "%s: class '%s' has one sample: is it a misspelt '%s'?", m->path,
                   names->name[k], near);
    }
    const fv_status status = counts && large ? FV_OK : FV_ERR_NO_MEMORY;
    fv_free(m->ctx, counts);
    fv_free(m->ctx, (void *)large);
    return status;
}

/* ---- opening ---- */

typedef struct target_row {
    const fv_names *names;
    float *target;
    int32_t first;
} target_row;

static void set_target(void *arg, const char *name)
{
    target_row *t = arg;
    const int64_t k = find_sorted(t->names, name);
    if (k < 0)
        return;
    if (t->first < 0)
        t->first = (int32_t)k;
    if (t->target)
        t->target[k] = 1.0f;
}

/* Takes the rows of the split. */
static void take_rows(manifest_source *s, const fv_manifest *m, fv_split split, char *word)
{
    fv_source *base = &s->base;
    int64_t n = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const fv_manifest_row *row = &m->rows[i];
        if (row->split != split)
            continue;
        target_row t = {&base->classes, base->targets ? base->targets + n * base->classes.count : NULL, -1};
        if (m->kind == FV_LABEL_VALUES)
            memcpy(t.target, m->values + row->first_value, (size_t)m->n_targets * sizeof(float));
        else
            each_class(m, row->label, word, set_target, &t);
        base->labels[n] = t.first < 0 ? 0 : t.first;
        if (base->weights)
            base->weights[n] = row->weight;
        if (base->groups)
            base->groups[n] = row->group;
        s->path[n++] = row->path;
    }
    base->count = n;
}

static fv_status alloc_rows(manifest_source *s, const fv_manifest *m, fv_split split)
{
    fv_source *base = &s->base;
    fv_ctx *ctx = base->ctx;
    int64_t n = 0, numbers = 0;
    for (int64_t i = 0; i < m->n_rows; i++)
        n += m->rows[i].split == split;
    if (n == 0)
        return fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: no line of split '%s'", m->path, fv_split_name(split));
    if (!fv_size_mul(n, base->classes.count, &numbers))
        return fv_fail_memory(ctx, SIZE_MAX, m->path);
    s->path = fv_malloc(ctx, (size_t)n * sizeof *s->path);
    base->labels = fv_malloc(ctx, (size_t)n * sizeof *base->labels);
    base->targets = m->kind == FV_LABEL_CLASS ? NULL : fv_calloc(ctx, (size_t)numbers, sizeof *base->targets);
    base->weights = m->has_weights ? fv_malloc(ctx, (size_t)n * sizeof *base->weights) : NULL;
    base->groups = m->has_groups ? fv_malloc(ctx, (size_t)n * sizeof *base->groups) : NULL;
    return s->path && base->labels && (base->targets || m->kind == FV_LABEL_CLASS) &&
                   (base->weights || !m->has_weights) && (base->groups || !m->has_groups)
               ? FV_OK
               : FV_ERR_NO_MEMORY;
}

/* classes.txt beside the manifest numbers the labels, else the train split's classes do. */
static fv_status find_classes(manifest_source *s, const fv_manifest *m, fv_split split, char *word)
{
    fv_source *base = &s->base;
    if (m->kind == FV_LABEL_VALUES) {
        base->classes = base->train = (fv_names){m->target_names, m->n_targets};
        return FV_OK;
    }
    fv_names all = {0};
    FV_TRY(collect_classes(m, base->arena, FV_SPLIT_COUNT, word, &all));
    FV_TRY(check_alike(m, &all));
    FV_TRY(collect_classes(m, base->arena, split, word, &base->classes));
    char *file = fv_path_join(base->ctx, s->root, "classes.txt");
    if (!file)
        return FV_ERR_NO_MEMORY;
    const bool listed = fv_path_exists(file) && !fv_path_is_dir(file);
    fv_status status = listed ? fv_names_read(base->arena, base->ctx, file, &base->train) : FV_OK;
    fv_free(base->ctx, file);
    if (status != FV_OK || listed)
        return status;
    if (split != FV_SPLIT_TRAIN && m->any_split[FV_SPLIT_TRAIN])
        return collect_classes(m, base->arena, FV_SPLIT_TRAIN, word, &base->train);
    base->train = base->classes;
    return FV_OK;
}

static fv_status fill(manifest_source *s, const fv_manifest *m, fv_split split)
{
    fv_source *base = &s->base;
    size_t longest = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const size_t n = m->rows[i].label ? strlen(m->rows[i].label) : 0;
        longest = n > longest ? n : longest;
    }
    char *word = fv_malloc(base->ctx, longest + 1);
    base->kind = m->kind;
    base->c = 3;
    fv_status status = word ? find_classes(s, m, split, word) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = alloc_rows(s, m, split);
    if (status == FV_OK) {
        take_rows(s, m, split, word);
        status = warn_typos(m, &base->classes, base->labels, base->count);
    }
    fv_free(base->ctx, word);
    return status;
}

static fv_status manifest_open(fv_ctx *ctx, const char *path, fv_split split, const fv_dataset_options *options,
                               fv_source **source)
{
    manifest_source *s = (manifest_source *)fv_source_new(ctx, sizeof *s, &manifest_ops);
    if (!s)
        return FV_ERR_NO_MEMORY;
    fv_manifest m = {.ctx = ctx};
    char *file = NULL;
    fv_status status = find_file(ctx, path, &file);
    if (status == FV_OK) {
        const char *slash = strrchr(file, '/');
        s->root = !slash ? fv_arena_strdup(s->base.arena, ".")
                         : fv_arena_printf(s->base.arena, "%.*s", slash == file ? 1 : (int)(slash - file), file);
        status = s->root ? fv_manifest_read(ctx, s->base.arena, file, options->task, s->root, &m) : FV_ERR_NO_MEMORY;
    }
    if (status == FV_OK)
        status = fill(s, &m, split);
    fv_manifest_free(&m);
    fv_free(ctx, file);
    if (status != FV_OK) {
        fv_source_destroy((fv_source **)&s);
        return status;
    }
    *source = &s->base;
    return FV_OK;
}

const fv_source_type fv_source_manifest = {
    .name = "manifest", .probe = manifest_probe, .has_split = manifest_has_split, .open = manifest_open};
