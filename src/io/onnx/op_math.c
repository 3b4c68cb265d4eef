/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic element by element, with broadcasting. */
#include <math.h>
#include <string.h>

#include "io/onnx/node.h"

/* Operators of two operands, or of any number of them (`many`), that are one operator here. */
static const struct {
    const char *onnx, *op;
    bool many;
} rows[] = {
    {"Add", "add", false}, {"Sub", "sub", false}, {"Mul", "mul", false}, {"Div", "div", false},
    {"Max", "max", true},  {"Min", "min", true},  {"Sum", "add", true},  {"Mean", "add", true},
};

/* Whether a weight of the file is one number per channel of a result of `rank` dimensions: scales and shifts, which are
 * trained. */
static bool is_per_channel(const fv_foreign *f, fv_order order, int rank)
{
    const int64_t count = fv_foreign_count(f);
    const int channel = order == FV_ORDER_LAST ? 1 : rank - 1, at = channel - (rank - f->shape.rank);
    return f->data && f->initial && f->dtype == FV_F32 && count > 1 && order != FV_ORDER_ROW && at >= 0 &&
           at < f->shape.rank && f->shape.dim[at] == count;
}

static fv_value operand(const fv_onnx_node *n, fv_foreign *f, fv_order order, int rank, bool trained)
{
    if (trained && is_per_channel(f, order, rank))
        return fv_import_vector(n->im, f, FV_ROLE_PARAM, 1.0);
    return fv_import_get_ranked(n->im, f, order, rank);
}

/* Rank of the result; operands whose batch would meet another dimension cannot be. */
static fv_status rank_of(const fv_onnx_node *n, int *rank)
{
    *rank = 0;
    for (int i = 0; i < n->n_in; i++) {
        FV_TRY(fv_onnx_need(n, i));
        *rank = n->in[i]->shape.rank > *rank ? n->in[i]->shape.rank : *rank;
    }
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]->batched && n->in[i]->shape.rank != *rank)
            return fv_import_merges(n->im);
    return FV_OK;
}

/* Before operator set 7 the second operand began at dimension `axis` of the first. */
static fv_status align_old(const fv_onnx_node *n, int *rank)
{
    if (n->opset >= 7 || n->n_in != 2 || !fv_onnx_has(n, "axis"))
        return FV_OK;
    int axis;
    const fv_foreign *b = n->in[1];
    FV_TRY(fv_onnx_axis(n, fv_onnx_int(n, "axis", 0), n->in[0]->shape.rank, &axis));
    const int behind = n->in[0]->shape.rank - axis - b->shape.rank;
    if (behind == 0 || b->shape.rank == n->in[0]->shape.rank)
        return FV_OK;
    if (!b->data || behind < 0)
        return fv_onnx_cannot(n, "a computed operand repeated along axis %d, as operator sets before 7 have it", axis);
    fv_foreign *moved = fv_arena_alloc(n->im->arena, sizeof *moved);
    if (!moved)
        return FV_ERR_NO_MEMORY;
    *moved = *b;
    for (int k = 0; k < FV_ORDERS; k++)
        moved->form[k] = -1;
    for (int k = 0; k < behind; k++)
        moved->shape.dim[moved->shape.rank++] = 1;
    n->in[1] = moved;
    return rank_of(n, rank);
}

static fv_status map_row(const fv_onnx_node *n)
{
    int rank;
    size_t r = 0;
    FV_TRY(rank_of(n, &rank));
    FV_TRY(align_old(n, &rank));
    while (strcmp(rows[r].onnx, n->op) != 0)
        r++;
    if (n->n_in < 1 || (!rows[r].many && n->n_in != 2) || n->n_in > 64)
        return fv_onnx_cannot(n, "%d operands", n->n_in);
    const fv_order order = fv_import_common(n->in, n->n_in, rank);
    const bool trained = !rows[r].many;
    bool taken = false; /* one per channel at most */
    fv_value y = fv_no_value;
    for (int i = 0; i < n->n_in; i++) {
        fv_value x = operand(n, n->in[i], order, rank, trained && !taken && !n->in[n->n_in - 1 - i]->data);
        taken = taken || n->in[i]->data;
        y = i ? fv_import_emit2(n->im, rows[r].op, NULL, y, x) : x;
    }
    if (strcmp(n->op, "Mean") == 0)
        y = fv_import_emit2(n->im, "div", NULL, y, fv_import_number(n->im, n->n_in));
    return n->n_in == 1 ? fv_import_alias(n->im, n->out[0], n->in[0]) : fv_onnx_result(n, 0, y, order);
}

