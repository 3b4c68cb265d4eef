/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IDX files, as MNIST comes in: big-endian magic 0x0000080D (unsigned bytes, D dimensions), the dimensions as uint32,
 * then the bytes. Images n x h x w or n x h x w x c, labels n. Plain or gzip.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/source/source.h"

typedef struct idx_source {
    fv_source base;
    uint8_t *file; /* the image file as it is; pixels point into it */
    const char *images_name;
} idx_source;

/* The content of one file, checked. */
typedef struct idx_file {
    uint8_t *data;
    const uint8_t *values;
    int64_t dims[4];
    int n_dims;
} idx_file;

static const struct {
    const char *prefix;
    fv_split split;
} prefixes[] = {{"train", FV_SPLIT_TRAIN},    {"training", FV_SPLIT_TRAIN}, {"t10k", FV_SPLIT_TEST},
                {"test", FV_SPLIT_TEST},      {"val", FV_SPLIT_VAL},        {"valid", FV_SPLIT_VAL},
                {"validation", FV_SPLIT_VAL}, {"eval", FV_SPLIT_VAL}};
static const char *const image_suffixes[] = {"-images-idx3-ubyte", "-images.idx3-ubyte", "-images-idx4-ubyte",
                                             "-images.idx4-ubyte"};
static const char *const label_suffixes[] = {"-labels-idx1-ubyte", "-labels.idx1-ubyte"};
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Which split a file holds the images (or labels) of; -1 when it is no such file. */
static int split_of(const char *name, const char *const *suffixes, size_t n_suffixes)
{
    for (size_t p = 0; p < COUNT(prefixes); p++) {
        size_t n = strlen(prefixes[p].prefix);
        if (strncmp(name, prefixes[p].prefix, n) != 0)
            continue;
        for (size_t s = 0; s < n_suffixes; s++) {
            size_t m = strlen(suffixes[s]);
            if (strncmp(name + n, suffixes[s], m) == 0 && (name[n + m] == '\0' || strcmp(name + n + m, ".gz") == 0))
                return (int)prefixes[p].split;
        }
    }
    return -1;
}

static fv_status idx_probe(fv_ctx *ctx, const fv_location *place, bool *yes)
{
    (void)ctx;
    for (int64_t i = 0; i < place->count; i++)
        *yes |= split_of(place->names[i], image_suffixes, COUNT(image_suffixes)) >= 0;
    return FV_OK;
}

