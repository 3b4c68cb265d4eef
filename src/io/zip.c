/* SPDX-License-Identifier: Apache-2.0 */
#include "io/zip.h"

#ifdef FV_WITH_ZIP
#include <zip.h>

struct fv_zip {
    fv_ctx *ctx;
    const char *name;
    fv_arena *arena;
    int64_t budget;
    zip_t *zip;
};

static fv_status bad(fv_zip *a, const char *what, const char *why)
{
    return fv_fail(a->ctx, FV_ERR_MODEL_FORMAT, "%s: zip archive: %s: %s", a->name, what, why);
}

fv_status fv_zip_open(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_arena *arena, int64_t budget,
                      fv_zip **out)
{
    zip_error_t error;
    fv_zip *a = *out = fv_new(ctx, fv_zip);
    if (!a)
        return FV_ERR_NO_MEMORY;
    *a = (fv_zip){ctx, name, arena, budget, NULL};
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(data, (zip_uint64_t)size, 0, &error);
    a->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    fv_status status = a->zip ? FV_OK : bad(a, "it cannot be opened", zip_error_strerror(&error));
    if (!a->zip && source)
        zip_source_free(source);
    zip_error_fini(&error);
    if (status != FV_OK)
        fv_zip_close(out);
    return status;
}

void fv_zip_close(fv_zip **archive)
{
    if (!archive || !*archive)
        return;
    if ((*archive)->zip)
        zip_discard((*archive)->zip);
    fv_free((*archive)->ctx, *archive);
    *archive = NULL;
}

int64_t fv_zip_count(const fv_zip *a)
{
    return zip_get_num_entries(a->zip, 0);
}

const char *fv_zip_name(const fv_zip *a, int64_t i)
{
    const char *name = i < 0 ? NULL : zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
    return name ? name : "";
}

static fv_status read_member(fv_zip *a, const char *member, zip_int64_t i, const uint8_t **data, int64_t *size)
{
    zip_stat_t stat;
    if (zip_stat_index(a->zip, (zip_uint64_t)i, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE))
        return bad(a, member, "its size is not said");
    if (stat.size > (zip_uint64_t)a->budget)
        return bad(a, member, "it unpacks to more than a file of this size should");
    *size = (int64_t)stat.size;
    a->budget -= *size;
    uint8_t *room = fv_arena_alloc(a->arena, (size_t)*size + 1);
    if (!room)
        return FV_ERR_NO_MEMORY;
    zip_file_t *file = zip_fopen_index(a->zip, (zip_uint64_t)i, 0);
    if (!file)
        return bad(a, member, zip_strerror(a->zip));
    int64_t got = 0, n = 1;
    while (n > 0 && got <= *size) { /* one byte more than there is: the checksum is looked at where the member ends */
        n = zip_fread(file, room + got, (zip_uint64_t)(*size + 1 - got));
        got += n > 0 ? n : 0;
    }
    fv_status status = FV_OK;
    if (n < 0)
        status = bad(a, member, zip_file_strerror(file));
    else if (got != *size)
        status = bad(a, member, "it is not as long as the archive says");
    zip_fclose(file);
    *data = room;
    return status;
}

fv_status fv_zip_read(fv_zip *a, const char *member, const uint8_t **data, int64_t *size)
{
    const zip_int64_t i = zip_name_locate(a->zip, member, ZIP_FL_ENC_RAW);
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
