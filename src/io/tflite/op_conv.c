/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of images. Filters are k r s c in the file as here; of depthwise ones 1 r s k. */
#include <string.h>

#include "io/tflite/quant.h"

/* Fields of the options, by number: those of depthwise convolutions have one more in the middle. */
enum { PADDING, STRIDE_W, STRIDE_H, CONV_ACTIVATION, CONV_DILATION_W, CONV_DILATION_H };
enum { DEPTH_ACTIVATION = 4, DEPTH_DILATION_W, DEPTH_DILATION_H };
enum { DENSE_ACTIVATION, DENSE_FORMAT, DENSE_KEEPS };

fv_status fv_tflite_pad(const fv_tflite_node *n, int64_t padding, const fv_shape *image, fv_tflite_window *win)
{
    memset(win->pad, 0, sizeof win->pad);
    for (int side = 0; side < 2; side++) {
        const int64_t stride = win->stride[side], in = image->dim[1 + side];
        if (stride < 1 || stride > 65536 || win->size[side] < 1 || win->size[side] > 65536 || win->dilation[side] < 1 ||
            win->dilation[side] > 65536)
            return fv_tflite_cannot(n, "a window of %lld with stride %lld and dilation %lld",
                                    (long long)win->size[side], (long long)stride, (long long)win->dilation[side]);
        const int64_t out = (in + stride - 1) / stride;
        const int64_t total = (out - 1) * stride + (win->size[side] - 1) * win->dilation[side] + 1 - in;
        if (padding != 0 || total <= 0)
            continue;
        win->pad[side] = total / 2;
        win->pad[side + 2] = total - total / 2;
    }
    return padding == 0 || padding == 1 ? FV_OK : fv_tflite_cannot(n, "padding %lld", (long long)padding);
}

static void read_window(const fv_tflite_node *n, bool depthwise, fv_tflite_window *win)
{
    const int more = depthwise ? DEPTH_DILATION_W : CONV_DILATION_W;
    win->stride[0] = fv_flat_int(n->options, STRIDE_H, 1);
    win->stride[1] = fv_flat_int(n->options, STRIDE_W, 1);
    win->dilation[0] = fv_flat_int(n->options, more + 1, 1);
    win->dilation[1] = fv_flat_int(n->options, more, 1);
}

static fv_status check(const fv_tflite_node *n, bool depthwise)
{
    FV_TRY(fv_tflite_need(n, 2));
    const fv_shape *src = &n->in[0]->shape, *wei = &n->in[1]->shape;
    if (src->rank != 4 || wei->rank != 4)
        return fv_tflite_cannot(n, "its operand and filters have %d and %d dimensions, expected 4", src->rank,
                                wei->rank);
    if (n->in[1]->batched)
        return fv_import_merges(n->im);
    if (depthwise && (wei->dim[0] != 1 || src->dim[3] < 1 || wei->dim[3] % src->dim[3]))
        return fv_tflite_cannot(n, "filters %lld x ... x %lld of %lld channels", (long long)wei->dim[0],
                                (long long)wei->dim[3], (long long)src->dim[3]);
    if (!depthwise && (wei->dim[3] < 1 || src->dim[3] % wei->dim[3]))
        return fv_tflite_cannot(n, "filters of %lld channels over %lld", (long long)wei->dim[3],
                                (long long)src->dim[3]);
    return FV_OK;
}

/* Filters as k r s c/groups: the constant's elements in the order `pick`. */
static fv_pick filters_pick(const fv_shape *wei, bool depthwise, fv_shape *shape)
{
    const int64_t *d = wei->dim;
    *shape = depthwise ? (fv_shape){4, {d[3], d[1], d[2], 1}} : *wei;
    return depthwise ? (fv_pick){4, {d[3], d[1], d[2], 1}, {1, d[2] * d[3], d[3], 1}} : fv_pick_all(wei);
}

/* A bias of a float node, or fv_no_value. */
static fv_status bias_of(const fv_tflite_node *n, int i, fv_value *v)
{
    fv_foreign *f;
    *v = fv_no_value;
    if (i >= n->n_in || !n->in[i])
        return FV_OK;
    FV_TRY(fv_tflite_reals(n, i, &f));
    *v = f->data ? fv_import_vector(n->im, f, FV_ROLE_PARAM, 1.0) : fv_import_get(n->im, f, FV_ORDER_FILE);
    return FV_OK;
}

