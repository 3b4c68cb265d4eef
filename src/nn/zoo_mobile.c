/* SPDX-License-Identifier: Apache-2.0 */
/* Networks for phones, made of depthwise convolutions: MobileNet, MNASNet, EfficientNet, ShuffleNet. Names are
 * torchvision's where it has the network. */
#include <stdio.h>

#include "nn/zoo.h"

/* Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017; `depth` is
 * the width multiplier in percent. */
fv_value fv_zoo_mobilenet_v1(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        int filters, stride;
    } rows[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_zoo_conv_norm(m, x, .conv = "features.0.0", .norm = "features.0.1", .filters = 32 * net->depth / 100,
                         .kernel = 3, .stride = 2, .activation = FV_RELU);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int64_t c = fv_zoo_channels(m, x);
        fv_zoo_prefix(m, "features.%d", (int)i + 1);
        x = fv_zoo_conv_norm(m, x, .conv = "0", .norm = "1", .filters = c, .kernel = 3, .stride = rows[i].stride,
                             .groups = -1, .activation = FV_RELU);
        x = fv_zoo_conv_norm(m, x, .conv = "3", .norm = "4", .filters = (int64_t)rows[i].filters * net->depth / 100,
                             .activation = FV_RELU);
    }
    fv_prefix(m, "");
    return fv_zoo_classify(m, x, net, "classifier.1", FV_INIT_GAUSSIAN);
}

/* Widen (unless expand is 1), filter each channel, narrow; a shortcut where the shape stays. */
static fv_value inverted_residual(fv_model *m, fv_value x, int64_t expand, int64_t filters, int64_t stride)
{
    const int64_t c = fv_zoo_channels(m, x), wide = c * expand;
    const bool widens = expand != 1;
    fv_value y = x;
    if (widens)
        y = fv_zoo_conv_norm(m, y, .conv = "conv.0.0", .norm = "conv.0.1", .filters = wide, .activation = FV_RELU6);
    y = fv_zoo_conv_norm(m, y, .conv = widens ? "conv.1.0" : "conv.0.0", .norm = widens ? "conv.1.1" : "conv.0.1",
                         .filters = wide, .kernel = 3, .stride = stride, .groups = -1, .activation = FV_RELU6);
    y = fv_zoo_conv_norm(m, y, .conv = widens ? "conv.2" : "conv.1", .norm = widens ? "conv.3" : "conv.2",
                         .filters = filters);
    return stride == 1 && c == filters ? fv_add(m, x, fv_zoo_residual(m, y)) : y;
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
    x = fv_zoo_conv_norm(m, x, .conv = "features.0.0", .norm = "features.0.1", .filters = 32, .kernel = 3, .stride = 2,
                         .activation = FV_RELU6);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < rows[i].count; k++, index++) {
            fv_zoo_prefix(m, "features.%d", index);
            x = inverted_residual(m, x, rows[i].expand, rows[i].filters, k == 0 ? rows[i].stride : 1);
        }
    }
    fv_prefix(m, "");
    x = fv_zoo_conv_norm(m, x, .conv = "features.18.0", .norm = "features.18.1", .filters = 1280,
                         .activation = FV_RELU6);
    return fv_zoo_classify(m, x, net, "classifier.1", FV_INIT_GAUSSIAN);
}

fv_value fv_zoo_inverted_residual(fv_model *m, fv_value x, const fv_zoo_inverted_residual_options *b)
{
    const int64_t c = fv_zoo_channels(m, x);
    char name[3][16];
    int layer = 0;
    fv_value y = x;
#define LAYER(i, leaf) (snprintf(name[i], sizeof name[i], "block.%d" leaf, layer), name[i])
    if (b->wide != c) {
        y = fv_zoo_conv_norm(m, y, .conv = LAYER(0, ".0"), .norm = LAYER(1, ".1"), .filters = b->wide,
                             .activation = b->activation, .eps = b->eps, .momentum = b->momentum);
        layer++;
    }
    y = fv_zoo_conv_norm(m, y, .conv = LAYER(0, ".0"), .norm = LAYER(1, ".1"), .filters = b->wide, .kernel = b->kernel,
                         .stride = b->stride, .groups = -1, .activation = b->activation, .eps = b->eps,
                         .momentum = b->momentum);
    layer++;
    if (b->squeeze) {
        y = fv_zoo_squeeze_excite(m, y, LAYER(2, ""), b->squeeze, b->inner, b->gate);
        layer++;
    }
    y = fv_zoo_conv_norm(m, y, .conv = LAYER(0, ".0"), .norm = LAYER(1, ".1"), .filters = b->filters, .eps = b->eps,
                         .momentum = b->momentum);
#undef LAYER
    return b->stride == 1 && c == b->filters ? fv_add(m, x, fv_zoo_residual(m, y)) : y;
}

