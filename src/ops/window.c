/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/window.h"

/* Positions along one axis; 0 or negative when the window does not fit. With `ceil` it may reach beyond the padding, by
 * less than a stride, also where there is only that one. `in` is at most 2^62, the rest small. */
static int64_t window_positions(int64_t in, int64_t before, int64_t after, int64_t extent, int64_t stride, bool ceil)
{
    int64_t room = in + before + after - extent;
    if (room < 0)
        return ceil && room + stride > 0 ? 1 : room;
    int64_t count = room / stride + 1;
    if (ceil && room % stride != 0 && count * stride < in + before)
        count++;
    return count;
}

fv_status fv_window_output(fv_ctx *ctx, const fv_node *node, const char *what, fv_window *win, bool ceil)
{
    if (win->h > INT64_MAX / 4 || win->w > INT64_MAX / 4)
        return fv_node_fail(ctx, node, "an input of %lld x %lld pixels is too large", (long long)win->h,
                            (long long)win->w);
    int64_t extent[2], in[2] = {win->h, win->w}, out[2];
    for (int i = 0; i < 2; i++) {
        extent[i] = win->dilation[i] * (win->size[i] - 1) + 1;
        out[i] = window_positions(in[i], win->pad[i], win->pad[i + 2], extent[i], win->stride[i], ceil);
    }
    win->p = out[0];
    win->q = out[1];
    if (out[0] > 0 && out[1] > 0)
        return FV_OK;
    const int64_t *pad = win->pad;
    return fv_node_fail(ctx, node,
                        "a %lldx%lld %s%s does not fit into the %lldx%lld input padded to %lldx%lld; use a smaller %s, "
                        "more padding or a larger input",
                        (long long)extent[0], (long long)extent[1], what,
                        win->dilation[0] > 1 || win->dilation[1] > 1 ? " (dilated)" : "", (long long)in[0],
                        (long long)in[1], (long long)(in[0] + pad[0] + pad[2]), (long long)(in[1] + pad[1] + pad[3]),
                        what);
}