/* 8-bit filters as k r s c/groups, a constant of the graph. */
static fv_status integer_filters(const fv_tflite_node *n, bool depthwise, fv_value *v)
{
    fv_shape shape;
    void *data;
    FV_TRY(fv_tflite_need_constant(n, 1, "filters of integers"));
    const fv_foreign *w = n->in[1];
    const fv_pick pick = filters_pick(&w->shape, depthwise, &shape);
    const int64_t taps = shape.dim[1] * shape.dim[2];
    if (!depthwise) {
        *v = fv_import_get(n->im, n->in[1], FV_ORDER_FILE);
        return FV_OK;
    }
    FV_TRY(fv_import_alloc(n->im, fv_foreign_count(w), &data));
    for (int64_t k = 0; k < shape.dim[0]; k++)
        for (int64_t t = 0; t < taps; t++)
            ((int8_t *)data)[k * taps + t] = ((const int8_t *)w->data)[k * pick.stride[0] + t * pick.stride[2]];
    *v = fv_import_constant(n->im, w->dtype, &shape, data);
    return FV_OK;
}

/* Whether a float node has signed 8-bit weights: then TensorFlow Lite makes integers of every sample and multiplies
 * those, which gives other numbers than the weights as floats would. */
static bool has_integer_weights(const fv_tflite_node *n)
{
    const fv_foreign *w = n->in[1];
    const fv_tflite_scales s = fv_tflite_scales_of(n->file, n->in_at[1]);
    bool is = w->data && w->dtype == FV_I8 && s.count > 0;
    for (int64_t i = 0; i < s.zero.count; i++)
        is = is && fv_tflite_zero(&s, i) == 0;
    return is;
}

/* x (n h w c) by 8-bit filters: integers of every sample, or of every pixel where filters see one. */
static fv_status mixed_conv(const fv_tflite_node *n, const fv_conv2d_attr *attr, fv_value x, fv_value wei,
                            int64_t filters, fv_value *y)
{
    void *lists;
    fv_foreign *b;
    const fv_shape list = {1, {filters}};
    const fv_tflite_scales s = fv_tflite_scales_of(n->file, n->in_at[1]);
    if (s.count != 1 && s.count != filters)
        return fv_tflite_cannot(n, "%lld scales for %lld filters", (long long)s.count, (long long)filters);
    FV_TRY(fv_import_alloc(n->im, 2 * filters * (int64_t)sizeof(float), &lists));
    float *scale = lists, *bias = scale + filters;
    for (int64_t k = 0; k < filters; k++) {
        scale[k] = (float)fv_tflite_scale(&s, k);
        bias[k] = 0.0f;
    }
    if (n->n_in > 2 && n->in[2]) {
        FV_TRY(fv_tflite_need_constant(n, 2, "the bias"));
        FV_TRY(fv_tflite_reals(n, 2, &b));
        if (fv_foreign_count(b) != filters)
            return fv_tflite_cannot(n, "a bias of %lld numbers for %lld filters", (long long)fv_foreign_count(b),
                                    (long long)filters);
        memcpy(bias, b->data, (size_t)filters * sizeof *bias);
    }
    const fv_shape *w = fv_import_shape(n->im, wei);
    const fv_quantize_samples_attr rows = {w->dim[1] == 1 && w->dim[2] == 1 && attr->stride[0] == 1 &&
                                           attr->stride[1] == 1};
    fv_value q = fv_import_emit1(n->im, "quantize_samples", &rows, x);
    if (q.id < 0)
        return n->im->model->error;
    const fv_value line = {n->im->model->graph->vals[q.id]->def->out[1]->id};
    const fv_value in[5] = {q, wei, line, fv_import_constant(n->im, FV_F32, &list, scale),
                            fv_import_constant(n->im, FV_F32, &list, bias)};
    *y = fv_import_emit(n->im, "q_conv2d_real", attr, in, 5);
    return FV_OK;
}

