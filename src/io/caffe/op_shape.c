/* SPDX-License-Identifier: Apache-2.0 */
/* Other dimensions, another order, and what does nothing at all. */
#ifdef FV_WITH_CAFFE
#include <string.h>

#include "io/caffe/net.h"

static fv_status map_same(fv_caffe_layer *l)
{
    if (l->n_bottom != 1)
        return fv_caffe_cannot(l, "it takes %d blobs, expected 1", l->n_bottom);
    for (int i = 0; i < l->n_top; i++)
        FV_TRY(fv_caffe_same(l, i));
    return FV_OK;
}

static fv_status map_flatten(fv_caffe_layer *l)
{
    const FvCaffe__Flatten *p = l->param;
    int first, last;
    const fv_shape *s = &fv_caffe_in(l, 0)->shape;
    FV_TRY(fv_caffe_free_axis(l, fv_caffe_in(l, 0), p->axis, &first));
    FV_TRY(fv_caffe_axis(l, p->end_axis, s->rank, &last));
    if (last < first)
        return fv_caffe_cannot(l, "axis=%d end_axis=%d", p->axis, p->end_axis);
    fv_shape to = {.rank = first + 1 + (s->rank - 1 - last)};
    for (int d = 0; d < to.rank; d++)
        to.dim[d] = d == first ? 1 : s->dim[d < first ? d : d + last - first];
    for (int d = first; d <= last; d++)
        to.dim[first] *= s->dim[d];
    return fv_caffe_reshape(l, 0, &to);
}

/* Dimensions from `axis` on, num_axes of them, are replaced: 0 is as it was, -1 what is left. */
static fv_status map_reshape(fv_caffe_layer *l)
{
    const FvCaffe__Reshape *p = l->param;
    const fv_foreign *f = fv_caffe_in(l, 0);
    const fv_shape *s = &f->shape;
    const int64_t n = p->shape ? (int64_t)p->shape->n_dim : 0;
    const int64_t first = p->axis < 0 ? (int64_t)p->axis + s->rank + 1 : p->axis;
    const int64_t end = p->num_axes < 0 ? s->rank : first + p->num_axes;
    int64_t product = 1;
    int open = -1;
    if (first < 0 || first > s->rank || end > s->rank || n > FV_MAX_RANK || first + n + (s->rank - end) > FV_MAX_RANK)
        return fv_caffe_cannot(l, "axis=%d num_axes=%d and %lld dimensions for %d", p->axis, p->num_axes, (long long)n,
                               s->rank);
    fv_shape to = {.rank = (int32_t)(first + n + (s->rank - end))};
    for (int d = 0; d < to.rank; d++) {
        const bool given = d >= first && d < first + n;
        const int64_t from = given || d < first ? d : d - (first + n) + end;
        int64_t size = given ? p->shape->dim[d - first] : 0;
        if (size == 0 && from >= s->rank)
            return fv_caffe_cannot(l, "dimension %d is copied from %d dimensions", d, s->rank);
        if (size == 0 || (d == 0 && f->batched && size == l->net->batch))
            size = s->dim[from];
        if (size == -1 && open < 0)
            open = d;
        else if (size < 1 || !fv_size_mul(product, size, &product))
            return fv_caffe_cannot(l, "dimension %d is %lld", d, (long long)size);
        to.dim[d] = size;
    }
    if (open >= 0)
        to.dim[open] = fv_shape_count(s) / product;
    if (fv_shape_count(&to) != fv_shape_count(s))
        return fv_caffe_cannot(l, "its dimensions do not hold the %lld elements that it takes",
                               (long long)fv_shape_count(s));
    return fv_caffe_reshape(l, 0, &to);
}

static fv_status map_permute(fv_caffe_layer *l)
{
    const FvCaffe__Permute *p = l->param;
    int perm[FV_MAX_RANK], n = 0;
    fv_order order;
    uint32_t seen = 0;
    fv_foreign *f = fv_caffe_in(l, 0);
    const int rank = f->shape.rank;
    for (size_t i = 0; i < p->n_order; i++) {
        if (p->order[i] >= (uint32_t)rank || (seen >> p->order[i] & 1))
            return fv_caffe_cannot(l, "its order is none of %d dimensions", rank);
        perm[n++] = (int)p->order[i];
        seen |= 1u << p->order[i];
    }
    for (int d = 0; d < rank; d++) /* those that are not listed follow */
        if (!(seen >> d & 1))
            perm[n++] = d;
    if (f->batched && perm[0] != 0)
        return fv_import_merges(&l->net->im);
    fv_value v = fv_import_permuted(&l->net->im, f, perm, &order);
    return fv_caffe_result(l, 0, v, order);
}

const fv_caffe_op fv_caffe_shape_ops[] = {
    {"Split", map_same, NULL, NULL, FV_CAFFE_PLAIN, 0}, /* of what nothing makes: refused; others are names alone */
    {"Dropout", map_same, NULL, NULL, FV_CAFFE_PLAIN, 0},
    {"Flatten", map_flatten, "flatten_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Reshape", map_reshape, "reshape_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Permute", map_permute, "permute_param", NULL, FV_CAFFE_PLAIN, 1},
    {0},
};

#endif
