/* SPDX-License-Identifier: Apache-2.0 */
/* Activation functions that kernels can apply, alone or fused behind another kernel. Numbered as fv_activation is. */
#ifndef FV_KERNELS_ACT_H
#define FV_KERNELS_ACT_H

#include <stdbool.h>

typedef enum fv_act {
    FV_ACT_IDENTITY,     /* x */
    FV_ACT_RELU,         /* max(x, 0) */
    FV_ACT_RELU6,        /* min(max(x, 0), 6) */
    FV_ACT_LEAKY_RELU,   /* x > 0 ? x : alpha*x */
    FV_ACT_SIGMOID,      /* 1 / (1 + e^-x) */
    FV_ACT_TANH,         /* tanh(x) */
    FV_ACT_HARD_SIGMOID, /* min(max(x/6 + 1/2, 0), 1) */
    FV_ACT_HARD_SWISH,   /* x * hard_sigmoid(x) */
    FV_ACT_SILU,         /* x * sigmoid(x) */
    FV_ACT_COUNT
} fv_act;

/* Whether the derivative is written in terms of the output y (and of the input x otherwise). */
static inline bool fv_act_grad_uses_y(fv_act act)
{
    return act == FV_ACT_RELU || act == FV_ACT_RELU6 || act == FV_ACT_SIGMOID || act == FV_ACT_TANH;
}

#endif
