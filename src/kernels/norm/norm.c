/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/norm/norm.h"

#include <math.h>

#include "kernels/eltwise/vact.h"
#include "kernels/norm/internal.h"

/* Rows taken together: the sums are loaded and stored once per group, and memory is read in few long streams. */
enum { GROUP = 4 };
/* Floats that a sum's operands are fetched ahead: a core alone does not ask memory for enough at a time. */
enum { AHEAD = 1024 };

/* One vector of columns of `rows` rows. */
FV_INLINE void sums_column(const int64_t rows, int64_t stride, const float *src, vd2 *sum, vd2 *square)
{
    vd2 s = *sum, t = *square;
    for (int64_t k = 0; k < rows; k++) {
        __builtin_prefetch(src + k * stride + AHEAD);
        vd2 x = vd2_load_f32(src + k * stride);
        s = vd2_add(s, x);
        t = vd2_fma(x, x, t);
    }
    *sum = s;
    *square = t;
}

static void norm_sums(int64_t rows, int64_t c, int64_t stride, const float *src, double *sum, double *square)
{
    for (int64_t i = 0; i < rows; i += GROUP, src += GROUP * stride) {
        const int64_t count = rows - i < GROUP ? rows - i : GROUP;
        int64_t j = 0;
        for (; j + VF <= c; j += VF) {
            vd2 s = vd2_load(sum + j), t = vd2_load(square + j);
            if (count == GROUP)
                sums_column(GROUP, stride, src + j, &s, &t);
            else
                sums_column(count, stride, src + j, &s, &t);
            vd2_store(sum + j, s);
            vd2_store(square + j, t);
        }
        if (j < c) {
            const int m = (int)(c - j);
            vd2 s = fv_vd2_load_n(sum + j, m), t = fv_vd2_load_n(square + j, m);
            sums_column(count, stride, src + j, &s, &t);
            fv_vd2_store_n(sum + j, s, m);
            fv_vd2_store_n(square + j, t, m);
        }
    }
}

static void norm_finalize(int64_t c, int64_t count, double eps, const double *sum, const double *square, float *mean,
                          float *var, float *rstd)
{
    for (int64_t j = 0; j < c; j++) {
        double m = sum[j] / (double)count;
        double v = square[j] / (double)count - m * m;
        /* Rounding can take a variance of zero below it; NaN must stay. */
        if (v < 0.0)
            v = 0.0;
        mean[j] = (float)m;
        var[j] = (float)v;
        rstd[j] = (float)(1.0 / sqrt(v + eps));
    }
}

static void norm_update(int64_t c, int64_t count, double momentum, const double *sum, const double *square,
                        float *running_mean, float *running_var)
{
    double free = count > 1 ? (double)(count - 1) : 1.0;
    for (int64_t j = 0; j < c; j++) {
        double mean = sum[j] / (double)count, v = square[j] / (double)count - mean * mean;
        if (v < 0.0)
            v = 0.0;
        double unbiased = v * (double)count / free;
        running_mean[j] = (float)((1.0 - momentum) * (double)running_mean[j] + momentum * mean);
        running_var[j] = (float)((1.0 - momentum) * (double)running_var[j] + momentum * unbiased);
    }
}

static void norm_rstd(int64_t c, double eps, const float *var, float *rstd)
{
    for (int64_t j = 0; j < c; j++)
        rstd[j] = (float)(1.0 / sqrt((double)var[j] + eps));
}

static void norm_coefficients(int64_t c, const float *gamma, const float *beta, const float *mean, const float *rstd,
                              float *scale, float *shift)
{
    for (int64_t j = 0; j < c; j++) {
        scale[j] = gamma ? gamma[j] * rstd[j] : rstd[j];
        shift[j] = fmaf(-mean[j], scale[j], beta ? beta[j] : 0.0f);
    }
}

