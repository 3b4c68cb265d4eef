/* SPDX-License-Identifier: Apache-2.0 */
#include <fovea/arrays.h>

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/npy.h"
#include "io/zip.h"

/* What the members of an archive may have together: they may be packed tightly. */
#define UNPACKED_MAX (INT64_C(2) << 30)

struct fv_arrays {
    fv_ctx *ctx;
    fv_tensor **tensors;
    char **names;
    int count;
};

fv_status fv_arrays_create(fv_ctx *ctx, fv_arrays **arrays)
{
    *arrays = fv_new(ctx, fv_arrays);
    if (!*arrays)
        return FV_ERR_NO_MEMORY;
    (*arrays)->ctx = ctx;
    return FV_OK;
}

void fv_arrays_destroy(fv_arrays **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_arrays *a = *ptr;
    *ptr = NULL;
    for (int i = 0; i < a->count; i++) {
        fv_tensor_destroy(&a->tensors[i]);
        fv_free(a->ctx, a->names[i]);
    }
    fv_free(a->ctx, a->tensors);
    fv_free(a->ctx, a->names);
    fv_free(a->ctx, a);
}

int fv_arrays_count(const fv_arrays *arrays)
{
    return arrays->count;
}

const char *fv_arrays_name(const fv_arrays *arrays, int i)
{
    return i >= 0 && i < arrays->count ? arrays->names[i] : NULL;
}

const fv_tensor *fv_arrays_tensor(const fv_arrays *arrays, int i)
{
    return i >= 0 && i < arrays->count ? arrays->tensors[i] : NULL;
}

/* Takes *tensor. */
static fv_status take(fv_arrays *a, const char *name, size_t length, fv_tensor *tensor)
{
    const size_t count = (size_t)a->count + 1;
    fv_tensor **tensors = fv_realloc(a->ctx, a->tensors, count * sizeof(fv_tensor *));
    a->tensors = tensors ? tensors : a->tensors;
    char **names = tensors ? fv_realloc(a->ctx, a->names, count * sizeof(char *)) : NULL;
    a->names = names ? names : a->names;
    char *copy = names ? fv_malloc(a->ctx, length + 1) : NULL;
    if (!copy) {
        fv_tensor_destroy(&tensor);
        return FV_ERR_NO_MEMORY;
    }
    memcpy(copy, name, length);
    copy[length] = '\0';
    a->names[a->count] = copy;
    a->tensors[a->count++] = tensor;
    return FV_OK;
}

fv_status fv_arrays_add(fv_arrays *arrays, const char *name, const fv_tensor *tensor)
{
    fv_tensor *shared;
    FV_TRY(fv_tensor_share(tensor, &shared));
    return take(arrays, name, strlen(name), shared);
}

/* ---- reading ---- */

/* NumPy's types, what they become, and their own letter where it is another one. */
static const struct {
    char kind;
    int bytes;
    fv_dtype dtype;
} types[] = {
    {'f', 4, FV_F32}, {'f', 8, FV_F64}, {'f', 2, FV_F16},  {'i', 1, FV_I8},  {'i', 2, FV_I16}, {'i', 4, FV_I32},
    {'i', 8, FV_I64}, {'u', 1, FV_U8},  {'b', 1, FV_BOOL}, {'u', 2, FV_I32}, {'u', 4, FV_I64},
};
enum { TYPES = sizeof types / sizeof types[0], TYPES_WRITTEN = TYPES - 2 };

/* Element of `size` bytes at src in the machine's order, as an unsigned number. */
static uint64_t bits_of(const uint8_t *src, int size, bool big)
{
    uint64_t bits = 0;
    for (int k = 0; k < size; k++)
        bits |= (uint64_t)src[big ? size - 1 - k : k] << (8 * k);
    return bits;
}

/* Elements in the order of the file -> those of the tensor, last index fastest. */
static void unpack(const fv_npy *npy, const uint8_t *src, fv_dtype dtype, void *dst)
{
    const size_t size = fv_dtype_size(dtype);
    int64_t at[FV_NPY_MAX_DIMS] = {0}, stride[FV_NPY_MAX_DIMS], step = 1, from = 0;
    for (int d = 0; d < npy->n_dims; d++) {
        const int k = npy->fortran ? d : npy->n_dims - 1 - d;
        stride[k] = step;
        step *= npy->dims[k];
    }
    for (int64_t i = 0; i < npy->elements; i++) {
        const uint64_t bits = bits_of(src + from * npy->item_bytes, npy->item_bytes, npy->big);
        memcpy((char *)dst + (size_t)i * size, &bits, size);
        for (int d = npy->n_dims - 1; d >= 0; d--) {
            from += stride[d];
            if (++at[d] < npy->dims[d])
                break;
            from -= stride[d] * npy->dims[d];
            at[d] = 0;
        }
    }
}

