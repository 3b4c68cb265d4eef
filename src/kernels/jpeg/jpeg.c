/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/jpeg/jpeg.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <string.h>

#include "kernels/kernels.h"
#include "kernels/simd/simd.h"

#define FV_INLINE static inline __attribute__((always_inline))

/* Eight columns or rows at once; unsigned, so that what a broken file overflows is defined. */
typedef uint32_t u8x __attribute__((vector_size(32)));
typedef int32_t i8x __attribute__((vector_size(32)));
typedef int16_t h8x __attribute__((vector_size(16)));
typedef uint16_t g8x __attribute__((vector_size(16)));
typedef uint8_t b8x __attribute__((vector_size(8)));

enum { CONST_BITS = 13, PASS1_BITS = 2 };

/* cos and sin sums of the LLM flow graph times 2^13. */
#define C_0_298 2446
#define C_0_390 3196
#define C_0_541 4433
#define C_0_765 6270
#define C_0_899 7373
#define C_1_175 9633
#define C_1_501 12299
#define C_1_847 15137
#define C_1_961 16069
#define C_2_053 16819
#define C_2_562 20995
#define C_3_072 25172

/* Two numbers of 16 bits in each lane, and the sum of their products a ca + b cb, for which processors have one
 * instruction. */
#ifdef __AVX2__
#define JOIN(a, b) ((u8x)_mm256_blend_epi16((__m256i)(a), (__m256i)((b) << 16), 0xAA))
#define DOT(joined, ca, cb)                                                                                            \
    ((u8x)_mm256_madd_epi16((__m256i)(joined), _mm256_set1_epi32((int)((uint32_t)(cb) << 16 | ((ca)&0xFFFF)))))
#else
#define JOIN(a, b) (((a)&0xFFFF) | ((b) << 16))
#define DOT(joined, ca, cb)                                                                                            \
    ((u8x)((i8x)((joined) << 16) >> 16) * (uint32_t)(ca) + (u8x)((i8x)(joined) >> 16) * (uint32_t)(cb))
#endif

/* Sums and differences of the even part's four and the odd part's, rounded and shifted down. */
FV_INLINE void butterfly(const u8x e[4], const u8x o[4], const int shift, u8x v[8])
{
    for (int i = 0; i < 4; i++) {
        v[i] = (u8x)((i8x)(e[i] + o[3 - i]) >> shift);
        v[7 - i] = (u8x)((i8x)(e[i] - o[3 - i]) >> shift);
    }
}

/* One pass over v[0..7], lane by lane, of whose numbers the lower 16 bits count: in sound files they have no more. The
 * flow graph's sums of products are written out with the factors multiplied through. */
FV_INLINE void idct_pass(u8x v[8], const int shift)
{
    enum { ONE = 1 << CONST_BITS, K = C_1_175 };
    const u8x half = (u8x){0} + (1u << (shift - 1));
    const u8x p04 = JOIN(v[0], v[4]), p26 = JOIN(v[2], v[6]), p71 = JOIN(v[7], v[1]), p53 = JOIN(v[5], v[3]);
    const u8x t0 = DOT(p04, ONE, ONE) + half, t1 = DOT(p04, ONE, -ONE) + half;
    const u8x t2 = DOT(p26, C_0_541, C_0_541 - C_1_847), t3 = DOT(p26, C_0_541 + C_0_765, C_0_541);
    const u8x e[4] = {t0 + t3, t1 + t2, t1 - t2, t0 - t3};
    const u8x o[4] = {DOT(p71, C_0_298 - C_0_899 + K - C_1_961, K - C_0_899) + DOT(p53, K, K - C_1_961),
                      DOT(p71, K, K - C_0_390) + DOT(p53, C_2_053 - C_2_562 + K - C_0_390, K - C_2_562),
                      DOT(p71, K - C_1_961, K) + DOT(p53, K - C_2_562, C_3_072 - C_2_562 + K - C_1_961),
                      DOT(p71, K - C_0_899, C_1_501 - C_0_899 + K - C_0_390) + DOT(p53, K - C_0_390, K)};
    butterfly(e, o, shift, v);
}

