/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The safetensors format: 8 bytes of header length (little endian), a JSON header, the tensors' bytes without a hole.
 * Files are untrusted: everything is checked before anything is used.
 */
#ifndef FV_IO_SAFETENSORS_H
#define FV_IO_SAFETENSORS_H

#include "base/json.h"
#include "io/tensor_file.h"

/*
 * Reads and checks a file. MODEL_FORMAT names the tensor at fault: overlap, hole, duplicate key, header above 100 MB,
 * offsets past the end, size that does not follow from dtype and shape, unknown dtype; files of other formats are
 * refused by their name. *file is the caller's.
 */
fv_status fv_safetensors_open(fv_ctx *ctx, const char *path, fv_tensor_file **file);
/* The same from memory, which must outlive *file. `name` is for messages. */
fv_status fv_safetensors_parse(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_tensor_file **file);
/* Fills an empty file; `data` must outlive it. */
fv_status fv_safetensors_read(fv_tensor_file *file, const uint8_t *data, int64_t size);
/* An index of several such files, which lie beside it; their checksums are not looked at. */
bool fv_safetensors_is_index(const uint8_t *data, int64_t size);
fv_status fv_safetensors_read_index(fv_tensor_file *file, const uint8_t *data, int64_t size);
/* SHA-256 of the tensor section, as hex. */
void fv_safetensors_sha256(const fv_tensor_file *file, char hex[65]);

/* ---- writing ---- */

/*
 * One tensor to write: shape in the file's order; bytes in `data`, which for mid, inner > 1 is
 * [outer][mid][inner] and is written as [outer][inner][mid].
 */
typedef struct fv_st_item {
    const char *name;
    fv_dtype dtype;
    fv_shape shape;
    const void *data;
    int64_t outer, mid, inner; /* 0: as it is */
} fv_st_item;

typedef struct fv_st_text {
    const char *key, *value;
} fv_st_text;

/* Keys of the checksums that fv_safetensors_write adds: SHA-256 of the tensor section, and CRC-32C of that and of the
 * text of the first, which is read at the speed of memory. */
#define FV_ST_SHA256_KEY "fovea.sha256"
#define FV_ST_CRC32C_KEY "fovea.crc32c"

/*
 * Writes atomically; the same arguments give the same bytes. Tensors with 8-byte elements go first, then the others in
 * the order given, so that each is aligned to its element. `format: pt` and the checksums are added to `texts`.
 */
fv_status fv_safetensors_write(fv_ctx *ctx, const char *path, const fv_st_item *items, int64_t n_items,
                               const fv_st_text *texts, int64_t n_texts);
/* A tensor's entry in the header of a file that is written otherwise. `dtype`: as files say it; *offset: of its first
 * byte, then of the one behind its last. */
void fv_st_put_entry(fv_json *j, const char *name, const char *dtype, const fv_shape *shape, int64_t bytes,
                     int64_t *offset);
/* MODEL_CORRUPT unless the checksum in the file fits its bytes: the quick one where it has both. *has tells whether
 * there is one; a file without SHA-256 has none. */
fv_status fv_safetensors_verify(const fv_tensor_file *file, bool *has);

#endif
