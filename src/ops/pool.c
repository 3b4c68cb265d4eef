/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/pool.h"

#include <string.h>

static fv_window pool_window_begin(const fv_pool2d_attr *attr, int64_t h, int64_t w)
{
    fv_window win = {.h = h, .w = w, .dilation = {1, 1}};
    memcpy(win.size, attr->size, sizeof win.size);
    memcpy(win.pad, attr->pad, sizeof win.pad);
    for (int i = 0; i < 2; i++)
        win.stride[i] = attr->stride[i] == 0 ? attr->size[i] : attr->stride[i];
    return win;
}

fv_status fv_pool_window(fv_ctx *ctx, const fv_node *node, int64_t h, int64_t w, fv_window *win)
{
    const fv_pool2d_attr *attr = node->attr;
    *win = pool_window_begin(attr, h, w);
    for (int i = 0; i < 4; i++)
        if (attr->pad[i] >= attr->size[i % 2])
            return fv_node_fail(ctx, node,
                                "pad=%lld,%lld,%lld,%lld reaches the window size %lldx%lld, so that a window would see "
                                "nothing but padding; use a smaller padding",
                                (long long)attr->pad[0], (long long)attr->pad[1], (long long)attr->pad[2],
                                (long long)attr->pad[3], (long long)attr->size[0], (long long)attr->size[1]);
    return fv_window_output(ctx, node, "window", win, attr->ceil);
}

fv_window fv_pool_window_of(const fv_node *node, const int64_t *src, const int64_t *dst)
{
    fv_window win = pool_window_begin(node->attr, src[1], src[2]);
    win.p = dst[1];
    win.q = dst[2];
    return win;
}

fv_status fv_pool_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const fv_pool2d_attr *attr = node->attr;
    const int64_t *dst = node->in[0]->shape.dim;
    fv_window win;
    FV_TRY(fv_pool_window(ctx, node, attr->src_size[0], attr->src_size[1], &win));
    FV_TRY(fv_operand_dims(ctx, node, 0, 4, (const int64_t[]){dst[0], win.p, win.q, dst[3]},
                           "the result of the pool of a src of this size"));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){dst[0], win.h, win.w, dst[3]});
}

fv_reach fv_pool_reach(const fv_node *node, int axis)
{
    const fv_window win = fv_pool_window_of(node, node->in[0]->shape.dim, node->out[0]->shape.dim);
    return fv_window_reach(&win, axis);
}

fv_reach fv_parts_reach(const fv_node *node, int axis)
{
    const double from = (double)node->in[0]->shape.dim[1 + axis], to = (double)node->out[0]->shape.dim[1 + axis];
    return (fv_reach){.taps = from / to, .gap = 1, .step = from / to};
}
