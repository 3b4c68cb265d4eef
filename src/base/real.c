/* SPDX-License-Identifier: Apache-2.0 */
/* Elementary functions of float64 as fixed sequences of operations. */
#include "base/real.h"

#include <math.h>

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

double fv_pow64(double base, double exponent)
{
    if (exponent == 0.0)
        return 1.0;
    return base > 0.0 ? fv_exp64(exponent * fv_log64(base)) : 0.0;
}
