/* SPDX-License-Identifier: Apache-2.0 */
/* Other dimensions, another order, another type; and what does nothing at all. */
#include <string.h>

#include "io/onnx/node.h"

static fv_status map_identity(const fv_onnx_node *n)
{
    FV_TRY(fv_onnx_need(n, 0));
    return n->n_out > 0 && *n->out[0] ? fv_import_alias(n->im, n->out[0], n->in[0]) : FV_OK;
}

/* It drops in training alone; its mask is then all true. */
static fv_status map_dropout(const fv_onnx_node *n)
{
    void *mask;
    FV_TRY(fv_onnx_need(n, 0));
    if (n->n_in > 2 && n->in[2]) {
        FV_TRY(fv_onnx_need_constant(n, 2, "training_mode"));
        const bool none = n->in[1] && fv_onnx_need_constant(n, 1, "ratio") == FV_OK && fv_foreign_count(n->in[1]) > 0 &&
                          fv_foreign_real(n->in[1], 0) == 0.0;
        if (fv_foreign_count(n->in[2]) > 0 && fv_foreign_integer(n->in[2], 0) != 0 && !none)
            return fv_onnx_cannot(n, "training_mode is set: export the network for inference");
    }
    FV_TRY(map_identity(n));
    if (n->n_out < 2 || !*n->out[1])
        return FV_OK;
    FV_TRY(fv_onnx_result_constant(n, 1, FV_BOOL, &n->in[0]->shape, &mask));
    memset(mask, 1, (size_t)fv_foreign_count(n->in[0]));
    return FV_OK;
}

static fv_status map_cast(const fv_onnx_node *n)
{
    fv_order order;
    fv_dtype dtype;
    FV_TRY(fv_onnx_need(n, 0));
    const int64_t to = fv_onnx_int(n, "to", 0);
    if (!fv_onnx_dtype(to, &dtype))
        return fv_onnx_cannot(n, "to type %lld of ONNX, which is not supported", (long long)to);
    fv_value x = fv_onnx_unary(n, &order);
    if (dtype == n->in[0]->dtype)
        return map_identity(n);
    return fv_onnx_result(n, 0, fv_import_cast(n->im, x, dtype), order);
}

/* ---- other dimensions ---- */

/* A flattened image stays in its order. */
static fv_status flatten_image(const fv_onnx_node *n, fv_foreign *f, const fv_shape *to)
{
    const fv_shape *s = &f->shape;
    const int64_t h = s->rank == 4 ? s->dim[2] : 1, w = s->dim[s->rank - 1], c = s->dim[1];
    fv_value v = fv_import_get(n->im, f, FV_ORDER_LAST);
    v = f->batched ? fv_import_emit1(n->im, "flatten", NULL, v) : fv_import_reshape(n->im, v, to, false);
    const bool same = h * w == 1 || c == 1;
    FV_TRY(fv_onnx_result_as(n, 0, v, same ? FV_ORDER_FILE : FV_ORDER_ROW, to));
    fv_foreign *row = same ? NULL : fv_import_find(n->im, n->out[0]);
    if (row)
        memcpy(row->image, (const int64_t[]){h, w, c}, sizeof row->image);
    return FV_OK;
}

/* A result whose channels are those of an image in groups, or exchanged with them. */
static fv_status split_as(const fv_onnx_node *n, fv_channel_split split, const fv_shape *to)
{
    fv_foreign *y;
    FV_TRY(fv_import_add(n->im, n->out[0], &y));
    y->dtype = n->in[0]->dtype;
    y->shape = *to;
    y->batched = n->in[0]->batched;
    y->split = split;
    return FV_OK;
}

