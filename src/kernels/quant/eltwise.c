/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and products of 8-bit integers of different scales, and what pools are made of; 8-bit integers from floats. */
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

void FV_SYM(fv_quant_mul)(const fv_q_mul *m, int64_t n, const uint8_t *x, const uint8_t *y, uint8_t *dst)
{
    const end_lanes e = end_set(vi_set1(m->mul), vi_set1(m->shift));
    const vi flip[2] = {vi_set1(m->byte[0].flip), vi_set1(m->byte[1].flip)};
    const vi zero[2] = {vi_set1(m->byte[0].zero), vi_set1(m->byte[1].zero)};
    const vi low = vi_set1(m->low), high = vi_set1(m->high), last = vi_set1(m->zero);
    for (int64_t i = 0; i < n; i += VF) {
        const vi u = vi_sub(vi_xor(vi_load_u8(x + i), flip[0]), zero[0]);
        const vi v = vi_sub(vi_xor(vi_load_u8(y + i), flip[1]), zero[1]);
        store_bytes(dst + i, vi_add(clamp_lanes(end_twice(&e, vi_mul(u, v)), low, high), last), n - i);
    }
}

/* Loops that compilers turn into vectors of bytes. */
void FV_SYM(fv_quant_max)(uint8_t flip, int64_t n, const uint8_t *restrict src, uint8_t *restrict dst)
{
    if (flip)
        for (int64_t i = 0; i < n; i++) {
            const int8_t a = (int8_t)src[i], b = (int8_t)dst[i];
            dst[i] = (uint8_t)(a > b ? a : b);
        }
    else
        for (int64_t i = 0; i < n; i++)
            dst[i] = src[i] > dst[i] ? src[i] : dst[i];
}

void FV_SYM(fv_quant_sum)(fv_q_byte byte, int64_t rows, int64_t c, const uint8_t *src, int64_t step, int32_t *sum)
{
    const vi flip = vi_set1(byte.flip), zero = vi_set1(byte.zero);
    for (int64_t j = 0; j < c; j += VF) {
        const int n = c - j >= VF ? VF : (int)(c - j);
        vi s = vi_load_n(sum + j, n);
        for (int64_t i = 0; i < rows; i++)
            s = vi_add(s, vi_sub(vi_xor(vi_load_u8(src + i * step + j), flip), zero));
        vi_store_n(sum + j, s, n);
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