/* Path of the file with a split's images or labels; *path is NULL when there is none. */
static fv_status find_file(fv_ctx *ctx, const char *dir, fv_split split, bool labels, char **path)
{
    char **names = NULL;
    int64_t count = 0;
    *path = NULL;
    FV_TRY(fv_path_list(ctx, dir, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && !*path && status == FV_OK; i++) {
        int found = labels ? split_of(names[i], label_suffixes, COUNT(label_suffixes))
                           : split_of(names[i], image_suffixes, COUNT(image_suffixes));
        if (found != (int)split)
            continue;
        *path = fv_path_join(ctx, dir, names[i]);
        status = *path ? FV_OK : FV_ERR_NO_MEMORY;
    }
    fv_free(ctx, names);
    return status;
}

static fv_status idx_has_split(fv_ctx *ctx, const char *path, fv_split split, bool *has)
{
    char *file = NULL;
    FV_TRY(find_file(ctx, path, split, false, &file));
    if (!file) /* labels alone are a split that has lost its images: opening it will say so */
        FV_TRY(find_file(ctx, path, split, true, &file));
    *has = file != NULL;
    fv_free(ctx, file);
    return FV_OK;
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static fv_status parse(fv_ctx *ctx, const char *path, int min_dims, int max_dims, int64_t size, idx_file *file)
{
    if (size < 4)
        return fv_fail(ctx, FV_ERR_DATA_TRUNCATED, "%s: truncated at byte %lld: the magic number needs 4 bytes", path,
                       (long long)size);
    const uint32_t magic = read_u32(file->data);
    file->n_dims = (int)(magic & 0xFF);
    if (magic >> 8 != 0x08 || file->n_dims < min_dims || file->n_dims > max_dims)
        return fv_fail(ctx, FV_ERR_DATA_FORMAT,
                       "%s: byte 0: magic number 0x%08x, expected 0x%08x (IDX, unsigned "
                       "bytes, %d dimension%s)",
                       path, magic, 0x800u + (unsigned)min_dims, min_dims, min_dims > 1 ? "s" : "");
    int64_t want = 1, header = 4 + 4 * file->n_dims;
    if (size < header)
        return fv_fail(ctx, FV_ERR_DATA_TRUNCATED, "%s: truncated at byte %lld: the header has %lld bytes", path,
                       (long long)size, (long long)header);
    for (int i = 0; i < file->n_dims; i++) {
        file->dims[i] = read_u32(file->data + 4 + 4 * i);
        if (!fv_size_mul(want, file->dims[i], &want) || want > INT64_MAX / 4)
            return fv_fail(ctx, FV_ERR_DATA_FORMAT,
                           "%s: byte %d: dimension %d is %lld: more bytes than a file can "
                           "have",
                           path, 4 + 4 * i, i, (long long)file->dims[i]);
    }
    if (size - header < want)
        return fv_fail(ctx, FV_ERR_DATA_TRUNCATED,
                       "%s: truncated at byte %lld: the header promises %lld items, "
                       "%lld bytes in all",
                       path, (long long)size, (long long)file->dims[0], (long long)(header + want));
    if (size - header > want)
        return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: byte %lld: %lld bytes more than the header's %lld items", path,
                       (long long)(header + want), (long long)(size - header - want), (long long)file->dims[0]);
    file->values = file->data + header;
    return FV_OK;
}

static fv_status read_idx(fv_ctx *ctx, const char *path, int min_dims, int max_dims, idx_file *file)
{
    int64_t size = 0;
    *file = (idx_file){0};
    FV_TRY(fv_file_read(ctx, path, fv_ctx_memory_limit(ctx), true, &file->data, &size));
    fv_status status = parse(ctx, path, min_dims, max_dims, size, file);
    if (status != FV_OK) {
        fv_free(ctx, file->data);
        file->data = NULL;
    }
    return status;
}

/* Largest label of a split + 1, 0 when the split is absent; labels to *out unless NULL. */
static fv_status read_labels(fv_ctx *ctx, const char *dir, fv_split split, int64_t expected, int32_t *out,
                             int64_t *classes)
{
    char *path = NULL;
    *classes = 0;
    FV_TRY(find_file(ctx, dir, split, true, &path));
    if (!path)
        return out ? fv_fail(ctx, FV_ERR_NOT_FOUND,
                             "%s: no label file for split '%s' (expected "
                             "train-labels-idx1-ubyte[.gz] or t10k-labels-idx1-ubyte[.gz])",
                             dir, fv_split_name(split))
                   : FV_OK;
    idx_file file;
    fv_status status = read_idx(ctx, path, 1, 1, &file);
    if (status == FV_OK && out && file.dims[0] != expected)
        status = fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: byte 4: %lld labels, but there are %lld images", path,
                         (long long)file.dims[0], (long long)expected);
    for (int64_t i = 0; status == FV_OK && i < file.dims[0]; i++) {
        *classes = file.values[i] >= *classes ? file.values[i] + 1 : *classes;
        if (out)
            out[i] = file.values[i];
    }
    fv_free(ctx, file.data);
    fv_free(ctx, path);
    return status;
}

static void idx_destroy(fv_source *base)
{
    idx_source *s = (idx_source *)base;
    fv_free(base->ctx, s->file);
    fv_free(base->ctx, base->labels);
}

static void idx_name(const fv_source *base, int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%s[%lld]", ((const idx_source *)base)->images_name, (long long)i);
}