static fv_status float_conv(const fv_tflite_node *n, bool depthwise, const fv_conv2d_attr *attr, int64_t activation)
{
    fv_foreign *w;
    fv_shape shape;
    fv_value in[3], y;
    in[0] = fv_tflite_in(n, 0);
    if (has_integer_weights(n)) {
        FV_TRY(integer_filters(n, depthwise, &in[1]));
        FV_TRY(mixed_conv(n, attr, in[0], in[1], n->in[1]->shape.dim[depthwise ? 3 : 0], &y));
        FV_TRY(fv_tflite_activated(n, activation, &y));
        return fv_tflite_result(n, 0, y, FV_ORDER_FILE);
    }
    FV_TRY(fv_tflite_reals(n, 1, &w));
    const fv_pick pick = filters_pick(&w->shape, depthwise, &shape);
    in[1] = w->data     ? fv_import_weight(n->im, w, FV_ROLE_PARAM, &shape, &pick, 1.0, NULL)
            : depthwise ? fv_import_transpose(n->im, fv_tflite_in(n, 1), (const int[]){3, 1, 2, 0})
                        : fv_tflite_in(n, 1);
    FV_TRY(bias_of(n, 2, &in[2]));
    y = fv_import_emit(n->im, "conv2d", attr, in, in[2].id >= 0 ? 3 : 2);
    FV_TRY(fv_tflite_activated(n, activation, &y));
    return fv_tflite_result(n, 0, y, FV_ORDER_FILE);
}

/* Over a value that SPACE_TO_BATCH_ND spread: a dilated one of the value itself, whose result is spread the same way.
 */
static fv_status gather_spread(const fv_tflite_node *n, fv_conv2d_attr *attr)
{
    const fv_tflite_spread *s = n->file->spread[n->in_at[0]];
    if (!s)
        return FV_OK;
    if (fv_flat_byte(n->options, PADDING, 0) != 1 || attr->stride[0] != 1 || attr->stride[1] != 1 ||
        attr->dilation[0] != 1 || attr->dilation[1] != 1)
        return fv_tflite_cannot(n, "of a value that is spread over the batch: VALID with stride and dilation 1 is "
                                   "supported");
    memcpy(attr->dilation, s->block, sizeof attr->dilation);
    memcpy(attr->pad, s->pad, sizeof attr->pad);
    fv_tflite_spread *to = n->file->spread[n->out_at[0]] = fv_arena_alloc(n->im->arena, sizeof *to);
    if (!to)
        return FV_ERR_NO_MEMORY;
    memcpy(to->block, s->block, sizeof to->block);
    return FV_OK;
}

static fv_status conv(const fv_tflite_node *n, bool depthwise)
{
    bool quantized;
    fv_value wei, y;
    FV_TRY(check(n, depthwise));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    const fv_shape *src = &n->in[0]->shape, *w = &n->in[1]->shape;
    const int64_t activation = fv_flat_byte(n->options, depthwise ? DEPTH_ACTIVATION : CONV_ACTIVATION, 0);
    fv_tflite_window win = {.size = {w->dim[1], w->dim[2]}};
    read_window(n, depthwise, &win);
    FV_TRY(fv_tflite_pad(n, fv_flat_byte(n->options, PADDING, 0), src, &win));
    fv_conv2d_attr attr = {.groups = depthwise ? src->dim[3] : src->dim[3] / w->dim[3]};
    memcpy(attr.stride, win.stride, sizeof attr.stride);
    memcpy(attr.dilation, win.dilation, sizeof attr.dilation);
    memcpy(attr.pad, win.pad, sizeof attr.pad);
    FV_TRY(gather_spread(n, &attr));
    memcpy(win.dilation, attr.dilation, sizeof win.dilation);
    memcpy(win.pad, attr.pad, sizeof win.pad);
    if (!quantized)
        return float_conv(n, depthwise, &attr, activation);
    FV_TRY(integer_filters(n, depthwise, &wei));
    const fv_tflite_product product = {0, 2, attr.groups, depthwise ? w->dim[3] : w->dim[0], activation, win};
    FV_TRY(fv_tflite_quantized_conv(n, &product, fv_tflite_in(n, 0), wei, &y));
    return fv_tflite_result(n, 0, y, FV_ORDER_FILE);
}

static fv_status map_conv(const fv_tflite_node *n)
{
    return conv(n, false);
}

static fv_status map_depthwise(const fv_tflite_node *n)
{
    return conv(n, true);
}

/* ---- transposed ---- */

/* x, n h w c, with stride - 1 rows and columns of `zero` behind every one of its own. Floats hold the integers exactly.
 */
