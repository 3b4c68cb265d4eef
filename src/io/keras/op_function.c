/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of TensorFlow and of Keras that stand in a network like layers. Rows have the function's name without what
 * stands before its last dot, in small letters and without '_': math.reduce_mean is "reducemean", TrueDivide
 * "truedivide".
 */
#include <math.h>
#include <string.h>

#include "io/keras/node.h"

/* The name under which a row of a function is. */
static bool is_called(const fv_keras_node *n, const char *name)
{
    const char *dot = strrchr(n->kind, '.'), *at = dot ? dot + 1 : n->kind;
    for (; *at; at++) {
        if (*at == '_')
            continue;
        const char c = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
        if (c != *name++)
            return false;
    }
    return *name == '\0';
}

/* ---- of one operand ---- */

static fv_value square(fv_import *im, fv_value x)
{
    return fv_import_emit2(im, "mul", NULL, x, x);
}

static fv_value negative(fv_import *im, fv_value x)
{
    return fv_import_emit2(im, "mul", NULL, x, fv_import_number(im, -1.0));
}

/* |x| = max(x, -x) */
static fv_value absolute(fv_import *im, fv_value x)
{
    return fv_import_emit2(im, "max", NULL, x, negative(im, x));
}

static fv_value root(fv_import *im, fv_value x)
{
    return fv_import_emit1(im, "sqrt", NULL, x);
}

static fv_value rsqrt(fv_import *im, fv_value x)
{
    return fv_import_emit2(im, "div", NULL, fv_import_number(im, 1.0), root(im, x));
}

/* By the name of an activation, or by what makes it. */
static const struct {
    const char *function, *activation;
    fv_value (*make)(fv_import *im, fv_value x);
} unary[] = {
    {"relu", "relu", NULL},
    {"relu6", "relu6", NULL},
    {"sigmoid", "sigmoid", NULL},
    {"tanh", "tanh", NULL},
    {"silu", "silu", NULL},
    {"swish", "silu", NULL},
    {"elu", "elu", NULL},
    {"selu", "selu", NULL},
    {"hardsigmoid", "hard_sigmoid", NULL},
    {"hardsilu", "hard_silu", NULL},
    {"hardswish", "hard_swish", NULL},
    {"gelu", "gelu", NULL},
    {"softsign", "softsign", NULL},
    {"exp", "exp", NULL},
    {"sqrt", NULL, root},
    {"square", NULL, square},
    {"negative", NULL, negative},
    {"neg", NULL, negative},
    {"absolute", NULL, absolute},
    {"abs", NULL, absolute},
    {"rsqrt", NULL, rsqrt},
};

static fv_status map_unary(const fv_keras_node *n)
{
    fv_order order;
    size_t i = 0;
    FV_TRY(fv_keras_need(n, 1));
    fv_value x = fv_keras_operand(n, &order), y;
    while (!is_called(n, unary[i].function))
        i++;
    if (unary[i].activation)
        FV_TRY(fv_keras_activate(n, unary[i].activation, x, &y));
    else
        y = unary[i].make(n->im, x);
    return fv_keras_result(n, y, order);
}

static fv_status map_clip(const fv_keras_node *n)
{
    fv_order order;
    FV_TRY(fv_keras_need(n, 1));
    const double low = fv_keras_real(n, "clip_value_min", fv_keras_real(n, "x_min", -INFINITY));
    const double high = fv_keras_real(n, "clip_value_max", fv_keras_real(n, "x_max", INFINITY));
    fv_value x = fv_keras_operand(n, &order);
    return fv_keras_result(n, fv_keras_clamp(n->im, x, fmin(low, high), high), order);
}

/* ---- of two operands, one of which may be a number ---- */

static const struct {
    const char *function, *op;
} binary[] = {
    {"add", "add"},        {"addv2", "add"},    {"biasadd", "add"}, {"sub", "sub"},     {"subtract", "sub"},
    {"mul", "mul"},        {"multiply", "mul"}, {"div", "div"},     {"divide", "div"},  {"truediv", "div"},
    {"truedivide", "div"}, {"realdiv", "div"},  {"maximum", "max"}, {"minimum", "min"},
};

static fv_status map_binary(const fv_keras_node *n)
{
    size_t row = 0;
    fv_value v[2];
    int rank = 0;
    bool computed = false;
    if (n->n_in != 2)
        return fv_keras_cannot(n, "it has %d operands, expected 2", n->n_in);
    for (int i = 0; i < 2; i++) {
        rank = n->in[i]->shape.rank > rank ? n->in[i]->shape.rank : rank;
        computed = computed || !n->in[i]->data;
    }
    for (int i = 0; i < 2; i++)
        if (n->in[i]->batched && n->in[i]->shape.rank != rank)
            return fv_keras_cannot(n, "operands of %d and %d dimensions", n->in[i]->shape.rank, rank);
    if (!computed)
        return fv_keras_cannot(n, "both operands are numbers");
    while (!is_called(n, binary[row].function))
        row++;
    const fv_order order = fv_import_common(n->in, 2, rank);
    for (int i = 0; i < 2; i++)
        v[i] = fv_import_get_ranked(n->im, n->in[i], order, rank);
    return fv_keras_result(n, fv_import_emit2(n->im, binary[row].op, NULL, v[0], v[1]), order);
}