/* Channels c as g x k or, once exchanged, back: how shuffled channels are written. Not done: *done false. */
static fv_status split_channels(const fv_onnx_node *n, fv_foreign *f, const fv_shape *to, bool *done)
{
    const int64_t *s = f->shape.dim, *d = to->dim;
    const bool last = !f->data && f->form[FV_ORDER_FILE] < 0 && f->form[FV_ORDER_LAST] >= 0;
    *done = true;
    if (last && f->shape.rank == 4 && to->rank == 5 && d[0] == s[0] && d[3] == s[2] && d[4] == s[3])
        return split_as(n, (fv_channel_split){f->form[FV_ORDER_LAST], d[1], false}, to);
    if (f->split.groups > 0 && f->split.exchanged && to->rank == 4 && d[0] == s[0] && d[2] == s[3] && d[3] == s[4]) {
        const fv_groups_attr attr = {.groups = f->split.groups};
        const fv_value image = {f->split.image};
        return fv_onnx_result(n, 0, fv_import_emit1(n->im, "channel_shuffle", &attr, image), FV_ORDER_LAST);
    }
    *done = false;
    return FV_OK;
}

/* Samples one after the other, which only a Gather that puts them back (as_strided of PyTorch) can be had of. */
static fv_status flat_as(const fv_onnx_node *n, const fv_shape *to)
{
    fv_foreign *y;
    FV_TRY(fv_import_add(n->im, n->out[0], &y));
    y->dtype = n->in[0]->dtype;
    y->shape = *to;
    y->flat = n->in[0];
    return FV_OK;
}

/* The first operand under dimensions of the same number of elements. */
static fv_status reshape_to(const fv_onnx_node *n, const fv_shape *to)
{
    fv_foreign *f = n->in[0];
    const fv_shape *s = &f->shape;
    if (fv_shape_count(to) != fv_shape_count(s))
        return fv_onnx_cannot(n, "%lld elements under dimensions of %lld", (long long)fv_shape_count(s),
                              (long long)fv_shape_count(to));
    if (f->batched && to->rank == 1 && to->dim[0] != 1)
        return flat_as(n, to);
    if (f->batched && (to->rank < 1 || to->dim[0] != 1))
        return fv_import_merges(n->im);
    const bool last = !f->data && f->form[FV_ORDER_FILE] < 0 && f->form[FV_ORDER_LAST] >= 0;
    if (fv_shape_equal(to, s))
        return map_identity(n);
    bool done = false;
    if (f->dtype == FV_F32)
        FV_TRY(split_channels(n, f, to, &done));
    if (done)
        return FV_OK;
    if (last && to->rank == 2 && to->dim[0] == s->dim[0] && f->dtype == FV_F32 && s->rank <= 4)
        return flatten_image(n, f, to);
    if (last && to->rank >= 3 && to->dim[0] == s->dim[0] && to->dim[1] == s->dim[1]) { /* pixels alone are renumbered */
        fv_shape turned = *to;
        for (int d = 1; d < to->rank; d++)
            turned.dim[fv_import_axis(FV_ORDER_LAST, d, to->rank)] = to->dim[d];
        fv_value v = fv_import_reshape(n->im, fv_import_get(n->im, f, FV_ORDER_LAST), &turned, f->batched);
        return fv_onnx_result_as(n, 0, v, FV_ORDER_LAST, to);
    }
    const fv_shape one = {1, {1}};
    fv_value v = fv_import_get(n->im, f, FV_ORDER_FILE);
    v = fv_import_reshape(n->im, v, to->rank ? to : &one, f->batched && to->rank > 0);
    return fv_onnx_result_as(n, 0, v, FV_ORDER_FILE, to);
}

/* A constant keeps its elements. */
static fv_status reshape_constant(const fv_onnx_node *n, const fv_shape *to)
{
    fv_foreign *f;
    if (fv_shape_count(to) != fv_foreign_count(n->in[0]))
        return fv_onnx_cannot(n, "%lld elements under dimensions of %lld", (long long)fv_foreign_count(n->in[0]),
                              (long long)fv_shape_count(to));
    FV_TRY(fv_import_alias(n->im, n->out[0], n->in[0]));
    f = fv_import_find(n->im, n->out[0]);
    f->shape = *to;
    for (int k = 0; k < FV_ORDERS; k++)
        f->form[k] = -1;
    return FV_OK;
}

static fv_status reshape(const fv_onnx_node *n, const fv_shape *to)
{
    return n->in[0]->data ? reshape_constant(n, to) : reshape_to(n, to);
}