static fv_status map_pow(const fv_onnx_node *n)
{
    fv_order order;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need_constant(n, 1, "the exponent"));
    if (fv_foreign_count(n->in[1]) != 1 || n->in[1]->shape.rank > n->in[0]->shape.rank)
        return fv_onnx_cannot(n, "the exponent must be one number");
    const fv_pow_attr attr = {.exponent = fv_foreign_real(n->in[1], 0)};
    fv_value x = fv_onnx_unary(n, &order);
    fv_value y =
        attr.exponent == 2.0 ? fv_import_emit2(n->im, "mul", NULL, x, x) : fv_import_emit1(n->im, "pow", &attr, x);
    return fv_onnx_result(n, 0, y, order);
}

static fv_status map_unary(const fv_onnx_node *n)
{
    fv_order order;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    fv_value x = fv_onnx_unary(n, &order), y;
    if (!fv_dtype_is_float(n->in[0]->dtype))
        return fv_onnx_cannot(n, "of %s", fv_dtype_name(n->in[0]->dtype));
    if (strcmp(n->op, "Exp") == 0)
        y = fv_import_emit1(im, "exp", NULL, x);
    else if (strcmp(n->op, "Log") == 0)
        y = fv_import_emit1(im, "log", NULL, x);
    else if (strcmp(n->op, "Sqrt") == 0)
        y = fv_import_emit1(im, "sqrt", NULL, x);
    else if (strcmp(n->op, "Reciprocal") == 0)
        y = fv_import_emit2(im, "div", NULL, fv_import_number(im, 1.0), x);
    else
        y = fv_import_emit2(im, "mul", NULL, x, fv_import_number(im, -1.0));
    if (strcmp(n->op, "Abs") == 0)
        y = fv_import_emit2(im, "max", NULL, x, y);
    return fv_onnx_result(n, 0, y, order);
}

/* ---- comparisons ---- */

/* Operand i as floats beside others. */
static fv_value as_float(const fv_onnx_node *n, int i, fv_order order, int rank)
{
    return fv_import_cast(n->im, fv_import_get_ranked(n->im, n->in[i], order, rank), FV_F32);
}

/* 1 where `sign` is above 0, else 0; or the other way round. */
static fv_value above(fv_import *im, fv_value sign, bool inverted)
{
    fv_value in[3] = {sign, fv_import_number(im, inverted ? 0.0 : 1.0), fv_import_number(im, inverted ? 1.0 : 0.0)};
    return fv_import_emit(im, "where", NULL, in, 3);
}

static fv_status same_floats(const fv_onnx_node *n, int first)
{
    for (int i = first; i < n->n_in; i++)
        if (n->in[i]->dtype != FV_F32)
            return fv_onnx_cannot(n, "of %s", fv_dtype_name(n->in[i]->dtype));
    return FV_OK;
}

/* a > b by the sign of a - b, which is 0 of equal numbers alone. */
static const struct {
    const char *onnx;
    bool exchanged, inverted;
} comparisons[] = {
    {"Greater", false, false}, {"Less", true, false}, {"LessOrEqual", false, true}, {"GreaterOrEqual", true, true}};

static fv_status map_compare(const fv_onnx_node *n)
{
    int rank;
    fv_import *im = n->im;
    FV_TRY(rank_of(n, &rank));
    if (n->n_in != 2)
        return fv_onnx_cannot(n, "%d operands", n->n_in);
    FV_TRY(same_floats(n, 0));
    const fv_order order = fv_import_common(n->in, 2, rank);
    fv_value a = as_float(n, 0, order, rank), b = as_float(n, 1, order, rank), y = fv_no_value;
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++)
        if (strcmp(comparisons[i].onnx, n->op) == 0)
            y = above(im,
                      comparisons[i].exchanged ? fv_import_emit2(im, "sub", NULL, b, a)
                                               : fv_import_emit2(im, "sub", NULL, a, b),
                      comparisons[i].inverted);
    if (strcmp(n->op, "Equal") == 0)
        y = fv_import_emit2(im, "mul", NULL, above(im, fv_import_emit2(im, "sub", NULL, a, b), true),
                            above(im, fv_import_emit2(im, "sub", NULL, b, a), true));
    return fv_onnx_result(n, 0, fv_import_cast(im, y, FV_BOOL), order);
}

