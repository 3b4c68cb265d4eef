/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of blobs: joining, cutting, cropping, repeating, shuffling. */
#ifdef FV_WITH_CAFFE
#include <string.h>

#include "io/caffe/net.h"

static fv_status map_concat(fv_caffe_layer *l)
{
    const FvCaffe__Concat *p = l->param;
    fv_import *im = &l->net->im;
    fv_foreign *f[FV_MAX_OPERANDS];
    fv_value in[FV_MAX_OPERANDS];
    int axis = 1;
    if (l->n_bottom < 1 || l->n_bottom > FV_MAX_OPERANDS || l->n_top < 1)
        return fv_caffe_cannot(l, "it takes %d blobs, expected 1 to %d", l->n_bottom, FV_MAX_OPERANDS);
    for (int i = 0; i < l->n_bottom; i++) {
        f[i] = fv_caffe_in(l, i);
        if (f[i]->shape.rank != f[0]->shape.rank)
            return fv_caffe_cannot(l, "blobs of %d and %d dimensions", f[0]->shape.rank, f[i]->shape.rank);
        FV_TRY(fv_caffe_free_axis(l, f[i], p->has_concat_dim ? (int64_t)p->concat_dim : p->axis, &axis));
    }
    if (l->n_bottom == 1)
        return fv_caffe_same(l, 0);
    const int rank = f[0]->shape.rank;
    fv_order order = fv_import_common(f, l->n_bottom, rank);
    order = order == FV_ORDER_ROW ? FV_ORDER_FILE : order;
    for (int i = 0; i < l->n_bottom; i++)
        in[i] = fv_import_get(im, f[i], order);
    const fv_axis_attr attr = {.axis = fv_import_axis(order, axis, rank)};
    return fv_caffe_result(l, 0, fv_import_emit(im, "concat", &attr, in, l->n_bottom), order);
}

static fv_status map_slice(fv_caffe_layer *l)
{
    const FvCaffe__Slice *p = l->param;
    fv_order order;
    int axis;
    fv_foreign *f = fv_caffe_in(l, 0);
    FV_TRY(fv_caffe_free_axis(l, f, p->has_slice_dim ? (int64_t)p->slice_dim : p->axis, &axis));
    const int64_t size = f->shape.dim[axis];
    if (p->n_slice_point ? (int)p->n_slice_point != l->n_top - 1 : size % l->n_top != 0)
        return fv_caffe_cannot(l, "%lld slice_point and %d parts of %lld", (long long)p->n_slice_point, l->n_top,
                               (long long)size);
    fv_value x = fv_caffe_apart(l, f, &order);
    fv_slice_attr attr = {.axis = fv_import_axis(order, axis, f->shape.rank)};
    for (int i = 0; i < l->n_top; i++) {
        const int64_t end = i == l->n_top - 1  ? size
                            : p->n_slice_point ? (int64_t)p->slice_point[i]
                                               : (i + 1) * (size / l->n_top);
        attr.count = end - attr.begin;
        if (attr.count < 1 || end > size)
            return fv_caffe_cannot(l, "part %d ends at %lld of %lld", i, (long long)end, (long long)size);
        FV_TRY(fv_caffe_result(l, i, attr.count == size ? x : fv_import_emit1(&l->net->im, "slice", &attr, x), order));
        attr.begin = end;
    }
    return FV_OK;
}

/* The part of bottom 0 that is as large as bottom 1, from `axis` on. */
static fv_status map_crop(fv_caffe_layer *l)
{
    const FvCaffe__Crop *p = l->param;
    fv_order order;
    int axis;
    fv_foreign *f = fv_caffe_in(l, 0);
    const fv_shape *as = &fv_caffe_in(l, 1)->shape;
    const int rank = f->shape.rank;
    FV_TRY(fv_caffe_free_axis(l, f, p->axis, &axis));
    if (as->rank != rank || (p->n_offset > 1 && (int)p->n_offset != rank - axis))
        return fv_caffe_cannot(l, "blobs of %d and %d dimensions with %lld offsets", rank, as->rank,
                               (long long)p->n_offset);
    fv_value x = fv_caffe_apart(l, f, &order);
    for (int d = axis; d < rank; d++) {
        const int64_t begin = p->n_offset == 0 ? 0 : p->offset[p->n_offset == 1 ? 0 : d - axis];
        const fv_slice_attr attr = {.begin = begin, .count = as->dim[d], .axis = fv_import_axis(order, d, rank)};
        if (begin + as->dim[d] > f->shape.dim[d])
            return fv_caffe_cannot(l, "dimension %d: %lld elements from %lld on, of %lld", d, (long long)as->dim[d],
                                   (long long)begin, (long long)f->shape.dim[d]);
        if (as->dim[d] != f->shape.dim[d])
            x = fv_import_emit1(&l->net->im, "slice", &attr, x);
    }
    return fv_caffe_result(l, 0, x, order);
}

static fv_status map_tile(fv_caffe_layer *l)
{
    const FvCaffe__Tile *p = l->param;
    fv_value in[FV_MAX_OPERANDS];
    fv_order order;
    int axis;
    fv_foreign *f = fv_caffe_in(l, 0);
    FV_TRY(fv_caffe_free_axis(l, f, p->axis, &axis));
    if (p->tiles < 1 || p->tiles > FV_MAX_OPERANDS)
        return fv_caffe_cannot(l, "tiles=%d: expected 1 to %d", p->tiles, FV_MAX_OPERANDS);
    if (p->tiles == 1)
        return fv_caffe_same(l, 0);
    fv_value x = fv_caffe_apart(l, f, &order);
    for (int i = 0; i < p->tiles; i++)
        in[i] = x;
    const fv_axis_attr attr = {.axis = fv_import_axis(order, axis, f->shape.rank)};
    return fv_caffe_result(l, 0, fv_import_emit(&l->net->im, "concat", &attr, in, p->tiles), order);
}

static fv_status map_shuffle(fv_caffe_layer *l)
{
    const FvCaffe__ShuffleChannel *p = l->param;
    fv_value x;
    FV_TRY(fv_caffe_image(l, 0, &x));
    const int64_t c = fv_caffe_in(l, 0)->shape.dim[1];
    if (!p->has_group)
        return fv_caffe_cannot(l, "a .caffemodel does not tell its groups: give the text too, --model FILE.prototxt");
    if (p->group < 1 || c % p->group)
        return fv_caffe_cannot(l, "group=%u of %lld channels", p->group, (long long)c);
    const fv_groups_attr attr = {.groups = p->group};
    if (p->group == 1)
        return fv_caffe_same(l, 0);
    return fv_caffe_result(l, 0, fv_import_emit1(&l->net->im, "channel_shuffle", &attr, x), FV_ORDER_LAST);
}

const fv_caffe_op fv_caffe_part_ops[] = {
    {"Concat", map_concat, "concat_param", NULL, FV_CAFFE_PLAIN, 0},
    {"Slice", map_slice, "slice_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Crop", map_crop, "crop_param", NULL, FV_CAFFE_PLAIN, 2},
    {"Tile", map_tile, "tile_param", NULL, FV_CAFFE_PLAIN, 1},
    {"ShuffleChannel", map_shuffle, "shuffle_channel_param", NULL, FV_CAFFE_PLAIN, 1},
    {0},
};

#endif
