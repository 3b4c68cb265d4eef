/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of the file: shapes, scales, and constants, also sparse ones. */
#include <string.h>

#include "io/tflite/node.h"

/* Fields of the tables, by number. */
enum { TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_SCALES, TENSOR_VARIABLE, TENSOR_SPARSITY };
enum { SCALES_SCALE = 2, SCALES_ZERO, SCALES_AXIS = 6 };
enum { BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE };
enum { SPARSE_ORDER, SPARSE_BLOCKS, SPARSE_DIMENSIONS };
enum { LEVEL_FORMAT, LEVEL_SIZE, LEVEL_SEGMENTS_TYPE, LEVEL_SEGMENTS, LEVEL_INDICES_TYPE, LEVEL_INDICES };

static fv_flat_table table_of(const fv_tflite_file *file, int64_t tensor)
{
    return tensor >= 0 && tensor < file->tensors.count ? fv_flat_list_child(file->tensors, tensor)
                                                       : (fv_flat_table){file->tensors.flat, 0};
}

int64_t fv_tflite_type(const fv_tflite_file *file, int64_t tensor)
{
    return fv_flat_byte(table_of(file, tensor), TENSOR_TYPE, 0);
}

const char *fv_tflite_tensor_name(const fv_tflite_file *file, int64_t tensor)
{
    return fv_flat_text(table_of(file, tensor), TENSOR_NAME);
}

fv_tflite_scales fv_tflite_scales_of(const fv_tflite_file *file, int64_t tensor)
{
    const fv_flat_table t = fv_flat_child(table_of(file, tensor), TENSOR_SCALES);
    fv_tflite_scales s = {fv_flat_list(t, SCALES_SCALE, 4), fv_flat_list(t, SCALES_ZERO, 8), 0,
                          fv_flat_int(t, SCALES_AXIS, 0)};
    s.count = s.scale.count;
    return s;
}

double fv_tflite_scale(const fv_tflite_scales *s, int64_t i)
{
    return fv_flat_list_real(s->scale, s->count == 1 ? 0 : i);
}

int64_t fv_tflite_zero(const fv_tflite_scales *s, int64_t i)
{
    const int64_t zero = s->zero.count == 0 ? 0 : fv_flat_list_long(s->zero, i < s->zero.count ? i : 0);
    return zero < INT32_MIN ? INT32_MIN : zero > INT32_MAX ? INT32_MAX : zero; /* what is beyond is refused as such */
}

static fv_status bad(fv_import *im, const fv_tflite_file *file, int64_t tensor, const char *what)
{
    return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: tensor %lld '%.150s': %s", im->file, (long long)tensor,
                   fv_tflite_tensor_name(file, tensor), what);
}

fv_status fv_tflite_new_value(fv_import *im, fv_tflite_file *file, int64_t tensor, fv_foreign **f)
{
    const char *name = fv_tflite_tensor_name(file, tensor);
    *f = NULL;
    if (tensor < 0 || tensor >= file->tensors.count)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: tensor %lld of %lld", im->file, (long long)tensor,
                       (long long)file->tensors.count);
    if (file->value[tensor])
        return bad(im, file, tensor, "it is computed twice");
    if (!*name || fv_import_find(im, name)) { /* names need not be different in this format */
        name = fv_arena_printf(im->arena, "%.200s%stensor_%lld", name, *name ? "." : "", (long long)tensor);
        if (!name)
            return FV_ERR_NO_MEMORY;
    }
    FV_TRY(fv_import_add(im, name, f));
    file->value[tensor] = *f;
    return FV_OK;
}

static fv_status shape_of(fv_import *im, const fv_tflite_file *file, int64_t tensor, fv_shape *shape, int64_t *count)
{
    const fv_flat_vector dims = fv_flat_list(table_of(file, tensor), TENSOR_SHAPE, 4);
    *shape = (fv_shape){.rank = 0};
    if (dims.count > FV_MAX_RANK)
        return fv_fail(im->ctx, FV_ERR_MODEL,
                       "%s: TFLite: tensor '%.150s' has %lld dimensions: at most %d are supported", im->file,
                       fv_tflite_tensor_name(file, tensor), (long long)dims.count, FV_MAX_RANK);
    shape->rank = (int32_t)dims.count;
    for (int64_t d = 0; d < dims.count; d++)
        shape->dim[d] = fv_flat_list_int(dims, d);
    *count = fv_shape_count(shape);
    return *count < 0 || *count > INT64_MAX / 8 ? bad(im, file, tensor, "its dimensions are impossible") : FV_OK;
}

/* ---- sparse tensors: levels of dimensions in an order of their own, dense or compressed, blocks innermost ---- */

