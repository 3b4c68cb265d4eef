/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activation functions that kernels can apply, alone or fused behind another kernel: all of fv_activation but SOFTMAX.
 * relu max(x, 0); relu6 min(max(x, 0), 6); leaky_relu x > 0 ? x : alpha*x; sigmoid 1 / (1 + e^-x); tanh;
 * hard_sigmoid min(max(x/6 + 1/2, 0), 1); hard_swish x * hard_sigmoid(x); silu x * sigmoid(x).
 */
#ifndef FV_KERNELS_ACT_H
#define FV_KERNELS_ACT_H

#include <fovea/op.h>

/* Whether the derivative is written in terms of the output y (and of the input x otherwise). */
static inline bool fv_act_grad_uses_y(fv_activation act)
{
    return act == FV_RELU || act == FV_RELU6 || act == FV_SIGMOID || act == FV_TANH;
}

#endif
