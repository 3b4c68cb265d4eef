/* SPDX-License-Identifier: Apache-2.0 */
/* Normalizations. */
#include <math.h>
#include <string.h>

#include "io/onnx/node.h"

/* Scale, shift, mean or variance as a vector along the channels of what is normalized. */
static fv_value vector(const fv_onnx_node *n, int i)
{
    fv_foreign *f = n->in[i];
    if (f->data)
        return fv_import_vector(n->im, f, i < 3 ? FV_ROLE_PARAM : FV_ROLE_STATE, 1.0);
    return fv_import_get(n->im, f, FV_ORDER_FILE);
}

static fv_status map_batch_norm(const fv_onnx_node *n)
{
    fv_import *im = n->im;
    bool constant = true;
    for (int i = 0; i < 5; i++) {
        FV_TRY(fv_onnx_need(n, i));
        constant = constant && (i == 0 || n->in[i]->data);
        if (i > 0 && n->in[i]->batched)
            return fv_import_merges(im);
    }
    if (fv_onnx_int(n, "training_mode", 0) != 0 || (n->n_out > 1 && *n->out[1]))
        return fv_onnx_cannot(n, "training_mode: the statistics of the batch, which are for training");
    if (n->opset < 9 && fv_onnx_int(n, "spatial", 1) == 0)
        return fv_onnx_cannot(n, "spatial=0: statistics for every element");
    const double eps = fv_onnx_real(n, "epsilon", 1e-5);
    const int rank = n->in[0]->shape.rank;
    const fv_order order = rank >= 3 ? FV_ORDER_LAST : FV_ORDER_FILE;
    if (rank < 2)
        return fv_onnx_cannot(n, "its operand has %d dimensions", rank);
    fv_value in[5] = {fv_import_get(im, n->in[0], order)};
    for (int i = 1; i < 5; i++)
        in[i] = vector(n, i);
    if (constant) {
        const fv_batch_norm_attr attr = {.eps = eps, .momentum = 1.0 - fv_onnx_real(n, "momentum", 0.9)};
        return fv_onnx_result(n, 0, fv_import_emit(im, "batch_norm", &attr, in, 5), order);
    }
    fv_value d = fv_import_emit1(im, "sqrt", NULL, fv_import_emit2(im, "add", NULL, in[4], fv_import_number(im, eps)));
    fv_value y = fv_import_emit2(im, "div", NULL, fv_import_emit2(im, "sub", NULL, in[0], in[3]), d);
    y = fv_import_emit2(im, "add", NULL, fv_import_emit2(im, "mul", NULL, y, in[1]), in[2]);
    return fv_onnx_result(n, 0, y, order);
}

static fv_status map_lrn(const fv_onnx_node *n)
{
    FV_TRY(fv_onnx_need(n, 0));
    const fv_lrn_attr attr = {.size = fv_onnx_int(n, "size", 1),
                              .alpha = fv_onnx_real(n, "alpha", 1e-4),
                              .beta = fv_onnx_real(n, "beta", 0.75),
                              .k = fv_onnx_real(n, "bias", 1.0)};
    return fv_onnx_result(n, 0, fv_import_emit1(n->im, "lrn", &attr, fv_import_get(n->im, n->in[0], FV_ORDER_LAST)),
                          FV_ORDER_LAST);
}

/* (x - mean) / sqrt(var + eps) over `axes` of v */
static fv_value standardize(fv_import *im, fv_value v, const fv_reduce_attr *axes, double eps)
{
    fv_value d = fv_import_emit2(im, "sub", NULL, v, fv_import_emit1(im, "reduce_mean", axes, v));
    fv_value var = fv_import_emit1(im, "reduce_mean", axes, fv_import_emit2(im, "mul", NULL, d, d));
    fv_value s = fv_import_emit1(im, "sqrt", NULL, fv_import_emit2(im, "add", NULL, var, fv_import_number(im, eps)));
    return fv_import_emit2(im, "div", NULL, d, s);
}

static fv_value affine(const fv_onnx_node *n, fv_value y)
{
    if (n->n_in > 1 && n->in[1])
        y = fv_import_emit2(n->im, "mul", NULL, y, vector(n, 1));
    if (n->n_in > 2 && n->in[2])
        y = fv_import_emit2(n->im, "add", NULL, y, vector(n, 2));
    return y;
}

static fv_status map_instance_norm(const fv_onnx_node *n)
{
    FV_TRY(fv_onnx_need(n, 0));
    const int rank = n->in[0]->shape.rank;
    fv_reduce_attr axes = {.keepdims = true};
    if (rank < 3)
        return fv_onnx_cannot(n, "its operand has %d dimensions", rank);
    for (int d = 1; d < rank - 1; d++)
        axes.axes.value[axes.axes.count++] = d;
    fv_value v = fv_import_get(n->im, n->in[0], FV_ORDER_LAST);
    v = standardize(n->im, v, &axes, fv_onnx_real(n, "epsilon", 1e-5));
    return fv_onnx_result(n, 0, affine(n, v), FV_ORDER_LAST);
}

/* Over the last dimensions, from `axis` on, with a scale and a shift of their shape. */
static fv_status map_layer_norm(const fv_onnx_node *n)
{
    int axis;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_free_axis(n, n->in[0], fv_onnx_int(n, "axis", -1), &axis));
    const fv_shape *s = &n->in[0]->shape;
    fv_shape rows = {axis + 1, {0}};
    if (s->rank < 2 || axis < 1)
        return fv_onnx_cannot(n, "its operand has %d dimensions, of which %d are normalized", s->rank, s->rank - axis);
    for (int i = 1; i < 3; i++)
        if ((n->n_out > i && *n->out[i]))
            return fv_onnx_cannot(n, "mean and deviation as results");
    memcpy(rows.dim, s->dim, (size_t)axis * sizeof *s->dim);
    rows.dim[axis] = 1;
    for (int d = axis; d < s->rank; d++)
        rows.dim[axis] *= s->dim[d];
    const fv_layer_norm_attr attr = {.eps = fv_onnx_real(n, "epsilon", 1e-5)};
    fv_value v = fv_import_reshape(im, fv_import_get(im, n->in[0], FV_ORDER_FILE), &rows, n->in[0]->batched);
    fv_value in[3] = {v};
    int used = 1;
    for (int i = 1; i < n->n_in && i < 3 && n->in[i] && n->in[i]->data; i++)
        if (fv_foreign_count(n->in[i]) == rows.dim[axis])
            in[used++] = vector(n, i);
        else
            break;
    fv_value y = fv_import_reshape(im, fv_import_emit(im, "layer_norm", &attr, in, used), s, n->in[0]->batched);
    for (int i = used; i < n->n_in && i < 3; i++) /* computed, or of a shape that is repeated */
        if (n->in[i])
            y = fv_import_emit2(im, i == 1 ? "mul" : "add", NULL, y,
                                fv_import_get_ranked(im, n->in[i], FV_ORDER_FILE, s->rank));
    return fv_onnx_result(n, 0, y, FV_ORDER_FILE);
}

const fv_onnx_op fv_onnx_norm_ops[] = {
    {"BatchNormalization", map_batch_norm, NULL, NULL},
    {"LRN", map_lrn, NULL, NULL},
    {"InstanceNormalization", map_instance_norm, NULL, NULL},
    {"LayerNormalization", map_layer_norm, NULL, NULL},
    {0},
};
