/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/softmax/softmax.h"

#include <math.h>

#include "kernels/eltwise/map.h"
#include "kernels/math/vmath.h"
#include "kernels/softmax/internal.h"

/* Largest element; a NaN is passed over here and shows in the sum instead. */
static float row_max(int64_t c, const float *x)
{
    v16 best = v16_set1(-INFINITY);
    int64_t i = 0;
    for (; i + 16 <= c; i += 16)
        best = v16_max(v16_load(x + i), best);
    if (i < c) {
        float rest[16];
        for (int j = 0; j < 16; j++)
            rest[j] = i + j < c ? x[i + j] : -INFINITY;
        best = v16_max(v16_load(rest), best);
    }
    return v16_hmax(best);
}

FV_INLINE v16 exp16(v16 x)
{
    for (int i = 0; i < V16_PARTS; i++)
        x.v[i] = fv_vf_exp(x.v[i]);
    return x;
}

/* The sum of e^(x - max); the terms go to `terms` unless it is NULL. */
static float row_exp_sum(int64_t c, const float *x, float max, float *terms)
{
    v16 sum = v16_zero(), top = v16_set1(max);
    int64_t i = 0;
    for (; i + 16 <= c; i += 16) {
        v16 e = exp16(v16_sub(v16_load(x + i), top));
        if (terms)
            v16_store(terms + i, e);
        sum = v16_add(sum, e);
    }
    if (i < c) {
        int n = (int)(c - i);
        v16 e = v16_first(exp16(v16_sub(v16_load_n(x + i, n), top)), n);
        if (terms)
            v16_store_n(terms + i, e, n);
        sum = v16_add(sum, e);
    }
    return v16_sum(sum);
}

static float row_dot(int64_t c, const float *a, const float *b)
{
    v16 sum = v16_zero();
    int64_t i = 0;
    for (; i + 16 <= c; i += 16)
        sum = v16_fma(v16_load(a + i), v16_load(b + i), sum);
    if (i < c)
        sum = v16_fma(v16_load_n(a + i, (int)(c - i)), v16_load_n(b + i, (int)(c - i)), sum);
    return v16_sum(sum);
}

static float row_sum(int64_t c, const float *a)
{
    v16 sum = v16_zero();
    int64_t i = 0;
    for (; i + 16 <= c; i += 16)
        sum = v16_add(sum, v16_load(a + i));
    if (i < c)
        sum = v16_add(sum, v16_load_n(a + i, (int)(c - i)));
    return v16_sum(sum);
}

/* Sum of x - max, or of weight * (x - max) when weight is given. */
static float row_offset_sum(int64_t c, const float *x, float max, const float *weight)
{
    v16 sum = v16_zero(), top = v16_set1(max);
    for (int64_t i = 0; i < c; i += 16) {
        int n = c - i < 16 ? (int)(c - i) : 16;
        v16 d = v16_sub(v16_load_n(x + i, n), top);
        if (weight)
            sum = v16_fma(v16_first(d, n), v16_load_n(weight + i, n), sum);
        else
            sum = v16_add(sum, v16_first(d, n));
    }
    return v16_sum(sum);
}

FV_INLINE vf map_div(const vf *k, vf a)
{
    return vf_div(a, k[0]);
}

FV_INLINE vf map_log_softmax(const vf *k, vf a)
{
    return vf_sub(vf_sub(a, k[0]), k[1]);
}

FV_INLINE vf map_softmax_grad(const vf *k, vf y, vf dy)
{
    return vf_mul(y, vf_sub(dy, k[0]));
}

FV_INLINE vf map_log_softmax_grad(const vf *k, vf y, vf dy)
{
    return vf_fnma(fv_vf_exp(y), k[0], dy);
}

FV_INLINE float log_of(float x)
{
    float y[VF];
    vf_store(y, fv_vf_log(vf_set1(x)));
    return y[0];
}

static void sm_softmax(int64_t rows, int64_t c, const float *src, float *dst)
{
    for (int64_t i = 0; i < rows; i++, src += c, dst += c) {
        vf sum = vf_set1(row_exp_sum(c, src, row_max(c, src), dst));
        fv_map1(c, dst, dst, map_div, &sum);
    }
}

static void sm_softmax_grad(int64_t rows, int64_t c, const float *dst, const float *d_dst, float *d_src)
{
    for (int64_t i = 0; i < rows; i++) {
        vf dot = vf_set1(row_dot(c, dst + i * c, d_dst + i * c));
        fv_map2(c, dst + i * c, d_dst + i * c, d_src + i * c, map_softmax_grad, &dot);
    }
}