typedef struct sparse {
    fv_flat_vector list[2][2 * FV_MAX_RANK]; /* segments and indices of a compressed level */
    int width[2][2 * FV_MAX_RANK];
    bool compressed[2 * FV_MAX_RANK];
    int64_t size[2 * FV_MAX_RANK], stride[2 * FV_MAX_RANK]; /* of a level; of its steps in the dense tensor */
    int levels;
    int64_t values, taken; /* numbers in the file; used */
    size_t element;
    const uint8_t *from;
    uint8_t *to;
    int64_t count; /* of the dense tensor */
} sparse;

static int64_t element(const sparse *s, int which, int level, int64_t i)
{
    const fv_flat_vector v = s->list[which][level];
    if (i < 0 || i >= v.count)
        return -1;
    return s->width[which][level] == 4   ? fv_flat_list_int(v, i)
           : s->width[which][level] == 2 ? fv_flat_list_short(v, i)
                                         : fv_flat_list_byte(v, i);
}

/* Numbers below position p of the nodes of a level, whose first element in the dense tensor is `at`. Levels are at most
 * 16 deep, and every number is used once: a file cannot ask for more steps than it and its tensor have elements. */
static bool expand(sparse *s, int level, int64_t p, int64_t at)
{
    if (level == s->levels) {
        if (s->taken >= s->values || at >= s->count)
            return false;
        memcpy(s->to + (size_t)at * s->element, s->from + (size_t)s->taken++ * s->element, s->element);
        return true;
    }
    if (!s->compressed[level]) {
        for (int64_t i = 0; i < s->size[level]; i++)
            if (!expand(s, level + 1, p * s->size[level] + i, at + i * s->stride[level]))
                return false;
        return true;
    }
    const int64_t begin = element(s, 0, level, p), end = element(s, 0, level, p + 1);
    if (begin < 0 || end < begin || end > s->list[1][level].count)
        return false;
    for (int64_t k = begin; k < end; k++) {
        const int64_t i = element(s, 1, level, k);
        if (i < 0 || i >= s->size[level] || !expand(s, level + 1, k, at + i * s->stride[level]))
            return false;
    }
    return true;
}

static bool read_list(sparse *s, int which, int level, fv_flat_table t, int type_field)
{
    static const int widths[] = {0, 4, 2, 1};
    const int64_t type = fv_flat_byte(t, type_field, 0);
    if (type < 1 || type > 3)
        return false;
    s->width[which][level] = widths[type];
    s->list[which][level] = fv_flat_list(fv_flat_child(t, type_field + 1), 0, widths[type]);
    return true;
}

/* Strides of the levels from the order of traversal and the blocks: level l is dimension order[l], or, from the rank
 * on, a block of dimension blocks[order[l] - rank]. */
static bool read_strides(sparse *s, fv_flat_table t, const fv_shape *shape)
{
    const fv_flat_vector order = fv_flat_list(t, SPARSE_ORDER, 4), blocks = fv_flat_list(t, SPARSE_BLOCKS, 4);
    int64_t step[FV_MAX_RANK], block[FV_MAX_RANK], at = 1, product = 1;
    uint32_t seen = 0;
    for (int d = shape->rank - 1; d >= 0; d--) {
        step[d] = at;
        at *= shape->dim[d];
        block[d] = 1;
    }
    if (order.count != s->levels || blocks.count != s->levels - shape->rank)
        return false;
    for (int l = 0; l < s->levels; l++) {
        const int64_t o = fv_flat_list_int(order, l);
        if (o < 0 || o >= s->levels || (seen >> o & 1))
            return false;
        seen |= 1u << o;
        const int64_t d = o < shape->rank ? o : fv_flat_list_int(blocks, o - shape->rank);
        if (d < 0 || d >= shape->rank)
            return false;
        if (o >= shape->rank)
            block[d] = s->size[l];
        s->stride[l] = step[d];
    }
    for (int l = 0; l < s->levels; l++) {
        const int64_t o = fv_flat_list_int(order, l);
        if (s->size[l] < 1 || !fv_size_mul(product, s->size[l], &product))
            return false;
        if (o < shape->rank) {
            s->stride[l] *= block[o];
            if (s->size[l] * block[o] != shape->dim[o])
                return false;
        }
    }
    return product == s->count;
}

