/* SPDX-License-Identifier: Apache-2.0 */
/* Activations, by name and as layers. */
#include <math.h>
#include <string.h>

#include "io/keras/node.h"

static const fv_keras_weight slopes[] = {{"alpha", NULL, false}, {0}};

/* ---- computed of others ---- */

static fv_value number(fv_import *im, const char *op, fv_value x, double value)
{
    return fv_import_emit2(im, op, NULL, x, fv_import_number(im, value));
}

fv_value fv_keras_clamp(fv_import *im, fv_value x, double low, double high)
{
    const double most = 3.4028234663852886e38;
    const fv_clamp_attr attr = {fmax(low, -most), fmin(high, most)};
    if (low == 0.0 && high == 6.0)
        return fv_import_emit1(im, "relu6", NULL, x);
    return fv_import_emit1(im, "clamp", &attr, x);
}

/* scale (max(x, 0) + alpha (e^min(x, 0) - 1)) */
static fv_value exponential(fv_import *im, fv_value x, double alpha, double scale)
{
    fv_value low = fv_import_emit1(im, "exp", NULL, number(im, "min", x, 0.0));
    low = number(im, "mul", number(im, "sub", low, 1.0), alpha);
    fv_value y = fv_import_emit2(im, "add", NULL, number(im, "max", x, 0.0), low);
    return scale == 1.0 ? y : number(im, "mul", y, scale);
}

static fv_value elu(fv_import *im, fv_value x)
{
    return exponential(im, x, 1.0, 1.0);
}

static fv_value selu(fv_import *im, fv_value x)
{
    return exponential(im, x, 1.6732632423543772848, 1.0507009873554804934);
}

/* Keras before 3: 0.2 x + 0.5 within [0, 1]. */
static fv_value hard_sigmoid_two(fv_import *im, fv_value x)
{
    return fv_keras_clamp(im, number(im, "add", number(im, "mul", x, 0.2), 0.5), 0.0, 1.0);
}

/* x / (1 + |x|), |x| = max(x, -x) */
static fv_value softsign(fv_import *im, fv_value x)
{
    fv_value size = fv_import_emit2(im, "max", NULL, x, number(im, "mul", x, -1.0));
    return fv_import_emit2(im, "div", NULL, x, number(im, "add", size, 1.0));
}

/* x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2); from 20 on it is x. */
static fv_value mish(fv_import *im, fv_value x)
{
    fv_value e = fv_import_emit1(im, "exp", NULL, number(im, "min", x, 20.0));
    fv_value n = fv_import_emit2(im, "mul", NULL, e, number(im, "add", e, 2.0));
    fv_value share = fv_import_emit2(im, "div", NULL, n, number(im, "add", n, 2.0));
    return fv_import_emit2(im, "mul", NULL, x, share);
}

static const fv_import_activation activations[] = {
    {"linear", NULL, NULL},
    {"relu", "relu", NULL},
    {"relu6", "relu6", NULL},
    {"sigmoid", "sigmoid", NULL},
    {"tanh", "tanh", NULL},
    {"exponential", "exp", NULL},
    {"exp", "exp", NULL},
    {"elu", NULL, elu},
    {"selu", NULL, selu},
    {"swish", "silu", NULL},
    {"silu", "silu", NULL},
    {"hard_swish", "hard_swish", NULL},
    {"hard_silu", "hard_swish", NULL},
    {"softsign", NULL, softsign},
    {"mish", NULL, mish},
    {"gelu", "gelu", NULL},
};

fv_status fv_keras_activate(const fv_keras_node *n, const char *name, fv_value x, fv_value *y)
{
    enum { COUNT = sizeof activations / sizeof activations[0] };
    if (strcmp(name, "hard_sigmoid") != 0)
        return fv_import_activate(n->im, activations, COUNT, name, x, y);
    *y = n->three ? fv_import_emit1(n->im, "hard_sigmoid", NULL, x) : hard_sigmoid_two(n->im, x);
    return FV_OK;
}

/* ---- layers ---- */

static fv_status map_activation(const fv_keras_node *n)
{
    fv_order order;
    FV_TRY(fv_keras_need(n, 1));
    fv_value x = fv_keras_operand(n, &order);
    return fv_keras_activated(n, fv_keras_get(n, "activation"), x, order);
}

static fv_value leaky(fv_import *im, fv_value x, double slope)
{
    return slope == 0.0 ? fv_import_emit1(im, "relu", NULL, x)
                        : fv_import_emit1(im, "leaky_relu", &(fv_act_attr){.alpha = slope}, x);
}

