/* SPDX-License-Identifier: Apache-2.0 */
/* Conv and ConvTranspose of images and of rows. */
#include <string.h>

#include "io/onnx/quant.h"

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

/* Attributes of a convolution with these filters. */
static fv_status attributes(const fv_onnx_node *n, const fv_foreign *w, fv_conv2d_attr *attr)
{
    fv_onnx_window win;
    const int64_t *d = w->shape.dim;
    *attr = (fv_conv2d_attr){.groups = fv_onnx_int(n, "group", 1)};
    FV_TRY(fv_onnx_window_of(n, w->shape.rank == 3 ? (const int64_t[]){1, d[2]} : d + 2, &win));
    memcpy(attr->stride, win.stride, sizeof attr->stride);
    memcpy(attr->dilation, win.dilation, sizeof attr->dilation);
    memcpy(attr->pad, win.pad, sizeof attr->pad);
    return FV_OK;
}

/* Sums of 8-bit integers. */
static fv_status integer_sums(const fv_onnx_node *n, const fv_onnx_product *p, const fv_conv2d_attr *attr,
                              fv_onnx_numbers *sums)
{
    const fv_foreign *w = p->w.q;
    const bool row = w->shape.rank == 3;
    const int64_t *d = w->shape.dim, r = row ? 1 : d[2], s = row ? d[2] : d[3], c = d[1];
    const fv_shape shape = {4, {d[0], r, s, c}};
    const fv_pick pick = {4, {d[0], r, s, c}, {c * r * s, s, 1, r * s}};
    FV_TRY(fv_onnx_product_sums(n, p, attr, fv_import_image(n->im, p->x.q), &shape, &pick, sums));
    if (row) {
        const int64_t *to = fv_import_shape(n->im, sums->sum)->dim;
        const fv_shape line = {3, {to[0], to[2], to[3]}};
        sums->sum = fv_import_reshape(n->im, sums->sum, &line, p->x.q->batched);
    }
    return n->im->model->error;
}

/* The numbers that sums with a bias of floats are. */
static fv_status biased(const fv_onnx_node *n, const fv_onnx_numbers *sums, fv_foreign *bias)
{
    fv_value y = fv_import_emit2(n->im, "mul", NULL, fv_import_cast(n->im, sums->sum, FV_F32),
                                 fv_import_get(n->im, sums->scale, FV_ORDER_FILE));
    FV_TRY(fv_onnx_settle(n->im, bias));
    return fv_onnx_result(n, 0, fv_import_emit2(n->im, "add", NULL, y, fv_onnx_bias(n, bias)), sums->order);
}

static fv_status map_conv(const fv_onnx_node *n)
{
    fv_conv2d_attr attr;
    fv_onnx_product p;
    bool apart;
    FV_TRY(check(n));
    FV_TRY(attributes(n, n->in[1], &attr));
    if (fv_onnx_product_of(n, (const int[]){0, 1, 2}, 0, &p, &apart)) {
        fv_onnx_numbers sums;
        FV_TRY(integer_sums(n, &p, &attr, &sums));
        const fv_shape shape = fv_import_file_shape(n->im, sums.sum, sums.order);
        return apart ? biased(n, &sums, n->in[2]) : fv_onnx_note(n, &sums, &shape);
    }
    FV_TRY(fv_onnx_settle_all(n));
    fv_value in[3] = {fv_import_image(n->im, n->in[0]), filters_of(n, n->in[1])};
    const bool bias = n->n_in > 2 && n->in[2];
    if (bias)
        in[2] = fv_onnx_bias(n, n->in[2]);
    return fv_onnx_result_image(n, fv_import_emit(n->im, "conv2d", &attr, in, bias ? 3 : 2));
}

/* ---- transposed ---- */

/* Padding that makes rows or columns (side) of the result `wanted` many; what is missing goes to the end. */
static void pad_to(const fv_onnx_window *win, int side, int64_t in, int64_t wanted, bool upper,
                   fv_conv_transpose2d_attr *attr)
{
    const int64_t full =
        win->stride[side] * (in - 1) + attr->output_pad[side] + (win->size[side] - 1) * win->dilation[side] + 1;
    const int64_t total = full - wanted, half = total >= 0 ? total / 2 : -((1 - total) / 2);
    int64_t begin = upper ? half : total - half, end = total - begin;
    if (end < 0) {
        attr->output_pad[side] -= end;
        end = 0;
    }
    attr->pad[side] = begin;
    attr->pad[side + 2] = end;
}