static fv_status map_reshape(const fv_onnx_node *n)
{
    fv_ints dims;
    FV_TRY(fv_onnx_need(n, 0));
    const fv_shape *s = &n->in[0]->shape;
    if (n->n_in > 1)
        FV_TRY(fv_onnx_need_constant(n, 1, "the shape"));
    FV_TRY(fv_onnx_ints_of(n, 1, "shape", &dims));
    const bool zeros = fv_onnx_int(n, "allowzero", 0) != 0;
    fv_shape to = {.rank = (int32_t)dims.count};
    int64_t product = 1, open = -1;
    if (dims.count > FV_MAX_RANK)
        return fv_onnx_cannot(n, "%lld dimensions: at most %d", (long long)dims.count, FV_MAX_RANK);
    for (int d = 0; d < to.rank; d++) {
        int64_t size = dims.value[d];
        if (size == 0 && !zeros)
            size = d < s->rank ? s->dim[d] : 1;
        if (size == -1 && open < 0) {
            open = d;
            continue;
        }
        if (size < 0 || !fv_size_mul(product, size, &product))
            return fv_onnx_cannot(n, "dimension %d is %lld", d, (long long)size);
        to.dim[d] = size;
    }
    if (open >= 0)
        to.dim[open] = product > 0 ? fv_shape_count(s) / product : 0;
    return reshape(n, &to);
}

static fv_status map_flatten(const fv_onnx_node *n)
{
    FV_TRY(fv_onnx_need(n, 0));
    const fv_shape *s = &n->in[0]->shape;
    int64_t axis = fv_onnx_int(n, "axis", 1);
    axis = axis < 0 ? axis + s->rank : axis;
    if (axis < 0 || axis > s->rank)
        return fv_onnx_cannot(n, "axis of %d dimensions", s->rank);
    if (axis == 0 && n->in[0]->batched)
        return fv_import_merges(n->im);
    fv_shape to = {2, {1, 1}};
    for (int d = 0; d < s->rank; d++)
        to.dim[d < axis ? 0 : 1] *= s->dim[d];
    return reshape(n, &to);
}

/* Which axes, as bits, of `rank` dimensions. */
static fv_status axes_of(const fv_onnx_node *n, int rank, uint32_t *bits, bool *given)
{
    fv_ints axes;
    FV_TRY(fv_onnx_ints_of(n, 1, "axes", &axes));
    *bits = 0;
    *given = axes.count > 0;
    for (int64_t i = 0; i < axes.count; i++) {
        int axis;
        FV_TRY(fv_onnx_axis(n, axes.value[i], rank, &axis));
        *bits |= 1u << axis;
    }
    return FV_OK;
}

static fv_status map_squeeze(const fv_onnx_node *n)
{
    uint32_t bits;
    bool given;
    FV_TRY(fv_onnx_need(n, 0));
    const fv_shape *s = &n->in[0]->shape;
    fv_shape to = {.rank = 0};
    FV_TRY(axes_of(n, s->rank, &bits, &given));
    const bool batched = n->in[0]->batched;
    if (batched && (given ? bits & 1 : n->im->single))
        return fv_import_merges(n->im);
    for (int d = 0; d < s->rank; d++) { /* where any number of samples may come, they are no dimension of 1 */
        const bool goes = given ? bits >> d & 1 : s->dim[d] == 1 && !(d == 0 && batched);
        if (goes && s->dim[d] != 1)
            return fv_onnx_cannot(n, "dimension %d is %lld, not 1", d, (long long)s->dim[d]);
        if (!goes)
            to.dim[to.rank++] = s->dim[d];
    }
    return reshape(n, &to);
}

static fv_status map_unsqueeze(const fv_onnx_node *n)
{
    uint32_t bits;
    bool given;
    fv_ints axes;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_ints_of(n, 1, "axes", &axes));
    const fv_shape *s = &n->in[0]->shape;
    fv_shape to = {.rank = s->rank + (int32_t)axes.count};
    if (to.rank > FV_MAX_RANK)
        return fv_onnx_cannot(n, "%d dimensions: at most %d", to.rank, FV_MAX_RANK);
    FV_TRY(axes_of(n, to.rank, &bits, &given));
    if (n->in[0]->batched && (bits & 1))
        return fv_import_merges(n->im);
    for (int d = 0, from = 0; d < to.rank; d++) {
        if (!(bits >> d & 1) && from >= s->rank)
            return fv_onnx_cannot(n, "an axis is named twice");
        to.dim[d] = bits >> d & 1 ? 1 : s->dim[from++];
    }
    return reshape(n, &to);
}

