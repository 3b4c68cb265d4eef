/* SPDX-License-Identifier: Apache-2.0 */
/* Files of named tensors: which format one is in, and what the readers share. */
#include "io/tensor_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/ctx.h"
#include "base/hash.h"
#include "io/caffe/caffe.h"
#include "io/darknet/darknet.h"
#include "io/keras/keras.h"
#include "io/safetensors.h"
#include "io/torch/torch.h"
#include "tensor/within.h"

/* In the order in which they are asked; the last one takes, or refuses by name, whatever is left. */
static const struct {
    const char *name;
    bool (*is)(const uint8_t *data, int64_t size);
    fv_status (*read)(fv_tensor_file *file, const uint8_t *data, int64_t size);
} formats[] = {
    {"Keras", fv_keras_is_archive, fv_keras_read_archive},
    {"Keras", fv_keras_is_weights, fv_keras_read_weights},
    {"PyTorch", fv_torch_is_zip, fv_torch_read_zip},
    {"PyTorch", fv_torch_is_legacy, fv_torch_read_legacy},
    {"safetensors index", fv_safetensors_is_index, fv_safetensors_read_index},
    {"Caffe", fv_caffe_is, fv_caffe_refuse_tensors},
    {"darknet", fv_darknet_is_weights, fv_darknet_refuse_tensors},
    {"safetensors", NULL, fv_safetensors_read},
};

fv_status fv_tensor_file_parse(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size, fv_tensor_file **out)
{
    size_t i = 0;
    while (formats[i].is && !formats[i].is(data, size))
        i++;
    FV_TRY(fv_tensor_file_create(ctx, name, formats[i].name, out));
    fv_status status = formats[i].read(*out, data, size);
    if (status != FV_OK)
        fv_tensor_file_close(out);
    return status;
}

/* The file is in memory while its tensors are copied out of it: asked before a byte of it is read. */
static fv_status check_budget(fv_ctx *ctx, const char *path)
{
    const int64_t limit = fv_ctx_memory_limit(ctx);
    struct stat st;
    int64_t now, need;
    fv_ctx_memory(ctx, &now, NULL);
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || limit <= 0 ||
        (fv_size_add(st.st_size, now, &need) && need <= limit))
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_OVER_BUDGET,
                                "%s: reading it needs %.1f MiB and %.1f MiB are in use, but the limit is %.1f MiB",
                                path, (double)st.st_size / 1048576, (double)now / 1048576, (double)limit / 1048576),
                        "use a smaller model, or raise --memory");
}

/* What is given by mistake where a model was meant. `text`: blanks may stand in front, and case does not count. */
static const struct {
    const char *first;
    size_t length;
    bool text;
    const char *is, *cure;
} strangers[] = {
#define PAGE  "fetch the file itself: on the page of a repository it is behind the link to the raw file, or the download"
#define IMAGE "give a model file here; `fovea predict --source` takes images"
    {"<!doctype html", 14, true, "a web page (HTML)", PAGE},
    {"<html", 5, true, "a web page (HTML)", PAGE},
    {"<head", 5, true, "a web page (HTML)", PAGE},
    {"<?xml", 5, true, "XML", "networks in XML are not read: give the file that it was made of, in ONNX for instance"},
    {"<!--", 4, true, "a web page (HTML) or XML", PAGE},
    {"404: not found", 14, true, "what a server says of an address without a file", "fetch the file itself"},
    {"version https://git-lfs", 23, true, "a Git LFS pointer instead of the file it stands for",
     "fetch the file itself with git lfs pull"},
    {"\x1f\x8b\x08", 3, false, "a gzip file", "unpack it first"},
    {"BZh", 3, false, "a bzip2 file", "unpack it first"},
    {"\xfd"
     "7zXZ",
     5, false, "an xz file", "unpack it first"},
    {"\x28\xb5\x2f\xfd", 4, false, "a zstd file", "unpack it first"},
    {"7z\xbc\xaf\x27\x1c", 6, false, "a 7z archive", "unpack it first"},
    {"Rar!\x1a", 5, false, "a RAR archive", "unpack it first"},
    {"%PDF-", 5, false, "a PDF", "give a model file here"},
    {"\x89PNG", 4, false, "a PNG image", IMAGE},
    {"\xff\xd8\xff", 3, false, "a JPEG image", IMAGE},
#undef PAGE
#undef IMAGE
};

static bool begins(const uint8_t *data, int64_t size, size_t row)
{
    const size_t length = strangers[row].length;
    int64_t at = strangers[row].text && size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (strangers[row].text && at < size && strchr(" \t\r\n", data[at]) && data[at])
        at++;
    if (size - at < (int64_t)length)
        return false;
    return strangers[row].text ? strncasecmp((const char *)data + at, strangers[row].first, length) == 0
                               : memcmp(data + at, strangers[row].first, length) == 0;
}

