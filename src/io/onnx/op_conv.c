/* SPDX-License-Identifier: Apache-2.0 */
/* Conv and ConvTranspose of images and of rows. */
#include <string.h>

#include "io/onnx/window.h"

/* Filters k c r s -> k r s c, as a parameter; of three dimensions k c s: one row. */
static fv_value filters_of(const fv_onnx_node *n, fv_foreign *w)
{
    const bool row = w->shape.rank == 3;
    const int64_t *d = w->shape.dim, r = row ? 1 : d[2], s = row ? d[2] : d[3], c = d[1];
    const fv_shape shape = {4, {d[0], r, s, c}};
    if (w->data) {
        const fv_pick pick = {4, {d[0], r, s, c}, {c * r * s, s, 1, r * s}};
        return fv_import_weight(n->im, w, FV_ROLE_PARAM, &shape, &pick, 1.0, NULL);
    }
    fv_value v = fv_import_get(n->im, w, FV_ORDER_LAST);
    return row ? fv_import_reshape(n->im, v, &shape, false) : v;
}

fv_value fv_onnx_bias(const fv_onnx_node *n, fv_foreign *b)
{
    return b->data ? fv_import_vector(n->im, b, FV_ROLE_PARAM, 1.0) : fv_import_get(n->im, b, FV_ORDER_FILE);
}

static fv_status check(const fv_onnx_node *n)
{
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 1));
    const int rank = n->in[0]->shape.rank;
    if (rank != 3 && rank != 4)
        return fv_onnx_cannot(n, "its operand has %d dimensions: images (4) and rows (3) are supported", rank);
    if (n->in[1]->shape.rank != rank)
        return fv_onnx_cannot(n, "its filters have %d dimensions beside %d", n->in[1]->shape.rank, rank);
    if (n->in[1]->batched)
        return fv_import_merges(n->im);
    return FV_OK;
}

static fv_status map_conv(const fv_onnx_node *n)
{
    fv_onnx_window win;
    fv_conv2d_attr attr = {.groups = fv_onnx_int(n, "group", 1)};
    FV_TRY(check(n));
    const int64_t *d = n->in[1]->shape.dim;
    FV_TRY(fv_onnx_window_of(n, n->in[1]->shape.rank == 3 ? (const int64_t[]){1, d[2]} : d + 2, &win));
    memcpy(attr.stride, win.stride, sizeof attr.stride);
    memcpy(attr.dilation, win.dilation, sizeof attr.dilation);
    memcpy(attr.pad, win.pad, sizeof attr.pad);
    fv_value in[3] = {fv_import_image(n->im, n->in[0]), filters_of(n, n->in[1])};
    const bool bias = n->n_in > 2 && n->in[2];
    if (bias)
        in[2] = fv_onnx_bias(n, n->in[2]);
    return fv_onnx_result_image(n, fv_import_emit(n->im, "conv2d", &attr, in, bias ? 3 : 2));
}

const fv_onnx_op fv_onnx_conv_ops[] = {
    {"Conv", map_conv, NULL, NULL},
    {0},
};