/* The same where v[4] to v[7] are zero. */
FV_INLINE void idct_pass_low(u8x v[8], const int shift)
{
    enum { ONE = 1 << CONST_BITS, K = C_1_175 };
    const u8x half = (u8x){0} + (1u << (shift - 1));
    const u8x p02 = JOIN(v[0], v[2]), p13 = JOIN(v[1], v[3]);
    const u8x e[4] = {DOT(p02, ONE, C_0_541 + C_0_765) + half, DOT(p02, ONE, C_0_541) + half,
                      DOT(p02, ONE, -C_0_541) + half, DOT(p02, ONE, -C_0_541 - C_0_765) + half};
    const u8x o[4] = {DOT(p13, K - C_0_899, K - C_1_961), DOT(p13, K - C_0_390, K - C_2_562),
                      DOT(p13, K, C_3_072 - C_2_562 + K - C_1_961), DOT(p13, C_1_501 - C_0_899 + K - C_0_390, K)};
    butterfly(e, o, shift, v);
}

/* Interleaves the lower, or the upper, halves of each 128 bits of a and b by units of 4 or 8 bytes, or takes 128 bits
 * of each: the three steps of an 8 x 8 transpose. */
#define LOW4(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH4(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW8(a, b)  __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH8(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define FIRST(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define LAST(a, b)  __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)

FV_INLINE void transpose(u8x v[8])
{
    const u8x a0 = LOW4(v[0], v[1]), a1 = HIGH4(v[0], v[1]), a2 = LOW4(v[2], v[3]), a3 = HIGH4(v[2], v[3]);
    const u8x a4 = LOW4(v[4], v[5]), a5 = HIGH4(v[4], v[5]), a6 = LOW4(v[6], v[7]), a7 = HIGH4(v[6], v[7]);
    const u8x b0 = LOW8(a0, a2), b1 = HIGH8(a0, a2), b2 = LOW8(a1, a3), b3 = HIGH8(a1, a3);
    const u8x b4 = LOW8(a4, a6), b5 = HIGH8(a4, a6), b6 = LOW8(a5, a7), b7 = HIGH8(a5, a7);
    v[0] = FIRST(b0, b4);
    v[1] = FIRST(b1, b5);
    v[2] = FIRST(b2, b6);
    v[3] = FIRST(b3, b7);
    v[4] = LAST(b0, b4);
    v[5] = LAST(b1, b5);
    v[6] = LAST(b2, b6);
    v[7] = LAST(b3, b7);
}

/* Eight columns of eight values, 128 added and cut off to bytes, as rows. */
#ifdef __AVX2__
FV_INLINE void store_columns(const u8x v[8], uint8_t *dst, ptrdiff_t stride)
{
    const __m256i middle = _mm256_set1_epi16(128);
    const __m256i order = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9,
                                           13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m256i pair[4], quad[2];
    for (int i = 0; i < 4; i++)
        pair[i] = _mm256_adds_epi16(_mm256_packs_epi32((__m256i)v[2 * i], (__m256i)v[2 * i + 1]), middle);
    /* Each half: 4 columns of 4 rows -> 4 rows of 4 columns. */
    for (int i = 0; i < 2; i++)
        quad[i] = _mm256_shuffle_epi8(_mm256_packus_epi16(pair[2 * i], pair[2 * i + 1]), order);
    const __m256i even = _mm256_unpacklo_epi32(quad[0], quad[1]), odd = _mm256_unpackhi_epi32(quad[0], quad[1]);
    const __m128i rows[4] = {_mm256_castsi256_si128(even), _mm256_castsi256_si128(odd),
                             _mm256_extracti128_si256(even, 1), _mm256_extracti128_si256(odd, 1)};
    for (int i = 0; i < 4; i++) {
        _mm_storel_epi64((__m128i *)(dst + 2 * i * stride), rows[i]);
        _mm_storel_epi64((__m128i *)(dst + (2 * i + 1) * stride), _mm_unpackhi_epi64(rows[i], rows[i]));
    }
}
#else
FV_INLINE void store_columns(const u8x v[8], uint8_t *dst, ptrdiff_t stride)
{
    for (int i = 0; i < 8; i++) {
        const i8x p = (i8x)v[i] + 128;
        const i8x low = p & ~(p >> 31), over = low > 255;
        const b8x column = __builtin_convertvector((low & ~over) | (over & 255), b8x);
        for (int y = 0; y < 8; y++)
            dst[y * stride + i] = column[y];
    }
}
#endif

FV_INLINE void dequantize(const int16_t *coef, const uint16_t *quant, u8x *v)
{
    h8x c;
    g8x q;
    memcpy(&c, coef, sizeof c);
    memcpy(&q, quant, sizeof q);
    *v = (u8x) __builtin_convertvector((h8x)((g8x)c * q), i8x);
}

