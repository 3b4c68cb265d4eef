/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/math/math.h"

#include "kernels/eltwise/map.h"
#include "kernels/math/vmath.h"

FV_INLINE vf map_exp(const vf *k, vf a)
{
    (void)k;
    return fv_vf_exp(a);
}

FV_INLINE vf map_log(const vf *k, vf a)
{
    (void)k;
    return fv_vf_log(a);
}

FV_INLINE vf map_log1p(const vf *k, vf a)
{
    (void)k;
    return fv_vf_log1p(a);
}

FV_INLINE vf map_tanh(const vf *k, vf a)
{
    (void)k;
    return fv_vf_tanh(a);
}

FV_INLINE vf map_sigmoid(const vf *k, vf a)
{
    (void)k;
    return fv_vf_sigmoid(a);
}

FV_INLINE vf map_normal(const vf *k, vf a)
{
    (void)k;
    vf bell;
    return fv_vf_normal(a, &bell);
}

FV_INLINE vf map_erf(const vf *k, vf a)
{
    (void)k;
    return fv_vf_erf(a);
}

static void run_exp(int64_t n, const float *src, float *dst)
{
    fv_map1(n, src, dst, map_exp, NULL);
}

static void run_log(int64_t n, const float *src, float *dst)
{
    fv_map1(n, src, dst, map_log, NULL);
}

static void run_log1p(int64_t n, const float *src, float *dst)
{
    fv_map1(n, src, dst, map_log1p, NULL);
}

static void run_tanh(int64_t n, const float *src, float *dst)
{
    fv_map1(n, src, dst, map_tanh, NULL);
}

static void run_sigmoid(int64_t n, const float *src, float *dst)
{
    fv_map1(n, src, dst, map_sigmoid, NULL);
}

static void run_normal(int64_t n, const float *src, float *dst)
{
    fv_map1(n, src, dst, map_normal, NULL);
}

static void run_erf(int64_t n, const float *src, float *dst)
{
    fv_map1(n, src, dst, map_erf, NULL);
}

extern const fv_math_kernels FV_SYM(fv_math_kernels);
const fv_math_kernels FV_SYM(fv_math_kernels) = {.exp = run_exp,
                                                 .log = run_log,
                                                 .log1p = run_log1p,
                                                 .tanh = run_tanh,
                                                 .sigmoid = run_sigmoid,
                                                 .erf = run_erf,
                                                 .normal = run_normal};

#ifdef FV_KERNEL_SCALAR
/* Every build has the scalar variant, so the wrappers live there. */
float fv_expf(float x)
{
    return fv_vf_exp(x);
}

float fv_logf(float x)
{
    return fv_vf_log(x);
}

float fv_log1pf(float x)
{
    return fv_vf_log1p(x);
}

float fv_tanhf(float x)
{
    return fv_vf_tanh(x);
}

float fv_sigmoidf(float x)
{
    return fv_vf_sigmoid(x);
}

float fv_erff(float x)
{
    return fv_vf_erf(x);
}

float fv_normalf(float x)
{
    vf bell;
    return fv_vf_normal(x, &bell);
}
#endif
