/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling. */
#include <string.h>

#include "io/onnx/quant.h"

static fv_status check_image(const fv_onnx_node *n)
{
    FV_TRY(fv_onnx_need(n, 0));
    const int rank = n->in[0]->shape.rank;
    return rank == 3 || rank == 4
               ? FV_OK
               : fv_onnx_cannot(n, "its operand has %d dimensions: images (4) and rows (3) are supported", rank);
}

/* Rows and columns of the window, from kernel_shape. */
static fv_status window_of(const fv_onnx_node *n, fv_onnx_window *win)
{
    const fv_ints kernel = fv_onnx_ints(n, "kernel_shape");
    const int sides = n->in[0]->shape.rank - 2;
    int64_t size[2] = {1, 1};
    if (kernel.count != sides)
        return fv_onnx_cannot(n, "kernel_shape has %lld numbers, expected %d", (long long)kernel.count, sides);
    for (int i = 0; i < sides; i++) {
        size[2 - sides + i] = kernel.value[i];
        if (kernel.value[i] < 1 || kernel.value[i] > INT32_MAX)
            return fv_onnx_cannot(n, "kernel_shape holds %lld", (long long)kernel.value[i]);
    }
    return fv_onnx_window_of(n, size, win);
}

/* What a dilated window reads, laid out so that windows of `size` side by side stand for it: along one side. */
static fv_value spread(const fv_onnx_node *n, fv_value x, const fv_onnx_window *win, int side, double border)
{
    fv_import *im = n->im;
    const fv_shape src = *fv_import_shape(im, x);
    const int64_t in = src.dim[1 + side] + win->pad[side] + win->pad[side + 2];
    const int64_t reach = (win->size[side] - 1) * win->dilation[side] + 1;
    const int64_t free = in - reach, out = (free + (win->ceil ? win->stride[side] - 1 : 0)) / win->stride[side] + 1;
    fv_pad_attr pad = {.value = border};
    fv_shape index = {1, {out * win->size[side]}};
    fv_tensor *t = NULL;
    if (free < 0 || out < 1 || index.dim[0] > (1 << 24))
        return fv_nn_refuse(im->model, FV_ERR_SHAPE, NULL, n->op, n->name, "its window is larger than the image");
    pad.pad[side] = win->pad[side];
    pad.pad[side + 2] = win->pad[side + 2];
    const int64_t beyond = (out - 1) * win->stride[side] + reach - in;
    pad.pad[side + 2] += beyond > 0 ? beyond : 0;
    if (pad.pad[side] || pad.pad[side + 2])
        x = fv_import_emit1(im, "pad", &pad, x);
    if (fv_model_set_error(im->model, fv_tensor_create(im->ctx, FV_I64, &index, &t)) != FV_OK)
        return fv_no_value;
    int64_t *at = fv_tensor_data(t);
    for (int64_t o = 0; o < out; o++)
        for (int64_t k = 0; k < win->size[side]; k++)
            *at++ = o * win->stride[side] + k * win->dilation[side];
    fv_value taps = fv_constant(im->model, NULL, t);
    fv_tensor_destroy(&t);
    const fv_axis_attr axis = {.axis = 1 + side};
    return fv_import_emit2(im, "gather", &axis, x, taps);
}

static void set_pool(const fv_onnx_window *win, fv_pool2d_attr *attr)
{
    memcpy(attr->size, win->size, sizeof attr->size);
    memcpy(attr->stride, win->stride, sizeof attr->stride);
    memcpy(attr->pad, win->pad, sizeof attr->pad);
    attr->ceil = win->ceil;
}

/* What a dilated window of the largest reads, for one without dilation, which *win becomes. */
static fv_value undilated(const fv_onnx_node *n, fv_value x, fv_onnx_window *win)
{
    for (int side = 0; side < 2; side++) {
        if (win->size[side] > 1 || win->stride[side] > 1)
            x = spread(n, x, win, side, -3e38);
        win->stride[side] = win->size[side];
        win->pad[side] = win->pad[side + 2] = 0;
        win->dilation[side] = 1;
    }
    win->ceil = false;
    return x;
}

/* Volumes n c d h w, one axis after the other, which is the same for boxes: each time as an image whose rows or columns
 * are that axis. Samples stay apart. */
