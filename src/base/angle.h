/* SPDX-License-Identifier: Apache-2.0 */
/* Sine and cosine with the same bits on every machine. */
#ifndef FV_BASE_ANGLE_H
#define FV_BASE_ANGLE_H

/* sin and cos of 2 pi turns, to 2^-52; exact at multiples of a quarter. |turns| < 2^50. */
void fv_sincos_turns(double turns, double *sine, double *cosine);

#endif
