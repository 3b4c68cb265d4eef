/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary with one lane, in plain C. See simd.h for the rules. */
#ifndef FV_KERNELS_SIMD_SCALAR_H
#define FV_KERNELS_SIMD_SCALAR_H

#define VF 1

typedef float vf;
typedef int32_t vi;
typedef int vm;
typedef double vd;

static inline vf vf_zero(void)
{
    return 0.0f;
}
static inline vf vf_set1(float x)
{
    return x;
}
static inline vf vf_load(const float *p)
{
    return *p;
}
static inline void vf_store(float *p, vf a)
{
    *p = a;
}
static inline vf vf_load_n(const float *p, int n)
{
    return n > 0 ? *p : 0.0f;
}
static inline void vf_store_n(float *p, vf a, int n)
{
    if (n > 0)
        *p = a;
}
static inline vf vf_add(vf a, vf b)
{
    return a + b;
}
static inline vf vf_sub(vf a, vf b)
{
    return a - b;
}
static inline vf vf_mul(vf a, vf b)
{
    return a * b;
}
static inline vf vf_div(vf a, vf b)
{
    return a / b;
}
static inline vf vf_sqrt(vf a)
{
    return sqrtf(a);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return fmaf(a, b, c);
}
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return fmaf(-a, b, c);
}
static inline vf vf_neg(vf a)
{
    return -a;
}
static inline vf vf_abs(vf a)
{
    return fabsf(a);
}
static inline vf vf_round(vf a)
{
    return rintf(a);
}
static inline vf vf_max(vf a, vf b)
{
    return a > b ? a : b;
}
static inline vf vf_min(vf a, vf b)
{
    return a < b ? a : b;
}

static inline vm vf_lt(vf a, vf b)
{
    return a < b;
}
static inline vm vf_le(vf a, vf b)
{
    return a <= b;
}
static inline vm vf_gt(vf a, vf b)
{
    return a > b;
}
static inline vm vf_ge(vf a, vf b)
{
    return a >= b;
}
static inline vm vf_eq(vf a, vf b)
{
    return a == b;
}
static inline vm vm_and(vm a, vm b)
{
    return a & b;
}
static inline vm vm_or(vm a, vm b)
{
    return a | b;
}
static inline vm vm_not(vm a)
{
    return !a;
}
static inline int vm_any(vm a)
{
    return a;
}
static inline vm vm_first(int n)
{
    return n > 0;
}
static inline vf vf_select(vm m, vf a, vf b)
{
    return m ? a : b;
}

static inline vi vi_set1(int32_t x)
{
    return x;
}
static inline vi vi_load(const int32_t *p)
{
    return *p;
}
static inline void vi_store(int32_t *p, vi a)
{
    *p = a;
}
static inline vi vi_load_n(const int32_t *p, int n)
{
    return n > 0 ? *p : 0;
}
static inline void vi_store_n(int32_t *p, vi a, int n)
{
    if (n > 0)
        *p = a;
}
static inline vi vi_add(vi a, vi b)
{
    return (vi)((uint32_t)a + (uint32_t)b);
}
static inline vi vi_sub(vi a, vi b)
{
    return (vi)((uint32_t)a - (uint32_t)b);
}
static inline vi vi_mul(vi a, vi b)
{
    return (vi)((uint32_t)a * (uint32_t)b);
}
static inline vi vi_and(vi a, vi b)
{
    return a & b;
}
static inline vi vi_or(vi a, vi b)
{
    return a | b;
}
static inline vi vi_xor(vi a, vi b)
{
    return a ^ b;
}
static inline vi vi_shl(vi a, int n)
{
    return (vi)((uint32_t)a << n);
}
static inline vi vi_shr(vi a, int n)
{
    return (vi)((uint32_t)a >> n);
}
static inline vi vi_sar(vi a, int n)
{
    return a >> n;
}
static inline vm vi_eq(vi a, vi b)
{
    return a == b;
}
static inline vm vi_gt(vi a, vi b)
{
    return a > b;
}
static inline vi vi_select(vm m, vi a, vi b)
{
    return m ? a : b;
}