static uint64_t idx_key(const fv_source *base, int64_t i)
{
    (void)base;
    return (uint64_t)i;
}

static int64_t idx_bytes(const fv_source *base, int64_t i)
{
    (void)i;
    return base->h * base->w * base->c;
}

static const fv_source_ops idx_ops = {.destroy = idx_destroy, .name = idx_name, .key = idx_key, .bytes = idx_bytes};

static fv_status load_images(idx_source *s, const char *path, int64_t limit_c)
{
    fv_source *base = &s->base;
    idx_file file;
    FV_TRY(read_idx(base->ctx, path, 3, 4, &file));
    s->file = file.data;
    base->pixels = file.values;
    base->count = file.dims[0];
    base->h = file.dims[1];
    base->w = file.dims[2];
    base->c = file.n_dims == 4 ? file.dims[3] : 1;
    if (base->count == 0)
        return fv_fail(base->ctx, FV_ERR_DATA_EMPTY, "%s: the header says 0 images", path);
    if (base->h < 1 || base->w < 1 || (base->c != 1 && base->c != limit_c))
        return fv_fail(base->ctx, FV_ERR_DATA_FORMAT,
                       "%s: byte 8: images of %lld x %lld x %lld, expected at least 1 x "
                       "1 pixels and 1 or 3 channels",
                       path, (long long)base->h, (long long)base->w, (long long)base->c);
    const char *slash = strrchr(path, '/');
    s->images_name = fv_arena_strdup(base->arena, slash ? slash + 1 : path);
    base->labels = fv_malloc(base->ctx, (size_t)base->count * sizeof(int32_t));
    return s->images_name && base->labels ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status load_classes(fv_source *base, const char *dir, int64_t count)
{
    fv_ctx *ctx = base->ctx;
    char *file = fv_path_join(ctx, dir, "classes.txt");
    if (!file)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_path_exists(file) ? fv_names_read(base->arena, ctx, file, &base->train)
                                            : fv_names_numbers(base->arena, count, &base->train);
    if (status == FV_OK && base->train.count < count)
        status = fv_fail(ctx, FV_ERR_DATA_CLASSES, "%s: %lld names, but the labels go up to %lld", file,
                         (long long)base->train.count, (long long)count - 1);
    base->classes = base->train;
    fv_free(ctx, file);
    return status;
}

static fv_status idx_open(fv_ctx *ctx, const char *path, fv_split split, const fv_dataset_options *options,
                          fv_source **source)
{
    (void)options;
    idx_source *s = (idx_source *)fv_source_new(ctx, sizeof *s, &idx_ops);
    if (!s)
        return FV_ERR_NO_MEMORY;
    fv_source *base = &s->base;
    char *file = NULL;
    int64_t classes = 0, others = 0;
    fv_status status = find_file(ctx, path, split, false, &file);
    if (status == FV_OK && !file)
        status = fv_fail_hint(
            ctx, fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: no image file of split '%s'", path, fv_split_name(split)),
            "expected %s-images-idx3-ubyte[.gz]; without this split, remove its labels too",
            split == FV_SPLIT_TEST ? "t10k" : fv_split_name(split));
    if (status == FV_OK)
        status = load_images(s, file, 3);
    if (status == FV_OK)
        status = read_labels(ctx, path, split, base->count, base->labels, &classes);
    if (status == FV_OK && split != FV_SPLIT_TRAIN)
        status = read_labels(ctx, path, FV_SPLIT_TRAIN, 0, NULL, &others);
    if (status == FV_OK)
        status = load_classes(base, path, classes > others ? classes : others);
    fv_free(ctx, file);
    if (status != FV_OK) {
        fv_source_destroy((fv_source **)&s);
        return status;
    }
    *source = base;
    return FV_OK;
}

const fv_source_type fv_source_idx = {.name = "idx", .probe = idx_probe, .has_split = idx_has_split, .open = idx_open};
