/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of convolutions and pooling: strides, dilations, padding, for rows as for images. */
#ifndef FV_IO_ONNX_WINDOW_H
#define FV_IO_ONNX_WINDOW_H

#include "io/onnx/node.h"

typedef struct fv_onnx_window {
    int64_t size[2], stride[2], dilation[2], pad[4]; /* top, left, bottom, right */
    bool automatic;                                  /* pads follow from auto_pad */
    bool lower;                                      /* of an odd number, one more in front */
    bool ceil;
} fv_onnx_window;

/* Of a node whose first operand is an image or a row; `size`: rows and columns of the window. */
fv_status fv_onnx_window_of(const fv_onnx_node *n, const int64_t size[2], fv_onnx_window *win);
/* A bias: a parameter where it is constant. */
fv_value fv_onnx_bias(const fv_onnx_node *n, fv_foreign *b);

/* ---- integers, in floats that hold them exactly (op_quant.c) ---- */

fv_dtype fv_onnx_exact_float(double terms);
/* Operand i less its zero point (operand `zero`, where there is one: a number, or one for each position along `axis`),
 * in an order and a dtype. */
fv_status fv_onnx_shifted(const fv_onnx_node *n, int i, int zero, fv_order order, int axis, fv_dtype dtype,
                          fv_value *v);
/* sum * (a_scale b_scale / y_scale), rounded and saturated about y_zero; `at`: which operands these four are. */
fv_status fv_onnx_requantized(const fv_onnx_node *n, const int at[4], fv_value sum, fv_value *y);

#endif
