/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of the eltwise table, one file each. */
#ifndef FV_KERNELS_ELTWISE_INTERNAL_H
#define FV_KERNELS_ELTWISE_INTERNAL_H

#include "kernels/eltwise/eltwise.h"
#include "kernels/simd/simd.h"

void FV_SYM(fv_elt_act)(fv_activation act, float alpha, int64_t n, const float *src, float *dst);
void FV_SYM(fv_elt_act_grad)(fv_activation act, float alpha, int64_t n, const float *ref, const float *d_dst,
                             float *d_src);
void FV_SYM(fv_elt_prelu)(int64_t rows, int64_t c, const float *src, const float *slope, float *dst);
void FV_SYM(fv_elt_prelu_grad)(int64_t rows, int64_t c, const float *src, const float *slope, const float *d_dst,
                               float *d_src);
void FV_SYM(fv_elt_prelu_grad_slope)(int64_t rows, int64_t c, const float *src, const float *d_dst, double *d_slope);
void FV_SYM(fv_elt_resample)(int64_t p0, int64_t p1, int64_t w, int64_t q, int64_t c, const fv_resample_axis *y,
                             const fv_resample_axis *x, const float *src, float *dst);
void FV_SYM(fv_elt_lrn)(int64_t rows, int64_t c, int size, float alpha, float beta, float k, const float *src,
                        float *dst);
void FV_SYM(fv_elt_lrn_grad)(int64_t rows, int64_t c, int size, float alpha, float beta, float k, const float *src,
                             const float *d_dst, float *d_src);
void FV_SYM(fv_elt_dropout)(const fv_dropout *d, int64_t first, int64_t n, const float *src, float *dst);

#endif