fv_status fv_tensor_file_check(fv_ctx *ctx, const char *name, const uint8_t *data, int64_t size)
{
    if (size == 0)
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: 0 bytes: the file is empty", name),
                            "fetch it again");
    if (size > 8 && data[8] == '{' && memcmp(data + 4, "\0\0\0\0", 4) == 0)
        return FV_OK; /* safetensors, whose first bytes are the size of their header: any */
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if (begins(data, size, i))
            return fv_fail_hint(
                ctx, fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: this is %s, and no model", name, strangers[i].is), "%s",
                strangers[i].cure);
    return FV_OK;
}

fv_status fv_tensor_file_load(fv_ctx *ctx, const char *path, fv_blob *blob)
{
    FV_TRY(check_budget(ctx, path));
    FV_TRY(fv_blob_read(ctx, path, blob));
    fv_status status = fv_tensor_file_check(ctx, path, blob->data, blob->size);
    if (status != FV_OK)
        fv_blob_free(ctx, blob);
    return status;
}

/* Opens by a parser of memory, and lets the file own its bytes. */
static fv_status open_by(fv_status (*parse)(fv_ctx *, const char *, const uint8_t *, int64_t, fv_tensor_file **),
                         fv_ctx *ctx, const char *path, fv_tensor_file **out)
{
    fv_blob own;
    *out = NULL;
    FV_TRY(fv_tensor_file_load(ctx, path, &own));
    fv_status status = parse(ctx, path, own.data, own.size, out);
    if (status == FV_OK)
        status = fv_tensor_file_take(*out, &own);
    if (status != FV_OK) {
        fv_blob_free(ctx, &own);
        fv_tensor_file_close(out);
    }
    return status;
}

fv_status fv_tensor_file_open(fv_ctx *ctx, const char *path, fv_tensor_file **out)
{
    return open_by(fv_tensor_file_parse, ctx, path, out);
}

fv_status fv_safetensors_open(fv_ctx *ctx, const char *path, fv_tensor_file **out)
{
    return open_by(fv_safetensors_parse, ctx, path, out);
}

/* ---- for readers ---- */

fv_status fv_tensor_file_create(fv_ctx *ctx, const char *name, const char *format, fv_tensor_file **out)
{
    fv_tensor_file *file = fv_new(ctx, fv_tensor_file);
    *out = NULL;
    if (!file)
        return FV_ERR_NO_MEMORY;
    file->ctx = ctx;
    file->format = format;
    fv_status status = fv_arena_create(ctx, &file->arena);
    if (status == FV_OK && !(file->name = fv_arena_strdup(file->arena, name)))
        status = FV_ERR_NO_MEMORY;
    if (status != FV_OK)
        fv_tensor_file_close(&file);
    *out = file;
    return status;
}

/* Behind those of the same hash, so that the first of a name is found. */
static void index_put(fv_tensor_file *file, int64_t i)
{
    const int64_t mask = file->n_index - 1;
    int64_t at = fv_hash_text(file->entries[i].name) & mask;
    while (file->index[at])
        at = (at + 1) & mask;
    file->index[at] = (int32_t)(i + 1);
}

