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
