/* SPDX-License-Identifier: Apache-2.0 */
/* Networks with shortcuts: ResNet for large and for small images, MobileNet. */
#include <stdio.h>

#include "nn/zoo.h"

/* One residual network: how it begins is the builder's business. */
typedef struct residual_style {
    fv_init init;    /* of convolutions */
    bool bottleneck; /* 1x1, 3x3, 1x1 of four times the channels; else two 3x3 */
    enum { FV_SHORTCUT_NORM, FV_SHORTCUT_BIAS, FV_SHORTCUT_ZEROS } shortcut;
} residual_style;

static int64_t channels(const fv_model *m, fv_value x)
{
    return m->error == FV_OK ? fv_nn_shape(m, x)->dim[3] : 0;
}

/* The way around a block whose output has `filters` channels at 1 / stride of the size. */
static fv_value shortcut(fv_model *m, const residual_style *net, fv_value x, int64_t filters, int64_t stride)
{
    char attributes[64];
    const int64_t c = channels(m, x);
    if (stride == 1 && c == filters)
        return x;
    if (net->shortcut == FV_SHORTCUT_ZEROS) { /* every second pixel; new channels are zero, half in front */
        const int64_t extra = filters - c;
        x = fv_avg_pool2d(m, x, .size = {1, 1}, .stride = {stride, stride});
        snprintf(attributes, sizeof attributes, "channels=%lld,%lld", (long long)(extra / 2),
                 (long long)(extra - extra / 2));
        return fv_layer(m, "pad", &x, 1, &(fv_layer_options){.attributes = attributes});
    }
    x = fv_conv2d(m, x, .name = "downsample.0", .filters = filters, .kernel = {1, 1}, .stride = {stride, stride},
                  .no_bias = net->shortcut == FV_SHORTCUT_NORM, .init = net->init);
    return net->shortcut == FV_SHORTCUT_NORM ? fv_batch_norm(m, x, .name = "downsample.1") : x;
}

