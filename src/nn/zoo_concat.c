/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that put channels side by side: SqueezeNet, GoogLeNet, DenseNet. Names are torchvision's. */
#include <stdio.h>

#include "nn/zoo.h"

/* Squeeze to few channels, expand by 1x1 and 3x3 side by side. */
static fv_value fire(fv_model *m, fv_value x, int index, int64_t squeeze, int64_t expand)
{
    fv_value side[2];
    fv_zoo_prefix(m, "features.%d", index);
    x = fv_conv2d(m, x, .name = "squeeze", .filters = squeeze, .kernel = {1, 1}, .activation = FV_RELU,
                  .init = FV_INIT_HE_UNIFORM);
    side[0] = fv_conv2d(m, x, .name = "expand1x1", .filters = expand, .kernel = {1, 1}, .activation = FV_RELU,
                        .init = FV_INIT_HE_UNIFORM);
    side[1] = fv_conv2d(m, x, .name = "expand3x3", .filters = expand, .kernel = {3, 3}, .pad = {1, 1, 1, 1},
                        .activation = FV_RELU, .init = FV_INIT_HE_UNIFORM);
    x = fv_concat(m, side, 2);
    fv_prefix(m, "");
    return x;
}

/* Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016; `depth` is the minor version.
 */
fv_value fv_zoo_squeezenet(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        int kernel, filters;
        struct {
            int index, squeeze, expand;
            bool pool; /* in front */
        } fire[8];
    } versions[2] = {{7,
                      96,
                      {{3, 16, 64, true},
                       {4, 16, 64, false},
                       {5, 32, 128, false},
                       {7, 32, 128, true},
                       {8, 48, 192, false},
                       {9, 48, 192, false},
                       {10, 64, 256, false},
                       {12, 64, 256, true}}},
                     {3,
                      64,
                      {{3, 16, 64, true},
                       {4, 16, 64, false},
                       {6, 32, 128, true},
                       {7, 32, 128, false},
                       {9, 48, 192, true},
                       {10, 48, 192, false},
                       {11, 64, 256, false},
                       {12, 64, 256, false}}}};
    const int k = versions[net->depth].kernel;
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "features.0", .filters = versions[net->depth].filters, .kernel = {k, k},
                  .stride = {2, 2}, .activation = FV_RELU, .init = FV_INIT_HE_UNIFORM);
    for (int i = 0; i < 8; i++) {
        if (versions[net->depth].fire[i].pool)
            x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
        x = fire(m, x, versions[net->depth].fire[i].index, versions[net->depth].fire[i].squeeze,
                 versions[net->depth].fire[i].expand);
    }
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_conv2d(m, x, .name = "classifier.1", .filters = net->classes, .kernel = {1, 1}, .activation = FV_RELU,
                  .init = FV_INIT_GAUSSIAN);
    return fv_flatten(m, fv_global_avg_pool(m, x));
}

/* "NAME.conv" and "NAME.bn" with ReLU. */
static fv_value basic(fv_model *m, fv_value x, const char *name, int64_t filters, int64_t kernel, int64_t stride)
{
    char conv[64], norm[64];
    snprintf(conv, sizeof conv, "%s.conv", name);
    snprintf(norm, sizeof norm, "%s.bn", name);
    return fv_zoo_conv_norm(m, x, .conv = conv, .norm = norm, .filters = filters, .kernel = kernel, .stride = stride,
                            .activation = FV_RELU, .eps = 0.001);
}

/* 1x1; 1x1 and 3x3; 1x1 and 3x3 (5x5 in the paper); pooling and 1x1. */
static fv_value inception(fv_model *m, fv_value x, const int *filters)
{
    fv_value side[4];
    side[0] = basic(m, x, "branch1", filters[0], 1, 1);
    side[1] = basic(m, basic(m, x, "branch2.0", filters[1], 1, 1), "branch2.1", filters[2], 3, 1);
    side[2] = basic(m, basic(m, x, "branch3.0", filters[3], 1, 1), "branch3.1", filters[4], 3, 1);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}, .ceil = true);
    side[3] = basic(m, x, "branch4.1", filters[5], 1, 1);
    return fv_concat(m, side, 4);
}

