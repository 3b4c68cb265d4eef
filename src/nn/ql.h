/* SPDX-License-Identifier: Apache-2.0 */
/* Eigenvectors of small symmetric tridiagonal matrices. */
#ifndef FV_NN_QL_H
#define FV_NN_QL_H

#include "base/ctx.h"

/* The largest. */
#define FV_QL_MOST 32

/*
 * By QL with implicit shifts (Golub and Van Loan, 8.3): d, the diagonal of n elements, becomes the eigenvalues, in no
 * order; e[i] stands beside d[i] and d[i + 1] (destroyed; e[n - 1] is 0). rows, `stride` apart, n elements each, are
 * turned with it: of the unit matrix they become the eigenvectors. INTERNAL when it does not converge.
 */
fv_status fv_ql(fv_ctx *ctx, double *d, double *e, int64_t n, double *rows, int64_t stride);

#endif
