/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of 8-bit integers of different scales, and 8-bit integers from floats. */
#include "kernels/quant/end.h"

FV_INLINE void store_bytes(uint8_t *dst, vi x, int64_t left)
{
    vi_store_u8_n(dst, x, left >= VF ? VF : (int)left);
}

void FV_SYM(fv_quant_add)(const fv_q_add *a, int64_t n, const uint8_t *x, const uint8_t *y, uint8_t *dst)
{
    end_lanes e[3];
    vi flip[2], zero[2];
    for (int i = 0; i < 3; i++)
        e[i] = end_set(vi_set1(a->mul[i]), vi_set1(a->shift[i]));
    for (int i = 0; i < 2; i++) {
        flip[i] = vi_set1(a->byte[i].flip);
        zero[i] = vi_set1(a->byte[i].zero);
    }
    const vi low = vi_set1(a->low), high = vi_set1(a->high), last = vi_set1(a->zero);
    for (int64_t i = 0; i < n; i += VF) {
        const vi u = vi_shl(vi_sub(vi_xor(vi_load_u8(x + i), flip[0]), zero[0]), a->left);
        const vi v = vi_shl(vi_sub(vi_xor(vi_load_u8(y + i), flip[1]), zero[1]), a->left);
        const vi p = end_twice(&e[0], u), q = end_twice(&e[1], v);
        const vi sum = end_twice(&e[2], a->subtract ? vi_sub(p, q) : vi_add(p, q));
        store_bytes(dst + i, vi_add(clamp_lanes(sum, low, high), last), n - i);
    }
}

void FV_SYM(fv_quant_quantize)(const fv_q_round *to, int64_t n, const float *src, uint8_t *dst)
{
    const vf scale = vf_set1(to->scale), most = vf_set1(1e6f), one = vf_set1(1.0f), zero = vf_zero();
    const vi low = vi_set1(to->low), high = vi_set1(to->high), last = vi_set1(to->zero);
    for (int64_t i = 0; i < n; i += VF) {
        vf x = vf_div(vf_load(src + i), scale);
        x = vf_select(vf_eq(x, x), x, zero);
        /* To nearest; a half that went down to an even number goes up. */
        const vf size = vf_min(vf_abs(x), most), even = vf_round(size);
        const vf up = vf_select(vf_eq(vf_sub(size, even), vf_set1(0.5f)), vf_add(even, one), even);
        const vi q = vf_to_vi(vf_select(vf_lt(x, zero), vf_neg(up), up));
        store_bytes(dst + i, vi_add(clamp_lanes(q, low, high), last), n - i);
    }
}

void FV_SYM(fv_quant_range)(int64_t n, const float *src, float range[2])
{
    vf least = vf_set1(range[0] < 0.0f ? range[0] : 0.0f), most = vf_set1(range[1] > 0.0f ? range[1] : 0.0f);
    float lanes[2][VF];
    int64_t i = 0;
    for (; i + VF <= n; i += VF) {
        const vf x = vf_load(src + i);
        least = vf_min(x, least);
        most = vf_max(x, most);
    }
    if (i < n) {
        const vf x = vf_load_n(src + i, (int)(n - i));
        least = vf_min(x, least);
        most = vf_max(x, most);
    }
    vf_store(lanes[0], least);
    vf_store(lanes[1], most);
    for (int k = 0; k < VF; k++) {
        range[0] = k == 0 || lanes[0][k] < range[0] ? lanes[0][k] : range[0];
        range[1] = k == 0 || lanes[1][k] > range[1] ? lanes[1][k] : range[1];
    }
}

void FV_SYM(fv_quant_quantize_sample)(const fv_q_sample *to, int64_t n, const float *src, uint8_t *dst)
{
    const vf scale = vf_set1(to->scale), zero = vf_set1(to->zero), low = vf_set1(-128.0f), high = vf_set1(127.0f);
    for (int64_t i = 0; i < n; i += VF) {
        vf x = vf_add(vf_round(vf_mul(vf_load(src + i), scale)), zero);
        x = vf_select(vf_eq(x, x), vf_min(vf_max(x, low), high), vf_zero());
        store_bytes(dst + i, vf_to_vi(x), n - i);
    }
}
