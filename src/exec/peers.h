/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who computes the other pieces of a batch. A program compiled for pieces has values that meet (FV_T_MEETS): sums over
 * the samples of a piece, of which all pieces make one sum before anything reads it. Pieces are whole logical shards,
 * and their sums are added by the upper levels of the tree that adds shards: a batch has the same bits in one piece and
 * in many.
 */
#ifndef FV_EXEC_PEERS_H
#define FV_EXEC_PEERS_H

#include "graph/graph.h"

/* Most pieces of a batch. */
#define FV_PIECES_MAX 64

typedef struct fv_peers {
    /* Puts the sum over all pieces, added by a tree of neighbors in the order of their samples, in the place of this
     * piece's `data`. Called for every value that meets, in the order of the graph; `index` counts them from 0. */
    fv_status (*combine)(void *user, int32_t index, void *data, int64_t count, fv_dtype dtype);
    void *user;
} fv_peers;

/* A batch of `total` samples cut into `shards` (0: fv_shards). */
typedef struct fv_batch_part {
    int64_t total;
    int shards;
} fv_batch_part;

/* How many of the batch's shards a piece of `samples` samples has. ARGUMENT unless pieces of that size cut the batch
 * into a power of two of whole shards. */
fv_status fv_piece_shards(fv_ctx *ctx, const fv_batch_part *part, int64_t samples, int *shards);

/* ---- pieces at the same time: one thread each, in lockstep ---- */

typedef struct fv_lockstep fv_lockstep;

/* For `pieces` threads (a power of two, at most FV_PIECES_MAX). ARGUMENT, NO_MEMORY. */
fv_status fv_lockstep_create(fv_ctx *ctx, int pieces, fv_lockstep **lockstep);
/* When no thread uses it any more. Takes NULL and nulls. */
void fv_lockstep_destroy(fv_lockstep **lockstep);
/* What the thread of piece `piece` hands to its runs. Its messages go to `ctx`. A value that only some of the pieces
 * have is INTERNAL in all of them. */
fv_peers fv_lockstep_peers(fv_lockstep *lockstep, int piece, fv_ctx *ctx);
/* The piece fails or stops: who waits for it, or will, gets FAILED instead of waiting for ever. */
void fv_lockstep_leave(fv_lockstep *lockstep);

/* ---- pieces one after another ---- */

typedef struct fv_accumulate fv_accumulate;

fv_status fv_accumulate_create(fv_ctx *ctx, fv_accumulate **accumulate);
void fv_accumulate_destroy(fv_accumulate **accumulate);
/*
 * What the run of piece `piece` of `pieces` (a power of two) is given. Pieces run in order; sums of the first ones are
 * kept like the digits of a binary counter, log2(pieces) of each value at most, and the last piece's run finds the sums
 * of all. Runs before it go on with incomplete sums: what they compute behind them is to be ignored.
 */
fv_peers fv_accumulate_peers(fv_accumulate *accumulate, int piece, int pieces);

#endif