static fv_value spread_out(fv_import *im, fv_value x, const fv_shape *s, bool batched, const int64_t stride[2],
                           int64_t zero)
{
    const int64_t n = s->dim[0], h = s->dim[1], w = s->dim[2], c = s->dim[3];
    const fv_dtype dtype = fv_import_dtype(im, x);
    const fv_pad_attr columns = {.value = (double)zero, .pad = {0, 0, 0, stride[1] - 1}},
                      rows = {.value = (double)zero, .pad = {0, 0, 0, stride[0] - 1}};
    const fv_shape pixels = {4, {n, h * w, 1, c}}, lines = {4, {n, h, 1, w * stride[1] * c}},
                   all = {4, {n, h * stride[0], w * stride[1], c}};
    x = fv_import_cast(im, x, FV_F32);
    if (stride[1] > 1)
        x = fv_import_emit1(im, "pad", &columns, fv_import_reshape(im, x, &pixels, batched));
    if (stride[0] > 1)
        x = fv_import_emit1(im, "pad", &rows, fv_import_reshape(im, x, &lines, batched));
    return fv_import_cast(im, fv_import_reshape(im, x, &all, batched), dtype);
}

/* Filters k r s c from the last tap to the first, a constant of the graph. */
static fv_status turned_filters(const fv_tflite_node *n, fv_value *v)
{
    const fv_foreign *w = n->in[1];
    const int64_t *d = w->shape.dim, taps = d[1] * d[2];
    void *data;
    FV_TRY(fv_import_alloc(n->im, fv_foreign_count(w), &data));
    for (int64_t k = 0; k < d[0]; k++)
        for (int64_t t = 0; t < taps; t++)
            memcpy((int8_t *)data + (k * taps + t) * d[3], (const int8_t *)w->data + (k * taps + taps - 1 - t) * d[3],
                   (size_t)d[3]);
    *v = fv_import_constant(n->im, w->dtype, &w->shape, data);
    return FV_OK;
}

/* Of integers: a convolution, with filters turned around, of the image spread out by the strides. */
static fv_status integer_transpose(const fv_tflite_node *n, const fv_tflite_window *given, const fv_shape *out)
{
    fv_tflite_pair in;
    fv_value wei, y;
    fv_foreign *f = n->in[2];
    fv_tflite_product p = {2, 3, 1, out->dim[3], fv_flat_byte(n->options, CONV_ACTIVATION, 0), *given};
    FV_TRY(fv_tflite_in_pair(n, 2, &in));
    if (n->in[1]->dtype != in.dtype)
        return fv_tflite_cannot(n, "filters of %s over %s", fv_dtype_name(n->in[1]->dtype), fv_dtype_name(in.dtype));
    FV_TRY(turned_filters(n, &wei));
    fv_value x = spread_out(n->im, fv_tflite_in(n, 2), &f->shape, f->batched, given->stride, in.zero);
    for (int side = 0; side < 2; side++) {
        const int64_t size = f->shape.dim[1 + side] * given->stride[side];
        int64_t end = out->dim[1 + side] - size + given->pad[side];
        p.win.stride[side] = 1;
        p.win.pad[side] = given->size[side] - 1 - given->pad[side];
        p.win.pad[side + 2] = end > 0 ? end : 0;
        if (p.win.pad[side] < 0 || size + end < 1)
            return fv_tflite_cannot(n, "a result of %lld pixels", (long long)out->dim[1 + side]);
        x = fv_tflite_strided(n->im, x, 1 + side, 0, 1, end < 0 ? size + end : size);
    }
    FV_TRY(fv_tflite_quantized_conv(n, &p, x, wei, &y));
    return fv_tflite_result(n, 0, y, FV_ORDER_FILE);
}

