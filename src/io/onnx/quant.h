/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real numbers that stand for integers. What DequantizeLinear makes, and what a convolution or product makes of that,
 * is noted as integers and scales, and computed in floats only where something takes it as floats. So DQ, DQ -> Conv ->
 * Q is the operator of integers that QLinearConv is: sums are exact, and rounded once.
 */
#ifndef FV_IO_ONNX_QUANT_H
#define FV_IO_ONNX_QUANT_H

#include "io/onnx/window.h"

/* scale[k] * (q - zero[k]) of integers q; or scale[k] * sum / count, no less than low and no more than high. */
typedef struct fv_onnx_numbers {
    fv_foreign *q;            /* NULL: of sums */
    fv_foreign *scale, *zero; /* of one element, or of one for each position along `axis` of q, or along the last
                                 dimension of sums; zero NULL: 0. Constants where they are noted */
    int axis;
    fv_value sum; /* i32 */
    fv_order order;
    float count, low, high; /* count: above 1 of averages */
} fv_onnx_numbers;

/* What operand i stands for; NULL: nothing but floats. */
const fv_onnx_numbers *fv_onnx_numbers_of(const fv_onnx_node *n, int i);
/* The same where these are sums. */
const fv_onnx_numbers *fv_onnx_sums_of(const fv_onnx_node *n, int i);
/* Declares result 0 of `shape` in the file: these numbers. */
fv_status fv_onnx_note(const fv_onnx_node *n, const fv_onnx_numbers *numbers, const fv_shape *shape);
/* A value, or all operands, as floats. */
fv_status fv_onnx_settle(fv_import *im, fv_foreign *f);
fv_status fv_onnx_settle_all(const fv_onnx_node *n);
/* (q - zero) * scale, in an order of q. */
fv_status fv_onnx_dequantize(fv_import *im, const fv_onnx_numbers *numbers, fv_value *y, fv_order *order);
/* A scale or zero point beside x in floats: one number, or one for each position along an axis. */
fv_status fv_onnx_along(fv_import *im, fv_foreign *f, const fv_foreign *x, fv_order order, int axis, fv_value *v);
/* Whether a constant is one scale and another (NULL: 0) one zero point of an 8-bit type. */
bool fv_onnx_is_scalar(const fv_foreign *scale, const fv_foreign *zero);
/* Sums as 8-bit integers of such a scale and zero point; zero NULL: 0 of uint8. */
fv_status fv_onnx_quantize_sums(const fv_onnx_node *n, const fv_onnx_numbers *sums, const fv_foreign *scale,
                                const fv_foreign *zero, fv_value *y);

/* A product of 8-bit integers of one scale with constant ones. */
typedef struct fv_onnx_product {
    fv_onnx_numbers x, w;   /* of integers */
    const fv_foreign *bias; /* i32 of scale x.scale * w.scale; NULL: none */
    int64_t filters;
    float alpha; /* a factor of its scale */
} fv_onnx_product;

/* Operands x, w and b (-1: none) of a node of floats. False: they stand for nothing of this kind. *apart: the bias is
 * there, but not of such integers. `axis`: of w's filters. */
bool fv_onnx_product_of(const fv_onnx_node *n, const int at[3], int axis, fv_onnx_product *p, bool *apart);
/* Operands of a node of integers: each of x and w is followed by its scale and zero point. */
bool fv_onnx_product_given(const fv_onnx_node *n, const int at[3], int axis, fv_onnx_product *p);
/* Sums of images src with filters of `shape`, k r s c, picked from the weights. */
fv_status fv_onnx_product_sums(const fv_onnx_node *n, const fv_onnx_product *p, const fv_conv2d_attr *conv,
                               fv_value src, const fv_shape *shape, const fv_pick *pick, fv_onnx_numbers *sums);

/* QGemm of ONNX Runtime (op_dense.c). */
fv_status fv_onnx_map_qgemm(const fv_onnx_node *n);

#endif
