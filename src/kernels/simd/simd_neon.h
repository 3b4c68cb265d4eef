/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary on AArch64 Advanced SIMD (NEON). See simd.h for the rules. */
#ifndef FV_KERNELS_SIMD_NEON_H
#define FV_KERNELS_SIMD_NEON_H

#include <arm_neon.h>

#define VF 4

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm; /* all ones or all zeros per lane */
typedef float64x2_t vd;

static inline vm vm_first(int n)
{
    static const int32_t lane[4] = {0, 1, 2, 3};
    return vcgtq_s32(vdupq_n_s32(n), vld1q_s32(lane));
}

static inline vf vf_zero(void)
{
    return vdupq_n_f32(0.0f);
}
static inline vf vf_set1(float x)
{
    return vdupq_n_f32(x);
}
static inline vf vf_load(const float *p)
{
    return vld1q_f32(p);
}
static inline void vf_store(float *p, vf a)
{
    vst1q_f32(p, a);
}
/* No masked memory access here: one lane at a time, so that nothing behind lane n is touched. */
static inline vf vf_load_n(const float *p, int n)
{
    vf r = vf_zero();
    if (n >= 4)
        return vld1q_f32(p);
    if (n > 0)
        r = vld1q_lane_f32(p, r, 0);
    if (n > 1)
        r = vld1q_lane_f32(p + 1, r, 1);
    if (n > 2)
        r = vld1q_lane_f32(p + 2, r, 2);
    return r;
}
static inline void vf_store_n(float *p, vf a, int n)
{
    if (n >= 4) {
        vst1q_f32(p, a);
        return;
    }
    if (n > 0)
        vst1q_lane_f32(p, a, 0);
    if (n > 1)
        vst1q_lane_f32(p + 1, a, 1);
    if (n > 2)
        vst1q_lane_f32(p + 2, a, 2);
}
static inline vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return vsqrtq_f32(a);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return vfmsq_f32(c, a, b);
}
static inline vf vf_neg(vf a)
{
    return vnegq_f32(a);
}
static inline vf vf_abs(vf a)
{
    return vabsq_f32(a);
}
static inline vf vf_round(vf a)
{
    return vrndnq_f32(a);
}

static inline vm vf_lt(vf a, vf b)
{
    return vcltq_f32(a, b);
}
static inline vm vf_le(vf a, vf b)
{
    return vcleq_f32(a, b);
}
static inline vm vf_gt(vf a, vf b)
{
    return vcgtq_f32(a, b);
}
static inline vm vf_ge(vf a, vf b)
{
    return vcgeq_f32(a, b);
}
static inline vm vf_eq(vf a, vf b)
{
    return vceqq_f32(a, b);
}
static inline vm vm_and(vm a, vm b)
{
    return vandq_u32(a, b);
}
static inline vm vm_or(vm a, vm b)
{
    return vorrq_u32(a, b);
}
static inline vm vm_not(vm a)
{
    return vmvnq_u32(a);
}
static inline int vm_any(vm a)
{
    return vmaxvq_u32(a) != 0;
}
static inline vf vf_select(vm m, vf a, vf b)
{
    return vbslq_f32(m, a, b);
}

/* FMAX and FMIN treat NaN and signed zeros in another way than the rule, hence compare and select. */
static inline vf vf_max(vf a, vf b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

static inline vi vi_set1(int32_t x)
{
    return vdupq_n_s32(x);
}
static inline vi vi_load(const int32_t *p)
{
    return vld1q_s32(p);
}
static inline void vi_store(int32_t *p, vi a)
{
    vst1q_s32(p, a);
}
static inline vi vi_load_n(const int32_t *p, int n)
{
    return vreinterpretq_s32_f32(vf_load_n((const float *)p, n));
}
static inline void vi_store_n(int32_t *p, vi a, int n)
{
    vf_store_n((float *)p, vreinterpretq_f32_s32(a), n);
}
static inline vi vi_add(vi a, vi b)
{
    return vaddq_s32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return vsubq_s32(a, b);
}
static inline vi vi_mul(vi a, vi b)
{
    return vmulq_s32(a, b);
}
static inline vi vi_and(vi a, vi b)
{
    return vandq_s32(a, b);
}
static inline vi vi_or(vi a, vi b)
{
    return vorrq_s32(a, b);
}
static inline vi vi_xor(vi a, vi b)
{
    return veorq_s32(a, b);
}
static inline vi vi_shl(vi a, int n)
{
    return vshlq_s32(a, vdupq_n_s32(n));
}
static inline vi vi_shr(vi a, int n)
{
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-n)));
}
static inline vi vi_sar(vi a, int n)
{
    return vshlq_s32(a, vdupq_n_s32(-n));
}
static inline vm vi_eq(vi a, vi b)
{
    return vceqq_s32(a, b);
}
static inline vm vi_gt(vi a, vi b)
{
    return vcgtq_s32(a, b);
}
static inline vi vi_select(vm m, vi a, vi b)
{
    return vbslq_s32(m, a, b);
}

