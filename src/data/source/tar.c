/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebDataset shards: tar archives whose members KEY.jpg, KEY.cls, KEY.json, ... belong together by their key, the name
 * up to the first dot behind the last slash. One FILE.tar, or a folder of *.tar, whose names begin with a split's
 * (train-000000.tar) or which lie in a folder named so; others are the train split's. The label is KEY.cls, a class
 * index or name, else what KEY.json says under the keys of a manifest; `split` there comes before the shard's. The
 * table of each shard is read once; images are read from their place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "data/source/manifest.h"
#include "data/source/tar_samples.h"
#include "data/source/tar_shards.h"

typedef struct tar_source {
    fv_source base;
    const char *root;
    const char **name; /* SHARD:MEMBER */
    fv_tar_place *places;
    uint64_t *keys;
} tar_source;

static fv_status note_split(void *arg, const char *shard, fv_split split)
{
    (void)shard;
    ((bool *)arg)[split] = true;
    return FV_OK;
}

static fv_status tar_probe(fv_ctx *ctx, const fv_location *place, bool *yes)
{
    if (place->is_file) {
        *yes = fv_tar_is_shard(place->path) || fv_tar_is_packed(place->path) ||
               fv_tar_sniff(place->head, place->head_size);
        return FV_OK;
    }
    bool any[FV_SPLIT_COUNT] = {false};
    for (int64_t i = 0; i < place->count && !*yes; i++)
        *yes = fv_tar_is_shard(place->names[i]) || fv_tar_is_packed(place->names[i]);
    if (!*yes)
        FV_TRY(fv_tar_each_shard(ctx, place->path, note_split, any));
    *yes |= any[0] || any[1] || any[2];
    return FV_OK;
}

/* ---- which splits ---- */

/* A search for samples whose JSON says a split. */
typedef struct split_search {
    fv_tar_reader r;
    fv_split split;
} split_search;

static fv_status look_at_member(void *arg, const fv_tar_member *member)
{
    split_search *find = arg;
    const char *dot = strchr(fv_tar_last_part(member->name), '.');
    if (find->r.m.any_split[find->split] || !dot || strcasecmp(dot, ".json") != 0 || member->size > FV_TAR_TEXT_MAX)
        return FV_OK;
    fv_str *json = &find->r.now.json;
    FV_TRY(fv_tar_read_text(&find->r, member, json));
    if (!strstr(json->data, "\"split\""))
        return FV_OK;
    return fv_manifest_parse_object(&find->r.m, json->data, json->size, 1, member->name, "");
}

static fv_status look_at_shard(void *arg, const char *shard, fv_split split)
{
    split_search *find = arg;
    fv_tar_end end;
    if (fv_tar_is_packed(shard) || find->r.m.any_split[find->split])
        return FV_OK;
    char *path = fv_path_join(find->r.ctx, find->r.root, shard);
    find->r.shard_path = path;
    find->r.m.split = split;
    const fv_status status = path ? fv_tar_scan(find->r.ctx, path, look_at_member, find, &end) : FV_ERR_NO_MEMORY;
    fv_free(find->r.ctx, path);
    return status;
}

/* By the shards' names, else by what the samples say. */
static fv_status tar_has_split(fv_ctx *ctx, const char *path, fv_split split, bool *has)
{
    bool any[FV_SPLIT_COUNT] = {false};
    FV_TRY(fv_tar_each_shard(ctx, path, note_split, any));
    *has = any[split];
    if (*has)
        return FV_OK;
    split_search *find = fv_new(ctx, split_search);
    if (!find)
        return FV_ERR_NO_MEMORY;
    find->split = split;
    find->r.ctx = find->r.m.ctx = find->r.now.json.ctx = ctx;
    find->r.m.quiet = true;
    fv_status status = fv_arena_create(ctx, &find->r.arena);
    if (status == FV_OK && !(find->r.root = fv_tar_root(find->r.arena, path)))
        status = FV_ERR_NO_MEMORY;
    find->r.m.path = find->r.root;
    if (status == FV_OK)
        status = fv_tar_each_shard(ctx, path, look_at_shard, find);
    *has = find->r.m.any_split[split];
    fv_manifest_free(&find->r.m);
    fv_str_free(&find->r.now.json);
    fv_arena_destroy(&find->r.arena);
    fv_free(ctx, find);
    return status;
}

/* ---- the source ---- */

static void tar_destroy(fv_source *base)
{
    tar_source *s = (tar_source *)base;
    fv_manifest_unfill(base);
    fv_free(base->ctx, (void *)s->name);
    fv_free(base->ctx, s->places);
    fv_free(base->ctx, s->keys);
}

