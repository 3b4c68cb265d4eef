/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of elements: n c h w of files, n h w c here. */
#include <string.h>

#include "io/import/build.h"

int fv_import_axis(fv_order order, int axis, int rank)
{
    if (order != FV_ORDER_LAST || axis == 0)
        return axis;
    return axis == 1 ? rank - 1 : axis - 1;
}

fv_shape fv_import_file_shape(const fv_import *im, fv_value v, fv_order order)
{
    const fv_shape *s = fv_import_shape(im, v);
    fv_shape file = *s;
    for (int d = 0; order == FV_ORDER_LAST && d < s->rank; d++)
        file.dim[d] = s->dim[fv_import_axis(order, d, s->rank)];
    return file;
}

/* A constant's elements in an order, as a constant of the graph. */
static fv_value make_constant(fv_import *im, const fv_foreign *f, fv_order order)
{
    const size_t size = fv_dtype_size(f->dtype);
    const int rank = f->shape.rank;
    fv_shape shape = rank ? f->shape : (fv_shape){1, {1}};
    fv_tensor *t = NULL;
    int64_t at[FV_MAX_RANK] = {0}, stride[FV_MAX_RANK], step = 1, from = 0;
    if (fv_foreign_count(f) < 1)
        return fv_nn_refuse(im->model, FV_ERR_UNSUPPORTED, NULL, "constant", f->name, "it has no elements");
    for (int d = rank - 1; d >= 0; d--) {
        const int to = fv_import_axis(order, d, rank);
        shape.dim[to] = f->shape.dim[d];
        stride[to] = step;
        step *= f->shape.dim[d];
    }
    if (fv_model_set_error(im->model, fv_tensor_create(im->ctx, f->dtype, &shape, &t)) != FV_OK)
        return fv_no_value;
    char *dst = fv_tensor_data(t);
    if (order == FV_ORDER_FILE) {
        memcpy(dst, f->data, (size_t)step * size);
    } else {
        for (int64_t i = 0; i < step; i++) {
            memcpy(dst + (size_t)i * size, (const char *)f->data + (size_t)from * size, size);
            for (int d = rank - 1; d >= 0; d--) {
                from += stride[d];
                if (++at[d] < shape.dim[d])
                    break;
                from -= stride[d] * shape.dim[d];
                at[d] = 0;
            }
        }
    }
    fv_value v = fv_constant(im->model, NULL, t);
    fv_tensor_destroy(&t);
    return v;
}

/* n x (h w c) -> n x (c h w) */
static fv_value unroll(fv_import *im, const fv_foreign *f)
{
    const int64_t *k = f->image, n = f->shape.dim[0];
    const fv_shape image = {4, {n, k[0], k[1], k[2]}};
    fv_value v = fv_import_reshape(im, (fv_value){f->form[FV_ORDER_ROW]}, &image, f->batched);
    v = fv_import_transpose(im, v, (const int[]){0, 3, 1, 2});
    return fv_import_reshape(im, v, &f->shape, f->batched);
}

/* Between the file's order and channels last. */
static fv_value turn(fv_import *im, const fv_foreign *f, fv_order to)
{
    const int rank = f->shape.rank;
    int perm[FV_MAX_RANK];
    for (int d = 0; d < rank; d++) {
        const int at = fv_import_axis(FV_ORDER_LAST, d, rank);
        perm[to == FV_ORDER_LAST ? at : d] = to == FV_ORDER_LAST ? d : at;
    }
    return fv_import_transpose(im, (fv_value){f->form[to == FV_ORDER_LAST ? FV_ORDER_FILE : FV_ORDER_LAST]}, perm);
}

/* n h w c -> n g k h w, or n k g h w */
static fv_value make_split(fv_import *im, const fv_foreign *f)
{
    const fv_value image = {f->split.image};
    const fv_shape *s = fv_import_shape(im, image);
    const int64_t g = f->split.groups;
    const fv_shape five = {5, {s->dim[0], s->dim[1], s->dim[2], g, s->dim[3] / g}};
    static const int plain[5] = {0, 3, 4, 1, 2}, exchanged[5] = {0, 4, 3, 1, 2};
    return fv_import_transpose(im, fv_import_reshape(im, image, &five, f->batched),
                               f->split.exchanged ? exchanged : plain);
}

