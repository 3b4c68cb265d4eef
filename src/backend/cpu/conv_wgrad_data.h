/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the engine in conv_wgrad.h, private to it. */
#ifndef FV_BACKEND_CPU_CONV_WGRAD_DATA_H
#define FV_BACKEND_CPU_CONV_WGRAD_DATA_H

#include "backend/cpu/conv_strip.h"
#include "backend/cpu/conv_wgrad.h"
#include "kernels/gemm/gemm.h"

/* Levels of the tree over at most 64 shards. */
#define FV_WGRAD_LEVELS 7

typedef struct fv_conv_wgrad {
    fv_conv_geom geom;
    int64_t depth, filters; /* channels and filters per group */
    int64_t shards, images; /* images per shard */

    /* Blocks of d_wei: block_k filters x block_c channels, all taps. */
    int64_t block_k, block_c, blocks_k, blocks_c, blocks;
    /*
     * How sums of a block lie in memory: `units` matrices of rows x cols. Plain: a unit is a tap, rows are filters and
     * columns channels. merged: a unit is a row of the filter, columns are (s, c): fuller vectors for few channels.
     * turned: one unit, rows are (r, s, c) and columns filters: for the very few channels of an image.
     */
    bool merged, turned;
    int64_t units, row_step, unit_floats, block_floats;
    int64_t *unit_at; /* units: offset of a unit's channels from the first tap's */
    int64_t *a_col;   /* turned: offset of every (r, s, c) */

    /*
     * packs: both operands are copied into the tiles of filters and panels of channels that the kernel reads in order,
     * so that few of them stay in the nearest cache while all others pass; neither turned nor merged. compact: only the
     * pixels that a 1x1 filter with stride meets.
     */
    bool packs, compact;
    int64_t dst_tile, src_panel; /* floats from tile to tile and from panel to panel */

    /*
     * Pixels: pieces of piece_images whole images, or piece_rows rows of one. src is read itself (direct) or as a copy:
     * padded, or compact because the pixels of wide images crowd into few cache sets; d_dst is copied for that reason
     * only.
     */
    bool direct, copies_dst;
    bool flat;    /* pixels of src that follow each other are those of d_dst */
    bool one_run; /* pixels of a piece lie at equal distance */
    int64_t piece_images, piece_rows;
    fv_strip strip, dst_strip;
    int64_t src_row, src_image; /* floats from row to row and from image to image of what is read */
    fv_tn_run *runs;            /* piece_images * piece_rows; whole: all rows of all images */

    /*
     * by_shard: a task is one shard of a block and all partial sums exist at once; else a task is a whole block.
     * whole: few pixels. All of them stay in the cache at once and units are finished one by one, so that the sums
     * of one unit, stored and added at every shard, stay in the nearest cache.
     */
    bool by_shard, whole;
    int64_t k_tasks; /* whole: tasks that share the blocks of the same channels */
    int64_t levels;
    int64_t strip_floats, dst_floats, worker_floats;
    int max_threads;
} fv_conv_wgrad;

#endif
