/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, extremes and checks over float32 arrays. Flat sums use 16 virtual lanes (element i goes to lane i % 16) in
   float64 and one fixed tree; callers that split an array must cut at places that depend on the data alone. */
#ifndef FV_KERNELS_REDUCE_H
#define FV_KERNELS_REDUCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct fv_reduce_kernels {
    double (*sum)(int64_t n, const float *src);
    double (*sum_squares)(int64_t n, const float *src);
    /* Largest |x|; 0 when n is 0; NaN when any element is NaN. */
    float (*max_abs)(int64_t n, const float *src);
    /* True when no element is NaN or infinite. */
    bool (*finite)(int64_t n, const float *src);
    /* sum[c] += src over the rows in order, one chain per channel; pixels are `stride` floats apart. */
    void (*sum_channels)(int64_t rows, int64_t c, int64_t stride, const float *src, double *sum);
    /* parts[0] = sum of parts[0 .. shards-1] of n values each, by the binary tree 0+1, 2+3, ... then 0+2, ... The other
       parts are overwritten. Any number of shards. */
    void (*tree)(int64_t shards, int64_t n, float *parts);
    void (*tree_f64)(int64_t shards, int64_t n, double *parts);
    /* dst[i] = (float)src[i] */
    void (*narrow)(int64_t n, const double *src, float *dst);
    /* dst[row] = index of the largest element, the first of equal ones; the first NaN wins. c >= 1. */
    void (*argmax)(int64_t rows, int64_t c, const float *src, int32_t *dst);
} fv_reduce_kernels;

#endif
