/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of images and of rows. */
#include <string.h>

#include "io/keras/node.h"

static const fv_keras_weight filters_and_bias[] = {{"kernel", NULL, false}, {"bias", "use_bias", false}, {0}};
static const fv_keras_weight depthwise_and_bias[] = {
    {"depthwise_kernel", NULL, false}, {"bias", "use_bias", false}, {0}};
static const fv_keras_weight separable[] = {
    {"depthwise_kernel", NULL, false}, {"pointwise_kernel", NULL, false}, {"bias", "use_bias", false}, {0}};

/* Sizes of filters [r][s][a][b], of rows [s][a][b]; UNSUPPORTED when a weight has other dimensions. */
static fv_status sizes_of(const fv_keras_node *n, int weight, int64_t d[4])
{
    const fv_shape *s = &n->weight[weight]->shape;
    const int rank = n->in[0]->shape.rank;
    if (s->rank != rank)
        return fv_keras_cannot(n, "its filters have %d dimensions beside %d", s->rank, rank);
    d[0] = 1;
    memcpy(d + (rank == 3), s->dim, (size_t)rank * sizeof *d);
    const fv_ints size = fv_keras_ints(n, "kernel_size");
    for (int64_t i = 0; weight == 0 && i < size.count && i < rank - 2; i++)
        if (size.value[i] != s->dim[i])
            return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT,
                           "%s: Keras: %s '%.100s': kernel_size is %lld, and its weights are made for %lld",
                           n->im->file, n->kind, n->name, (long long)size.value[i], (long long)s->dim[i]);
    return FV_OK;
}

/* Filters [r][s][c][k] as [k][r][s][c]. */
static fv_value filters(const fv_keras_node *n, int weight, const int64_t d[4])
{
    const int64_t r = d[0], s = d[1], c = d[2], k = d[3];
    const fv_shape shape = {4, {k, r, s, c}};
    const fv_pick pick = {4, {k, r, s, c}, {1, s * c * k, c * k, k}};
    return fv_import_weight(n->im, n->weight[weight], FV_ROLE_PARAM, &shape, &pick, 1.0, NULL);
}

/* Filters [r][s][c][m], m of each channel: as [c * m][r][s][1]. */
static fv_value depthwise_filters(const fv_keras_node *n, int weight, const int64_t d[4])
{
    const int64_t r = d[0], s = d[1], k = d[2] * d[3];
    const fv_shape shape = {4, {k, r, s, 1}};
    const fv_pick pick = {4, {k, r, s, 1}, {1, s * k, k, 0}};
    return fv_import_weight(n->im, n->weight[weight], FV_ROLE_PARAM, &shape, &pick, 1.0, NULL);
}

static fv_status convolve(const fv_keras_node *n, fv_value x, fv_value wei, const int64_t size[2], int64_t groups,
                          int bias, fv_value *y)
{
    fv_keras_window win;
    fv_conv2d_attr attr = {.groups = groups};
    fv_value in[3] = {x, wei};
    FV_TRY(fv_keras_window_of(n, x, size, &win));
    memcpy(attr.stride, win.stride, sizeof attr.stride);
    memcpy(attr.dilation, win.dilation, sizeof attr.dilation);
    memcpy(attr.pad, win.pad, sizeof attr.pad);
    const bool biased = bias >= 0 && n->weight[bias];
    if (biased)
        in[2] = fv_keras_vector(n, bias, FV_ROLE_PARAM);
    *y = fv_import_emit(n->im, "conv2d", &attr, in, biased ? 3 : 2);
    return n->im->model->error;
}

static fv_status map_conv(const fv_keras_node *n)
{
    int64_t d[4];
    fv_value x, y;
    FV_TRY(fv_keras_image(n, &x));
    FV_TRY(sizes_of(n, 0, d));
    FV_TRY(fv_keras_expect(n, "filters", d[3]));
    FV_TRY(convolve(n, x, filters(n, 0, d), d, fv_keras_int(n, "groups", 1), 1, &y));
    return fv_keras_activated_image(n, y);
}

static fv_status map_depthwise(const fv_keras_node *n)
{
    int64_t d[4];
    fv_value x, y;
    FV_TRY(fv_keras_image(n, &x));
    FV_TRY(sizes_of(n, 0, d));
    FV_TRY(convolve(n, x, depthwise_filters(n, 0, d), d, d[2], 1, &y));
    return fv_keras_activated_image(n, y);
}