/* min(x, max_value) from the threshold on, slope (x - threshold) below it */
static fv_status map_relu(const fv_keras_node *n)
{
    fv_order order;
    fv_import *im = n->im;
    FV_TRY(fv_keras_need(n, 1));
    const double slope = fv_keras_real(n, "negative_slope", 0.0), threshold = fv_keras_real(n, "threshold", 0.0);
    const double high = fv_keras_real(n, "max_value", INFINITY);
    fv_value x = fv_keras_operand(n, &order), y;
    if (threshold != 0.0) {
        /* step: 1 from the threshold on, 0 below it */
        fv_value d = number(im, "sub", x, threshold);
        fv_value step = fv_keras_clamp(im, number(im, "add", number(im, "mul", d, 1e30), 1.0), 0.0, 1.0);
        y = fv_import_emit2(im, "mul", NULL, isinf(high) ? x : number(im, "min", x, high), step);
        if (slope != 0.0)
            y = fv_import_emit2(im, "add", NULL, y, number(im, "mul", number(im, "min", d, 0.0), slope));
    } else if (slope == 0.0 && !isinf(high)) {
        y = fv_keras_clamp(im, x, 0.0, high);
    } else {
        y = leaky(im, x, slope);
        if (!isinf(high))
            y = number(im, "min", y, high);
    }
    return fv_keras_result(n, y, order);
}

static fv_status map_leaky_relu(const fv_keras_node *n)
{
    fv_order order;
    FV_TRY(fv_keras_need(n, 1));
    const double fallback = strcmp(n->kind, "LeakyReLU") == 0 ? 0.3 : 0.2;
    const double slope = fv_keras_real(n, "alpha", fv_keras_real(n, "negative_slope", fallback));
    fv_value x = fv_keras_operand(n, &order);
    return fv_keras_result(n, leaky(n->im, x, slope), order);
}

static fv_status map_elu(const fv_keras_node *n)
{
    fv_order order;
    FV_TRY(fv_keras_need(n, 1));
    fv_value x = fv_keras_operand(n, &order);
    return fv_keras_result(n, exponential(n->im, x, fv_keras_real(n, "alpha", 1.0), 1.0), order);
}

/* Slopes along the channels alone are prelu's; others max(x, 0) + slope min(x, 0). */
static fv_status map_prelu(const fv_keras_node *n)
{
    fv_import *im = n->im;
    FV_TRY(fv_keras_need(n, 1));
    const fv_foreign *w = n->weight[0];
    const int rank = n->in[0]->shape.rank;
    if (w->shape.rank != rank - 1)
        return fv_keras_cannot(n, "its slopes have %d dimensions beside %d", w->shape.rank, rank);
    const int64_t channels = n->in[0]->shape.dim[rank - 1];
    fv_value x = fv_import_get(im, n->in[0], FV_ORDER_FILE);
    if (fv_foreign_count(w) == channels && w->shape.dim[rank - 2] == channels)
        return fv_keras_result(n, fv_import_emit2(im, "prelu", NULL, x, fv_import_vector(im, w, FV_ROLE_PARAM, 1.0)),
                               FV_ORDER_FILE);
    fv_value low = fv_import_emit2(im, "mul", NULL, number(im, "min", x, 0.0), fv_keras_vector(n, 0, FV_ROLE_PARAM));
    return fv_keras_result(n, fv_import_emit2(im, "add", NULL, number(im, "max", x, 0.0), low), FV_ORDER_FILE);
}

static fv_status map_softmax(const fv_keras_node *n)
{
    int axis;
    bool left_out;
    FV_TRY(fv_keras_need(n, 1));
    FV_TRY(fv_keras_axis(n, fv_keras_int(n, "axis", -1), &axis));
    FV_TRY(fv_import_scores(n->im, n->out, n->in[0], axis, &left_out));
    const fv_axis_attr attr = {.axis = axis};
    return left_out ? FV_OK
                    : fv_keras_result(
                          n, fv_import_emit1(n->im, "softmax", &attr, fv_import_get(n->im, n->in[0], FV_ORDER_FILE)),
                          FV_ORDER_FILE);
}

/* As TensorFlow has it, by the error function (approximate=False), or by tanh. */
static fv_status map_gelu(const fv_keras_node *n)
{
    fv_order order;
    FV_TRY(fv_keras_need(n, 1));
    fv_value x = fv_keras_operand(n, &order);
    const fv_act_attr attr = {.approximate = fv_keras_bool(n, "approximate", n->three)};
    return fv_keras_result(n, fv_import_emit1(n->im, "gelu", &attr, x), order);
}

const fv_keras_op fv_keras_activation_ops[] = {
    {"Activation", map_activation, NULL, NULL},
    {"ReLU", map_relu, NULL, NULL},
    {"LeakyReLU", map_leaky_relu, NULL, NULL},
    {"ELU", map_elu, NULL, NULL},
    {"PReLU", map_prelu, slopes, NULL},
    {"Softmax", map_softmax, NULL, NULL},
    {"ThresholdedReLU", NULL, NULL, "supported is ReLU(threshold=...)"},
    {0},
};

/* As functions; see op_function.c for their names. */
const fv_keras_op fv_keras_function_activation_ops[] = {
    {"leakyrelu", map_leaky_relu, NULL, NULL},
    {"softmax", map_softmax, NULL, NULL},
    {"gelu", map_gelu, NULL, NULL},
    {0},
};
