/* SPDX-License-Identifier: Apache-2.0 */
#include "io/safetensors_stored.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SCALE "::scale"
/* Where an entry's dtype stands: it is no longer needed. */
#define GONE (-1)

/* ---- writing ---- */

static fv_dtype dtype_of(fv_storage storage)
{
    static const fv_dtype dtypes[FV_STORAGE_COUNT] = {FV_F32, FV_F16, FV_BF16, FV_I8};
    return dtypes[storage];
}

int64_t fv_stored_size(const fv_model *model)
{
    return (int64_t)fv_dtype_size(dtype_of(model->card.storage));
}

/* Whether all of them are numbers of the dtype. */
static bool to_halves(fv_dtype dtype, const float *x, int64_t n, void *out)
{
    for (int64_t i = 0; i < n; i++) {
        fv_dtype_set(dtype, out, i, (double)x[i]);
        if (fv_dtype_get(dtype, out, i) != (double)x[i])
            return false;
    }
    return true;
}

static bool is_multiple(const float *x, int64_t n, double scale, int8_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        const double q = round((double)x[i] / scale);
        if (fabs(q) > 127 || (float)(q * scale) != x[i])
            return false;
        out[i] = (int8_t)q;
    }
    return true;
}

/* A filter that is integers times a bfloat16: its largest is one of 127 to 64 times that. */
static bool to_integers(const float *x, int64_t n, int8_t *out, uint16_t *scale)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    for (int top = 127; top >= 64; top--) {
        const double s = most > 0 ? most / top : 1;
        fv_dtype_set(FV_BF16, scale, 0, s);
        if (fv_dtype_get(FV_BF16, scale, 0) == s && is_multiple(x, n, s, out))
            return true;
    }
    return false;
}

static bool convert(const fv_slot *slot, fv_stored_part *part)
{
    const float *x = fv_slot_data(slot);
    const int64_t n = fv_shape_count(&slot->shape), filters = part->scale ? slot->shape.dim[0] : 1;
    if (!part->scale)
        return to_halves(part->dtype, x, n, part->data);
    for (int64_t k = 0, each = n / filters; k < filters; k++)
        if (!to_integers(x + k * each, each, (int8_t *)part->data + k * each, part->scale + k))
            return false;
    return true;
}

static void free_part(fv_ctx *ctx, fv_stored_part *part)
{
    fv_free(ctx, part->data);
    fv_free(ctx, part->scale);
    fv_free(ctx, part->scale_name);
    *part = (fv_stored_part){0};
}

/* Adds the slot where its numbers are of the dtype. */
static fv_status add_slot(const fv_model *model, int slot, fv_stored_parts *parts)
{
    const fv_slot *s = &model->slots[slot];
    fv_stored_part *part = &parts->list[parts->n];
    *part = (fv_stored_part){.slot = slot, .dtype = dtype_of(model->card.storage)};
    const size_t n = (size_t)fv_shape_count(&s->shape), length = strlen(s->name) + sizeof SCALE;
    part->data = fv_malloc(model->ctx, n * fv_dtype_size(part->dtype) + 1);
    bool there = part->data != NULL;
    if (part->dtype == FV_I8) {
        part->scale = fv_malloc(model->ctx, (size_t)s->shape.dim[0] * sizeof *part->scale);
        part->scale_name = fv_malloc(model->ctx, length);
        there = there && part->scale && part->scale_name;
    }
    if (part->scale_name)
        snprintf(part->scale_name, length, "%s" SCALE, s->name);
    const bool fits = there && convert(s, part);
    if (fits) {
        parts->n++;
        parts->scales += part->scale != NULL;
    } else {
        free_part(model->ctx, part);
    }
    return there ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_stored_make(const fv_model *model, const fv_sparse_parts *sparse, fv_stored_parts *parts)
{
    *parts = (fv_stored_parts){NULL, 0, 0};
    if (model->card.storage == FV_STORAGE_FLOAT32)
        return FV_OK;
    parts->list = fv_calloc(model->ctx, (size_t)model->n_slots + 1, sizeof *parts->list);
    if (!parts->list)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < model->n_slots; i++) {
        const fv_slot *s = &model->slots[i];
        const bool small =
            s->weighted && s->shape.rank > 0 &&
            (s->kind == FV_SLOT_WEIGHT || (s->kind == FV_SLOT_BIAS && model->card.storage != FV_STORAGE_INT8));
        if (small && s->dtype == FV_F32 && !fv_sparse_of(sparse, i))
            FV_TRY(add_slot(model, i, parts));
    }
    return FV_OK;
}

