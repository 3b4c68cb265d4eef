/* SPDX-License-Identifier: Apache-2.0 */
/* vd2 and v16 in terms of vf and vd; included by simd.h only. */
#ifndef FV_KERNELS_SIMD_WIDE_H
#define FV_KERNELS_SIMD_WIDE_H

static inline vd2 vd2_zero(void)
{
    vd2 r;
    for (int i = 0; i < VD_PARTS; i++)
        r.v[i] = vd_zero();
    return r;
}

static inline vd2 vd2_set1(double x)
{
    vd2 r;
    for (int i = 0; i < VD_PARTS; i++)
        r.v[i] = vd_set1(x);
    return r;
}

static inline vd2 vd2_load(const double *p)
{
    vd2 r;
    for (int i = 0; i < VD_PARTS; i++)
        r.v[i] = vd_load(p + i * VD);
    return r;
}

/* Widens the VF floats at p exactly. */
static inline vd2 vd2_load_f32(const float *p)
{
    vd2 r;
    for (int i = 0; i < VD_PARTS; i++)
        r.v[i] = vd_load_f32(p + i * VD);
    return r;
}

static inline void vd2_store(double *p, vd2 a)
{
    for (int i = 0; i < VD_PARTS; i++)
        vd_store(p + i * VD, a.v[i]);
}

static inline vd2 vd2_add(vd2 a, vd2 b)
{
    for (int i = 0; i < VD_PARTS; i++)
        a.v[i] = vd_add(a.v[i], b.v[i]);
    return a;
}

static inline vd2 vd2_sub(vd2 a, vd2 b)
{
    for (int i = 0; i < VD_PARTS; i++)
        a.v[i] = vd_sub(a.v[i], b.v[i]);
    return a;
}

static inline vd2 vd2_mul(vd2 a, vd2 b)
{
    for (int i = 0; i < VD_PARTS; i++)
        a.v[i] = vd_mul(a.v[i], b.v[i]);
    return a;
}

static inline vd2 vd2_div(vd2 a, vd2 b)
{
    for (int i = 0; i < VD_PARTS; i++)
        a.v[i] = vd_div(a.v[i], b.v[i]);
    return a;
}

static inline vd2 vd2_sqrt(vd2 a)
{
    for (int i = 0; i < VD_PARTS; i++)
        a.v[i] = vd_sqrt(a.v[i]);
    return a;
}

static inline vd2 vd2_fma(vd2 a, vd2 b, vd2 c)
{
    for (int i = 0; i < VD_PARTS; i++)
        c.v[i] = vd_fma(a.v[i], b.v[i], c.v[i]);
    return c;
}

/* Widens exactly. */
static inline vd2 vf_to_vd2(vf a)
{
    vd2 r;
    r.v[0] = vf_to_vd_lo(a);
#if VD_PARTS == 2
    r.v[1] = vf_to_vd_hi(a);
#endif
    return r;
}

/* Narrows, rounding to nearest even. */
static inline vf vd2_to_vf(vd2 a)
{
    return vd_to_vf(a.v[0], a.v[VD_PARTS - 1]);
}

static inline v16 v16_set1(float x)
{
    v16 r;
    for (int i = 0; i < V16_PARTS; i++)
        r.v[i] = vf_set1(x);
    return r;
}

static inline v16 v16_zero(void)
{
    return v16_set1(0.0f);
}

static inline v16 v16_load(const float *p)
{
    v16 r;
    for (int i = 0; i < V16_PARTS; i++)
        r.v[i] = vf_load(p + i * VF);
    return r;
}

/* The lanes of part i that lie below n. */
static inline int v16_part(int n, int i)
{
    int left = n - i * VF;
    return left < 0 ? 0 : left > VF ? VF : left;
}

static inline v16 v16_load_n(const float *p, int n)
{
    v16 r;
    for (int i = 0; i < V16_PARTS; i++) {
        int m = v16_part(n, i);
        r.v[i] = m > 0 ? vf_load_n(p + i * VF, m) : vf_zero();
    }
    return r;
}

static inline void v16_store(float *p, v16 a)
{
    for (int i = 0; i < V16_PARTS; i++)
        vf_store(p + i * VF, a.v[i]);
}

static inline void v16_store_n(float *p, v16 a, int n)
{
    for (int i = 0; i < V16_PARTS; i++) {
        int m = v16_part(n, i);
        if (m > 0)
            vf_store_n(p + i * VF, a.v[i], m);
    }
}

/* Lanes from n on become 0. */
static inline v16 v16_first(v16 a, int n)
{
    for (int i = 0; i < V16_PARTS; i++) {
        int m = v16_part(n, i);
        if (m < VF)
            a.v[i] = vf_select(vm_first(m), a.v[i], vf_zero());
    }
    return a;
}

static inline v16 v16_add(v16 a, v16 b)
{
    for (int i = 0; i < V16_PARTS; i++)
        a.v[i] = vf_add(a.v[i], b.v[i]);
    return a;
}

static inline v16 v16_sub(v16 a, v16 b)
{
    for (int i = 0; i < V16_PARTS; i++)
        a.v[i] = vf_sub(a.v[i], b.v[i]);
    return a;
}

static inline v16 v16_mul(v16 a, v16 b)
{
    for (int i = 0; i < V16_PARTS; i++)
        a.v[i] = vf_mul(a.v[i], b.v[i]);
    return a;
}

static inline v16 v16_fma(v16 a, v16 b, v16 c)
{
    for (int i = 0; i < V16_PARTS; i++)
        c.v[i] = vf_fma(a.v[i], b.v[i], c.v[i]);
    return c;
}

static inline v16 v16_max(v16 a, v16 b)
{
    for (int i = 0; i < V16_PARTS; i++)
        a.v[i] = vf_max(a.v[i], b.v[i]);
    return a;
}

static inline v16 v16_min(v16 a, v16 b)
{
    for (int i = 0; i < V16_PARTS; i++)
        a.v[i] = vf_min(a.v[i], b.v[i]);
    return a;
}

/* Sum of the 16 lanes by the fixed tree: lane i plus lane i+8, then i+4, i+2, i+1. */
static inline float v16_sum(v16 a)
{
    for (int half = V16_PARTS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.v[i] = vf_add(a.v[i], a.v[i + half]);
    return vf_sum(a.v[0]);
}

/* Maximum by the same tree, each step vf_max(lane i, lane i + half). */
static inline float v16_hmax(v16 a)
{
    for (int half = V16_PARTS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.v[i] = vf_max(a.v[i], a.v[i + half]);
    return vf_hmax(a.v[0]);
}

#endif
