/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the engine in conv_igemm.h, private to it. */
#ifndef FV_BACKEND_CPU_CONV_IGEMM_DATA_H
#define FV_BACKEND_CPU_CONV_IGEMM_DATA_H

#include "backend/cpu/split.h"
#include "backend/cpu/conv_igemm.h"
#include "backend/cpu/conv_strip.h"
#include "kernels/gemm/gemm.h"
#include "kernels/half/half.h"

/* Panels that a task packs at a time. */
#define FV_LAZY_PANELS 4

/* One grid of positions with its taps, or a part of one. */
typedef struct fv_conv_phase {
    int64_t p, q;
    int64_t taps;
    int64_t *filter_tap; /* taps: r * S + s, increasing */
    int64_t dst_at;      /* offset of position (0, 0) in an image of dst */
    int64_t dst_row, dst_col;
    int64_t packed_at; /* floats before its panels; parts of one grid share them ... */
    bool packs;        /* ... and the first packs them */

    /* What is read: rows from p * step + y0, span_y of them for one position; columns as the strip says. */
    bool direct; /* from the image itself: nothing lies outside */
    bool flat;   /* one tap, one column, one image: a plain product, cut along its depth where that is long */
    int64_t y0, span_y;
    fv_strip strip;
    int64_t row_step, image_step; /* floats from row to row and from image to image of what is read */
    /* Taps that lie side by side in memory are one run. */
    int64_t runs, run_depth;
    int64_t *a_tap; /* runs */

    /* A block of pixels: block_images whole images, or block_rows rows of one; offsets of its pixels. */
    int64_t block_images, block_rows;
    int64_t *a_row, *dst_off; /* block_images * block_rows * q */
    int64_t pixel_blocks;
    int64_t panels_per_block, panel_blocks;
    bool panels_outer; /* order of tasks: weights that exceed the cache are read once */
    int64_t piece;     /* depth (flat) or runs per pass over the pixels; 0: all runs */
    int64_t tasks;
} fv_conv_phase;

typedef struct fv_conv_igemm {
    fv_conv_direction direction;
    int64_t n, h, w, c; /* the image that is read */
    int64_t groups, depth, cols;
    int64_t filter_taps; /* of the whole filter */
    int64_t step[2];
    int64_t dst_image; /* floats of one image of dst */
    int64_t panels;    /* per group */
    /*
     * lazy: weights change between runs and meet few pixels, so that packing them would cost as much memory traffic as
     * the product. Each task packs what it needs, FV_LAZY_PANELS panels of one piece at a time, behind its strip.
     */
    bool lazy;
    /* NULL; else operands and results are stored as halves. Strips hold floats; a task widens a panel of filters (a
     * piece of it) behind its strip, sums its pixels in floats behind that, and rounds them on their way to dst. In
     * front of all workers' scratch lies the bias as floats. */
    const fv_half_kernels *half;
    int64_t wide_floats, sum_floats, bias_floats;
    int64_t packed_floats, strip_floats, worker_floats; /* packed: numbers of dst's type */
    int64_t tasks;
    int max_threads; /* as fv_parallel takes it */
    int64_t n_phases;
    fv_conv_phase *phases;
} fv_conv_igemm;

#endif
