/* SPDX-License-Identifier: Apache-2.0 */
/* Elementary functions and sums of float64 as fixed sequences of operations: libraries of other machines round
 * otherwise. */
#include <math.h>

#include "transfer/solve.h"

#define LN2_HIGH 0.693147180369123816490 /* its last bits are 0, so that k times it is exact */
#define LN2_LOW  1.90821492927058770002e-10

/* x = k ln 2 + r, |r| <= ln 2 / 2: 2^k times the Taylor series of e^r. */
double fv_exp64(double x)
{
    if (x < -745.0)
        return 0.0;
    const double k = floor(x * 1.4426950408889634 + 0.5), r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double sum = 1.0;
    for (int n = 14; n >= 1; n--)
        sum = 1.0 + sum * r / (double)n;
    return ldexp(sum, (int)k);
}

/* 2 atanh(f) = 2 (f + f^3 / 3 + f^5 / 5 + ...) for |f| <= 1/3. */
static double twice_atanh(double f)
{
    const double g = f * f;
    double sum = 0.0;
    for (int k = 35; k >= 1; k -= 2)
        sum = sum * g + 1.0 / (double)k;
    return 2.0 * f * sum;
}

double fv_log1p64(double t)
{
    return twice_atanh(t / (2.0 + t));
}

double fv_log64(double x)
{
    int e;
    double m = frexp(x, &e); /* [0.5, 1) */
    if (m < 0.70710678118654752) {
        m *= 2.0;
        e--;
    }
    return (double)e * LN2_HIGH + ((double)e * LN2_LOW + twice_atanh((m - 1.0) / (m + 1.0)));
}

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