void fv_stored_free(fv_ctx *ctx, fv_stored_parts *parts)
{
    for (int i = 0; i < parts->n; i++)
        free_part(ctx, &parts->list[i]);
    fv_free(ctx, parts->list);
    *parts = (fv_stored_parts){NULL, 0, 0};
}

const fv_stored_part *fv_stored_of(const fv_stored_parts *parts, int slot)
{
    for (int i = 0; i < parts->n; i++)
        if (parts->list[i].slot == slot)
            return &parts->list[i];
    return NULL;
}

/* ---- reading ---- */

fv_status fv_stored_read(const fv_tensor_file *file, fv_storage *storage)
{
    const char *text = fv_tensor_file_metadata(file, FV_STORAGE_KEY);
    *storage = FV_STORAGE_FLOAT32;
    for (int i = 0; text && i < FV_STORAGE_COUNT; i++) {
        if (strcmp(text, fv_storage_names()[i]) != 0)
            continue;
        *storage = (fv_storage)i;
        return FV_OK;
    }
    return text ? fv_tensor_file_bad(file, "'" FV_STORAGE_KEY "' is '%.20s': expected fp16, bf16 or int8", text)
                : FV_OK;
}

static fv_status expand(fv_tensor_file *file, const fv_st_entry *scale, fv_st_entry *e)
{
    const int64_t n = fv_shape_count(&e->shape), filters = e->shape.rank > 0 ? e->shape.dim[0] : 0;
    if (scale->dtype != FV_BF16 || e->dtype != FV_I8 || scale->shape.rank != 1 || filters < 1 ||
        scale->shape.dim[0] != filters)
        return fv_tensor_file_bad(file, "'%s': expected I8 with as many scales of BF16 as it has filters", e->name);
    FV_TRY(fv_tensor_file_room(file, 4 * n));
    float *x = fv_arena_alloc(file->arena, (size_t)n * sizeof *x);
    if (!x)
        return FV_ERR_NO_MEMORY;
    for (int64_t k = 0, i = 0; k < filters; k++) {
        uint16_t bits;
        memcpy(&bits, scale->data + 2 * k, sizeof bits);
        const double s = fv_dtype_get(FV_BF16, &bits, 0);
        for (int64_t end = i + n / filters; i < end; i++)
            x[i] = (float)(s * (double)(int8_t)e->data[i]);
    }
    e->data = (const uint8_t *)x;
    e->dtype = FV_F32;
    return FV_OK;
}

fv_status fv_stored_expand(fv_tensor_file *file)
{
    int64_t kept = 0;
    char name[1024];
    fv_storage storage;
    FV_TRY(fv_stored_read(file, &storage));
    if (storage != FV_STORAGE_INT8)
        return FV_OK;
    for (int64_t i = 0; i < file->count; i++) {
        const fv_st_entry scale = file->entries[i];
        const size_t length = strlen(scale.name), end = sizeof SCALE - 1;
        if (length <= end || length >= sizeof name || strcmp(scale.name + length - end, SCALE) != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(length - end), scale.name);
        fv_st_entry *e = (fv_st_entry *)(uintptr_t)fv_tensor_file_find(file, name);
        if (!e)
            return fv_tensor_file_bad(file, "'%s': there is no '%s'", scale.name, name);
        FV_TRY(expand(file, &scale, e));
        file->entries[i].dtype = GONE;
    }
    for (int64_t i = 0; i < file->count; i++)
        if (file->entries[i].dtype != GONE)
            file->entries[kept++] = file->entries[i];
    file->count = kept;
    return fv_tensor_file_index(file);
}
