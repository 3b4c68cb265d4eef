/* SPDX-License-Identifier: Apache-2.0 */
/* Normalizations, and what scales pixels in front of a network. */
#include <math.h>
#include <string.h>

#include "io/keras/node.h"

static const fv_keras_weight batch_norm[] = {{"gamma", "scale", false},
                                             {"beta", "center", false},
                                             {"moving_mean", NULL, true},
                                             {"moving_variance", NULL, true},
                                             {0}};
static const fv_keras_weight layer_norm[] = {{"gamma", "scale", false}, {"beta", "center", false}, {0}};
static const fv_keras_weight adapted[] = {
    {"mean", "!mean", true}, {"variance", "!mean", true}, {"count", "!mean", true}, {0}};
static const fv_keras_weight layer_scale[] = {{"gamma", NULL, false}, {0}};

/* `count` numbers along the last dimension as a constant of the graph. */
static fv_value constant(fv_import *im, const double *value, int64_t count)
{
    const fv_shape shape = {1, {count}};
    fv_tensor *t = NULL;
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_tensor_create(im->ctx, FV_F32, &shape, &t)) != FV_OK)
        return fv_no_value;
    for (int64_t i = 0; i < count; i++)
        ((float *)fv_tensor_data(t))[i] = (float)value[i];
    fv_value v = fv_constant(im->model, NULL, t);
    fv_tensor_destroy(&t);
    return v;
}

/* As many equal numbers as there are channels: a scale or a shift that the layer does not have. */
static fv_value filled(const fv_keras_node *n, double value, int64_t count)
{
    void *data;
    double *values;
    fv_import *im = n->im;
    if (im->model->error != FV_OK || fv_model_set_error(im->model, fv_import_alloc(im, count * 8, &data)) != FV_OK)
        return fv_no_value;
    values = data;
    for (int64_t i = 0; i < count; i++)
        values[i] = value;
    return constant(im, values, count);
}

/* The axes that the layer works along, as dimensions of v. */
static fv_status axes_of(const fv_keras_node *n, fv_ints *axes)
{
    fv_ints given = fv_keras_ints(n, "axis");
    if (given.count == 0)
        given = (fv_ints){1, {-1}};
    axes->count = given.count;
    for (int64_t i = 0; i < given.count; i++) {
        int axis;
        FV_TRY(fv_keras_axis(n, given.value[i], &axis));
        axes->value[i] = axis;
    }
    return FV_OK;
}

static fv_status map_batch_norm(const fv_keras_node *n)
{
    fv_ints axes;
    fv_import *im = n->im;
    FV_TRY(fv_keras_need(n, 1));
    FV_TRY(axes_of(n, &axes));
    const int rank = n->in[0]->shape.rank;
    const fv_order order = axes.value[0] == 1 && rank >= 3 ? FV_ORDER_LAST : FV_ORDER_FILE;
    if (axes.count != 1 || rank < 2 || fv_import_axis(order, (int)axes.value[0], rank) != rank - 1)
        return fv_keras_cannot(n, "supported is axis -1 or 1, the channels");
    const int64_t c = n->in[0]->shape.dim[axes.value[0]];
    fv_value in[5] = {fv_import_get(im, n->in[0], order)};
    for (int i = 0; i < 4; i++)
        in[1 + i] = n->weight[i] ? fv_keras_vector(n, i, i < 2 ? FV_ROLE_PARAM : FV_ROLE_STATE)
                                 : filled(n, i == 0 ? 1.0 : 0.0, c);
    const fv_batch_norm_attr attr = {.eps = fv_keras_real(n, "epsilon", 1e-3),
                                     .momentum = 1.0 - fv_keras_real(n, "momentum", 0.99)};
    return fv_keras_result(n, fv_import_emit(im, "batch_norm", &attr, in, 5), order);
}

/* (x - mean) / sqrt(var + eps) along the axes, which must be the last ones: all of them as one row. */
static fv_status map_layer_norm(const fv_keras_node *n)
{
    fv_ints axes;
    fv_import *im = n->im;
    FV_TRY(fv_keras_need(n, 1));
    FV_TRY(axes_of(n, &axes));
    const fv_shape *s = &n->in[0]->shape;
    const int first = s->rank - (int)axes.count;
    for (int64_t i = 0; i < axes.count; i++)
        if (axes.value[i] != first + i || first < 1)
            return fv_keras_cannot(n, "supported are the last axes");
    if (fv_keras_bool(n, "rms_scaling", false))
        return fv_keras_cannot(n, "rms_scaling");
    fv_shape rows = {first + 1, {0}};
    memcpy(rows.dim, s->dim, (size_t)first * sizeof *s->dim);
    rows.dim[first] = 1;
    for (int d = first; d < s->rank; d++)
        rows.dim[first] *= s->dim[d];
    const fv_layer_norm_attr attr = {.eps = fv_keras_real(n, "epsilon", 1e-3)};
    fv_value in[3] = {fv_import_reshape(im, fv_import_get(im, n->in[0], FV_ORDER_FILE), &rows, true)};
    int used = 1;
    if (n->weight[0] || n->weight[1])
        in[used++] =
            n->weight[0] ? fv_import_vector(im, n->weight[0], FV_ROLE_PARAM, 1.0) : filled(n, 1.0, rows.dim[first]);
    if (n->weight[1])
        in[used++] = fv_import_vector(im, n->weight[1], FV_ROLE_PARAM, 1.0);
    fv_value y = fv_import_emit(im, "layer_norm", &attr, in, used);
    return fv_keras_result(n, fv_import_reshape(im, y, s, true), FV_ORDER_FILE);
}

