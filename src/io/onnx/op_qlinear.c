/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of 8-bit integers of ONNX Runtime's own domain, com.microsoft: Q(f(DQ(x), ...)), node by node. */
#include <stdio.h>
#include <string.h>

#include "io/onnx/quant.h"

/* `first`: which operand the first x is, with its scale and zero point behind it; `count` of these (0: all that are
 * there); `result`: where scale and zero point of the result are. */
static const struct {
    const char *name, *of;
    int first, count, result;
} rows[] = {
    {"QLinearAdd", "Add", 0, 2, 6},
    {"QLinearMul", "Mul", 0, 2, 6},
    {"QLinearConcat", "Concat", 2, 0, 0},
    {"QLinearAveragePool", "AveragePool", 0, 1, 3},
    {"QLinearGlobalAveragePool", "GlobalAveragePool", 0, 1, 3},
    {"QLinearSigmoid", "Sigmoid", 0, 1, 3},
    {"QLinearLeakyRelu", "LeakyRelu", 0, 1, 3},
    {"QLinearSoftmax", "Softmax", 0, 1, 3},
};

enum { OPERANDS_MAX = 64 };

/* A name for a value within the node. */
static const char *inner_name(const fv_onnx_node *n, int i)
{
    char name[300];
    snprintf(name, sizeof name, "%.280s:%d", n->out[0], i);
    return fv_arena_strdup(n->im->arena, name);
}

/* Maps the standard operator `op` of these operands to one result. */
static fv_status step(const fv_onnx_node *n, const char *op, fv_foreign **in, int n_in, const char *out)
{
    fv_onnx_node inner = *n;
    inner.op = op;
    inner.in = in;
    inner.n_in = n_in;
    inner.out = &out;
    inner.n_out = 1;
    inner.opset = strcmp(op, "Softmax") == 0 ? fv_onnx_int(n, "opset", 13) : n->opset;
    return out ? fv_onnx_map_standard(&inner) : FV_ERR_NO_MEMORY;
}

static fv_status map_row(const fv_onnx_node *n)
{
    size_t r = 0;
    fv_foreign *x[OPERANDS_MAX + 8] = {NULL};
    while (strcmp(rows[r].name, n->op) != 0)
        r++;
    const int given = n->n_in - rows[r].first; /* the last zero point may be left out */
    const int count = rows[r].count ? rows[r].count : (given + 1) / 3;
    if (n->n_out < 1 || count < 1 || (!rows[r].count && given % 3 == 1) || count > OPERANDS_MAX ||
        rows[r].first + 3 * count > n->n_in + 1)
        return fv_onnx_cannot(n, "%d operands", n->n_in);
    if (fv_onnx_int(n, "channels_last", 0) != 0)
        return fv_onnx_cannot(n, "channels_last: supported is n c h w");
    FV_TRY(fv_onnx_need(n, rows[r].result));
    for (int i = 0; i < count; i++) {
        const char *name = inner_name(n, i);
        FV_TRY(fv_onnx_need(n, rows[r].first + 3 * i));
        FV_TRY(fv_onnx_need(n, rows[r].first + 3 * i + 1));
        FV_TRY(step(n, "DequantizeLinear", n->in + rows[r].first + 3 * i, 3, name));
        x[i] = fv_import_find(n->im, name);
    }
    if (!n->in[rows[r].result + 1] && n->in[rows[r].first]->dtype != FV_U8)
        return fv_onnx_cannot(n, "a result of %s without a zero point", fv_dtype_name(n->in[rows[r].first]->dtype));
    const char *name = inner_name(n, count);
    FV_TRY(step(n, rows[r].of, x, count, name));
    fv_foreign *y[10] = {fv_import_find(n->im, name), n->in[rows[r].result], n->in[rows[r].result + 1]};
    return step(n, "QuantizeLinear", y, 3, n->out[0]);
}