/* Szegedy et al., "Going deeper with convolutions", 2014, with batch norm, as torchvision has it; without the auxiliary
 * classifiers, which serve training alone. */
fv_value fv_zoo_googlenet(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        const char *name;
        int filters[6], pool; /* pool: window of a pooling behind it */
    } rows[] = {{"inception3a", {64, 96, 128, 16, 32, 32}, 0},     {"inception3b", {128, 128, 192, 32, 96, 64}, 3},
                {"inception4a", {192, 96, 208, 16, 48, 64}, 0},    {"inception4b", {160, 112, 224, 24, 64, 64}, 0},
                {"inception4c", {128, 128, 256, 24, 64, 64}, 0},   {"inception4d", {112, 144, 288, 32, 64, 64}, 0},
                {"inception4e", {256, 160, 320, 32, 128, 128}, 2}, {"inception5a", {256, 160, 320, 32, 128, 128}, 0},
                {"inception5b", {384, 192, 384, 48, 128, 128}, 0}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = basic(m, x, "conv1", 64, 7, 2);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
    x = basic(m, x, "conv2", 64, 1, 1);
    x = basic(m, x, "conv3", 192, 3, 1);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int pool = rows[i].pool;
        fv_prefix(m, rows[i].name);
        x = inception(m, x, rows[i].filters);
        fv_prefix(m, "");
        if (pool)
            x = fv_max_pool2d(m, x, .size = {pool, pool}, .stride = {2, 2}, .ceil = true);
    }
    return fv_zoo_classify(m, x, net, "fc", FV_INIT_DEFAULT);
}

static fv_value norm_conv(fv_model *m, fv_value x, const char *norm, const char *conv, int64_t filters, int64_t kernel)
{
    const int64_t pad = kernel / 2;
    x = fv_batch_norm(m, x, .name = norm, .activation = FV_RELU);
    return fv_conv2d(m, x, .name = conv, .filters = filters, .kernel = {kernel, kernel}, .pad = {pad, pad, pad, pad},
                     .no_bias = true, .init = FV_INIT_HE_NORMAL);
}

/* Huang et al., "Densely connected convolutional networks", 2016: every layer sees all before it in its block. */
fv_value fv_zoo_densenet(fv_model *m, const fv_zoo_net *net)
{
    enum { GROWTH = 32, BOTTLENECK = 4 * GROWTH, BLOCKS = 4 };
    static const int layers[BLOCKS] = {6, 12, 24, 16};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "features.conv0", .filters = 64, .kernel = {7, 7}, .stride = {2, 2},
                  .pad = {3, 3, 3, 3}, .no_bias = true, .init = FV_INIT_HE_NORMAL);
    x = fv_batch_norm(m, x, .name = "features.norm0", .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    for (int block = 0; block < BLOCKS; block++) {
        for (int i = 0; i < layers[block]; i++) {
            fv_zoo_prefix(m, "features.denseblock%d.denselayer%d", block + 1, i + 1);
            fv_value y = norm_conv(m, x, "norm1", "conv1", BOTTLENECK, 1);
            y = norm_conv(m, y, "norm2", "conv2", GROWTH, 3);
            x = fv_concat(m, (fv_value[]){x, y}, 2);
        }
        if (block + 1 == BLOCKS)
            continue;
        fv_zoo_prefix(m, "features.transition%d", block + 1);
        x = norm_conv(m, x, "norm", "conv", fv_zoo_channels(m, x) / 2, 1);
        x = fv_avg_pool2d(m, x, .size = {2, 2});
    }
    fv_prefix(m, "");
    x = fv_batch_norm(m, x, .name = "features.norm5", .activation = FV_RELU);
    return fv_zoo_classify(m, x, net, "classifier", FV_INIT_DEFAULT);
}
