/* SPDX-License-Identifier: Apache-2.0 */
#include "io/zip.h"

#ifdef FV_WITH_ZIP
#include <stddef.h>
#include <zip.h>

#include "base/library.h"

/* What of libzip is used, which is opened with an archive. */
#define ZIP_CALLS(X)                                                                                                   \
    X(zip_discard)                                                                                                     \
    X(zip_error_fini)                                                                                                  \
    X(zip_error_init)                                                                                                  \
    X(zip_error_strerror)                                                                                              \
    X(zip_fclose)                                                                                                      \
    X(zip_file_strerror)                                                                                               \
    X(zip_fopen_index)                                                                                                 \
    X(zip_fread)                                                                                                       \
    X(zip_get_name)                                                                                                    \
    X(zip_get_num_entries)                                                                                             \
    X(zip_name_locate)                                                                                                 \
    X(zip_open_from_source)                                                                                            \
    X(zip_source_buffer_create)                                                                                        \
    X(zip_source_free)                                                                                                 \
    X(zip_stat_index)                                                                                                  \
    X(zip_strerror)

#define ZIP_FIELD(name) __typeof__(name) *name;
typedef struct zip_calls {
    ZIP_CALLS(ZIP_FIELD)
} zip_calls;
#undef ZIP_FIELD

#define ZIP_ROW(name) {#name, offsetof(zip_calls, name)},
static const fv_library_call call_rows[] = {ZIP_CALLS(ZIP_ROW)};
#undef ZIP_ROW

struct fv_zip {
    fv_ctx *ctx;
    const char *name;
    fv_arena *arena;
    int64_t budget;
    zip_calls call;
    zip_t *zip;
};

static fv_status bad(fv_zip *a, const char *what, const char *why)
{
    return fv_fail(a->ctx, FV_ERR_MODEL_FORMAT, "%s: zip archive: %s: %s", a->name, what, why);
}

fv_status fv_zip_open(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_arena *arena, int64_t budget,
                      fv_zip **out)
{
    static const char *const names[] = {FV_WITH_ZIP, NULL};
    zip_error_t error;
    fv_zip *a = *out = fv_new(ctx, fv_zip);
    if (!a)
        return FV_ERR_NO_MEMORY;
    *a = (fv_zip){.ctx = ctx, .name = name, .arena = arena, .budget = budget};
    if (!fv_library_open(names, call_rows, sizeof call_rows / sizeof *call_rows, &a->call)) {
        fv_zip_close(out);
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: a zip archive: libzip is not on this machine", name),
                            "install it (" FV_WITH_ZIP ")");
    }
    a->call.zip_error_init(&error);
    zip_source_t *source = a->call.zip_source_buffer_create(data, (zip_uint64_t)size, 0, &error);
    a->zip = source ? a->call.zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    fv_status status = a->zip ? FV_OK : bad(a, "it cannot be opened", a->call.zip_error_strerror(&error));
    if (!a->zip && source)
        a->call.zip_source_free(source);
    a->call.zip_error_fini(&error);
    if (status != FV_OK)
        fv_zip_close(out);
    return status;
}

void fv_zip_close(fv_zip **archive)
{
    if (!archive || !*archive)
        return;
    if ((*archive)->zip)
        (*archive)->call.zip_discard((*archive)->zip);
    fv_free((*archive)->ctx, *archive);
    *archive = NULL;
}

int64_t fv_zip_count(const fv_zip *a)
{
    return a->call.zip_get_num_entries(a->zip, 0);
}

const char *fv_zip_name(const fv_zip *a, int64_t i)
{
    const char *name = i < 0 ? NULL : a->call.zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
    return name ? name : "";
}

static fv_status read_member(fv_zip *a, const char *member, zip_int64_t i, const uint8_t **data, int64_t *size)
{
    zip_stat_t stat;
    if (a->call.zip_stat_index(a->zip, (zip_uint64_t)i, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE))
        return bad(a, member, "its size is not said");
    if (stat.size > (zip_uint64_t)a->budget)
        return bad(a, member, "it unpacks to more than a file of this size should");
    *size = (int64_t)stat.size;
    a->budget -= *size;
    uint8_t *room = fv_arena_alloc(a->arena, (size_t)*size + 1);
    if (!room)
        return FV_ERR_NO_MEMORY;
    zip_file_t *file = a->call.zip_fopen_index(a->zip, (zip_uint64_t)i, 0);
    if (!file)
        return bad(a, member, a->call.zip_strerror(a->zip));
    int64_t got = 0, n = 1;
    while (n > 0 && got <= *size) { /* one byte more than there is: the checksum is looked at where the member ends */
        n = a->call.zip_fread(file, room + got, (zip_uint64_t)(*size + 1 - got));
        got += n > 0 ? n : 0;
    }
    fv_status status = FV_OK;
    if (n < 0)
        status = bad(a, member, a->call.zip_file_strerror(file));
    else if (got != *size)
        status = bad(a, member, "it is not as long as the archive says");
    a->call.zip_fclose(file);
    *data = room;
    return status;
}

fv_status fv_zip_read(fv_zip *a, const char *member, const uint8_t **data, int64_t *size)
{
    const zip_int64_t i = a->call.zip_name_locate(a->zip, member, ZIP_FL_ENC_RAW);
    *data = NULL;
    *size = 0;
    return i < 0 ? FV_OK : read_member(a, member, i, data, size);
}

#else

fv_status fv_zip_open(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_arena *arena, int64_t budget,
                      fv_zip **out)
{
    (void)data;
    (void)size;
    (void)arena;
    (void)budget;
    *out = NULL;
    return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: a zip archive: this build is without libzip", name),
                        "build it again where libzip-dev is installed");
}

void fv_zip_close(fv_zip **archive)
{
    (void)archive;
}

int64_t fv_zip_count(const fv_zip *archive)
{
    (void)archive;
    return 0;
}

const char *fv_zip_name(const fv_zip *archive, int64_t i)
{
    (void)archive;
    (void)i;
    return "";
}

fv_status fv_zip_read(fv_zip *archive, const char *member, const uint8_t **data, int64_t *size)
{
    (void)archive;
    (void)member;
    *data = NULL;
    *size = 0;
    return FV_OK;
}

#endif
