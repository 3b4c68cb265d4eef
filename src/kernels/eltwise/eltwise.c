/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/eltwise/eltwise.h"

#include "kernels/eltwise/internal.h"
#include "kernels/eltwise/vact.h"

FV_INLINE vf map_add(const vf *k, vf a, vf b)
{
    (void)k;
    return vf_add(a, b);
}

FV_INLINE vf map_sub(const vf *k, vf a, vf b)
{
    (void)k;
    return vf_sub(a, b);
}

FV_INLINE vf map_mul(const vf *k, vf a, vf b)
{
    (void)k;
    return vf_mul(a, b);
}

FV_INLINE vf map_div(const vf *k, vf a, vf b)
{
    (void)k;
    return vf_div(a, b);
}

/* vf_max gives b when either is NaN, so only a NaN in a has to be put back. */
FV_INLINE vf map_max(const vf *k, vf a, vf b)
{
    (void)k;
    return vf_select(vf_eq(a, a), vf_max(a, b), a);
}

FV_INLINE vf map_min(const vf *k, vf a, vf b)
{
    (void)k;
    return vf_select(vf_eq(a, a), vf_min(a, b), a);
}

static void run_add(int64_t n, const float *a, const float *b, float *dst)
{
    fv_map2(n, a, b, dst, map_add, NULL);
}

static void run_sub(int64_t n, const float *a, const float *b, float *dst)
{
    fv_map2(n, a, b, dst, map_sub, NULL);
}

static void run_mul(int64_t n, const float *a, const float *b, float *dst)
{
    fv_map2(n, a, b, dst, map_mul, NULL);
}

static void run_div(int64_t n, const float *a, const float *b, float *dst)
{
    fv_map2(n, a, b, dst, map_div, NULL);
}

static void run_max(int64_t n, const float *a, const float *b, float *dst)
{
    fv_map2(n, a, b, dst, map_max, NULL);
}

static void run_min(int64_t n, const float *a, const float *b, float *dst)
{
    fv_map2(n, a, b, dst, map_min, NULL);
}

static void (*const binary_table[FV_BINARY_COUNT])(int64_t, const float *, const float *, float *) = {
    [FV_BINARY_ADD] = run_add, [FV_BINARY_SUB] = run_sub, [FV_BINARY_MUL] = run_mul,
    [FV_BINARY_DIV] = run_div, [FV_BINARY_MAX] = run_max, [FV_BINARY_MIN] = run_min};

static void elt_binary(fv_binary op, int64_t n, const float *a, const float *b, float *dst)
{
    binary_table[op](n, a, b, dst);
}

static void elt_binary_channel(fv_binary op, int64_t rows, int64_t c, const float *a, const float *b, float *dst)
{
    for (int64_t i = 0; i < rows; i++)
        binary_table[op](c, a + i * c, b, dst + i * c);
}

static void elt_add_act(fv_activation act, float alpha, int64_t n, const float *a, const float *b, float *dst)
{
    vf k = vf_set1(alpha);
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        vf_store(dst + i, fv_vf_act(act, vf_add(vf_load(a + i), vf_load(b + i)), k));
    if (i < n) {
        int m = (int)(n - i);
        vf_store_n(dst + i, fv_vf_act(act, vf_add(vf_load_n(a + i, m), vf_load_n(b + i, m)), k), m);
    }
}

static void elt_fill(int64_t n, float value, float *dst)
{
    vf k = vf_set1(value);
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        vf_store(dst + i, k);
    if (i < n)
        vf_store_n(dst + i, k, (int)(n - i));
}

FV_INLINE vf map_affine(const vf *k, vf x)
{
    return vf_fma(x, k[0], k[1]);
}

static void elt_affine(int64_t n, float a, float b, const float *x, float *dst)
{
    vf k[2] = {vf_set1(a), vf_set1(b)};
    fv_map1(n, x, dst, map_affine, k);
}

FV_INLINE vf map_axpy(const vf *k, vf x, vf y)
{
    return vf_fma(k[0], x, y);
}

static void elt_axpy(int64_t n, float a, const float *x, const float *y, float *dst)
{
    vf k = vf_set1(a);
    fv_map2(n, x, y, dst, map_axpy, &k);
}

