/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/channels.h"
#include "ops/conv_geom.h"

/* clang-format off: one row per line */
static const fv_attr conv_transpose2d_attrs[] = {
    {"stride", FV_ATTR_INT2, offsetof(fv_conv_transpose2d_attr, stride), 1, 1, FV_WINDOW_MAX, NULL,
     "Distance of neighboring input pixels in the output."},
    {"pad", FV_ATTR_PAD, offsetof(fv_conv_transpose2d_attr, pad), 0, 0, FV_WINDOW_MAX, NULL,
     "Rows and columns cut off the output: top, left, bottom, right."},
    {"output_pad", FV_ATTR_INT2, offsetof(fv_conv_transpose2d_attr, output_pad), 0, 0, FV_WINDOW_MAX, NULL,
     "Rows and columns added at the bottom and right; below the stride."},
    {"dilation", FV_ATTR_INT2, offsetof(fv_conv_transpose2d_attr, dilation), 1, 1, FV_WINDOW_MAX, NULL,
     "Distance between neighboring filter taps."},
    {"groups", FV_ATTR_INT, offsetof(fv_conv_transpose2d_attr, groups), 1, 1, 1 << 24, NULL,
     "Number of channel groups."},
    {0},
};
/* clang-format on */

/* The convolution that this is the gradient of: its input is our dst, its filters are our input channels. */
static fv_conv2d_attr conv_transpose2d_conv(const fv_conv_transpose2d_attr *attr)
{
    fv_conv2d_attr conv = {.groups = attr->groups};
    memcpy(conv.stride, attr->stride, sizeof conv.stride);
    memcpy(conv.dilation, attr->dilation, sizeof conv.dilation);
    memcpy(conv.pad, attr->pad, sizeof conv.pad);
    return conv;
}

/* Height (axis 0) or width of dst; all factors are small enough not to overflow. */
static int64_t conv_transpose2d_size(const fv_conv_transpose2d_attr *attr, int axis, int64_t in, int64_t taps)
{
    return (in - 1) * attr->stride[axis] - attr->pad[axis] - attr->pad[axis + 2] + attr->dilation[axis] * (taps - 1) +
           1 + attr->output_pad[axis];
}

static fv_status conv_transpose2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    FV_TRY(fv_operand_float(ctx, node, 1, 4));
    const fv_conv_transpose2d_attr *attr = node->attr;
    const int64_t *src = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim;
    int64_t k, size[2];
    if (wei[0] != src[3])
        return fv_node_fail(ctx, node, "wei begins with %lld, expected the %lld channels of src", (long long)wei[0],
                            (long long)src[3]);
    for (int i = 0; i < 2; i++) {
        if (attr->output_pad[i] >= attr->stride[i])
            return fv_node_fail(ctx, node, "output_pad=%lld,%lld must be below stride=%lld,%lld",
                                (long long)attr->output_pad[0], (long long)attr->output_pad[1],
                                (long long)attr->stride[0], (long long)attr->stride[1]);
        if (src[i + 1] > INT32_MAX || wei[i + 1] > FV_WINDOW_MAX)
            return fv_node_fail(ctx, node, "an input side of %lld or a filter side of %lld is too large",
                                (long long)src[i + 1], (long long)wei[i + 1]);
        size[i] = conv_transpose2d_size(attr, i, src[i + 1], wei[i + 1]);
    }
    if (size[0] < 1 || size[1] < 1)
        return fv_node_fail(ctx, node, "the output would be %lldx%lld; use less padding or a larger filter",
                            (long long)size[0], (long long)size[1]);
    if (!fv_size_mul(wei[3], attr->groups, &k))
        return fv_node_fail(ctx, node, "%lld channels times %lld groups are too many", (long long)wei[3],
                            (long long)attr->groups);
    if (src[3] % attr->groups != 0)
        return fv_node_fail(ctx, node, "groups=%lld does not divide %lld input channels", (long long)attr->groups,
                            (long long)src[3]);
    if (fv_operand(node, 2) != NULL)
        FV_TRY(fv_operand_dims(ctx, node, 2, 1, &k, "one per output channel"));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){src[0], size[0], size[1], k});
}

static fv_status conv_transpose2d_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_conv2d_attr conv = conv_transpose2d_conv(node->attr);
    const int64_t *wei = node->in[1]->shape.dim;
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "conv2d", &conv, (fv_val *[]){d_out[0], node->in[1]}, 2);
    if (fv_emit_wanted(b, node->in[1])) {
        conv.size[0] = wei[1];
        conv.size[1] = wei[2];
        d_in[1] = fv_emit(b, "conv2d_bwd_weights", &conv, (fv_val *[]){node->in[0], d_out[0]}, 2);
    }
    if (fv_operand(node, 2) != NULL && fv_emit_wanted(b, node->in[2]))
        d_in[2] = fv_emit(b, "channel_sum", NULL, d_out, 1);
    return FV_OK;
}