/* FCVTNS saturates and turns NaN into 0; the rule wants INT32_MIN for both. */
static inline vi vf_to_vi(vf a)
{
    vm in_range = vandq_u32(vcgeq_f32(a, vdupq_n_f32(-2147483648.0f)), vcltq_f32(a, vdupq_n_f32(2147483648.0f)));
    return vbslq_s32(in_range, vcvtnq_s32_f32(a), vdupq_n_s32(INT32_MIN));
}
static inline vf vi_to_vf(vi a)
{
    return vcvtq_f32_s32(a);
}
static inline vi vf_as_vi(vf a)
{
    return vreinterpretq_s32_f32(a);
}
static inline vf vi_as_vf(vi a)
{
    return vreinterpretq_f32_s32(a);
}

/* Upper 32 bits of the unsigned 64-bit product. */
static inline vi vi_mulhi_u32(vi a, vi b)
{
    uint32x4_t x = vreinterpretq_u32_s32(a), y = vreinterpretq_u32_s32(b);
    uint64x2_t lo = vmull_u32(vget_low_u32(x), vget_low_u32(y)), hi = vmull_high_u32(x, y);
    return vreinterpretq_s32_u32(vcombine_u32(vshrn_n_u64(lo, 32), vshrn_n_u64(hi, 32)));
}
/* VF unsigned bytes as floats. */
static inline vf vf_load_u8(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(word));
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}

/* VF unsigned bytes as int32, and the low byte of each of the first n lanes back. */
static inline vi vi_load_u8(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(word));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}
static inline void vi_store_u8_n(uint8_t *p, vi a, int n)
{
    uint16x4_t half = vmovn_u32(vreinterpretq_u32_s32(a));
    uint8x8_t bytes = vmovn_u16(vcombine_u16(half, half));
    uint8_t t[8];
    vst1_u8(t, bytes);
    memcpy(p, t, (size_t)n);
}

/* VF halves as floats, and floats rounded to halves. */
static inline vf vf_load_half(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
static inline void vf_store_half(uint16_t *p, vf a)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a)));
}
static inline vf vf_load_half_n(const uint16_t *p, int n)
{
    uint16_t t[VF] = {0};
    memcpy(t, p, (size_t)n * sizeof *p);
    return vf_load_half(t);
}
static inline void vf_store_half_n(uint16_t *p, vf a, int n)
{
    uint16_t t[VF];
    vf_store_half(t, a);
    memcpy(p, t, (size_t)n * sizeof *p);
}

static inline vd vd_zero(void)
{
    return vdupq_n_f64(0.0);
}
static inline vd vd_set1(double x)
{
    return vdupq_n_f64(x);
}
static inline vd vd_load(const double *p)
{
    return vld1q_f64(p);
}
static inline vd vd_load_f32(const float *p)
{
    return vcvt_f64_f32(vld1_f32(p));
}
static inline void vd_store(double *p, vd a)
{
    vst1q_f64(p, a);
}
static inline vd vd_add(vd a, vd b)
{
    return vaddq_f64(a, b);
}
static inline vd vd_sub(vd a, vd b)
{
    return vsubq_f64(a, b);
}
static inline vd vd_mul(vd a, vd b)
{
    return vmulq_f64(a, b);
}
static inline vd vd_div(vd a, vd b)
{
    return vdivq_f64(a, b);
}
static inline vd vd_sqrt(vd a)
{
    return vsqrtq_f64(a);
}
static inline vd vd_fma(vd a, vd b, vd c)
{
    return vfmaq_f64(c, a, b);
}
static inline vd vf_to_vd_lo(vf a)
{
    return vcvt_f64_f32(vget_low_f32(a));
}
static inline vd vf_to_vd_hi(vf a)
{
    return vcvt_high_f64_f32(a);
}
static inline vf vd_to_vf(vd lo, vd hi)
{
    return vcvt_high_f32_f64(vcvt_f32_f64(lo), hi);
}

/* Sum of the lanes by halves: i + (i+2), i + (i+1). */
static inline float vf_sum(vf a)
{
    float32x2_t b = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(b, 0) + vget_lane_f32(b, 1);
}

static inline float vf_hmax(vf a)
{
    float32x2_t lo = vget_low_f32(a), hi = vget_high_f32(a);
    float32x2_t b = vbsl_f32(vcgt_f32(lo, hi), lo, hi);
    float x = vget_lane_f32(b, 0), y = vget_lane_f32(b, 1);
    return x > y ? x : y;
}

/* r[i] lane j <-> r[j] lane i. */
static inline void vf_transpose(vf r[VF])
{
    float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

#endif