static fv_status map_volume(const fv_onnx_node *n, bool largest)
{
    fv_import *im = n->im;
    const fv_ints kernel = fv_onnx_ints(n, "kernel_shape"), strides = fv_onnx_ints(n, "strides"),
                  gaps = fv_onnx_ints(n, "dilations"), pads = fv_onnx_ints(n, "pads");
    const bool batched = n->in[0]->batched;
    char text[64];
    if (kernel.count != 3 || (strides.count && strides.count != 3) || (gaps.count && gaps.count != 3) ||
        (pads.count && pads.count != 6) || strcmp(fv_onnx_text(n, "auto_pad", "NOTSET", text), "NOTSET") != 0)
        return fv_onnx_cannot(n, "of volumes without kernel_shape and pads in numbers");
    fv_value x = fv_import_get(im, n->in[0], FV_ORDER_LAST);
    for (int i = 0; i < 3; i++) {
        const fv_shape s = *fv_import_shape(im, x);
        const int64_t *d = s.dim;
        const fv_shape images[3] = {{4, {d[0], d[1], d[2] * d[3], d[4]}},
                                    {4, {d[0], d[1], d[2], d[3] * d[4]}},
                                    {4, {d[0], d[1] * d[2], d[3], d[4]}}};
        const int side = i == 0 ? 0 : 1;
        fv_onnx_window win = {
            .size = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .ceil = fv_onnx_int(n, "ceil_mode", 0) != 0};
        fv_pool2d_attr attr = {.count_include_pad = fv_onnx_int(n, "count_include_pad", 0) != 0};
        win.size[side] = kernel.value[i];
        win.stride[side] = strides.count ? strides.value[i] : 1;
        win.dilation[side] = gaps.count ? gaps.value[i] : 1;
        win.pad[side] = pads.count ? pads.value[i] : 0;
        win.pad[side + 2] = pads.count ? pads.value[i + 3] : 0;
        if (win.size[side] < 1 || win.stride[side] < 1 || win.dilation[side] < 1 || win.pad[side] < 0 ||
            win.pad[side + 2] < 0 || win.size[side] > (1 << 20) || win.dilation[side] > (1 << 20))
            return fv_onnx_cannot(n, "a window with numbers that are none");
        if (win.dilation[side] > 1 && !largest)
            return fv_onnx_cannot(n, "dilated windows are supported of MaxPool, not of averages");
        x = fv_import_reshape(im, x, &images[i], batched);
        if (win.dilation[side] > 1)
            x = undilated(n, x, &win);
        set_pool(&win, &attr);
        x = fv_import_emit1(im, largest ? "max_pool2d" : "avg_pool2d", &attr, x);
        fv_shape to = s;
        to.dim[1 + i] = fv_import_shape(im, x)->dim[1 + side];
        x = fv_import_reshape(im, x, &to, batched);
    }
    return fv_onnx_result(n, 0, x, FV_ORDER_LAST);
}

static fv_status map_max_pool(const fv_onnx_node *n)
{
    fv_onnx_window win;
    fv_pool2d_attr attr = {0};
    FV_TRY(fv_onnx_need(n, 0));
    if (n->n_out > 1 && *n->out[1])
        return fv_onnx_cannot(n, "its second result, where the largest stood, is not supported");
    if (n->in[0]->shape.rank == 5)
        return map_volume(n, true);
    FV_TRY(check_image(n));
    FV_TRY(window_of(n, &win));
    fv_value x = fv_import_cast(n->im, fv_import_image(n->im, n->in[0]), FV_F32);
    if (win.dilation[0] > 1 || win.dilation[1] > 1)
        x = undilated(n, x, &win);
    set_pool(&win, &attr);
    x = fv_import_emit1(n->im, "max_pool2d", &attr, x);
    return fv_onnx_result_image(n, fv_import_cast(n->im, x, n->in[0]->dtype));
}

