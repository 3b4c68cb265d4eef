/* SPDX-License-Identifier: Apache-2.0 */
/* Several operands into one, element by element or side by side. */
#include "io/keras/node.h"

/* Operands in one order, with as many dimensions as the one that has most. */
static fv_status operands(const fv_keras_node *n, fv_value *v, fv_order *order, int *rank)
{
    bool computed = false;
    *rank = 0;
    for (int i = 0; i < n->n_in; i++) {
        *rank = n->in[i]->shape.rank > *rank ? n->in[i]->shape.rank : *rank;
        computed = computed || !n->in[i]->data;
    }
    if (!computed)
        return fv_keras_cannot(n, "none of its operands is computed");
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]->batched && n->in[i]->shape.rank != *rank)
            return fv_keras_cannot(n, "operands of %d and %d dimensions", n->in[i]->shape.rank, *rank);
    *order = fv_import_common(n->in, n->n_in, *rank);
    for (int i = 0; i < n->n_in; i++)
        v[i] = fv_import_get_ranked(n->im, n->in[i], *order, *rank);
    return n->im->model->error;
}

static fv_status fold(const fv_keras_node *n, const char *op, double divisor)
{
    fv_value v[FV_KERAS_OPERANDS_MAX];
    fv_order order;
    int rank;
    FV_TRY(operands(n, v, &order, &rank));
    fv_value y = v[0];
    for (int i = 1; i < n->n_in; i++)
        y = fv_import_emit2(n->im, op, NULL, y, v[i]);
    if (divisor != 1.0)
        y = fv_import_emit2(n->im, "mul", NULL, y, fv_import_number(n->im, 1.0 / divisor));
    return fv_keras_result(n, y, order);
}

static fv_status map_add(const fv_keras_node *n)
{
    return fold(n, "add", 1.0);
}

static fv_status map_subtract(const fv_keras_node *n)
{
    FV_TRY(n->n_in == 2 ? FV_OK : fv_keras_cannot(n, "of %d operands", n->n_in));
    return fold(n, "sub", 1.0);
}

static fv_status map_multiply(const fv_keras_node *n)
{
    return fold(n, "mul", 1.0);
}

static fv_status map_average(const fv_keras_node *n)
{
    return fold(n, "add", n->n_in);
}

static fv_status map_maximum(const fv_keras_node *n)
{
    return fold(n, "max", 1.0);
}

static fv_status map_minimum(const fv_keras_node *n)
{
    return fold(n, "min", 1.0);
}

static fv_status map_concatenate(const fv_keras_node *n)
{
    fv_value v[FV_KERAS_OPERANDS_MAX];
    fv_order order;
    int rank, axis;
    FV_TRY(operands(n, v, &order, &rank));
    FV_TRY(fv_keras_axis(n, fv_keras_int(n, "axis", fv_keras_int(n, "concat_axis", -1)), &axis));
    if (n->n_in == 1)
        return fv_keras_same(n);
    const fv_axis_attr attr = {.axis = fv_import_axis(order, axis, rank)};
    fv_value y = v[0];
    for (int i = 1; i < n->n_in; i += FV_MAX_OPERANDS - 1) { /* a node takes so many */
        fv_value part[FV_MAX_OPERANDS] = {y};
        int count = 1;
        for (int k = i; k < n->n_in && count < FV_MAX_OPERANDS; k++)
            part[count++] = v[k];
        y = fv_import_emit(n->im, "concat", &attr, part, count);
    }
    return fv_keras_result(n, y, order);
}

const fv_keras_op fv_keras_merge_ops[] = {
    {"Add", map_add, NULL, NULL},
    {"Subtract", map_subtract, NULL, NULL},
    {"Multiply", map_multiply, NULL, NULL},
    {"Average", map_average, NULL, NULL},
    {"Maximum", map_maximum, NULL, NULL},
    {"Minimum", map_minimum, NULL, NULL},
    {"Concatenate", map_concatenate, NULL, NULL},
    {"Dot", NULL, NULL, "supported is Multiply"},
    {0},
};

/* As functions; see op_function.c for their names. */
const fv_keras_op fv_keras_function_merge_ops[] = {
    {"concat", map_concatenate, NULL, NULL},
    {"concatv2", map_concatenate, NULL, NULL},
    {0},
};