static void idct(const int16_t coef[64], const uint16_t quant[64], int last, uint8_t *dst, ptrdiff_t stride)
{
    u8x v[8];
    if (last < 10) { /* the triangle of rows and columns 0 to 3 */
        for (int i = 0; i < 4; i++)
            dequantize(coef + 8 * i, quant + 8 * i, &v[i]);
        idct_pass_low(v, CONST_BITS - PASS1_BITS);
        transpose(v);
        idct_pass_low(v, CONST_BITS + PASS1_BITS + 3);
    } else {
        for (int i = 0; i < 8; i++)
            dequantize(coef + 8 * i, quant + 8 * i, &v[i]);
        idct_pass(v, CONST_BITS - PASS1_BITS);
        transpose(v);
        idct_pass(v, CONST_BITS + PASS1_BITS + 3);
    }
    store_columns(v, dst, stride);
}

/* sqrt 2 x mean of cos((2 y + 1) u pi / 16) over the rows y of a part, in REDUCE_BITS: in two parts for u = 1, 3, 5, 7
 * of the first; in four for u = 2, 6, and u = 1, 3, 5, 7 of the first two. The others follow by symmetry. */
enum { REDUCE_BITS = 11, REDUCE_KEPT = 3 };
#define FACTOR(x) ((uint32_t)(int32_t)((x) * (1 << REDUCE_BITS) + ((x) < 0 ? -0.5 : 0.5)))
static const uint32_t of_two[4] = {FACTOR(0.90612745), FACTOR(-0.31818965), FACTOR(0.21260752), FACTOR(-0.18023996)};
static const uint32_t of_four[2][4] = {
    {FACTOR(1.28145772), FACTOR(0.44998811), FACTOR(-0.30067244), FACTOR(-0.25489779)},
    {FACTOR(0.53079717), FACTOR(-1.0863674), FACTOR(0.72588749), FACTOR(-0.10558212)}};

/* `low`: v[4] to v[7] are zero. */
#define ODD_SUM(v, f) ((v)[1] * (f)[0] + (v)[3] * (f)[1] + (low ? (u8x){0} : (v)[5] * (f)[2] + (v)[7] * (f)[3]))

FV_INLINE void reduce_pass(u8x v[8], int n, const int shift, const bool low)
{
    const u8x base = (v[0] << REDUCE_BITS) + (1u << (shift - 1));
    u8x out[4] = {base};
    if (n == 2) {
        const u8x o = ODD_SUM(v, of_two);
        out[0] = base + o;
        out[1] = base - o;
    } else if (n == 4) {
        const u8x e = v[2] * FACTOR(0.92387953) + (low ? (u8x){0} : v[6] * FACTOR(-0.38268343));
        const u8x o0 = ODD_SUM(v, of_four[0]), o1 = ODD_SUM(v, of_four[1]);
        out[0] = base + e + o0;
        out[1] = base - e + o1;
        out[2] = base - e - o1;
        out[3] = base + e - o0;
    }
    for (int i = 0; i < 8; i++)
        v[i] = i < n ? (u8x)((i8x)out[i] >> shift) : (u8x){0};
}

FV_INLINE void reduce_to(const int16_t coef[64], const uint16_t quant[64], int bw, int bh, const bool low, uint8_t *dst,
                         ptrdiff_t stride)
{
    u8x v[8];
    for (int i = 0; i < 8; i++) {
        if (i < 4 || !low)
            dequantize(coef + 8 * i, quant + 8 * i, &v[i]);
        else
            v[i] = (u8x){0};
    }
    reduce_pass(v, bh, REDUCE_BITS - REDUCE_KEPT, low);
    transpose(v);
    reduce_pass(v, bw, REDUCE_BITS + REDUCE_KEPT + 3, low);
    for (int j = 0; j < bw; j++) {
        const i8x p = (i8x)v[j] + 128;
        const i8x under = p & ~(p >> 31), over = under > 255;
        const i8x column = (under & ~over) | (over & 255);
        for (int i = 0; i < bh; i++)
            dst[i * stride + j] = (uint8_t)column[i];
    }
}

static void reduce(const int16_t coef[64], const uint16_t quant[64], int last, int bw, int bh, uint8_t *dst,
                   ptrdiff_t stride)
{
    if (bw == 2 && bh == 2 && last < 10)
        reduce_to(coef, quant, 2, 2, true, dst, stride);
    else if (bw == 2 && bh == 2)
        reduce_to(coef, quant, 2, 2, false, dst, stride);
    else if (bw == 4 && bh == 4 && last < 10)
        reduce_to(coef, quant, 4, 4, true, dst, stride);
    else if (bw == 4 && bh == 4)
        reduce_to(coef, quant, 4, 4, false, dst, stride);
    else
        reduce_to(coef, quant, bw, bh, false, dst, stride);
}

