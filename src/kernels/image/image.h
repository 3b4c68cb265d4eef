/* SPDX-License-Identifier: Apache-2.0 */
/* Resampling of image rows and columns, the same bits on every instruction set. */
#ifndef FV_KERNELS_IMAGE_H
#define FV_KERNELS_IMAGE_H

#include <stdint.h>

/* Rows that one call of a row pass takes. */
#define FV_RESIZE_ROWS 4
/* Weights of an output are stored in multiples of so many, zeros behind the last. */
#define FV_RESIZE_TAPS 8

/* Weights of 8-bit images are whole numbers in units of 2^-22, of at most 27 bits and the sign, stored in two parts
   that multipliers of 16-bit numbers take: weight = high * 2^12 + low, 0 <= low < 2^12. */
#define FV_RESIZE_BITS 22
#define FV_RESIZE_LOW  12

/* Weights of one axis: output i is the sum over t < taps[i] of weight[i * width + t] * input[first[i] + t]. */
typedef struct fv_resize_axis {
    int64_t count, width; /* outputs; weights stored for each, a multiple of FV_RESIZE_TAPS */
    int32_t most;         /* taps of the output with the most */
    int32_t *first, *taps;
    int16_t *high, *low; /* 8 bits: both parts, count x width; 255 |weights| add up to less than 2^31 - 2^21 */
    float *real;         /* other depths */
} fv_resize_axis;

typedef struct fv_image_kernels {
    /* One pass along rows of c-channel pixels, for four rows at once (the same row may be given twice):
       (sum + 2^21) >> 22, clamped to 8 bits. May read 8-bit pixels
       first[i] to first[i] + width of an output, and 64 bytes behind these. */
    void (*resize_rows)(const fv_resize_axis *axis, int64_t c, const uint8_t *const src[FV_RESIZE_ROWS],
                        uint8_t *const dst[FV_RESIZE_ROWS]);
    /* dst[j] = the same over rows t < taps of src + t * stride, for j < n. Weights as in fv_resize_axis. Reads and
       writes no other pixels. */
    void (*resize_column)(int64_t n, int32_t taps, const int16_t *high, const int16_t *low, const uint8_t *src,
                          int64_t stride, uint8_t *dst);
    /* In float32: one chain of fused multiply-adds in the order of the taps, from 0. One row. */
    void (*resize_rows_f32)(const fv_resize_axis *axis, int64_t c, const float *src, float *dst);
    void (*resize_column_f32)(int64_t n, int32_t taps, const float *weight, const float *src, int64_t stride,
                              float *dst);
} fv_image_kernels;

#endif
