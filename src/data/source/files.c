/* SPDX-License-Identifier: Apache-2.0 */
/* Image files by their paths, without labels: what is to be predicted. No path is probed for it. */
#include <stdio.h>

#include "data/source/source.h"

typedef struct files_source {
    fv_source base;
    const char **paths;
} files_source;

static void files_name(const fv_source *base, int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%s", ((const files_source *)base)->paths[i]);
}

static uint64_t files_key(const fv_source *base, int64_t i)
{
    return fv_text_key(((const files_source *)base)->paths[i]);
}

/* Not looked up: files may lie where every question takes long. */
static int64_t files_bytes(const fv_source *base, int64_t i)
{
    (void)base;
    (void)i;
    return 0;
}

static fv_status files_image(fv_source *base, int64_t i, const fv_decode_options *options, fv_image_request *request,
                             fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    const files_source *s = (const files_source *)base;
    return fv_image_read_quiet(base->ctx, s->paths[i], options, request, image, notes, error);
}

static fv_status files_read(fv_source *base, int64_t i, uint8_t **data, int64_t *size, fv_image_error *error)
{
    const files_source *s = (const files_source *)base;
    return fv_sample_read_file(base->ctx, ".", s->paths[i], data, size, error);
}

static const fv_source_ops files_ops = {
    .name = files_name, .key = files_key, .bytes = files_bytes, .image = files_image, .read = files_read};

fv_status fv_source_files(fv_ctx *ctx, const char *const *paths, int64_t count, fv_source **source)
{
    files_source *s = (files_source *)fv_source_new(ctx, sizeof *s, &files_ops);
    *source = NULL;
    if (!s)
        return FV_ERR_NO_MEMORY;
    s->base.kind = FV_TASK_COUNT;
    s->base.count = count;
    s->paths = fv_arena_alloc(s->base.arena, (size_t)(count + 1) * sizeof *s->paths);
    bool all = s->paths != NULL;
    for (int64_t i = 0; i < count && all; i++)
        all = (s->paths[i] = fv_arena_strdup(s->base.arena, paths[i])) != NULL;
    *source = &s->base;
    if (!all)
        fv_source_destroy(source);
    return all ? FV_OK : FV_ERR_NO_MEMORY;
}
