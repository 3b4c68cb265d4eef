/* SPDX-License-Identifier: Apache-2.0 */
/* What max_pool2d and avg_pool2d share: attribute rows and geometry. */
#ifndef FV_OPS_POOL_H
#define FV_OPS_POOL_H

#include "ops/window.h"

/* clang-format off: one row per line */
#define FV_POOL_ROWS                                                                                                   \
    {"size",        FV_ATTR_INT2, offsetof(fv_pool2d_attr, size),   2, 1,                                              \
     FV_WINDOW_MAX, NULL,         "Height and width of the window."},                                                  \
        {"stride",                                                                                                     \
         FV_ATTR_INT2,                                                                                                 \
         offsetof(fv_pool2d_attr, stride),                                                                             \
         0,                                                                                                            \
         0,                                                                                                            \
         FV_WINDOW_MAX,                                                                                                \
         NULL,                                                                                                         \
         "Step between neighboring windows; 0: the size of the window."},                                              \
        {"pad",                                                                                                        \
         FV_ATTR_PAD,                                                                                                  \
         offsetof(fv_pool2d_attr, pad),                                                                                \
         0,                                                                                                            \
         0,                                                                                                            \
         FV_WINDOW_MAX,                                                                                                \
         NULL,                                                                                                         \
         "Rows and columns around the input: top, left, bottom, right; below the size of the window."},                \
    {                                                                                                                  \
        "ceil", FV_ATTR_BOOL, offsetof(fv_pool2d_attr, ceil), 0, 0, 1, NULL,                                           \
            "Round the number of windows up: a last window may reach beyond the padding."                              \
    }
#define FV_POOL_SRC_SIZE_ROW                                                                                           \
    {                                                                                                                  \
        "src_size", FV_ATTR_INT2, offsetof(fv_pool2d_attr, src_size), 1, 1, 1 << 30, NULL, "Height and width of src."  \
    }
/* clang-format on */

/* Windows over h x w pixels. SHAPE when a padding reaches the window's size or no window fits. */
fv_status fv_pool_window(fv_ctx *ctx, const fv_node *node, int64_t h, int64_t w, fv_window *win);
/* The same for a node that passed infer: h, w from src, p, q from dst (dimensions n h w c). */
fv_window fv_pool_window_of(const fv_node *node, const int64_t *src, const int64_t *dst);
/* fv_op.reach of windows; of operators whose positions look at equal parts of the image. */
fv_reach fv_pool_reach(const fv_node *node, int axis);
fv_reach fv_parts_reach(const fv_node *node, int axis);
/* Checks d_dst (operand 0) against src_size and sets d_src: what infer of both backward operators does. */
fv_status fv_pool_bwd_infer(fv_ctx *ctx, const fv_node *node);

/* Input rows [h0, h1) and columns [w0, w1) that position p, q averages over, and what their sum is divided by. */
typedef struct fv_pool_box {
    int64_t h0, h1, w0, w1;
    double count;
} fv_pool_box;
/* src and dst: dimensions n h w c of the forward. */
typedef fv_pool_box (*fv_box_fn)(const fv_node *node, const int64_t *src, const int64_t *dst, int64_t p, int64_t q);

/* dst[n,p,q,c] = sum over the box in order of h and w from 0, divided by its count. */
void fv_box_mean_ref(const fv_call *call, fv_box_fn box_of);
/* Its gradient: d_src[n,h,w,c] = sum of d_dst / count over the boxes of (p, q) in order that hold the pixel, from 0. */
void fv_box_mean_bwd_ref(const fv_call *call, fv_box_fn box_of);

#endif
