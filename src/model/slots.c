/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the graph says about its tensors: kind, order in files, fans, head, counters. Everything here follows from
 * traits, roles and shapes, so that a model read back from a file gets the same answers as the one that was built.
 */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

/* Per value: the h w c image that its last dimension is a flattening of; c 0: none. */
typedef struct unrolled {
    int64_t h, w, c;
} unrolled;

/* They are in the order of the values' ids. */
fv_slot *fv_model_slot_of(const fv_model *model, int32_t val)
{
    int low = 0, high = model->n_slots;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (model->slots[middle].val < val)
            low = middle + 1;
        else
            high = middle;
    }
    return low < model->n_slots && model->slots[low].val == val ? &model->slots[low] : NULL;
}

const fv_slot *fv_model_first_filters(const fv_model *m, const fv_node **layer)
{
    for (int32_t n = 0; n < m->graph->n_nodes; n++) {
        const fv_node *node = m->graph->nodes[n];
        if (!fv_node_weighted(node) || fv_model_for_training(m, node->out[0]->id))
            continue;
        for (int32_t i = 0; i < node->n_in; i++) {
            const fv_slot *slot = node->in[i] ? fv_model_slot_of(m, node->in[i]->id) : NULL;
            if (slot && slot->dtype == FV_F32 && slot->shape.rank == 4 && slot->shape.dim[1] * slot->shape.dim[2] > 1) {
                *layer = node;
                return slot;
            }
        }
        return NULL;
    }
    return NULL;
}

static fv_slot *slot_of(const fv_model *model, const fv_val *val)
{
    return val ? fv_model_slot_of(model, val->id) : NULL;
}

/* The image behind the last dimension of the node's result: born where a view turns an image into a row, kept by what
 * works element by element, gone behind everything else. */
static unrolled unroll(const fv_node *node, const unrolled *known)
{
    const fv_val *src = node->n_in > 0 ? node->in[0] : NULL;
    const fv_val *dst = node->out[0];
    if (!src || dst->shape.rank != 2)
        return (unrolled){0, 0, 0};
    if ((node->op->traits & FV_T_VIEW) && src->shape.rank == 4 && src->shape.dim[1] * src->shape.dim[2] > 1)
        return (unrolled){src->shape.dim[1], src->shape.dim[2], src->shape.dim[3]};
    if (!fv_node_weighted(node) && fv_shape_equal(&src->shape, &dst->shape))
        return known[src->id];
    return (unrolled){0, 0, 0};
}

/* Filters k r s c are k c r s in files; columns and vectors over a flattened image h w c are c h w. */
static void set_order(fv_slot *slot, const fv_node *node, int32_t index, const unrolled *known)
{
    const fv_val *src = node->in[0];
    const unrolled image = src ? known[src->id] : (unrolled){0, 0, 0};
    bool column = fv_node_weighted(node) ? index == 1 && slot->shape.rank == 2 : slot->shape.rank == 1;
    if (image.c > 0 && column && slot->shape.dim[slot->shape.rank - 1] == image.h * image.w * image.c) {
        slot->outer = slot->shape.rank == 2 ? slot->shape.dim[0] : 1;
        slot->mid = image.h * image.w;
        slot->inner = image.c;
    }
}

static void set_plain_order(fv_slot *slot)
{
    const fv_shape *s = &slot->shape;
    slot->file_shape = *s;
    slot->outer = fv_shape_count(s);
    slot->mid = slot->inner = 1;
    if (s->rank == 4) {
        slot->outer = s->dim[0];
        slot->mid = s->dim[1] * s->dim[2];
        slot->inner = s->dim[3];
        slot->file_shape = (fv_shape){4, {s->dim[0], s->dim[3], s->dim[1], s->dim[2]}};
    }
}

/* As PyTorch counts them: dimensions 1 and 0 of the file's order, each times the taps. */
static void set_fans(fv_slot *slot)
{
    const fv_shape *s = &slot->file_shape;
    int64_t taps = 1;
    for (int i = 2; i < s->rank; i++)
        taps *= s->dim[i];
    slot->fan_in = s->rank >= 2 ? s->dim[1] * taps : s->rank == 1 ? s->dim[0] : 1;
    slot->fan_out = s->rank >= 1 ? s->dim[0] * taps : 1;
}

