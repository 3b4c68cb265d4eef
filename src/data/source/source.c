/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sources, and what they share. */
#include "data/source/source.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"

static const fv_source_type *const types[] = {
#define FV_SOURCE(name) &fv_source_##name,
#include "data/source/sources.def"
#undef FV_SOURCE
};

static const struct {
    const char *name;
    fv_split split;
} splits[] = {
    {"train", FV_SPLIT_TRAIN},    {"training", FV_SPLIT_TRAIN}, {"val", FV_SPLIT_VAL},
    {"valid", FV_SPLIT_VAL},      {"validation", FV_SPLIT_VAL}, {"eval", FV_SPLIT_VAL},
    {"evaluation", FV_SPLIT_VAL}, {"test", FV_SPLIT_TEST},      {"testing", FV_SPLIT_TEST},
};

int fv_split_parse(const char *name)
{
    if (!name)
        return FV_SPLIT_TRAIN;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        if (strcmp(splits[i].name, name) == 0)
            return (int)splits[i].split;
    }
    return -1;
}

const char *fv_split_name(fv_split split)
{
    static const char *const names[FV_SPLIT_COUNT] = {"train", "val", "test"};
    return names[split];
}

fv_status fv_source_find(fv_ctx *ctx, const char *path, const fv_source_type **type)
{
    if (!fv_path_exists(path))
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: no such folder", path),
                            "check --data; the path is taken relative to the current folder");
    if (!fv_path_is_dir(path))
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_DATA, "%s: a file, expected the folder of a data set", path),
                            "give the folder that the file is in");
    char **names = NULL;
    int64_t count = 0;
    FV_TRY(fv_path_list(ctx, path, &names, &count));
    *type = NULL;
    fv_status status = FV_OK;
    for (size_t i = 0; i < sizeof types / sizeof *types && !*type && status == FV_OK; i++) {
        bool yes = false;
        status = types[i]->probe(ctx, path, (const char *const *)names, count, &yes);
        if (yes)
            *type = types[i];
    }
    fv_free(ctx, names);
    if (*type || status != FV_OK)
        return status;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_DATA_EMPTY,
                                "%s: no data set here: found %lld entries, none of them an IDX "
                                "or CIFAR file or a folder",
                                path, (long long)count),
                        "expected train/CLASS/*.jpg or CLASS/*.jpg, IDX files (train-images-idx3-ubyte[.gz]) or CIFAR "
                        "files (data_batch_1.bin[.gz])");
}

fv_source *fv_source_new(fv_ctx *ctx, size_t size, const fv_source_ops *ops)
{
    fv_source *source = fv_calloc(ctx, 1, size);
    if (!source)
        return NULL;
    source->ctx = ctx;
    source->ops = ops;
    if (fv_arena_create(ctx, &source->arena) != FV_OK)
        fv_source_destroy(&source);
    return source;
}

void fv_source_destroy(fv_source **source)
{
    if (!source || !*source)
        return;
    fv_source *s = *source;
    if (s->ops->destroy)
        s->ops->destroy(s);
    fv_arena_destroy(&s->arena);
    fv_free(s->ctx, s);
    *source = NULL;
}

static const char **names_new(fv_arena *arena, int64_t count)
{
    return fv_arena_alloc(arena, (size_t)(count + 1) * sizeof(char *));
}

fv_status fv_names_numbers(fv_arena *arena, int64_t count, fv_names *names)
{
    const char **list = names_new(arena, count);
    for (int64_t i = 0; list && i < count; i++) {
        list[i] = fv_arena_printf(arena, "%lld", (long long)i);
        if (!list[i])
            list = NULL;
    }
    *names = (fv_names){list, count};
    return list ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_names_copy(fv_arena *arena, const fv_names *from, fv_names *names)
{
    const char **list = names_new(arena, from->count);
    for (int64_t i = 0; list && i < from->count; i++) {
        list[i] = fv_arena_strdup(arena, from->name[i]);
        if (!list[i])
            list = NULL;
    }
    *names = (fv_names){list, from->count};
    return list ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_names_read(fv_arena *arena, fv_ctx *ctx, const char *path, fv_names *names)
{
    uint8_t *data = NULL;
    int64_t size = 0;
    FV_TRY(fv_file_read(ctx, path, 16 << 20, false, &data, &size));
    int64_t lines = 1;
    for (int64_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    const char **list = names_new(arena, lines);
    fv_status status = list ? FV_OK : FV_ERR_NO_MEMORY;
    int64_t count = 0, line = 0;
    char *at = (char *)data;
    if (size >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    while (status == FV_OK && at < (char *)data + size) {
        char *end = memchr(at, '\n', (size_t)((char *)data + size - at));
        char *next = end ? end + 1 : (char *)data + size;
        end = end ? end : next;
        line++;
        while (end > at && end[-1] == '\r')
            end--;
        *end = '\0';
        const fv_names so_far = {list, count};
        if (*at == '\0') {
            at = next; /* blank lines end many such files */
            continue;
        }
        if (fv_names_find(&so_far, at) >= 0)
            status =
                fv_fail(ctx, FV_ERR_DATA_CLASSES, "%s:%lld: class '%s' is listed twice", path, (long long)line, at);
        else if (!(list[count++] = fv_arena_strdup(arena, at)))
            status = FV_ERR_NO_MEMORY;
        at = next;
    }
    fv_free(ctx, data);
    *names = (fv_names){list, count};
    if (status == FV_OK && count == 0)
        status = fv_fail(ctx, FV_ERR_DATA_CLASSES, "%s: no class name in it", path);
    return status;
}

int64_t fv_names_find(const fv_names *names, const char *name)
{
    for (int64_t i = 0; i < names->count; i++) {
        if (strcmp(names->name[i], name) == 0)
            return i;
    }
    return -1;
}

char *fv_names_text(fv_ctx *ctx, const fv_names *names)
{
    const int64_t shown = names->count <= 24 ? names->count : 20;
    fv_str text = {.ctx = ctx};
    for (int64_t i = 0; i < shown; i++)
        fv_str_printf(&text, "%s%s", i ? ", " : "", names->name[i]);
    fv_str_printf(&text, "%s (%lld)", shown < names->count ? ", ..." : "", (long long)names->count);
    if (fv_str_status(&text) != FV_OK) {
        fv_str_free(&text);
        return NULL;
    }
    return text.data;
}
