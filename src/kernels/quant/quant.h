/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of 8-bit integers: exact sums in 32 bits that wrap, and their way back to 8 bits; sums of 8-bit
   integers, and such integers from floats.

   Operands are widened to int16 with their zero points taken off, two of them in an int32 (the first in its lower
   half), so that one instruction multiplies and adds pairs; padding is 0 then. Of products a pair is two neighboring
   channels (an odd last one has 0 beside it), of depthwise convolutions two neighboring columns of the filter.

   The same integers on every instruction set. Single-threaded; nothing is allocated. Sizes and steps count pairs, those
   of dst its elements. Up to FV_TAIL_PAD bytes behind each operand are read. Operands may not overlap. */
#ifndef FV_KERNELS_QUANT_H
#define FV_KERNELS_QUANT_H

#include <stdbool.h>
#include <stdint.h>

/* int32 that are written behind what widen and widen_columns make. */
#define FV_Q_SLACK 32
/* Columns that a panel of filters has at most, over all instruction sets. */
#define FV_Q_NR_MAX 32

/* What becomes of a finished sum x of column j, start bias[j]:
       y = round(round(x * 2^left * mul[j] / 2^31) / 2^right), within low and high, plus zero; stored as its low byte
   where left and right are shift[j] above and below 0, the first rounding goes halves up, and the second one halves
   away from 0; with `once`, both are one, halves up. Without mul x itself is stored, as int32, or with factor the float
       (float)x * line * factor[j] + shifted[j]
   from left to right. bias NULL: zeros. */
typedef struct fv_q_end {
    const int32_t *bias, *mul, *shift;
    bool once;
    int32_t low, high, zero;
    const float *factor, *shifted;
    float line;
} fv_q_end;

/* For i < m, j < n: dst[i * dst_step + j] = end(sum of the products of pairs over r < taps[0], s < taps[1], then
   t < depth, of a[i * a_step + r * a_tap[0] + s * a_tap[1] + t] and panel j / nr of b, [panel][r][s][t][nr]). */
typedef struct fv_q_gemm {
    int64_t m, n;
    int64_t taps[2], depth;
    const int32_t *a;
    int64_t a_step, a_tap[2];
    const int32_t *b;
    fv_q_end end;
    void *dst;
    int64_t dst_step;
} fv_q_gemm;

/* For i < m, j < c: dst[i * dst_step + j] = end(sum over r < taps[0], s < taps[1] of the products of the pairs
   a[i * a_step + r * a_tap[0] + s * a_tap[1] + j] and b[(r * taps[1] + s) * b_step + j]). */
typedef struct fv_q_depthwise {
    int64_t m, c;
    int64_t taps[2];
    const int32_t *a;
    int64_t a_step, a_tap[2];
    const int32_t *b;
    int64_t b_step;
    fv_q_end end;
    void *dst;
    int64_t dst_step;
} fv_q_depthwise;

/* How bytes are read: (x ^ flip) - zero, the bytes as unsigned. */
typedef struct fv_q_byte {
    uint8_t flip;
    int32_t zero;
} fv_q_byte;

/* dst = f(f(x * 2^left, 0) + f(y * 2^left, 1), 2), or of the difference, within low and high, plus zero, where f(x, i)
 * rounds x * mul[i] * 2^(shift[i] - 31) twice as fv_q_end says. No mul is INT32_MIN. */
typedef struct fv_q_add {
    fv_q_byte byte[2];
    int left;
    int32_t mul[3], shift[3];
    bool subtract;
    int32_t low, high, zero;
} fv_q_add;

/* dst = f(x * y) within low and high, plus zero; f as above, y one for each x. */
typedef struct fv_q_mul {
    fv_q_byte byte[2];
    int32_t mul, shift;
    int32_t low, high, zero;
} fv_q_mul;

/* dst = round(src / scale), halves away from 0, NaN as 0, within low and high (at most 10^6 from 0), plus zero. */
typedef struct fv_q_round {
    float scale;
    int32_t low, high, zero;
} fv_q_round;

/* dst = round(src * scale) + zero, halves to even, within -128 and 127, NaN as 0. */
typedef struct fv_q_sample {
    float scale, zero; /* zero: a whole number */
} fv_q_sample;

typedef struct fv_quant_kernels {
    int nr; /* columns of a panel */
    void (*gemm)(const fv_q_gemm *g);
    void (*depthwise)(const fv_q_depthwise *d);
    /* c bytes as (c + 1) / 2 pairs. */
    void (*widen)(fv_q_byte byte, int64_t c, const uint8_t *src, int32_t *dst);
    /* c bytes at first and c at second, each NULL for zeros, as c pairs. */
    void (*widen_columns)(fv_q_byte byte, int64_t c, const uint8_t *first, const uint8_t *second, int32_t *dst);
    void (*add)(const fv_q_add *a, int64_t n, const uint8_t *x, const uint8_t *y, uint8_t *dst);
    void (*mul)(const fv_q_mul *m, int64_t n, const uint8_t *x, const uint8_t *y, uint8_t *dst);
    void (*quantize)(const fv_q_round *to, int64_t n, const float *src, uint8_t *dst);
    /* dst = max(dst, src), of bytes that are compared as byte ^ flip. */
    void (*max)(uint8_t flip, int64_t n, const uint8_t *src, uint8_t *dst);
    /* For j < c: sum[j] += src[i * step + j], read as `byte` says, over i < rows; wrapping. */
    void (*sum)(fv_q_byte byte, int64_t rows, int64_t c, const uint8_t *src, int64_t step, int32_t *sum);
    /* The least and the largest of the numbers, *range and 0; NaN is passed over. */
    void (*range)(int64_t n, const float *src, float range[2]);
    void (*quantize_sample)(const fv_q_sample *to, int64_t n, const float *src, uint8_t *dst);
} fv_quant_kernels;

#endif
