/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling. */
#include <string.h>

#include "io/keras/node.h"

static fv_status map_window(const fv_keras_node *n, const char *op)
{
    fv_keras_window win;
    fv_pool2d_attr attr = {.count_include_pad = false};
    fv_value x;
    FV_TRY(fv_keras_image(n, &x));
    const int sides = n->in[0]->shape.rank - 2;
    const char *key = fv_keras_get(n, "pool_size") ? "pool_size" : fv_keras_get(n, "ksize") ? "ksize" : "pool_length";
    FV_TRY(fv_keras_pair(n, key, sides, 2, attr.size));
    FV_TRY(fv_keras_window_of(n, x, attr.size, &win));
    if (!fv_keras_get(n, "strides")) { /* windows side by side */
        memcpy(win.stride, attr.size, sizeof win.stride);
        for (int i = 0; i < 2 && win.same; i++) {
            const int64_t in = fv_import_shape(n->im, x)->dim[1 + i];
            const int64_t total = (in + attr.size[i] - 1) / attr.size[i] * attr.size[i] - in;
            win.pad[i] = total / 2;
            win.pad[i + 2] = total - total / 2;
        }
    }
    memcpy(attr.stride, win.stride, sizeof attr.stride);
    memcpy(attr.pad, win.pad, sizeof attr.pad);
    return fv_keras_result_image(n, fv_import_emit1(n->im, op, &attr, x));
}

static fv_status map_max(const fv_keras_node *n)
{
    return map_window(n, "max_pool2d");
}

static fv_status map_average(const fv_keras_node *n)
{
    return map_window(n, "avg_pool2d");
}

static fv_status map_global(const fv_keras_node *n, const char *op)
{
    fv_value x;
    FV_TRY(fv_keras_image(n, &x));
    x = fv_import_emit1(n->im, op, NULL, x);
    const int64_t *d = fv_import_shape(n->im, x)->dim;
    if (fv_keras_bool(n, "keepdims", false))
        return fv_keras_result_image(n, x);
    return fv_keras_result(n, x.id < 0 ? x : fv_import_reshape(n->im, x, &(fv_shape){2, {d[0], d[3]}}, true),
                           FV_ORDER_FILE);
}

static fv_status map_global_max(const fv_keras_node *n)
{
    return map_global(n, "global_max_pool");
}

static fv_status map_global_average(const fv_keras_node *n)
{
    return map_global(n, "global_avg_pool");
}

const fv_keras_op fv_keras_pool_ops[] = {
    {"MaxPooling2D", map_max, NULL, NULL},
    {"MaxPool2D", map_max, NULL, NULL},
    {"MaxPooling1D", map_max, NULL, NULL},
    {"AveragePooling2D", map_average, NULL, NULL},
    {"AvgPool2D", map_average, NULL, NULL},
    {"AveragePooling1D", map_average, NULL, NULL},
    {"GlobalMaxPooling2D", map_global_max, NULL, NULL},
    {"GlobalMaxPool2D", map_global_max, NULL, NULL},
    {"GlobalMaxPooling1D", map_global_max, NULL, NULL},
    {"GlobalAveragePooling2D", map_global_average, NULL, NULL},
    {"GlobalAvgPool2D", map_global_average, NULL, NULL},
    {"GlobalAveragePooling1D", map_global_average, NULL, NULL},
    {"MaxPooling3D", NULL, NULL, "volumes are not supported; MaxPooling2D is"},
    {"AveragePooling3D", NULL, NULL, "volumes are not supported; AveragePooling2D is"},
    {0},
};

/* As functions; see op_function.c for their names. */
const fv_keras_op fv_keras_function_pool_ops[] = {
    {"maxpool2d", map_max, NULL, NULL},
    {"avgpool2d", map_average, NULL, NULL},
    {0},
};
