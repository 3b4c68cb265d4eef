/* SPDX-License-Identifier: Apache-2.0 */
/* What the operators of the convolution family share: geometry from attributes and shapes, attribute rows. */
#ifndef FV_OPS_CONV_GEOM_H
#define FV_OPS_CONV_GEOM_H

#include "ops/window.h"

typedef struct fv_conv_geom {
    int64_t n, c, k, groups; /* c input channels, k filters, of the convolution (not of its gradients) */
    fv_window win;
} fv_conv_geom;

/* Attribute rows that all three directions of conv2d have. */
/* clang-format off: one row per line */
#define FV_CONV_ROWS                                                                                                   \
    {"stride",                                                                                                         \
     FV_ATTR_INT2,                                                                                                     \
     offsetof(fv_conv2d_attr, stride),                                                                                 \
     1,                                                                                                                \
     1,                                                                                                                \
     FV_WINDOW_MAX,                                                                                                    \
     NULL,                                                                                                             \
     "Step between neighboring filter positions, vertical and horizontal."},                                           \
        {"pad",                                                                                                        \
         FV_ATTR_PAD,                                                                                                  \
         offsetof(fv_conv2d_attr, pad),                                                                                \
         0,                                                                                                            \
         0,                                                                                                            \
         FV_WINDOW_MAX,                                                                                                \
         NULL,                                                                                                         \
         "Rows and columns of zeros around the input: top, left, bottom, right."},                                     \
        {"dilation",    FV_ATTR_INT2, offsetof(fv_conv2d_attr, dilation),         1, 1,                                \
         FV_WINDOW_MAX, NULL,         "Distance between neighboring filter taps."},                                    \
    {                                                                                                                  \
        "groups", FV_ATTR_INT, offsetof(fv_conv2d_attr, groups), 1, 1, 1 << 24, NULL,                                  \
            "Number of channel groups; a filter sees the channels of its group only. As many as input channels: "      \
            "depthwise."                                                                                               \
    }
/* clang-format on */

/*
 * Geometry of the convolution of an h x w x c input with k filters of r x s taps. Checks that groups divides c and k
 * and that the filter fits.
 */
fv_status fv_conv_geom_set(fv_ctx *ctx, const fv_node *node, const fv_conv2d_attr *attr, int64_t n,
                           const int64_t hwc[3], int64_t k, const int64_t rs[2], fv_conv_geom *geom);
/* From a node that passed infer. */
fv_conv_geom fv_conv_geom_forward(const fv_node *node);
fv_conv_geom fv_conv_geom_bwd_data(const fv_node *node);
fv_conv_geom fv_conv_geom_bwd_weights(const fv_node *node);
/* Multiply-adds of any of the three directions. */
double fv_conv_macs(const fv_conv_geom *geom);

/*
 * The sum that conv2d_bwd_data and conv_transpose2d are made of: the gradient at pixel (n, h, w), input channel c:
 * one chain over (r, s, k) increasing, over the taps of the pixel's stride phase, from 0. d_dst is n p q k.
 */
double fv_conv_bwd_data_at(const fv_conv_geom *geom, fv_dtype dtype, const void *d_dst, const void *wei,
                           const int64_t at[4]);

#endif
