/* SPDX-License-Identifier: Apache-2.0 */
/* Images of other sizes. */
#ifdef FV_WITH_CAFFE
#include <math.h>
#include <string.h>

#include "io/caffe/net.h"

/* Bilinear between corners along one side: output o lies at o (in - 1) / (out - 1). */
static fv_value resize_side(fv_import *im, fv_value x, int axis, int64_t in, int64_t out)
{
    const fv_axis_attr along = {.axis = axis};
    const fv_shape list = {1, {out}};
    fv_shape wide = {4, {1, 1, 1, 1}};
    void *memory;
    wide.dim[axis] = out;
    if (in == out)
        return x;
    if (im->model->error != FV_OK || fv_model_set_error(im->model, fv_import_alloc(im, out * 24, &memory)) != FV_OK)
        return fv_no_value;
    int64_t *at = memory;
    float *share = (float *)(at + 2 * out);
    for (int64_t o = 0; o < out; o++) {
        const double p = out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0.0;
        at[o] = (int64_t)floor(p);
        at[out + o] = at[o] + 1 < in ? at[o] + 1 : at[o];
        share[out + o] = (float)(p - floor(p));
        share[o] = 1.0f - share[out + o];
    }
    fv_value y[2];
    for (int k = 0; k < 2; k++) {
        y[k] = fv_import_emit2(im, "gather", &along, x, fv_import_constant(im, FV_I64, &list, at + k * out));
        y[k] = fv_import_emit2(im, "mul", NULL, y[k], fv_import_constant(im, FV_F32, &wide, share + k * out));
    }
    return fv_import_emit2(im, "add", NULL, y[0], y[1]);
}

static int64_t side_of(const FvCaffe__Interp *p, int64_t in, int64_t given)
{
    const bool shrinks = p->has_shrink_factor, zooms = p->has_zoom_factor;
    int64_t out = in;
    if (shrinks)
        out = (out - 1) / p->shrink_factor + 1;
    if (zooms)
        out = out + (out - 1) * (p->zoom_factor - 1);
    return !shrinks && !zooms ? given : out;
}

static fv_status map_interp(fv_caffe_layer *l)
{
    const FvCaffe__Interp *p = l->param;
    fv_import *im = &l->net->im;
    fv_value x;
    if (l->n_bottom < 1 || l->n_bottom > 2 || l->n_top < 1)
        return fv_caffe_cannot(l, "it takes %d blobs, expected 1 or 2", l->n_bottom);
    FV_TRY(fv_caffe_image(l, 0, &x));
    if (p->pad_beg || p->pad_end)
        return fv_caffe_cannot(l, "pad_beg=%d pad_end=%d: supported is 0", p->pad_beg, p->pad_end);
    if (p->zoom_factor < 1 || p->shrink_factor < 1 || p->zoom_factor > 1024)
        return fv_caffe_cannot(l, "zoom_factor=%d shrink_factor=%d", p->zoom_factor, p->shrink_factor);
    const fv_shape *s = &fv_caffe_in(l, 0)->shape, *as = l->n_bottom == 2 ? &fv_caffe_in(l, 1)->shape : NULL;
    for (int i = 0; i < 2; i++) {
        const int64_t given = as && as->rank == 4 ? as->dim[2 + i] : i ? p->width : p->height;
        const int64_t out = side_of(p, s->dim[2 + i], given);
        if (out < 1 || out > FV_CAFFE_SIDE_MAX)
            return fv_caffe_cannot(l, "%s of %lld pixels (a .caffemodel does not tell it: give the text too)",
                                   i ? "a width" : "a height", (long long)out);
        x = resize_side(im, x, 1 + i, s->dim[2 + i], out);
    }
    return fv_caffe_result(l, 0, x, FV_ORDER_LAST);
}

/* Every pixel repeated. SegNet's, which puts pixels where a mask says, takes two blobs. */
static fv_status map_upsample(fv_caffe_layer *l)
{
    const FvCaffe__Upsample *p = l->param;
    fv_value x;
    if (l->n_bottom != 1 || l->n_top < 1)
        return fv_caffe_cannot(l, "masks of pooling are not supported; repeated pixels are");
    FV_TRY(fv_caffe_image(l, 0, &x));
    const int64_t scale = p->has_scale ? p->scale : p->stride;
    if (scale < 1 || scale > 1024)
        return fv_caffe_cannot(l, "scale=%lld (a .caffemodel does not tell it: give the text too)", (long long)scale);
    const fv_upsample_attr attr = {.scale = {scale, scale}, .mode = 0};
    return fv_caffe_result(l, 0, fv_import_emit1(&l->net->im, "upsample2d", &attr, x), FV_ORDER_LAST);
}

const fv_caffe_op fv_caffe_resize_ops[] = {
    {"Interp", map_interp, "interp_param", NULL, FV_CAFFE_PLAIN, 0},
    {"Upsample", map_upsample, "upsample_param", NULL, FV_CAFFE_PLAIN, 0},
    {0},
};

#endif
