/* SPDX-License-Identifier: Apache-2.0 */
/* From the rows of a manifest to a source's classes, labels, targets, weights and groups. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/source/manifest.h"

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
        const size_t n = m->kind == FV_TASK_MULTILABEL ? strcspn(at, "|") : strlen(at);
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
    if (c->count > 0)
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
    if (c->sorted > 0 && bsearch(&name, c->list, (size_t)c->sorted, sizeof *c->list, by_text))
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

/* "Cat" beside "cat " is one class written in two ways. */
static fv_status check_alike(const fv_manifest *m, const fv_names *names)
{
    fv_names_pair pair;
    FV_TRY(fv_names_alike(m->ctx, names, &pair));
    if (pair.a) {
        fv_status status = fv_fail_hint(m->ctx,
                                        fv_fail(m->ctx, FV_ERR_DATA_CLASSES,
                                                "%s: classes '%s' and '%s' differ by letter case or blanks only%s",
                                                m->path, pair.a, pair.b, pair.unseen),
                                        "write them in one way");
        fv_names_pair_free(m->ctx, &pair);
        return status;
    }
    FV_TRY(fv_names_resemble(m->ctx, names, &pair));
    if (pair.a)
        fv_log(m->ctx, FV_LOG_WARN, "data", "%s: classes '%s' and '%s' look alike: are they one class?", m->path,
               pair.a, pair.b);
    fv_names_pair_free(m->ctx, &pair);
    return FV_OK;
}

static int64_t find_sorted(const fv_names *names, const char *name)
{
    const char *const *at = bsearch(&name, names->name, (size_t)names->count, sizeof *names->name, by_text);
    return at ? at - names->name : -1;
}

/* A class with one sample whose name is nearly that of a large one was probably meant to be it. */
static fv_status warn_typos(const fv_manifest *m, const fv_names *names, const int32_t *labels, int64_t count)
{
    if (m->kind != FV_TASK_CLASSIFY || names->count < 2 || names->count > 1000)
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
static void take_rows(fv_source *base, const fv_manifest *m, fv_split split, char *word, int64_t *taken)
{
    int64_t n = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const fv_manifest_row *row = &m->rows[i];
        if (row->split != split)
            continue;
        target_row t = {&base->classes, base->targets ? base->targets + n * base->classes.count : NULL, -1};
        if (m->kind == FV_TASK_REGRESS)
            memcpy(t.target, m->values + row->first_value, (size_t)m->n_targets * sizeof(float));
        else if (m->indices)
            t.first = (int32_t)strtol(row->label, NULL, 10);
        else
            each_class(m, row->label, word, set_target, &t);
        base->labels[n] = t.first < 0 ? 0 : t.first;
        if (base->weights)
            base->weights[n] = row->weight;
        if (base->groups)
            base->groups[n] = row->group;
        if (base->group_names)
            base->group_names[n] = row->group_name;
        taken[n++] = i;
    }
    base->count = n;
}

static fv_status alloc_rows(fv_source *base, const fv_manifest *m, fv_split split, int64_t **taken)
{
    fv_ctx *ctx = base->ctx;
    int64_t n = 0, numbers = 0;
    for (int64_t i = 0; i < m->n_rows; i++)
        n += m->rows[i].split == split;
    if (n == 0)
        return fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: no sample of split '%s'", m->path, fv_split_name(split));
    if (!fv_size_mul(n, base->classes.count, &numbers))
        return fv_fail_memory(ctx, SIZE_MAX, m->path);
    *taken = fv_malloc(ctx, (size_t)n * sizeof **taken);
    base->labels = fv_malloc(ctx, (size_t)n * sizeof *base->labels);
    base->targets = m->kind == FV_TASK_CLASSIFY ? NULL : fv_calloc(ctx, (size_t)numbers, sizeof *base->targets);
    base->weights = m->has_weights ? fv_malloc(ctx, (size_t)n * sizeof *base->weights) : NULL;
    base->groups = m->has_groups ? fv_malloc(ctx, (size_t)n * sizeof *base->groups) : NULL;
    base->group_names = m->has_groups ? fv_malloc(ctx, (size_t)n * sizeof *base->group_names) : NULL;
    return *taken && base->labels && (base->targets || m->kind == FV_TASK_CLASSIFY) &&
                   (base->weights || !m->has_weights) && ((base->groups && base->group_names) || !m->has_groups)
               ? FV_OK
               : FV_ERR_NO_MEMORY;
}

