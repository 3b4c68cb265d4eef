/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling. */
#ifdef FV_WITH_CAFFE
#include <string.h>

#include "io/caffe/net.h"

static fv_status sides(const fv_caffe_layer *l, const char *what, bool has_h, uint32_t h, bool has_w, uint32_t w,
                       bool has_both, uint32_t both, int64_t otherwise, int64_t min, int64_t out[2])
{
    out[0] = has_h ? h : has_both ? both : otherwise;
    out[1] = has_w ? w : has_both ? both : otherwise;
    for (int i = 0; i < 2; i++)
        if (out[i] < min || out[i] > FV_CAFFE_SIDE_MAX)
            return fv_caffe_cannot(l, "%s of %lld: expected %lld to %d", what, (long long)out[i], (long long)min,
                                   FV_CAFFE_SIDE_MAX);
    return FV_OK;
}

/* Caffe rounds up, and takes a last window back that begins behind image and padding, but only where there is padding;
 * without, such a window would have no pixel, and is refused. */
static fv_status check_last(const fv_caffe_layer *l, const fv_pool2d_attr *attr, const int64_t *image)
{
    for (int i = 0; i < 2; i++) {
        const int64_t room = image[i] - attr->size[i];
        const bool padded = attr->pad[0] > 0 || attr->pad[1] > 0;
        if (attr->ceil && !padded && room > 0 &&
            (room + attr->stride[i] - 1) / attr->stride[i] * attr->stride[i] >= image[i])
            return fv_caffe_cannot(l, "its last window lies behind the image: stride %lld of %lld pixels",
                                   (long long)attr->stride[i], (long long)image[i]);
    }
    return FV_OK;
}

static fv_status map_pooling(fv_caffe_layer *l)
{
    const FvCaffe__Pooling *p = l->param;
    fv_pool2d_attr attr = {.count_include_pad = true};
    int64_t pad[2];
    fv_value x;
    FV_TRY(fv_caffe_image(l, 0, &x));
    if (p->pool == FV_CAFFE__POOLING__METHOD__STOCHASTIC)
        return fv_caffe_cannot(l, "STOCHASTIC: supported are MAX and AVE");
    for (int i = 1; i < l->n_top; i++)
        if (l->out[i].users)
            return fv_caffe_cannot(l, "a layer takes its mask, where the largest stood");
    const bool average = p->pool == FV_CAFFE__POOLING__METHOD__AVE;
    if (p->global_pooling)
        return fv_caffe_result(l, 0,
                               fv_import_emit1(&l->net->im, average ? "global_avg_pool" : "global_max_pool", NULL, x),
                               FV_ORDER_LAST);
    FV_TRY(sides(l, "kernel_size", p->has_kernel_h, p->kernel_h, p->has_kernel_w, p->kernel_w, p->has_kernel_size,
                 p->kernel_size, 0, 1, attr.size));
    FV_TRY(sides(l, "stride", p->has_stride_h, p->stride_h, p->has_stride_w, p->stride_w, p->has_stride, p->stride, 1,
                 1, attr.stride));
    FV_TRY(sides(l, "pad", p->has_pad_h, p->pad_h, p->has_pad_w, p->pad_w, p->has_pad, p->pad, 0, 0, pad));
    for (int i = 0; i < 4; i++)
        attr.pad[i] = pad[i % 2];
    attr.ceil = p->has_ceil_mode ? p->ceil_mode : p->round_mode == FV_CAFFE__POOLING__ROUND__CEIL;
    FV_TRY(check_last(l, &attr, fv_caffe_in(l, 0)->shape.dim + 2));
    return fv_caffe_result(l, 0, fv_import_emit1(&l->net->im, average ? "avg_pool2d" : "max_pool2d", &attr, x),
                           FV_ORDER_LAST);
}

const fv_caffe_op fv_caffe_pool_ops[] = {
    {"Pooling", map_pooling, "pooling_param", NULL, FV_CAFFE_PLAIN, 1},
    {"SPP", NULL, NULL, "supported is Pooling", FV_CAFFE_PLAIN, 0},
    {"ROIPooling", NULL, NULL, "regions of images are not supported; Pooling is", FV_CAFFE_PLAIN, 0},
    {"PSROIPooling", NULL, NULL, "regions of images are not supported; Pooling is", FV_CAFFE_PLAIN, 0},
    {0},
};

#endif
