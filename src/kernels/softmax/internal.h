/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_KERNELS_SOFTMAX_INTERNAL_H
#define FV_KERNELS_SOFTMAX_INTERNAL_H

#include "kernels/simd/simd.h"
#include "kernels/softmax/softmax.h"

void FV_SYM(fv_sm_loss)(fv_loss_kind kind, float delta, int64_t rows, int64_t c, const float *src, const float *target,
                        float *losses);
void FV_SYM(fv_sm_loss_grad)(fv_loss_kind kind, float delta, float scale, int64_t n, const float *src,
                             const float *target, float *d_src);

#endif