fv_value fv_import_get(fv_import *im, fv_foreign *f, fv_order order)
{
    const char *label = im->label, *base = im->base;
    if (f->split.groups > 0 && f->form[FV_ORDER_FILE] < 0 && im->model->error == FV_OK) {
        im->label = NULL;
        im->base = f->name;
        f->form[FV_ORDER_FILE] = make_split(im, f).id;
        im->label = label;
        im->base = base;
    }
    if (f->flat && im->model->error == FV_OK) /* rows of several samples as one */
        fv_model_set_error(im->model, fv_import_merges(im));
    if (order == FV_ORDER_LAST && f->shape.rank < 3)
        order = FV_ORDER_FILE;
    if (f->form[order] >= 0 || im->model->error != FV_OK)
        return (fv_value){f->form[order]};
    im->label = NULL;
    im->base = f->name;
    fv_value v = f->data                                                ? make_constant(im, f, order)
                 : order == FV_ORDER_FILE && f->form[FV_ORDER_LAST] < 0 ? unroll(im, f)
                                                                        : turn(im, f, order);
    im->label = label;
    im->base = base;
    f->form[order] = v.id;
    return v;
}

fv_value fv_import_get_ranked(fv_import *im, fv_foreign *f, fv_order order, int rank)
{
    const int more = rank - f->shape.rank;
    if (more <= 0 || order != FV_ORDER_LAST)
        return fv_import_get(im, f, order);
    if (f->data && fv_foreign_count(f) == 1)
        return fv_import_get(im, f, FV_ORDER_FILE);
    fv_foreign wide = *f; /* the same with 1s in front, for this use */
    wide.shape.rank = rank;
    for (int d = 0; d < rank; d++) {
        wide.shape.dim[d] = d < more ? 1 : f->shape.dim[d - more];
        wide.form[0] = wide.form[1] = wide.form[2] = -1;
    }
    wide.batched = false;
    if (!f->data)
        wide.form[FV_ORDER_FILE] =
            fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_FILE), &wide.shape, wide.batched).id;
    return fv_import_get(im, &wide, order);
}

fv_order fv_import_common(fv_foreign *const *in, int n, int rank)
{
    bool last = false, row = rank == 2, file = false;
    const fv_foreign *first = NULL;
    for (int i = 0; i < n; i++) {
        const fv_foreign *f = in[i];
        if (!f || (f->data && fv_foreign_count(f) == 1))
            continue;
        row = row && !f->data && f->form[FV_ORDER_ROW] >= 0 && f->form[FV_ORDER_FILE] < 0 &&
              (!first || memcmp(first->image, f->image, sizeof f->image) == 0);
        first = f;
        last = last || (!f->data && f->form[FV_ORDER_LAST] >= 0 && f->form[FV_ORDER_FILE] < 0);
        file = file || (!f->data && f->form[FV_ORDER_FILE] >= 0 && f->form[FV_ORDER_LAST] < 0 && f->shape.rank >= 3);
    }
    (void)file;
    if (row && first)
        return FV_ORDER_ROW;
    return rank >= 3 && last ? FV_ORDER_LAST : FV_ORDER_FILE;
}

fv_value fv_import_image(fv_import *im, fv_foreign *f)
{
    fv_value v = fv_import_get(im, f, FV_ORDER_LAST);
    if (f->shape.rank != 3)
        return v;
    const int64_t *d = f->shape.dim;
    const fv_shape shape = {4, {d[0], 1, d[2], d[1]}};
    return fv_import_reshape(im, v, &shape, f->batched);
}

/* ---- transposes of the file's ---- */

/* Dimension of the file's order that dimension d of a form is. */
static int file_axis(fv_order order, int d, int rank)
{
    if (order != FV_ORDER_LAST || d == 0)
        return d;
    return d == rank - 1 ? 1 : d + 1;
}

/* The transpose of a form that leaves the result in order `to`; whether it does nothing. */
static bool perm_between(const int *perm, int rank, fv_order from, fv_order to, int *out)
{
    bool same = true;
    for (int d = 0; d < rank; d++) {
        out[d] = fv_import_axis(from, perm[file_axis(to, d, rank)], rank);
        same = same && out[d] == d;
    }
    return same;
}

fv_value fv_import_permuted(fv_import *im, fv_foreign *f, const int *perm, fv_order *order)
{
    const int rank = f->shape.rank;
    int inner[FV_MAX_RANK];
    for (int from = FV_ORDER_FILE; from <= FV_ORDER_LAST; from++)
        for (int to = FV_ORDER_FILE; to <= FV_ORDER_LAST && f->form[from] >= 0; to++)
            if ((rank >= 3 || to == FV_ORDER_FILE) && perm_between(perm, rank, (fv_order)from, (fv_order)to, inner)) {
                *order = (fv_order)to;
                return (fv_value){f->form[from]};
            }
    const fv_order from = !f->data && rank >= 3 && f->form[FV_ORDER_FILE] < 0 ? FV_ORDER_LAST : FV_ORDER_FILE;
    perm_between(perm, rank, from, *order = FV_ORDER_FILE, inner);
    return fv_import_transpose(im, fv_import_get(im, f, from), inner);
}
