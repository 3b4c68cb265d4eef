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

#endif
