/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of layers: the small digit networks, AlexNet, VGG, SqueezeNet. Names are torchvision's where it has the
 * network. */
#include <stdio.h>

#include "nn/zoo.h"

/* Two convolutions, each halved by pooling, and a classifier. */
fv_value fv_zoo_mnist_cnn(fv_model *m, const fv_zoo_net *net)
{
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 32, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_conv2d(m, x, .name = "conv2", .filters = 64, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_zoo_dropout(m, fv_flatten(m, x), net->dropout);
    return fv_dense(m, x, .name = "fc", .units = net->classes);
}

/* LeCun et al., "Gradient-based learning applied to document recognition", 1998; with ReLU and max pooling. */
fv_value fv_zoo_lenet(fv_model *m, const fv_zoo_net *net)
{
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 6, .kernel = {5, 5}, .pad = {2, 2, 2, 2}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_conv2d(m, x, .name = "conv2", .filters = 16, .kernel = {5, 5}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_dense(m, fv_flatten(m, x), .name = "fc1", .units = 120, .activation = FV_RELU);
    x = fv_dense(m, x, .name = "fc2", .units = 84, .activation = FV_RELU);
    return fv_dense(m, fv_zoo_dropout(m, x, net->dropout), .name = "fc3", .units = net->classes);
}

/* Average pooling to h x w, whatever comes in; nothing where it has that size. */
static fv_value pool_to(fv_model *m, fv_value x, int64_t size)
{
    char attributes[64];
    if (m->error != FV_OK)
        return fv_no_value;
    const fv_shape *shape = fv_nn_shape(m, x);
    if (shape->dim[1] == size && shape->dim[2] == size)
        return x;
    snprintf(attributes, sizeof attributes, "output=%lld", (long long)size);
    return fv_layer(m, "adaptive_avg_pool2d", &x, 1, &(fv_layer_options){.attributes = attributes});
}

/* Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014. */
fv_value fv_zoo_alexnet(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        const char *name;
        int filters, kernel, stride, pad;
        bool pool;
    } rows[] = {{"features.0", 64, 11, 4, 2, true},
                {"features.3", 192, 5, 1, 2, true},
                {"features.6", 384, 3, 1, 1, false},
                {"features.8", 256, 3, 1, 1, false},
                {"features.10", 256, 3, 1, 1, true}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int k = rows[i].kernel, s = rows[i].stride, p = rows[i].pad;
        x = fv_conv2d(m, x, .name = rows[i].name, .filters = rows[i].filters, .kernel = {k, k}, .stride = {s, s},
                      .pad = {p, p, p, p}, .activation = FV_RELU);
        if (rows[i].pool)
            x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2});
    }
    x = fv_flatten(m, pool_to(m, x, 6));
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_dense(m, x, .name = "classifier.1", .units = 4096, .activation = FV_RELU);
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_dense(m, x, .name = "classifier.4", .units = 4096, .activation = FV_RELU);
    return fv_dense(m, x, .name = "classifier.6", .units = net->classes);
}

/* Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014. */
fv_value fv_zoo_vgg(fv_model *m, const fv_zoo_net *net)
{
    static const int filters[5] = {64, 128, 256, 512, 512};
    /* convolutions per stage */
    static const struct {
        int depth, count[5];
    } members[] = {{11, {1, 1, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};
    size_t v = 0;
    while (members[v].depth != net->depth)
        v++;
    char name[32];
    int index = 0; /* of the layer in `features`: convolution, activation and pooling count */
    fv_value x = fv_input(m, net->h, net->w, net->c);
    for (int stage = 0; stage < 5; stage++) {
        for (int i = 0; i < members[v].count[stage]; i++, index += 2) {
            snprintf(name, sizeof name, "features.%d", index);
            x = fv_conv2d(m, x, .name = name, .filters = filters[stage], .kernel = {3, 3}, .pad = {1, 1, 1, 1},
                          .activation = FV_RELU, .init = FV_INIT_HE_NORMAL_FAN_OUT);
        }
        x = fv_max_pool2d(m, x, .size = {2, 2});
        index++;
    }
    x = fv_flatten(m, pool_to(m, x, 7));
    x = fv_dense(m, x, .name = "classifier.0", .units = 4096, .activation = FV_RELU, .init = FV_INIT_GAUSSIAN);
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_dense(m, x, .name = "classifier.3", .units = 4096, .activation = FV_RELU, .init = FV_INIT_GAUSSIAN);
    x = fv_zoo_dropout(m, x, net->dropout);
    return fv_dense(m, x, .name = "classifier.6", .units = net->classes, .init = FV_INIT_GAUSSIAN);
}

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

/* Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016; version 1.1. */
fv_value fv_zoo_squeezenet1_1(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        int index, squeeze, expand;
        bool pool; /* in front */
    } rows[] = {{3, 16, 64, true},  {4, 16, 64, false},   {6, 32, 128, true},   {7, 32, 128, false},
                {9, 48, 192, true}, {10, 48, 192, false}, {11, 64, 256, false}, {12, 64, 256, false}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "features.0", .filters = 64, .kernel = {3, 3}, .stride = {2, 2}, .activation = FV_RELU,
                  .init = FV_INIT_HE_UNIFORM);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].pool)
            x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
        x = fire(m, x, rows[i].index, rows[i].squeeze, rows[i].expand);
    }
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_conv2d(m, x, .name = "classifier.1", .filters = net->classes, .kernel = {1, 1}, .activation = FV_RELU,
                  .init = FV_INIT_GAUSSIAN);
    return fv_flatten(m, fv_global_avg_pool(m, x));
}
