/* SPDX-License-Identifier: Apache-2.0 */
/* Elementary functions of float64 with the same bits on every machine: libraries of other machines round otherwise. */
#ifndef FV_BASE_REAL_H
#define FV_BASE_REAL_H

/* e^x for x <= 700, log(1 + t) for t in [0, 1], log of a normal x > 0: to some units of the last place. */
double fv_exp64(double x);
double fv_log1p64(double t);
double fv_log64(double x);
/* base^exponent for base in [0, 1] and exponent >= 0, to some units of the last place of the exponent's product with
 * log(base). */
double fv_pow64(double base, double exponent);

#endif
