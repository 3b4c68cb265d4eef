/* SPDX-License-Identifier: Apache-2.0 */
/* Layer normalization: every row by its own mean and variance. */
#include <math.h>

#include "kernels/eltwise/map.h"
#include "kernels/norm/internal.h"

/* x standardized is fma(x - mean, rstd, offset): `offset` is what the rounding of the mean left over, times -rstd. */
typedef struct row_stats {
    float mean, rstd, offset;
} row_stats;

/* The mean by 16 lanes, then sums of the distances from it and of their squares, which also put right the mean. */
FV_INLINE row_stats stats_of(int64_t c, const float *x, float eps)
{
    const int64_t whole = c - c % 16;
    const int rest = (int)(c - whole);
    v16 sum = v16_zero(), square = v16_zero();
    for (int64_t i = 0; i < whole; i += 16)
        sum = v16_add(sum, v16_load(x + i));
    if (rest > 0)
        sum = v16_add(sum, v16_load_n(x + whole, rest));
    const float mean = v16_sum(sum) / (float)c;
    const v16 center = v16_set1(mean);
    sum = v16_zero();
    for (int64_t i = 0; i < whole; i += 16) {
        const v16 d = v16_sub(v16_load(x + i), center);
        sum = v16_add(sum, d);
        square = v16_fma(d, d, square);
    }
    if (rest > 0) {
        const v16 d = v16_first(v16_sub(v16_load_n(x + whole, rest), center), rest);
        sum = v16_add(sum, d);
        square = v16_fma(d, d, square);
    }
    const float left = v16_sum(sum) / (float)c, var = fmaf(-left, left, v16_sum(square) / (float)c);
    /* Rounding can take a variance of zero below it; NaN must stay. */
    const float rstd = 1.0f / sqrtf((var < 0.0f ? 0.0f : var) + eps);
    return (row_stats){mean, rstd, -left * rstd};
}

void FV_SYM(fv_norm_layer_stats)(int64_t rows, int64_t c, float eps, const float *src, float *stats)
{
    for (int64_t i = 0; i < rows; i++, src += c, stats += 3) {
        const row_stats s = stats_of(c, src, eps);
        stats[0] = s.mean;
        stats[1] = s.rstd;
        stats[2] = s.offset;
    }
}

/* k: mean, rstd, offset */
FV_INLINE vf standard(const vf *k, vf x)
{
    return vf_fma(vf_sub(x, k[0]), k[1], k[2]);
}

FV_INLINE vf map_scale(const vf *k, vf x, vf scale)
{
    return vf_mul(standard(k, x), scale);
}

FV_INLINE vf map_shift(const vf *k, vf x, vf shift)
{
    return vf_add(standard(k, x), shift);
}

FV_INLINE vf map_both(const vf *k, vf x, vf scale, vf shift)
{
    return vf_fma(standard(k, x), scale, shift);
}

void FV_SYM(fv_norm_layer)(int64_t rows, int64_t c, float eps, const float *src, const float *scale, const float *shift,
                           float *dst)
{
    for (int64_t i = 0; i < rows; i++, src += c, dst += c) {
        const row_stats s = stats_of(c, src, eps);
        const vf k[3] = {vf_set1(s.mean), vf_set1(s.rstd), vf_set1(s.offset)};
        if (scale && shift)
            fv_map3(c, src, scale, shift, dst, map_both, k);
        else if (scale)
            fv_map2(c, src, scale, dst, map_scale, k);
        else if (shift)
            fv_map2(c, src, shift, dst, map_shift, k);
        else
            fv_map1(c, src, dst, standard, k);
    }
}

/* Sums over a row of g = d_dst * scale and of g times the standardized x. */
FV_INLINE void grad_sums(int64_t c, const row_stats *s, const float *x, const float *scale, const float *d_dst,
                         float *sum, float *dot)
{
    v16 total = v16_zero(), product = v16_zero();
    for (int64_t i = 0; i < c; i += 16) {
        const int n = c - i < 16 ? (int)(c - i) : 16;
        v16 g = n == 16 ? v16_load(d_dst + i) : v16_load_n(d_dst + i, n);
        v16 y = n == 16 ? v16_load(x + i) : v16_load_n(x + i, n);
        if (scale)
            g = v16_mul(g, n == 16 ? v16_load(scale + i) : v16_load_n(scale + i, n));
        y = v16_fma(v16_sub(y, v16_set1(s->mean)), v16_set1(s->rstd), v16_set1(s->offset));
        total = v16_add(total, g); /* lanes from n on are 0 in g */
        product = v16_fma(g, n == 16 ? y : v16_first(y, n), product);
    }
    *sum = v16_sum(total);
    *dot = v16_sum(product);
}

/* k: mean, rstd, offset, mean of g, mean of g times the standardized x */
FV_INLINE vf map_grad(const vf *k, vf x, vf g)
{
    return vf_mul(vf_fnma(k[4], standard(k, x), vf_sub(g, k[3])), k[1]);
}

FV_INLINE vf map_grad_scaled(const vf *k, vf x, vf d_dst, vf scale)
{
    return map_grad(k, x, vf_mul(d_dst, scale));
}

void FV_SYM(fv_norm_layer_grad)(int64_t rows, int64_t c, float eps, const float *src, const float *scale,
                                const float *d_dst, float *d_src)
{
    for (int64_t i = 0; i < rows; i++, src += c, d_dst += c, d_src += c) {
        const row_stats s = stats_of(c, src, eps);
        float sum, dot;
        grad_sums(c, &s, src, scale, d_dst, &sum, &dot);
        const vf k[5] = {vf_set1(s.mean), vf_set1(s.rstd), vf_set1(s.offset), vf_set1(sum / (float)c),
                         vf_set1(dot / (float)c)};
        if (scale)
            fv_map3(c, src, d_dst, scale, d_src, map_grad_scaled, k);
        else
            fv_map2(c, src, d_dst, d_src, map_grad, k);
    }
}

void FV_SYM(fv_norm_layer_grad_scale)(int64_t rows, int64_t c, int64_t stride, const float *src, const float *d_dst,
                                      const float *stats, double *sum)
{
    for (int64_t i = 0; i < rows; i++, src += stride, d_dst += stride, stats += 3) {
        const vf k[3] = {vf_set1(stats[0]), vf_set1(stats[1]), vf_set1(stats[2])};
        for (int64_t j = 0; j < c; j += VF) {
            const int m = c - j < VF ? (int)(c - j) : VF;
            const vf y = standard(k, vf_load_n(src + j, m)), g = vf_load_n(d_dst + j, m);
            const vd2 old = fv_vd2_load_n(sum + j, m);
            fv_vd2_store_n(sum + j, vd2_fma(vf_to_vd2(y), vf_to_vd2(g), old), m);
        }
    }
}
