/* SPDX-License-Identifier: Apache-2.0 */
/* Resampling, warping, sharpening and noise of image rows: the same bits on every instruction set. */
#ifndef FV_KERNELS_IMAGE_H
#define FV_KERNELS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Rows that one call of a row pass takes. */
#define FV_RESIZE_ROWS 4
/* Weights of an output are stored in multiples of so many, zeros behind the last. */
#define FV_RESIZE_TAPS 8
/* Rows of fewer bytes are narrow. */
#define FV_RESIZE_NARROW 16
/* Outputs whose weights are computed at once. */
#define FV_RESIZE_BLOCK 16
/* Tables of four outputs each are stored in multiples of so many outputs. */
#define FV_RESIZE_QUADS 16

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
    /* For rows of one channel, with `quads`: the weights of each four outputs, two taps of each side by side, and from
       which of the 16 pixels at the first one's they come (0x80: a zero in between). Behind the
       last output it is repeated. quads is false where four outputs lie too far apart. */
    bool quads;
    uint8_t *quad_pick;            /* count rounded up x 4 */
    int16_t *quad_high, *quad_low; /* count rounded up x width */
} fv_resize_axis;

/* Curves that weights are samples of. */
typedef enum fv_resize_shape { FV_SHAPE_TRIANGLE, FV_SHAPE_CUBIC, FV_SHAPE_BOX, FV_SHAPE_LANCZOS } fv_resize_shape;

/* Where the weights of an axis come from: output i, with its center at from + (begin + i + 0.5) * scale, takes the
   samples t of [0, in) whose middle lies within support + 0.5 of it (both ends rounded down), with the weight
   shape((t + 0.5 - center) * narrow) over the sum of these. */
typedef struct fv_resize_curve {
    fv_resize_shape shape;
    double from, scale, support, narrow;
    int64_t in, begin;
    double *line; /* room for (axis.width + 1) x FV_RESIZE_BLOCK numbers */
} fv_resize_curve;

/* A row of pixels each of which is one of another row. */
#define FV_PICK_WINDOWS 8
#define FV_PICK_OVER    80 /* bytes that may be read, and written, behind the rows */
typedef struct fv_image_pick {
    int64_t count, pixel; /* pixels, bytes of each */
    const int32_t *first; /* which pixel each is: none before that of the one before */
    bool vbmi;            /* as in fv_cpu */
    /* Tables, made by pick_table: for each group of 16 bytes of the result (64 with VBMI) those they come from, within
       `windows` times as many from byte `base` on; without tables windows is 0. Room for 64 bytes more than there are.
     */
    int32_t windows;
    int64_t groups;
    int32_t *at;   /* count x pixel */
    int32_t *base; /* an element for each 16 bytes */
    uint8_t *pick; /* FV_PICK_WINDOWS for each byte */
} fv_image_pick;

/* Positions of a warp are whole numbers of 1/1024 pixel. */
#define FV_WARP_FRACTION 10
#define FV_WARP_ONE      (1 << FV_WARP_FRACTION)
#define FV_WARP_NOWHERE  INT32_MIN /* of a pixel behind the horizon */
#define FV_WARP_OVERREAD 16        /* bytes that a bilinear sample may read behind its last neighbor */
#define FV_WARP_LIMIT    (1 << 20) /* pixels: positions beyond are clamped */

/* Output pixel to source pixel: p = m (x, y, 1) / its third number, then center + d (1 + k1 r2 + k2 r2^2) with
   d = p - center, r2 = |d|^2 * scale; float64, each operation rounded by itself. */
typedef struct fv_warp_map {
    double m[9], cx, cy, scale, k1, k2;
    double shift; /* pixels taken off the result: 0.5 where positions are counted from the center of the first pixel */
} fv_warp_map;

