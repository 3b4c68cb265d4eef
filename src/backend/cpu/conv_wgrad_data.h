/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the engine in conv_wgrad.h, private to it. */
#ifndef FV_BACKEND_CPU_CONV_WGRAD_DATA_H
#define FV_BACKEND_CPU_CONV_WGRAD_DATA_H

#include "backend/cpu/conv_strip.h"
#include "backend/cpu/conv_wgrad.h"
#include "kernels/gemm/gemm.h"

/* Levels of the tree over at most 64 shards. */
#define FV_WGRAD_LEVELS 7

/* Who does what in which order: follows from the machine's cache and threads, and changes no bit. */
typedef enum fv_wgrad_order {
    FV_WGRAD_BY_BLOCK, /* a task is a block, shard after shard */
    FV_WGRAD_BY_SHARD, /* a task is one shard of a block, and all partial sums exist at once */
    /* Few pixels: all of them stay in the cache at once and the units of a block are finished one by one, so that the
     * sums of one unit, stored and added at every shard, stay in the nearest cache. */
    FV_WGRAD_BY_UNIT
} fv_wgrad_order;

/* d_wei cut into blocks: k filters x c channels, all taps. */
typedef struct fv_wgrad_blocks {
    int64_t k, c, n_k, n_c, count;
    int64_t k_tasks; /* BY_UNIT: tasks that share the blocks of the same channels */
} fv_wgrad_blocks;

/* How the sums of a block lie in memory: `units` matrices as the layout says. */
typedef struct fv_wgrad_sums {
    int64_t units, row_step, unit_floats, block_floats;
    int64_t *unit_at; /* units: offset of a unit's channels from the first tap's */
    int64_t *a_col;   /* TURNED: offset of every (r, s, c) */
} fv_wgrad_sums;

/*
 * Where pixels are read, of src and of d_dst: in place, or as a copy. src is copied to be padded, or because the pixels
 * of wide images crowd into few cache sets; d_dst for that reason only; PACKED copies both.
 */
typedef struct fv_wgrad_pixels {
    bool copied;
    fv_strip strip;
    int64_t row, image; /* floats from row to row and from image to image of what is read */
    int64_t tile;       /* PACKED: floats from panel of channels to panel, or from tile of filters to tile */
    int64_t floats;     /* of the copy */
} fv_wgrad_pixels;

/* Pieces of the pixels that pass over a block: whole images, or rows of one. */
typedef struct fv_wgrad_pieces {
    int64_t images, rows;
    bool flat;       /* pixels of src that follow each other are those of d_dst */
    bool compact;    /* PACKED, 1x1: only the pixels that the stride meets are copied */
    bool one_run;    /* pixels of a piece lie at equal distance */
    fv_tn_run *runs; /* images * rows; BY_UNIT: all rows of all images */
} fv_wgrad_pieces;

typedef struct fv_conv_wgrad {
    fv_wgrad_layout layout;
    fv_wgrad_order order;
    fv_conv_geom geom;
    int64_t depth, filters; /* channels and filters per group */
    int64_t shards, images; /* images per shard */
    fv_wgrad_blocks block;
    fv_wgrad_sums sum;
    fv_wgrad_pixels src, dst;
    fv_wgrad_pieces piece;
    int64_t levels;
    int64_t worker_floats;
    int max_threads;
} fv_conv_wgrad;

#endif
