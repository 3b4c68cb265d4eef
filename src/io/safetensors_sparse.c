/* SPDX-License-Identifier: Apache-2.0 */
#include "io/safetensors_sparse.h"

#include <stdio.h>
#include <string.h>

#include "io/safetensors_stored.h"

/* ---- writing ---- */

static int64_t mask_bytes(int64_t elements)
{
    return (elements + 7) / 8;
}

static int64_t count_values(const fv_slot *slot)
{
    const float *x = fv_tensor_const_data(slot->data);
    int64_t count = 0;
    for (int64_t i = 0; i < fv_shape_count(&slot->shape); i++)
        count += x[i] != 0;
    return count;
}

static char *name_of(fv_ctx *ctx, const char *slot, const char *what)
{
    const size_t size = strlen(slot) + strlen(what) + 1;
    char *name = fv_malloc(ctx, size);
    if (name)
        snprintf(name, size, "%s%s", slot, what);
    return name;
}

static fv_status make_part(const fv_model *model, const fv_slot *slot, fv_sparse_part *part)
{
    fv_ctx *ctx = model->ctx;
    const int64_t n = fv_shape_count(&slot->shape), row = slot->mid * slot->inner;
    const float *x = fv_tensor_const_data(slot->data);
    float *turned = fv_malloc(ctx, (size_t)row * sizeof *turned);
    part->names[0] = name_of(ctx, slot->name, "::mask");
    part->names[1] = name_of(ctx, slot->name, "::values");
    part->bytes = mask_bytes(n);
    part->mask = fv_calloc(ctx, (size_t)part->bytes, 1);
    part->values = fv_malloc(ctx, ((size_t)part->count + 1) * sizeof *part->values);
    if (!turned || !part->names[0] || !part->names[1] || !part->mask || !part->values) {
        fv_free(ctx, turned);
        return FV_ERR_NO_MEMORY;
    }
    for (int64_t o = 0, i = 0, k = 0; o < slot->outer; o++) {
        fv_slot_to_file(slot, x, o, o + 1, turned);
        for (int64_t e = 0; e < row; e++, i++) {
            if (turned[e] == 0)
                continue;
            part->mask[i / 8] |= (uint8_t)(1 << i % 8);
            part->values[k++] = turned[e];
        }
    }
    fv_free(ctx, turned);
    return FV_OK;
}

fv_status fv_sparse_make(const fv_model *model, fv_sparse_parts *parts)
{
    *parts = (fv_sparse_parts){NULL, 0};
    if (!model->card.sparse)
        return FV_OK;
    parts->list = fv_calloc(model->ctx, (size_t)model->n_slots + 1, sizeof *parts->list);
    if (!parts->list)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < model->n_slots; i++) {
        const fv_slot *slot = &model->slots[i];
        const int64_t n = fv_shape_count(&slot->shape);
        const int64_t count = slot->dtype == FV_F32 && slot->kind == FV_SLOT_WEIGHT ? count_values(slot) : n;
        if (count == 0 || 4 * count + mask_bytes(n) >= fv_stored_size(model) * n)
            continue;
        fv_sparse_part *part = &parts->list[parts->n++];
        part->slot = i;
        part->count = count;
        FV_TRY(make_part(model, slot, part));
    }
    return FV_OK;
}

void fv_sparse_free(fv_ctx *ctx, fv_sparse_parts *parts)
{
    for (int i = 0; i < parts->n; i++) {
        fv_free(ctx, parts->list[i].names[0]);
        fv_free(ctx, parts->list[i].names[1]);
        fv_free(ctx, parts->list[i].mask);
        fv_free(ctx, parts->list[i].values);
    }
    fv_free(ctx, parts->list);
    *parts = (fv_sparse_parts){NULL, 0};
}

const fv_sparse_part *fv_sparse_of(const fv_sparse_parts *parts, int slot)
{
    for (int i = 0; i < parts->n; i++)
        if (parts->list[i].slot == slot)
            return &parts->list[i];
    return NULL;
}

void fv_sparse_text(const fv_model *model, const fv_sparse_parts *parts, fv_str *out)
{
    fv_json j = {.out = out};
    fv_json_begin_object(&j);
    for (int i = 0; i < parts->n; i++) {
        const fv_slot *slot = &model->slots[parts->list[i].slot];
        fv_json_key(&j, slot->name);
        fv_json_begin_array(&j);
        for (int d = 0; d < slot->file_shape.rank; d++)
            fv_json_int(&j, slot->file_shape.dim[d]);
        fv_json_end_array(&j);
    }
    fv_json_end_object(&j);
}

