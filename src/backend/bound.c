/* SPDX-License-Identifier: Apache-2.0 */
/* How far a solver with bits of its own may be from the exact result. */
#include <math.h>
#include <string.h>

#include "backend/solver.h"

/* Largest of the sums of absolute weights along all axes of wei but one. */
static double largest_filter(const fv_shape *shape, fv_dtype dtype, const void *wei, int axis)
{
    const int64_t count = fv_shape_count(shape);
    int64_t inner = 1;
    double largest = 0.0;
    for (int i = axis + 1; i < shape->rank; i++)
        inner *= shape->dim[i];
    for (int64_t at = 0; at < shape->dim[axis]; at++) {
        double sum = 0.0;
        for (int64_t block = at * inner; block < count; block += shape->dim[axis] * inner)
            for (int64_t i = 0; i < inner; i++)
                sum += fabs(fv_get(dtype, wei, block + i));
        largest = fmax(largest, sum);
    }
    return largest;
}

static double largest_of(const fv_val *val, const void *x)
{
    double largest = 0.0;
    for (int64_t i = 0; i < fv_shape_count(&val->shape); i++)
        largest = fmax(largest, fabs(fv_get(val->dtype, x, i)));
    return largest;
}

static bool is_product(const fv_node *node)
{
    return node->n_in >= 2 && node->in[0] && node->in[1] &&
           (node->in[0]->dtype == FV_F32 || node->in[0]->dtype == FV_F16);
}

double fv_solver_bound(const fv_solver *solver, const fv_node *node, void *const *in)
{
    const fv_dtype dtype = is_product(node) ? node->in[0]->dtype : FV_F32;
    const double error = fv_solver_error(solver, dtype);
    if (error <= 0.0 || !is_product(node))
        return 0.0;
    const fv_shape *wei = &node->in[1]->shape;
    return error * largest_of(node->in[0], in[0]) *
           fmax(largest_filter(wei, dtype, in[1], 0), largest_filter(wei, dtype, in[1], wei->rank - 1));
}

/* Axis of wei of which each result meets one index; the others are summed over. */
static int result_axis(const fv_node *node)
{
    const fv_op *op = node->op;
    const bool first = !(op->traits & FV_T_BACKWARD) && op->letters && strchr("ko", op->letters[1][0]);
    return first ? 0 : node->in[1]->shape.rank - 1;
}

double fv_rounding_bound(const fv_solver *solver, const fv_node *node, void *const *in)
{
    if (!is_product(node))
        return 0.0;
    const fv_shape *wei = &node->in[1]->shape;
    const fv_dtype dtype = node->in[0]->dtype;
    const int axis = result_axis(node);
    double terms = largest_of(node->in[0], in[0]) * largest_filter(wei, dtype, in[1], axis), roundings = 8.0;
    for (int i = 2; i < node->n_in; i++)
        terms += node->in[i] && node->in[i]->dtype == dtype ? largest_of(node->in[i], in[i]) : 0.0;
    const double half = dtype == FV_F16 ? terms * 0x1p-11 + 0x1p-25 : 0.0; /* the rounding of the result */
    if (fv_solver_error(solver, dtype) <= 0.0)
        roundings += (double)(fv_shape_count(wei) / wei->dim[axis]);
    const double part = roundings * 0x1p-24; /* Higham, "Accuracy and Stability", 2002: gamma_n */
    return fv_solver_bound(solver, node, in) + (part < 0.5 ? part / (1.0 - part) : 1.0) * terms + half;
}
