/* SPDX-License-Identifier: Apache-2.0 */
/* Networks with shortcuts: ResNet for large and for small images, its wide and its grouped form, RegNet. */
#include <stdio.h>

#include "nn/zoo.h"

/* One residual network: how it begins is the builder's business. */
typedef struct residual_style {
    fv_init init;          /* of convolutions */
    bool bottleneck;       /* 1x1, 3x3, 1x1 of four times the channels; else two 3x3 */
    int64_t widen, groups; /* of a bottleneck's 3x3: channels by the block's, groups; 0: 1 */
    enum { FV_SHORTCUT_NORM, FV_SHORTCUT_BIAS, FV_SHORTCUT_ZEROS } shortcut;
} residual_style;

/* The way around a block whose output has `filters` channels at 1 / stride of the size. */
static fv_value shortcut(fv_model *m, const residual_style *net, fv_value x, int64_t filters, int64_t stride)
{
    char attributes[64];
    const int64_t c = fv_zoo_channels(m, x);
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

/* The last scale of a branch starts at 0, so that a block is at first the way around it (Goyal et al., "Accurate, large
 * minibatch SGD", 2017). Else the scale of what goes by would grow with every block while running statistics are not
 * measured yet, and 50 of them leave the range of floats. */
static void start_at_zero(fv_model *m, const char *norm)
{
    char name[sizeof m->prefix + 64];
    snprintf(name, sizeof name, "%s%s%s.weight", m->prefix, m->prefix[0] ? "." : "", norm);
    const fv_val *val = m->error == FV_OK ? fv_graph_find(m->graph, name) : NULL;
    if (val)
        fv_model_set_error(m, fv_model_note_init(m, val->id, FV_INIT_CONSTANT, 0));
}

/* Prefix is the block's name. */
static fv_value block(fv_model *m, const residual_style *net, fv_value x, int64_t planes, int64_t stride)
{
    const int64_t filters = net->bottleneck ? planes * 4 : planes;
    const int64_t inner = planes * (net->widen ? net->widen : 1);
    fv_value y = x;
    if (net->bottleneck) {
        y = fv_conv2d(m, y, .name = "conv1", .filters = inner, .kernel = {1, 1}, .no_bias = true, .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn1", .activation = FV_RELU);
        y = fv_conv2d(m, y, .name = "conv2", .filters = inner, .kernel = {3, 3}, .stride = {stride, stride},
                      .pad = {1, 1, 1, 1}, .groups = net->groups, .no_bias = true, .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn2", .activation = FV_RELU);
        y = fv_conv2d(m, y, .name = "conv3", .filters = filters, .kernel = {1, 1}, .no_bias = true, .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn3");
        start_at_zero(m, "bn3");
    } else {
        y = fv_conv2d(m, y, .name = "conv1", .filters = planes, .kernel = {3, 3}, .stride = {stride, stride},
                      .pad = {1, 1, 1, 1}, .no_bias = true, .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn1", .activation = FV_RELU);
        y = fv_conv2d(m, y, .name = "conv2", .filters = planes, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .no_bias = true,
                      .init = net->init);
        y = fv_batch_norm(m, y, .name = "bn2");
    }
    y = fv_add(m, fv_zoo_residual(m, y), shortcut(m, net, x, filters, stride));
    return fv_activate(m, y, FV_RELU);
}

fv_value fv_zoo_bottleneck(fv_model *m, fv_value x, int64_t filters, int64_t stride, int64_t widen, int64_t groups)
{
    const residual_style style = {FV_INIT_HE_NORMAL_FAN_OUT, true, widen, groups, FV_SHORTCUT_NORM};
    return block(m, &style, x, filters / 4, stride);
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

/* He et al., "Deep residual learning for image recognition", 2015; stride in the 3x3, as torchvision. */
static fv_value imagenet_resnet(fv_model *m, const fv_zoo_net *net, int widen, int groups)
{
    static const struct {
        int depth, blocks[4];
    } members[] = {
        {18, {2, 2, 2, 2}}, {34, {3, 4, 6, 3}}, {50, {3, 4, 6, 3}}, {101, {3, 4, 23, 3}}, {152, {3, 8, 36, 3}}};
    const residual_style style = {FV_INIT_HE_NORMAL_FAN_OUT, net->depth >= 50, widen, groups, FV_SHORTCUT_NORM};
    size_t i = 0;
    while (members[i].depth != net->depth)
        i++;
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 64, .kernel = {7, 7}, .stride = {2, 2}, .pad = {3, 3, 3, 3},
                  .no_bias = true, .init = style.init);
    x = fv_batch_norm(m, x, .name = "bn1", .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1});
    x = stages(m, &style, x, 64, members[i].blocks, 4);
    return fv_zoo_classify(m, x, net, "fc", FV_INIT_DEFAULT);
}

fv_value fv_zoo_resnet(fv_model *m, const fv_zoo_net *net)
{
    return imagenet_resnet(m, net, 1, 1);
}

/* Zagoruyko and Komodakis, "Wide residual networks", 2016: twice the channels within a bottleneck. */
fv_value fv_zoo_wide_resnet(fv_model *m, const fv_zoo_net *net)
{
    return imagenet_resnet(m, net, 2, 1);
}

/* Xie et al., "Aggregated residual transformations for deep neural networks", 2016: 32 groups of 4 channels and more.
 */
fv_value fv_zoo_resnext(fv_model *m, const fv_zoo_net *net)
{
    return imagenet_resnet(m, net, 2, 32);
}

/* The same paper's networks for 32 x 32: 6 n + 2 layers with shortcuts without parameters. Depth 8 is the one of MLPerf
 * Tiny, whose shortcuts are 1x1 convolutions with bias. */
fv_value fv_zoo_cifar_resnet(fv_model *m, const fv_zoo_net *net)
{
    const bool tiny = net->depth == 8;
    const int n = (net->depth - 2) / 6, blocks[3] = {n, n, n};
    const residual_style style = {FV_INIT_HE_NORMAL, false, 1, 1, tiny ? FV_SHORTCUT_BIAS : FV_SHORTCUT_ZEROS};
    fv_value x = fv_input(m, net->h, net->w, net->c);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 16, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .no_bias = true,
                  .init = style.init);
    x = fv_batch_norm(m, x, .name = "bn1", .activation = FV_RELU);
    x = stages(m, &style, x, 16, blocks, 3);
    return fv_zoo_classify(m, x, net, tiny ? "fc" : "linear", FV_INIT_HE_NORMAL);
}

/* Radosavovic et al., "Designing network design spaces", 2020: RegNetY-400MF, whose widths follow from w0 = 48, wa =
 * 27.89, wm = 2.09 and depth 16. Groups of 8 channels; the squeeze is a quarter of what comes into the block. */
fv_value fv_zoo_regnet_y_400mf(fv_model *m, const fv_zoo_net *net)
{
    static const struct {
        int width, depth;
    } rows[] = {{48, 1}, {104, 3}, {208, 6}, {440, 6}};
    fv_value x = fv_input(m, net->h, net->w, net->c), y;
    x = fv_zoo_conv_norm(m, x, .conv = "stem.0", .norm = "stem.1", .filters = 32, .kernel = 3, .stride = 2,
                         .activation = FV_RELU);
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < rows[stage].depth; i++) {
            const int64_t c = fv_zoo_channels(m, x), width = rows[stage].width, stride = i == 0 ? 2 : 1;
            fv_zoo_prefix(m, "trunk_output.block%d.block%d-%d", stage + 1, stage + 1, i);
            fv_value around = x;
            if (i == 0)
                around = fv_zoo_conv_norm(m, x, .conv = "proj.0", .norm = "proj.1", .filters = width, .stride = stride);
            y = fv_zoo_conv_norm(m, x, .conv = "f.a.0", .norm = "f.a.1", .filters = width, .activation = FV_RELU);
            y = fv_zoo_conv_norm(m, y, .conv = "f.b.0", .norm = "f.b.1", .filters = width, .kernel = 3,
                                 .stride = stride, .groups = width / 8, .activation = FV_RELU);
            y = fv_zoo_squeeze_excite(m, y, "f.se", (c + 2) / 4, FV_RELU, FV_SIGMOID);
            y = fv_zoo_conv_norm(m, y, .conv = "f.c.0", .norm = "f.c.1", .filters = width);
            x = fv_activate(m, fv_add(m, around, fv_zoo_residual(m, y)), FV_RELU);
        }
    }
    fv_prefix(m, "");
    return fv_zoo_classify(m, x, net, "fc", FV_INIT_GAUSSIAN);
}