/* The slot of the first operand of that kind; NULL: none. */
static fv_slot *slot_of_kind(fv_model *model, const fv_node *node, fv_operand_kind kind)
{
    for (int32_t i = 0; node->op->kinds && i < node->n_in; i++) {
        if (node->op->kinds[i] == kind)
            return slot_of(model, node->in[i]);
    }
    return NULL;
}

static void set_kinds(fv_model *model, const fv_node *node)
{
    fv_slot *weight = slot_of_kind(model, node, FV_OPERAND_WEIGHT);
    fv_slot *bias = slot_of_kind(model, node, FV_OPERAND_BIAS);
    bool keeps_state = false;
    for (int32_t i = 0; i < node->n_in; i++)
        keeps_state |= node->in[i] && node->in[i]->role == FV_ROLE_STATE;
    for (int32_t i = 0; i < node->n_in; i++) {
        const bool norm = keeps_state || (node->op->kinds && node->op->kinds[i] == FV_OPERAND_NORM);
        fv_slot *slot = norm ? slot_of(model, node->in[i]) : NULL;
        if (slot && slot->kind != FV_SLOT_STATE)
            slot->kind = FV_SLOT_NORM;
    }
    if (weight)
        weight->weighted = true;
    if (weight && bias && weight != bias && bias->kind != FV_SLOT_STATE) {
        bias->weighted = true;
        bias->kind = FV_SLOT_BIAS;
        bias->fan_in = weight->fan_in;
        bias->fan_out = weight->fan_out;
    }
}

/* The operand that a node works on: the first that is computed. */
static const fv_val *worked_on(const fv_node *node)
{
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && node->in[i]->def)
            return node->in[i];
    return node->n_in > 0 ? node->in[0] : NULL;
}

/* From an output upwards to the first weighted node; a bias that is added by a node of its own is the head's too. */
static void mark_head(fv_model *model, const fv_val *val)
{
    const fv_val *scores = val;
    for (; val && val->def && !fv_node_weighted(val->def); val = worked_on(val->def))
        for (int32_t i = 0; (val->def->op->traits & FV_T_ADD) && i < val->def->n_in; i++) {
            fv_slot *slot = val->def->in[i]->role == FV_ROLE_PARAM ? slot_of(model, val->def->in[i]) : NULL;
            if (slot && slot->shape.rank == 1 && slot->shape.dim[0] == scores->shape.dim[scores->shape.rank - 1])
                slot->head = true;
        }
    for (int32_t i = 1; val && val->def && i < val->def->n_in && i <= 2; i++) {
        fv_slot *slot = slot_of(model, val->def->in[i]);
        if (slot)
            slot->head = true;
    }
}

/* Every counted state "X.NAME" brings a counter "X.num_batches_tracked", in the order of the states. */
static fv_status make_counters(fv_model *model)
{
    const fv_graph *g = model->graph;
    bool *counted = fv_calloc(model->ctx, (size_t)g->n_vals + 1, sizeof *counted);
    model->counters = fv_arena_alloc(model->arena, (size_t)(model->n_slots + 1) * sizeof *model->counters);
    fv_status status = counted && model->counters ? FV_OK : FV_ERR_NO_MEMORY;
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        for (int32_t i = 0; node->op->kinds && i < node->n_in; i++) {
            if (node->in[i] && node->op->kinds[i] == FV_OPERAND_COUNTED)
                counted[node->in[i]->id] = true;
        }
    }
    model->n_counters = 0;
    for (int i = 0; status == FV_OK && i < model->n_slots; i++) {
        const fv_slot *slot = &model->slots[i];
        const char *dot = strrchr(slot->name, '.');
        if (slot->kind != FV_SLOT_STATE || !counted[slot->val])
            continue;
        char *text = fv_arena_printf(model->arena, "%.*s.num_batches_tracked",
                                     (int)(dot ? (size_t)(dot - slot->name) : strlen(slot->name)), slot->name);
        status = text ? FV_OK : FV_ERR_NO_MEMORY;
        model->counters[model->n_counters++] = (fv_counter){text, 0, i};
    }
    fv_free(model->ctx, counted);
    return status;
}

