/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layers. */
#ifdef FV_WITH_CAFFE
#include "io/caffe/net.h"

/* Weights [out][c h w], or transposed [c h w][out]; the operand is flattened to [c h w], or [h w c] here. */
static fv_status matrix_of(const fv_caffe_layer *l, int64_t out, int64_t in, bool transposed, const int64_t *image,
                           fv_value *v)
{
    const int64_t step_in = transposed ? out : 1, step_out = transposed ? 1 : in;
    const fv_shape shape = {2, {out, in}};
    fv_pick pick = {2, {out, in}, {step_out, step_in}};
    int64_t count;
    fv_foreign *f;
    if (image) {
        const int64_t hw = image[0] * image[1];
        pick = (fv_pick){3, {out, hw, image[2]}, {step_out, step_in, hw * step_in}};
    }
    if (!fv_size_mul(out, in, &count))
        return fv_caffe_cannot(l, "more weights than can be addressed");
    FV_TRY(fv_caffe_blob(l, 0, count, &f));
    *v = fv_caffe_weight(l, f, FV_ROLE_PARAM, &shape, &pick, 1.0, "weight");
    return FV_OK;
}

static fv_status map_inner_product(fv_caffe_layer *l)
{
    const FvCaffe__InnerProduct *p = l->param;
    fv_import *im = &l->net->im;
    fv_foreign *bias = NULL;
    fv_value in[3];
    int axis;
    fv_foreign *f = fv_caffe_in(l, 0);
    const fv_shape *s = &f->shape;
    FV_TRY(fv_caffe_axis(l, p->axis, s->rank, &axis));
    if (axis != 1)
        return axis == 0 && f->batched ? fv_import_merges(im) : fv_caffe_cannot(l, "axis=%d: supported is 1", p->axis);
    const int64_t count = fv_shape_count(s) / s->dim[0], out = p->num_output;
    int64_t image[3] = {1, 1, 1};
    bool row = f->form[FV_ORDER_ROW] >= 0 && f->form[FV_ORDER_FILE] < 0;
    const bool last = (s->rank == 3 || s->rank == 4) && f->form[FV_ORDER_LAST] >= 0 && f->form[FV_ORDER_FILE] < 0;
    const fv_shape flat = {2, {s->dim[0], count}};
    if (row) {
        for (int i = 0; i < 3; i++)
            image[i] = f->image[i];
        in[0] = fv_import_get(im, f, FV_ORDER_ROW);
    } else if (last) {
        image[0] = s->rank == 4 ? s->dim[2] : 1;
        image[1] = s->dim[s->rank - 1];
        image[2] = s->dim[1];
        in[0] = fv_import_get(im, f, FV_ORDER_LAST);
        im->label = NULL;
        in[0] = f->batched ? fv_import_emit1(im, "flatten", NULL, in[0]) : fv_import_reshape(im, in[0], &flat, false);
        row = image[0] * image[1] > 1;
    } else {
        in[0] = fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_FILE), &flat, f->batched);
    }
    if (out < 1)
        return fv_caffe_cannot(l, "num_output=%lld", (long long)out);
    FV_TRY(matrix_of(l, out, count, p->transpose, row ? image : NULL, &in[1]));
    if (p->bias_term) {
        FV_TRY(fv_caffe_blob(l, 1, out, &bias));
        in[2] = fv_caffe_vector(l, bias, FV_ROLE_PARAM, 1.0, "bias");
    }
    im->label = l->name;
    return fv_caffe_result(l, 0, fv_import_emit(im, "dense", NULL, in, bias ? 3 : 2), FV_ORDER_FILE);
}

const fv_caffe_op fv_caffe_dense_ops[] = {
    {"InnerProduct", map_inner_product, "inner_product_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Embed", NULL, NULL, "supported is InnerProduct", FV_CAFFE_PLAIN, 0},
    {0},
};

#endif
