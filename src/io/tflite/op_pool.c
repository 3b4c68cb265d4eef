/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling. */
#include <string.h>

#include "io/tflite/quant.h"

enum { PADDING, STRIDE_W, STRIDE_H, WIDTH, HEIGHT, ACTIVATION };

static fv_status window_of(const fv_tflite_node *n, fv_pool2d_attr *attr)
{
    fv_tflite_window win = {.dilation = {1, 1}};
    FV_TRY(fv_tflite_need(n, 1));
    if (n->in[0]->shape.rank != 4)
        return fv_tflite_cannot(n, "its operand has %d dimensions, expected 4", n->in[0]->shape.rank);
    win.size[0] = fv_flat_int(n->options, HEIGHT, 0);
    win.size[1] = fv_flat_int(n->options, WIDTH, 0);
    win.stride[0] = fv_flat_int(n->options, STRIDE_H, 0);
    win.stride[1] = fv_flat_int(n->options, STRIDE_W, 0);
    FV_TRY(fv_tflite_pad(n, fv_flat_byte(n->options, PADDING, 0), &n->in[0]->shape, &win));
    memcpy(attr->size, win.size, sizeof attr->size);
    memcpy(attr->stride, win.stride, sizeof attr->stride);
    memcpy(attr->pad, win.pad, sizeof attr->pad);
    return FV_OK;
}

static fv_status same_scale(const fv_tflite_node *n, const fv_tflite_pair *in, const fv_tflite_pair *out)
{
    return in->scale == out->scale && in->zero == out->zero && in->dtype == out->dtype
               ? FV_OK
               : fv_tflite_cannot(n, "its operand and its result have different scales");
}

static fv_status map_average(const fv_tflite_node *n)
{
    bool quantized;
    fv_tflite_pair in, out;
    fv_q_avg_pool2d_attr attr = {.pool = {.count_include_pad = false}};
    FV_TRY(window_of(n, &attr.pool));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    const int64_t activation = fv_flat_byte(n->options, ACTIVATION, 0);
    fv_value y = fv_tflite_in(n, 0);
    if (!quantized) {
        y = fv_import_emit1(n->im, "avg_pool2d", &attr.pool, y);
        FV_TRY(fv_tflite_activated(n, activation, &y));
        return fv_tflite_result(n, 0, y, FV_ORDER_FILE);
    }
    FV_TRY(fv_tflite_in_pair(n, 0, &in));
    FV_TRY(fv_tflite_out_pair(n, 0, &out));
    FV_TRY(same_scale(n, &in, &out));
    FV_TRY(fv_tflite_limits(n, activation, &out));
    attr.min = out.low;
    attr.max = out.high;
    return fv_tflite_result(n, 0, fv_import_emit1(n->im, "q_avg_pool2d", &attr, y), FV_ORDER_FILE);
}

static fv_status map_max(const fv_tflite_node *n)
{
    bool quantized;
    fv_tflite_pair in, out;
    fv_pool2d_attr attr = {0};
    FV_TRY(window_of(n, &attr));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    const int64_t activation = fv_flat_byte(n->options, ACTIVATION, 0);
    const fv_dtype dtype = n->in[0]->dtype;
    fv_value y = fv_import_emit1(n->im, "max_pool2d", &attr, fv_import_cast(n->im, fv_tflite_in(n, 0), FV_F32));
    if (!quantized) {
        FV_TRY(fv_tflite_activated(n, activation, &y));
        return fv_tflite_result(n, 0, y, FV_ORDER_FILE);
    }
    FV_TRY(fv_tflite_in_pair(n, 0, &in));
    FV_TRY(fv_tflite_out_pair(n, 0, &out));
    FV_TRY(same_scale(n, &in, &out));
    FV_TRY(fv_tflite_limits(n, activation, &out));
    const fv_clamp_attr clamp = {(double)out.low, (double)out.high};
    if (activation != FV_TFLITE_NONE)
        y = fv_import_emit1(n->im, "clamp", &clamp, y);
    return fv_tflite_result(n, 0, fv_import_cast(n->im, y, dtype), FV_ORDER_FILE);
}

const fv_tflite_op fv_tflite_pool_ops[] = {
    {"AVERAGE_POOL_2D", map_average, NULL, NULL},
    {"MAX_POOL_2D", map_max, NULL, NULL},
    {"L2_POOL_2D", NULL, NULL, "supported are AVERAGE_POOL_2D and MAX_POOL_2D"},
    {0},
};