/* The lines of root/classes.txt; none: an empty list. */
static fv_status read_list(fv_source *base, const char *root, fv_names *names)
{
    *names = (fv_names){0};
    char *file = fv_path_join(base->ctx, root, "classes.txt");
    if (!file)
        return FV_ERR_NO_MEMORY;
    const bool listed = fv_path_exists(file) && !fv_path_is_dir(file);
    const fv_status status = listed ? fv_names_read(base->arena, base->ctx, file, names) : FV_OK;
    fv_free(base->ctx, file);
    return status;
}

/* Labels that are indices: named by the list, or by their numbers. */
static fv_status number_classes(fv_source *base, const fv_manifest *m, const fv_names *listed)
{
    int64_t classes = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const int64_t label = strtol(m->rows[i].label, NULL, 10);
        classes = label >= classes ? label + 1 : classes;
    }
    if (classes > FV_CLASSES_MAX)
        return fv_fail_hint(base->ctx,
                            fv_fail(base->ctx, FV_ERR_DATA_CLASSES, "%s: a label is %lld, expected a class below %d",
                                    m->path, (long long)classes - 1, FV_CLASSES_MAX),
                            "number the classes 0, 1, 2, ..., or give their names as labels");
    if (listed->count > 0 && listed->count < classes)
        return fv_fail(base->ctx, FV_ERR_DATA_CLASSES, "%s: classes.txt has %lld names, but the labels go up to %lld",
                       m->path, (long long)listed->count, (long long)classes - 1);
    if (listed->count > 0)
        base->train = *listed;
    else
        FV_TRY(fv_names_numbers(base->arena, classes, &base->train));
    base->classes = base->train;
    return FV_OK;
}

/* The list numbers the labels, else the train split's classes do. */
static fv_status find_classes(fv_source *base, const fv_manifest *m, fv_split split, const char *root, char *word)
{
    fv_names all = {0}, listed = {0};
    if (m->kind == FV_TASK_REGRESS) {
        base->classes = base->train = (fv_names){m->target_names, m->n_targets};
        return FV_OK;
    }
    FV_TRY(read_list(base, root, &listed));
    if (m->indices)
        return number_classes(base, m, &listed);
    FV_TRY(collect_classes(m, base->arena, FV_SPLIT_COUNT, word, &all));
    FV_TRY(check_alike(m, &all));
    FV_TRY(collect_classes(m, base->arena, split, word, &base->classes));
    base->train = listed.count > 0 ? listed : base->classes;
    if (listed.count == 0 && split != FV_SPLIT_TRAIN && m->any_split[FV_SPLIT_TRAIN])
        return collect_classes(m, base->arena, FV_SPLIT_TRAIN, word, &base->train);
    return FV_OK;
}

fv_status fv_manifest_fill(fv_source *base, const fv_manifest *m, fv_split split, const char *root, int64_t **taken)
{
    size_t longest = 0;
    *taken = NULL;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const size_t n = m->rows[i].label ? strlen(m->rows[i].label) : 0;
        longest = n > longest ? n : longest;
    }
    char *word = fv_malloc(base->ctx, longest + 1);
    base->kind = m->kind;
    base->c = 3;
    fv_status status = word ? find_classes(base, m, split, root, word) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = alloc_rows(base, m, split, taken);
    if (status == FV_OK) {
        take_rows(base, m, split, word, *taken);
        if (!m->indices)
            status = warn_typos(m, &base->classes, base->labels, base->count);
    }
    fv_free(base->ctx, word);
    if (status != FV_OK) {
        fv_free(base->ctx, *taken);
        *taken = NULL;
    }
    return status;
}

void fv_manifest_unfill(fv_source *base)
{
    fv_free(base->ctx, base->labels);
    fv_free(base->ctx, base->targets);
    fv_free(base->ctx, base->weights);
    fv_free(base->ctx, base->groups);
    fv_free(base->ctx, (void *)base->group_names);
}
