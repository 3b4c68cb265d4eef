/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of int16 in the lanes of vi (the lower half is the first), and fixed-point arithmetic.

   vi_load_pairs(p)       2 * VF unsigned bytes as VF pairs
   vi_sub_pairs(a, b)     both halves by themselves
   vi_madd(a, b)          a0*b0 + a1*b1 (not both pairs -32768)
   vi_shlv(a, n), vi_sarv(a, n)   every lane by a count of its own, 0..31
   vi_mul_round(a, b)     a * b / 2^31, halves up (not both INT32_MIN) */
#ifndef FV_KERNELS_SIMD_FIXED_H
#define FV_KERNELS_SIMD_FIXED_H

#include "kernels/simd/simd.h"

#if VF == 16

static inline vi vi_load_pairs(const uint8_t *p)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p));
}
static inline vi vi_sub_pairs(vi a, vi b)
{
    return _mm512_sub_epi16(a, b);
}
static inline vi vi_madd(vi a, vi b)
{
    return _mm512_madd_epi16(a, b);
}
static inline vi vi_shlv(vi a, vi n)
{
    return _mm512_sllv_epi32(a, n);
}
static inline vi vi_sarv(vi a, vi n)
{
    return _mm512_srav_epi32(a, n);
}
static inline vi vi_min(vi a, vi b)
{
    return _mm512_min_epi32(a, b);
}
static inline vi vi_max(vi a, vi b)
{
    return _mm512_max_epi32(a, b);
}
static inline vi vi_mul_round(vi a, vi b)
{
    const vi half = _mm512_set1_epi64(1 << 30);
    const vi even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
    const vi odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), half);
    return _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
}

#elif VF == 8

static inline vi vi_load_pairs(const uint8_t *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
}
static inline vi vi_sub_pairs(vi a, vi b)
{
    return _mm256_sub_epi16(a, b);
}
static inline vi vi_madd(vi a, vi b)
{
    return _mm256_madd_epi16(a, b);
}
static inline vi vi_shlv(vi a, vi n)
{
    return _mm256_sllv_epi32(a, n);
}
static inline vi vi_sarv(vi a, vi n)
{
    return _mm256_srav_epi32(a, n);
}
static inline vi vi_min(vi a, vi b)
{
    return _mm256_min_epi32(a, b);
}
static inline vi vi_max(vi a, vi b)
{
    return _mm256_max_epi32(a, b);
}
static inline vi vi_mul_round(vi a, vi b)
{
    const vi half = _mm256_set1_epi64x(1 << 30);
    const vi even = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
    const vi odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), half);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa);
}

#elif VF == 4

static inline vi vi_load_pairs(const uint8_t *p)
{
    return vreinterpretq_s32_u16(vmovl_u8(vld1_u8(p)));
}
static inline vi vi_sub_pairs(vi a, vi b)
{
    return vreinterpretq_s32_s16(vsubq_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b)));
}
static inline vi vi_madd(vi a, vi b)
{
    const int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s32(b);
    return vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y));
}
static inline vi vi_shlv(vi a, vi n)
{
    return vshlq_s32(a, n);
}
static inline vi vi_sarv(vi a, vi n)
{
    return vshlq_s32(a, vnegq_s32(n));
}
static inline vi vi_min(vi a, vi b)
{
    return vminq_s32(a, b);
}
static inline vi vi_max(vi a, vi b)
{
    return vmaxq_s32(a, b);
}
static inline vi vi_mul_round(vi a, vi b)
{
    return vqrdmulhq_s32(a, b);
}

#else

static inline vi vi_load_pairs(const uint8_t *p)
{
    return p[0] | p[1] << 16;
}
static inline vi vi_sub_pairs(vi a, vi b)
{
    const uint32_t x = (uint32_t)a, y = (uint32_t)b;
    return (vi)(((x - y) & 0xffff) | ((x & 0xffff0000u) - (y & 0xffff0000u)));
}
static inline vi vi_madd(vi a, vi b)
{
    return (int16_t)a * (int16_t)b + (a >> 16) * (b >> 16);
}
static inline vi vi_shlv(vi a, vi n)
{
    return vi_shl(a, n);
}
static inline vi vi_sarv(vi a, vi n)
{
    return a >> n;
}
static inline vi vi_min(vi a, vi b)
{
    return a < b ? a : b;
}
static inline vi vi_max(vi a, vi b)
{
    return a > b ? a : b;
}
static inline vi vi_mul_round(vi a, vi b)
{
    return (vi)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

#endif

#endif
