/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CIFAR-10 and CIFAR-100 binary files, plain or gzip: records of 1 label byte (CIFAR-100: 2, coarse and fine; the fine
 * one is used) and 3,072 bytes, the planes R, G, B of 32 x 32 pixels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/source/source.h"

#define SIDE   32
#define PIXELS (SIDE * SIDE)
#define BYTES  (3 * PIXELS)

typedef struct cifar_kind {
    const char *names_file;
    int64_t label_bytes, classes;
    /* Files are PREFIX*.bin[.gz]. */
    const char *prefix[FV_SPLIT_COUNT];
    bool exact; /* nothing between prefix and .bin */
} cifar_kind;

static const cifar_kind kinds[] = {
    {"batches.meta.txt", 1, 10, {"data_batch", NULL, "test_batch"}, false},
    {"fine_label_names.txt", 2, 100, {"train", NULL, "test"}, true},
};

typedef struct cifar_source {
    fv_source base;
    uint8_t *pixels;
    /* Files in order, and the first sample of each. */
    const char **file;
    int64_t *first;
    int64_t n_files;
} cifar_source;

static bool is_file_of(const cifar_kind *kind, fv_split split, const char *name)
{
    const char *prefix = kind->prefix[split];
    if (!prefix || strncmp(name, prefix, strlen(prefix)) != 0)
        return false;
    const char *rest = name + strlen(prefix);
    size_t n = strlen(rest);
    if (n >= 3 && strcmp(rest + n - 3, ".gz") == 0)
        n -= 3;
    return n >= 4 && memcmp(rest + n - 4, ".bin", 4) == 0 && (!kind->exact || n == 4);
}

static const cifar_kind *kind_of(const char *const *names, int64_t count)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (int64_t i = 0; i < count; i++) {
            if (is_file_of(&kinds[k], FV_SPLIT_TRAIN, names[i]) || is_file_of(&kinds[k], FV_SPLIT_TEST, names[i]))
                return &kinds[k];
        }
    }
    return NULL;
}

static fv_status cifar_probe(fv_ctx *ctx, const fv_location *place, bool *yes)
{
    (void)ctx;
    *yes = kind_of(place->names, place->count) != NULL;
    return FV_OK;
}

static fv_status cifar_has_split(fv_ctx *ctx, const char *path, fv_split split, bool *has)
{
    char **names = NULL;
    int64_t count = 0;
    FV_TRY(fv_path_list(ctx, path, &names, &count));
    const cifar_kind *kind = kind_of((const char *const *)names, count);
    *has = false;
    for (int64_t i = 0; kind && i < count; i++)
        *has |= is_file_of(kind, split, names[i]);
    fv_free(ctx, names);
    return FV_OK;
}

static void cifar_destroy(fv_source *base)
{
    cifar_source *s = (cifar_source *)base;
    fv_free(base->ctx, s->pixels);
    fv_free(base->ctx, base->labels);
}

static void cifar_name(const fv_source *base, int64_t i, char *text, size_t size)
{
    const cifar_source *s = (const cifar_source *)base;
    int64_t f = s->n_files - 1;
    while (f > 0 && s->first[f] > i)
        f--;
    snprintf(text, size, "%s[%lld]", s->file[f], (long long)(i - s->first[f]));
}

static uint64_t cifar_key(const fv_source *base, int64_t i)
{
    (void)base;
    return (uint64_t)i;
}

static int64_t cifar_bytes(const fv_source *base, int64_t i)
{
    (void)base;
    (void)i;
    return BYTES;
}

static const fv_source_ops cifar_ops = {
    .destroy = cifar_destroy, .name = cifar_name, .key = cifar_key, .bytes = cifar_bytes};

/* Appends a file's records. */
static fv_status add_records(cifar_source *s, const cifar_kind *kind, const char *path, const uint8_t *data,
                             int64_t size)
{
    fv_source *base = &s->base;
    const int64_t record = kind->label_bytes + BYTES, n = size / record, had = base->count;
    if (size % record != 0)
        return fv_fail(base->ctx, FV_ERR_DATA_TRUNCATED,
                       "%s: truncated at byte %lld: not a multiple of a record's "
                       "%lld bytes, record %lld is not complete",
                       path, (long long)size, (long long)record, (long long)n);
    int64_t bytes = 0;
    if (!fv_size_mul(had + n, BYTES, &bytes))
        return fv_fail_memory(base->ctx, SIZE_MAX, path);
    uint8_t *pixels = fv_realloc(base->ctx, s->pixels, (size_t)bytes);
    if (!pixels)
        return FV_ERR_NO_MEMORY;
    base->pixels = s->pixels = pixels;
    int32_t *labels = fv_realloc(base->ctx, base->labels, (size_t)(had + n) * sizeof *labels);
    if (!labels)
        return FV_ERR_NO_MEMORY;
    base->labels = labels;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *src = data + i * record + kind->label_bytes;
        uint8_t *dst = pixels + (had + i) * BYTES;
        if (src[-1] >= kind->classes)
            return fv_fail(base->ctx, FV_ERR_DATA_FORMAT, "%s: byte %lld: label %d of record %lld, expected 0 to %lld",
                           path, (long long)(i * record + kind->label_bytes - 1), src[-1], (long long)i,
                           (long long)kind->classes - 1);
        labels[had + i] = src[-1];
        for (int p = 0; p < PIXELS; p++) {
            dst[3 * p] = src[p];
            dst[3 * p + 1] = src[PIXELS + p];
            dst[3 * p + 2] = src[2 * PIXELS + p];
        }
    }
    base->count = had + n;
    return FV_OK;
}

