/* SPDX-License-Identifier: Apache-2.0 */
/* Activations over a vf and their gradients; kernel sources only. NaN goes through every one of them. */
#ifndef FV_KERNELS_VACT_H
#define FV_KERNELS_VACT_H

#include "kernels/eltwise/act.h"
#include "kernels/eltwise/map.h"
#include "kernels/math/vmath.h"

/* The constant comes first: equal operands and NaN give the second one (simd.h), so NaN and -0 pass. */
FV_INLINE vf fv_vf_relu(vf x)
{
    return vf_max(vf_zero(), x);
}

FV_INLINE vf fv_vf_relu6(vf x)
{
    return vf_min(vf_set1(6.0f), fv_vf_relu(x));
}

FV_INLINE vf fv_vf_leaky_relu(vf x, vf alpha)
{
    return vf_select(vf_gt(x, vf_zero()), x, vf_mul(x, alpha));
}

FV_INLINE vf fv_vf_hard_sigmoid(vf x)
{
    vf t = vf_fma(x, vf_set1(1.0f / 6.0f), vf_set1(0.5f));
    return vf_min(vf_set1(1.0f), vf_max(vf_zero(), t));
}

FV_INLINE vf fv_vf_hard_swish(vf x)
{
    return vf_mul(x, fv_vf_hard_sigmoid(x));
}

FV_INLINE vf fv_vf_silu(vf x)
{
    return vf_mul(x, fv_vf_sigmoid(x));
}

FV_INLINE vf fv_vf_gelu(vf x)
{
    vf bell;
    return vf_mul(x, fv_vf_normal(x, &bell));
}

/* The argument of the sigmoid that x is multiplied by: 2 sqrt(2 / pi) (x + 0.044715 x^3). */
FV_INLINE vf fv_vf_gelu_tanh_inner(vf x)
{
    vf y = vf_fma(vf_mul(x, x), vf_set1(0.044715f), vf_set1(1.0f));
    return vf_mul(vf_mul(x, vf_set1(1.5957691216f)), y);
}

/* (1 + tanh(u)) / 2 = sigmoid(2 u) */
FV_INLINE vf fv_vf_gelu_tanh(vf x)
{
    return vf_mul(x, fv_vf_sigmoid(fv_vf_gelu_tanh_inner(x)));
}

/* d_src = d_dst masked where the output sits on a flat part. */
FV_INLINE vf fv_vf_relu_grad(vf y, vf dy)
{
    return vf_select(vf_le(y, vf_zero()), vf_zero(), dy);
}

FV_INLINE vf fv_vf_relu6_grad(vf y, vf dy)
{
    return vf_select(vm_or(vf_le(y, vf_zero()), vf_ge(y, vf_set1(6.0f))), vf_zero(), dy);
}

/* Any activation, for epilogues: the switch is on a value that does not change in the caller's loop. */
FV_INLINE vf fv_vf_act(fv_activation act, vf x, vf alpha)
{
    switch (act) {
    case FV_RELU:
        return fv_vf_relu(x);
    case FV_RELU6:
        return fv_vf_relu6(x);
    case FV_LEAKY_RELU:
        return fv_vf_leaky_relu(x, alpha);
    case FV_SIGMOID:
        return fv_vf_sigmoid(x);
    case FV_TANH:
        return fv_vf_tanh(x);
    case FV_HARD_SIGMOID:
        return fv_vf_hard_sigmoid(x);
    case FV_HARD_SWISH:
        return fv_vf_hard_swish(x);
    case FV_SILU:
        return fv_vf_silu(x);
    case FV_GELU:
        return fv_vf_gelu(x);
    case FV_GELU_TANH:
        return fv_vf_gelu_tanh(x);
    default:
        return x;
    }
}

#endif
