/* SPDX-License-Identifier: Apache-2.0 */
/* Networks and images for tests of what makes models smaller. */
#ifndef FV_TESTS_COMPRESS_NETS_H
#define FV_TESTS_COMPRESS_NETS_H

#include <math.h>

#include "support/fixture.h"

#include <fovea/fovea.h>

#include "model/model.h"

#define OK(x)                                                                                                          \
    do {                                                                                                               \
        if ((x) != FV_OK)                                                                                              \
            fail_msg("%s", fv_ctx_error(ctx));                                                                         \
    } while (0)

static inline fv_value net_layer(fv_model *m, const char *op, fv_value x, const char *attributes)
{
    return fv_layer(m, op, &x, 1, &(fv_layer_options){.attributes = attributes});
}

static inline fv_value net_conv(fv_model *m, fv_value x, const char *name, int64_t filters, int64_t kernel,
                                int64_t groups)
{
    const int64_t pad = kernel / 2;
    return fv_conv2d(m, x, .name = name, .filters = filters, .kernel = {kernel, kernel}, .pad = {pad, pad, pad, pad},
                     .groups = groups);
}

/* All that has an integer form, and one that has none; normalization behind weights and before them. */
static inline fv_model *net_every_layer(void)
{
    fv_model *m;
    OK(fv_model_create(ctx, &m));
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_batch_norm(m, net_conv(m, x, "stem", 8, 3, 1), .name = "bn", .activation = FV_RELU6);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    fv_value a = fv_activate(m, net_conv(m, x, "deep", 8, 3, -1), FV_HARD_SWISH);
    fv_value gate = net_conv(m, fv_global_avg_pool(m, a), "gate", 8, 1, 1);
    a = fv_mul(m, a, fv_activate(m, gate, FV_SIGMOID));
    x = fv_activate(m, fv_add(m, x, a), FV_RELU);
    fv_value parts[3] = {x, fv_activate(m, net_conv(m, x, "left", 8, 1, 2), FV_SILU),
                         fv_activate(m, net_conv(m, x, "right", 8, 3, 1), FV_LEAKY_RELU)};
    x = net_layer(m, "channel_shuffle", fv_concat(m, parts, 3), "groups=3");
    x = fv_batch_norm(m, x, .name = "alone", .activation = FV_RELU);
    x = fv_activate(m, net_conv(m, net_layer(m, "lrn", x, "size=3"), "late", 12, 3, 1), FV_TANH);
    x = fv_avg_pool2d(m, net_layer(m, "pad", x, "pad=1"), .size = {4, 4});
    x = fv_activate(m, fv_dense(m, fv_flatten(m, x), .name = "fc1", .units = 16), FV_GELU);
    OK(fv_model_finish(m, fv_dense(m, x, .name = "fc2", .units = 10)));
    return m;
}

/* Two short epochs: running statistics are those of the images, as after training. */
static inline void net_train(fv_model *m, fv_dataset *data)
{
    OK(fv_model_init(m, 1, FV_INIT_DEFAULT));
    OK(fv_fit(m, data, .epochs = 2, .batch_size = 25, .lr = 0.05));
}

/* Stroke digits: 28 x 28 x 1, ten classes. */
static inline fv_dataset *net_digits(int64_t train, const char *split)
{
    fv_dataset *data;
    char path[300];
    snprintf(path, sizeof path, "%s/digits%lld", dir, (long long)train);
    OK(fv_make_digits(ctx, path, train, 100, 5));
    OK(fv_dataset_open(ctx, path, &(fv_dataset_options){.split = split}, &data));
    return data;
}

#endif
