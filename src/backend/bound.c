/* SPDX-License-Identifier: Apache-2.0 */
/* How far a solver with bits of its own may be from the exact result. */
#include <math.h>

#include "backend/solver.h"

/* Largest of the sums of absolute weights along all axes of wei but one. */
static double largest_filter(const fv_shape *shape, const float *wei, int axis)
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
                sum += fabs((double)wei[block + i]);
        largest = fmax(largest, sum);
    }
    return largest;
}

double fv_solver_bound(const fv_solver *solver, const fv_node *node, void *const *in)
{
    if (solver->error <= 0.0 || node->n_in < 2 || !node->in[0] || !node->in[1] || node->in[0]->dtype != FV_F32)
        return 0.0;
    const fv_shape *src = &node->in[0]->shape, *wei = &node->in[1]->shape;
    double largest = 0.0;
    for (int64_t i = 0; i < fv_shape_count(src); i++)
        largest = fmax(largest, fabs((double)((const float *)in[0])[i]));
    return solver->error * largest * fmax(largest_filter(wei, in[1], 0), largest_filter(wei, in[1], wei->rank - 1));
}