/* Of truths, which are 1 and 0. */
static fv_status map_logic(const fv_onnx_node *n)
{
    int rank;
    fv_import *im = n->im;
    FV_TRY(rank_of(n, &rank));
    if (n->n_in != (strcmp(n->op, "Not") == 0 ? 1 : 2))
        return fv_onnx_cannot(n, "%d operands", n->n_in);
    const fv_order order = fv_import_common(n->in, n->n_in, rank);
    fv_value y = as_float(n, 0, order, rank);
    if (n->n_in == 1)
        y = above(im, y, true);
    else
        y = fv_import_emit2(im, strcmp(n->op, "And") == 0 ? "mul" : "max", NULL, y, as_float(n, 1, order, rank));
    return fv_onnx_result(n, 0, fv_import_cast(im, y, FV_BOOL), order);
}

static fv_status map_where(const fv_onnx_node *n)
{
    int rank;
    FV_TRY(rank_of(n, &rank));
    if (n->n_in != 3)
        return fv_onnx_cannot(n, "%d operands", n->n_in);
    FV_TRY(same_floats(n, 1));
    const fv_order order = fv_import_common(n->in, 3, rank);
    fv_value in[3];
    for (int i = 0; i < 3; i++)
        in[i] = as_float(n, i, order, rank);
    return fv_onnx_result(n, 0, fv_import_emit(n->im, "where", NULL, in, 3), order);
}

/* x where it is above alpha, else 0; or the sign of x. */
static fv_status map_threshold(const fv_onnx_node *n)
{
    fv_order order;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(same_floats(n, 0));
    fv_value x = fv_onnx_unary(n, &order), y;
    if (strcmp(n->op, "Sign") == 0) {
        y = fv_import_emit2(im, "mul", NULL, x, fv_import_number(im, -1.0));
        y = fv_import_emit2(im, "sub", NULL, above(im, x, false), above(im, y, false));
    } else {
        y = fv_import_emit2(im, "sub", NULL, x, fv_import_number(im, fv_onnx_real(n, "alpha", 1.0)));
        fv_value in[3] = {y, x, fv_import_number(im, 0.0)};
        y = fv_import_emit(im, "where", NULL, in, 3);
    }
    return fv_onnx_result(n, 0, y, order);
}

/* ---- of constants alone ---- */

/* One number from one or two. */
static double compute(const char *op, double a, double b)
{
    static const char *const names[] = {"Floor",   "Ceil", "Round",       "Not", "Equal", "Less",
                                        "Greater", "And",  "LessOrEqual", "Or",  "Mod",   "GreaterOrEqual"};
    size_t i = 0;
    while (i < sizeof names / sizeof names[0] && strcmp(names[i], op) != 0)
        i++;
    switch (i) {
    case 0:
        return floor(a);
    case 1:
        return ceil(a);
    case 2:
        return nearbyint(a);
    case 3:
        return a == 0.0;
    case 4:
        return a == b;
    case 5:
        return a < b;
    case 6:
        return a > b;
    case 7:
        return a != 0.0 && b != 0.0;
    case 8:
        return a <= b;
    case 9:
        return a != 0.0 || b != 0.0;
    case 10:
        return b == 0.0 ? NAN : a - b * floor(a / b);
    default:
        return a >= b;
    }
}

static int64_t broadcast_at(const fv_foreign *f, const fv_shape *over, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = over->rank - 1; d >= 0; d--) {
        const int own = d - (over->rank - f->shape.rank);
        const int64_t size = own >= 0 ? f->shape.dim[own] : 1;
        at += size == 1 ? 0 : i % over->dim[d] * step;
        step *= size;
        i /= over->dim[d];
    }
    return at;
}

/* The shape of all operands repeated over each other. */
static fv_status broadcast(const fv_onnx_node *n, fv_shape *shape)
{
    int rank;
    FV_TRY(rank_of(n, &rank));
    *shape = (fv_shape){.rank = rank};
    for (int d = 0; d < rank; d++) {
        shape->dim[d] = 1;
        for (int i = 0; i < n->n_in; i++) {
            const int own = d - (rank - n->in[i]->shape.rank);
            const int64_t size = own >= 0 ? n->in[i]->shape.dim[own] : 1;
            if (size != 1 && shape->dim[d] != 1 && size != shape->dim[d])
                return fv_onnx_cannot(n, "operands of shapes that do not fit");
            shape->dim[d] = size != 1 ? size : shape->dim[d];
        }
    }
    return FV_OK;
}

