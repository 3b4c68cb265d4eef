/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of float64 in an order of their own. */
#include "transfer/solve.h"

double fv_dot64(const double *a, const double *b, int64_t n)
{
    double sum[4] = {0};
    int64_t j = 0;
    for (; j + 4 <= n; j += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += a[j + k] * b[j + k];
    for (; j < n; j++)
        sum[0] += a[j] * b[j];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
