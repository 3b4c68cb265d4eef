/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/eltwise/internal.h"
#include "kernels/eltwise/vact.h"

FV_INLINE vf map_none(const vf *k, vf x)
{
    (void)k;
    return x;
}

FV_INLINE vf map_relu(const vf *k, vf x)
{
    (void)k;
    return fv_vf_relu(x);
}

FV_INLINE vf map_relu6(const vf *k, vf x)
{
    (void)k;
    return fv_vf_relu6(x);
}

FV_INLINE vf map_leaky_relu(const vf *k, vf x)
{
    return fv_vf_leaky_relu(x, k[0]);
}

FV_INLINE vf map_sigmoid(const vf *k, vf x)
{
    (void)k;
    return fv_vf_sigmoid(x);
}

FV_INLINE vf map_tanh(const vf *k, vf x)
{
    (void)k;
    return fv_vf_tanh(x);
}

FV_INLINE vf map_hard_sigmoid(const vf *k, vf x)
{
    (void)k;
    return fv_vf_hard_sigmoid(x);
}

FV_INLINE vf map_hard_swish(const vf *k, vf x)
{
    (void)k;
    return fv_vf_hard_swish(x);
}

FV_INLINE vf map_silu(const vf *k, vf x)
{
    (void)k;
    return fv_vf_silu(x);
}

FV_INLINE vf map_gelu(const vf *k, vf x)
{
    (void)k;
    return fv_vf_gelu(x);
}

FV_INLINE vf map_gelu_tanh(const vf *k, vf x)
{
    (void)k;
    return fv_vf_gelu_tanh(x);
}

void FV_SYM(fv_elt_act)(fv_activation act, float alpha, int64_t n, const float *src, float *dst)
{
    vf k = vf_set1(alpha);
    switch (act) {
    case FV_RELU:
        fv_map1(n, src, dst, map_relu, NULL);
        break;
    case FV_RELU6:
        fv_map1(n, src, dst, map_relu6, NULL);
        break;
    case FV_LEAKY_RELU:
        fv_map1(n, src, dst, map_leaky_relu, &k);
        break;
    case FV_SIGMOID:
        fv_map1(n, src, dst, map_sigmoid, NULL);
        break;
    case FV_TANH:
        fv_map1(n, src, dst, map_tanh, NULL);
        break;
    case FV_HARD_SIGMOID:
        fv_map1(n, src, dst, map_hard_sigmoid, NULL);
        break;
    case FV_HARD_SWISH:
        fv_map1(n, src, dst, map_hard_swish, NULL);
        break;
    case FV_SILU:
        fv_map1(n, src, dst, map_silu, NULL);
        break;
    case FV_GELU:
        fv_map1(n, src, dst, map_gelu, NULL);
        break;
    case FV_GELU_TANH:
        fv_map1(n, src, dst, map_gelu_tanh, NULL);
        break;
    default:
        fv_map1(n, src, dst, map_none, NULL);
    }
}

FV_INLINE vf grad_none(const vf *k, vf r, vf dy)
{
    (void)k;
    (void)r;
    return dy;
}

FV_INLINE vf grad_relu(const vf *k, vf y, vf dy)
{
    (void)k;
    return fv_vf_relu_grad(y, dy);
}

FV_INLINE vf grad_relu6(const vf *k, vf y, vf dy)
{
    (void)k;
    return fv_vf_relu6_grad(y, dy);
}

FV_INLINE vf grad_leaky_relu(const vf *k, vf x, vf dy)
{
    return vf_select(vf_gt(x, vf_zero()), dy, vf_mul(dy, k[0]));
}

FV_INLINE vf grad_sigmoid(const vf *k, vf y, vf dy)
{
    (void)k;
    return vf_mul(dy, vf_mul(y, vf_sub(vf_set1(1.0f), y)));
}

FV_INLINE vf grad_tanh(const vf *k, vf y, vf dy)
{
    (void)k;
    return vf_mul(dy, vf_fnma(y, y, vf_set1(1.0f)));
}

FV_INLINE vf grad_hard_sigmoid(const vf *k, vf x, vf dy)
{
    (void)k;
    vm flat = vm_or(vf_le(x, vf_set1(-3.0f)), vf_ge(x, vf_set1(3.0f)));
    return vf_select(flat, vf_zero(), vf_mul(dy, vf_set1(1.0f / 6.0f)));
}

FV_INLINE vf grad_hard_swish(const vf *k, vf x, vf dy)
{
    (void)k;
    vf mid = vf_mul(dy, vf_fma(x, vf_set1(1.0f / 3.0f), vf_set1(0.5f)));
    vf y = vf_select(vf_ge(x, vf_set1(3.0f)), dy, mid);
    return vf_select(vf_le(x, vf_set1(-3.0f)), vf_zero(), y);
}