static fv_conv_geom conv_transpose2d_geom(const fv_node *node)
{
    fv_conv2d_attr conv = conv_transpose2d_conv(node->attr);
    const int64_t *src = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim, *dst = node->out[0]->shape.dim;
    fv_conv_geom geom = {.n = src[0],
                         .c = dst[3],
                         .k = src[3],
                         .groups = conv.groups,
                         .win = {.h = dst[1], .w = dst[2], .p = src[1], .q = src[2], .size = {wei[1], wei[2]}}};
    memcpy(geom.win.stride, conv.stride, sizeof conv.stride);
    memcpy(geom.win.dilation, conv.dilation, sizeof conv.dilation);
    memcpy(geom.win.pad, conv.pad, sizeof conv.pad);
    return geom;
}

static fv_cost conv_transpose2d_cost(const fv_node *node)
{
    fv_conv_geom geom = conv_transpose2d_geom(node);
    return fv_cost_of(node, fv_conv_macs(&geom), fv_operand(node, 2) != NULL ? fv_count_out(node, 0) : 0.0);
}

static void conv_transpose2d_ref(const fv_call *call)
{
    fv_conv_geom geom = conv_transpose2d_geom(call->node);
    fv_dtype dtype = fv_call_dtype(call);
    const void *bia = fv_call_in(call, 2);
    for (int64_t n = 0, i = 0; n < geom.n; n++)
        for (int64_t h = 0; h < geom.win.h; h++)
            for (int64_t w = 0; w < geom.win.w; w++)
                for (int64_t c = 0; c < geom.c; c++, i++) {
                    const int64_t at[4] = {n, h, w, c};
                    double sum = fv_conv_bwd_data_at(&geom, dtype, call->in[0], call->in[1], at);
                    if (bia != NULL)
                        sum = fv_chain_add(dtype, sum, fv_get(dtype, bia, c));
                    fv_set(dtype, call->out[0], i, sum);
                }
}

/* Output pixel i sees the input pixels h with (i + pad - extent) / stride <= h <= (i + pad) / stride: whole ones, of
 * which the first is the lower bound's floor when (stride - 1) / stride is added, and the last the upper one's ceiling
 * when that is taken away. */
static fv_reach conv_transpose2d_reach(const fv_node *node, int axis)
{
    const fv_conv_transpose2d_attr *attr = node->attr;
    const double stride = (double)attr->stride[axis];
    const double extent = (double)((node->in[1]->shape.dim[1 + axis] - 1) * attr->dilation[axis]);
    return (fv_reach){.taps = (extent - 2 * (stride - 1)) / stride + 1,
                      .gap = 1,
                      .step = 1 / stride,
                      .start = ((double)attr->pad[axis] - extent + stride - 1) / stride};
}

/* Of one group; several stay as they are. */
static void conv_transpose2d_channels(fv_channels *c, const fv_node *node)
{
    const fv_val *src = node->in[0], *wei = node->in[1], *bia = fv_operand(node, 2), *dst = node->out[0];
    if (((const fv_conv_transpose2d_attr *)node->attr)->groups > 1)
        return;
    fv_channels_tie(c, src, 3, 0, wei, 0, 0, src->shape.dim[3]);
    fv_channels_tie(c, dst, 3, 0, wei, 3, 0, dst->shape.dim[3]);
    if (bia)
        fv_channels_tie(c, dst, 3, 0, bia, 0, 0, dst->shape.dim[3]);
}

const fv_op fv_op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .doc =
        "Transposed convolution of src (n h w c) with wei (c r s k/groups): the gradient of a convolution with these "
        "filters, dst[n,i,j,k] = bia[k] + sum over r,s,c of src[n,h,w,c] * wei[c,r,s,k] over the taps with i = "
        "h*stride - pad + r*dilation. Output side (h-1)*stride - pads + dilation*(r-1) + 1 + output_pad.",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .operands = (const char *const[]){"src", "wei", "bia", "dst"},
    .kinds = fv_weighted_kinds,
    .letters = (const char *const[]){"nhwc", "crsk", "k"},
    .attr_size = sizeof(fv_conv_transpose2d_attr),
    .attrs = conv_transpose2d_attrs,
    .infer = conv_transpose2d_infer,
    .grad = conv_transpose2d_grad,
    .cost = conv_transpose2d_cost,
    .reach = conv_transpose2d_reach,
    .ref = conv_transpose2d_ref,
    .channels = conv_transpose2d_channels,
};
