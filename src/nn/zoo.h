/* SPDX-License-Identifier: Apache-2.0 */
/* The zoo: one row per architecture, one builder per family. */
#ifndef FV_NN_ZOO_H
#define FV_NN_ZOO_H

#include "nn/build.h"

/* What a builder gets: the row's own numbers, with the caller's in their place. */
typedef struct fv_zoo_net {
    int depth; /* which member of the family */
    int64_t h, w, c, classes;
    double dropout;
    bool own_dropout; /* the row's: other layers may have a rate of their own */
    double drop_path; /* as in fv_zoo_options */
} fv_zoo_net;

/* Builds everything from fv_input to the logits, which it returns. */
typedef fv_value fv_zoo_build(fv_model *m, const fv_zoo_net *net);

fv_zoo_build fv_zoo_alexnet, fv_zoo_caffenet, fv_zoo_cifar_nin, fv_zoo_cifar_resnet, fv_zoo_convnext, fv_zoo_densenet,
    fv_zoo_ds_cnn, fv_zoo_efficientnet_b0, fv_zoo_efficientnet_lite0, fv_zoo_googlenet, fv_zoo_inception_v3,
    fv_zoo_lenet, fv_zoo_mnasnet1_0, fv_zoo_mnist_cnn, fv_zoo_mobilenet_v1, fv_zoo_mobilenet_v2, fv_zoo_mobilenet_v3,
    fv_zoo_nin, fv_zoo_regnet_y_400mf, fv_zoo_resnet, fv_zoo_resnext, fv_zoo_shufflenet_v2, fv_zoo_squeezenet,
    fv_zoo_vgg, fv_zoo_vgg_bn, fv_zoo_wide_resnet;

/* fv_model_zoo without weights and pipeline, for its sizes alone (fv_model_draft). */
fv_status fv_zoo_draft(fv_ctx *ctx, const char *name, const fv_zoo_options *options, fv_model **model);

/* ---- what builders share ---- */

/* Channels of a value; 0 once the model has an error. */
int64_t fv_zoo_channels(const fv_model *m, fv_value x);

/* A convolution without bias, padded by half its kernel, batch norm and activation. */
typedef struct fv_zoo_conv_norm_options {
    const char *conv, *norm; /* names */
    int64_t filters, kernel; /* kernel x kernel; 0: 1 */
    int64_t stride, groups;  /* 0: 1; groups -1: depthwise */
    fv_activation activation;
    double eps, momentum; /* of the norm; 0: its own */
} fv_zoo_conv_norm_options;
fv_value fv_zoo_conv_norm_with(fv_model *m, fv_value x, const fv_zoo_conv_norm_options *options);
#define fv_zoo_conv_norm(m, x, ...) fv_zoo_conv_norm_with((m), (x), &(fv_zoo_conv_norm_options){__VA_ARGS__})

/* ---- blocks: their layers' names stand behind the model's prefix, which they leave as it was ---- */

/* 1x1, 3x3 (stride, groups, `widen` times the channels), 1x1, each with batch norm, around which x goes: as it is, or
 * by a 1x1 where the shape differs. `filters` is a multiple of 4; inside are a quarter of them. Names conv1, bn1, ...,
 * downsample.0 (He et al., 2015). */
fv_value fv_zoo_bottleneck(fv_model *m, fv_value x, int64_t filters, int64_t stride, int64_t widen, int64_t groups);

/* 1x1 to `wide` channels (not at all where x has so many), a depthwise convolution, squeeze and excitation, 1x1 to
 * `filters`; x is added where the shape stays. Layers block.0, block.1, ... (Sandler et al., 2018; Howard et al.,
 * 2019).
 */
typedef struct fv_zoo_inverted_residual_options {
    int64_t wide, filters, kernel, stride, squeeze; /* squeeze 0: none */
    fv_activation activation, inner, gate;          /* of the convolutions; of squeeze and excitation */
    double eps, momentum;                           /* of batch norms; 0: their own */
} fv_zoo_inverted_residual_options;
fv_value fv_zoo_inverted_residual(fv_model *m, fv_value x, const fv_zoo_inverted_residual_options *options);

/* Half of the channels pass by, or with stride 2 go through a branch of their own; then both are mixed (Ma et al.,
 * 2018). Names branch1.0, branch2.0, ... With stride 1 `filters` is what x has. */
fv_value fv_zoo_shuffle_unit(fv_model *m, fv_value x, int64_t filters, int64_t stride);

/* Side by side: 1x1; 1x1 and 3x3; 1x1 and 3x3 (5x5 in the paper); pooling and 1x1, of filters[0], [1] and [2], [3] and
 * [4], [5] channels. Names branch1.conv, branch2.0.conv, ... (Szegedy et al., 2014). */
fv_value fv_zoo_inception(fv_model *m, fv_value x, const int64_t filters[6]);

/* Layers denselayer1, ...: each adds `growth` channels made of all before it (Huang et al., 2016). */
fv_value fv_zoo_dense_block(fv_model *m, fv_value x, int64_t layers, int64_t growth);

/* A depthwise convolution, layer norm, a dense layer for every pixel to `expand` times the channels, gelu and one back,
 * all of it times trained factors that begin at `scale`, and x added (Liu et al., 2022). Names layer_scale, block.0,
 * block.2, block.3, block.5. */
typedef struct fv_zoo_convnext_options {
    int64_t kernel, expand; /* kernel is odd */
    double drop_path;       /* training: share of samples for which x alone goes on */
    double scale;           /* 0: no factors */
} fv_zoo_convnext_options;
fv_value fv_zoo_convnext_block(fv_model *m, fv_value x, const fv_zoo_convnext_options *options);

/* Squeeze and excitation (Hu et al., 2017): x times gate(fc2(inner(fc1(mean of x)))), where fc1 has `squeeze` channels;
 * names NAME.fc1 and NAME.fc2, or fc1 and fc2 where NAME is "". */
fv_value fv_zoo_squeeze_excite(fv_model *m, fv_value x, const char *name, int64_t squeeze, fv_activation inner,
                               fv_activation gate);
/* Mean over the picture, dropout and a dense layer. */
fv_value fv_zoo_classify(fv_model *m, fv_value x, const fv_zoo_net *net, const char *name, fv_init init);
/* Average pooling to size x size, whatever comes in; nothing where it has that size. */
fv_value fv_zoo_pool_to(fv_model *m, fv_value x, int64_t size);

/* A residual branch before it is added, as stochastic depth leaves it: where fv_zoo_options.drop_path is above 0. */
fv_value fv_zoo_residual(fv_model *m, fv_value branch);
/* Dropout that is not there at all for rate 0. */
fv_value fv_zoo_dropout(fv_model *m, fv_value x, double rate);
/* fv_prefix with a format. */
void fv_zoo_prefix(fv_model *m, const char *format, ...) FV_PRINTF(2, 3);

#endif
