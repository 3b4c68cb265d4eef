/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products in float64, for decompositions. */
#ifndef FV_NN_GEMM64_H
#define FV_NN_GEMM64_H

#include "base/ctx.h"

/* Element (i, j) at d or, where that is NULL, f + i * row + j * column. */
typedef struct fv_matrix64 {
    const double *d;
    const float *f;
    int64_t row, column;
} fv_matrix64;

/*
 * c[i * c_step + j] += sign * sum over t < k of a(i, t) b(t, j), for i < m, j < n; sign is 1 or -1. Every element is
 * one chain of fused multiply-adds over t in increasing order, on any instruction set and any number of threads. lower:
 * elements with j > i are left out, or have any value. c overlaps neither operand. NO_MEMORY.
 */
typedef struct fv_gemm64 {
    int64_t m, n, k;
    fv_matrix64 a, b;
    double *c;
    int64_t c_step;
    int sign;
    bool lower;
} fv_gemm64;
fv_status fv_gemm64_run(fv_ctx *ctx, const fv_gemm64 *g);
/* Bytes that it needs beside the operands. */
int64_t fv_gemm64_bytes(int64_t m, int64_t n);

#endif