static fv_status fold_numbers(const fv_onnx_node *n)
{
    fv_shape shape;
    void *data;
    static const char *const keeps[] = {"Floor", "Ceil", "Round", "Mod"};
    fv_dtype dtype = FV_BOOL;
    FV_TRY(broadcast(n, &shape));
    if (n->n_in < 1 || n->n_in > 2)
        return fv_onnx_cannot(n, "%d operands", n->n_in);
    for (size_t i = 0; i < sizeof keeps / sizeof keeps[0]; i++)
        dtype = strcmp(keeps[i], n->op) == 0 ? n->in[0]->dtype : dtype;
    FV_TRY(fv_onnx_result_constant(n, 0, dtype, &shape, &data));
    for (int64_t i = 0; i < fv_shape_count(&shape); i++) {
        const double a = fv_foreign_real(n->in[0], broadcast_at(n->in[0], &shape, i));
        const double b = n->n_in > 1 ? fv_foreign_real(n->in[1], broadcast_at(n->in[1], &shape, i)) : 0.0;
        fv_set(dtype, data, i, compute(n->op, a, b));
    }
    return FV_OK;
}

static fv_status fold_where(const fv_onnx_node *n)
{
    fv_shape shape;
    void *data;
    if (n->n_in != 3)
        return fv_onnx_cannot(n, "%d operands", n->n_in);
    FV_TRY(broadcast(n, &shape));
    const fv_dtype dtype = n->in[1]->dtype;
    FV_TRY(fv_onnx_result_constant(n, 0, dtype, &shape, &data));
    for (int64_t i = 0; i < fv_shape_count(&shape); i++) {
        const fv_foreign *f = n->in[fv_foreign_real(n->in[0], broadcast_at(n->in[0], &shape, i)) != 0.0 ? 1 : 2];
        const int64_t at = broadcast_at(f, &shape, i);
        if (fv_dtype_is_float(dtype))
            fv_set(dtype, data, i, fv_foreign_real(f, at));
        else
            fv_dtype_set_integer(dtype, data, i, fv_foreign_integer(f, at));
    }
    return FV_OK;
}

static const char constants_alone[] = "it is supported of constants alone";

const fv_onnx_op fv_onnx_math_ops[] = {
    {"Add", map_row, NULL, NULL},
    {"Sub", map_row, NULL, NULL},
    {"Mul", map_row, NULL, NULL},
    {"Div", map_row, NULL, NULL},
    {"Max", map_row, NULL, NULL},
    {"Min", map_row, NULL, NULL},
    {"Sum", map_row, NULL, NULL},
    {"Mean", map_row, NULL, NULL},
    {"Pow", map_pow, NULL, NULL},
    {"Exp", map_unary, NULL, NULL},
    {"Log", map_unary, NULL, NULL},
    {"Sqrt", map_unary, NULL, NULL},
    {"Reciprocal", map_unary, NULL, NULL},
    {"Neg", map_unary, NULL, NULL},
    {"Abs", map_unary, NULL, NULL},
    {"Floor", NULL, fold_numbers, constants_alone},
    {"Ceil", NULL, fold_numbers, constants_alone},
    {"Round", NULL, fold_numbers, constants_alone},
    {"Mod", NULL, fold_numbers, constants_alone},
    {"Not", map_logic, fold_numbers, NULL},
    {"Equal", map_compare, fold_numbers, NULL},
    {"Less", map_compare, fold_numbers, NULL},
    {"LessOrEqual", map_compare, fold_numbers, NULL},
    {"Greater", map_compare, fold_numbers, NULL},
    {"GreaterOrEqual", map_compare, fold_numbers, NULL},
    {"And", map_logic, fold_numbers, NULL},
    {"Or", map_logic, fold_numbers, NULL},
    {"Where", map_where, fold_where, NULL},
    {"ThresholdedRelu", map_threshold, NULL, NULL},
    {"Sign", map_threshold, NULL, NULL},
    {0},
};