static fv_status add_file(cifar_source *s, const cifar_kind *kind, const char *dir, const char *name)
{
    fv_ctx *ctx = s->base.ctx;
    uint8_t *data = NULL;
    int64_t size = 0;
    char *path = fv_path_join(ctx, dir, name);
    if (!path)
        return FV_ERR_NO_MEMORY;
    s->first[s->n_files] = s->base.count;
    s->file[s->n_files] = fv_arena_strdup(s->base.arena, name);
    fv_status status =
        s->file[s->n_files] ? fv_file_read(ctx, path, fv_ctx_memory_limit(ctx), true, &data, &size) : FV_ERR_NO_MEMORY;
    s->n_files++;
    if (status == FV_OK)
        status = add_records(s, kind, path, data, size);
    fv_free(ctx, data);
    fv_free(ctx, path);
    return status;
}

/* The number that ends a file's stem, so that data_batch_10 comes after data_batch_2. */
static long number_of(const char *name)
{
    const char *dot = strstr(name, ".bin");
    const char *at = dot;
    while (at && at > name && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return at && at < dot ? strtol(at, NULL, 10) : -1;
}

static int by_number(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    long i = number_of(x), j = number_of(y);
    return i != j ? (i < j ? -1 : 1) : strcmp(x, y);
}

static fv_status load_files(cifar_source *s, const char *path, fv_split split, char **names, int64_t count,
                            const cifar_kind *kind)
{
    fv_source *base = &s->base;
    s->file = fv_arena_alloc(base->arena, (size_t)count * sizeof *s->file);
    s->first = fv_arena_alloc(base->arena, (size_t)count * sizeof *s->first);
    if (!s->file || !s->first)
        return FV_ERR_NO_MEMORY;
    qsort(names, (size_t)count, sizeof *names, by_number);
    for (int64_t i = 0; i < count; i++) {
        if (is_file_of(kind, split, names[i]))
            FV_TRY(add_file(s, kind, path, names[i]));
    }
    if (s->n_files == 0)
        return fv_fail(base->ctx, FV_ERR_NOT_FOUND, "%s: no file of split '%s'", path, fv_split_name(split));
    if (base->count == 0)
        return fv_fail(base->ctx, FV_ERR_DATA_EMPTY, "%s/%s: no records", path, s->file[0]);
    return FV_OK;
}

static fv_status load_classes(fv_source *base, const char *dir, const cifar_kind *kind)
{
    fv_ctx *ctx = base->ctx;
    char *file = fv_path_join(ctx, dir, kind->names_file);
    if (!file)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_path_exists(file) ? fv_names_read(base->arena, ctx, file, &base->train)
                                            : fv_names_numbers(base->arena, kind->classes, &base->train);
    if (status == FV_OK && base->train.count != kind->classes)
        status = fv_fail(ctx, FV_ERR_DATA_CLASSES, "%s: %lld names, expected %lld", file, (long long)base->train.count,
                         (long long)kind->classes);
    base->classes = base->train;
    fv_free(ctx, file);
    return status;
}

static fv_status cifar_open(fv_ctx *ctx, const char *path, fv_split split, const fv_dataset_options *options,
                            fv_source **source)
{
    (void)options;
    cifar_source *s = (cifar_source *)fv_source_new(ctx, sizeof *s, &cifar_ops);
    if (!s)
        return FV_ERR_NO_MEMORY;
    s->base.h = s->base.w = SIDE;
    s->base.c = 3;
    char **names = NULL;
    int64_t count = 0;
    fv_status status = fv_path_list(ctx, path, &names, &count);
    const cifar_kind *kind = status == FV_OK ? kind_of((const char *const *)names, count) : NULL;
    if (status == FV_OK && !kind)
        status = fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: the CIFAR files have vanished", path);
    if (status == FV_OK)
        status = load_files(s, path, split, names, count, kind);
    if (status == FV_OK)
        status = load_classes(&s->base, path, kind);
    fv_free(ctx, names);
    if (status != FV_OK) {
        fv_source_destroy((fv_source **)&s);
        return status;
    }
    *source = &s->base;
    return FV_OK;
}

const fv_source_type fv_source_cifar = {
    .name = "cifar", .probe = cifar_probe, .has_split = cifar_has_split, .open = cifar_open};
