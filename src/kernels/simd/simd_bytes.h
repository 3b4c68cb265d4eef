/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes and 16-bit pairs: vb is VB groups of 16 bytes (1 NEON, 2 AVX2, 4 AVX-512; none on scalar, whose kernels are
   plain loops). Everything happens within each group of 16 by itself, so that a group can be an image row.

   vb_gather(p)       group g from p[g]                 vb_scatter(p, a)   and back
   vb_shuffle(a, m)   byte i of a group = byte m[i] of it, 0 where m[i] >= 128
   vb_zip_lo(a, b)    a0 b0 a1 b1 ... of the lower 8 bytes of each group; vb_zip_hi of the upper
   vb_madd(a, b)      int16 pairs: a0*b0 + a1*b1 as int32 (not both pairs -32768)
   vb_hadd(a, b)      int32: a0+a1, a2+a3, b0+b1, b2+b3 of each group
   vb_narrow(a..d)    int32 to bytes, clamped to 0..255: the four of a, then of b, c, d in each group */
#ifndef FV_KERNELS_SIMD_BYTES_H
#define FV_KERNELS_SIMD_BYTES_H

#include "kernels/simd/simd.h"

#define VB        (VF / 4)
#define FV_INLINE static inline __attribute__((always_inline))

#if VF == 16

typedef __m512i vb;

static inline vi vb_as_vi(vb a)
{
    return a;
}
static inline vb vi_as_vb(vi a)
{
    return a;
}
static inline vb vb_zero(void)
{
    return _mm512_setzero_si512();
}
static inline vb vb_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline void vb_store(uint8_t *p, vb a)
{
    _mm512_storeu_si512(p, a);
}
static inline vb vb_gather(const uint8_t *const *p)
{
    vb a = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)p[0]));
    a = _mm512_inserti32x4(a, _mm_loadu_si128((const __m128i *)p[1]), 1);
    a = _mm512_inserti32x4(a, _mm_loadu_si128((const __m128i *)p[2]), 2);
    return _mm512_inserti32x4(a, _mm_loadu_si128((const __m128i *)p[3]), 3);
}
static inline void vb_scatter(uint8_t *const *p, vb a)
{
    _mm_storeu_si128((__m128i *)p[0], _mm512_castsi512_si128(a));
    _mm_storeu_si128((__m128i *)p[1], _mm512_extracti32x4_epi32(a, 1));
    _mm_storeu_si128((__m128i *)p[2], _mm512_extracti32x4_epi32(a, 2));
    _mm_storeu_si128((__m128i *)p[3], _mm512_extracti32x4_epi32(a, 3));
}
/* 16 bytes, the same in every group. */
static inline vb vb_repeat(const void *p)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)p));
}
/* Two int16, the same everywhere. */
static inline vb vb_pair(const int16_t *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
}
static inline vb vb_shuffle(vb a, vb m)
{
    return _mm512_shuffle_epi8(a, m);
}
static inline vb vb_zip_lo(vb a, vb b)
{
    return _mm512_unpacklo_epi8(a, b);
}
static inline vb vb_zip_hi(vb a, vb b)
{
    return _mm512_unpackhi_epi8(a, b);
}
static inline vi vb_madd(vb a, vb b)
{
    return _mm512_madd_epi16(a, b);
}
static inline vi vb_hadd(vi a, vi b)
{
    const __m512 x = _mm512_castsi512_ps(a), y = _mm512_castsi512_ps(b);
    return _mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(x, y, 0x88)),
                            _mm512_castps_si512(_mm512_shuffle_ps(x, y, 0xdd)));
}
static inline vb vb_narrow(vi a, vi b, vi c, vi d)
{
    return _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
}

#elif VF == 8

typedef __m256i vb;

static inline vi vb_as_vi(vb a)
{
    return a;
}
static inline vb vi_as_vb(vi a)
{
    return a;
}
static inline vb vb_zero(void)
{
    return _mm256_setzero_si256();
}
static inline vb vb_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
static inline void vb_store(uint8_t *p, vb a)
{
    _mm256_storeu_si256((__m256i *)p, a);
}
static inline vb vb_gather(const uint8_t *const *p)
{
    const vb a = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p[0]));
    return _mm256_inserti128_si256(a, _mm_loadu_si128((const __m128i *)p[1]), 1);
}
static inline void vb_scatter(uint8_t *const *p, vb a)
{
    _mm_storeu_si128((__m128i *)p[0], _mm256_castsi256_si128(a));
    _mm_storeu_si128((__m128i *)p[1], _mm256_extracti128_si256(a, 1));
}
/* 16 bytes, the same in every group. */
static inline vb vb_repeat(const void *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}
/* Two int16, the same everywhere. */
static inline vb vb_pair(const int16_t *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}
static inline vb vb_shuffle(vb a, vb m)
{
    return _mm256_shuffle_epi8(a, m);
}
static inline vb vb_zip_lo(vb a, vb b)
{
    return _mm256_unpacklo_epi8(a, b);
}
static inline vb vb_zip_hi(vb a, vb b)
{
    return _mm256_unpackhi_epi8(a, b);
}
static inline vi vb_madd(vb a, vb b)
{
    return _mm256_madd_epi16(a, b);
}
static inline vi vb_hadd(vi a, vi b)
{
    return _mm256_hadd_epi32(a, b);
}
static inline vb vb_narrow(vi a, vi b, vi c, vi d)
{
    return _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
}

#elif VF == 4

typedef uint8x16_t vb;

static inline vi vb_as_vi(vb a)
{
    return vreinterpretq_s32_u8(a);
}
static inline vb vi_as_vb(vi a)
{
    return vreinterpretq_u8_s32(a);
}
static inline vb vb_zero(void)
{
    return vdupq_n_u8(0);
}
static inline vb vb_load(const uint8_t *p)
{
    return vld1q_u8(p);
}
static inline void vb_store(uint8_t *p, vb a)
{
    vst1q_u8(p, a);
}
static inline vb vb_gather(const uint8_t *const *p)
{
    return vld1q_u8(p[0]);
}
static inline void vb_scatter(uint8_t *const *p, vb a)
{
    vst1q_u8(p[0], a);
}
/* 16 bytes, the same in every group. */
static inline vb vb_repeat(const void *p)
{
    return vld1q_u8(p);
}
/* Two int16, the same everywhere. */
static inline vb vb_pair(const int16_t *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return vreinterpretq_u8_s32(vdupq_n_s32(word));
}
static inline vb vb_shuffle(vb a, vb m)
{
    return vqtbl1q_u8(a, m);
}
static inline vb vb_zip_lo(vb a, vb b)
{
    return vzip1q_u8(a, b);
}
static inline vb vb_zip_hi(vb a, vb b)
{
    return vzip2q_u8(a, b);
}
static inline vi vb_madd(vb a, vb b)
{
    const int16x8_t x = vreinterpretq_s16_u8(a), y = vreinterpretq_s16_u8(b);
    return vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y));
}
static inline vi vb_hadd(vi a, vi b)
{
    return vpaddq_s32(a, b);
}
static inline vb vb_narrow(vi a, vi b, vi c, vi d)
{
    return vqmovun_high_s16(vqmovun_s16(vqmovn_high_s32(vqmovn_s32(a), b)), vqmovn_high_s32(vqmovn_s32(c), d));
}

#endif

#endif
