/* SPDX-License-Identifier: Apache-2.0 */
/* Files named in a manifest: FILE.csv, FILE.jsonl, or a folder with manifest.csv or manifest.jsonl in it. */
#include "data/source/manifest.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

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

static fv_status manifest_probe(fv_ctx *ctx, const fv_location *place, bool *yes)
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
        /* Where there are no samples at all opening will say so. */
        *has = m.any_split[split] || (m.n_rows == 0 && split == FV_SPLIT_TRAIN);
        fv_manifest_free(&m);
    }
    fv_free(ctx, file);
    fv_arena_destroy(&arena);
    return status;
}

static void manifest_destroy(fv_source *base)
{
    fv_manifest_unfill(base);
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
    const manifest_source *s = (const manifest_source *)base;
    struct stat st = {0};
    char path[4200]; /* longer ones the system refuses */
    snprintf(path, sizeof path, "%s/%s", s->path[i][0] == '/' ? "" : s->root, s->path[i]);
    if (stat(path, &st) != 0)
        st.st_size = 0;
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

static fv_status manifest_head(fv_source *base, int64_t i, uint8_t *data, size_t room, size_t *got)
{
    const manifest_source *s = (const manifest_source *)base;
    return fv_sample_read_head(base->ctx, s->root, s->path[i], 0, data, room, got);
}

static const fv_source_ops manifest_ops = {.destroy = manifest_destroy,
                                           .name = manifest_name,
                                           .key = manifest_key,
                                           .bytes = manifest_bytes,
                                           .image = manifest_image,
                                           .read = manifest_read,
                                           .head = manifest_head};

static fv_status fill(manifest_source *s, const fv_manifest *m, fv_split split)
{
    int64_t *rows = NULL;
    FV_TRY(fv_manifest_fill(&s->base, m, split, s->root, &rows));
    s->path = fv_malloc(s->base.ctx, (size_t)s->base.count * sizeof *s->path);
    for (int64_t i = 0; s->path && i < s->base.count; i++)
        s->path[i] = m->rows[rows[i]].path;
    fv_free(s->base.ctx, rows);
    return s->path ? FV_OK : FV_ERR_NO_MEMORY;
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