/* Operands: sizes of the result, filters k r s c, image, bias. */
static fv_status map_transpose_conv(const fv_tflite_node *n)
{
    fv_ints sizes;
    fv_foreign *w;
    bool quantized;
    fv_value in[3];
    fv_conv_transpose2d_attr attr = {.groups = 1, .dilation = {1, 1}};
    fv_tflite_window win = {.dilation = {1, 1}};
    FV_TRY(fv_tflite_need(n, 3));
    FV_TRY(fv_tflite_ints(n, 0, "its size", &sizes));
    const fv_shape *src = &n->in[2]->shape;
    FV_TRY(fv_tflite_kind(n, 2, &quantized));
    FV_TRY(fv_tflite_need_constant(n, 1, "the filters"));
    w = n->in[1];
    if (src->rank != 4 || w->shape.rank != 4 || sizes.count != 4 || w->shape.dim[3] != src->dim[3])
        return fv_tflite_cannot(n, "operands of %d and %d dimensions, expected 4", src->rank, w->shape.rank);
    const int64_t *d = w->shape.dim, k = d[0], c = d[3];
    const fv_shape shape = {4, {c, d[1], d[2], k}}, out = {4, {1, sizes.value[1], sizes.value[2], k}};
    const fv_pick pick = {4, {c, d[1], d[2], k}, {1, d[2] * c, c, d[1] * d[2] * c}};
    win.size[0] = d[1];
    win.size[1] = d[2];
    win.stride[0] = fv_flat_int(n->options, STRIDE_H, 1);
    win.stride[1] = fv_flat_int(n->options, STRIDE_W, 1);
    FV_TRY(fv_tflite_pad(n, fv_flat_byte(n->options, PADDING, 0), &out, &win));
    if (quantized)
        return integer_transpose(n, &win, &out);
    FV_TRY(fv_tflite_reals(n, 1, &w));
    for (int side = 0; side < 2; side++) { /* what is missing or too much goes to the end */
        const int64_t full = win.stride[side] * (src->dim[1 + side] - 1) + win.size[side];
        const int64_t end = full - win.pad[side] - out.dim[1 + side];
        attr.stride[side] = win.stride[side];
        attr.pad[side] = win.pad[side];
        attr.pad[side + 2] = end > 0 ? end : 0;
        attr.output_pad[side] = end < 0 ? -end : 0;
    }
    in[0] = fv_tflite_in(n, 2);
    in[1] = fv_import_weight(n->im, w, FV_ROLE_PARAM, &shape, &pick, 1.0, NULL);
    FV_TRY(bias_of(n, 3, &in[2]));
    fv_value y = fv_import_emit(n->im, "conv_transpose2d", &attr, in, in[2].id >= 0 ? 3 : 2);
    FV_TRY(fv_tflite_activated(n, fv_flat_byte(n->options, CONV_ACTIVATION, 0), &y));
    return fv_tflite_result(n, 0, y, FV_ORDER_FILE);
}

const fv_tflite_op fv_tflite_conv_ops[] = {
    {"CONV_2D", map_conv, NULL, NULL},
    {"DEPTHWISE_CONV_2D", map_depthwise, NULL, NULL},
    {"TRANSPOSE_CONV", map_transpose_conv, NULL, NULL},
    {"CONV_3D", NULL, NULL, "supported is CONV_2D"},
    {0},
};

/* ---- products ---- */

/* The operand as [rows, inputs], or as [n, 1, rows, inputs] where a sample has several rows. */
static fv_status rows_of(const fv_tflite_node *n, int64_t inputs, fv_value *v, int64_t *rows)
{
    fv_foreign *f = n->in[0];
    const int64_t count = fv_foreign_count(f);
    if (inputs < 1 || count % inputs)
        return fv_tflite_cannot(n, "%lld numbers for a matrix of %lld columns", (long long)count, (long long)inputs);
    *rows = count / inputs;
    const fv_shape flat = {2, {*rows, inputs}}, image = {4, {1, 1, *rows, inputs}};
    const bool several = f->batched && *rows > 1;
    *v = fv_import_reshape(n->im, fv_tflite_in(n, 0), several ? &image : &flat, f->batched);
    return FV_OK;
}

/* Dimensions of the result: the operand's with another last one, or rows x units. */
static fv_status product_shape(const fv_tflite_node *n, int64_t rows, int64_t units, fv_shape *to)
{
    const fv_foreign *f = n->in[0];
    const int last = f->shape.rank - 1;
    *to = (fv_shape){2, {rows, units}};
    if (!fv_flat_byte(n->options, DENSE_KEEPS, 0) || last < 0)
        return f->batched && rows != 1 ? fv_import_merges(n->im) : FV_OK;
    *to = f->shape;
    to->dim[last] = units;
    return fv_shape_count(to) == rows * units ? FV_OK : fv_tflite_cannot(n, "its last dimension is no row of inputs");
}