/* ---- another order ---- */

static fv_status map_transpose(const fv_onnx_node *n)
{
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    const int rank = f->shape.rank;
    const fv_ints given = fv_onnx_ints(n, "perm");
    int perm[FV_MAX_RANK];
    fv_order order;
    uint32_t seen = 0;
    if (given.count != 0 && given.count != rank)
        return fv_onnx_cannot(n, "perm has %lld numbers for %d dimensions", (long long)given.count, rank);
    for (int d = 0; d < rank; d++) {
        perm[d] = given.count ? (int)given.value[d] : rank - 1 - d;
        if (perm[d] < 0 || perm[d] >= rank || (seen >> perm[d] & 1))
            return fv_onnx_cannot(n, "perm is no order of %d dimensions", rank);
        seen |= 1u << perm[d];
    }
    if (f->batched && perm[0] != 0)
        return fv_import_merges(n->im);
    if (f->split.groups > 0 && memcmp(perm, (const int[]){0, 2, 1, 3, 4}, 5 * sizeof *perm) == 0) {
        const int64_t *d = f->shape.dim;
        const fv_shape to = {5, {d[0], d[2], d[1], d[3], d[4]}};
        return split_as(n, (fv_channel_split){f->split.image, f->split.groups, !f->split.exchanged}, &to);
    }
    if (f->split.groups > 0)
        fv_import_get(n->im, f, FV_ORDER_FILE);
    fv_value v = fv_import_permuted(n->im, f, perm, &order);
    return fv_onnx_result(n, 0, v, order);
}

static fv_status map_expand(const fv_onnx_node *n)
{
    fv_ints dims;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need_constant(n, 1, "the shape"));
    FV_TRY(fv_onnx_ints_of(n, 1, NULL, &dims));
    fv_foreign *f = n->in[0];
    const int rank = dims.count > f->shape.rank ? (int)dims.count : f->shape.rank;
    fv_dims_attr attr = {.dims.count = rank};
    bool same = rank == f->shape.rank;
    if (rank > FV_MAX_RANK || (f->batched && rank != f->shape.rank))
        return rank > FV_MAX_RANK ? fv_onnx_cannot(n, "%d dimensions: at most %d", rank, FV_MAX_RANK)
                                  : fv_import_merges(n->im);
    for (int d = 0; d < rank; d++) {
        const int own = d - (rank - f->shape.rank), asked = d - (rank - (int)dims.count);
        const int64_t has = own >= 0 ? f->shape.dim[own] : 1, wants = asked >= 0 ? dims.value[asked] : 1;
        attr.dims.value[d] = wants == 1 ? has : wants;
        same = same && attr.dims.value[d] == has;
    }
    if (same)
        return map_identity(n);
    if (f->batched && attr.dims.value[0] != 1)
        return fv_import_merges(n->im);
    if (f->batched)
        attr.dims.value[0] = 0;
    return fv_onnx_result(n, 0, fv_import_emit1(n->im, "expand", &attr, fv_import_get(n->im, f, FV_ORDER_FILE)),
                          FV_ORDER_FILE);
}

const fv_onnx_op fv_onnx_shape_ops[] = {
    {"Identity", map_identity, map_identity, NULL},
    {"Dropout", map_dropout, map_dropout, NULL},
    {"Cast", map_cast, NULL, NULL},
    {"Reshape", map_reshape, map_reshape, NULL},
    {"Flatten", map_flatten, map_flatten, NULL},
    {"Squeeze", map_squeeze, map_squeeze, NULL},
    {"Unsqueeze", map_unsqueeze, map_unsqueeze, NULL},
    {"Transpose", map_transpose, NULL, NULL},
    {"Expand", map_expand, NULL, NULL},
    {0},
};
