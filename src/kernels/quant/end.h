/* SPDX-License-Identifier: Apache-2.0 */
/* Factors of vectors of integers, and what the sources of this family share. */
#ifndef FV_KERNELS_QUANT_END_H
#define FV_KERNELS_QUANT_END_H

#include "kernels/quant/quant.h"
#include "kernels/simd/simd_fixed.h"

#define FV_INLINE static inline __attribute__((always_inline))

/* Factors of a vector of lanes. `slow`: numbers that have no vector code. */
typedef struct end_lanes {
    vi mul, left, right, mask, half;
    int slow, lefts;
} end_lanes;

FV_INLINE vi clamp_lanes(vi x, vi low, vi high)
{
    return vi_min(vi_max(x, low), high);
}

FV_INLINE end_lanes end_set(vi mul, vi shift)
{
    const vi zero = vi_set1(0), one = vi_set1(1);
    end_lanes e = {.mul = mul, .left = clamp_lanes(shift, zero, vi_set1(30))};
    e.right = vi_sub(zero, clamp_lanes(shift, vi_set1(-31), zero));
    e.mask = vi_sub(vi_shlv(one, e.right), one);
    e.half = vi_sar(e.mask, 1);
    e.lefts = vm_any(vi_gt(e.left, zero));
    e.slow = vm_any(vi_eq(mul, vi_set1(INT32_MIN)));
    return e;
}

/* x times the factors, rounded twice; not of slow ones. */
FV_INLINE vi end_twice(const end_lanes *e, vi x)
{
    x = vi_mul_round(e->lefts ? vi_shlv(x, e->left) : x, e->mul);
    const vi rest = vi_and(x, e->mask), half = vi_add(e->half, vi_shr(x, 31)), y = vi_sarv(x, e->right);
    return vi_select(vi_gt(rest, half), vi_add(y, vi_set1(1)), y);
}

void FV_SYM(fv_quant_add)(const fv_q_add *a, int64_t n, const uint8_t *x, const uint8_t *y, uint8_t *dst);
void FV_SYM(fv_quant_mul)(const fv_q_mul *m, int64_t n, const uint8_t *x, const uint8_t *y, uint8_t *dst);
void FV_SYM(fv_quant_max)(uint8_t flip, int64_t n, const uint8_t *src, uint8_t *dst);
void FV_SYM(fv_quant_sum)(fv_q_byte byte, int64_t rows, int64_t c, const uint8_t *src, int64_t step, int32_t *sum);
void FV_SYM(fv_quant_quantize)(const fv_q_round *to, int64_t n, const float *src, uint8_t *dst);
void FV_SYM(fv_quant_range)(int64_t n, const float *src, float range[2]);
void FV_SYM(fv_quant_quantize_sample)(const fv_q_sample *to, int64_t n, const float *src, uint8_t *dst);

#endif