/* ---- along axes ---- */

static const struct {
    const char *function, *op;
} reduced[] = {
    {"mean", "reduce_mean"}, {"reducemean", "reduce_mean"}, {"sum", "reduce_sum"}, {"reducesum", "reduce_sum"},
    {"max", "reduce_max"},   {"reducemax", "reduce_max"},   {"min", "reduce_min"}, {"reducemin", "reduce_min"},
};

static fv_status map_reduce(const fv_keras_node *n)
{
    size_t row = 0;
    FV_TRY(fv_keras_need(n, 1));
    const fv_ints given = fv_keras_ints(n, "axis");
    fv_reduce_attr attr = {.keepdims = fv_keras_bool(n, "keepdims", fv_keras_bool(n, "keep_dims", false))};
    if (given.count == 0)
        return fv_keras_cannot(n, "over all axes, the batch among them");
    for (int64_t i = 0; i < given.count; i++) {
        int axis;
        FV_TRY(fv_keras_axis(n, given.value[i], &axis));
        attr.axes.value[attr.axes.count++] = axis;
    }
    while (!is_called(n, reduced[row].function))
        row++;
    fv_value x = fv_import_get(n->im, n->in[0], FV_ORDER_FILE);
    return fv_keras_result(n, fv_import_emit1(n->im, reduced[row].op, &attr, x), FV_ORDER_FILE);
}

/* ---- shapes ---- */

static fv_status map_expand_dims(const fv_keras_node *n)
{
    int axis;
    FV_TRY(fv_keras_need(n, 1));
    const fv_shape *from = &n->in[0]->shape;
    const int64_t given = fv_keras_int(n, "axis", -1);
    if (from->rank == FV_MAX_RANK || given < -from->rank || given > from->rank || given == 0)
        return fv_keras_cannot(n, "axis %lld of %d dimensions", (long long)given, from->rank);
    axis = (int)(given < 0 ? given + from->rank + 1 : given);
    fv_shape to = {.rank = from->rank + 1};
    for (int d = 0; d < to.rank; d++)
        to.dim[d] = d == axis ? 1 : from->dim[d > axis ? d - 1 : d];
    return fv_keras_result(n, fv_import_reshape(n->im, fv_import_get(n->im, n->in[0], FV_ORDER_FILE), &to, true),
                           FV_ORDER_FILE);
}

static fv_status map_squeeze(const fv_keras_node *n)
{
    bool gone[FV_MAX_RANK] = {false};
    FV_TRY(fv_keras_need(n, 1));
    const fv_shape *from = &n->in[0]->shape;
    fv_shape to = {.rank = 0};
    const fv_ints given = fv_keras_ints(n, "axis");
    for (int64_t i = 0; i < given.count; i++) {
        int axis;
        FV_TRY(fv_keras_axis(n, given.value[i], &axis));
        if (from->dim[axis] != 1)
            return fv_keras_cannot(n, "axis %d has %lld elements", axis, (long long)from->dim[axis]);
        gone[axis] = true;
    }
    for (int d = 0; d < from->rank; d++)
        if (!(given.count ? gone[d] : d > 0 && from->dim[d] == 1))
            to.dim[to.rank++] = from->dim[d];
    return fv_keras_result(n, fv_import_reshape(n->im, fv_import_get(n->im, n->in[0], FV_ORDER_FILE), &to, true),
                           FV_ORDER_FILE);
}

/* Pixels alone: [[0, 0], [top, bottom], [left, right], [0, 0]]. */
static fv_status map_pad(const fv_keras_node *n)
{
    double value[8];
    int count;
    FV_TRY(fv_keras_need(n, 1));
    const char *mode = fv_keras_text(n, "mode", "constant");
    FV_TRY(fv_keras_reals(n, fv_keras_get(n, "paddings") ? "paddings" : "pad_width", 8, value, &count));
    if (count != 8 || n->in[0]->shape.rank != 4 || value[0] != 0 || value[1] != 0 || value[6] != 0 || value[7] != 0)
        return fv_keras_cannot(n, "supported are rows and columns of an image");
    if (strcmp(mode, "constant") != 0 && strcmp(mode, "CONSTANT") != 0)
        return fv_keras_cannot(n, "mode '%.40s'", mode);
    fv_pad_attr attr = {.value = fv_keras_real(n, "constant_values", 0.0)};
    for (int i = 0; i < 4; i++) {
        const double pad = value[2 + i % 2 * 2 + i / 2];
        if (!(pad >= 0 && pad <= 65535))
            return fv_keras_cannot(n, "a padding of %g", pad);
        attr.pad[i] = (int64_t)pad;
    }
    return fv_keras_result(n, fv_import_emit1(n->im, "pad", &attr, fv_import_get(n->im, n->in[0], FV_ORDER_FILE)),
                           FV_ORDER_FILE);
}

