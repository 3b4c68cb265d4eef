/* SPDX-License-Identifier: Apache-2.0 */
#include "data/source/tar_samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "data/source/aside.h"

const char *fv_tar_last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

fv_status fv_tar_read_text(fv_tar_reader *r, const fv_tar_member *member, fv_str *text)
{
    text->size = 0;
    if (member->size > FV_TAR_TEXT_MAX)
        return fv_fail(r->ctx, FV_ERR_DATA_FORMAT, "%s: member %s has %lld bytes, a label or its JSON at most %d",
                       r->shard_path, member->name, (long long)member->size, FV_TAR_TEXT_MAX);
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

static fv_status keep_key(fv_tar_reader *r)
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

static fv_status keep_place(fv_tar_reader *r)
{
    if (r->m.n_rows > r->places_capacity) {
        const int64_t more = r->places_capacity ? 2 * r->places_capacity : 1024;
        fv_tar_place *places = fv_realloc(r->ctx, r->places, (size_t)more * sizeof *places);
        if (!places)
            return FV_ERR_NO_MEMORY;
        r->places = places;
        r->places_capacity = more;
    }
    r->places[r->m.n_rows - 1] = r->now.where;
    return FV_OK;
}

/* Told as SHARD:MEMBER, with the place in the member where that is JSON: which line of the rows it is says nothing. */
fv_status fv_tar_tell_bad(void *arg, int64_t line, int column, const char *text)
{
    fv_tar_reader *r = arg;
    const char *name = fv_str_get(&r->now.image), *shard = r->shard;
    char *first = r->first_bad[r->split], place[400];
    for (int64_t i = 0; r->settling && i < r->m.n_rows; i++) {
        if (r->m.rows[i].line == line) {
            name = r->m.rows[i].path;
            shard = r->places[i].shard;
        }
    }
    const char *member = name + strlen(shard) + 1, *dot = strchr(fv_tar_last_part(member), '.');
    if (r->m.object_line > 0) /* KEY.json beside the image */
        snprintf(place, sizeof place, "%.*s.json: line %d, column %d", (int)(dot - name < 300 ? dot - name : 300), name,
                 r->m.object_line, column);
    else
        snprintf(place, sizeof place, "%.300s", name);
    if (first[0] == '\0')
        snprintf(first, sizeof r->first_bad[0], "%.240s: %.150s", place, text);
    if (r->split != r->wanted)
        return FV_OK; /* told when that split is opened */
    if (r->told++ < FV_TAR_BAD_SHOWN || fv_log_wants_all(r->ctx))
        fv_log(r->ctx, FV_LOG_ERROR, "data", "%s/%s: %s", r->root, place, text);
    return FV_OK;
}

/* n images of the sample are left out, for a reason: they are named, and count like files that cannot be decoded. */
static void lose(fv_tar_reader *r, int64_t n, const char *why)
{
    char *first = r->first_bad[r->split], text[400];
    snprintf(text, sizeof text, "%.100s:%.100s: %s", r->shard, fv_str_get(&r->now.key), why);
    r->bad[r->split] += n;
    if (first[0] == '\0')
        snprintf(first, sizeof r->first_bad[0], "%s", text);
    if (r->split == r->wanted && (r->told++ < FV_TAR_BAD_SHOWN || fv_log_wants_all(r->ctx)))
        fv_log(r->ctx, FV_LOG_ERROR, "data", "%s/%s", r->root, text);
}

/* A sample that lacks an image or a label. A key that has neither is none: a text file among the samples. */
static void lose_half(fv_tar_reader *r)
{
    const fv_tar_sample *s = &r->now;
    char why[200];
    if (s->n_odd > 0 && !r->cut) {
        snprintf(why, sizeof why,
                 "a key ends at the first dot, so that '%.80s' is no image of it: take the dots out of the key",
                 fv_tar_last_part(fv_str_get(&s->odd)));
        lose(r, s->n_odd, why);
    } else if (!r->cut && (s->has_image || s->has_label || s->has_json)) {
        lose(r, 1, s->has_image ? "an image without .cls or .json" : "a label without an image");
    }
    r->no_image += !s->has_image;
    r->no_label += s->has_image;
}

/* The members seen since the key changed are a sample. */
static fv_status end_sample(fv_tar_reader *r)
{
    fv_tar_sample *s = &r->now;
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
    fv_tar_reader *r = arg;
    fv_tar_sample *s = &r->now;
    const char *base = fv_tar_last_part(member->name), *dot = strchr(base, '.');
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
        return fv_tar_read_text(r, member, &s->label);
    }
    if (strcasecmp(extension, "json") == 0) {
        r->twice += s->has_json;
        s->has_json = true;
        return fv_tar_read_text(r, member, &s->json);
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
    s->where = (fv_tar_place){r->shard, member->offset, member->size};
    s->image.size = 0;
    fv_str_printf(&s->image, "%s:%s", r->shard, member->name);
    return fv_str_status(&s->image);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void tell_shard(fv_tar_reader *r, const fv_tar_end *end)
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

fv_status fv_tar_read_shard(fv_tar_reader *r, const char *root, const char *shard, fv_split split)
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