/* Howard et al., "Searching for MobileNetV3", 2019; `depth` 0 small, 1 large. */
fv_value fv_zoo_mobilenet_v3(fv_model *m, const fv_zoo_net *net)
{
    enum { RE = FV_RELU, HS = FV_HARD_SWISH };
    static const struct row {
        int kernel, wide, filters, squeeze, activation, stride;
    } small[] = {{3, 16, 16, 8, RE, 2},   {3, 72, 24, 0, RE, 2},    {3, 88, 24, 0, RE, 1},    {5, 96, 40, 24, HS, 2},
                 {5, 240, 40, 64, HS, 1}, {5, 240, 40, 64, HS, 1},  {5, 120, 48, 32, HS, 1},  {5, 144, 48, 40, HS, 1},
                 {5, 288, 96, 72, HS, 2}, {5, 576, 96, 144, HS, 1}, {5, 576, 96, 144, HS, 1}, {0}},
      large[] = {
          {3, 16, 16, 0, RE, 1},     {3, 64, 24, 0, RE, 2},     {3, 72, 24, 0, RE, 1},     {5, 72, 40, 24, RE, 2},
          {5, 120, 40, 32, RE, 1},   {5, 120, 40, 32, RE, 1},   {3, 240, 80, 0, HS, 2},    {3, 200, 80, 0, HS, 1},
          {3, 184, 80, 0, HS, 1},    {3, 184, 80, 0, HS, 1},    {3, 480, 112, 120, HS, 1}, {3, 672, 112, 168, HS, 1},
          {5, 672, 160, 168, HS, 2}, {5, 960, 160, 240, HS, 1}, {5, 960, 160, 240, HS, 1}, {0}};
    const double eps = 0.001, momentum = 0.01;
    const struct row *row = net->depth ? large : small;
    char conv[32], norm[32];
    int index = 1;
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_zoo_conv_norm(m, x, .conv = "features.0.0", .norm = "features.0.1", .filters = 16, .kernel = 3, .stride = 2,
                         .activation = FV_HARD_SWISH, .eps = eps, .momentum = momentum);
    for (; row->kernel; row++, index++) {
        const fv_zoo_inverted_residual_options b = {
            row->wide, row->filters,    row->kernel, row->stride, row->squeeze, (fv_activation)row->activation,
            FV_RELU,   FV_HARD_SIGMOID, eps,         momentum};
        fv_zoo_prefix(m, "features.%d", index);
        x = fv_zoo_inverted_residual(m, x, &b);
    }
    fv_prefix(m, "");
    snprintf(conv, sizeof conv, "features.%d.0", index);
    snprintf(norm, sizeof norm, "features.%d.1", index);
    x = fv_zoo_conv_norm(m, x, .conv = conv, .norm = norm, .filters = 6 * fv_zoo_channels(m, x),
                         .activation = FV_HARD_SWISH, .eps = eps, .momentum = momentum);
    x = fv_flatten(m, fv_global_avg_pool(m, x));
    x = fv_dense(m, x, .name = "classifier.0", .units = net->depth ? 1280 : 1024, .activation = FV_HARD_SWISH,
                 .init = FV_INIT_GAUSSIAN);
    x = fv_zoo_dropout(m, x, net->dropout);
    return fv_dense(m, x, .name = "classifier.3", .units = net->classes, .init = FV_INIT_GAUSSIAN);
}

/* Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019. */
fv_value fv_zoo_efficientnet_b0(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        int expand, kernel, stride, filters, count;
    } rows[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_zoo_conv_norm(m, x, .conv = "features.0.0", .norm = "features.0.1", .filters = 32, .kernel = 3, .stride = 2,
                         .activation = FV_SILU);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < rows[i].count; k++) {
            const int64_t c = fv_zoo_channels(m, x);
            const fv_zoo_inverted_residual_options b = {c * rows[i].expand,
                                                        rows[i].filters,
                                                        rows[i].kernel,
                                                        k == 0 ? rows[i].stride : 1,
                                                        c / 4,
                                                        FV_SILU,
                                                        FV_SILU,
                                                        FV_SIGMOID,
                                                        0,
                                                        0};
            fv_zoo_prefix(m, "features.%d.%d", (int)i + 1, k);
            x = fv_zoo_inverted_residual(m, x, &b);
        }
    }
    fv_prefix(m, "");
    x = fv_zoo_conv_norm(m, x, .conv = "features.8.0", .norm = "features.8.1", .filters = 1280, .activation = FV_SILU);
    return fv_zoo_classify(m, x, net, "classifier.1", FV_INIT_DEFAULT);
}

/* Its form without squeeze and excitation and with ReLU6, for phones (EfficientNet-Lite, 2020), whose weights are
 * padded as TensorFlow's and have names of their own. */
fv_value fv_zoo_efficientnet_lite0(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        int expand, kernel, stride, filters, count;
    } rows[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
    const double eps = 0.001, momentum = 0.01;
    int index = 0;
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "_conv_stem", .filters = 32, .kernel = {3, 3}, .stride = {2, 2}, .same = true,
                  .no_bias = true, .init = FV_INIT_HE_NORMAL_FAN_OUT);
    x = fv_batch_norm(m, x, .name = "_bn0", .eps = eps, .momentum = momentum, .activation = FV_RELU6);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < rows[i].count; k++, index++) {
            const int64_t c = fv_zoo_channels(m, x), r = rows[i].kernel, stride = k == 0 ? rows[i].stride : 1;
            fv_value y = x;
            fv_zoo_prefix(m, "_blocks.%d", index);
            if (rows[i].expand > 1)
                y = fv_zoo_conv_norm(m, y, .conv = "_expand_conv", .norm = "_bn0", .filters = c * rows[i].expand,
                                     .activation = FV_RELU6, .eps = eps, .momentum = momentum);
            y = fv_conv2d(m, y, .name = "_depthwise_conv", .filters = c * rows[i].expand, .kernel = {r, r},
                          .stride = {stride, stride}, .same = true, .groups = -1, .no_bias = true,
                          .init = FV_INIT_HE_NORMAL_FAN_OUT);
            y = fv_batch_norm(m, y, .name = "_bn1", .eps = eps, .momentum = momentum, .activation = FV_RELU6);
            y = fv_zoo_conv_norm(m, y, .conv = "_project_conv", .norm = "_bn2", .filters = rows[i].filters, .eps = eps,
                                 .momentum = momentum);
            x = stride == 1 && c == rows[i].filters ? fv_add(m, fv_zoo_residual(m, y), x) : y;
        }
    }
    fv_prefix(m, "");
    x = fv_zoo_conv_norm(m, x, .conv = "_conv_head", .norm = "_bn1", .filters = 1280, .activation = FV_RELU6,
                         .eps = eps, .momentum = momentum);
    return fv_zoo_classify(m, x, net, "_fc", FV_INIT_DEFAULT);
}