static fv_status map_conv_transpose(const fv_onnx_node *n)
{
    fv_onnx_window win;
    char text[64];
    fv_conv_transpose2d_attr attr = {.groups = fv_onnx_int(n, "group", 1)};
    FV_TRY(check(n));
    const fv_shape *src = &n->in[0]->shape;
    const int64_t *d = n->in[1]->shape.dim;
    const int sides = src->rank - 2;
    const fv_ints more = fv_onnx_ints(n, "output_padding"), wanted = fv_onnx_ints(n, "output_shape");
    FV_TRY(fv_onnx_window_of(n, sides == 1 ? (const int64_t[]){1, d[2]} : d + 2, &win));
    memcpy(attr.stride, win.stride, sizeof attr.stride);
    memcpy(attr.dilation, win.dilation, sizeof attr.dilation);
    memcpy(attr.pad, win.pad, sizeof attr.pad);
    if ((more.count && more.count != sides) || (wanted.count && wanted.count < sides))
        return fv_onnx_cannot(n, "output_padding or output_shape has not %d numbers", sides);
    for (int i = 0; i < sides; i++) {
        const int side = 2 - sides + i;
        attr.output_pad[side] = more.count ? more.value[i] : 0;
        if (wanted.count)
            pad_to(&win, side, src->dim[2 + i], wanted.value[wanted.count - sides + i],
                   strcmp(fv_onnx_text(n, "auto_pad", "NOTSET", text), "SAME_UPPER") == 0, &attr);
        else if (win.automatic)
            pad_to(&win, side, src->dim[2 + i], src->dim[2 + i] * win.stride[side], !win.lower, &attr);
        if (attr.pad[side] < 0)
            return fv_onnx_cannot(n, "its output_shape asks for zeros in front of the result");
    }
    fv_value in[3] = {fv_import_image(n->im, n->in[0]), filters_of(n, n->in[1])};
    const bool bias = n->n_in > 2 && n->in[2];
    if (bias)
        in[2] = fv_onnx_bias(n, n->in[2]);
    return fv_onnx_result_image(n, fv_import_emit(n->im, "conv_transpose2d", &attr, in, bias ? 3 : 2));
}

/* ---- of integers, by definition ---- */

/* The convolution of x - its zero point with w - its own, in floats that hold every sum exactly. */
static fv_status integer_conv(const fv_onnx_node *n, int x, int x_zero, int w, int w_zero, fv_value *y)
{
    fv_conv2d_attr attr;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, x));
    FV_TRY(fv_onnx_need(n, w));
    if (n->in[x]->shape.rank != 4 || n->in[w]->shape.rank != 4)
        return fv_onnx_cannot(n, "its operands are no images");
    if (n->in[w]->batched)
        return fv_import_merges(im);
    const int64_t *d = n->in[w]->shape.dim;
    FV_TRY(attributes(n, n->in[w], &attr));
    const fv_dtype dtype = fv_onnx_exact_float((double)(d[1] * d[2] * d[3]));
    fv_value in[2];
    FV_TRY(fv_onnx_shifted(n, x, x_zero, FV_ORDER_LAST, 1, dtype, &in[0]));
    FV_TRY(fv_onnx_shifted(n, w, w_zero, FV_ORDER_LAST, 0, dtype, &in[1]));
    *y = fv_import_emit(im, "conv2d", &attr, in, 2);
    return FV_OK;
}

static fv_status map_conv_integer(const fv_onnx_node *n)
{
    fv_value y;
    FV_TRY(integer_conv(n, 0, 2, 1, 3, &y));
    return fv_onnx_result(n, 0, fv_import_cast(n->im, y, FV_I32), FV_ORDER_LAST);
}

static fv_status map_qlinear_conv(const fv_onnx_node *n)
{
    fv_value y;
    fv_onnx_product p;
    if (n->n_in > 7 && n->in[6] && n->in[7] && fv_onnx_product_given(n, (const int[]){0, 3, 8}, 0, &p) &&
        fv_onnx_is_scalar(n->in[6], n->in[7]) && p.x.q->shape.rank == p.w.q->shape.rank && p.w.q->shape.rank <= 4 &&
        p.w.q->shape.rank >= 3) {
        fv_conv2d_attr attr;
        fv_onnx_numbers sums;
        FV_TRY(attributes(n, p.w.q, &attr));
        FV_TRY(integer_sums(n, &p, &attr, &sums));
        FV_TRY(fv_onnx_quantize_sums(n, &sums, n->in[6], n->in[7], &y));
        return fv_onnx_result(n, 0, y, sums.order);
    }
    FV_TRY(integer_conv(n, 0, 2, 3, 5, &y));
    if (n->n_in > 8 && n->in[8]) {
        const fv_dtype dtype = fv_import_dtype(n->im, y);
        y = fv_import_emit2(n->im, "add", NULL, y,
                            fv_import_cast(n->im, fv_import_get(n->im, n->in[8], FV_ORDER_FILE), dtype));
    }
    FV_TRY(fv_onnx_requantized(n, (const int[]){1, 4, 6, 7}, y, &y));
    return fv_onnx_result(n, 0, y, FV_ORDER_LAST);
}

const fv_onnx_op fv_onnx_conv_ops[] = {
    {"Conv", map_conv, NULL, fv_onnx_integers},      {"ConvTranspose", map_conv_transpose, NULL, NULL},
    {"ConvInteger", map_conv_integer, NULL, NULL},   {"QLinearConv", map_qlinear_conv, NULL, NULL},
    {"DeformConv", NULL, NULL, "supported is Conv"}, {0},
};