FV_INLINE uint8_t cut(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

#ifdef __AVX2__
/* (a c0 + b c1 + 2^15) >> 16 of 16 values, as 16 bits; c0 and c1 constants. */
FV_INLINE __m256i rotate(__m256i a, __m256i b, int c0, int c1)
{
    const __m256i c = _mm256_set1_epi32((int)((uint32_t)c1 << 16 | ((uint32_t)c0 & 0xFFFF)));
    const __m256i half = _mm256_set1_epi32(32768);
    const __m256i low = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), c), half);
    const __m256i high = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), c), half);
    return _mm256_packs_epi32(_mm256_srai_epi32(low, 16), _mm256_srai_epi32(high, 16));
}

FV_INLINE __m128i cut16(__m256i v)
{
    return _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

/* 16 pixels; multiples of 65536 in the factors are taken out, as they do not fit 16 bits. */
FV_INLINE void rgb16(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, uint8_t *dst)
{
    const __m256i center = _mm256_set1_epi16(128), none = _mm256_setzero_si256();
    const __m256i l16 = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)y));
    const __m256i b16 = _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)cb)), center);
    const __m256i r16 = _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)cr)), center);
    const __m128i r = cut16(_mm256_add_epi16(_mm256_add_epi16(l16, r16), rotate(r16, none, 91881 - 65536, 0)));
    const __m128i g = cut16(_mm256_sub_epi16(_mm256_add_epi16(l16, rotate(b16, r16, -22554, 65536 - 46802)), r16));
    const __m128i b = cut16(
        _mm256_add_epi16(_mm256_add_epi16(l16, _mm256_add_epi16(b16, b16)), rotate(b16, none, 116130 - 131072, 0)));
    /* Byte 3 i + k of the result is byte i of plane k. */
#define PICK(plane, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15)                              \
    _mm_shuffle_epi8(plane, _mm_setr_epi8(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15))
    const __m128i first = _mm_or_si128(_mm_or_si128(PICK(r, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5),
                                                    PICK(g, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1)),
                                       PICK(b, -1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1));
    const __m128i second =
        _mm_or_si128(_mm_or_si128(PICK(r, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1),
                                  PICK(g, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10)),
                     PICK(b, -1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1));
    const __m128i third =
        _mm_or_si128(_mm_or_si128(PICK(r, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1),
                                  PICK(g, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1)),
                     PICK(b, 10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15));
    _mm_storeu_si128((__m128i *)dst, first);
    _mm_storeu_si128((__m128i *)(dst + 16), second);
    _mm_storeu_si128((__m128i *)(dst + 32), third);
}
#endif

static void rgb(const uint8_t *restrict y, const uint8_t *restrict cb, const uint8_t *restrict cr, int64_t n,
                uint8_t *restrict dst)
{
    int64_t i = 0;
#ifdef __AVX2__
    for (; i + 16 <= n; i += 16)
        rgb16(y + i, cb + i, cr + i, dst + 3 * i);
#endif
    for (; i < n; i++) {
        const int32_t l = y[i], b = cb[i] - 128, r = cr[i] - 128;
        dst[3 * i] = cut(l + ((91881 * r + 32768) >> 16));
        dst[3 * i + 1] = cut(l + ((-22554 * b - 46802 * r + 32768) >> 16));
        dst[3 * i + 2] = cut(l + ((116130 * b + 32768) >> 16));
    }
}

static void up_across(const uint8_t *restrict src, int64_t n, uint8_t *restrict dst)
{
    for (int64_t i = 0; i < n; i++) {
        dst[2 * i] = (uint8_t)((3 * src[i] + src[i - 1] + 1) >> 2);
        dst[2 * i + 1] = (uint8_t)((3 * src[i] + src[i + 1] + 2) >> 2);
    }
}

static void up_both(const uint8_t *restrict near_row, const uint8_t *restrict far_row, int64_t n, uint8_t *restrict dst)
{
    for (int64_t i = 0; i < n; i++) {
        const int32_t before = 3 * near_row[i - 1] + far_row[i - 1], here = 3 * near_row[i] + far_row[i],
                      after = 3 * near_row[i + 1] + far_row[i + 1];
        dst[2 * i] = (uint8_t)((3 * here + before + 8) >> 4);
        dst[2 * i + 1] = (uint8_t)((3 * here + after + 7) >> 4);
    }
}

extern const fv_jpeg_kernels FV_SYM(fv_jpeg_kernels);
const fv_jpeg_kernels FV_SYM(fv_jpeg_kernels) = {idct, reduce, rgb, up_across, up_both};