/* s + x*s*(1 - s) with s = sigmoid(x) */
FV_INLINE vf grad_silu(const vf *k, vf x, vf dy)
{
    (void)k;
    vf s = fv_vf_sigmoid(x);
    vf t = vf_fma(x, vf_sub(vf_set1(1.0f), s), vf_set1(1.0f));
    return vf_mul(dy, vf_mul(s, t));
}

/* What lies below x, plus x times the density there. */
FV_INLINE vf grad_gelu(const vf *k, vf x, vf dy)
{
    (void)k;
    vf bell, below = fv_vf_normal(x, &bell);
    return vf_mul(dy, vf_fma(vf_mul(x, vf_set1(0.3989422804f)), bell, below));
}

/* s + x*s*(1 - s)*u' with s = sigmoid(u) and u' = 2 sqrt(2 / pi) (1 + 3 * 0.044715 x^2), which is kept from growing
   where s*(1 - s) is 0. */
FV_INLINE vf grad_gelu_tanh(const vf *k, vf x, vf dy)
{
    (void)k;
    const vf one = vf_set1(1.0f);
    vf s = fv_vf_sigmoid(fv_vf_gelu_tanh_inner(x)), square = vf_min(vf_set1(1e8f), vf_mul(x, x));
    vf slope = vf_mul(vf_set1(1.5957691216f), vf_fma(square, vf_set1(3.0f * 0.044715f), one));
    vf t = vf_fma(vf_mul(x, vf_sub(one, s)), slope, one);
    return vf_mul(dy, vf_mul(s, t));
}

void FV_SYM(fv_elt_act_grad)(fv_activation act, float alpha, int64_t n, const float *ref, const float *d_dst,
                             float *d_src)
{
    vf k = vf_set1(alpha);
    switch (act) {
    case FV_RELU:
        fv_map2(n, ref, d_dst, d_src, grad_relu, NULL);
        break;
    case FV_RELU6:
        fv_map2(n, ref, d_dst, d_src, grad_relu6, NULL);
        break;
    case FV_LEAKY_RELU:
        fv_map2(n, ref, d_dst, d_src, grad_leaky_relu, &k);
        break;
    case FV_SIGMOID:
        fv_map2(n, ref, d_dst, d_src, grad_sigmoid, NULL);
        break;
    case FV_TANH:
        fv_map2(n, ref, d_dst, d_src, grad_tanh, NULL);
        break;
    case FV_HARD_SIGMOID:
        fv_map2(n, ref, d_dst, d_src, grad_hard_sigmoid, NULL);
        break;
    case FV_HARD_SWISH:
        fv_map2(n, ref, d_dst, d_src, grad_hard_swish, NULL);
        break;
    case FV_SILU:
        fv_map2(n, ref, d_dst, d_src, grad_silu, NULL);
        break;
    case FV_GELU:
        fv_map2(n, ref, d_dst, d_src, grad_gelu, NULL);
        break;
    case FV_GELU_TANH:
        fv_map2(n, ref, d_dst, d_src, grad_gelu_tanh, NULL);
        break;
    default:
        fv_map2(n, ref, d_dst, d_src, grad_none, NULL);
    }
}

FV_INLINE vf map_prelu(const vf *k, vf x, vf slope)
{
    (void)k;
    return fv_vf_leaky_relu(x, slope);
}

FV_INLINE vf map_prelu_grad(const vf *k, vf x, vf slope, vf dy)
{
    (void)k;
    return vf_select(vf_gt(x, vf_zero()), dy, vf_mul(dy, slope));
}

void FV_SYM(fv_elt_prelu)(int64_t rows, int64_t c, const float *src, const float *slope, float *dst)
{
    for (int64_t i = 0; i < rows; i++)
        fv_map2(c, src + i * c, slope, dst + i * c, map_prelu, NULL);
}

void FV_SYM(fv_elt_prelu_grad)(int64_t rows, int64_t c, const float *src, const float *slope, const float *d_dst,
                               float *d_src)
{
    for (int64_t i = 0; i < rows; i++)
        fv_map3(c, src + i * c, slope, d_dst + i * c, d_src + i * c, map_prelu_grad, NULL);
}

void FV_SYM(fv_elt_prelu_grad_slope)(int64_t rows, int64_t c, const float *src, const float *d_dst, double *d_slope)
{
    for (int64_t j = 0; j < c; j += VF) {
        int m = c - j < VF ? (int)(c - j) : VF;
        vd2 acc = fv_vd2_load_n(d_slope + j, m);
        for (int64_t i = 0; i < rows; i++) {
            vf x = vf_load_n(src + i * c + j, m), dy = vf_load_n(d_dst + i * c + j, m);
            vf used = vf_select(vf_gt(x, vf_zero()), vf_zero(), x);
            acc = vd2_fma(vf_to_vd2(used), vf_to_vd2(dy), acc);
        }
        fv_vd2_store_n(d_slope + j, acc, m);
    }
}