static fv_status read_npy(fv_arrays *a, const char *path, const char *name, size_t length, const uint8_t *data,
                          int64_t size)
{
    fv_image_error error = {.byte = -1};
    fv_image_job job = {.ctx = a->ctx, .error = &error, .data = data, .size = (size_t)size};
    fv_npy npy;
    fv_tensor *tensor = NULL;
    if (!fv_npy_sniff(data, (size_t)size))
        return fv_fail(a->ctx, FV_ERR_DATA_FORMAT, "%s: '%.*s' is no NPY array", path, (int)length, name);
    fv_status status = fv_npy_parse(&job, data, (size_t)size, &npy);
    if (status != FV_OK)
        return fv_fail(a->ctx, status, "%s: %.*s: %s", path, (int)length, name, error.text);
    size_t t = 0;
    while (t < TYPES && (types[t].kind != npy.kind || types[t].bytes != npy.item_bytes))
        t++;
    if (t == TYPES)
        return fv_fail(a->ctx, FV_ERR_DATA_FORMAT, "%s: '%.*s' is of NumPy's type %c%d, which is not read", path,
                       (int)length, name, npy.kind, npy.item_bytes);
    if (npy.data_bytes > size - (int64_t)npy.data)
        return fv_fail(a->ctx, FV_ERR_DATA_TRUNCATED, "%s: '%.*s' ends after %lld of %lld bytes", path, (int)length,
                       name, (long long)(size - (int64_t)npy.data), (long long)npy.data_bytes);
    fv_shape shape = {.rank = npy.n_dims};
    memcpy(shape.dim, npy.dims, (size_t)npy.n_dims * sizeof *npy.dims);
    FV_TRY(fv_tensor_create(a->ctx, types[t].dtype, &shape, &tensor));
    unpack(&npy, data + npy.data, types[t].dtype, fv_tensor_data(tensor));
    return take(a, name, length, tensor);
}

static fv_status read_npz(fv_arrays *a, const char *path, const fv_blob *blob)
{
    fv_arena *arena = NULL;
    fv_zip *zip = NULL;
    fv_status status = fv_arena_create(a->ctx, &arena);
    if (status == FV_OK)
        status = fv_zip_open(a->ctx, path, blob->data, blob->size, arena, UNPACKED_MAX, &zip);
    for (int64_t i = 0; status == FV_OK && i < fv_zip_count(zip); i++) {
        const char *name = fv_zip_name(zip, i);
        const size_t length = strlen(name);
        const uint8_t *data;
        int64_t size;
        if (length < 4 || strcmp(name + length - 4, ".npy") != 0)
            continue;
        status = fv_zip_read(zip, name, &data, &size);
        if (status == FV_OK && data)
            status = read_npy(a, path, name, length - 4, data, size);
    }
    fv_zip_close(&zip);
    fv_arena_destroy(&arena);
    if (status == FV_OK && a->count == 0)
        status = fv_fail(a->ctx, FV_ERR_DATA_EMPTY, "%s: there are no arrays in this archive", path);
    return status == FV_ERR_MODEL_FORMAT ? FV_ERR_DATA_FORMAT : status;
}

fv_status fv_arrays_read(fv_ctx *ctx, const char *path, fv_arrays **arrays)
{
    fv_blob blob;
    *arrays = NULL;
    FV_TRY(fv_blob_read(ctx, path, &blob));
    fv_status status = fv_arrays_create(ctx, arrays);
    if (status == FV_OK && blob.size > 4 && memcmp(blob.data, "PK", 2) == 0)
        status = read_npz(*arrays, path, &blob);
    else if (status == FV_OK)
        status = read_npy(*arrays, path, "", 0, blob.data, blob.size);
    fv_blob_free(ctx, &blob);
    if (status != FV_OK)
        fv_arrays_destroy(arrays);
    return status;
}

/* ---- writing ---- */

/* Magic, version, length, dictionary. */
fv_status fv_npy_header(fv_str *out, fv_dtype dtype, const fv_shape *s)
{
    size_t k = 0;
    char dict[512] = "";
    while (k < TYPES_WRITTEN && types[k].dtype != dtype)
        k++;
    if (k == TYPES_WRITTEN)
        return fv_fail(out->ctx, FV_ERR_UNSUPPORTED, "NPY has no type for %s", fv_dtype_name(dtype));
    int at = snprintf(dict, sizeof dict, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (",
                      types[k].bytes == 1 ? '|' : '<', types[k].kind, types[k].bytes);
    for (int d = 0; d < s->rank; d++)
        at += snprintf(dict + at, sizeof dict - (size_t)at, "%lld,", (long long)s->dim[d]);
    at += snprintf(dict + at, sizeof dict - (size_t)at, "), }");
    const int total = (10 + at + 1 + 63) / 64 * 64, length = total - 10;
    const char head[10] = {(char)0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(length & 255), (char)(length >> 8)};
    fv_str_append_n(out, head, sizeof head);
    fv_str_printf(out, "%-*s\n", length - 1, dict);
    return fv_str_status(out);
}

fv_status fv_arrays_write(const fv_arrays *a, const char *path)
{
    static const char *const npy[] = {".npy", NULL};
    const bool one = a->count == 1 && fv_text_has_ending(path, npy);
    fv_writer *writer = NULL;
    fv_zip_writer zip = {.ctx = a->ctx};
    if (!one && fv_text_has_ending(path, npy))
        return fv_fail(a->ctx, FV_ERR_ARGUMENT, "%s: a .npy file holds one array, not %d: write to a .npz file", path,
                       a->count);
    FV_TRY(fv_writer_open(a->ctx, path, &writer));
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < a->count; i++) {
        fv_str head = {.ctx = a->ctx};
        char name[512];

        status = fv_npy_header(&head, fv_tensor_dtype(a->tensors[i]), fv_tensor_shape(a->tensors[i]));
        const fv_zip_part all[2] = {{head.data, head.size},
                                    {fv_tensor_const_data(a->tensors[i]), fv_tensor_bytes(a->tensors[i])}};
        snprintf(name, sizeof name, "%.400s.npy", a->names[i]);
        if (status == FV_OK && one) {
            for (int k = 0; k < 2 && status == FV_OK; k++)
                status = fv_writer_put(writer, all[k].data, all[k].size);
        } else if (status == FV_OK) {
            status = fv_zip_put(&zip, writer, name, all, 2);
        }
        fv_str_free(&head);
    }
    if (status == FV_OK && !one)
        status = fv_zip_finish(&zip, writer);
    fv_zip_discard(&zip);
    if (status != FV_OK) {
        fv_writer_abort(&writer);
        return status;
    }
    return fv_writer_commit(&writer);
}
