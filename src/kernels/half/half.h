/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of halves (IEEE binary16, as uint16_t), which are computed with as floats: widened exactly, rounded to nearest
   even. Single-threaded; nothing is allocated. Sizes and steps count elements. No alignment is needed. */
#ifndef FV_KERNELS_HALF_H
#define FV_KERNELS_HALF_H

#include <stdbool.h>
#include <stdint.h>

/* For i < rows, j < cols: dst[i][j] = act(src[i][j] + add[i][j]), rounded to a half; `add` is NULL or holds halves, the
   sum is a float. Row i of src at i * src_step, of dst and add at dst_row[i]. act: when clamp, x < lo becomes lo, then
   x > hi becomes hi; NaN stays NaN. */
typedef struct fv_half_rows {
    int64_t rows, cols;
    const float *src;
    int64_t src_step;
    const uint16_t *add;
    uint16_t *dst;
    const int64_t *dst_row;
    bool clamp;
    float lo, hi;
} fv_half_rows;

typedef struct fv_half_kernels {
    void (*widen)(float *dst, const uint16_t *src, int64_t count);
    void (*narrow)(uint16_t *dst, const float *src, int64_t count);
    /* Row i of `cols` columns, side by side: dst[i][j] = src[i][j] * scale[j]. */
    void (*widen_scaled)(float *dst, const uint16_t *src, int64_t rows, int64_t cols, const float *scale);
    void (*narrow_rows)(const fv_half_rows *rows);
} fv_half_kernels;

#endif