static void elt_scale_channel(int64_t rows, int64_t c, const float *src, const float *scale, float *dst)
{
    for (int64_t i = 0; i < rows; i++)
        fv_map2(c, src + i * c, scale, dst + i * c, map_mul, NULL);
}

static void elt_scale_channel_grad(int64_t rows, int64_t c, const float *src, const float *d_dst, float *d_scale)
{
    for (int64_t j = 0; j < c; j += VF) {
        int m = c - j < VF ? (int)(c - j) : VF;
        vd2 acc = vd2_zero();
        for (int64_t i = 0; i < rows; i++) {
            vf x = vf_load(src + i * c + j), dy = vf_load(d_dst + i * c + j);
            acc = vd2_fma(vf_to_vd2(x), vf_to_vd2(dy), acc);
        }
        vf_store_n(d_scale + j, vd2_to_vf(acc), m);
    }
}

/* Images have few channels, so a vector spans pixels: scale and shift are unrolled to a period of c vectors first. */
static void elt_u8_to_f32(int64_t rows, int64_t c, const uint8_t *src, const float *scale, const float *shift,
                          float *dst)
{
    enum { MAX_C = 8 };
    float a[MAX_C * VF], b[MAX_C * VF];
    int64_t n = rows * c, period = c * VF;
    if (c > MAX_C) {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < c; j += VF) {
                int m = c - j < VF ? (int)(c - j) : VF;
                vf y = vf_fma(vf_load_u8(src + i * c + j), vf_load(scale + j), vf_load(shift + j));
                vf_store_n(dst + i * c + j, y, m);
            }
        return;
    }
    for (int64_t i = 0; i < period; i++) {
        a[i] = scale[i % c];
        b[i] = shift[i % c];
    }
    for (int64_t i = 0; i < n; i += period)
        for (int64_t j = 0; j < period && i + j < n; j += VF) {
            vf y = vf_fma(vf_load_u8(src + i + j), vf_load(a + j), vf_load(b + j));
            int64_t left = n - i - j;
            if (left >= VF)
                vf_store(dst + i + j, y);
            else
                vf_store_n(dst + i + j, y, (int)left);
        }
}

static void elt_copy(int64_t rows, int64_t cols, const float *src, int64_t src_stride, float *dst, int64_t dst_stride)
{
    if (cols == src_stride && cols == dst_stride) {
        memmove(dst, src, (size_t)(rows * cols) * sizeof *dst);
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        memmove(dst + i * dst_stride, src + i * src_stride, (size_t)cols * sizeof *dst);
}

static void elt_channel_shuffle(int64_t rows, int64_t c, int64_t groups, const float *src, float *dst)
{
    int64_t per_group = c / groups;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t g = 0; g < groups; g++) {
            const float *from = src + i * c + g * per_group;
            float *to = dst + i * c + g;
            for (int64_t j = 0; j < per_group; j++)
                to[j * groups] = from[j];
        }
}

extern const fv_eltwise_kernels FV_SYM(fv_eltwise_kernels);
const fv_eltwise_kernels FV_SYM(fv_eltwise_kernels) = {
    .act = FV_SYM(fv_elt_act),
    .act_grad = FV_SYM(fv_elt_act_grad),
    .prelu = FV_SYM(fv_elt_prelu),
    .prelu_grad = FV_SYM(fv_elt_prelu_grad),
    .prelu_grad_slope = FV_SYM(fv_elt_prelu_grad_slope),
    .binary = elt_binary,
    .binary_channel = elt_binary_channel,
    .add_act = elt_add_act,
    .fill = elt_fill,
    .affine = elt_affine,
    .axpy = elt_axpy,
    .scale_channel = elt_scale_channel,
    .scale_channel_grad = elt_scale_channel_grad,
    .u8_to_f32 = elt_u8_to_f32,
    .copy = elt_copy,
    .channel_shuffle = elt_channel_shuffle,
    .resample = FV_SYM(fv_elt_resample),
    .lrn = FV_SYM(fv_elt_lrn),
    .lrn_grad = FV_SYM(fv_elt_lrn_grad),
    .dropout = FV_SYM(fv_elt_dropout),
};