static bool read_sparse(sparse *s, fv_flat_table t, const fv_shape *shape)
{
    const fv_flat_vector levels = fv_flat_list(t, SPARSE_DIMENSIONS, 4);
    if (levels.count < shape->rank || levels.count > 2 * shape->rank)
        return false;
    s->levels = (int)levels.count;
    for (int l = 0; l < s->levels; l++) {
        const fv_flat_table level = fv_flat_list_child(levels, l);
        s->compressed[l] = fv_flat_byte(level, LEVEL_FORMAT, 0) == 1;
        s->size[l] = fv_flat_int(level, LEVEL_SIZE, 0);
        if (s->compressed[l] &&
            (!read_list(s, 0, l, level, LEVEL_SEGMENTS_TYPE) || !read_list(s, 1, l, level, LEVEL_INDICES_TYPE)))
            return false;
    }
    /* the size of a compressed level is that of its dimension */
    const fv_flat_vector order = fv_flat_list(t, SPARSE_ORDER, 4), blocks = fv_flat_list(t, SPARSE_BLOCKS, 4);
    for (int l = 0; l < s->levels && order.count == s->levels; l++) {
        const int64_t o = fv_flat_list_int(order, l);
        if (!s->compressed[l] || s->size[l] > 0 || o < 0 || o >= shape->rank)
            continue;
        s->size[l] = shape->dim[o];
        for (int k = 0; k < s->levels; k++) {
            const int64_t b = fv_flat_list_int(order, k) - shape->rank;
            if (b >= 0 && b < blocks.count && fv_flat_list_int(blocks, b) == o && s->size[k] > 0)
                s->size[l] /= s->size[k];
        }
    }
    return read_strides(s, t, shape);
}

static fv_status densify(fv_import *im, fv_tflite_file *file, int64_t tensor, const uint8_t *raw, int64_t size,
                         fv_foreign *f)
{
    sparse s = {.element = fv_dtype_size(f->dtype), .from = raw, .count = fv_foreign_count(f)};
    void *data;
    s.values = size / (int64_t)s.element;
    if (!read_sparse(&s, fv_flat_child(table_of(file, tensor), TENSOR_SPARSITY), &f->shape))
        return bad(im, file, tensor, "what it says of its sparse elements is impossible");
    FV_TRY(fv_import_alloc(im, s.count * (int64_t)s.element, &data));
    memset(data, 0, (size_t)s.count * s.element);
    s.to = data;
    if (!expand(&s, 0, 0, 0) || s.taken != s.values)
        return bad(im, file, tensor, "its sparse elements do not fit its dimensions");
    f->data = data;
    return FV_OK;
}

/* ---- constants ---- */

/* The bytes of a tensor's buffer; count 0: it has none. */
static fv_flat_vector buffer_of(const fv_tflite_file *file, int64_t tensor)
{
    const int64_t index = fv_flat_int(table_of(file, tensor), TENSOR_BUFFER, 0);
    const fv_flat_vector none = {file->buffers.flat, 0, 0};
    if (index < 1 || index >= file->buffers.count)
        return none;
    const fv_flat_table b = fv_flat_list_child(file->buffers, index);
    const int64_t offset = fv_flat_long(b, BUFFER_OFFSET, 0), size = fv_flat_long(b, BUFFER_SIZE, 0);
    if (offset > 1 && size > 0) { /* behind the tables: files above 2 GB */
        fv_flat *flat = file->buffers.flat;
        flat->bad = flat->bad || offset > flat->size || size > flat->size - offset;
        return flat->bad ? none : (fv_flat_vector){flat, offset, size};
    }
    return fv_flat_list(b, BUFFER_DATA, 1);
}

static fv_status read_constant(fv_import *im, fv_tflite_file *file, int64_t tensor, fv_flat_vector raw, fv_foreign *f)
{
    const int64_t type = fv_tflite_type(file, tensor), bytes = raw.count;
    const uint8_t *from = fv_flat_bytes(raw);
    int64_t count = 0;
    void *data;
    FV_TRY(shape_of(im, file, tensor, &f->shape, &count));
    if (!fv_tflite_dtype(type, &f->dtype))
        return fv_fail(im->ctx, FV_ERR_MODEL, "%s: TFLite: tensor '%.150s' is of type %s, which is not read", im->file,
                       f->name, fv_tflite_type_name(type));
    f->initial = true;
    const int64_t size = (int64_t)fv_dtype_size(f->dtype);
    if (fv_flat_has(table_of(file, tensor), TENSOR_SPARSITY))
        return densify(im, file, tensor, from, bytes, f);
    if (count > bytes || bytes != count * size)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT,
                       "%s: TFLite: tensor '%.150s' has %lld bytes, its dimensions ask for %lld", im->file, f->name,
                       (long long)bytes, (long long)(count * size));
    f->data = from;
    if ((uintptr_t)from % (uintptr_t)size == 0)
        return FV_OK;
    FV_TRY(fv_import_alloc(im, bytes, &data));
    memcpy(data, from, (size_t)bytes);
    f->data = data;
    return FV_OK;
}

fv_status fv_tflite_value(fv_import *im, fv_tflite_file *file, int64_t tensor, fv_foreign **f)
{
    *f = NULL;
    if (tensor < 0 || tensor >= file->tensors.count)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: TFLite: tensor %lld of %lld", im->file, (long long)tensor,
                       (long long)file->tensors.count);
    *f = file->value[tensor];
    const fv_flat_vector raw = *f ? (fv_flat_vector){0} : buffer_of(file, tensor);
    if (*f || raw.count == 0)
        return FV_OK;
    FV_TRY(fv_tflite_new_value(im, file, tensor, f));
    return read_constant(im, file, tensor, raw, *f);
}
