/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of layers: the small digit networks, AlexNet, VGG, Network in Network, DS-CNN. Names are torchvision's where
 * it has the network. */
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

/* Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014. */
fv_value fv_zoo_alexnet(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        const char *name;
        int filters, kernel, stride, pad;
        const char *pool; /* behind it; NULL: none */
    } rows[] = {{"features.0", 64, 11, 4, 2, "features.2"},
                {"features.3", 192, 5, 1, 2, "features.5"},
                {"features.6", 384, 3, 1, 1, NULL},
                {"features.8", 256, 3, 1, 1, NULL},
                {"features.10", 256, 3, 1, 1, "features.12"}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int k = rows[i].kernel, s = rows[i].stride, p = rows[i].pad;
        x = fv_conv2d(m, x, .name = rows[i].name, .filters = rows[i].filters, .kernel = {k, k}, .stride = {s, s},
                      .pad = {p, p, p, p}, .activation = FV_RELU);
        if (rows[i].pool)
            x = fv_max_pool2d(m, x, .name = rows[i].pool, .size = {3, 3}, .stride = {2, 2});
    }
    x = fv_flatten(m, fv_zoo_pool_to(m, x, 6));
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_dense(m, x, .name = "classifier.1", .units = 4096, .activation = FV_RELU);
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_dense(m, x, .name = "classifier.4", .units = 4096, .activation = FV_RELU);
    return fv_dense(m, x, .name = "classifier.6", .units = net->classes);
}

/* Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014. */
static fv_value vgg(fv_model *m, const fv_zoo_net *net, bool normed)
{
    static const int filters[5] = {64, 128, 256, 512, 512};
    /* convolutions per stage */
    static const struct {
        int depth, count[5];
    } members[] = {{11, {1, 1, 2, 2, 2}}, {13, {2, 2, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};
    size_t v = 0;
    while (members[v].depth != net->depth)
        v++;
    char name[32];
    int index = 0; /* of the layer in `features`: convolution, activation and pooling count */
    fv_value x = fv_input(m, net->h, net->w, net->c);
    for (int stage = 0; stage < 5; stage++) {
        for (int i = 0; i < members[v].count[stage]; i++, index += normed ? 3 : 2) {
            snprintf(name, sizeof name, "features.%d", index);
            x = fv_conv2d(m, x, .name = name, .filters = filters[stage], .kernel = {3, 3}, .pad = {1, 1, 1, 1},
                          .activation = normed ? FV_ACT_NONE : FV_RELU, .init = FV_INIT_HE_NORMAL_FAN_OUT);
            snprintf(name, sizeof name, "features.%d", index + 1);
            if (normed)
                x = fv_batch_norm(m, x, .name = name, .activation = FV_RELU);
        }
        snprintf(name, sizeof name, "features.%d", index++);
        x = fv_max_pool2d(m, x, .name = name, .size = {2, 2});
    }
    x = fv_flatten(m, fv_zoo_pool_to(m, x, 7));
    x = fv_dense(m, x, .name = "classifier.0", .units = 4096, .activation = FV_RELU, .init = FV_INIT_GAUSSIAN);
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_dense(m, x, .name = "classifier.3", .units = 4096, .activation = FV_RELU, .init = FV_INIT_GAUSSIAN);
    x = fv_zoo_dropout(m, x, net->dropout);
    return fv_dense(m, x, .name = "classifier.6", .units = net->classes, .init = FV_INIT_GAUSSIAN);
}

fv_value fv_zoo_vgg(fv_model *m, const fv_zoo_net *net)
{
    return vgg(m, net, false);
}

/* The same with batch norm behind each convolution. */
fv_value fv_zoo_vgg_bn(fv_model *m, const fv_zoo_net *net)
{
    return vgg(m, net, true);
}

/* Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012, as Caffe
 * has it: two groups in three convolutions, pooling in front of the normalization of neighboring channels. */
fv_value fv_zoo_caffenet(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        const char *name;
        int filters, kernel, stride, pad, groups;
        bool pool, lrn;
    } rows[] = {{"conv1", 96, 11, 4, 0, 1, true, true},
                {"conv2", 256, 5, 1, 2, 2, true, true},
                {"conv3", 384, 3, 1, 1, 1, false, false},
                {"conv4", 384, 3, 1, 1, 2, false, false},
                {"conv5", 256, 3, 1, 1, 2, true, false}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int k = rows[i].kernel, s = rows[i].stride, p = rows[i].pad;
        x = fv_conv2d(m, x, .name = rows[i].name, .filters = rows[i].filters, .kernel = {k, k}, .stride = {s, s},
                      .pad = {p, p, p, p}, .groups = rows[i].groups, .activation = FV_RELU, .init = FV_INIT_GAUSSIAN);
        if (rows[i].pool)
            x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
        if (rows[i].lrn)
            x = fv_layer(m, "lrn", &x, 1, NULL);
    }
    x = fv_flatten(m, fv_zoo_pool_to(m, x, 6));
    x = fv_dense(m, x, .name = "fc6", .units = 4096, .activation = FV_RELU, .init = FV_INIT_GAUSSIAN);
    x = fv_zoo_dropout(m, x, net->dropout);
    x = fv_dense(m, x, .name = "fc7", .units = 4096, .activation = FV_RELU, .init = FV_INIT_GAUSSIAN);
    x = fv_zoo_dropout(m, x, net->dropout);
    return fv_dense(m, x, .name = "fc8", .units = net->classes, .init = FV_INIT_GAUSSIAN);
}

/* A convolution and two 1x1 behind it, each with ReLU: a small network that slides over the picture. */
typedef struct mlp_conv {
    const char *name;
    int kernel, stride, pad, filters[3]; /* of the last one 0: as many as there are classes */
} mlp_conv;

static fv_value mlp(fv_model *m, fv_value x, const mlp_conv *row, int64_t classes)
{
    fv_prefix(m, row->name);
    for (int i = 0; i < 3; i++) {
        const int k = i ? 1 : row->kernel, s = i ? 1 : row->stride, p = i ? 0 : row->pad;
        const int64_t filters = row->filters[i] ? row->filters[i] : classes;
        x = fv_conv2d(m, x,
                      .name = i == 0   ? "0"
                              : i == 1 ? "2"
                                       : "4",
                      .filters = filters, .kernel = {k, k}, .stride = {s, s}, .pad = {p, p, p, p},
                      .activation = FV_RELU, .init = FV_INIT_HE_NORMAL);
    }
    fv_prefix(m, "");
    return x;
}

/* Lin, Chen and Yan, "Network in network", 2013; for ImageNet as in Caffe's collection of models. */
fv_value fv_zoo_nin(fv_model *m, const fv_zoo_net *net)
{
    static const mlp_conv rows[4] = {{"mlp1", 11, 4, 0, {96, 96, 96}},
                                     {"mlp2", 5, 1, 2, {256, 256, 256}},
                                     {"mlp3", 3, 1, 1, {384, 384, 384}},
                                     {"mlp4", 3, 1, 1, {1024, 1024, 0}}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    for (int i = 0; i < 4; i++) {
        if (i == 3)
            x = fv_zoo_dropout(m, x, net->dropout);
        x = mlp(m, x, &rows[i], net->classes);
        if (i < 3)
            x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .ceil = true);
    }
    return fv_flatten(m, fv_global_avg_pool(m, x));
}

/* The same paper's network for CIFAR-10. */
fv_value fv_zoo_cifar_nin(fv_model *m, const fv_zoo_net *net)
{
    static const mlp_conv rows[3] = {
        {"mlp1", 5, 1, 2, {192, 160, 96}}, {"mlp2", 5, 1, 2, {192, 192, 192}}, {"mlp3", 3, 1, 1, {192, 192, 0}}};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = mlp(m, x, &rows[0], net->classes);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    x = mlp(m, fv_zoo_dropout(m, x, net->dropout), &rows[1], net->classes);
    x = fv_avg_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    x = mlp(m, fv_zoo_dropout(m, x, net->dropout), &rows[2], net->classes);
    return fv_flatten(m, fv_global_avg_pool(m, x));
}

/* Zhang et al., "Hello edge: keyword spotting on microcontrollers", 2017, as MLPerf Tiny has it: 49 frames of 10
 * coefficients, depthwise separable convolutions with biases. */
fv_value fv_zoo_ds_cnn(fv_model *m, const fv_zoo_net *net)
{
    enum { FILTERS = 64, BLOCKS = 4 };
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "conv", .filters = FILTERS, .kernel = {10, 4}, .stride = {2, 2}, .same = true,
                  .init = FV_INIT_HE_NORMAL);
    x = fv_batch_norm(m, x, .name = "bn", .activation = FV_RELU);
    for (int i = 0; i < BLOCKS; i++) {
        fv_zoo_prefix(m, "block%d", i + 1);
        x = fv_conv2d(m, x, .name = "depthwise", .filters = FILTERS, .kernel = {3, 3}, .same = true, .groups = -1,
                      .init = FV_INIT_HE_NORMAL);
        x = fv_batch_norm(m, x, .name = "bn1", .activation = FV_RELU);
        x = fv_conv2d(m, x, .name = "pointwise", .filters = FILTERS, .kernel = {1, 1}, .init = FV_INIT_HE_NORMAL);
        x = fv_batch_norm(m, x, .name = "bn2", .activation = FV_RELU);
    }
    fv_prefix(m, "");
    return fv_zoo_classify(m, x, net, "fc", FV_INIT_XAVIER_UNIFORM);
}
