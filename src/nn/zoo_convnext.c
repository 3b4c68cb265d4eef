/* SPDX-License-Identifier: Apache-2.0 */
/* ConvNeXt: a network of convolutions made like a transformer. Names are torchvision's. */
#include <stdio.h>

#include "nn/zoo.h"

/* How convolutions and dense layers start: normal, of this deviation; biases at 0. */
static const double deviation = 0.02;

/* A dense layer for every pixel. */
static fv_value pixel_dense(fv_model *m, fv_value x, const char *name, int64_t units)
{
    static const char op[] = "dense";
    char full[FV_NAME_MAX];
    if (!fv_nn_name(m, op, name, full))
        return fv_no_value;
    const fv_shape wei = {2, {units, fv_zoo_channels(m, x)}}, bia = {1, {units}};
    const fv_value in[3] = {x, fv_nn_param(m, full, "weight", FV_ROLE_PARAM, &wei, FV_INIT_GAUSSIAN, deviation),
                            fv_nn_param(m, full, "bias", FV_ROLE_PARAM, &bia, FV_INIT_CONSTANT, 0)};
    return fv_nn_append(m, op, full, NULL, in, 3);
}

/* y times the trained factors of its channels, which are c x 1 x 1 in files. */
static fv_value layer_scale(fv_model *m, fv_value y, fv_value factors)
{
    char attributes[64];
    snprintf(attributes, sizeof attributes, "dims=%lld whole=true", (long long)fv_zoo_channels(m, y));
    return fv_mul(m, y, fv_layer(m, "reshape", &factors, 1, &(fv_layer_options){.attributes = attributes}));
}

fv_value fv_zoo_convnext_block(fv_model *m, fv_value x, const fv_zoo_convnext_options *b)
{
    char attributes[64];
    const int64_t c = fv_zoo_channels(m, x), pad = b->kernel / 2;
    fv_value factors = fv_no_value;
    if (b->scale > 0)
        factors = fv_parameter(m, "layer_scale", &(fv_shape){3, {c, 1, 1}}, FV_INIT_CONSTANT, b->scale);
    fv_value y = fv_conv2d(m, x, .name = "block.0", .kernel = {b->kernel, b->kernel}, .pad = {pad, pad, pad, pad},
                           .groups = -1, .init = FV_INIT_GAUSSIAN, .init_value = deviation);
    y = fv_layer_norm(m, y, .name = "block.2");
    y = pixel_dense(m, y, "block.3", c * b->expand);
    y = fv_layer(m, "gelu", &y, 1, &(fv_layer_options){.name = "block.4"});
    y = pixel_dense(m, y, "block.5", c);
    if (b->scale > 0)
        y = layer_scale(m, y, factors);
    if (b->drop_path > 0) {
        snprintf(attributes, sizeof attributes, "rate=%.17g", b->drop_path);
        y = fv_layer(m, "stochastic_depth", &y, 1,
                     &(fv_layer_options){.name = "stochastic_depth", .attributes = attributes});
    }
    return fv_add(m, x, y);
}

/* Liu et al., "A ConvNet for the 2020s", 2022. */
fv_value fv_zoo_convnext(fv_model *m, const fv_zoo_net *net)
{
    static const int filters[4] = {96, 192, 384, 768}, counts[4] = {3, 3, 9, 3};
    /* Share of samples that the last block is left out for. */
    const double deepest = net->drop_path == 0 ? 0.1 : net->drop_path > 0 ? net->drop_path : 0;
    int block = 0, blocks = 0;
    for (int stage = 0; stage < 4; stage++)
        blocks += counts[stage];
    fv_value x = fv_input(m, net->h, net->w, net->c);
    for (int stage = 0; stage < 4; stage++) {
        const int64_t size = stage == 0 ? 4 : 2;
        fv_zoo_prefix(m, "features.%d", 2 * stage);
        if (stage > 0)
            x = fv_layer_norm(m, x, .name = "0");
        x = fv_conv2d(m, x, .name = stage == 0 ? "0" : "1", .filters = filters[stage], .kernel = {size, size},
                      .stride = {size, size}, .init = FV_INIT_GAUSSIAN, .init_value = deviation);
        if (stage == 0)
            x = fv_layer_norm(m, x, .name = "1");
        for (int i = 0; i < counts[stage]; i++, block++) {
            const fv_zoo_convnext_options b = {7, 4, deepest * block / (blocks - 1), 1e-6};
            fv_zoo_prefix(m, "features.%d.%d", 2 * stage + 1, i);
            x = fv_zoo_convnext_block(m, x, &b);
            m->counts.met++;
        }
    }
    fv_prefix(m, "");
    x = fv_layer_norm(m, fv_global_avg_pool(m, x), .name = "classifier.0");
    x = fv_zoo_dropout(m, fv_flatten(m, x), net->dropout);
    return fv_dense(m, x, .name = "classifier.2", .units = net->classes, .init = FV_INIT_GAUSSIAN,
                    .init_value = deviation);
}