/* Averages of 8-bit integers: exact sums, by filters of ones. */
static fv_status note_average(const fv_onnx_node *n, const fv_onnx_window *win)
{
    static const float one = 1.0f;
    fv_import *im = n->im;
    const int64_t c = n->in[0]->shape.dim[1], count = win->size[0] * win->size[1];
    const fv_shape shape = {4, {c, win->size[0], win->size[1], 1}};
    const fv_pick pick = fv_pick_all(&shape);
    fv_foreign ones = {.name = "ones", .dtype = FV_I8, .shape = {4, {c, 1, win->size[0], win->size[1]}}};
    fv_foreign scale = {.name = "one", .dtype = FV_F32, .shape = {1, {1}}, .data = &one};
    const fv_onnx_product p = {
        .x = *fv_onnx_numbers_of(n, 0), .w = {.q = &ones, .scale = &scale}, .filters = c, .alpha = 1.0f};
    fv_conv2d_attr attr = {.dilation = {1, 1}, .groups = c};
    fv_onnx_numbers sums;
    void *data;
    FV_TRY(fv_import_alloc(im, c * count, &data));
    memset(data, 1, (size_t)(c * count));
    ones.data = data;
    memcpy(attr.stride, win->stride, sizeof attr.stride);
    memcpy(attr.pad, win->pad, sizeof attr.pad);
    FV_TRY(fv_onnx_product_sums(n, &p, &attr, fv_import_image(im, p.x.q), &shape, &pick, &sums));
    sums.count = (float)count;
    const fv_shape file = fv_import_file_shape(im, sums.sum, sums.order);
    return fv_onnx_note(n, &sums, &file);
}

/* Whether the operand is images of 8-bit integers of one scale, with windows that are no larger than filters of ones
 * may be. */
static bool averages_integers(const fv_onnx_node *n, const int64_t size[2])
{
    const fv_onnx_numbers *x = fv_onnx_numbers_of(n, 0);
    return x && x->q && n->in[0]->shape.rank == 4 && (x->q->dtype == FV_I8 || x->q->dtype == FV_U8) &&
           fv_onnx_is_scalar(x->scale, x->zero) && size[0] <= 1024 && size[1] <= 1024 &&
           n->in[0]->shape.dim[1] <= (4 << 20) / (size[0] * size[1]);
}

static fv_status map_average_pool(const fv_onnx_node *n)
{
    fv_onnx_window win;
    fv_pool2d_attr attr = {.count_include_pad = fv_onnx_int(n, "count_include_pad", 0) != 0};
    FV_TRY(fv_onnx_need(n, 0));
    if (n->in[0]->shape.rank == 5) {
        FV_TRY(fv_onnx_settle_all(n));
        return map_volume(n, false);
    }
    FV_TRY(check_image(n));
    FV_TRY(window_of(n, &win));
    if (win.dilation[0] > 1 || win.dilation[1] > 1)
        return fv_onnx_cannot(n, "dilated windows are supported of MaxPool, not of averages");
    const bool padded = win.pad[0] || win.pad[1] || win.pad[2] || win.pad[3];
    if (averages_integers(n, win.size) && !win.ceil && (!padded || attr.count_include_pad))
        return note_average(n, &win);
    FV_TRY(fv_onnx_settle_all(n));
    set_pool(&win, &attr);
    return fv_onnx_result_image(n, fv_import_emit1(n->im, "avg_pool2d", &attr, fv_import_image(n->im, n->in[0])));
}

static fv_status map_global(const fv_onnx_node *n)
{
    FV_TRY(check_image(n));
    const bool largest = strcmp(n->op, "GlobalMaxPool") == 0;
    const int64_t *d = n->in[0]->shape.dim;
    const fv_onnx_window all = {.size = {d[2], d[3]}, .stride = {1, 1}};
    if (!largest && n->in[0]->shape.rank == 4 && averages_integers(n, all.size))
        return note_average(n, &all);
    FV_TRY(fv_onnx_settle_all(n));
    const char *op = largest ? "global_max_pool" : "global_avg_pool";
    return fv_onnx_result_image(n, fv_import_emit1(n->im, op, NULL, fv_import_image(n->im, n->in[0])));
}

const fv_onnx_op fv_onnx_pool_ops[] = {
    {"MaxPool", map_max_pool, NULL, NULL},
    {"AveragePool", map_average_pool, NULL, fv_onnx_integers},
    {"GlobalAveragePool", map_global, NULL, fv_onnx_integers},
    {"GlobalMaxPool", map_global, NULL, fv_onnx_integers},
    {"LpPool", NULL, NULL, "supported are MaxPool and AveragePool"},
    {0},
};
