/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv_geom.h"

#include <string.h>

static fv_window conv_window(const fv_conv2d_attr *attr, int64_t h, int64_t w, int64_t r, int64_t s)
{
    fv_window win = {.h = h, .w = w, .size = {r, s}};
    memcpy(win.stride, attr->stride, sizeof win.stride);
    memcpy(win.dilation, attr->dilation, sizeof win.dilation);
    memcpy(win.pad, attr->pad, sizeof win.pad);
    return win;
}

fv_status fv_conv_geom_set(fv_ctx *ctx, const fv_node *node, const fv_conv2d_attr *attr, int64_t n,
                           const int64_t hwc[3], int64_t k, const int64_t rs[2], fv_conv_geom *geom)
{
    int64_t groups = attr->groups, c = hwc[2];
    if (groups < 1)
        return fv_node_fail(ctx, node, "groups=%lld must be at least 1", (long long)groups);
    if (c % groups != 0)
        return fv_node_fail(ctx, node, "groups=%lld does not divide %lld input channels", (long long)groups,
                            (long long)c);
    if (k % groups != 0)
        return fv_node_fail(ctx, node, "groups=%lld does not divide %lld filters", (long long)groups, (long long)k);
    if (rs[0] > FV_WINDOW_MAX || rs[1] > FV_WINDOW_MAX)
        return fv_node_fail(ctx, node, "filters of %lldx%lld taps are too large; the limit is %d", (long long)rs[0],
                            (long long)rs[1], FV_WINDOW_MAX);
    *geom = (fv_conv_geom){
        .n = n, .c = c, .k = k, .groups = groups, .win = conv_window(attr, hwc[0], hwc[1], rs[0], rs[1])};
    return fv_window_output(ctx, node, "filter", &geom->win, false);
}

fv_conv_geom fv_conv_geom_forward(const fv_node *node)
{
    const fv_conv2d_attr *attr = node->attr;
    const int64_t *src = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim, *dst = node->out[0]->shape.dim;
    fv_conv_geom geom = {.n = src[0],
                         .c = src[3],
                         .k = wei[0],
                         .groups = attr->groups,
                         .win = conv_window(attr, src[1], src[2], wei[1], wei[2])};
    geom.win.p = dst[1];
    geom.win.q = dst[2];
    return geom;
}

fv_conv_geom fv_conv_geom_bwd_data(const fv_node *node)
{
    const fv_conv2d_attr *attr = node->attr;
    const int64_t *dst = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim, *src = node->out[0]->shape.dim;
    fv_conv_geom geom = {.n = src[0],
                         .c = src[3],
                         .k = wei[0],
                         .groups = attr->groups,
                         .win = conv_window(attr, src[1], src[2], wei[1], wei[2])};
    geom.win.p = dst[1];
    geom.win.q = dst[2];
    return geom;
}

fv_conv_geom fv_conv_geom_bwd_weights(const fv_node *node)
{
    const fv_conv2d_attr *attr = node->attr;
    const int64_t *dst = node->in[0]->shape.dim, *src = node->in[1]->shape.dim, *wei = node->out[0]->shape.dim;
    fv_conv_geom geom = {.n = src[0],
                         .c = src[3],
                         .k = wei[0],
                         .groups = attr->groups,
                         .win = conv_window(attr, src[1], src[2], wei[1], wei[2])};
    geom.win.p = dst[1];
    geom.win.q = dst[2];
    return geom;
}

double fv_conv_macs(const fv_conv_geom *geom)
{
    const fv_window *win = &geom->win;
    return (double)geom->n * (double)(win->p * win->q) * (double)geom->k * (double)(win->size[0] * win->size[1]) *
           (double)(geom->c / geom->groups);
}

/* Output position that tap t of one axis reads pixel i for; false when the tap is of another stride phase. */
static bool conv_position(const fv_window *win, int axis, int64_t i, int64_t t, int64_t *position)
{
    int64_t offset = i + win->pad[axis] - t * win->dilation[axis];
    *position = offset < 0 ? -1 : offset / win->stride[axis];
    return offset % win->stride[axis] == 0;
}

double fv_conv_bwd_data_at(const fv_conv_geom *geom, fv_dtype dtype, const void *d_dst, const void *wei,
                           const int64_t at[4])
{
    const fv_window *win = &geom->win;
    int64_t per_group = geom->c / geom->groups, filters = geom->k / geom->groups, group = at[3] / per_group;
    const int64_t dst_dim[4] = {geom->n, win->p, win->q, geom->k};
    const int64_t wei_dim[4] = {geom->k, win->size[0], win->size[1], per_group};
    double acc = 0.0;
    for (int64_t r = 0; r < win->size[0]; r++) {
        int64_t p, q;
        if (!conv_position(win, 0, at[1], r, &p))
            continue;
        for (int64_t s = 0; s < win->size[1]; s++) {
            if (!conv_position(win, 1, at[2], s, &q))
                continue;
            bool inside = p >= 0 && p < win->p && q >= 0 && q < win->q;
            for (int64_t k = group * filters; k < (group + 1) * filters; k++) {
                double d = inside ? fv_get(dtype, d_dst, fv_index4(dst_dim, at[0], p, q, k)) : 0.0;
                double v = fv_get(dtype, wei, fv_index4(wei_dim, k, r, s, at[3] % per_group));
                acc = fv_chain_fma(dtype, acc, d, v);
            }
        }
    }
    return acc;
}