typedef struct fv_image_kernels {
    /* Fills first, taps and most of the axis, and real where it has room for that, else high and low. */
    void (*resize_weights)(const fv_resize_curve *curve, fv_resize_axis *axis);
    /* Fills the tables of four outputs from the others, and quads. */
    void (*resize_quads)(fv_resize_axis *axis);
    /* The sample that holds the center of each output, in doubles the centers being found by adding up steps, as Pillow
       does: where one falls on a pixel's edge, the rounding of those sums decides. Of the curve it takes from, scale,
       in and begin. */
    void (*nearest_samples)(const fv_resize_curve *curve, int64_t count, int32_t *first);
    /* Fills the tables of a pick, where they are of use. */
    void (*pick_table)(fv_image_pick *pick);
    /* dst[i] = src[first[i]], in pixels, and the same in the rows behind: `times` rows in all. Only with tables. */
    void (*pick_rows)(const fv_image_pick *pick, const uint8_t *src, int64_t times, uint8_t *dst);
    /* One pass along rows of c-channel pixels, for four rows at once (the same row may be given twice):
       (sum + 2^21) >> 22, clamped to 8 bits. May read 8-bit pixels
       first[i] to first[i] + width of an output, and 64 bytes behind these. */
    void (*resize_rows)(const fv_resize_axis *axis, int64_t c, const uint8_t *const src[FV_RESIZE_ROWS],
                        uint8_t *const dst[FV_RESIZE_ROWS]);
    /* dst[j] = the same over rows t < taps of src + t * stride, for j < n. Weights as in fv_resize_axis. Reads and
       writes no other pixels. */
    void (*resize_column)(int64_t n, int32_t taps, const int16_t *high, const int16_t *low, const uint8_t *src,
                          int64_t stride, uint8_t *dst);
    /* All outputs of the axis along columns where rows have n < FV_RESIZE_NARROW values: row y at dst + y * n. May read
       and write FV_RESIZE_NARROW bytes behind a row, and write three rows more. */
    void (*resize_narrow)(const fv_resize_axis *axis, int64_t n, const uint8_t *src, int64_t stride, uint8_t *dst);
    /* In float32: one chain of fused multiply-adds in the order of the taps, from 0. One row. */
    void (*resize_rows_f32)(const fv_resize_axis *axis, int64_t c, const float *src, float *dst);
    void (*resize_column_f32)(int64_t n, int32_t taps, const float *weight, const float *src, int64_t stride,
                              float *dst);
    /* Positions of output pixels [x, x + n) of row y, rounded to 1/1024 (halves up). */
    void (*warp_positions)(const fv_warp_map *map, int64_t y, int64_t x, int64_t n, int32_t *qx, int32_t *qy);
    /* n pixels of c 8-bit channels, each the bilinear mean of four neighbors that all lie within the source:
       (sum + 2^19) >> 20 with weights in units of 2^-20. May read FV_WARP_OVERREAD bytes behind the neighbors and
       behind qx and qy. */
    void (*warp_bilinear)(const uint8_t *src, int64_t stride, int64_t c, int64_t n, const int32_t *qx,
                          const int32_t *qy, uint8_t *dst);
    /* n 8-bit values of a row: smooth + factor * (v - smooth), clamped, the fraction dropped; smooth is the mean of
       3 x 3 pixels (weight 5 in the middle) of c channels, rounded. src is where dst is, in a
       copy of the image with `stride` values a row. */
    void (*sharpen)(int64_t n, int64_t c, int64_t stride, float factor, const uint8_t *src, uint8_t *dst);
    /* Standard normal numbers, n = a multiple of 64, by Box and Muller from Philox 4x32-10 under the key word[0],
       word[1]: number i takes word i / 16 % 4 of the block at counter (i / 64 * 16 + i % 16, word[2], word[3]), words 0
       and 1 making a pair of numbers and 2 and 3 another. i counts from `first`, a multiple of 64. */
    void (*normals)(const uint32_t word[4], uint64_t first, int64_t n, float *dst);
    /* v[i] = v[i] + scale * normal[i], clamped to 0..255, rounded to nearest (halves up). */
    void (*add_noise)(int64_t n, float scale, const float *normal, uint8_t *v);
} fv_image_kernels;

#endif
