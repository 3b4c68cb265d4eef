/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and checking safetensors. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "io/safetensors.h"
#include "io/safetensors_sparse.h"
#include "io/safetensors_stored.h"
#include "io/safetensors_dtype.h"

#define FV_ST_HEADER_MAX 100000000

/* ---- what the file is ---- */

/* Models of other formats, by their first bytes; what is no model at all fv_tensor_file_check knows. */
static const struct {
    const char *magic;
    size_t at, size;
    fv_status status;
    const char *what, *cure;
} strangers[] = {
    {"PK\3\4", 0, 4, FV_ERR_MODEL_FORMAT, "a zip archive", "give a safetensors file here"},
    {"\x80\2", 0, 2, FV_ERR_MODEL_FORMAT, "a pickle", "give a safetensors file here"},
    {"TFL3", 4, 4, FV_ERR_MODEL_FORMAT, "a TFLite model", "give it as the network, with --model"},
    {"{", 0, 1, FV_ERR_MODEL_FORMAT, "JSON, and no index of safetensors files", "give the .safetensors file itself"},
};

/* The first field of an ONNX file is its IR version, the second the name of who wrote it. */
static bool is_onnx(const uint8_t *data, int64_t size)
{
    return size > 3 && data[0] == 0x08 && data[1] >= 3 && data[1] < 0x20 && (data[2] == 0x12 || data[2] == 0x3a);
}

static fv_status check_stranger(const fv_tensor_file *file, const uint8_t *data, int64_t size)
{
    const char *what = NULL, *cure = NULL;
    fv_status status = FV_ERR_MODEL_FORMAT;
    FV_TRY(fv_tensor_file_check(file->ctx, file->name, data, size));
    for (size_t i = 0; !what && i < sizeof strangers / sizeof *strangers; i++) {
        if (size < (int64_t)(strangers[i].at + strangers[i].size) ||
            memcmp(data + strangers[i].at, strangers[i].magic, strangers[i].size) != 0)
            continue;
        what = strangers[i].what;
        cure = strangers[i].cure;
        status = strangers[i].status;
    }
    if (!what && is_onnx(data, size)) {
        what = "an ONNX model";
        cure = "give it as the network, with --model: it has weights of its own";
    }
    if (!what)
        return FV_OK;
    return fv_fail_hint(file->ctx, fv_fail(file->ctx, status, "%s: this is %s, not safetensors", file->name, what),
                        "%s", cure);
}

/* Finds the header; *header is its first byte, *length its size. */
static fv_status find_header(fv_tensor_file *file, const uint8_t *data, int64_t size, const char **header,
                             int64_t *length)
{
    uint64_t n = 0;
    for (int i = 0; i < 8 && i < size; i++)
        n |= (uint64_t)data[i] << (8 * i);
    bool fits = size >= 8 && n <= (uint64_t)(size - 8);
    if (!fits || n < 2 || data[8] != '{')
        FV_TRY(check_stranger(file, data, size));
    if (size < 8)
        return fv_tensor_file_bad(file, "%" PRId64 " bytes: too short for a safetensors file", size);
    if (n > FV_ST_HEADER_MAX)
        return fv_tensor_file_bad(file, "header of %" PRIu64 " bytes: at most %d are allowed", n, FV_ST_HEADER_MAX);
    if (!fits)
        return fv_tensor_file_bad(
            file, "header of %" PRIu64 " bytes in a file of %" PRId64 ": it is truncated or no safetensors", n, size);
    if (n < 2 || data[8] != '{')
        return fv_tensor_file_bad(file, "the header does not begin with '{': it is damaged or no safetensors");
    *header = (const char *)data + 8;
    *length = (int64_t)n;
    file->tensors = data + 8 + n;
    file->size = size - 8 - (int64_t)n;
    return FV_OK;
}

/* ---- entries ---- */

static fv_status read_dtype(const fv_tensor_file *file, const fv_doc_node *node, fv_st_entry *entry)
{
    if (!node || node->kind != FV_DOC_STRING)
        return fv_tensor_file_bad(file, "tensor '%.200s': dtype is missing or no text", entry->name);
    entry->dtype = fv_st_dtype_find(node->text);
    if (entry->dtype >= 0)
        return FV_OK;
    return fv_tensor_file_bad(file, "tensor '%.200s': unknown dtype '%.40s'", entry->name, node->text);
}

