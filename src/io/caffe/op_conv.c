/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions. Filters are k x c x r x s in the file, of transposed ones c x k x r x s. */
#ifdef FV_WITH_CAFFE
#include <string.h>

#include "io/caffe/net.h"

typedef struct window {
    int64_t size[2], stride[2], pad[2], dilation[2];
} window;

/* Rows and columns of a setting: `x_h` and `x_w`, or a list of one or two. */
static fv_status sides(const fv_caffe_layer *l, const char *what, bool has_h, uint32_t h, bool has_w, uint32_t w,
                       size_t n, const uint32_t *list, int64_t otherwise, int64_t min, int64_t out[2])
{
    if (n > 2)
        return fv_caffe_cannot(l, "%s has %lld numbers: images have 2", what, (long long)n);
    out[0] = has_h ? h : n ? list[0] : otherwise;
    out[1] = has_w ? w : n ? list[n - 1] : otherwise;
    for (int i = 0; i < 2; i++)
        if (out[i] < min || out[i] > FV_CAFFE_SIDE_MAX)
            return fv_caffe_cannot(l, "%s of %lld: expected %lld to %d", what, (long long)out[i], (long long)min,
                                   FV_CAFFE_SIDE_MAX);
    return FV_OK;
}

static fv_status window_of(const fv_caffe_layer *l, const FvCaffe__Convolution *p, window *w)
{
    FV_TRY(sides(l, "kernel_size", p->has_kernel_h, p->kernel_h, p->has_kernel_w, p->kernel_w, p->n_kernel_size,
                 p->kernel_size, 0, 1, w->size));
    FV_TRY(sides(l, "stride", p->has_stride_h, p->stride_h, p->has_stride_w, p->stride_w, p->n_stride, p->stride, 1, 1,
                 w->stride));
    FV_TRY(sides(l, "pad", p->has_pad_h, p->pad_h, p->has_pad_w, p->pad_w, p->n_pad, p->pad, 0, 0, w->pad));
    return sides(l, "dilation", false, 0, false, 0, p->n_dilation, p->dilation, 1, 1, w->dilation);
}

/* Filters a x b x r x s as a x r x s x b. */
static fv_status filters_of(const fv_caffe_layer *l, int64_t a, int64_t b, const window *w, fv_value *v)
{
    const int64_t r = w->size[0], s = w->size[1];
    const fv_shape shape = {4, {a, r, s, b}};
    const fv_pick pick = {4, {a, r, s, b}, {b * r * s, s, 1, r * s}};
    int64_t count;
    fv_foreign *f;
    if (!fv_size_mul(a, b, &count) || !fv_size_mul(count, r * s, &count))
        return fv_caffe_cannot(l, "more weights than can be addressed");
    FV_TRY(fv_caffe_blob(l, 0, count, &f));
    *v = fv_caffe_weight(l, f, FV_ROLE_PARAM, &shape, &pick, 1.0, "weight");
    return FV_OK;
}

/* One bottom to one top; all share the weights. */
static fv_status convolve(fv_caffe_layer *l, int i, const FvCaffe__Convolution *p, const window *w, bool depthwise,
                          bool transposed)
{
    fv_import *im = &l->net->im;
    fv_foreign *x = fv_caffe_in(l, i), *bias = NULL;
    fv_value in[3];
    FV_TRY(fv_caffe_image(l, i, &in[0]));
    const int64_t c = x->shape.dim[1], k = p->num_output ? p->num_output : depthwise ? c : 0;
    const int64_t groups = depthwise && !p->has_group ? c : p->group;
    if (k < 1 || groups < 1 || c % groups || k % groups)
        return fv_caffe_cannot(l, "num_output=%lld group=%lld of %lld channels", (long long)k, (long long)groups,
                               (long long)c);
    FV_TRY(filters_of(l, transposed ? c : k, (transposed ? k : c) / groups, w, &in[1]));
    if (p->bias_term) {
        FV_TRY(fv_caffe_blob(l, 1, k, &bias));
        in[2] = fv_caffe_vector(l, bias, FV_ROLE_PARAM, 1.0, "bias");
    }
    im->label = l->name;
    fv_value y;
    if (transposed) {
        fv_conv_transpose2d_attr attr = {.groups = groups, .pad = {w->pad[0], w->pad[1], w->pad[0], w->pad[1]}};
        memcpy(attr.stride, w->stride, sizeof attr.stride);
        memcpy(attr.dilation, w->dilation, sizeof attr.dilation);
        y = fv_import_emit(im, "conv_transpose2d", &attr, in, bias ? 3 : 2);
    } else {
        fv_conv2d_attr attr = {.groups = groups, .pad = {w->pad[0], w->pad[1], w->pad[0], w->pad[1]}};
        memcpy(attr.stride, w->stride, sizeof attr.stride);
        memcpy(attr.dilation, w->dilation, sizeof attr.dilation);
        y = fv_import_emit(im, "conv2d", &attr, in, bias ? 3 : 2);
    }
    return fv_caffe_result(l, i, y, FV_ORDER_LAST);
}

static fv_status map_conv(fv_caffe_layer *l)
{
    const FvCaffe__Convolution *p = l->param;
    const bool transposed = strcmp(l->type, "Deconvolution") == 0, depthwise = strstr(l->type, "epthwise") != NULL;
    window w;
    if (l->n_bottom < 1 || l->n_bottom != l->n_top)
        return fv_caffe_cannot(l, "it takes %d blobs and makes %d", l->n_bottom, l->n_top);
    if (p->axis != 1)
        return fv_caffe_cannot(l, "axis=%d: supported is 1", p->axis);
    FV_TRY(window_of(l, p, &w));
    for (int i = 0; i < l->n_bottom; i++)
        FV_TRY(convolve(l, i, p, &w, depthwise, transposed));
    return FV_OK;
}

const fv_caffe_op fv_caffe_conv_ops[] = {
    {"Convolution", map_conv, "convolution_param", NULL, FV_CAFFE_PLAIN, 0},
    {"ConvolutionDepthwise", map_conv, "convolution_param", NULL, FV_CAFFE_PLAIN, 0},
    {"DepthwiseConvolution", map_conv, "convolution_param", NULL, FV_CAFFE_PLAIN, 0},
    {"Deconvolution", map_conv, "convolution_param", NULL, FV_CAFFE_PLAIN, 0},
    {"DeformableConvolution", NULL, NULL, "supported is Convolution", FV_CAFFE_PLAIN, 0},
    {"Im2col", NULL, NULL, "supported is Convolution", FV_CAFFE_PLAIN, 0},
    {0},
};

#endif
