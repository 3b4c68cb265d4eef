/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalization (Ioffe and Szegedy 2015), float32, over pixels [rows][stride] of which `c` channels are meant (so
   that callers can split channels; stride >= c). Sums are float64, one chain per channel over the rows in order, and
   continue the values given: a caller sums each logical shard by itself and adds the shards by fv_reduce_kernels.tree.
   Kernels read up to FV_TAIL_PAD bytes behind each operand.

   Layer normalization (Ba, Kiros and Hinton 2016) over rows [rows][c]: float32 sums over a row by 16 lanes. The mean is
   the row's sum / c; with d = x - mean, left = sum d / c and var = sum d^2 / c - left^2, a row's statistics are mean,
   rstd = 1 / sqrt(var + eps) and offset = -left * rstd, and x standardized is fma(x - mean, rstd, offset). */
#ifndef FV_KERNELS_NORM_H
#define FV_KERNELS_NORM_H

#include <stdint.h>

#include "kernels/eltwise/act.h"

typedef struct fv_norm_kernels {
    /* sum[c] += src, square[c] += src^2 over all rows. */
    void (*sums)(int64_t rows, int64_t c, int64_t stride, const float *src, double *sum, double *square);
    /* From sums over `count` values per channel (>= 1): mean, biased variance, 1/sqrt(variance + eps). */
    void (*finalize)(int64_t c, int64_t count, double eps, const double *sum, const double *square, float *mean,
                     float *var, float *rstd);
    /* running = (1 - momentum)*running + momentum*batch, from the same sums, with the unbiased variance (the biased one
       when count is 1). */
    void (*update)(int64_t c, int64_t count, double momentum, const double *sum, const double *square,
                   float *running_mean, float *running_var);
    /* rstd = 1/sqrt(var + eps), for inference. */
    void (*rstd)(int64_t c, double eps, const float *var, float *rstd);
    /* scale = gamma*rstd, shift = fma(-mean, scale, beta). gamma or beta may be NULL (1, 0). */
    void (*coefficients)(int64_t c, const float *gamma, const float *beta, const float *mean, const float *rstd,
                         float *scale, float *shift);
    /* dst = act(fma(src, scale[c], shift[c])); dst may be src. */
    void (*apply)(fv_activation act, float alpha, int64_t rows, int64_t c, int64_t stride, const float *src,
                  const float *scale, const float *shift, float *dst);
    /* dst = src * scale in float64, rounded once: a filter with the normalization behind it. dst may be src. */
    void (*fold)(int64_t n, double scale, const float *src, float *dst);
    /* With g = d_dst, masked where dst sits on a flat part of act (IDENTITY, RELU or RELU6; dst is read for the last
       two only): sum[c] += g, dot[c] += g * (src - mean). */
    void (*grad_sums)(fv_activation act, int64_t rows, int64_t c, int64_t stride, const float *src, const float *dst,
                      const float *d_dst, const float *mean, double *sum, double *dot);
    /* d_gamma = dot*rstd, d_beta = sum and the coefficients of grad_data (3*c floats: a, b, e). */
    void (*grad_finalize)(int64_t c, int64_t count, const double *sum, const double *dot, const float *gamma,
                          const float *rstd, float *d_gamma, float *d_beta, float *coefficients);
    /* d_src = a*g + (b*(src - mean) + e), which is gamma*rstd * (g - mean(g) - xhat * mean(g*xhat)). `coefficients` are
       those of grad_finalize for `total` channels beginning at this call's first: a, a + total, a + 2*total. */
    void (*grad_data)(fv_activation act, int64_t rows, int64_t c, int64_t stride, const float *src, const float *dst,
                      const float *d_dst, const float *mean, const float *coefficients, int64_t total, float *d_src);

    /* stats[row] = mean, rstd, offset. */
    void (*layer_stats)(int64_t rows, int64_t c, float eps, const float *src, float *stats);
    /* dst = fma(standardized src, scale[c], shift[c]), either may be NULL (1, 0); dst may be src. */
    void (*layer)(int64_t rows, int64_t c, float eps, const float *src, const float *scale, const float *shift,
                  float *dst);
    /* With g = d_dst * scale[c] (NULL: 1) and y = standardized src: d_src = (g - mean(g) - y * mean(g*y)) * rstd. d_src
       may be either. */
    void (*layer_grad)(int64_t rows, int64_t c, float eps, const float *src, const float *scale, const float *d_dst,
                       float *d_src);
    /* sum[c] += standardized src * d_dst over the rows in order, from statistics of whole rows: callers may split
       channels, rows being `stride` floats apart. */
    void (*layer_grad_scale)(int64_t rows, int64_t c, int64_t stride, const float *src, const float *d_dst,
                             const float *stats, double *sum);
} fv_norm_kernels;

#endif
