/* SPDX-License-Identifier: Apache-2.0 */
/* Activations. */
#include <math.h>
#include <string.h>

#include "io/onnx/quant.h"

/* Those that are one operator here, without attributes. */
static const struct {
    const char *onnx, *op;
} plain[] = {
    {"Sigmoid", "sigmoid"},
    {"Tanh", "tanh"},
    {"HardSwish", "hard_swish"},
    {"Erf", "erf"},
};

/* Sums of integers stay what they are between limits; false: the operand is none. */
static bool narrows(const fv_onnx_node *n, double low, double high, fv_status *status)
{
    const fv_onnx_numbers *sums = fv_onnx_sums_of(n, 0);
    if (!sums || low > high)
        return false;
    fv_onnx_numbers within = *sums;
    within.low = fminf(fmaxf(sums->low, (float)low), (float)high);
    within.high = fmaxf(fminf(sums->high, (float)high), (float)low);
    *status = fv_onnx_note(n, &within, &n->in[0]->shape);
    return true;
}

static fv_status map_relu(const fv_onnx_node *n)
{
    fv_order order;
    fv_status status;
    FV_TRY(fv_onnx_need(n, 0));
    if (narrows(n, 0.0, INFINITY, &status))
        return status;
    FV_TRY(fv_onnx_settle_all(n));
    fv_value x = fv_onnx_unary(n, &order);
    return fv_onnx_result(n, 0, fv_import_emit1(n->im, "relu", NULL, x), order);
}

static fv_status map_plain(const fv_onnx_node *n)
{
    fv_order order;
    FV_TRY(fv_onnx_need(n, 0));
    fv_value x = fv_onnx_unary(n, &order);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(plain[i].onnx, n->op) == 0)
            return fv_onnx_result(n, 0, fv_import_emit1(n->im, plain[i].op, NULL, x), order);
    return fv_onnx_cannot(n, "it has no row");
}

static fv_status map_leaky_relu(const fv_onnx_node *n)
{
    fv_order order;
    FV_TRY(fv_onnx_need(n, 0));
    fv_value x = fv_onnx_unary(n, &order);
    const fv_act_attr attr = {.alpha = fv_onnx_real(n, "alpha", 0.01)};
    return fv_onnx_result(n, 0, fv_import_emit1(n->im, "leaky_relu", &attr, x), order);
}

static fv_value clamped(fv_import *im, fv_value x, double low, double high)
{
    const double most = 3.4028234663852886e38;
    const fv_clamp_attr attr = {fmax(low, -most), fmin(high, most)};
    if (low == 0.0 && high == 6.0)
        return fv_import_emit1(im, "relu6", NULL, x);
    return fv_import_emit1(im, "clamp", &attr, x);
}

static fv_status map_gelu(const fv_onnx_node *n)
{
    fv_order order;
    char text[64];
    FV_TRY(fv_onnx_need(n, 0));
    fv_value x = fv_onnx_unary(n, &order);
    const char *approximate = fv_onnx_text(n, "approximate", "none", text);
    const fv_act_attr attr = {.approximate = strcmp(approximate, "tanh") == 0};
    if (!attr.approximate && strcmp(approximate, "none") != 0)
        return fv_onnx_cannot(n, "approximate=%s: supported are none and tanh", approximate);
    return fv_onnx_result(n, 0, fv_import_emit1(n->im, "gelu", &attr, x), order);
}

/* max(0, min(1, alpha x + beta)) */
static fv_status map_hard_sigmoid(const fv_onnx_node *n)
{
    fv_order order;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    const double alpha = fv_onnx_real(n, "alpha", 0.2), beta = fv_onnx_real(n, "beta", 0.5);
    fv_value x = fv_onnx_unary(n, &order);
    if (fabs(alpha - 1.0 / 6.0) < 1e-7 && beta == 0.5)
        return fv_onnx_result(n, 0, fv_import_emit1(im, "hard_sigmoid", NULL, x), order);
    x = fv_import_emit2(im, "mul", NULL, x, fv_import_number(im, alpha));
    x = fv_import_emit2(im, "add", NULL, x, fv_import_number(im, beta));
    return fv_onnx_result(n, 0, clamped(im, x, 0.0, 1.0), order);
}

/* Before operator set 13 everything from the axis on was one row. */
static fv_status map_softmax(const fv_onnx_node *n)
{
    int axis;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    FV_TRY(fv_onnx_free_axis(n, f, fv_onnx_int(n, "axis", n->opset < 13 ? 1 : -1), &axis));
    const char *op = strcmp(n->op, "LogSoftmax") == 0 ? "log_softmax" : "softmax";
    bool left_out = false;
    if (strcmp(op, "softmax") == 0)
        FV_TRY(fv_import_scores(im, n->out[0], f, axis, &left_out));
    if (left_out)
        return FV_OK;
    const int rank = f->shape.rank;
    int64_t behind = 1;
    for (int d = axis + 1; d < rank; d++)
        behind *= f->shape.dim[d];
    if (n->opset >= 13 || behind == 1) {
        fv_order order;
        fv_value x = fv_onnx_unary(n, &order);
        if (order == FV_ORDER_ROW)
            x = fv_import_get(im, f, order = FV_ORDER_FILE);
        const fv_axis_attr attr = {.axis = fv_import_axis(order, axis, rank)};
        return fv_onnx_result(n, 0, fv_import_emit1(im, op, &attr, x), order);
    }
    fv_shape rows = {axis + 1, {0}};
    for (int d = 0; d <= axis; d++)
        rows.dim[d] = f->shape.dim[d] * (d == axis ? behind : 1);
    fv_value x = fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_FILE), &rows, f->batched);
    const fv_axis_attr attr = {.axis = axis};
    x = fv_import_emit1(im, op, &attr, x);
    return fv_onnx_result(n, 0, fv_import_reshape(im, x, &f->shape, f->batched), FV_ORDER_FILE);
}