static void tar_name(const fv_source *base, int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%s", ((const tar_source *)base)->name[i]);
}

static uint64_t tar_key(const fv_source *base, int64_t i)
{
    return ((const tar_source *)base)->keys[i];
}

static int64_t tar_bytes(const fv_source *base, int64_t i)
{
    return ((const tar_source *)base)->places[i].size;
}

static fv_status fail_read(fv_image_error *error, const char *verb)
{
    char text[128];
    const fv_read_fault found = fv_read_fault_of(errno);
    return fv_sample_fail(error, found.status, found.fault, -1, "the shard cannot be %s: %s", verb,
                          strerror_r(errno, text, sizeof text));
}

static fv_status tar_read(fv_source *base, int64_t i, uint8_t **data, int64_t *size, fv_image_error *error)
{
    const tar_source *s = (const tar_source *)base;
    const fv_tar_place *at = &s->places[i];
    *size = 0;
    *data = at->size <= 1 << 30 ? fv_malloc(base->ctx, (size_t)at->size + 1) : NULL;
    char *path = fv_path_join(base->ctx, s->root, at->shard);
    if (!*data || !path) {
        fv_free(base->ctx, *data);
        fv_free(base->ctx, path);
        *data = NULL;
        if (at->size > 1 << 30)
            return fv_sample_fail(error, FV_ERR_DATA_TOO_LARGE, FV_FAULT_TOO_LARGE, -1, "%lld bytes, the limit is %d",
                                  (long long)at->size, 1 << 30);
        return fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for the member's %lld bytes",
                              (long long)at->size);
    }
    fv_status status = FV_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    fv_free(base->ctx, path);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        status = fail_read(error, "opened");
    else if (!S_ISREG(st.st_mode))
        status =
            fv_sample_fail(error, FV_ERR_DATA_FORMAT, FV_FAULT_VANISHED, -1, "the shard is no regular file any more");
    while (status == FV_OK && *size < at->size) {
        const ssize_t n = pread(fd, *data + *size, (size_t)(at->size - *size), at->offset + *size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = fail_read(error, "read");
        else if (n == 0)
            status =
                fv_sample_fail(error, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, at->offset + *size,
                               "the shard has become shorter: it ends at byte %lld", (long long)(at->offset + *size));
        else
            *size += n;
    }
    if (fd >= 0)
        close(fd);
    if (status != FV_OK) {
        fv_free(base->ctx, *data);
        *data = NULL;
    }
    return status;
}

static fv_status tar_image(fv_source *base, int64_t i, const fv_decode_options *options, fv_image_request *request,
                           fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    uint8_t *data = NULL;
    int64_t size = 0;
    *image = (fv_image){0};
    FV_TRY(tar_read(base, i, &data, &size, error));
    const fv_status status =
        fv_image_decode_quiet(base->ctx, data, (size_t)size, options, request, image, notes, error);
    fv_free(base->ctx, data);
    return status;
}

static fv_status tar_head(fv_source *base, int64_t i, uint8_t *data, size_t room, size_t *got)
{
    const tar_source *s = (const tar_source *)base;
    const fv_tar_place *at = &s->places[i];
    room = (int64_t)room < at->size ? room : (size_t)at->size;
    return fv_sample_read_head(base->ctx, s->root, at->shard, at->offset, data, room, got);
}

static const fv_source_ops tar_ops = {.destroy = tar_destroy,
                                      .name = tar_name,
                                      .key = tar_key,
                                      .bytes = tar_bytes,
                                      .image = tar_image,
                                      .read = tar_read,
                                      .head = tar_head};

/* All shards: samples of the split wanted, and of the train split, whose classes number the labels, may be in any. */
typedef struct opening {
    fv_tar_reader *r;
    const char *root;
} opening;

static fv_status open_shard(void *arg, const char *shard, fv_split split)
{
    opening *o = arg;
    if (fv_tar_is_packed(shard))
        return fv_fail_hint(o->r->ctx,
                            fv_fail(o->r->ctx, FV_ERR_UNSUPPORTED,
                                    "%s: a compressed archive: its members cannot be read one by one", shard),
                            "decompress it (gunzip), images hardly get smaller by that");
    return fv_tar_read_shard(o->r, o->root, shard, split);
}