static fv_status map_layer_scale(const fv_keras_node *n)
{
    FV_TRY(fv_keras_need(n, 1));
    fv_value y = fv_import_emit2(n->im, "mul", NULL, fv_import_get(n->im, n->in[0], FV_ORDER_FILE),
                                 fv_keras_vector(n, 0, FV_ROLE_PARAM));
    return fv_keras_result(n, y, FV_ORDER_FILE);
}

/* x * scale + offset, numbers or a list of one for each channel */
static fv_status map_rescaling(const fv_keras_node *n)
{
    enum { CHANNELS_MAX = 1024 };
    double scale[CHANNELS_MAX] = {1.0}, offset[CHANNELS_MAX] = {0.0};
    int scales, offsets;
    FV_TRY(fv_keras_need(n, 1));
    FV_TRY(fv_keras_reals(n, "scale", CHANNELS_MAX, scale, &scales));
    FV_TRY(fv_keras_reals(n, "offset", CHANNELS_MAX, offset, &offsets));
    const fv_shape *s = &n->in[0]->shape;
    fv_value y = fv_import_get(n->im, n->in[0], FV_ORDER_FILE);
    const int64_t c = s->dim[s->rank - 1];
    if ((scales > 1 && scales != c) || (offsets > 1 && offsets != c))
        return fv_keras_cannot(n, "%d scales and %d offsets for %lld channels", scales, offsets, (long long)c);
    y = fv_import_emit2(n->im, "mul", NULL, y, constant(n->im, scale, scales > 1 ? scales : 1));
    if (offsets > 1 || offset[0] != 0.0)
        y = fv_import_emit2(n->im, "add", NULL, y, constant(n->im, offset, offsets > 1 ? offsets : 1));
    return fv_keras_result(n, y, FV_ORDER_FILE);
}

/* (x - mean) / max(sqrt(variance), 1e-7), with numbers of the configuration or adapted ones */
static fv_status map_normalization(const fv_keras_node *n)
{
    enum { CHANNELS_MAX = 1024 };
    double value[2][CHANNELS_MAX];
    static const char *const keys[2] = {"mean", "variance"};
    int count[2];
    FV_TRY(fv_keras_need(n, 1));
    const fv_shape *s = &n->in[0]->shape;
    const int64_t c = s->dim[s->rank - 1];
    for (int i = 0; i < 2; i++) {
        if (!n->weight[i]) {
            FV_TRY(fv_keras_reals(n, keys[i], CHANNELS_MAX, value[i], &count[i]));
        } else {
            const int64_t elements = fv_foreign_count(n->weight[i]);
            if (elements > CHANNELS_MAX)
                return fv_keras_cannot(n, "more than %d channels", CHANNELS_MAX);
            for (count[i] = 0; count[i] < elements; count[i]++)
                value[i][count[i]] = fv_foreign_real(n->weight[i], count[i]);
        }
        if (count[i] != 1 && count[i] != c)
            return fv_keras_cannot(n, "%s has %d numbers for %lld channels", keys[i], count[i], (long long)c);
    }
    if (fv_keras_bool(n, "invert", false))
        return fv_keras_cannot(n, "invert");
    for (int i = 0; i < count[1]; i++)
        value[1][i] = fmax(sqrt(value[1][i]), 1e-7);
    fv_value y = fv_import_get(n->im, n->in[0], FV_ORDER_FILE);
    y = fv_import_emit2(n->im, "sub", NULL, y, constant(n->im, value[0], count[0]));
    y = fv_import_emit2(n->im, "div", NULL, y, constant(n->im, value[1], count[1]));
    return fv_keras_result(n, y, FV_ORDER_FILE);
}

const fv_keras_op fv_keras_norm_ops[] = {
    {"BatchNormalization", map_batch_norm, batch_norm, NULL},
    {"BatchNormalizationV1", map_batch_norm, batch_norm, NULL},
    {"BatchNormalizationV2", map_batch_norm, batch_norm, NULL},
    {"SyncBatchNormalization", map_batch_norm, batch_norm, NULL},
    {"LayerNormalization", map_layer_norm, layer_norm, NULL},
    {"LayerScale", map_layer_scale, layer_scale, NULL},
    {"Rescaling", map_rescaling, NULL, NULL},
    {"Normalization", map_normalization, adapted, NULL},
    {"GroupNormalization", NULL, NULL, "supported are BatchNormalization and LayerNormalization"},
    {"UnitNormalization", NULL, NULL, "supported are BatchNormalization and LayerNormalization"},
    {0},
};