/* ---- parts ---- */

/* start, stop or step of a slice; `otherwise`: it is not given. */
static int64_t bound(const fv_doc_node *slice, const char *key, int64_t otherwise)
{
    const fv_doc_node *map = fv_doc_get(slice, "config");
    const fv_doc_node *node = fv_doc_get(map && map->kind == FV_DOC_MAP ? map : slice, key);
    return node && node->kind == FV_DOC_INT ? node->integer : otherwise;
}

/* x[a:b, c:d], steps of 1, every dimension kept */
static fv_status map_get_item(const fv_keras_node *n)
{
    FV_TRY(fv_keras_need(n, 1));
    const fv_doc_node *list = n->n_extra ? n->extra[0] : fv_keras_get(n, "slice_spec");
    const fv_shape *s = &n->in[0]->shape;
    fv_value y = fv_import_get(n->im, n->in[0], FV_ORDER_FILE);
    if (!list || list->kind != FV_DOC_LIST || list->count > s->rank)
        return fv_keras_cannot(n, "supported are slices as in x[:, 1:5]");
    for (int d = 0; d < list->count; d++) {
        const fv_doc_node *slice = &list->child[d];
        if (slice->kind != FV_DOC_MAP || bound(slice, "step", 1) != 1)
            return fv_keras_cannot(n, "supported are slices as in x[:, 1:5]");
        int64_t begin = bound(slice, "start", 0), end = bound(slice, "stop", s->dim[d]);
        begin += begin < 0 ? s->dim[d] : 0;
        end += end < 0 ? s->dim[d] : 0;
        end = end > s->dim[d] ? s->dim[d] : end;
        if (begin < 0 || begin >= end || (d == 0 && (begin > 0 || end < s->dim[0])))
            return fv_keras_cannot(n, "nothing is left of dimension %d, or it is the batch", d);
        const fv_slice_attr attr = {.begin = begin, .count = end - begin, .axis = d};
        if (end - begin < s->dim[d])
            y = fv_import_emit1(n->im, "slice", &attr, y);
    }
    return fv_keras_result(n, y, FV_ORDER_FILE);
}

/* clang-format off: one row per line */
const fv_keras_op fv_keras_function_ops[] = {
    {"relu", map_unary, NULL, NULL},
    {"relu6", map_unary, NULL, NULL},
    {"sigmoid", map_unary, NULL, NULL},
    {"tanh", map_unary, NULL, NULL},
    {"silu", map_unary, NULL, NULL},
    {"swish", map_unary, NULL, NULL},
    {"elu", map_unary, NULL, NULL},
    {"selu", map_unary, NULL, NULL},
    {"hardsigmoid", map_unary, NULL, NULL},
    {"hardsilu", map_unary, NULL, NULL},
    {"hardswish", map_unary, NULL, NULL},
    {"softsign", map_unary, NULL, NULL},
    {"exp", map_unary, NULL, NULL},
    {"sqrt", map_unary, NULL, NULL},
    {"square", map_unary, NULL, NULL},
    {"rsqrt", map_unary, NULL, NULL},
    {"negative", map_unary, NULL, NULL},
    {"neg", map_unary, NULL, NULL},
    {"absolute", map_unary, NULL, NULL},
    {"abs", map_unary, NULL, NULL},
    {"clip", map_clip, NULL, NULL},
    {"clipbyvalue", map_clip, NULL, NULL},
    {"add", map_binary, NULL, NULL},
    {"addv2", map_binary, NULL, NULL},
    {"biasadd", map_binary, NULL, NULL},
    {"sub", map_binary, NULL, NULL},
    {"subtract", map_binary, NULL, NULL},
    {"mul", map_binary, NULL, NULL},
    {"multiply", map_binary, NULL, NULL},
    {"div", map_binary, NULL, NULL},
    {"divide", map_binary, NULL, NULL},
    {"truediv", map_binary, NULL, NULL},
    {"truedivide", map_binary, NULL, NULL},
    {"realdiv", map_binary, NULL, NULL},
    {"maximum", map_binary, NULL, NULL},
    {"minimum", map_binary, NULL, NULL},
    {"mean", map_reduce, NULL, NULL},
    {"reducemean", map_reduce, NULL, NULL},
    {"sum", map_reduce, NULL, NULL},
    {"reducesum", map_reduce, NULL, NULL},
    {"max", map_reduce, NULL, NULL},
    {"reducemax", map_reduce, NULL, NULL},
    {"min", map_reduce, NULL, NULL},
    {"reducemin", map_reduce, NULL, NULL},
    {"expanddims", map_expand_dims, NULL, NULL},
    {"squeeze", map_squeeze, NULL, NULL},
    {"pad", map_pad, NULL, NULL},
    {"getitem", map_get_item, NULL, NULL},
    {"identity", fv_keras_same, NULL, NULL},
    {"stopgradient", fv_keras_same, NULL, NULL},
    {0},
};
/* clang-format on */
