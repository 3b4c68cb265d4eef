/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic element by element, with broadcasting. */
#include <string.h>

#include "io/tflite/quant.h"

static const struct {
    const char *tflite, *op;
    bool fuses;
} rows[] = {
    {"ADD", "add", true}, {"SUB", "sub", true},      {"MUL", "mul", true},
    {"DIV", "div", true}, {"MAXIMUM", "max", false}, {"MINIMUM", "min", false},
};

/* Ranks; an operand whose batch would meet another dimension cannot be. */
static fv_status check(const fv_tflite_node *n, int *rank)
{
    FV_TRY(fv_tflite_need(n, 2));
    const fv_foreign *a = n->in[0], *b = n->in[1];
    *rank = a->shape.rank > b->shape.rank ? a->shape.rank : b->shape.rank;
    if ((a->batched && a->shape.rank != *rank) || (b->batched && b->shape.rank != *rank))
        return fv_import_merges(n->im);
    return FV_OK;
}

/* A constant of a float operator that is one number per channel is trained: a scale, or a shift. */
static fv_status float_operand(const fv_tflite_node *n, int i, fv_order order, int rank, fv_value *v)
{
    fv_foreign *f = n->in[i];
    if (f->data && !fv_dtype_is_float(n->in[1 - i]->dtype)) {
        *v = fv_import_get_ranked(n->im, f, order, rank);
        return FV_OK;
    }
    FV_TRY(fv_tflite_reals(n, i, &f));
    const int64_t count = fv_foreign_count(f);
    const bool vector = f->data && f->initial && count > 1 && order == FV_ORDER_FILE && rank >= 2 &&
                        !n->in[1 - i]->data && f->shape.rank > 0 && f->shape.dim[f->shape.rank - 1] == count;
    *v = vector ? fv_import_vector(n->im, f, FV_ROLE_PARAM, 1.0) : fv_import_get_ranked(n->im, f, order, rank);
    return FV_OK;
}

static fv_status integer_row(const fv_tflite_node *n, size_t r, fv_value a, fv_value b, fv_value *y)
{
    fv_tflite_pair pair[3];
    fv_q_add_attr sum;
    fv_q_mul_attr product;
    FV_TRY(fv_tflite_in_pair(n, 0, &pair[0]));
    FV_TRY(fv_tflite_in_pair(n, 1, &pair[1]));
    FV_TRY(fv_tflite_out_pair(n, 0, &pair[2]));
    FV_TRY(fv_tflite_limits(n, fv_flat_byte(n->options, 0, 0), &pair[2]));
    fv_q_add_set(pair, r == 1, &sum);
    fv_q_mul_set(pair, &product);
    *y = r < 2 ? fv_import_emit2(n->im, "q_add", &sum, a, b) : fv_import_emit2(n->im, "q_mul", &product, a, b);
    return FV_OK;
}

static fv_status map_row(const fv_tflite_node *n)
{
    int rank;
    size_t r = 0;
    fv_value v[2], y = fv_no_value;
    FV_TRY(check(n, &rank));
    while (strcmp(rows[r].tflite, n->op) != 0)
        r++;
    const fv_order order = fv_import_common(n->in, 2, rank) == FV_ORDER_LAST ? FV_ORDER_LAST : FV_ORDER_FILE;
    const fv_dtype dtype = n->in[0]->dtype;
    const bool quantized = (dtype == FV_I8 || dtype == FV_U8) && fv_tflite_scales_of(n->file, n->in_at[0]).count > 0;
    if (dtype == FV_I16)
        return fv_tflite_cannot(n, "of int16: float32, and int8 and uint8 with scales are supported");
    for (int i = 0; i < 2; i++) {
        if (quantized)
            v[i] = fv_import_get_ranked(n->im, n->in[i], order, rank);
        else
            FV_TRY(float_operand(n, i, order, rank, &v[i]));
    }
    if (quantized && r == 3)
        return fv_tflite_cannot(n, "of integers: supported are ADD, SUB and MUL of them");
    if (quantized && r < 3)
        FV_TRY(integer_row(n, r, v[0], v[1], &y));
    else
        y = fv_import_emit2(n->im, rows[r].op, NULL, v[0], v[1]);
    if (!quantized && rows[r].fuses)
        FV_TRY(fv_tflite_activated(n, fv_flat_byte(n->options, 0, 0), &y));
    return fv_tflite_result(n, 0, y, order);
}

