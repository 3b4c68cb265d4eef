/* SPDX-License-Identifier: Apache-2.0 */
/* Eigenvectors of symmetric tridiagonal matrices. */
#ifndef FV_NN_DIVIDE_H
#define FV_NN_DIVIDE_H

#include "base/ctx.h"

/*
 * All eigenvalues, descending, of the n x n matrix with the diagonal d (destroyed) and e[i] beside d[i - 1] and d[i]
 * (e[0] unused), and the eigenvectors of the first *count of them as rows of `vectors` (n x n room, which is used);
 * `choose` says how many when the values are known. Divide and conquer (Cuppen, 1981), with the vectors' numerators
 * made anew from the roots (Gu and Eisenstat, 1995). In float64, every number one chain of operations: the same bits on
 * any number of threads. NO_MEMORY; INTERNAL when it does not converge, which NaN or infinite elements bring about.
 */
typedef int64_t (*fv_count_choice)(void *arg, const double *values, int64_t n);
fv_status fv_divide_tridiagonal(fv_ctx *ctx, double *d, double *e, int64_t n, fv_count_choice choose, void *arg,
                                double *values, double *vectors, int64_t *count);
/* Bytes that it needs beside the vectors. */
int64_t fv_divide_bytes(int64_t n);

#endif
