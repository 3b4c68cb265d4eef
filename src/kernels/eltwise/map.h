/* SPDX-License-Identifier: Apache-2.0 */
/* Loops over contiguous elements for kernels that compute element i of dst from element i of each operand. The function
   is a constant at every call, so that it is inlined. Full vectors, then one masked rest. dst may be an operand. */
#ifndef FV_KERNELS_MAP_H
#define FV_KERNELS_MAP_H

#include "kernels/simd/simd.h"

#define FV_INLINE static inline __attribute__((always_inline))

/* The first n of the VF doubles at p; the rest are 0. */
FV_INLINE vd2 fv_vd2_load_n(const double *p, int n)
{
    double t[VF] = {0};
    if (n == VF)
        return vd2_load(p);
    for (int i = 0; i < n; i++)
        t[i] = p[i];
    return vd2_load(t);
}

FV_INLINE void fv_vd2_store_n(double *p, vd2 a, int n)
{
    double t[VF];
    if (n == VF) {
        vd2_store(p, a);
        return;
    }
    vd2_store(t, a);
    for (int i = 0; i < n; i++)
        p[i] = t[i];
}

typedef vf (*fv_map1_fn)(const vf *k, vf a);
typedef vf (*fv_map2_fn)(const vf *k, vf a, vf b);
typedef vf (*fv_map3_fn)(const vf *k, vf a, vf b, vf c);

/* k: constants that f needs, loaded once by the caller; NULL when none. */
FV_INLINE void fv_map1(int64_t n, const float *a, float *dst, fv_map1_fn f, const vf *k)
{
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        vf_store(dst + i, f(k, vf_load(a + i)));
    if (i < n) {
        int m = (int)(n - i);
        vf_store_n(dst + i, f(k, vf_load_n(a + i, m)), m);
    }
}

FV_INLINE void fv_map2(int64_t n, const float *a, const float *b, float *dst, fv_map2_fn f, const vf *k)
{
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        vf_store(dst + i, f(k, vf_load(a + i), vf_load(b + i)));
    if (i < n) {
        int m = (int)(n - i);
        vf_store_n(dst + i, f(k, vf_load_n(a + i, m), vf_load_n(b + i, m)), m);
    }
}

FV_INLINE void fv_map3(int64_t n, const float *a, const float *b, const float *c, float *dst, fv_map3_fn f, const vf *k)
{
    int64_t i = 0;
    for (; i + VF <= n; i += VF)
        vf_store(dst + i, f(k, vf_load(a + i), vf_load(b + i), vf_load(c + i)));
    if (i < n) {
        int m = (int)(n - i);
        vf_store_n(dst + i, f(k, vf_load_n(a + i, m), vf_load_n(b + i, m), vf_load_n(c + i, m)), m);
    }
}

#endif
