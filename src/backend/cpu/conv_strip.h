/* SPDX-License-Identifier: Apache-2.0 */
/* Zero-padded copies of a few image rows: what convolution kernels read where a filter reaches over the border. */
#ifndef FV_BACKEND_CPU_CONV_STRIP_H
#define FV_BACKEND_CPU_CONV_STRIP_H

#include <stdbool.h>
#include <stdint.h>

struct fv_half_kernels;

/* A window of an image (h w c) and how its copy lies in memory. Sizes and steps count numbers or pixels. */
typedef struct fv_strip {
    int64_t h, w, c;                    /* the image; c numbers from pixel to pixel */
    int64_t depth;                      /* channels that are copied */
    int64_t x0, cols;                   /* first column (may be negative) and number of columns */
    int64_t pitch;                      /* floats from pixel to pixel of the copy */
    const struct fv_half_kernels *half; /* NULL; else the image holds halves, which these widen */
} fv_strip;

/* Floats from row to row of the copy. */
static inline int64_t fv_strip_row(const fv_strip *s)
{
    return s->cols * s->pitch;
}

/*
 * Floats from pixel to pixel for a copy of `depth` channels. A power of two would put the pixels of one register tile
 * into the same few sets of the first-level cache.
 */
static inline int64_t fv_strip_pitch(int64_t depth)
{
    return depth % 128 == 0 ? depth + 16 : depth;
}

/* Copies rows [y0, y0 + rows) of the image at src (at its first wanted channel); what lies outside becomes 0. */
void fv_strip_copy(const fv_strip *s, const void *src, int64_t y0, int64_t rows, float *dst);

#endif