fv_status fv_tensor_file_index(fv_tensor_file *file)
{
    int64_t room = 64;
    while (room < 4 * file->count)
        room *= 2;
    if (file->count > INT32_MAX - 1)
        return fv_tensor_file_bad(file, "%lld tensors: too many", (long long)file->count);
    file->index = fv_arena_alloc(file->arena, (size_t)room * sizeof *file->index);
    file->n_index = file->index ? room : 0;
    for (int64_t i = 0; file->index && i < file->count; i++)
        index_put(file, i);
    return file->index ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_tensor_file_add(fv_tensor_file *file, const fv_st_entry *entry)
{
    if (fv_tensor_file_find(file, entry->name))
        return fv_tensor_file_bad(file, "tensor '%.200s' is there twice", entry->name);
    if (file->count == file->capacity) {
        const int64_t capacity = file->capacity ? 2 * file->capacity : 64;
        fv_st_entry *grown = fv_arena_alloc(file->arena, (size_t)capacity * sizeof *grown);
        if (!grown)
            return FV_ERR_NO_MEMORY;
        if (file->count)
            memcpy(grown, file->entries, (size_t)file->count * sizeof *grown);
        file->entries = grown;
        file->capacity = capacity;
    }
    file->entries[file->count++] = *entry;
    if (2 * file->count > file->n_index)
        return fv_tensor_file_index(file);
    index_put(file, file->count - 1);
    return FV_OK;
}

static fv_status take(fv_tensor_file *file, fv_tensor *bytes)
{
    fv_tensor **own = fv_realloc(file->ctx, file->own, (size_t)(file->n_own + 1) * sizeof *own);
    if (!own)
        return FV_ERR_NO_MEMORY;
    file->own = own;
    own[file->n_own++] = bytes;
    return FV_OK;
}

fv_status fv_tensor_file_take(fv_tensor_file *file, fv_blob *blob)
{
    fv_tensor *bytes;
    FV_TRY(take(file, NULL));
    fv_status status = fv_tensor_adopt(file->ctx, blob->data, blob->size, &bytes);
    file->own[file->n_own - 1] = bytes;
    if (status == FV_OK)
        *blob = (fv_blob){0};
    return status;
}

fv_status fv_tensor_file_take_part(fv_tensor_file *file, const fv_tensor_file *part)
{
    for (int i = 0; i < part->n_own; i++) {
        FV_TRY(take(file, NULL));
        FV_TRY(fv_tensor_share(part->own[i], &file->own[file->n_own - 1]));
    }
    return FV_OK;
}

fv_status fv_tensor_file_share(const fv_tensor_file *file, const fv_st_entry *entry, const fv_shape *shape,
                               fv_tensor **tensor)
{
    *tensor = NULL;
    for (int i = 0; entry->dtype < FV_DTYPE_COUNT && i < file->n_own; i++) {
        const uintptr_t first = (uintptr_t)fv_tensor_const_data(file->own[i]), here = (uintptr_t)entry->data;
        const int64_t at = (int64_t)(here - first);
        if (here >= first && fv_tensor_has_within(file->own[i], at, (fv_dtype)entry->dtype, shape))
            return fv_tensor_within(file->own[i], at, (fv_dtype)entry->dtype, shape, tensor);
    }
    return FV_OK;
}

fv_status fv_tensor_file_bad(const fv_tensor_file *file, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fv_fail(file->ctx, FV_ERR_MODEL_FORMAT, "%s: %s", file->name, text);
}

void fv_tensor_file_close(fv_tensor_file **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_tensor_file *file = *ptr;
    *ptr = NULL;
    fv_doc_destroy(&file->doc);
    fv_arena_destroy(&file->arena);
    for (int i = 0; i < file->n_own; i++)
        fv_tensor_destroy(&file->own[i]);
    fv_free(file->ctx, file->own);
    fv_free(file->ctx, file);
}

/* ---- looking ---- */

fv_ctx *fv_tensor_file_ctx(const fv_tensor_file *file)
{
    return file->ctx;
}

const char *fv_tensor_file_name(const fv_tensor_file *file)
{
    return file->name;
}

int64_t fv_tensor_file_count(const fv_tensor_file *file)
{
    return file->count;
}

const fv_st_entry *fv_tensor_file_entry(const fv_tensor_file *file, int64_t i)
{
    return i >= 0 && i < file->count ? &file->entries[i] : NULL;
}

fv_status fv_tensor_file_room(const fv_tensor_file *file, int64_t bytes)
{
    const int64_t limit = fv_ctx_memory_limit(file->ctx);
    int64_t now, need;
    fv_ctx_memory(file->ctx, &now, NULL);
    if (limit <= 0 || (fv_size_add(bytes, now, &need) && need <= limit))
        return FV_OK;
    return fv_fail_hint(file->ctx,
                        fv_fail(file->ctx, FV_ERR_OVER_BUDGET,
                                "%s: a tensor that the file holds in fewer bytes needs %.1f MiB and %.1f MiB are in "
                                "use, but the limit is %.1f MiB",
                                file->name, (double)bytes / 1048576, (double)now / 1048576, (double)limit / 1048576),
                        "use a smaller model, or raise --memory");
}

const fv_st_entry *fv_tensor_file_find(const fv_tensor_file *file, const char *name)
{
    const int64_t mask = file->n_index - 1;
    for (int64_t at = file->index ? fv_hash_text(name) & mask : 0; file->index && file->index[at];
         at = (at + 1) & mask) {
        const fv_st_entry *entry = &file->entries[file->index[at] - 1];
        if (strcmp(entry->name, name) == 0)
            return entry;
    }
    return NULL;
}

const char *fv_tensor_file_metadata(const fv_tensor_file *file, const char *key)
{
    const fv_doc_node *node = file->metadata ? fv_doc_get(file->metadata, key) : NULL;
    return node ? node->text : NULL;
}