static fv_status map_separable(const fv_keras_node *n)
{
    int64_t d[4], p[4];
    fv_value x, y;
    fv_import *im = n->im;
    FV_TRY(fv_keras_image(n, &x));
    FV_TRY(sizes_of(n, 0, d));
    FV_TRY(sizes_of(n, 1, p));
    FV_TRY(fv_keras_expect(n, "filters", p[3]));
    FV_TRY(convolve(n, x, depthwise_filters(n, 0, d), d, d[2], -1, &y));
    fv_value in[3] = {y, filters(n, 1, p)};
    if (n->weight[2])
        in[2] = fv_keras_vector(n, 2, FV_ROLE_PARAM);
    y = fv_import_emit(im, "conv2d", NULL, in, n->weight[2] ? 3 : 2);
    return fv_keras_activated_image(n, y);
}

/*
 * Filters [r][s][k][c]. Padding "same": as many rows as the input has times the stride, those that are too many cut off
 * on both sides; "valid": all of them, at least as many as that. output_padding gives the size another way.
 */
static fv_status map_transpose(const fv_keras_node *n)
{
    fv_keras_window win;
    fv_conv_transpose2d_attr attr = {.groups = 1};
    int64_t d[4];
    fv_value x;
    FV_TRY(fv_keras_image(n, &x));
    FV_TRY(sizes_of(n, 0, d));
    FV_TRY(fv_keras_expect(n, "filters", d[2]));
    FV_TRY(fv_keras_window_of(n, x, d, &win));
    const fv_ints more = fv_keras_ints(n, "output_padding");
    const int sides = n->in[0]->shape.rank - 2;
    if (more.count != 0 && more.count != 1 && more.count != sides)
        return fv_keras_cannot(n, "output_padding has %lld numbers, expected %d", (long long)more.count, sides);
    for (int64_t i = 0; i < more.count; i++)
        if (more.value[i] < 0 || more.value[i] > 65535)
            return fv_keras_cannot(n, "output_padding holds %lld", (long long)more.value[i]);
    memcpy(attr.stride, win.stride, sizeof attr.stride);
    memcpy(attr.dilation, win.dilation, sizeof attr.dilation);
    for (int i = 2 - sides; i < 2; i++) {
        const int64_t in = fv_import_shape(n->im, x)->dim[1 + i], reach = (win.size[i] - 1) * win.dilation[i] + 1;
        if (in > INT32_MAX)
            return fv_keras_cannot(n, "an image of %lld rows or columns", (long long)in);
        const int64_t full = win.stride[i] * (in - 1) + reach;
        int64_t wanted = win.same ? in * win.stride[i] : full > in * win.stride[i] ? full : in * win.stride[i];
        if (more.count)
            wanted = full - (win.same ? 2 * (reach / 2) : 0) + more.value[more.count == 1 ? 0 : i - (2 - sides)];
        const int64_t total = full - wanted;
        attr.pad[i] = total > 0 && win.same ? total / 2 : 0;
        attr.pad[i + 2] = total > 0 ? total - attr.pad[i] : 0;
        attr.output_pad[i] = total < 0 ? -total : 0;
    }
    const fv_shape shape = {4, {d[3], d[0], d[1], d[2]}};
    const fv_pick pick = {4, {d[3], d[0], d[1], d[2]}, {1, d[1] * d[2] * d[3], d[2] * d[3], d[3]}};
    fv_value in[3] = {x, fv_import_weight(n->im, n->weight[0], FV_ROLE_PARAM, &shape, &pick, 1.0, NULL)};
    if (n->weight[1])
        in[2] = fv_keras_vector(n, 1, FV_ROLE_PARAM);
    return fv_keras_activated_image(n, fv_import_emit(n->im, "conv_transpose2d", &attr, in, n->weight[1] ? 3 : 2));
}

const fv_keras_op fv_keras_conv_ops[] = {
    {"Conv2D", map_conv, filters_and_bias, NULL},
    {"Convolution2D", map_conv, filters_and_bias, NULL},
    {"Conv1D", map_conv, filters_and_bias, NULL},
    {"DepthwiseConv2D", map_depthwise, depthwise_and_bias, NULL},
    {"DepthwiseConv1D", map_depthwise, depthwise_and_bias, NULL},
    {"SeparableConv2D", map_separable, separable, NULL},
    {"SeparableConvolution2D", map_separable, separable, NULL},
    {"SeparableConv1D", map_separable, separable, NULL},
    {"Conv2DTranspose", map_transpose, filters_and_bias, NULL},
    {"Deconvolution2D", map_transpose, filters_and_bias, NULL},
    {"Conv1DTranspose", map_transpose, filters_and_bias, NULL},
    {"Conv3D", NULL, NULL, "volumes are not supported; Conv2D is"},
    {"LocallyConnected2D", NULL, NULL, "supported is Conv2D"},
    {0},
};