static void sm_log_softmax(int64_t rows, int64_t c, const float *src, float *dst)
{
    for (int64_t i = 0; i < rows; i++, src += c, dst += c) {
        float max = row_max(c, src);
        vf k[2] = {vf_set1(max), vf_set1(log_of(row_exp_sum(c, src, max, NULL)))};
        fv_map1(c, src, dst, map_log_softmax, k);
    }
}

static void sm_log_softmax_grad(int64_t rows, int64_t c, const float *dst, const float *d_dst, float *d_src)
{
    for (int64_t i = 0; i < rows; i++) {
        vf sum = vf_set1(row_sum(c, d_dst + i * c));
        fv_map2(c, dst + i * c, d_dst + i * c, d_src + i * c, map_log_softmax_grad, &sum);
    }
}

/* With d = x - max and L = log(sum e^d), -log_softmax = L - d, so a row's loss is
   (1 - e) * sum t*(L - d) + e/c * sum t * sum (L - d): a target times w is w times the loss, smoothed or not. */
static float row_cross_entropy(int64_t c, const float *x, const fv_targets *t, int64_t row)
{
    float max = row_max(c, x), log_sum = log_of(row_exp_sum(c, x, max, NULL)), loss, all = 1.0f;
    if (t->labels) {
        int32_t label = t->labels[row];
        if (label < 0 || label >= c)
            return NAN;
        loss = log_sum - (x[label] - max);
    } else {
        const float *soft = t->soft + row * c;
        all = row_sum(c, soft);
        loss = fmaf(all, log_sum, -row_offset_sum(c, x, max, soft));
    }
    if (t->smoothing == 0.0f)
        return loss;
    float even = log_sum - row_offset_sum(c, x, max, NULL) / (float)c;
    return fmaf(t->smoothing * all, even, (1.0f - t->smoothing) * loss);
}

static void sm_cross_entropy(int64_t rows, int64_t c, const float *src, const fv_targets *t, float *losses)
{
    for (int64_t i = 0; i < rows; i++)
        losses[i] = row_cross_entropy(c, src + i * c, t, i);
}

/* k: sum of exponentials, sum of targets, weight of the given target, even part of every target, scale */
FV_INLINE vf map_soft_grad(const vf *k, vf e, vf t)
{
    vf target = vf_fma(t, k[2], k[3]);
    return vf_mul(vf_sub(vf_mul(vf_div(e, k[0]), k[1]), target), k[4]);
}

FV_INLINE vf map_hard_grad(const vf *k, vf e)
{
    return vf_mul(vf_sub(vf_div(e, k[0]), k[3]), k[4]);
}

static void sm_cross_entropy_grad(int64_t rows, int64_t c, const float *src, const fv_targets *t, float scale,
                                  float *d_src)
{
    float keep = 1.0f - t->smoothing, even = t->smoothing / (float)c;
    for (int64_t i = 0; i < rows; i++) {
        const float *x = src + i * c;
        float *d = d_src + i * c;
        int32_t label = t->labels ? t->labels[i] : 0;
        bool valid = label >= 0 && label < c;
        /* d may be x: what the row needs of x is read before. */
        float own = valid ? x[label] : 0.0f, max = row_max(c, x), sum = row_exp_sum(c, x, max, d);
        vf k[5] = {vf_set1(sum), vf_set1(1.0f), vf_set1(keep), vf_set1(even), vf_set1(valid ? scale : NAN)};
        if (!t->labels) {
            const float all = row_sum(c, t->soft + i * c);
            k[1] = vf_set1(all);
            k[3] = vf_set1(even * all);
            fv_map2(c, d, t->soft + i * c, d, map_soft_grad, k);
            continue;
        }
        fv_map1(c, d, d, map_hard_grad, k);
        if (valid) {
            float e[VF];
            vf_store(e, fv_vf_exp(vf_set1(own - max)));
            d[label] = (e[0] / sum - (keep + even)) * scale;
        }
    }
}

extern const fv_softmax_kernels FV_SYM(fv_softmax_kernels);
const fv_softmax_kernels FV_SYM(fv_softmax_kernels) = {
    .softmax = sm_softmax,
    .softmax_grad = sm_softmax_grad,
    .log_softmax = sm_log_softmax,
    .log_softmax_grad = sm_log_softmax_grad,
    .cross_entropy = sm_cross_entropy,
    .cross_entropy_grad = sm_cross_entropy_grad,
    .loss = FV_SYM(fv_sm_loss),
    .loss_grad = FV_SYM(fv_sm_loss_grad),
};