static inline vi vf_to_vi(vf a)
{
    /* Written so that NaN fails the test too. */
    if (!(a >= -2147483648.0f && a < 2147483648.0f))
        return INT32_MIN;
    return (vi)lrintf(a);
}
static inline vf vi_to_vf(vi a)
{
    return (float)a;
}
static inline vi vf_as_vi(vf a)
{
    vi r;
    memcpy(&r, &a, sizeof r);
    return r;
}
static inline vf vi_as_vf(vi a)
{
    vf r;
    memcpy(&r, &a, sizeof r);
    return r;
}

/* Upper 32 bits of the unsigned 64-bit product. */
static inline vi vi_mulhi_u32(vi a, vi b)
{
    return (vi)(uint32_t)(((uint64_t)(uint32_t)a * (uint32_t)b) >> 32);
}
/* VF unsigned bytes as floats. */
static inline vf vf_load_u8(const uint8_t *p)
{
    return (float)*p;
}

/* VF unsigned bytes as int32, and the low byte of each lane back. */
static inline vi vi_load_u8(const uint8_t *p)
{
    return *p;
}
static inline void vi_store_u8_n(uint8_t *p, vi a, int n)
{
    if (n > 0)
        *p = (uint8_t)a;
}

/* A half as a float: 1 sign, 5 exponent and 10 fraction bits. */
static inline vf vf_load_half(const uint16_t *p)
{
    const uint32_t sign = (uint32_t)(*p & 0x8000) << 16, exponent = *p >> 10 & 31, fraction = *p & 1023;
    uint32_t bits = sign | (exponent + 127 - 15) << 23 | fraction << 13;
    float x = (float)fraction * 0x1p-24f;
    if (exponent == 31) /* infinite, or a NaN, which becomes quiet */
        bits = sign | 0x7f800000 | fraction << 13 | (uint32_t)(fraction > 0) << 22;
    if (exponent > 0)
        memcpy(&x, &bits, sizeof x);
    return exponent > 0 || sign == 0 ? x : -x;
}
/* A float rounded to a half: to nearest, ties to even, from 65520 on infinite. */
static inline void vf_store_half(uint16_t *p, vf a)
{
    uint32_t bits;
    memcpy(&bits, &a, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    const uint32_t half = 0x3f000000, bias = 0x38000000; /* bits of 1/2; of what the exponents differ by */
    if (size > 0x7f800000) {                             /* a NaN, which becomes quiet */
        bits = 0x7e00 | (size >> 13 & 1023);
    } else if (size >= 0x477ff000) {
        bits = 0x7c00;
    } else if (size >= 0x38800000) { /* normal: a carry goes into the exponent */
        bits = (size - bias + 0xfff + (size >> 13 & 1)) >> 13;
    } else { /* in steps of 2^-24, which are those of floats from 1/2 to 1 */
        const float sum = fabsf(a) + 0.5f;
        memcpy(&bits, &sum, sizeof bits);
        bits -= half;
    }
    *p = (uint16_t)(sign | bits);
}
static inline vf vf_load_half_n(const uint16_t *p, int n)
{
    return n > 0 ? vf_load_half(p) : 0.0f;
}
static inline void vf_store_half_n(uint16_t *p, vf a, int n)
{
    if (n > 0)
        vf_store_half(p, a);
}

static inline vd vd_zero(void)
{
    return 0.0;
}
static inline vd vd_set1(double x)
{
    return x;
}
static inline vd vd_load(const double *p)
{
    return *p;
}
static inline vd vd_load_f32(const float *p)
{
    return (double)*p;
}
static inline void vd_store(double *p, vd a)
{
    *p = a;
}
static inline vd vd_add(vd a, vd b)
{
    return a + b;
}
static inline vd vd_sub(vd a, vd b)
{
    return a - b;
}
static inline vd vd_mul(vd a, vd b)
{
    return a * b;
}
static inline vd vd_div(vd a, vd b)
{
    return a / b;
}
static inline vd vd_sqrt(vd a)
{
    return sqrt(a);
}
static inline vd vd_fma(vd a, vd b, vd c)
{
    return fma(a, b, c);
}
static inline vd vf_to_vd_lo(vf a)
{
    return (double)a;
}
static inline vf vd_to_vf(vd lo, vd hi)
{
    (void)hi;
    return (float)lo;
}

static inline float vf_sum(vf a)
{
    return a;
}
static inline float vf_hmax(vf a)
{
    return a;
}
static inline void vf_transpose(vf r[VF])
{
    (void)r;
}

#endif
