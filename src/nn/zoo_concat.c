/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that put channels side by side: SqueezeNet, DenseNet. Names are torchvision's. */
#include <stdio.h>
#include <string.h>

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
        char pool[32];
        snprintf(pool, sizeof pool, "features.%d", versions[net->depth].fire[i].index - 1);
        if (versions[net->depth].fire[i].pool)
            x = fv_max_pool2d(m, x, .name = pool, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
        x = fire(m, x, versions[net->depth].fire[i].index, versions[net->depth].fire[i].squeeze,
                 versions[net->depth].fire[i].expand);
    }
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_conv2d(m, x, .name = "classifier.1", .filters = net->classes, .kernel = {1, 1}, .activation = FV_RELU,
                  .init = FV_INIT_GAUSSIAN);
    return fv_flatten(m, fv_layer(m, "global_avg_pool", &x, 1, &(fv_layer_options){.name = "classifier.3"}));
}

static fv_value norm_conv(fv_model *m, fv_value x, const char *norm, const char *conv, int64_t filters, int64_t kernel)
{
    const int64_t pad = kernel / 2;
    x = fv_batch_norm(m, x, .name = norm, .activation = FV_RELU);
    return fv_conv2d(m, x, .name = conv, .filters = filters, .kernel = {kernel, kernel}, .pad = {pad, pad, pad, pad},
                     .no_bias = true, .init = FV_INIT_HE_NORMAL);
}

fv_value fv_zoo_dense_block(fv_model *m, fv_value x, int64_t layers, int64_t growth)
{
    char outer[sizeof m->prefix];
    memcpy(outer, m->prefix, sizeof outer);
    for (int64_t i = 0; i < layers; i++) {
        fv_zoo_prefix(m, "%s%sdenselayer%lld", outer, outer[0] ? "." : "", (long long)i + 1);
        fv_value y = norm_conv(m, x, "norm1", "conv1", 4 * growth, 1);
        y = norm_conv(m, y, "norm2", "conv2", growth, 3);
        x = fv_concat(m, (fv_value[]){x, y}, 2);
    }
    fv_prefix(m, outer);
    return x;
}

/* Huang et al., "Densely connected convolutional networks", 2016: every layer sees all before it in its block. */
fv_value fv_zoo_densenet(fv_model *m, const fv_zoo_net *net)
{
    enum { GROWTH = 32, BLOCKS = 4 };
    static const int layers[BLOCKS] = {6, 12, 24, 16};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "features.conv0", .filters = 64, .kernel = {7, 7}, .stride = {2, 2},
                  .pad = {3, 3, 3, 3}, .no_bias = true, .init = FV_INIT_HE_NORMAL);
    x = fv_batch_norm(m, x, .name = "features.norm0", .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .name = "features.pool0", .size = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    for (int block = 0; block < BLOCKS; block++) {
        fv_zoo_prefix(m, "features.denseblock%d", block + 1);
        x = fv_zoo_dense_block(m, x, layers[block], GROWTH);
        if (block + 1 == BLOCKS)
            continue;
        fv_zoo_prefix(m, "features.transition%d", block + 1);
        x = norm_conv(m, x, "norm", "conv", fv_zoo_channels(m, x) / 2, 1);
        x = fv_avg_pool2d(m, x, .size = {2, 2});
    }
    fv_prefix(m, "");
    x = fv_batch_norm(m, x, .name = "features.norm5");
    x = fv_layer(m, "relu", &x, 1, &(fv_layer_options){.name = "relu"}); /* none of `features`, there as here */
    return fv_zoo_classify(m, x, net, "classifier", FV_INIT_DEFAULT);
}