static void norm_apply(fv_activation act, float alpha, int64_t rows, int64_t c, int64_t stride, const float *src,
                       const float *scale, const float *shift, float *dst)
{
    vf slope = vf_set1(alpha);
    for (int64_t i = 0; i < rows; i++, src += stride, dst += stride) {
        int64_t j = 0;
        for (; j + VF <= c; j += VF) {
            vf y = vf_fma(vf_load(src + j), vf_load(scale + j), vf_load(shift + j));
            vf_store(dst + j, fv_vf_act(act, y, slope));
        }
        if (j < c) {
            const int m = (int)(c - j);
            vf y = vf_fma(vf_load_n(src + j, m), vf_load(scale + j), vf_load(shift + j));
            vf_store_n(dst + j, fv_vf_act(act, y, slope), m);
        }
    }
}

FV_INLINE vf mask(const fv_activation act, vf dst, vf g)
{
    return act == FV_RELU ? fv_vf_relu_grad(dst, g) : act == FV_RELU6 ? fv_vf_relu6_grad(dst, g) : g;
}

FV_INLINE vf masked(const fv_activation act, const float *dst, const float *d_dst)
{
    return mask(act, vf_load(dst), vf_load(d_dst));
}

FV_INLINE vf masked_n(const fv_activation act, const float *dst, const float *d_dst, int n)
{
    return mask(act, vf_load_n(dst, n), vf_load_n(d_dst, n));
}

/* One vector of columns of `rows` rows. */
FV_INLINE void grad_sums_column(const fv_activation act, const int64_t rows, int64_t stride, const float *src,
                                const float *dst, const float *d_dst, vf mean, vd2 *sum, vd2 *dot)
{
    vd2 s = *sum, t = *dot;
    for (int64_t k = 0; k < rows; k++) {
        const int64_t at = k * stride;
        __builtin_prefetch(src + at + AHEAD);
        __builtin_prefetch(d_dst + at + AHEAD);
        if (act != FV_ACT_NONE)
            __builtin_prefetch(dst + at + AHEAD);
        vd2 g = vf_to_vd2(masked(act, dst + at, d_dst + at));
        s = vd2_add(s, g);
        t = vd2_fma(g, vf_to_vd2(vf_sub(vf_load(src + at), mean)), t);
    }
    *sum = s;
    *dot = t;
}

FV_INLINE void grad_sums(const fv_activation act, int64_t rows, int64_t c, int64_t stride, const float *src,
                         const float *dst, const float *d_dst, const float *mean, double *sum, double *dot)
{
    for (int64_t i = 0; i < rows; i += GROUP) {
        const int64_t count = rows - i < GROUP ? rows - i : GROUP;
        int64_t j = 0, at = i * stride;
        for (; j + VF <= c; j += VF, at += VF) {
            const vf mu = vf_load(mean + j);
            vd2 s = vd2_load(sum + j), t = vd2_load(dot + j);
            if (count == GROUP)
                grad_sums_column(act, GROUP, stride, src + at, dst + at, d_dst + at, mu, &s, &t);
            else
                grad_sums_column(act, count, stride, src + at, dst + at, d_dst + at, mu, &s, &t);
            vd2_store(sum + j, s);
            vd2_store(dot + j, t);
        }
        if (j < c) {
            const int m = (int)(c - j);
            vd2 s = fv_vd2_load_n(sum + j, m), t = fv_vd2_load_n(dot + j, m);
            grad_sums_column(act, count, stride, src + at, dst + at, d_dst + at, vf_load(mean + j), &s, &t);
            fv_vd2_store_n(sum + j, s, m);
            fv_vd2_store_n(dot + j, t, m);
        }
    }
}