/* Tan et al., "MnasNet: platform-aware neural architecture search for mobile", 2018: MNASNet-B1. */
fv_value fv_zoo_mnasnet1_0(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        int filters, kernel, stride, expand, count;
    } rows[] = {{24, 3, 2, 3, 3}, {40, 5, 2, 3, 3},  {80, 5, 2, 6, 3},
                {96, 3, 1, 6, 2}, {192, 5, 2, 6, 4}, {320, 3, 1, 6, 1}};
    const double momentum = 0.0003;
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_zoo_conv_norm(m, x, .conv = "layers.0", .norm = "layers.1", .filters = 32, .kernel = 3, .stride = 2,
                         .activation = FV_RELU, .momentum = momentum);
    x = fv_zoo_conv_norm(m, x, .conv = "layers.3", .norm = "layers.4", .filters = 32, .kernel = 3, .groups = -1,
                         .activation = FV_RELU, .momentum = momentum);
    x = fv_zoo_conv_norm(m, x, .conv = "layers.6", .norm = "layers.7", .filters = 16, .momentum = momentum);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < rows[i].count; k++) {
            const int64_t c = fv_zoo_channels(m, x), wide = c * rows[i].expand;
            fv_zoo_prefix(m, "layers.%d.%d.layers", (int)i + 8, k);
            fv_value y = fv_zoo_conv_norm(m, x, .conv = "0", .norm = "1", .filters = wide, .activation = FV_RELU,
                                          .momentum = momentum);
            y = fv_zoo_conv_norm(m, y, .conv = "3", .norm = "4", .filters = wide, .kernel = rows[i].kernel,
                                 .stride = k == 0 ? rows[i].stride : 1, .groups = -1, .activation = FV_RELU,
                                 .momentum = momentum);
            y = fv_zoo_conv_norm(m, y, .conv = "6", .norm = "7", .filters = rows[i].filters, .momentum = momentum);
            x = k > 0 ? fv_add(m, fv_zoo_residual(m, y), x) : y;
        }
    }
    fv_prefix(m, "");
    x = fv_zoo_conv_norm(m, x, .conv = "layers.14", .norm = "layers.15", .filters = 1280, .activation = FV_RELU,
                         .momentum = momentum);
    return fv_zoo_classify(m, x, net, "classifier.1", FV_INIT_HE_UNIFORM);
}

/* Channels [begin, begin + count) of x. */
static fv_value part(fv_model *m, fv_value x, int64_t begin, int64_t count)
{
    char attributes[64];
    snprintf(attributes, sizeof attributes, "begin=%lld count=%lld", (long long)begin, (long long)count);
    return fv_layer(m, "slice", &x, 1, &(fv_layer_options){.attributes = attributes});
}

fv_value fv_zoo_shuffle_unit(fv_model *m, fv_value x, int64_t filters, int64_t stride)
{
    const int64_t c = fv_zoo_channels(m, x), half = filters / 2;
    fv_value side[2], y = x;
    if (stride == 1) {
        side[0] = part(m, x, 0, c / 2);
        y = part(m, x, c / 2, c / 2);
    } else {
        x = fv_zoo_conv_norm(m, x, .conv = "branch1.0", .norm = "branch1.1", .filters = c, .kernel = 3,
                             .stride = stride, .groups = -1);
        side[0] =
            fv_zoo_conv_norm(m, x, .conv = "branch1.2", .norm = "branch1.3", .filters = half, .activation = FV_RELU);
    }
    y = fv_zoo_conv_norm(m, y, .conv = "branch2.0", .norm = "branch2.1", .filters = half, .activation = FV_RELU);
    y = fv_zoo_conv_norm(m, y, .conv = "branch2.3", .norm = "branch2.4", .filters = half, .kernel = 3, .stride = stride,
                         .groups = -1);
    side[1] = fv_zoo_conv_norm(m, y, .conv = "branch2.5", .norm = "branch2.6", .filters = half, .activation = FV_RELU);
    x = fv_concat(m, side, 2);
    return fv_layer(m, "channel_shuffle", &x, 1, &(fv_layer_options){.attributes = "groups=2"});
}

/* Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018; `depth` is the number
 * of the width: 0.5, 1, 1.5, 2. */
fv_value fv_zoo_shufflenet_v2(fv_model *m, const fv_zoo_net *net)
{
    static const int widths[4][4] = {{48, 96, 192, 1024},
                                     {116, 232, 464, 1024},
                                     {176, 352, 704, 1024},
                                     {244, 488, 976, 2048}},
                     counts[3] = {4, 8, 4};
    const int *width = widths[net->depth];
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_zoo_conv_norm(m, x, .conv = "conv1.0", .norm = "conv1.1", .filters = 24, .kernel = 3, .stride = 2,
                         .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    for (int stage = 0; stage < 3; stage++) {
        for (int i = 0; i < counts[stage]; i++) {
            fv_zoo_prefix(m, "stage%d.%d", stage + 2, i);
            x = fv_zoo_shuffle_unit(m, x, width[stage], i == 0 ? 2 : 1);
        }
    }
    fv_prefix(m, "");
    x = fv_zoo_conv_norm(m, x, .conv = "conv5.0", .norm = "conv5.1", .filters = width[3], .activation = FV_RELU);
    return fv_zoo_classify(m, x, net, "fc", FV_INIT_DEFAULT);
}
