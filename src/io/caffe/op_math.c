/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic. */
#ifdef FV_WITH_CAFFE
#include <math.h>
#include <string.h>

#include "io/caffe/net.h"

/* Blobs of one shape, added with factors, multiplied, or the larger of them. */
static fv_status map_eltwise(fv_caffe_layer *l)
{
    const FvCaffe__Eltwise *p = l->param;
    fv_import *im = &l->net->im;
    fv_foreign *f[64];
    const bool sum = p->operation == FV_CAFFE__ELTWISE__OP__SUM;
    const char *op = sum ? "add" : p->operation == FV_CAFFE__ELTWISE__OP__PROD ? "mul" : "max";
    if (l->n_bottom < 1 || l->n_bottom > 64 || l->n_top < 1)
        return fv_caffe_cannot(l, "it takes %d blobs, expected 1 to 64", l->n_bottom);
    if (p->n_coeff && (int)p->n_coeff != l->n_bottom)
        return fv_caffe_cannot(l, "%lld coeff for %d blobs", (long long)p->n_coeff, l->n_bottom);
    for (int i = 0; i < l->n_bottom; i++) {
        f[i] = fv_caffe_in(l, i);
        if (!fv_shape_equal(&f[i]->shape, &f[0]->shape))
            return fv_caffe_cannot(l, "blobs of different shapes");
    }
    const fv_order order = fv_import_common(f, l->n_bottom, f[0]->shape.rank);
    fv_value y = fv_no_value;
    for (int i = 0; i < l->n_bottom; i++) {
        fv_value x =
            fv_caffe_linear(im, fv_import_get(im, f[i], order), sum && p->n_coeff ? (double)p->coeff[i] : 1.0, 0.0);
        y = i ? fv_import_emit2(im, op, NULL, y, x) : x;
    }
    return fv_caffe_result(l, 0, y, order);
}

/* (shift + scale x)^power */
static fv_status map_power(fv_caffe_layer *l)
{
    const FvCaffe__Power *p = l->param;
    fv_order order;
    fv_value x = fv_caffe_linear(&l->net->im, fv_caffe_unary(l, &order), (double)p->scale, (double)p->shift);
    const fv_pow_attr attr = {.exponent = (double)p->power};
    if (p->power != 1.0f)
        x = fv_import_emit1(&l->net->im, "pow", &attr, x);
    return fv_caffe_result(l, 0, x, order);
}

/* base^(shift + scale x); base -1 is e */
static fv_status map_exp(fv_caffe_layer *l)
{
    const FvCaffe__Exp *p = l->param;
    fv_order order;
    if (p->base_of != -1.0f && !(p->base_of > 0.0f))
        return fv_caffe_cannot(l, "base=%g", (double)p->base_of);
    const double k = p->base_of == -1.0f ? 1.0 : log((double)p->base_of);
    fv_value x = fv_caffe_linear(&l->net->im, fv_caffe_unary(l, &order), k * (double)p->scale, k * (double)p->shift);
    return fv_caffe_result(l, 0, fv_import_emit1(&l->net->im, "exp", NULL, x), order);
}

/* The logarithm to a base of shift + scale x; base -1 is e */
static fv_status map_log(fv_caffe_layer *l)
{
    const FvCaffe__Exp *p = l->param;
    fv_import *im = &l->net->im;
    fv_order order;
    if (p->base_of != -1.0f && (!(p->base_of > 0.0f) || p->base_of == 1.0f))
        return fv_caffe_cannot(l, "base=%g", (double)p->base_of);
    const double k = p->base_of == -1.0f ? 1.0 : log((double)p->base_of);
    fv_value x = fv_caffe_linear(im, fv_caffe_unary(l, &order), (double)p->scale, (double)p->shift);
    return fv_caffe_result(l, 0, fv_caffe_linear(im, fv_import_emit1(im, "log", NULL, x), 1.0 / k, 0.0), order);
}

static fv_value absolute(fv_import *im, fv_value x)
{
    return fv_import_emit2(im, "max", NULL, x, fv_caffe_linear(im, x, -1.0, 0.0));
}

static fv_status map_abs(fv_caffe_layer *l)
{
    fv_order order;
    fv_value x = fv_caffe_unary(l, &order);
    return fv_caffe_result(l, 0, absolute(&l->net->im, x), order);
}

/* Sums over everything from an axis on, which then is gone. */
static fv_status map_reduction(fv_caffe_layer *l)
{
    const FvCaffe__Reduction *p = l->param;
    fv_import *im = &l->net->im;
    fv_order order;
    int axis;
    fv_foreign *f = fv_caffe_in(l, 0);
    FV_TRY(fv_caffe_free_axis(l, f, p->axis, &axis));
    fv_value x = fv_caffe_apart(l, f, &order);
    if (p->operation == FV_CAFFE__REDUCTION__OP__ASUM)
        x = absolute(im, x);
    else if (p->operation == FV_CAFFE__REDUCTION__OP__SUMSQ)
        x = fv_import_emit2(im, "mul", NULL, x, x);
    fv_reduce_attr axes = {.keepdims = true};
    fv_shape to = {.rank = axis};
    for (int d = 0; d < f->shape.rank; d++) {
        if (d < axis)
            to.dim[d] = f->shape.dim[d];
        else
            axes.axes.value[axes.axes.count++] = fv_import_axis(order, d, f->shape.rank);
    }
    x = fv_import_emit1(im, p->operation == FV_CAFFE__REDUCTION__OP__MEAN ? "reduce_mean" : "reduce_sum", &axes, x);
    x = fv_caffe_linear(im, x, (double)p->coeff, 0.0);
    const fv_shape one = {1,
                          {1}}; /* what is left, n c h, lies as it does in the file: the channels are alone, or gone */
    fv_shape here = to;
    const bool last = order == FV_ORDER_LAST && to.rank >= 3;
    for (int d = 0; d < to.rank && last; d++)
        here.dim[fv_import_axis(order, d, to.rank)] = to.dim[d];
    x = fv_import_reshape(im, x, here.rank ? &here : &one, f->batched && here.rank > 0);
    return fv_caffe_result_as(l, 0, x, last ? FV_ORDER_LAST : FV_ORDER_FILE, &to);
}

const fv_caffe_op fv_caffe_math_ops[] = {
    {"Eltwise", map_eltwise, "eltwise_param", NULL, FV_CAFFE_PLAIN, 0},
    {"Power", map_power, "power_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Exp", map_exp, "exp_param", NULL, FV_CAFFE_PLAIN, 1},
    {"AbsVal", map_abs, NULL, NULL, FV_CAFFE_PLAIN, 1},
    {"Reduction", map_reduction, "reduction_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Log", map_log, "log_param", NULL, FV_CAFFE_PLAIN, 1},
    {"ArgMax", NULL, NULL, "supported is Softmax, from which predictions take the largest", FV_CAFFE_PLAIN, 0},
    {0},
};

#endif
