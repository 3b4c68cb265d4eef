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
#include "data/source/aside.h"
#include "data/source/manifest.h"
#include "data/source/tar_scan.h"
#include "data/source/tar_shards.h"

#define TEXT_MAX (1 << 20) /* bytes of a label or JSON member */
enum { BAD_SHOWN = 20 };

/* An image in a shard. */
typedef struct place {
    const char *shard; /* path relative to the root */
    int64_t offset, size;
} location;

typedef struct tar_source {
    fv_source base;
    const char *root;
    const char **name; /* SHARD:MEMBER */
    location *places;
    uint64_t *keys;
} tar_source;

/* The sample that is being put together. */
typedef struct sample {
    fv_str key, image, label, json;
    fv_str odd; /* a member that would be an image, were the key longer: "s1.2.jpg" */
    location where;
    int64_t n_odd; /* such images */
    bool has_image, has_label, has_json;
} sample;

/* Shards on their way into rows. */
typedef struct reader {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_manifest m;
    location *places; /* of the manifest's rows */
    int64_t places_capacity;
    const char *given, *root, *shard, *shard_path;
    fv_split split, wanted;
    sample now;
    int64_t samples, no_image, no_label, twice;
    int64_t bad[FV_SPLIT_COUNT]; /* samples whose label or JSON cannot be used, by the shard's split */
    char first_bad[FV_SPLIT_COUNT][400];
    int64_t told;      /* of those of the split that is wanted; the first few are shown */
    const char **keys; /* of the shard, to find those that come again */
    int64_t n_keys, keys_capacity;
    bool cut;      /* the archive ends in the sample at hand, which is told */
    bool settling; /* all are read */
    bool names;    /* a label that is no index */
    bool other;    /* a label of JSON, or one that is a list */
} reader;

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

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

/* ---- samples ---- */

