/* SPDX-License-Identifier: Apache-2.0 */
/* What reference loops share: roundings of one step, sums by shards, addresses of operands. */
#ifndef FV_OPS_REF_H
#define FV_OPS_REF_H

#include <math.h>

#include "ops/check.h"

#define FV_SHARDS_MAX 64

/* Steps of f16 are those of float32: what is stored as halves is computed in floats. */
static inline bool fv_steps_are_floats(fv_dtype dtype)
{
    return dtype == FV_F32 || dtype == FV_F16;
}

/* A value rounded to dtype once. */
static inline double fv_round(fv_dtype dtype, double x)
{
    return fv_steps_are_floats(dtype) ? (double)(float)x : x;
}

/* acc + a * b with one rounding: a step of a chain. */
static inline double fv_chain_fma(fv_dtype dtype, double acc, double a, double b)
{
    return fv_steps_are_floats(dtype) ? (double)fmaf((float)a, (float)b, (float)acc) : fma(a, b, acc);
}

/* acc + a with one rounding. Two floats added in double and rounded again give the float sum (53 >= 2 * 24 + 2). */
static inline double fv_chain_add(fv_dtype dtype, double acc, double a)
{
    return fv_round(dtype, acc + a);
}

/* Sums v[0..count) by a binary tree of neighbors: (0 + 1) + (2 + 3) and so on. Overwrites v. */
static inline double fv_tree_sum(fv_dtype dtype, double *v, int count)
{
    for (int step = 1; step < count; step *= 2)
        for (int i = 0; i + step < count; i += 2 * step)
            v[i] = fv_chain_add(dtype, v[i], v[i + step]);
    return v[0];
}

/* Shards that a run sums a batch of n by: what the call says, or the default where that does not divide n. */
static inline int fv_call_shards(const fv_call *call, int64_t n)
{
    if (call->shards > 0 && call->shards <= FV_SHARDS_MAX && n % call->shards == 0)
        return call->shards;
    return fv_shards(n);
}

/* How many values the whole batch has where the samples of this run have n. */
static inline int64_t fv_call_total(const fv_call *call, int64_t n)
{
    return call->piece > 0 ? n / call->piece * call->total : n;
}

/* Number in the whole batch of the first of n values that the samples of this run have. */
static inline int64_t fv_call_offset(const fv_call *call, int64_t n)
{
    return call->piece > 0 ? n / call->piece * call->offset : 0;
}

/* Address of operand i; NULL when absent. */
static inline const void *fv_call_in(const fv_call *call, int i)
{
    return i < call->node->n_in && call->node->in[i] != NULL ? call->in[i] : NULL;
}

static inline const int64_t *fv_in_dims(const fv_call *call, int i)
{
    return call->node->in[i]->shape.dim;
}

static inline const int64_t *fv_out_dims(const fv_call *call, int i)
{
    return call->node->out[i]->shape.dim;
}

/* Float type of the computation. */
static inline fv_dtype fv_call_dtype(const fv_call *call)
{
    return call->node->in[0]->dtype;
}

/* Product of all dimensions but the last. */
static inline int64_t fv_shape_rows(const fv_shape *shape)
{
    int64_t rows = 1;
    for (int d = 0; d + 1 < shape->rank; d++)
        rows *= shape->dim[d];
    return rows;
}

/* The last dimension. */
static inline int64_t fv_shape_last(const fv_shape *shape)
{
    return shape->dim[shape->rank - 1];
}

/* Index of element (a, b, c, d) in an array of 4 dimensions. */
static inline int64_t fv_index4(const int64_t *dim, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return ((a * dim[1] + b) * dim[2] + c) * dim[3] + d;
}

#endif