/* A constant of one float. */
static fv_foreign *number(const fv_onnx_node *n, float value)
{
    float *data = fv_arena_alloc(n->im->arena, sizeof *data);
    fv_foreign *f = fv_arena_alloc(n->im->arena, sizeof *f);
    if (!data || !f)
        return NULL;
    *data = value;
    *f = (fv_foreign){.name = n->name, .dtype = FV_F32, .data = data, .form = {-1, -1, -1}};
    return f;
}

/* (a - a_zero) * (b - b_zero) * (a_scale * b_scale / y_scale) + y_zero, and only then rounded: halves go the other way
 * than in Mul between DQ and Q where y_zero is odd. */
static fv_status map_mul(const fv_onnx_node *n)
{
    static const uint8_t nothing = 0;
    float scale[3];
    const char *names[5];
    fv_foreign *one = number(n, 1.0f);
    for (int i = 0; i < 3; i++) {
        const int at = i < 2 ? 3 * i + 1 : 6;
        FV_TRY(fv_onnx_need(n, at));
        if (!fv_onnx_is_scalar(n->in[at], n->in[at + 1]))
            return map_row(n);
        scale[i] = (float)fv_foreign_real(n->in[at], 0);
    }
    const fv_foreign *zero = n->in[7];
    fv_foreign *ratio = number(n, scale[0] * scale[1] / scale[2]);
    fv_foreign *middle = number(n, zero ? (float)fv_foreign_integer(zero, 0) : 0.0f);
    if (!one || !ratio || !middle || n->n_out < 1)
        return !one || !ratio || !middle ? FV_ERR_NO_MEMORY : FV_OK;
    fv_foreign none = {.name = "none", .dtype = zero ? zero->dtype : FV_U8, .data = &nothing, .form = {-1, -1, -1}};
    fv_foreign *x[2][11] = {{n->in[0], one, n->in[2]}, {n->in[3], one, n->in[5]}}, *pair[10] = {NULL};
    for (int i = 0; i < 5; i++)
        names[i] = inner_name(n, i);
    for (int i = 0; i < 2; i++) {
        FV_TRY(fv_onnx_need(n, 3 * i));
        FV_TRY(step(n, "DequantizeLinear", x[i], 3, names[i]));
        pair[i] = fv_import_find(n->im, names[i]);
    }
    FV_TRY(step(n, "Mul", pair, 2, names[2]));
    fv_foreign *scaled[10] = {fv_import_find(n->im, names[2]), ratio};
    FV_TRY(step(n, "Mul", scaled, 2, names[3]));
    fv_foreign *moved[10] = {fv_import_find(n->im, names[3]), middle};
    FV_TRY(step(n, "Add", moved, 2, names[4]));
    fv_foreign *y[11] = {fv_import_find(n->im, names[4]), one, &none};
    return step(n, "QuantizeLinear", y, 3, n->out[0]);
}

static fv_status map_same(const fv_onnx_node *n)
{
    return fv_onnx_map_standard(n);
}

const fv_onnx_op fv_onnx_microsoft_ops[] = {
    {"QLinearAdd", map_row, NULL, fv_onnx_integers},
    {"QLinearMul", map_mul, NULL, fv_onnx_integers},
    {"QLinearConcat", map_row, NULL, fv_onnx_integers},
    {"QLinearAveragePool", map_row, NULL, fv_onnx_integers},
    {"QLinearGlobalAveragePool", map_row, NULL, fv_onnx_integers},
    {"QLinearSigmoid", map_row, NULL, fv_onnx_integers},
    {"QLinearLeakyRelu", map_row, NULL, fv_onnx_integers},
    {"QLinearSoftmax", map_row, NULL, fv_onnx_integers},
    {"QGemm", fv_onnx_map_qgemm, NULL, fv_onnx_integers},
    {"QuantizeLinear", map_same, map_same, fv_onnx_integers},
    {"DequantizeLinear", map_same, map_same, fv_onnx_integers},
    {0},
};