static fv_status map_unary(const fv_tflite_node *n)
{
    fv_import *im = n->im;
    FV_TRY(fv_tflite_need(n, 1));
    fv_foreign *f = n->in[0];
    const fv_order order = fv_import_common(&f, 1, f->shape.rank) == FV_ORDER_LAST ? FV_ORDER_LAST : FV_ORDER_FILE;
    fv_value x = fv_import_get(im, f, order), y;
    if (!fv_dtype_is_float(f->dtype))
        return fv_tflite_cannot(n, "of %s: supported of float32", fv_dtype_name(f->dtype));
    if (strcmp(n->op, "EXP") == 0)
        y = fv_import_emit1(im, "exp", NULL, x);
    else if (strcmp(n->op, "LOG") == 0)
        y = fv_import_emit1(im, "log", NULL, x);
    else if (strcmp(n->op, "SQRT") == 0)
        y = fv_import_emit1(im, "sqrt", NULL, x);
    else if (strcmp(n->op, "RSQRT") == 0)
        y = fv_import_emit2(im, "div", NULL, fv_import_number(im, 1.0), fv_import_emit1(im, "sqrt", NULL, x));
    else if (strcmp(n->op, "SQUARE") == 0)
        y = fv_import_emit2(im, "mul", NULL, x, x);
    else
        y = fv_import_emit2(im, "mul", NULL, x, fv_import_number(im, -1.0));
    if (strcmp(n->op, "ABS") == 0)
        y = fv_import_emit2(im, "max", NULL, x, y);
    return fv_tflite_result(n, 0, y, order);
}

static fv_status map_squared_difference(const fv_tflite_node *n)
{
    int rank;
    fv_value v[2];
    FV_TRY(check(n, &rank));
    if (n->in[0]->dtype != FV_F32)
        return fv_tflite_cannot(n, "of %s: supported of float32", fv_dtype_name(n->in[0]->dtype));
    for (int i = 0; i < 2; i++)
        FV_TRY(float_operand(n, i, FV_ORDER_FILE, rank, &v[i]));
    fv_value d = fv_import_emit2(n->im, "sub", NULL, v[0], v[1]);
    return fv_tflite_result(n, 0, fv_import_emit2(n->im, "mul", NULL, d, d), FV_ORDER_FILE);
}

static fv_status map_pow(const fv_tflite_node *n)
{
    fv_foreign *e;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_need_constant(n, 1, "the exponent"));
    FV_TRY(fv_tflite_reals(n, 1, &e));
    if (fv_foreign_count(e) != 1 || n->in[0]->dtype != FV_F32)
        return fv_tflite_cannot(n, "the exponent must be one number, and the operand float32");
    const fv_pow_attr attr = {.exponent = fv_foreign_real(e, 0)};
    return fv_tflite_result(n, 0, fv_import_emit1(n->im, "pow", &attr, fv_tflite_in(n, 0)), FV_ORDER_FILE);
}

const fv_tflite_op fv_tflite_math_ops[] = {
    {"ADD", map_row, NULL, NULL},      {"SUB", map_row, NULL, NULL},
    {"MUL", map_row, NULL, NULL},      {"DIV", map_row, NULL, NULL},
    {"MAXIMUM", map_row, NULL, NULL},  {"MINIMUM", map_row, NULL, NULL},
    {"EXP", map_unary, NULL, NULL},    {"LOG", map_unary, NULL, NULL},
    {"SQRT", map_unary, NULL, NULL},   {"RSQRT", map_unary, NULL, NULL},
    {"SQUARE", map_unary, NULL, NULL}, {"NEG", map_unary, NULL, NULL},
    {"ABS", map_unary, NULL, NULL},    {"SQUARED_DIFFERENCE", map_squared_difference, NULL, NULL},
    {"POW", map_pow, NULL, NULL},      {0},
};