static fv_status read_shape(const fv_tensor_file *file, const fv_doc_node *node, fv_st_entry *entry)
{
    if (!node || node->kind != FV_DOC_LIST)
        return fv_tensor_file_bad(file, "tensor '%.200s': shape is missing or no list", entry->name);
    if (node->count > FV_MAX_RANK)
        return fv_tensor_file_bad(file, "tensor '%.200s': %" PRId64 " dimensions: at most %d are supported",
                                  entry->name, node->count, FV_MAX_RANK);
    entry->shape.rank = (int32_t)node->count;
    for (int64_t i = 0; i < node->count; i++) {
        if (node->child[i].kind != FV_DOC_INT || node->child[i].integer < 0)
            return fv_tensor_file_bad(file, "tensor '%.200s': dimension %" PRId64 " is no number above or equal to 0",
                                      entry->name, i);
        entry->shape.dim[i] = node->child[i].integer;
    }
    return FV_OK;
}

static fv_status read_offsets(const fv_tensor_file *file, const fv_doc_node *node, fv_st_entry *entry)
{
    int64_t bytes = fv_shape_count(&entry->shape);
    if (!node || node->kind != FV_DOC_LIST || node->count != 2 || node->child[0].kind != FV_DOC_INT ||
        node->child[1].kind != FV_DOC_INT)
        return fv_tensor_file_bad(file, "tensor '%.200s': data_offsets is not a list of two whole numbers",
                                  entry->name);
    entry->begin = node->child[0].integer;
    entry->end = node->child[1].integer;
    if (entry->begin < 0 || entry->end < entry->begin)
        return fv_tensor_file_bad(file, "tensor '%.200s': data_offsets [%" PRId64 ", %" PRId64 "] are impossible",
                                  entry->name, entry->begin, entry->end);
    if (entry->end > file->size)
        return fv_tensor_file_bad(
            file, "tensor '%.200s' ends at byte %" PRId64 " of %" PRId64 ": the file is truncated or its header wrong",
            entry->name, entry->end, file->size);
    if (bytes < 0 || !fv_size_mul(bytes, fv_st_dtype_size(entry->dtype), &bytes) || bytes != entry->end - entry->begin)
        return fv_tensor_file_bad(file, "tensor '%.200s': %" PRId64 " bytes do not fit its dtype %s and shape",
                                  entry->name, entry->end - entry->begin, fv_st_dtype_name(entry->dtype));
    entry->data = file->tensors + entry->begin;
    return FV_OK;
}

static fv_status read_entry(const fv_tensor_file *file, const fv_doc_node *node, fv_st_entry *entry)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    entry->name = node->key;
    if (node->kind != FV_DOC_MAP)
        return fv_tensor_file_bad(file, "tensor '%.200s': expected {dtype, shape, data_offsets}", entry->name);
    for (int64_t i = 0; i < node->count; i++) {
        const char *key = node->child[i].key;
        if (strcmp(key, keys[0]) != 0 && strcmp(key, keys[1]) != 0 && strcmp(key, keys[2]) != 0)
            return fv_tensor_file_bad(file, "tensor '%.200s': unknown key '%.40s'", entry->name, key);
    }
    FV_TRY(read_dtype(file, fv_doc_get(node, keys[0]), entry));
    FV_TRY(read_shape(file, fv_doc_get(node, keys[1]), entry));
    return read_offsets(file, fv_doc_get(node, keys[2]), entry);
}