static void norm_grad_sums(fv_activation act, int64_t rows, int64_t c, int64_t stride, const float *src,
                           const float *dst, const float *d_dst, const float *mean, double *sum, double *dot)
{
    if (act == FV_RELU)
        grad_sums(FV_RELU, rows, c, stride, src, dst, d_dst, mean, sum, dot);
    else if (act == FV_RELU6)
        grad_sums(FV_RELU6, rows, c, stride, src, dst, d_dst, mean, sum, dot);
    else
        grad_sums(FV_ACT_NONE, rows, c, stride, src, d_dst, d_dst, mean, sum, dot);
}

static void norm_grad_finalize(int64_t c, int64_t count, const double *sum, const double *dot, const float *gamma,
                               const float *rstd, float *d_gamma, float *d_beta, float *coefficients)
{
    for (int64_t j = 0; j < c; j++) {
        double r = (double)rstd[j], a = (gamma ? (double)gamma[j] : 1.0) * r;
        d_gamma[j] = (float)(dot[j] * r);
        d_beta[j] = (float)sum[j];
        coefficients[j] = (float)a;
        coefficients[c + j] = (float)(-a * r * r * dot[j] / (double)count);
        coefficients[2 * c + j] = (float)(-a * sum[j] / (double)count);
    }
}

FV_INLINE void grad_data(const fv_activation act, int64_t rows, int64_t c, int64_t stride, const float *src,
                         const float *dst, const float *d_dst, const float *mean, const float *coefficients,
                         int64_t total, float *d_src)
{
    const float *a = coefficients, *b = coefficients + total, *e = coefficients + 2 * total;
    for (int64_t i = 0; i < rows; i++) {
        int64_t j = 0, at = i * stride;
        for (; j + VF <= c; j += VF, at += VF) {
            vf g = masked(act, dst + at, d_dst + at);
            vf x = vf_sub(vf_load(src + at), vf_load(mean + j));
            vf_store(d_src + at, vf_fma(vf_load(a + j), g, vf_fma(vf_load(b + j), x, vf_load(e + j))));
        }
        if (j < c) { /* the row behind may be another thread's, which writes it in place */
            const int m = (int)(c - j);
            vf g = masked_n(act, dst + at, d_dst + at, m);
            vf x = vf_sub(vf_load_n(src + at, m), vf_load(mean + j));
            vf_store_n(d_src + at, vf_fma(vf_load(a + j), g, vf_fma(vf_load(b + j), x, vf_load(e + j))), m);
        }
    }
}

static void norm_grad_data(fv_activation act, int64_t rows, int64_t c, int64_t stride, const float *src,
                           const float *dst, const float *d_dst, const float *mean, const float *coefficients,
                           int64_t total, float *d_src)
{
    if (act == FV_RELU)
        grad_data(FV_RELU, rows, c, stride, src, dst, d_dst, mean, coefficients, total, d_src);
    else if (act == FV_RELU6)
        grad_data(FV_RELU6, rows, c, stride, src, dst, d_dst, mean, coefficients, total, d_src);
    else
        grad_data(FV_ACT_NONE, rows, c, stride, src, d_dst, d_dst, mean, coefficients, total, d_src);
}

static void norm_fold(int64_t n, double scale, const float *src, float *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (float)((double)src[i] * scale);
}

extern const fv_norm_kernels FV_SYM(fv_norm_kernels);
const fv_norm_kernels FV_SYM(fv_norm_kernels) = {.sums = norm_sums,
                                                 .finalize = norm_finalize,
                                                 .update = norm_update,
                                                 .rstd = norm_rstd,
                                                 .coefficients = norm_coefficients,
                                                 .apply = norm_apply,
                                                 .fold = norm_fold,
                                                 .grad_sums = norm_grad_sums,
                                                 .grad_finalize = norm_grad_finalize,
                                                 .grad_data = norm_grad_data,
                                                 .layer_stats = FV_SYM(fv_norm_layer_stats),
                                                 .layer = FV_SYM(fv_norm_layer),
                                                 .layer_grad = FV_SYM(fv_norm_layer_grad),
                                                 .layer_grad_scale = FV_SYM(fv_norm_layer_grad_scale)};