static fv_status fill(tar_source *s, fv_tar_reader *r, const char *task)
{
    fv_source *base = &s->base;
    const fv_split split = r->wanted;
    int64_t *rows = NULL;
    const struct {
        int64_t n;
        const char *text;
    } told[] = {{r->no_image, "without an image left out"},
                {r->no_label, "without .cls or .json left out"},
                {r->bad[split], "whose label or JSON cannot be used left out"}};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        if (told[i].n > 0)
            fv_log(base->ctx, FV_LOG_WARN, "data", "%s: %lld sample%s %s", r->given, (long long)told[i].n,
                   told[i].n == 1 ? "" : "s", told[i].text);
    }
    base->n_bad = r->bad[split];
    if (base->n_bad > 0 && !(base->bad = fv_arena_strdup(base->arena, r->first_bad[split])))
        return FV_ERR_NO_MEMORY;
    if (r->m.n_rows == 0)
        return fv_fail_hint(base->ctx,
                            fv_fail(base->ctx, FV_ERR_DATA_EMPTY, "%s: %lld key%s, and none with an image and a label",
                                    r->given, (long long)r->samples, r->samples == 1 ? "" : "s"),
                            "expected members KEY.jpg and KEY.cls or KEY.json");
    const int64_t bad = r->m.n_bad;
    r->settling = true;
    r->split = split;
    r->first_bad[split][0] = '\0';
    r->m.named = r->names && !r->other; /* what .cls holds is a class, also where it looks like a number */
    FV_TRY(fv_manifest_settle(&r->m, task));
    if (r->m.n_bad > bad)
        return fv_fail(base->ctx, FV_ERR_DATA_FORMAT, "%s: labels that cannot be used, the first: %s", r->given,
                       r->first_bad[split]);
    r->m.indices = r->m.kind == FV_TASK_CLASSIFY && !r->names;
    FV_TRY(fv_manifest_fill(base, &r->m, split, s->root, &rows));
    s->name = fv_malloc(base->ctx, (size_t)base->count * sizeof *s->name);
    s->places = fv_malloc(base->ctx, (size_t)base->count * sizeof *s->places);
    s->keys = fv_malloc(base->ctx, (size_t)base->count * sizeof *s->keys);
    for (int64_t i = 0; s->name && s->places && s->keys && i < base->count; i++) {
        s->name[i] = r->m.rows[rows[i]].path;
        s->places[i] = r->places[rows[i]];
        s->keys[i] = r->m.rows[rows[i]].key;
    }
    fv_free(base->ctx, rows);
    return s->name && s->places && s->keys ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status tar_open(fv_ctx *ctx, const char *path, fv_split split, const fv_dataset_options *options,
                          fv_source **source)
{
    tar_source *s = (tar_source *)fv_source_new(ctx, sizeof *s, &tar_ops);
    if (!s)
        return FV_ERR_NO_MEMORY;
    fv_tar_reader *r = fv_new(ctx, fv_tar_reader);
    fv_status status = r ? FV_OK : FV_ERR_NO_MEMORY;
    s->root = fv_tar_root(s->base.arena, path);
    if (status == FV_OK && s->root) {
        r->ctx = ctx;
        r->arena = r->m.arena = s->base.arena;
        r->m.ctx = ctx;
        r->given = path;
        r->m.path = r->root = s->root;
        r->m.keys = true;
        r->m.on_bad = fv_tar_tell_bad;
        r->m.on_bad_arg = r;
        r->wanted = split;
        r->now = (fv_tar_sample){.key = {.ctx = ctx},
                                 .image = {.ctx = ctx},
                                 .label = {.ctx = ctx},
                                 .json = {.ctx = ctx},
                                 .odd = {.ctx = ctx}};
        opening o = {r, s->root};
        status = fv_tar_each_shard(ctx, path, open_shard, &o);
        if (status == FV_OK)
            status = fill(s, r, options->task);
        if (r->told > FV_TAR_BAD_SHOWN && !fv_log_wants_all(ctx))
            fv_log(ctx, FV_LOG_ERROR, "data", "%s: and %lld more", path, (long long)(r->told - FV_TAR_BAD_SHOWN));
        fv_manifest_free(&r->m);
        fv_free(ctx, r->places);
        fv_free(ctx, (void *)r->keys);
        fv_str_free(&r->now.key);
        fv_str_free(&r->now.image);
        fv_str_free(&r->now.label);
        fv_str_free(&r->now.json);
        fv_str_free(&r->now.odd);
    } else {
        status = FV_ERR_NO_MEMORY;
    }
    fv_free(ctx, r);
    if (status != FV_OK) {
        fv_source_destroy((fv_source **)&s);
        return status;
    }
    *source = &s->base;
    return FV_OK;
}

const fv_source_type fv_source_tar = {.name = "tar", .probe = tar_probe, .has_split = tar_has_split, .open = tar_open};
