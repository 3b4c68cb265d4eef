/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The safetensors format: 8 bytes of header length (little endian), a JSON header, the tensors' bytes without a hole.
 * Files are untrusted: everything is checked before anything is used.
 */
#ifndef FV_IO_SAFETENSORS_H
#define FV_IO_SAFETENSORS_H

#include <fovea/tensor.h>

#include "base/file.h"

typedef struct fv_st_entry {
    const char *name;
    int dtype; /* fv_dtype; from FV_DTYPE_COUNT on: one that is not read as numbers (safetensors_dtype.h) */
    fv_shape shape;
    int64_t begin, end; /* bytes within the tensor section */
    const uint8_t *data;
} fv_st_entry;

typedef struct fv_safetensors fv_safetensors;

/*
 * Reads and checks a file. MODEL_FORMAT names the tensor at fault: overlap, hole, duplicate key, header above 100 MB,
 * offsets past the end, size that does not follow from dtype and shape, unknown dtype. MODEL_PICKLE for PyTorch's
 * pickle and zip files. *file is the caller's.
 */
fv_status fv_safetensors_open(fv_ctx *ctx, const char *path, fv_safetensors **file);
/* The same from memory, which must outlive *file. `name` is for messages. */
fv_status fv_safetensors_parse(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_safetensors **file);
void fv_safetensors_close(fv_safetensors **file);

fv_ctx *fv_safetensors_ctx(const fv_safetensors *file);
const char *fv_safetensors_name(const fv_safetensors *file);
/* Entries in the order of their bytes. */
int64_t fv_safetensors_count(const fv_safetensors *file);
const fv_st_entry *fv_safetensors_entry(const fv_safetensors *file, int64_t i);
const fv_st_entry *fv_safetensors_find(const fv_safetensors *file, const char *name);
/* A text of `__metadata__`; NULL: absent. */
const char *fv_safetensors_metadata(const fv_safetensors *file, const char *key);
/* SHA-256 of the tensor section, as hex. */
void fv_safetensors_sha256(const fv_safetensors *file, char hex[65]);

/* Elements [begin, begin + count) as floats, each rounded to one. MODEL_FORMAT when the dtype is not the library's. */
fv_status fv_safetensors_floats(const fv_safetensors *file, const fv_st_entry *entry, int64_t begin, int64_t count,
                                float *dst);
/* Elements as 64-bit integers; not for floats. */
fv_status fv_safetensors_integers(const fv_safetensors *file, const fv_st_entry *entry, int64_t begin, int64_t count,
                                  int64_t *dst);

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

/* Key of the checksum that fv_safetensors_write adds: SHA-256 of the tensor section. */
#define FV_ST_SHA256_KEY "fovea.sha256"

/*
 * Writes atomically; the same arguments give the same bytes. Tensors with 8-byte elements go first, then the others in
 * the order given, so that each is aligned to its element. `format: pt` and the checksum are added to `texts`.
 */
fv_status fv_safetensors_write(fv_ctx *ctx, const char *path, const fv_st_item *items, int64_t n_items,
                               const fv_st_text *texts, int64_t n_texts);
/* MODEL_CORRUPT unless the checksum in the file fits its bytes; *has tells whether there is one. */
fv_status fv_safetensors_verify(const fv_safetensors *file, bool *has);

#endif
