/* SPDX-License-Identifier: Apache-2.0 */
/* Integers with scales. Factors are computed in the precision, float or double, that TensorFlow Lite has them in. */
#include "io/tflite/quant.h"

#include <string.h>

static fv_status pair_of(const fv_tflite_node *n, int64_t tensor, fv_dtype dtype, const char *which, int i,
                         fv_tflite_pair *pair)
{
    const fv_tflite_scales s = fv_tflite_scales_of(n->file, tensor);
    *pair = (fv_tflite_pair){.dtype = dtype, .low = dtype == FV_U8 ? 0 : -128, .high = dtype == FV_U8 ? 255 : 127};
    if (dtype != FV_I8 && dtype != FV_U8)
        return fv_tflite_cannot(n, "its %s %d is %s beside 8-bit integers", which, i, fv_dtype_name(dtype));
    if (s.count != 1)
        return fv_tflite_cannot(n, "its %s %d has %lld scales, expected one", which, i, (long long)s.count);
    pair->scale = fv_tflite_scale(&s, 0);
    pair->zero = fv_tflite_zero(&s, 0);
    if (!(pair->scale > 0) || pair->scale > 1e30 || pair->zero < pair->low || pair->zero > pair->high)
        return fv_tflite_cannot(n, "its %s %d has scale %g and zero point %lld", which, i, pair->scale,
                                (long long)pair->zero);
    return FV_OK;
}

fv_status fv_tflite_in_pair(const fv_tflite_node *n, int i, fv_tflite_pair *pair)
{
    return pair_of(n, n->in_at[i], n->in[i]->dtype, "operand", i, pair);
}

fv_status fv_tflite_out_pair(const fv_tflite_node *n, int i, fv_tflite_pair *pair)
{
    fv_dtype dtype = FV_F32;
    if (i >= n->n_out || !fv_tflite_dtype(fv_tflite_type(n->file, n->out_at[i]), &dtype))
        return fv_tflite_cannot(n, "its result is %s",
                                fv_tflite_type_name(i < n->n_out ? fv_tflite_type(n->file, n->out_at[i]) : -1));
    return pair_of(n, n->out_at[i], dtype, "result", i, pair);
}

fv_status fv_tflite_limits(const fv_tflite_node *n, int64_t activation, fv_tflite_pair *out)
{
    const bool n1 = activation == FV_TFLITE_RELU_N1, six = activation == FV_TFLITE_RELU6;
    const double least = n1 ? -1.0 : 0.0, most = n1 ? 1.0 : 6.0;
    if (activation == FV_TFLITE_NONE)
        return FV_OK;
    if (activation != FV_TFLITE_RELU && !n1 && !six)
        return fv_tflite_cannot(n, "its fused activation %lld: RELU, RELU6 and RELU_N1_TO_1 are supported of integers",
                                (long long)activation);
    return fv_q_limit(out, &least, n1 || six ? &most : NULL)
               ? FV_OK
               : fv_tflite_cannot(n, "its scale leaves nothing of its fused activation");
}

/* ---- tables ---- */

static fv_value lookup(fv_import *im, fv_value x, fv_dtype to, const void *entries)
{
    return fv_import_emit2(im, "lookup", NULL, x, fv_import_constant(im, to, &(fv_shape){1, {256}}, entries));
}

fv_value fv_tflite_lookup(fv_import *im, fv_value x, const fv_q_table *table)
{
    uint8_t entries[256];
    fv_q_table_fill(table, entries);
    return lookup(im, x, table->out.dtype, entries);
}

fv_value fv_tflite_dequantized(fv_import *im, fv_value x, fv_dtype dtype, const fv_tflite_scales *s, bool logarithm)
{
    float entries[256];
    const fv_q_pair pair = {.scale = fv_tflite_scale(s, 0), .zero = fv_tflite_zero(s, 0), .dtype = dtype};
    fv_q_table_reals(&pair, entries);
    for (int i = 0; logarithm && i < 256; i++) {
        const double x0 = (double)entries[i], least = pair.scale / 16;
        entries[i] = (float)log(x0 > least ? x0 : least);
    }
    return lookup(im, x, FV_F32, entries);
}

fv_value fv_tflite_quantized(fv_import *im, fv_value x, fv_dtype dtype, const fv_tflite_scales *s)
{
    const fv_quantize_attr attr = {fv_tflite_scale(s, 0), fv_tflite_zero(s, 0), dtype == FV_U8};
    return fv_import_emit1(im, "quantize", &attr, x);
}

fv_value fv_tflite_rescaled(fv_import *im, fv_value x, const fv_tflite_pair *in, const fv_tflite_pair *out)
{
    fv_q_table table = {.in = *in, .out = *out};
    fv_q_table_rescale(&table);
    return fv_tflite_lookup(im, x, &table);
}