static fv_status float_product(const fv_tflite_node *n, fv_value x, fv_value *y)
{
    fv_foreign *w;
    fv_value in[3] = {x};
    const fv_conv2d_attr one = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    const fv_shape given = *fv_import_shape(n->im, x);
    if (has_integer_weights(n)) {
        const fv_shape square = {4, {given.dim[0], 1, 1, given.dim[1]}},
                       wei = {4, {n->in[1]->shape.dim[0], 1, 1, n->in[1]->shape.dim[1]}};
        if (given.rank == 2)
            x = fv_import_reshape(n->im, x, &square, n->in[0]->batched);
        in[1] = fv_import_constant(n->im, FV_I8, &wei, n->in[1]->data);
        FV_TRY(mixed_conv(n, &one, x, in[1], wei.dim[0], y));
        return fv_tflite_activated(n, fv_flat_byte(n->options, DENSE_ACTIVATION, 0), y);
    }
    FV_TRY(fv_tflite_reals(n, 1, &w));
    const bool image = fv_import_shape(n->im, x)->rank == 4;
    const int64_t out = w->shape.dim[0], inputs = w->shape.dim[1];
    const fv_shape matrix = {2, {out, inputs}}, filters = {4, {out, 1, 1, inputs}};
    const fv_pick pick = fv_pick_all(&matrix);
    in[1] = w->data ? fv_import_weight(n->im, w, FV_ROLE_PARAM, image ? &filters : &matrix, &pick, 1.0, NULL)
                    : fv_import_reshape(n->im, fv_tflite_in(n, 1), image ? &filters : &matrix, false);
    FV_TRY(bias_of(n, 2, &in[2]));
    *y = fv_import_emit(n->im, image ? "conv2d" : "dense", NULL, in, in[2].id >= 0 ? 3 : 2);
    return fv_tflite_activated(n, fv_flat_byte(n->options, DENSE_ACTIVATION, 0), y);
}

static fv_status integer_product(const fv_tflite_node *n, fv_value x, fv_value *y)
{
    const int64_t out = n->in[1]->shape.dim[0], inputs = n->in[1]->shape.dim[1];
    const fv_shape filters = {4, {out, 1, 1, inputs}}, given = *fv_import_shape(n->im, x);
    const fv_shape image = {4, {given.dim[0], 1, 1, inputs}};
    const fv_tflite_product product = {.bias = 2,
                                       .groups = 1,
                                       .filters = out,
                                       .activation = fv_flat_byte(n->options, DENSE_ACTIVATION, 0),
                                       .win = {.size = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}}};
    FV_TRY(fv_tflite_need_constant(n, 1, "a matrix of integers"));
    if (given.rank == 2)
        x = fv_import_reshape(n->im, x, &image, n->in[0]->batched);
    fv_value wei = fv_import_constant(n->im, n->in[1]->dtype, &filters, n->in[1]->data);
    return fv_tflite_quantized_conv(n, &product, x, wei, y);
}

static fv_status map_dense(const fv_tflite_node *n)
{
    bool quantized;
    int64_t rows = 1;
    fv_shape to;
    fv_value x, y;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    if (n->in[1]->shape.rank != 2 || n->in[1]->batched || fv_flat_byte(n->options, DENSE_FORMAT, 0) != 0)
        return n->in[1]->batched
                   ? fv_import_merges(n->im)
                   : fv_tflite_cannot(n,
                                      "weights of %d dimensions in format %lld: 2 in format 0 are "
                                      "supported",
                                      n->in[1]->shape.rank, (long long)fv_flat_byte(n->options, DENSE_FORMAT, 0));
    FV_TRY(rows_of(n, n->in[1]->shape.dim[1], &x, &rows));
    FV_TRY(product_shape(n, rows, n->in[1]->shape.dim[0], &to));
    FV_TRY(quantized ? integer_product(n, x, &y) : float_product(n, x, &y));
    return fv_tflite_result_as(n, 0, fv_import_reshape(n->im, y, &to, n->in[0]->batched), FV_ORDER_FILE, &to);
}

const fv_tflite_op fv_tflite_dense_ops[] = {
    {"FULLY_CONNECTED", map_dense, NULL, NULL},
    {"BATCH_MATMUL", NULL, NULL, "supported is FULLY_CONNECTED"},
    {0},
};
