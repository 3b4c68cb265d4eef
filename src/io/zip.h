/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a zip archive in memory, by libzip; a build without it says so. */
#ifndef FV_IO_ZIP_H
#define FV_IO_ZIP_H

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

typedef struct fv_zip fv_zip;

/* `data` must outlive *archive; `name` is for messages; what is read lives in `arena`. `budget`: bytes that all members
 * that are read may have together. MODEL_FORMAT. */
fv_status fv_zip_open(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_arena *arena, int64_t budget,
                      fv_zip **archive);
void fv_zip_close(fv_zip **archive);
int64_t fv_zip_count(const fv_zip *archive);
/* Name of a member; "" out of range. */
const char *fv_zip_name(const fv_zip *archive, int64_t i);
/* Reads a member and checks its checksum. *data NULL: there is none of that name. */
fv_status fv_zip_read(fv_zip *archive, const char *member, const uint8_t **data, int64_t *size);

/* ---- writing: stored members into a file that is being written; needs no libzip ---- */

typedef struct fv_zip_writer {
    fv_ctx *ctx;
    fv_str directory;
    int64_t at;
    int members;
} fv_zip_writer;
typedef struct fv_zip_part {
    const void *data;
    size_t size;
} fv_zip_part;

/* Begins a member of so many bytes, with their CRC-32: the caller writes them next. UNSUPPORTED as below. */
fv_status fv_zip_begin(fv_zip_writer *zip, fv_writer *writer, const char *name, int64_t size, uint32_t crc);
/* Appends a member, whose bytes are n parts. UNSUPPORTED: more than a zip archive without 64-bit sizes can hold. */
fv_status fv_zip_put(fv_zip_writer *zip, fv_writer *writer, const char *name, const fv_zip_part *parts, int n);
/* Appends the directory. */
fv_status fv_zip_finish(fv_zip_writer *zip, fv_writer *writer);
void fv_zip_discard(fv_zip_writer *zip);

#endif