/* ---- convolutions and products ---- */

/* Multipliers and shifts of the filters. Of signed integers every filter has a factor of its own, in doubles; a single
 * one of a product or of unsigned integers begins with a product of floats. */
static fv_status factors(const fv_tflite_node *n, const fv_tflite_pair *in, const fv_tflite_pair *out,
                         const fv_tflite_scales *w, int64_t filters, int32_t *mul, int32_t *shift)
{
    const bool floats = w->count == 1 && (in->dtype == FV_U8 || strcmp(n->op, "FULLY_CONNECTED") == 0);
    for (int64_t k = 0; k < filters; k++) {
        const double scale = fv_tflite_scale(w, k);
        const double product = floats ? (double)((float)in->scale * (float)scale) : in->scale * scale;
        if (!(scale > 0) || scale > 1e30)
            return fv_tflite_cannot(n, "its filter %lld has scale %g", (long long)k, scale);
        fv_fixed_factor(product / out->scale, &mul[k], &shift[k]);
    }
    return FV_OK;
}

/* The bias, or NULL. */
static const fv_foreign *bias_of(const fv_tflite_node *n, const fv_tflite_product *p)
{
    return p->bias < n->n_in ? n->in[p->bias] : NULL;
}

static fv_status check_weights(const fv_tflite_node *n, const fv_tflite_product *p, const fv_tflite_pair *in,
                               const fv_tflite_scales *w)
{
    const fv_foreign *f = n->in[1], *bias = bias_of(n, p);
    const int64_t filters = p->filters;
    if (f->dtype != in->dtype)
        return fv_tflite_cannot(n, "filters of %s over %s", fv_dtype_name(f->dtype), fv_dtype_name(in->dtype));
    if (w->count != 1 && w->count != filters)
        return fv_tflite_cannot(n, "%lld scales for %lld filters", (long long)w->count, (long long)filters);
    for (int64_t k = 0; k < w->zero.count; k++)
        if ((w->count > 1 && fv_tflite_zero(w, k) != 0) || fv_tflite_zero(w, k) < -128 || fv_tflite_zero(w, k) > 255)
            return fv_tflite_cannot(n, "zero points of filters other than 0");
    if (bias && (!bias->data || bias->dtype != FV_I32 || fv_foreign_count(bias) != filters))
        return fv_tflite_cannot(n, "its bias is no constant of %lld int32", (long long)filters);
    return FV_OK;
}

fv_status fv_tflite_quantized_conv(const fv_tflite_node *n, const fv_tflite_product *p, fv_value src, fv_value wei,
                                   fv_value *dst)
{
    fv_tflite_pair in, out;
    void *lists;
    const int64_t filters = p->filters;
    const fv_foreign *given = bias_of(n, p);
    const fv_tflite_scales w = fv_tflite_scales_of(n->file, n->in_at[1]);
    const fv_shape list = {1, {filters}};
    FV_TRY(fv_tflite_in_pair(n, p->src, &in));
    FV_TRY(fv_tflite_out_pair(n, 0, &out));
    FV_TRY(check_weights(n, p, &in, &w));
    FV_TRY(fv_tflite_limits(n, p->activation, &out));
    if (out.dtype != in.dtype)
        return fv_tflite_cannot(n, "of %s to %s", fv_dtype_name(in.dtype), fv_dtype_name(out.dtype));
    FV_TRY(fv_import_alloc(n->im, filters * 3 * (int64_t)sizeof(int32_t), &lists));
    int32_t *bias = lists, *mul = bias + filters, *shift = mul + filters;
    memset(bias, 0, (size_t)filters * sizeof *bias);
    if (given)
        memcpy(bias, given->data, (size_t)filters * sizeof *bias);
    FV_TRY(factors(n, &in, &out, &w, filters, mul, shift));
    fv_q_conv2d_attr attr = {.conv = {.groups = p->groups},
                             .src_zero = in.zero,
                             .wei_zero = w.count == 1 ? fv_tflite_zero(&w, 0) : 0,
                             .dst_zero = out.zero,
                             .min = out.low,
                             .max = out.high,
                             .once = strcmp(n->op, "FULLY_CONNECTED") == 0};
    memcpy(attr.conv.stride, p->win.stride, sizeof attr.conv.stride);
    memcpy(attr.conv.dilation, p->win.dilation, sizeof attr.conv.dilation);
    memcpy(attr.conv.pad, p->win.pad, sizeof attr.conv.pad);
    const fv_value operands[5] = {src, wei, fv_import_constant(n->im, FV_I32, &list, bias),
                                  fv_import_constant(n->im, FV_I32, &list, mul),
                                  fv_import_constant(n->im, FV_I32, &list, shift)};
    *dst = fv_import_emit(n->im, "q_conv2d", &attr, operands, 5);
    return FV_OK;
}