static fv_status collect(fv_model *model)
{
    const fv_graph *g = model->graph;
    int count = 0;
    for (int32_t i = 0; i < g->n_vals; i++)
        count += g->vals[i]->role == FV_ROLE_PARAM || g->vals[i]->role == FV_ROLE_STATE;
    model->n_slots = 0;
    model->slots = fv_arena_alloc(model->arena, (size_t)(count + 1) * sizeof *model->slots);
    if (!model->slots)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        if (val->role != FV_ROLE_PARAM && val->role != FV_ROLE_STATE)
            continue;
        if (val->role == FV_ROLE_PARAM && val->dtype != FV_F32)
            return fv_fail(model->ctx, FV_ERR_UNSUPPORTED, "parameter '%s' is %s: parameters are trained as f32",
                           val->name, fv_dtype_name(val->dtype));
        fv_slot *slot = &model->slots[model->n_slots++];
        *slot = (fv_slot){.name = val->name,
                          .val = i,
                          .dtype = val->dtype,
                          .kind = val->role == FV_ROLE_STATE ? FV_SLOT_STATE : FV_SLOT_WEIGHT,
                          .shape = val->shape};
        set_plain_order(slot);
        set_fans(slot);
    }
    for (int i = 0; i < model->n_notes; i++) {
        fv_slot *slot = slot_of(model, g->vals[model->notes[i].val]);
        if (slot) {
            slot->init = model->notes[i].init;
            slot->init_value = model->notes[i].value;
        }
    }
    return FV_OK;
}

fv_status fv_model_derive_slots(fv_model *model)
{
    const fv_graph *g = model->graph;
    FV_TRY(collect(model));
    unrolled *known = fv_calloc(model->ctx, (size_t)g->n_vals, sizeof *known);
    if (!known)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        set_kinds(model, node);
        for (int32_t i = 0; i < node->n_in; i++) {
            fv_slot *slot = slot_of(model, node->in[i]);
            if (slot && i > 0)
                set_order(slot, node, i, known);
        }
        known[node->out[0]->id] = unroll(node, known);
    }
    fv_free(model->ctx, known);
    mark_head(model, g->outputs[0]);
    for (int i = 0; i < model->aux.count; i++)
        mark_head(model, g->vals[model->aux.head[i].val]);
    FV_TRY(fv_model_mark_aux(model));
    return make_counters(model);
}

/* ---- order in files ---- */

/* One row [mid][inner] -> [inner][mid] of elements of `size` bytes. */
static inline void turn(const char *src, char *dst, int64_t mid, int64_t inner, size_t size)
{
    for (int64_t c = 0; c < inner; c++) {
        for (int64_t m = 0; m < mid; m++)
            memcpy(dst + (size_t)(c * mid + m) * size, src + (size_t)(m * inner + c) * size, size);
    }
}

/* With a size that the compiler knows where it matters. */
static void turn_row(const char *src, char *dst, int64_t mid, int64_t inner, size_t size)
{
    if (mid == 1 || inner == 1)
        memcpy(dst, src, (size_t)(mid * inner) * size);
    else if (size == 4)
        turn(src, dst, mid, inner, 4);
    else
        turn(src, dst, mid, inner, size);
}

void fv_slot_to_file(const fv_slot *slot, const void *src, int64_t begin, int64_t end, void *dst)
{
    const size_t size = fv_dtype_size(slot->dtype), row = (size_t)(slot->mid * slot->inner) * size;
    for (int64_t o = begin; o < end; o++)
        turn_row((const char *)src + (size_t)o * row, (char *)dst + (size_t)(o - begin) * row, slot->mid, slot->inner,
                 size);
}

void fv_slot_from_file(const fv_slot *slot, const void *src, int64_t begin, int64_t end, void *dst)
{
    const size_t size = fv_dtype_size(slot->dtype), row = (size_t)(slot->mid * slot->inner) * size;
    for (int64_t o = begin; o < end; o++)
        turn_row((const char *)src + (size_t)(o - begin) * row, (char *)dst + (size_t)o * row, slot->inner, slot->mid,
                 size);
}
