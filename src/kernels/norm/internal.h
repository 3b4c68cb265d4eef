/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of the norm table that have a file of their own. */
#ifndef FV_KERNELS_NORM_INTERNAL_H
#define FV_KERNELS_NORM_INTERNAL_H

#include "kernels/norm/norm.h"
#include "kernels/simd/simd.h"

void FV_SYM(fv_norm_layer_stats)(int64_t rows, int64_t c, float eps, const float *src, float *stats);
void FV_SYM(fv_norm_layer)(int64_t rows, int64_t c, float eps, const float *src, const float *scale, const float *shift,
                           float *dst);
void FV_SYM(fv_norm_layer_grad)(int64_t rows, int64_t c, float eps, const float *src, const float *scale,
                                const float *d_dst, float *d_src);
void FV_SYM(fv_norm_layer_grad_scale)(int64_t rows, int64_t c, int64_t stride, const float *src, const float *d_dst,
                                      const float *stats, double *sum);

#endif