/* Slopes along the channels are prelu's; others max(x, 0) + slope min(x, 0). */
static fv_status map_prelu(const fv_onnx_node *n)
{
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 1));
    fv_foreign *f = n->in[0], *s = n->in[1];
    const int rank = f->shape.rank;
    const int64_t slopes = fv_foreign_count(s), channels = rank >= 2 ? f->shape.dim[1] : 0;
    const int at = s->shape.rank - (rank - 1); /* where the slopes of channels would be */
    const bool by_channel =
        slopes == 1 || (slopes == channels && at >= 0 && at < s->shape.rank && s->shape.dim[at] == channels);
    if (s->batched || s->shape.rank > rank)
        return fv_import_merges(im);
    if (s->data && by_channel && rank >= 2) {
        const fv_order order = rank >= 3 ? FV_ORDER_LAST : FV_ORDER_FILE;
        fv_value x = fv_import_get(im, f, order);
        return fv_onnx_result(n, 0, fv_import_emit2(im, "prelu", NULL, x, fv_import_vector(im, s, FV_ROLE_PARAM, 1.0)),
                              order);
    }
    const fv_order order = fv_import_common((fv_foreign *[]){f, s}, 2, rank);
    fv_value x = fv_import_get(im, f, order), zero = fv_import_number(im, 0.0);
    fv_value low = fv_import_emit2(im, "min", NULL, x, zero), high = fv_import_emit2(im, "max", NULL, x, zero);
    low = fv_import_emit2(im, "mul", NULL, low, fv_import_get_ranked(im, s, order, rank));
    return fv_onnx_result(n, 0, fv_import_emit2(im, "add", NULL, high, low), order);
}

/* A bound: constant, or computed. */
static fv_value bounded(const fv_onnx_node *n, int i, const char *op, fv_value x)
{
    return i < n->n_in && n->in[i] ? fv_import_emit2(n->im, op, NULL, x, fv_import_get(n->im, n->in[i], FV_ORDER_FILE))
                                   : x;
}

static fv_status map_clip(const fv_onnx_node *n)
{
    fv_order order;
    fv_status status;
    FV_TRY(fv_onnx_need(n, 0));
    const bool given[2] = {n->n_in > 1 && n->in[1], n->n_in > 2 && n->in[2]};
    bool constant = fv_dtype_is_float(n->in[0]->dtype);
    double low = n->opset < 11 ? fv_onnx_real(n, "min", -INFINITY) : -INFINITY;
    double high = n->opset < 11 ? fv_onnx_real(n, "max", INFINITY) : INFINITY;
    for (int i = 0; i < 2; i++) {
        const fv_foreign *f = given[i] ? n->in[1 + i] : NULL;
        if (f && (f->batched || fv_foreign_count(f) != 1))
            return f->batched ? fv_import_merges(n->im) : fv_onnx_cannot(n, "a bound of several numbers");
        constant = constant && (!f || f->data);
    }
    if (constant && given[0])
        low = fv_foreign_real(n->in[1], 0);
    if (constant && given[1])
        high = fv_foreign_real(n->in[2], 0);
    if (constant && narrows(n, low, high, &status))
        return status;
    FV_TRY(fv_onnx_settle_all(n));
    fv_value x = fv_onnx_unary(n, &order);
    if (!constant) /* the upper bound counts where it is below the lower one */
        return fv_onnx_result(n, 0, bounded(n, 2, "min", bounded(n, 1, "max", x)), order);
    if (low == -INFINITY && high == INFINITY)
        return fv_import_alias(n->im, n->out[0], n->in[0]);
    return fv_onnx_result(n, 0, clamped(n->im, x, fmin(low, high), high), order);
}

/* scale * (max(x, 0) + alpha (e^min(x, 0) - 1)) */
static fv_status exponential(const fv_onnx_node *n, double alpha, double scale)
{
    fv_order order;
    fv_import *im = n->im;
    fv_value x = fv_onnx_unary(n, &order), zero = fv_import_number(im, 0.0);
    fv_value low = fv_import_emit1(im, "exp", NULL, fv_import_emit2(im, "min", NULL, x, zero));
    low = fv_import_emit2(im, "sub", NULL, low, fv_import_number(im, 1.0));
    low = fv_import_emit2(im, "mul", NULL, low, fv_import_number(im, alpha));
    fv_value y = fv_import_emit2(im, "add", NULL, fv_import_emit2(im, "max", NULL, x, zero), low);
    if (scale != 1.0)
        y = fv_import_emit2(im, "mul", NULL, y, fv_import_number(im, scale));
    return fv_onnx_result(n, 0, y, order);
}

