/* SPDX-License-Identifier: Apache-2.0 */
/* Writing safetensors: tensors are brought into the file's order row by row, on the way out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/json.h"
#include "io/safetensors.h"

/* Bytes collected before they go on. */
#define FV_ST_CHUNK ((int64_t)1 << 18)

/* Where tensor bytes go: into checksums or into a file. */
typedef struct st_sink {
    fv_sha256 *hash;
    uint32_t *crc;
    fv_writer *writer;
    char *chunk; /* FV_ST_CHUNK bytes and one row */
} st_sink;

static fv_status put(const st_sink *sink, const void *data, int64_t size)
{
    if (size == 0)
        return FV_OK;
    if (sink->hash) {
        fv_sha256_update(sink->hash, data, (size_t)size);
        *sink->crc = fv_crc32c_more(*sink->crc, data, (size_t)size);
        return FV_OK;
    }
    return fv_writer_put(sink->writer, data, (size_t)size);
}

static bool is_turned(const fv_st_item *item)
{
    return item->mid > 1 && item->inner > 1;
}

/* Bytes. */
static int64_t row_size(const fv_st_item *item)
{
    return item->mid * item->inner * (int64_t)fv_dtype_size(item->dtype);
}

/* One row [mid][inner] -> [inner][mid] of elements of `size` bytes. */
static inline void turn(const fv_st_item *item, const char *src, char *dst, size_t size)
{
    for (int64_t c = 0; c < item->inner; c++) {
        for (int64_t m = 0; m < item->mid; m++)
            memcpy(dst + (size_t)(c * item->mid + m) * size, src + (size_t)(m * item->inner + c) * size, size);
    }
}

static fv_status put_item(const st_sink *sink, const fv_st_item *item)
{
    const char *src = item->data;
    const size_t size = fv_dtype_size(item->dtype);
    int64_t used = 0; /* bytes in the chunk */
    if (!is_turned(item))
        return put(sink, item->data, fv_shape_count(&item->shape) * (int64_t)fv_dtype_size(item->dtype));
    for (int64_t o = 0; o < item->outer; o++, src += row_size(item)) {
        if (size == 4) /* which the compiler then knows */
            turn(item, src, sink->chunk + used, 4);
        else
            turn(item, src, sink->chunk + used, size);
        used += row_size(item);
        if (used >= FV_ST_CHUNK || o + 1 == item->outer) {
            FV_TRY(put(sink, sink->chunk, used));
            used = 0;
        }
    }
    return FV_OK;
}

/* 8-byte elements first, then the rest, each in the order given. */
static fv_status put_items(const st_sink *sink, const fv_st_item *items, int64_t n_items)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < n_items; i++) {
            if ((fv_dtype_size(items[i].dtype) == 8) == (pass == 0))
                FV_TRY(put_item(sink, &items[i]));
        }
    }
    return FV_OK;
}

void fv_st_put_entry(fv_json *j, const char *name, const char *dtype, const fv_shape *shape, int64_t bytes,
                     int64_t *offset)
{
    fv_json_key(j, name);
    fv_json_begin_object(j);
    fv_json_key(j, "dtype");
    fv_json_string(j, dtype);
    fv_json_key(j, "shape");
    fv_json_begin_array(j);
    for (int d = 0; d < shape->rank; d++)
        fv_json_int(j, shape->dim[d]);
    fv_json_end_array(j);
    fv_json_key(j, "data_offsets");
    fv_json_begin_array(j);
    fv_json_int(j, *offset);
    *offset += bytes;
    fv_json_int(j, *offset);
    fv_json_end_array(j);
    fv_json_end_object(j);
}

static void describe_item(fv_json *j, const fv_st_item *item, int64_t *offset)
{
    fv_st_put_entry(j, item->name, fv_dtype_find(item->dtype)->file, &item->shape,
                    fv_shape_count(&item->shape) * (int64_t)fv_dtype_size(item->dtype), offset);
}

/* The header with its length in front, padded so that the tensors begin at a multiple of 8, and those behind the ones
 * of 8-byte elements at one of FV_ALIGN, where a reader can use them as they lie. */
static fv_status make_header(fv_str *out, const fv_st_item *items, int64_t n_items, const fv_st_text *texts,
                             int64_t n_texts, const char *sha256, const char *crc32c)
{
    fv_json j = {.out = out};
    int64_t offset = 0, eights = 0;
    uint8_t length[8];
    fv_str_append_n(out, "\0\0\0\0\0\0\0\0", 8);
    fv_json_begin_object(&j);
    fv_json_key(&j, "__metadata__");
    fv_json_begin_object(&j);
    fv_json_key(&j, "format");
    fv_json_string(&j, "pt");
    fv_json_key(&j, FV_ST_SHA256_KEY);
    fv_json_string(&j, sha256);
    fv_json_key(&j, FV_ST_CRC32C_KEY);
    fv_json_string(&j, crc32c);
    for (int64_t i = 0; i < n_texts; i++) {
        fv_json_key(&j, texts[i].key);
        fv_json_string(&j, texts[i].value);
    }
    fv_json_end_object(&j);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < n_items; i++) {
            if ((fv_dtype_size(items[i].dtype) == 8) == (pass == 0))
                describe_item(&j, &items[i], &offset);
        }
        eights = pass == 0 ? offset : eights;
    }
    fv_json_end_object(&j);
    while ((out->size + (size_t)eights) % FV_ALIGN != 0 && !out->failed)
        fv_str_append(out, " ");
    FV_TRY(fv_str_status(out));
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)(out->size - 8) >> (8 * i));
    memcpy(out->data, length, sizeof length);
    return FV_OK;
}

fv_status fv_safetensors_write(fv_ctx *ctx, const char *path, const fv_st_item *items, int64_t n_items,
                               const fv_st_text *texts, int64_t n_texts)
{
    fv_sha256 hash;
    uint8_t digest[32];
    uint32_t crc = 0;
    char hex[65], crc_hex[9];
    fv_str header = {.ctx = ctx};
    fv_writer *writer = NULL;
    int64_t row = 0;
    for (int64_t i = 0; i < n_items; i++)
        row = is_turned(&items[i]) && row_size(&items[i]) > row ? row_size(&items[i]) : row;
    char *chunk = fv_malloc(ctx, (size_t)FV_ST_CHUNK + (size_t)row);
    if (!chunk)
        return FV_ERR_NO_MEMORY;
    fv_sha256_init(&hash);
    fv_status status = put_items(&(st_sink){.hash = &hash, .crc = &crc, .chunk = chunk}, items, n_items);
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
    snprintf(crc_hex, sizeof crc_hex, "%08" PRIx32, fv_crc32c_more(crc, hex, strlen(hex)));
    if (status == FV_OK)
        status = make_header(&header, items, n_items, texts, n_texts, hex, crc_hex);
    if (status == FV_OK)
        status = fv_writer_open(ctx, path, &writer);
    if (status == FV_OK)
        status = fv_writer_put(writer, header.data, header.size);
    if (status == FV_OK)
        status = put_items(&(st_sink){.writer = writer, .chunk = chunk}, items, n_items);
    if (status == FV_OK)
        status = fv_writer_commit(&writer);
    fv_writer_abort(&writer);
    fv_str_free(&header);
    fv_free(ctx, chunk);
    return status;
}
