/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradient to the weights, of convolution and dense layers: one engine.
 *
 * Per shard of the batch every element of d_wei is one chain over (n, p, q) from 0; a position whose tap falls outside
 * the image multiplies by 0. Shards are then summed by a binary tree. The engine works on blocks of d_wei: all taps, a
 * range of filters, a range of channels. A block's sums stay in the cache while the pixels of a shard pass over it in
 * pieces that stay in the cache too; the tree is walked while shards finish, so that few partial sums exist at a time.
 */
#ifndef FV_BACKEND_CPU_CONV_WGRAD_H
#define FV_BACKEND_CPU_CONV_WGRAD_H

#include "backend/solver.h"
#include "ops/conv_geom.h"

/*
 * How the sums of a block lie and what fills vectors:
 * PACKED: a matrix per tap, rows are filters and columns channels. Both operands are copied into the tiles of filters
 * and panels of channels that the kernel reads in order, so that few of them stay in the nearest cache while all others
 * pass.
 * MERGED: a matrix per row of the filter, columns are (s, c): fuller vectors for few channels.
 * TURNED: one matrix, rows are (r, s, c) and columns filters: for the very few channels of an image.
 */
typedef enum fv_wgrad_layout { FV_WGRAD_PACKED, FV_WGRAD_MERGED, FV_WGRAD_TURNED } fv_wgrad_layout;

/* arg of a solver: the convolution whose filters the gradient is of, and the layout. */
typedef struct fv_conv_wgrad_use {
    fv_conv_geom (*geom)(const fv_node *node);
    fv_wgrad_layout layout;
} fv_conv_wgrad_use;

const char *fv_conv_wgrad_reject(const fv_solver *self, const fv_problem *problem);
double fv_conv_wgrad_cost(const fv_solver *self, const fv_problem *problem);
fv_status fv_conv_wgrad_prepare(fv_plan *plan);
void fv_conv_wgrad_release(fv_plan *plan);
size_t fv_conv_wgrad_workspace_bytes(const fv_plan *plan);
/* in: d_dst, src; out: d_wei. */
void fv_conv_wgrad_run(const fv_plan *plan, const fv_call *call);

#endif
