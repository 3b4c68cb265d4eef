/* SPDX-License-Identifier: Apache-2.0 */
/* Writing zip archives of stored members, one after the other (APPNOTE 6.3, without its 64-bit forms). */
#include <string.h>

#include <zlib.h>

#include "io/zip.h"

static void put(fv_str *out, uint32_t value, int bytes)
{
    for (int k = 0; k < bytes; k++)
        fv_str_append_n(out, &(char){(char)(value >> (8 * k))}, 1);
}

/* What the header of a member and its row in the directory have in common: from the version needed on. */
static void put_common(fv_str *out, uint32_t crc, uint32_t size, uint32_t name)
{
    put(out, 20, 2);
    put(out, 1 << 11, 2); /* names are UTF-8 */
    put(out, 0, 2);       /* stored */
    put(out, 0, 2);
    put(out, 33, 2); /* 1980-01-01: the same bytes whenever they are written */
    put(out, crc, 4);
    put(out, size, 4);
    put(out, size, 4);
    put(out, name, 2);
    put(out, 0, 2);
}

fv_status fv_zip_begin(fv_zip_writer *zip, fv_writer *writer, const char *name, int64_t size, uint32_t crc)
{
    const uint32_t length = (uint32_t)strlen(name);
    fv_str head = {.ctx = zip->ctx};
    if (!zip->directory.ctx)
        zip->directory.ctx = zip->ctx;
    if (zip->at + size > UINT32_MAX - (1 << 20) || zip->members == UINT16_MAX)
        return fv_fail(zip->ctx, FV_ERR_UNSUPPORTED, "a zip archive of more than 4 GB or 65535 members");
    put(&head, 0x04034b50, 4);
    put_common(&head, crc, (uint32_t)size, length);
    fv_str_append(&head, name);
    put(&zip->directory, 0x02014b50, 4);
    put(&zip->directory, 20, 2);
    put_common(&zip->directory, crc, (uint32_t)size, length);
    put(&zip->directory, 0, 2);
    put(&zip->directory, 0, 4);
    put(&zip->directory, 0, 4);
    put(&zip->directory, (uint32_t)zip->at, 4);
    fv_str_append(&zip->directory, name);
    fv_status status = fv_str_status(&head);
    if (status == FV_OK)
        status = fv_writer_put(writer, head.data, head.size);
    zip->at += (int64_t)head.size + size;
    zip->members++;
    fv_str_free(&head);
    return status;
}

fv_status fv_zip_put(fv_zip_writer *zip, fv_writer *writer, const char *name, const fv_zip_part *parts, int n)
{
    int64_t size = 0;
    uLong crc = crc32(0, NULL, 0);
    for (int i = 0; i < n; i++) {
        size += (int64_t)parts[i].size;
        for (size_t at = 0; at < parts[i].size; at += 1 << 30)
            crc = crc32(crc, (const Bytef *)parts[i].data + at,
                        (uInt)(parts[i].size - at < 1 << 30 ? parts[i].size - at : 1 << 30));
    }
    fv_status status = fv_zip_begin(zip, writer, name, size, (uint32_t)crc);
    for (int i = 0; status == FV_OK && i < n; i++)
        status = fv_writer_put(writer, parts[i].data, parts[i].size);
    return status;
}

fv_status fv_zip_finish(fv_zip_writer *zip, fv_writer *writer)
{
    fv_str *d = &zip->directory;
    d->ctx = zip->ctx;
    const uint32_t size = (uint32_t)d->size;
    put(d, 0x06054b50, 4);
    put(d, 0, 4);
    put(d, (uint32_t)zip->members, 2);
    put(d, (uint32_t)zip->members, 2);
    put(d, size, 4);
    put(d, (uint32_t)zip->at, 4);
    put(d, 0, 2);
    FV_TRY(fv_str_status(d));
    return fv_writer_put(writer, d->data, d->size);
}

void fv_zip_discard(fv_zip_writer *zip)
{
    fv_str_free(&zip->directory);
}