/* ---- along dimensions ---- */

static const struct {
    const char *tflite, *op;
} rows[] = {{"MEAN", "reduce_mean"}, {"SUM", "reduce_sum"}, {"REDUCE_MAX", "reduce_max"}, {"REDUCE_MIN", "reduce_min"}};

static fv_status integer_mean(const fv_tflite_node *n, const fv_ints *axes, bool sum, fv_value *y)
{
    fv_tflite_pair in, out;
    fv_q_mean_attr attr;
    FV_TRY(fv_tflite_in_pair(n, 0, &in));
    FV_TRY(fv_tflite_out_pair(n, 0, &out));
    fv_q_mean_set(&in, &out, axes, sum, &attr);
    *y = fv_import_emit1(n->im, "q_mean", &attr, fv_tflite_in(n, 0));
    return FV_OK;
}

static fv_status map_reduce(const fv_tflite_node *n)
{
    bool quantized;
    size_t r = 0;
    uint32_t gone = 0;
    fv_ints given;
    fv_reduce_attr attr = {.keepdims = true};
    fv_shape to = {.rank = 0};
    const fv_shape one = {1, {1}};
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    FV_TRY(fv_tflite_ints(n, 1, "the axes", &given));
    const fv_foreign *f = n->in[0];
    const int rank = f->shape.rank;
    while (strcmp(rows[r].tflite, n->op) != 0)
        r++;
    for (int64_t i = 0; i < given.count; i++) {
        int axis;
        FV_TRY(fv_tflite_free_axis(n, f, given.value[i], &axis));
        gone |= 1u << axis;
    }
    for (int d = 0; d < rank; d++) {
        const bool goes = gone >> d & 1;
        if (goes)
            attr.axes.value[attr.axes.count++] = d;
        if (!goes || fv_flat_byte(n->options, 0, 0))
            to.dim[to.rank++] = goes ? 1 : f->shape.dim[d];
    }
    if (gone == 0)
        return fv_tflite_alias(n, 0, f);
    fv_value y = fv_no_value;
    if (quantized && r < 2)
        FV_TRY(integer_mean(n, &attr.axes, r == 1, &y));
    else if (rank == 4 && gone == 6 && r == 0)
        y = fv_import_emit1(n->im, "global_avg_pool", NULL, fv_tflite_in(n, 0));
    else
        y = fv_import_emit1(n->im, rows[r].op, &attr, fv_tflite_in(n, 0));
    y = fv_import_reshape(n->im, y, to.rank ? &to : &one, f->batched && to.rank > 0);
    return fv_tflite_result_as(n, 0, y, FV_ORDER_FILE, &to);
}

/* Numbers of elements, from shapes. */
static fv_status fold_product(const fv_tflite_node *n)
{
    fv_ints numbers, axes;
    void *data;
    int64_t product = 1;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_ints(n, 0, "the operand", &numbers));
    FV_TRY(fv_tflite_ints(n, 1, "the axes", &axes));
    const fv_shape to = {fv_flat_byte(n->options, 0, 0) ? 1 : 0, {1}};
    if (n->in[0]->shape.rank != 1 || axes.count != 1)
        return fv_tflite_cannot(n, "of %d dimensions along %lld: a list of sizes is supported", n->in[0]->shape.rank,
                                (long long)axes.count);
    for (int64_t i = 0; i < numbers.count; i++)
        if (numbers.value[i] < 0 || !fv_size_mul(product, numbers.value[i], &product) || product > INT32_MAX)
            return fv_tflite_cannot(n, "of sizes that make too many elements");
    FV_TRY(fv_tflite_result_constant(n, 0, n->in[0]->dtype, &to, &data));
    fv_dtype_set_integer(n->in[0]->dtype, data, 0, product);
    return FV_OK;
}

const fv_tflite_op fv_tflite_reduce_ops[] = {
    {"MEAN", map_reduce, NULL, NULL},
    {"SUM", map_reduce, NULL, NULL},
    {"REDUCE_MAX", map_reduce, NULL, NULL},
    {"REDUCE_MIN", map_reduce, NULL, NULL},
    {"REDUCE_PROD", NULL, fold_product, "it is supported of constants alone"},
    {"ARG_MAX", NULL, NULL, "supported is REDUCE_MAX"},
    {"ARG_MIN", NULL, NULL, "supported is REDUCE_MIN"},
    {"TOPK_V2", NULL, NULL, "supported is REDUCE_MAX"},
    {0},
};