static fv_status read_text(reader *r, const fv_tar_member *member, fv_str *text)
{
    text->size = 0;
    if (member->size > TEXT_MAX)
        return fv_fail(r->ctx, FV_ERR_DATA_FORMAT, "%s: member %s has %lld bytes, a label or its JSON at most %d",
                       r->shard_path, member->name, (long long)member->size, TEXT_MAX);
    if (!fv_str_reserve(text, (size_t)member->size))
        return FV_ERR_NO_MEMORY;
    for (int64_t got = 0; got < member->size;) {
        const ssize_t n = pread(member->fd, text->data + got, (size_t)(member->size - got), member->offset + got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fv_fail_errno(r->ctx, n < 0 ? errno : EIO, "read", r->shard_path);
        got += n;
        text->size = (size_t)got;
    }
    text->data[text->size] = '\0';
    return FV_OK;
}

static bool is_index(const char *text)
{
    const size_t n = strspn(text, "0123456789");
    return n > 0 && n < 8 && text[n] == '\0';
}

static fv_status keep_key(reader *r)
{
    if (r->n_keys == r->keys_capacity) {
        const int64_t more = r->keys_capacity ? 2 * r->keys_capacity : 1024;
        const char **keys = fv_realloc(r->ctx, (void *)r->keys, (size_t)more * sizeof *keys);
        if (!keys)
            return FV_ERR_NO_MEMORY;
        r->keys = keys;
        r->keys_capacity = more;
    }
    const char *key = fv_arena_strdup(r->arena, fv_str_get(&r->now.key));
    if (!key)
        return FV_ERR_NO_MEMORY;
    r->keys[r->n_keys++] = key;
    return FV_OK;
}

static fv_status keep_place(reader *r)
{
    if (r->m.n_rows > r->places_capacity) {
        const int64_t more = r->places_capacity ? 2 * r->places_capacity : 1024;
        location *places = fv_realloc(r->ctx, r->places, (size_t)more * sizeof *places);
        if (!places)
            return FV_ERR_NO_MEMORY;
        r->places = places;
        r->places_capacity = more;
    }
    r->places[r->m.n_rows - 1] = r->now.where;
    return FV_OK;
}

/* Told as SHARD:MEMBER, with the place in the member where that is JSON: which line of the rows it is says nothing. */
static fv_status tell_bad(void *arg, int64_t line, int column, const char *text)
{
    reader *r = arg;
    const char *name = fv_str_get(&r->now.image), *shard = r->shard;
    char *first = r->first_bad[r->split], place[400];
    for (int64_t i = 0; r->settling && i < r->m.n_rows; i++) {
        if (r->m.rows[i].line == line) {
            name = r->m.rows[i].path;
            shard = r->places[i].shard;
        }
    }
    const char *member = name + strlen(shard) + 1, *dot = strchr(last_part(member), '.');
    if (r->m.object_line > 0) /* KEY.json beside the image */
        snprintf(place, sizeof place, "%.*s.json: line %d, column %d", (int)(dot - name < 300 ? dot - name : 300), name,
                 r->m.object_line, column);
    else
        snprintf(place, sizeof place, "%.300s", name);
    if (first[0] == '\0')
        snprintf(first, sizeof r->first_bad[0], "%.240s: %.150s", place, text);
    if (r->split != r->wanted)
        return FV_OK; /* told when that split is opened */
    if (r->told++ < BAD_SHOWN || fv_log_wants_all(r->ctx))
        fv_log(r->ctx, FV_LOG_ERROR, "data", "%s/%s: %s", r->root, place, text);
    return FV_OK;
}

/* n images of the sample are left out, for a reason: they are named, and count like files that cannot be decoded. */
static void lose(reader *r, int64_t n, const char *why)
{
    char *first = r->first_bad[r->split], text[400];
    snprintf(text, sizeof text, "%.100s:%.100s: %s", r->shard, fv_str_get(&r->now.key), why);
    r->bad[r->split] += n;
    if (first[0] == '\0')
        snprintf(first, sizeof r->first_bad[0], "%s", text);
    if (r->split == r->wanted && (r->told++ < BAD_SHOWN || fv_log_wants_all(r->ctx)))
        fv_log(r->ctx, FV_LOG_ERROR, "data", "%s/%s", r->root, text);
}

/* A sample that lacks an image or a label. A key that has neither is none: a text file among the samples. */
static void lose_half(reader *r)
{
    const sample *s = &r->now;
    char why[200];
    if (s->n_odd > 0 && !r->cut) {
        snprintf(why, sizeof why,
                 "a key ends at the first dot, so that '%.80s' is no image of it: take the dots out of the key",
                 last_part(fv_str_get(&s->odd)));
        lose(r, s->n_odd, why);
    } else if (!r->cut && (s->has_image || s->has_label || s->has_json)) {
        lose(r, 1, s->has_image ? "an image without .cls or .json" : "a label without an image");
    }
    r->no_image += !s->has_image;
    r->no_label += s->has_image;
}

/* The members seen since the key changed are a sample. */
static fv_status end_sample(reader *r)
{
    sample *s = &r->now;
    const int64_t rows = r->m.n_rows, bad = r->m.n_bad;
    fv_status status = FV_OK;
    if (s->key.size == 0)
        return FV_OK;
    r->samples++;
    FV_TRY(keep_key(r));
    char *label = s->label.data;
    if (s->has_label) { /* a byte order mark, blanks and the line's end do not count */
        label += strncmp(label, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        label += strspn(label, " \t\r\n");
        for (size_t n = strlen(label); n > 0 && strchr(" \t\r\n", label[n - 1]); n--)
            label[n - 1] = '\0';
    }
    if (!s->has_image || (!s->has_json && !s->has_label)) {
        lose_half(r);
    } else if (s->has_json) {
        status = fv_manifest_parse_object(&r->m, s->json.data, s->json.size, r->samples, fv_str_get(&s->image),
                                          s->has_label ? label : NULL);
    } else {
        fv_manifest_cells cells = {.line = r->samples, .key = fv_text_key(fv_str_get(&s->image))};
        cells.text[FV_FIELD_PATH] = fv_str_get(&s->image);
        cells.text[FV_FIELD_LABEL] = label;
        status = fv_manifest_add(&r->m, &cells);
    }
    r->bad[r->split] += r->m.n_bad > bad;
    if (status == FV_OK && r->m.n_rows > rows) {
        r->names |= !s->has_label || !is_index(label);
        r->other |= !s->has_label || strchr(label, '|') != NULL;
        status = keep_place(r);
    }
    s->key.size = 0;
    s->has_image = s->has_label = s->has_json = false;
    s->n_odd = 0;
    return status;
}

static fv_status take_member(void *arg, const fv_tar_member *member)
{
    reader *r = arg;
    sample *s = &r->now;
    const char *base = last_part(member->name), *dot = strchr(base, '.');
    if (fv_path_has_system(member->name) || !dot || dot[1] == '\0')
        return FV_OK; /* hidden, or no part of a sample */
    const size_t key = (size_t)(dot - member->name);
    const char *extension = dot + 1;
    if (s->key.size != key || memcmp(s->key.data, member->name, key) != 0) {
        FV_TRY(end_sample(r));
        fv_str_append_n(&s->key, member->name, key);
        FV_TRY(fv_str_status(&s->key));
    }
    if (strcasecmp(extension, "cls") == 0) {
        r->twice += s->has_label;
        s->has_label = true;
        return read_text(r, member, &s->label);
    }
    if (strcasecmp(extension, "json") == 0) {
        r->twice += s->has_json;
        s->has_json = true;
        return read_text(r, member, &s->json);
    }
    if (!fv_image_extension_known(extension)) {
        const char *last = strrchr(extension, '.');
        if (!last || !fv_image_extension_known(last + 1) || s->n_odd++ > 0)
            return FV_OK;
        s->odd.size = 0;
        fv_str_append(&s->odd, member->name);
        return fv_str_status(&s->odd);
    }
    r->twice += s->has_image;
    if (s->has_image)
        return FV_OK; /* the first one counts */
    s->has_image = true;
    s->where = (location){r->shard, member->offset, member->size};
    s->image.size = 0;
    fv_str_printf(&s->image, "%s:%s", r->shard, member->name);
    return fv_str_status(&s->image);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void tell_shard(reader *r, const fv_tar_end *end)
{
    if (r->n_keys > 0)
        qsort((void *)r->keys, (size_t)r->n_keys, sizeof *r->keys, by_text);
    const char *again = NULL;
    int64_t n = r->twice;
    for (int64_t i = 1; i < r->n_keys; i++) {
        if (strcmp(r->keys[i - 1], r->keys[i]) == 0) {
            n++;
            again = again ? again : r->keys[i];
        }
    }
    r->n_keys = 0;
    if (end->byte >= 0)
        fv_log(r->ctx, FV_LOG_WARN, "data", "%s: byte %lld: %s; the %lld members before it are used", r->shard_path,
               (long long)end->byte, end->what, (long long)end->members);
    if (n > 0)
        fv_log(r->ctx, FV_LOG_WARN, "data",
               "%s: %lld member names collide%s%s; of one name in one place the first image counts", r->shard_path,
               (long long)n, again ? ", first key " : "", again ? again : "");
    r->twice = 0;
}

static fv_status read_shard(reader *r, const char *root, const char *shard, fv_split split)
{
    fv_tar_end end;
    char *path = fv_path_join(r->ctx, root, shard);
    r->shard = fv_arena_strdup(r->arena, shard);
    r->shard_path = path;
    r->m.path = path;
    r->split = r->m.split = split;
    fv_status status = path && r->shard ? fv_tar_scan(r->ctx, path, take_member, r, &end) : FV_ERR_NO_MEMORY;
    r->cut = status == FV_OK && end.byte >= 0;
    if (status == FV_OK)
        status = end_sample(r);
    if (status == FV_OK)
        tell_shard(r, &end);
    fv_free(r->ctx, path);
    r->m.path = root;
    return status;
}

/* ---- which splits ---- */

/* A search for samples whose JSON says a split. */
typedef struct split_search {
    reader r;
    fv_split split;
} split_search;

static fv_status look_at_member(void *arg, const fv_tar_member *member)
{
    split_search *find = arg;
    const char *dot = strchr(last_part(member->name), '.');
    if (find->r.m.any_split[find->split] || !dot || strcasecmp(dot, ".json") != 0 || member->size > TEXT_MAX)
        return FV_OK;
    fv_str *json = &find->r.now.json;
    FV_TRY(read_text(&find->r, member, json));
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
    return fv_sample_fail(error, errno == ENOENT ? FV_ERR_NOT_FOUND : FV_ERR_IO, FV_FAULT_VANISHED, -1,
                          "the shard cannot be %s: %s", verb, strerror_r(errno, text, sizeof text));
}

static fv_status tar_read(fv_source *base, int64_t i, uint8_t **data, int64_t *size, fv_image_error *error)
{
    const tar_source *s = (const tar_source *)base;
    const location *at = &s->places[i];
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

static const fv_source_ops tar_ops = {
    .destroy = tar_destroy, .name = tar_name, .key = tar_key, .bytes = tar_bytes, .image = tar_image, .read = tar_read};

/* All shards: samples of the split wanted, and of the train split, whose classes number the labels, may be in any. */
typedef struct opening {
    reader *r;
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
    return read_shard(o->r, o->root, shard, split);
}

static fv_status fill(tar_source *s, reader *r, const char *task)
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
    reader *r = fv_new(ctx, reader);
    fv_status status = r ? FV_OK : FV_ERR_NO_MEMORY;
    s->root = fv_tar_root(s->base.arena, path);
    if (status == FV_OK && s->root) {
        r->ctx = ctx;
        r->arena = r->m.arena = s->base.arena;
        r->m.ctx = ctx;
        r->given = path;
        r->m.path = r->root = s->root;
        r->m.keys = true;
        r->m.on_bad = tell_bad;
        r->m.on_bad_arg = r;
        r->wanted = split;
        r->now = (sample){.key = {.ctx = ctx},
                          .image = {.ctx = ctx},
                          .label = {.ctx = ctx},
                          .json = {.ctx = ctx},
                          .odd = {.ctx = ctx}};
        opening o = {r, s->root};
        status = fv_tar_each_shard(ctx, path, open_shard, &o);
        if (status == FV_OK)
            status = fill(s, r, options->task);
        if (r->told > BAD_SHOWN && !fv_log_wants_all(ctx))
            fv_log(ctx, FV_LOG_ERROR, "data", "%s: and %lld more", path, (long long)(r->told - BAD_SHOWN));
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
