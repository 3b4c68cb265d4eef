/* SPDX-License-Identifier: Apache-2.0 */
/* A small network and pictures for it. */
#ifndef FV_TESTS_TRAIN_PICTURES_H
#define FV_TESTS_TRAIN_PICTURES_H

#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

enum { SIZE = 16, CLASSES = 5 };
static const char *const names[CLASSES] = {"ash", "birch", "cedar", "douglas", "elm"};

/* A net that takes h x w x 3, its classes in another order for each `turn`. */
static inline fv_model *make_model(fv_ctx *ctx, int64_t h, int64_t w, uint64_t seed, double dropout, int turn)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, h, w, 3);
    x = fv_conv2d(m, x, .filters = 6, .kernel = {3, 3}, .stride = {2, 2}, .no_bias = true);
    x = fv_batch_norm(m, x, .activation = FV_RELU);
    x = fv_flatten(m, fv_max_pool2d(m, x, .size = {2, 2}));
    if (dropout > 0)
        x = fv_dropout(m, x, dropout);
    x = fv_dense(m, x, .units = CLASSES);
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    assert_int_equal(fv_model_init(m, seed, FV_INIT_HE_NORMAL), FV_OK);
    const char *turned[CLASSES];
    for (int i = 0; i < CLASSES; i++)
        turned[i] = names[(i + turn) % CLASSES];
    assert_int_equal(fv_model_set_class_names(m, turned, CLASSES), FV_OK);
    return m;
}

static inline void set_resize(fv_model *m, int64_t resize_size)
{
    fv_pipeline p = *fv_model_pipeline(m);
    p.resize = resize_size ? FV_RESIZE_SHORT_CROP : FV_RESIZE_STRETCH;
    p.resize_size = resize_size;
    for (int i = 0; i < 3; i++) {
        p.mean[i] = 0.4f + 0.05f * (float)i;
        p.std[i] = 0.2f + 0.03f * (float)i;
    }
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
}

/* Smooth waves with some noise on them. */
static inline fv_image make_image(int64_t h, int64_t w, int64_t c, unsigned seed)
{
    fv_image image = {.data = malloc((size_t)(h * w * c)), .h = h, .w = w, .c = c};
    unsigned state = seed * 2654435761u + 1;
    assert_non_null(image.data);
    for (int64_t i = 0; i < h * w * c; i++) {
        const double y = (double)(i / c / w), x = (double)(i / c % w), k = (double)(i % c);
        state = state * 1664525u + 1013904223u;
        image.data[i] = (uint8_t)(127 + 80 * sin(0.21 * x + 0.5 * k + seed) * cos(0.13 * y) + (state >> 28));
    }
    return image;
}

#endif
