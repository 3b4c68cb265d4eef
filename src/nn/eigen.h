/* SPDX-License-Identifier: Apache-2.0 */
/* Eigenvectors of symmetric matrices, and what of a matrix its largest singular values keep. */
#ifndef FV_NN_EIGEN_H
#define FV_NN_EIGEN_H

#include "base/ctx.h"

/*
 * values[i], descending, and vectors[i * n + j] (row i is the i-th eigenvector, of length 1, its largest component
 * above 0) of the symmetric a (n x n, both halves; destroyed). Householder's tridiagonal form, then QL with implicit
 * shifts (Golub and Van Loan, 8.3). In float64, every number one chain of operations: the same bits on any number of
 * threads. NO_MEMORY; INTERNAL when it does not converge, which NaN or infinite elements bring about.
 */
fv_status fv_eigen_symmetric(fv_ctx *ctx, double *a, int64_t n, double *values, double *vectors);

/*
 * The nearest matrix of rank `rank` to a (rows x columns, floats): left (rows x rank) times right (rank x columns),
 * both of the same size component by component. singular: min(rows, columns) singular values, descending; rank is
 * chosen by `choose` from them, 1 to min(rows, columns). *left and *right are the caller's (fv_free).
 */
typedef struct fv_low_rank {
    int64_t rows, columns, rank;
    double *singular;
    float *left, *right;
    double error; /* |a - left right| / |a|, of the sums of squares; 0 where a is 0 */
} fv_low_rank;
typedef int64_t (*fv_rank_choice)(void *arg, const double *singular, int64_t count);
fv_status fv_low_rank_find(fv_ctx *ctx, const float *a, int64_t rows, int64_t columns, fv_rank_choice choose, void *arg,
                           fv_low_rank *found);
void fv_low_rank_clear(fv_ctx *ctx, fv_low_rank *found);
/* Bytes that it needs at once. */
int64_t fv_low_rank_bytes(int64_t rows, int64_t columns);

#endif