/* ---- reading ---- */

static const fv_st_entry *find_part(const fv_tensor_file *file, const char *name, const char *what, fv_dtype dtype)
{
    char full[1024];
    snprintf(full, sizeof full, "%s%s", name, what);
    const fv_st_entry *e = fv_tensor_file_find(file, full);
    return e && e->dtype == (int)dtype && e->shape.rank == 1 ? e : NULL;
}

static fv_status read_shape(const fv_doc *doc, const fv_doc_node *node, fv_shape *shape)
{
    *shape = (fv_shape){.rank = node->count};
    if (node->kind != FV_DOC_LIST || node->count > FV_MAX_RANK)
        return fv_doc_fail(doc, node, FV_ERR_MODEL_FORMAT, "expected a shape");
    for (int i = 0; i < node->count; i++) {
        FV_TRY(fv_doc_int(doc, &node->child[i], "a dimension", &shape->dim[i]));
        if (shape->dim[i] < 1)
            return fv_doc_fail(doc, node, FV_ERR_MODEL_FORMAT, "a dimension of %lld", (long long)shape->dim[i]);
    }
    return FV_OK;
}

/* How many bits are set, none of which may stand behind the last element. */
static int64_t count_bits(const uint8_t *mask, int64_t elements)
{
    int64_t count = 0;
    for (int64_t i = 0; i < mask_bytes(elements); i++)
        count += __builtin_popcount(mask[i]);
    return elements % 8 && mask[elements / 8] >> elements % 8 ? -1 : count;
}

static fv_status expand(fv_tensor_file *file, const char *name, const fv_shape *shape)
{
    const fv_st_entry *mask = find_part(file, name, "::mask", FV_U8);
    fv_st_entry *values = (fv_st_entry *)(uintptr_t)find_part(file, name, "::values", FV_F32);
    int64_t n = 1;
    bool fits = mask && values && !fv_tensor_file_find(file, name);
    for (int d = 0; fits && d < shape->rank; d++)
        fits = fv_size_mul(n, shape->dim[d], &n) && n <= INT64_C(1) << 48;
    if (!fits || mask->shape.dim[0] != mask_bytes(n) || count_bits(mask->data, n) != values->shape.dim[0])
        return fv_tensor_file_bad(file, "'%s': its '::mask', '::values' and shape do not fit each other", name);
    FV_TRY(fv_tensor_file_room(file, 4 * n));
    float *x = fv_arena_alloc(file->arena, (size_t)n * sizeof *x);
    const char *own = fv_arena_strdup(file->arena, name);
    if (!x || !own)
        return FV_ERR_NO_MEMORY;
    memset(x, 0, (size_t)n * sizeof *x);
    for (int64_t i = 0, k = 0; i < n; i++)
        if (mask->data[i / 8] >> i % 8 & 1)
            memcpy(&x[i], values->data + 4 * k++, sizeof *x);
    values->name = own;
    values->shape = *shape;
    values->data = (const uint8_t *)x;
    const int64_t at = mask - file->entries;
    memmove(file->entries + at, file->entries + at + 1, (size_t)(file->count - at - 1) * sizeof *file->entries);
    file->count--;
    return fv_tensor_file_index(file);
}

static fv_status expand_all(fv_tensor_file *file, const fv_doc *doc)
{
    const fv_doc_node *root = fv_doc_root(doc);
    fv_shape shape;
    if (root->kind != FV_DOC_MAP)
        return fv_tensor_file_bad(file, "'" FV_SPARSE_KEY "' is no object");
    for (int i = 0; i < root->count; i++) {
        FV_TRY(read_shape(doc, &root->child[i], &shape));
        FV_TRY(expand(file, root->child[i].key, &shape));
    }
    return FV_OK;
}

fv_status fv_sparse_expand(fv_tensor_file *file)
{
    const char *text = fv_tensor_file_metadata(file, FV_SPARSE_KEY);
    fv_doc *doc = NULL;
    if (!text)
        return FV_OK;
    fv_status status = fv_doc_parse_json(file->ctx, FV_SPARSE_KEY, text, strlen(text), &doc);
    if (status == FV_OK)
        status = expand_all(file, doc);
    fv_doc_destroy(&doc);
    return status == FV_OK || status == FV_ERR_NO_MEMORY || status == FV_ERR_OVER_BUDGET ? status : FV_ERR_MODEL_FORMAT;
}