/* Prefix is the block's name. */
static fv_value block(fv_model *m, const residual_style *net, fv_value x, int64_t planes, int64_t stride)
{
    const int64_t filters = net->bottleneck ? planes * 4 : planes;
    fv_value y = x;
    if (net->bottleneck) {
        y = fv_conv2d(m, y, .name = "conv1", .filters = planes, .kernel = {1, 1}, .no_bias = true, .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn1", .activation = FV_RELU);
        y = fv_conv2d(m, y, .name = "conv2", .filters = planes, .kernel = {3, 3}, .stride = {stride, stride},
                      .pad = {1, 1, 1, 1}, .no_bias = true, .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn2", .activation = FV_RELU);
        y = fv_conv2d(m, y, .name = "conv3", .filters = filters, .kernel = {1, 1}, .no_bias = true, .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn3");
    } else {
        y = fv_conv2d(m, y, .name = "conv1", .filters = planes, .kernel = {3, 3}, .stride = {stride, stride},
                      .pad = {1, 1, 1, 1}, .no_bias = true, .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn1", .activation = FV_RELU);
        y = fv_conv2d(m, y, .name = "conv2", .filters = planes, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .no_bias = true,
                      .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn2");
    }
    y = fv_add(m, y, shortcut(m, net, x, filters, stride));
    return fv_activate(m, y, FV_RELU);
}

/* Stages "layer1", ...: each but the first halves the size and doubles the channels. */
static fv_value stages(fv_model *m, const residual_style *net, fv_value x, int64_t planes, const int *blocks, int count)
{
    for (int stage = 0; stage < count; stage++, planes *= 2) {
        for (int i = 0; i < blocks[stage]; i++) {
            fv_zoo_prefix(m, "layer%d.%d", stage + 1, i);
            x = block(m, net, x, planes, stage > 0 && i == 0 ? 2 : 1);
        }
    }
    fv_prefix(m, "");
    return x;
}

static fv_value classify(fv_model *m, fv_value x, const fv_zoo_net *net, const char *name, fv_init init)
{
    x = fv_flatten(m, fv_global_avg_pool(m, x));
    return fv_dense(m, fv_zoo_dropout(m, x, net->dropout), .name = name, .units = net->classes, .init = init);
}

/* He et al., "Deep residual learning for image recognition", 2015; stride in the 3x3, as torchvision. */
fv_value fv_zoo_resnet(fv_model *m, const fv_zoo_net *net)
{
    static const int blocks18[4] = {2, 2, 2, 2}, blocks50[4] = {3, 4, 6, 3};
    const residual_style style = {FV_INIT_HE_NORMAL_FAN_OUT, net->depth >= 50, FV_SHORTCUT_NORM};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 64, .kernel = {7, 7}, .stride = {2, 2}, .pad = {3, 3, 3, 3},
                  .no_bias = true, .init = style.init);
    x = fv_batch_norm(m, x, .name = "bn1", .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    x = stages(m, &style, x, 64, net->depth == 18 ? blocks18 : blocks50, 4);
    return classify(m, x, net, "fc", FV_INIT_DEFAULT);
}

/* The same paper's networks for 32 x 32: 6 n + 2 layers with shortcuts without parameters. Depth 8 is the one of MLPerf
 * Tiny, whose shortcuts are 1x1 convolutions with bias. */
fv_value fv_zoo_cifar_resnet(fv_model *m, const fv_zoo_net *net)
{
    const bool tiny = net->depth == 8;
    const int n = (net->depth - 2) / 6, blocks[3] = {n, n, n};
    const residual_style style = {FV_INIT_HE_NORMAL, false, tiny ? FV_SHORTCUT_BIAS : FV_SHORTCUT_ZEROS};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 16, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .no_bias = true,
                  .init = style.init);
    x = fv_batch_norm(m, x, .name = "bn1", .activation = FV_RELU);
    x = stages(m, &style, x, 16, blocks, 3);
    return classify(m, x, net, tiny ? "fc" : "linear", FV_INIT_HE_NORMAL);
}

/* Convolution without bias, batch norm and activation, named A and B. */
static fv_value conv_norm(fv_model *m, fv_value x, const char *conv, const char *norm, int64_t filters, int64_t kernel,
                          int64_t stride, int64_t groups, fv_activation activation)
{
    const int64_t pad = kernel / 2;
    x = fv_conv2d(m, x, .name = conv, .filters = filters, .kernel = {kernel, kernel}, .stride = {stride, stride},
                  .pad = {pad, pad, pad, pad}, .groups = groups, .no_bias = true, .init = FV_INIT_HE_NORMAL_FAN_OUT);
    return fv_batch_norm(m, x, .name = norm, .activation = activation);
}

/* Widen (unless expand is 1), filter each channel, narrow; a shortcut where the shape stays. */
static fv_value inverted_residual(fv_model *m, fv_value x, int64_t expand, int64_t filters, int64_t stride)
{
    const int64_t c = channels(m, x), wide = c * expand;
    fv_value y = x;
    if (expand == 1) {
        y = conv_norm(m, y, "conv.0.0", "conv.0.1", wide, 3, stride, -1, FV_RELU6);
        y = conv_norm(m, y, "conv.1", "conv.2", filters, 1, 1, 1, FV_ACT_NONE);
    } else {
        y = conv_norm(m, y, "conv.0.0", "conv.0.1", wide, 1, 1, 1, FV_RELU6);
        y = conv_norm(m, y, "conv.1.0", "conv.1.1", wide, 3, stride, -1, FV_RELU6);
        y = conv_norm(m, y, "conv.2", "conv.3", filters, 1, 1, 1, FV_ACT_NONE);
    }
    return stride == 1 && c == filters ? fv_add(m, x, y) : y;
}

/* Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018. */
fv_value fv_zoo_mobilenet_v2(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        int expand, filters, count, stride;
    } rows[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    int index = 1;
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = conv_norm(m, x, "features.0.0", "features.0.1", 32, 3, 2, 1, FV_RELU6);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < rows[i].count; k++, index++) {
            fv_zoo_prefix(m, "features.%d", index);
            x = inverted_residual(m, x, rows[i].expand, rows[i].filters, k == 0 ? rows[i].stride : 1);
        }
    }
    fv_prefix(m, "");
    x = conv_norm(m, x, "features.18.0", "features.18.1", 1280, 1, 1, 1, FV_RELU6);
    return classify(m, x, net, "classifier.1", FV_INIT_GAUSSIAN);
}
