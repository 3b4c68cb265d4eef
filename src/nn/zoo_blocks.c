/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that several families share. */
#include <stdio.h>

#include "nn/zoo.h"

int64_t fv_zoo_channels(const fv_model *m, fv_value x)
{
    return m->error == FV_OK ? fv_nn_shape(m, x)->dim[3] : 0;
}

fv_value fv_zoo_conv_norm_with(fv_model *m, fv_value x, const fv_zoo_conv_norm_options *o)
{
    const int64_t kernel = o->kernel ? o->kernel : 1, pad = kernel / 2, stride = o->stride ? o->stride : 1;
    x = fv_conv2d(m, x, .name = o->conv, .filters = o->filters, .kernel = {kernel, kernel}, .stride = {stride, stride},
                  .pad = {pad, pad, pad, pad}, .groups = o->groups, .no_bias = true, .init = FV_INIT_HE_NORMAL_FAN_OUT);
    return fv_batch_norm(m, x, .name = o->norm, .eps = o->eps, .momentum = o->momentum, .activation = o->activation);
}

fv_value fv_zoo_squeeze_excite(fv_model *m, fv_value x, const char *name, int64_t squeeze, fv_activation inner,
                               fv_activation gate)
{
    char fc1[64], fc2[64];
    const int64_t c = fv_zoo_channels(m, x);
    snprintf(fc1, sizeof fc1, "%s%sfc1", name, *name ? "." : "");
    snprintf(fc2, sizeof fc2, "%s%sfc2", name, *name ? "." : "");
    fv_value y = fv_global_avg_pool(m, x);
    y = fv_conv2d(m, y, .name = fc1, .filters = squeeze, .kernel = {1, 1}, .activation = inner,
                  .init = FV_INIT_HE_NORMAL_FAN_OUT);
    y = fv_conv2d(m, y, .name = fc2, .filters = c, .kernel = {1, 1}, .activation = gate,
                  .init = FV_INIT_HE_NORMAL_FAN_OUT);
    return fv_mul(m, x, y);
}

fv_value fv_zoo_classify(fv_model *m, fv_value x, const fv_zoo_net *net, const char *name, fv_init init)
{
    x = fv_flatten(m, fv_global_avg_pool(m, x));
    return fv_dense(m, fv_zoo_dropout(m, x, net->dropout), .name = name, .units = net->classes, .init = init);
}

fv_value fv_zoo_pool_to(fv_model *m, fv_value x, int64_t size)
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