static fv_status map_elu(const fv_onnx_node *n)
{
    FV_TRY(fv_onnx_need(n, 0));
    if (strcmp(n->op, "Selu") == 0)
        return exponential(n, fv_onnx_real(n, "alpha", 1.67326319217681884765625),
                           fv_onnx_real(n, "gamma", 1.05070102214813232421875));
    return exponential(n, fv_onnx_real(n, "alpha", 1.0), 1.0);
}

/* max(x, 0) + alpha (e^(min(x, 0) / alpha) - 1) */
static fv_status map_celu(const fv_onnx_node *n)
{
    fv_order order;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    const double alpha = fv_onnx_real(n, "alpha", 1.0);
    if (alpha == 0.0)
        return fv_onnx_cannot(n, "alpha=0");
    fv_value x = fv_onnx_unary(n, &order), zero = fv_import_number(im, 0.0);
    fv_value low =
        fv_import_emit2(im, "mul", NULL, fv_import_emit2(im, "min", NULL, x, zero), fv_import_number(im, 1.0 / alpha));
    low = fv_import_emit2(im, "sub", NULL, fv_import_emit1(im, "exp", NULL, low), fv_import_number(im, 1.0));
    low = fv_import_emit2(im, "mul", NULL, low, fv_import_number(im, alpha));
    return fv_onnx_result(n, 0, fv_import_emit2(im, "add", NULL, fv_import_emit2(im, "max", NULL, x, zero), low),
                          order);
}

/* ---- of operators that there are ---- */

static fv_value with(fv_import *im, const char *op, fv_value x, double number)
{
    return fv_import_emit2(im, op, NULL, x, fv_import_number(im, number));
}

static fv_value times(fv_import *im, fv_value a, fv_value b)
{
    return fv_import_emit2(im, "mul", NULL, a, b);
}

/* x / (1 + |x|) */
static fv_value softsign(fv_import *im, fv_value x)
{
    fv_value size = fv_import_emit2(im, "max", NULL, x, with(im, "mul", x, -1.0));
    return fv_import_emit2(im, "div", NULL, x, with(im, "add", size, 1.0));
}

/* x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2); from 20 on it is x. */
static fv_value mish(fv_import *im, fv_value x)
{
    fv_value e = fv_import_emit1(im, "exp", NULL, with(im, "min", x, 20.0));
    fv_value n = times(im, e, with(im, "add", e, 2.0));
    return times(im, x, fv_import_emit2(im, "div", NULL, n, with(im, "add", n, 2.0)));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
static fv_value softplus(fv_import *im, fv_value x)
{
    fv_value size = fv_import_emit2(im, "max", NULL, x, with(im, "mul", x, -1.0));
    fv_value e = fv_import_emit1(im, "exp", NULL, with(im, "mul", size, -1.0));
    return fv_import_emit2(im, "add", NULL, with(im, "max", x, 0.0),
                           fv_import_emit1(im, "log", NULL, with(im, "add", e, 1.0)));
}

static const struct {
    const char *onnx;
    fv_value (*make)(fv_import *im, fv_value x);
} composed[] = {{"Softsign", softsign}, {"Mish", mish}, {"Softplus", softplus}};

static fv_status map_composed(const fv_onnx_node *n)
{
    fv_order order;
    size_t i = 0;
    FV_TRY(fv_onnx_need(n, 0));
    fv_value x = fv_onnx_unary(n, &order);
    if (fv_import_dtype(n->im, x) != FV_F32)
        return fv_onnx_cannot(n, "of %s", fv_dtype_name(n->in[0]->dtype));
    while (strcmp(composed[i].onnx, n->op) != 0)
        i++;
    return fv_onnx_result(n, 0, composed[i].make(n->im, x), order);
}

const fv_onnx_op fv_onnx_activation_ops[] = {
    {"Relu", map_relu, NULL, fv_onnx_integers},
    {"Sigmoid", map_plain, NULL, NULL},
    {"Tanh", map_plain, NULL, NULL},
    {"HardSwish", map_plain, NULL, NULL},
    {"LeakyRelu", map_leaky_relu, NULL, NULL},
    {"HardSigmoid", map_hard_sigmoid, NULL, NULL},
    {"Softmax", map_softmax, NULL, NULL},
    {"LogSoftmax", map_softmax, NULL, NULL},
    {"PRelu", map_prelu, NULL, NULL},
    {"Clip", map_clip, NULL, fv_onnx_integers},
    {"Elu", map_elu, NULL, NULL},
    {"Selu", map_elu, NULL, NULL},
    {"Celu", map_celu, NULL, NULL},
    {"Erf", map_plain, NULL, NULL},
    {"Gelu", map_gelu, NULL, NULL},
    {"Softsign", map_composed, NULL, NULL},
    {"Mish", map_composed, NULL, NULL},
    {"Softplus", map_composed, NULL, NULL},
    {0},
};