static int by_offset(const void *a, const void *b)
{
    const fv_st_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The bytes must be used once each. */
static fv_status check_cover(const fv_tensor_file *file)
{
    int64_t at = 0;
    for (int64_t i = 0; i < file->count; i++) {
        const fv_st_entry *e = &file->entries[i];
        if (e->begin < at)
            return fv_tensor_file_bad(file, "tensors '%.100s' and '%.100s' overlap", file->entries[i - 1].name,
                                      e->name);
        if (e->begin > at)
            return fv_tensor_file_bad(file, "%" PRId64 " bytes before tensor '%.200s' belong to no tensor",
                                      e->begin - at, e->name);
        at = e->end;
    }
    if (at != file->size)
        return fv_tensor_file_bad(file, "%" PRId64 " bytes behind the last tensor%s%.200s%s belong to no tensor",
                                  file->size - at, file->count ? " '" : "",
                                  file->count ? file->entries[file->count - 1].name : "", file->count ? "'" : "");
    return FV_OK;
}

static fv_status read_metadata(fv_tensor_file *file, const fv_doc_node *node)
{
    if (node->kind != FV_DOC_MAP)
        return fv_tensor_file_bad(file, "__metadata__ is no map of texts");
    for (int64_t i = 0; i < node->count; i++) {
        if (node->child[i].kind != FV_DOC_STRING)
            return fv_tensor_file_bad(file, "__metadata__: '%.200s' is no text", node->child[i].key);
    }
    file->metadata = node;
    return FV_OK;
}

static fv_status read_header(fv_tensor_file *file, const char *header, int64_t length)
{
    fv_status status = fv_doc_parse_json(file->ctx, file->name, header, (size_t)length, &file->doc);
    if (status == FV_ERR_SYNTAX)
        return fv_fail_prefix(file->ctx, FV_ERR_MODEL_FORMAT, "safetensors header");
    if (status != FV_OK)
        return status;
    const fv_doc_node *root = fv_doc_root(file->doc);
    if (root->kind != FV_DOC_MAP)
        return fv_tensor_file_bad(file, "the header is no map");
    file->entries = fv_arena_alloc(file->arena, (size_t)(root->count + 1) * sizeof *file->entries);
    if (!file->entries)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < root->count; i++) {
        const fv_doc_node *node = &root->child[i];
        if (strcmp(node->key, "__metadata__") == 0)
            FV_TRY(read_metadata(file, node));
        else
            FV_TRY(read_entry(file, node, &file->entries[file->count++]));
    }
    qsort(file->entries, (size_t)file->count, sizeof *file->entries, by_offset);
    FV_TRY(fv_tensor_file_index(file));
    return check_cover(file);
}

fv_status fv_safetensors_read(fv_tensor_file *file, const uint8_t *data, int64_t size)
{
    const char *header = NULL;
    int64_t length = 0;
    FV_TRY(find_header(file, data, size, &header, &length));
    FV_TRY(read_header(file, header, length));
    FV_TRY(fv_sparse_expand(file));
    return fv_stored_expand(file);
}

fv_status fv_safetensors_parse(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_tensor_file **out)
{
    FV_TRY(fv_tensor_file_create(ctx, name, "safetensors", out));
    fv_status status = fv_safetensors_read(*out, data, size);
    if (status != FV_OK)
        fv_tensor_file_close(out);
    return status;
}

void fv_safetensors_sha256(const fv_tensor_file *file, char hex[65])
{
    fv_sha256 h;
    uint8_t digest[32];
    fv_sha256_init(&h);
    fv_sha256_update(&h, file->tensors, (size_t)file->size);
    fv_sha256_final(&h, digest);
    fv_sha256_hex(digest, hex);
}

/* Whether the quick checksum, of the tensors and of the other one's text, is there and fits. */
static bool has_crc32c(const fv_tensor_file *file, const char *sha256)
{
    const char *expected = fv_tensor_file_metadata(file, FV_ST_CRC32C_KEY);
    char hex[9];
    if (!expected)
        return false;
    const uint32_t crc = fv_crc32c(file->tensors, (size_t)file->size);
    snprintf(hex, sizeof hex, "%08" PRIx32, fv_crc32c_more(crc, sha256, strlen(sha256)));
    return strcmp(hex, expected) == 0;
}

fv_status fv_safetensors_verify(const fv_tensor_file *file, bool *has)
{
    char hex[65];
    const char *expected = fv_tensor_file_metadata(file, FV_ST_SHA256_KEY);
    if (has)
        *has = expected != NULL;
    if (!expected || has_crc32c(file, expected))
        return FV_OK;
    fv_safetensors_sha256(file, hex);
    if (strcmp(hex, expected) != 0)
        return fv_fail(file->ctx, FV_ERR_MODEL_CORRUPT,
                       "%s: the weights are damaged: SHA-256 %.16s..., expected %.16s...", file->name, hex, expected);
    expected = fv_tensor_file_metadata(file, FV_ST_CRC32C_KEY);
    return !expected ? FV_OK
                     : fv_fail(file->ctx, FV_ERR_MODEL_CORRUPT, "%s: '" FV_ST_CRC32C_KEY "' is damaged: '%.20s'",
                               file->name, expected);
}
