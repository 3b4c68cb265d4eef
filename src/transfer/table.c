/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- where rows are ---- */

/* A file without a name: it is gone with its last descriptor, however the process ends. */
static fv_status open_file(fv_feature_table *t, const char *folder)
{
    char path[4200];
    const char *tmp = getenv("TMPDIR");
    if (!folder)
        folder = tmp && *tmp ? tmp : "/tmp";
    t->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (t->fd < 0) { /* a file system that has no such files */
        snprintf(path, sizeof path, "%.4000s/.fovea-rows-XXXXXX", folder);
        t->fd = mkostemp(path, O_CLOEXEC);
        if (t->fd >= 0)
            unlink(path);
    }
    return t->fd >= 0 ? FV_OK : fv_fail_errno(t->ctx, errno, "make a file for features in", folder);
}

static fv_status choose_place(fv_feature_table *t, const fv_feature_table_options *o)
{
    int64_t now, count, bytes, limit = o->memory;
    fv_ctx_memory(t->ctx, &now, NULL);
    if (limit == 0)
        limit = (fv_ctx_memory_limit(t->ctx) - now) / 2;
    if (!fv_size_mul(t->room > 0 ? t->room : 1, t->width, &count) || !fv_size_mul(count, sizeof(float), &bytes))
        return fv_fail(t->ctx, FV_ERR_OVER_BUDGET, "features: %lld rows of %lld numbers are too many",
                       (long long)t->room, (long long)t->width);
    if (bytes > limit)
        return open_file(t, o->folder);
    t->values = fv_malloc(t->ctx, (size_t)bytes);
    return t->values ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status write_at(fv_feature_table *t, const void *data, size_t size, int64_t at)
{
    for (const char *p = data; size > 0;) {
        const ssize_t n = pwrite(t->fd, p, size, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fv_fail_errno(t->ctx, errno, "write", "the file that keeps features (TMPDIR, or beside --output)");
        p += n;
        at += n;
        size -= (size_t)n;
    }
    return FV_OK;
}

static fv_status read_at(const fv_feature_table *t, void *data, size_t size, int64_t at)
{
    for (char *p = data; size > 0;) {
        const ssize_t n = pread(t->fd, p, size, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fv_fail_errno(t->ctx, n < 0 ? errno : EIO, "read", "the file that keeps features");
        p += n;
        at += n;
        size -= (size_t)n;
    }
    return FV_OK;
}

/* ---- making ---- */

static fv_status init(fv_feature_table *t, const fv_feature_stage *stages, int count, int64_t room,
                      const fv_feature_table_options *o)
{
    FV_TRY(fv_arena_create(t->ctx, &t->arena));
    t->count = count;
    t->room = room;
    t->stages = fv_calloc(t->ctx, (size_t)count, sizeof *t->stages);
    t->names = fv_calloc(t->ctx, (size_t)room + 1, sizeof *t->names);
    t->labels = fv_calloc(t->ctx, (size_t)room + 1, sizeof *t->labels);
    t->groups = fv_calloc(t->ctx, (size_t)room + 1, sizeof *t->groups);
    if (!t->stages || !t->names || !t->labels || !t->groups)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        t->stages[i] = stages[i];
        t->stages[i].begin = t->width;
        t->width += stages[i].width;
        if (!(t->stages[i].name = fv_arena_strdup(t->arena, stages[i].name)))
            return FV_ERR_NO_MEMORY;
    }
    FV_TRY(fv_feature_table_set_model(t, "", ""));
    return choose_place(t, o);
}

fv_status fv_feature_table_create(fv_ctx *ctx, const fv_feature_stage *stages, int count, int64_t room,
                                  const fv_feature_table_options *options, fv_feature_table **table)
{
    static const fv_feature_table_options none;
    fv_feature_table *t = *table = fv_new(ctx, fv_feature_table);
    if (!t)
        return FV_ERR_NO_MEMORY;
    t->ctx = ctx;
    t->fd = -1;
    const fv_status status = init(t, stages, count, room, options ? options : &none);
    if (status != FV_OK)
        fv_feature_table_destroy(table);
    return status;
}

void fv_feature_table_destroy(fv_feature_table **table)
{
    fv_feature_table *t = table ? *table : NULL;
    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    fv_free(t->ctx, t->values);
    fv_free(t->ctx, t->stages);
    fv_free(t->ctx, t->names);
    fv_free(t->ctx, t->labels);
    fv_free(t->ctx, t->groups);
    fv_free(t->ctx, t->class_names);
    fv_arena_destroy(&t->arena);
    fv_free(t->ctx, t);
    *table = NULL;
}

fv_status fv_feature_table_set_classes(fv_feature_table *t, const char *const *names, int64_t count)
{
    fv_free(t->ctx, t->class_names);
    t->classes = 0;
    t->class_names = fv_calloc(t->ctx, (size_t)count + 1, sizeof *t->class_names);
    if (!t->class_names)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < count; i++)
        if (!(t->class_names[i] = fv_arena_strdup(t->arena, names[i])))
            return FV_ERR_NO_MEMORY;
    t->classes = count;
    return FV_OK;
}

fv_status fv_feature_table_set_model(fv_feature_table *t, const char *name, const char *digest)
{
    t->model = fv_arena_strdup(t->arena, name);
    t->digest = fv_arena_strdup(t->arena, digest);
    return t->model && t->digest ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_feature_table_add(fv_feature_table *t, const char *name, int32_t label, uint64_t group, const float *row)
{
    const size_t bytes = (size_t)t->width * sizeof *row;
    const char *copy = fv_arena_strdup(t->arena, name);
    if (t->rows == t->room)
        return fv_fail(t->ctx, FV_ERR_INTERNAL, "a table of features is full");
    if (!copy)
        return FV_ERR_NO_MEMORY;
    if (t->values)
        memcpy(t->values + t->rows * t->width, row, bytes);
    else
        FV_TRY(write_at(t, row, bytes, t->rows * (int64_t)bytes));
    t->names[t->rows] = copy;
    t->labels[t->rows] = label;
    t->groups[t->rows] = group;
    t->rows++;
    return FV_OK;
}

/* ---- looking ---- */

int64_t fv_feature_table_count(const fv_feature_table *t)
{
    return t->rows;
}

const fv_feature_stage *fv_feature_table_stage(const fv_feature_table *t, int i)
{
    return i >= 0 && i < t->count ? &t->stages[i] : NULL;
}

const char *fv_feature_table_name(const fv_feature_table *t, int64_t row)
{
    return row >= 0 && row < t->rows ? t->names[row] : "";
}

int32_t fv_feature_table_label(const fv_feature_table *t, int64_t row)
{
    return row >= 0 && row < t->rows ? t->labels[row] : -1;
}

uint64_t fv_feature_table_group(const fv_feature_table *t, int64_t row)
{
    return row >= 0 && row < t->rows ? t->groups[row] : 0;
}

int64_t fv_feature_table_classes(const fv_feature_table *t)
{
    return t->classes;
}

const char *fv_feature_table_class_name(const fv_feature_table *t, int64_t i)
{
    return i >= 0 && i < t->classes ? t->class_names[i] : "";
}

const char *fv_feature_table_digest(const fv_feature_table *t)
{
    return t->digest;
}

fv_status fv_feature_table_get(const fv_feature_table *t, int stage, int64_t first, int64_t count, float *rows)
{
    if (stage < 0 || stage >= t->count || first < 0 || count < 0 || first > t->rows - count)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT,
                       "features: rows %lld to %lld of stage %d: there are %lld rows of %d stages", (long long)first,
                       (long long)(first + count), stage, (long long)t->rows, t->count);
    const fv_feature_stage *s = &t->stages[stage];
    const size_t bytes = (size_t)s->width * sizeof *rows;
    for (int64_t i = 0; i < count; i++, rows += s->width) {
        const int64_t at = (first + i) * t->width + s->begin;
        if (t->values)
            memcpy(rows, t->values + at, bytes);
        else
            FV_TRY(read_at(t, rows, bytes, at * (int64_t)sizeof *rows));
    }
    return FV_OK;
}
