/* SPDX-License-Identifier: Apache-2.0 */
/* Quantization. Of what is no sum of products it is computed by its definition in floats: integers up to 2^24 are exact
 * in them. */
#include <math.h>
#include <string.h>

#include "io/onnx/quant.h"

/* To the nearest integer, halves to even: exact for numbers below 2^22, which clamped ones are. */
static fv_value rounded(fv_import *im, fv_value x)
{
    const fv_value shift = fv_import_number(im, 12582912.0);
    return fv_import_emit2(im, "sub", NULL, fv_import_emit2(im, "add", NULL, x, shift), shift);
}

static fv_status limits(const fv_onnx_node *n, fv_dtype dtype, double *low, double *high)
{
    if (dtype != FV_U8 && dtype != FV_I8)
        return fv_onnx_cannot(n, "to %s: uint8 and int8 are supported", fv_dtype_name(dtype));
    *low = dtype == FV_U8 ? 0 : -128;
    *high = dtype == FV_U8 ? 255 : 127;
    return FV_OK;
}

/* clamp(round(x / scale) + zero): rounding behind clamping to whole numbers is the same. */
static fv_status quantize(const fv_onnx_node *n, fv_value x, fv_value scale, fv_value zero, fv_dtype dtype, fv_value *q)
{
    fv_import *im = n->im;
    double low = 0, high = 0;
    FV_TRY(limits(n, dtype, &low, &high));
    const fv_clamp_attr wide = {low - 256, high + 256}, narrow = {low, high};
    if (scale.id >= 0)
        x = fv_import_emit2(im, "div", NULL, x, scale);
    x = rounded(im, fv_import_emit1(im, "clamp", &wide, x));
    if (zero.id >= 0)
        x = fv_import_emit2(im, "add", NULL, x, zero);
    *q = fv_import_emit1(im, "clamp", &narrow, x);
    return FV_OK;
}

/* The axis that scales run along, where they are several. */
static fv_status axis_of(const fv_onnx_node *n, int *axis)
{
    *axis = 0;
    if (fv_onnx_int(n, "block_size", 0) != 0)
        return fv_onnx_cannot(n, "scales of blocks");
    return fv_foreign_count(n->in[1]) == 1 ? FV_OK
                                           : fv_onnx_axis(n, fv_onnx_int(n, "axis", 1), n->in[0]->shape.rank, axis);
}

static fv_status map_quantize(const fv_onnx_node *n)
{
    fv_order order;
    fv_value scale, zero = fv_no_value, q;
    fv_dtype dtype = FV_U8;
    int axis;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 1));
    FV_TRY(axis_of(n, &axis));
    fv_foreign *x = n->in[0], *middle = n->n_in > 2 ? n->in[2] : NULL;
    const fv_onnx_numbers *sums = fv_onnx_sums_of(n, 0);
    if (sums && fv_onnx_is_scalar(n->in[1], middle) && (middle || !fv_onnx_has(n, "output_dtype"))) {
        FV_TRY(fv_onnx_quantize_sums(n, sums, n->in[1], middle, &q));
        return fv_onnx_result(n, 0, q, sums->order);
    }
    FV_TRY(fv_onnx_settle_all(n));
    fv_value v = fv_onnx_unary(n, &order);
    if (order == FV_ORDER_ROW && fv_foreign_count(n->in[1]) > 1)
        v = fv_import_get(n->im, x, order = FV_ORDER_FILE);
    FV_TRY(fv_onnx_along(n->im, n->in[1], x, order, axis, &scale));
    if (middle) {
        dtype = middle->dtype;
        FV_TRY(fv_onnx_along(n->im, middle, x, order, axis, &zero));
    } else if (fv_onnx_has(n, "output_dtype") && !fv_onnx_dtype(fv_onnx_int(n, "output_dtype", 2), &dtype)) {
        return fv_onnx_cannot(n, "its output_dtype");
    }
    FV_TRY(quantize(n, fv_import_cast(n->im, v, FV_F32), scale, zero, dtype, &q));
    return fv_onnx_result(n, 0, fv_import_cast(n->im, q, dtype), order);
}

/* (x - zero) * scale */
static fv_status map_dequantize(const fv_onnx_node *n)
{
    fv_order order;
    fv_value y;
    fv_onnx_numbers numbers = {.order = FV_ORDER_FILE};
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 1));
    FV_TRY(axis_of(n, &numbers.axis));
    numbers.q = n->in[0];
    numbers.scale = n->in[1];
    numbers.zero = n->n_in > 2 ? n->in[2] : NULL;
    if (fv_onnx_is_scalar(numbers.scale, numbers.zero) && n->in[0]->origin == NULL)
        return fv_onnx_note(n, &numbers, &n->in[0]->shape);
    FV_TRY(fv_onnx_settle_all(n));
    FV_TRY(fv_onnx_dequantize(n->im, &numbers, &y, &order));
    return fv_onnx_result(n, 0, y, order);
}

