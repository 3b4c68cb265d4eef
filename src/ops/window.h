/* SPDX-License-Identifier: Apache-2.0 */
/* Geometry of sliding windows: convolutions and pools. */
#ifndef FV_OPS_WINDOW_H
#define FV_OPS_WINDOW_H

#include "ops/ref.h"

/* Upper limit of strides, dilations, paddings and window sizes given as attributes. */
#define FV_WINDOW_MAX 65536

/* A window of size[0] x size[1] taps over h x w pixels gives p x q positions. */
typedef struct fv_window {
    int64_t h, w, p, q;
    int64_t size[2], stride[2], dilation[2];
    int64_t pad[4]; /* top, left, bottom, right */
} fv_window;

/*
 * Sets p and q:
 *     p = (h + pad_top + pad_bottom - dilation * (size - 1) - 1) / stride + 1
 * rounded down, or up with `ceil`, where the last window must begin inside the input or the padding before it (as
 * PyTorch does). SHAPE naming all numbers and the cure when p or q is below 1. `what`: "filter", "window".
 */
fv_status fv_window_output(fv_ctx *ctx, const fv_node *node, const char *what, fv_window *win, bool ceil);

/* What position i along an axis sees. */
static inline fv_reach fv_window_reach(const fv_window *win, int axis)
{
    return (fv_reach){.taps = (double)win->size[axis],
                      .gap = (double)win->dilation[axis],
                      .step = (double)win->stride[axis],
                      .start = -(double)win->pad[axis]};
}

/* First input row (axis 0) or column (axis 1) under position i; may be negative. */
static inline int64_t fv_window_begin(const fv_window *win, int axis, int64_t i)
{
    return i * win->stride[axis] - win->pad[axis];
}

#endif
