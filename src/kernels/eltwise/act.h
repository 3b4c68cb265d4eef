/* SPDX-License-Identifier: Apache-2.0 */
/* Activation functions in kernels, alone or fused behind another kernel: all of fv_activation but SOFTMAX. */
#ifndef FV_KERNELS_ACT_H
#define FV_KERNELS_ACT_H

#include <fovea/activation.h>

#include <stdbool.h>

/* Whether the derivative is written in terms of the output y (and of the input x otherwise). */
static inline bool fv_act_grad_uses_y(fv_activation act)
{
    return act == FV_RELU || act == FV_RELU6 || act == FV_SIGMOID || act == FV_TANH;
}

#endif
