/* SPDX-License-Identifier: Apache-2.0 */
/* Eigenvectors of symmetric matrices. */
#ifndef FV_NN_EIGEN_H
#define FV_NN_EIGEN_H

#include "nn/divide.h"

/*
 * values[i], descending, of the symmetric a (n x n, of which the lower half counts; destroyed), and the first *count
 * eigenvectors, which `choose` says when the values are known: vectors[i * n + j], row i the i-th, of length 1, its
 * largest component above 0, in room for n x n. Householder's tridiagonal form, a panel of reflections at a time (Golub
 * and Van Loan, 8.3), then nn/divide.h. In float64, every number one chain of operations: the same bits on any number
 * of threads. NO_MEMORY; INTERNAL when it does not converge, which NaN or infinite elements bring about.
 */
fv_status fv_eigen_symmetric(fv_ctx *ctx, double *a, int64_t n, fv_count_choice choose, void *arg, double *values,
                             double *vectors, int64_t *count);
/* Bytes that it needs beside matrix and vectors. */
int64_t fv_eigen_bytes(int64_t n);

#endif