/* The same of constants: weights, whose integers are kept in mind. */
static fv_status fold_dequantize(const fv_onnx_node *n)
{
    void *data;
    int64_t behind = 1;
    fv_onnx_numbers numbers = {.order = FV_ORDER_FILE};
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 1));
    FV_TRY(axis_of(n, &numbers.axis));
    const fv_foreign *q = numbers.q = n->in[0], *scale = numbers.scale = n->in[1];
    const fv_foreign *zero = numbers.zero = n->n_in > 2 ? n->in[2] : NULL;
    const int64_t scales = fv_foreign_count(scale), zeros = zero ? fv_foreign_count(zero) : 1;
    if (scales != 1 && (scale->shape.rank != 1 || q->shape.dim[numbers.axis] != scales))
        return fv_onnx_cannot(n, "scales of %d dimensions: one, or one for each position along an axis is supported",
                              scale->shape.rank);
    if (zeros != 1 && zeros != scales)
        return fv_onnx_cannot(n, "%lld zero points beside %lld scales", (long long)zeros, (long long)scales);
    for (int d = q->shape.rank - 1; d > numbers.axis; d--)
        behind *= q->shape.dim[d];
    FV_TRY(fv_onnx_result_constant(n, 0, FV_F32, &q->shape, &data));
    for (int64_t i = 0; i < fv_foreign_count(q); i++) {
        const int64_t k = scales == 1 ? 0 : i / behind % scales;
        const double x = fv_foreign_real(q, i) - (zero ? fv_foreign_real(zero, zeros == 1 ? 0 : k) : 0.0);
        ((float *)data)[i] = (float)x * (float)fv_foreign_real(scale, k);
    }
    fv_foreign *f = n->n_out > 0 && *n->out[0] ? fv_import_find(n->im, n->out[0]) : NULL;
    fv_onnx_numbers *kept = fv_arena_alloc(n->im->arena, sizeof *kept);
    if (!kept)
        return FV_ERR_NO_MEMORY;
    *kept = numbers;
    if (f) {
        f->origin = kept;
        f->initial = q->initial;
    }
    return FV_OK;
}

/* ---- of integers ---- */

/* f32 holds sums of that many products of 9 bits each exactly, or f64 does. */
fv_dtype fv_onnx_exact_float(double terms)
{
    return terms * 255.0 * 255.0 <= 16777216.0 ? FV_F32 : FV_F64;
}

fv_status fv_onnx_shifted(const fv_onnx_node *n, int i, int zero, fv_order order, int axis, fv_dtype dtype, fv_value *v)
{
    fv_import *im = n->im;
    fv_foreign *f = n->in[i], *z = zero >= 0 && zero < n->n_in ? n->in[zero] : NULL;
    *v = fv_import_cast(im, fv_import_get(im, f, order), dtype);
    if (!z)
        return FV_OK;
    if (z->batched)
        return fv_import_merges(im);
    const int64_t count = fv_foreign_count(z);
    fv_shape shape = {.rank = f->shape.rank, .dim = {1, 1, 1, 1, 1, 1, 1, 1}};
    if (count != 1 && count != f->shape.dim[axis])
        return fv_onnx_cannot(n, "%lld zero points", (long long)count);
    if (count == 1)
        shape = (fv_shape){1, {1}};
    else
        shape.dim[fv_import_axis(order, axis, f->shape.rank)] = count;
    fv_value shift =
        fv_import_reshape(im, fv_import_cast(im, fv_import_get(im, z, FV_ORDER_FILE), dtype), &shape, false);
    *v = fv_import_emit2(im, "sub", NULL, *v, shift);
    return FV_OK;
}

fv_status fv_onnx_requantized(const fv_onnx_node *n, const int at[4], fv_value sum, fv_value *y)
{
    fv_import *im = n->im;
    fv_value v[4];
    for (int k = 0; k < 4; k++) {
        FV_TRY(fv_onnx_need(n, at[k]));
        const int64_t count = fv_foreign_count(n->in[at[k]]);
        const fv_shape flat = {1, {count}};
        if (n->in[at[k]]->batched)
            return fv_import_merges(im);
        if (count != 1 && k != 1)
            return fv_onnx_cannot(n, "%lld scales or zero points of its operand or result", (long long)count);
        v[k] = fv_import_cast(im, fv_import_get(im, n->in[at[k]], FV_ORDER_FILE), FV_F32);
        v[k] = fv_import_reshape(im, v[k], &flat, false);
    }
    fv_value scale = fv_import_emit2(im, "div", NULL, fv_import_emit2(im, "mul", NULL, v[0], v[1]), v[2]);
    fv_value x = fv_import_emit2(im, "mul", NULL, fv_import_cast(im, sum, FV_F32), scale);
    const fv_dtype dtype = n->in[at[3]]->dtype;
    FV_TRY(quantize(n, x, fv_no_value, v[3], dtype, y));
    *y = fv_import_cast(im, *y, dtype);
    return FV_OK;
}

const fv_onnx_op fv_onnx_quant_ops[] = {
    {"QuantizeLinear", map_quantize, NULL, fv_onnx_integers},
    {"DequantizeLinear", map_dequantize, fold_dequantize, fv_onnx_integers},
    {"DynamicQuantizeLinear", NULL, NULL, "supported are QuantizeLinear and DequantizeLinear"},
    {0},
};
