/* SPDX-License-Identifier: Apache-2.0 */
/* Files of trained networks: verified, and put in their place only when they are right. */
#include "io/zoo/zoo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Sizes and sums that differ are one kind of failure wherever the bytes come from. */
static fv_status wrong(fv_ctx *ctx, const fv_zoo_entry *e, const char *where, int64_t bytes, const char *hex)
{
    fv_status status;
    if (bytes != e->bytes)
        status = fv_fail(ctx, FV_ERR_MODEL_CORRUPT, "%s: %s%lld bytes, expected %lld of '%s'", where,
                         bytes > e->bytes ? "more than " : "", (long long)(bytes > e->bytes ? e->bytes : bytes),
                         (long long)e->bytes, e->name);
    else
        status = fv_fail(ctx, FV_ERR_MODEL_CORRUPT, "%s: SHA-256 is %s, expected %s of '%s'", where, hex, e->sha256,
                         e->name);
    return fv_fail_hint(ctx, status, "it is not the file that the index describes: fetch it again, or mend the index");
}

fv_status fv_zoo_put(fv_zoo_sink *sink, const void *data, size_t size)
{
    sink->bytes += (int64_t)size;
    if (sink->bytes > sink->entry->bytes)
        return wrong(sink->ctx, sink->entry, sink->entry->from, sink->bytes, "");
    fv_sha256_update(&sink->sum, data, size);
    return sink->writer ? fv_writer_put(sink->writer, data, size) : FV_OK;
}

/* Whether all that was put is what the entry says. */
static fv_status judge(fv_zoo_sink *sink, const char *where)
{
    uint8_t digest[32];
    char hex[65];
    fv_sha256_final(&sink->sum, digest);
    fv_sha256_hex(digest, hex);
    if (sink->bytes == sink->entry->bytes && strcmp(hex, sink->entry->sha256) == 0)
        return FV_OK;
    return wrong(sink->ctx, sink->entry, where, sink->bytes, hex);
}

/* Puts a file's bytes, in parts. */
static fv_status pour(fv_zoo_sink *sink, const char *path)
{
    enum { PART = 1 << 20 };
    fv_ctx *ctx = sink->ctx;
    fv_reader reader;
    FV_TRY(fv_reader_open(ctx, path, &reader));
    uint8_t *part = fv_malloc(ctx, PART);
    fv_status status = part ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK && reader.size != sink->entry->bytes)
        status = wrong(ctx, sink->entry, path, reader.size, "");
    for (int64_t at = 0; status == FV_OK && at < reader.size; at += PART) {
        const size_t n = reader.size - at < PART ? (size_t)(reader.size - at) : PART;
        status = fv_reader_get_all(ctx, path, &reader, at, part, n);
        if (status == FV_OK)
            status = fv_zoo_put(sink, part, n);
    }
    fv_free(ctx, part);
    fv_reader_close(&reader);
    return status == FV_OK ? judge(sink, path) : status;
}

fv_status fv_zoo_verify(fv_ctx *ctx, const fv_zoo_entry *entry, const char *path)
{
    fv_zoo_sink sink = {.ctx = ctx, .entry = entry};
    fv_sha256_init(&sink.sum);
    return pour(&sink, path);
}

static fv_status path_in(fv_ctx *ctx, const char *folder, const fv_zoo_entry *e, char path[4096])
{
    const int n = snprintf(path, 4096, "%s/%s", folder, e->file);
    return n > 0 && n < 4096 ? FV_OK : fv_fail(ctx, FV_ERR_IO, "%s: the path is too long", folder);
}

static fv_status fetch(fv_zoo_sink *sink)
{
    FV_TRY(sink->entry->source == FV_ZOO_URL ? fv_zoo_fetch_url(sink) : fv_zoo_fetch_package(sink));
    return judge(sink, sink->entry->from);
}

/* What is known already about the file in its place: *there when nothing is left to do. */
static fv_status look(fv_ctx *ctx, const fv_zoo_entry *e, const char *path, bool replace, bool *there)
{
    *there = false;
    if (!fv_path_exists(path))
        return FV_OK;
    fv_status status = fv_zoo_verify(ctx, e, path);
    *there = status == FV_OK;
    if (status != FV_ERR_MODEL_CORRUPT)
        return status;
    if (!replace)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_CONFLICT, "%s is there, but is not '%s' of the index", path, e->name),
                            "--force replaces it; --output DIR puts the file elsewhere");
    fv_fail_clear(ctx);
    return FV_OK;
}

/* The file on this machine that has the bytes; "" when it must be fetched. */
static fv_status find_source(fv_ctx *ctx, const fv_zoo_entry *e, const fv_zoo_get_options *o, char path[4096])
{
    path[0] = '\0';
    if (o->mirror)
        FV_TRY(path_in(ctx, o->mirror, e, path));
    if (path[0] && fv_path_exists(path))
        return FV_OK;
    path[0] = '\0';
    if (e->source == FV_ZOO_FILE)
        return path_in(ctx, e->from, e, path);
    if (!o->offline)
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_NOT_FOUND, "'%s' is not %s%s, and --offline forbids to fetch it from %s",
                                e->name, o->mirror ? "in " : "on this machine", o->mirror ? o->mirror : "", e->from),
                        "name a folder that has %s in FOVEA_ZOO, or drop --offline", e->file);
}

fv_status fv_zoo_get(fv_ctx *ctx, const fv_zoo_entry *entry, const fv_zoo_get_options *o)
{
    fv_zoo_sink sink = {.ctx = ctx, .entry = entry};
    char path[4096], from[4096];
    bool there;
    FV_TRY(path_in(ctx, o->folder, entry, path));
    FV_TRY(look(ctx, entry, path, o->replace, &there));
    if (there)
        return FV_OK;
    FV_TRY(find_source(ctx, entry, o, from));
    FV_TRY(fv_path_mkdirs(ctx, o->folder));
    FV_TRY(fv_writer_open(ctx, path, &sink.writer));
    fv_sha256_init(&sink.sum);
    fv_status status = from[0] ? pour(&sink, from) : fetch(&sink);
    if (status == FV_OK)
        return fv_writer_commit(&sink.writer);
    fv_writer_abort(&sink.writer);
    return status;
}
