/* SPDX-License-Identifier: Apache-2.0 */
/* A batch computed in pieces, one after another: what belongs to all of them. */
#ifndef FV_TRAIN_PIECES_H
#define FV_TRAIN_PIECES_H

#include "exec/program.h"

/* Inputs and outputs of the whole batch, beside an instance that holds those of one piece. */
typedef struct fv_pieces {
    fv_ctx *ctx;
    fv_instance *instance;
    int64_t n; /* samples of the batch */
    int count;
    void **whole; /* by port: all samples; NULL: not cut, such as a loss */
} fv_pieces;

/* In how many pieces a batch of n is computed when `steps` are asked for: as many, or as near as whole shards allow. */
int fv_pieces_count(int64_t n, int64_t steps);

/* For an instance compiled for n / count samples. Ports that are cut are those of values of `graph` (batch 1) that have
 * one part per sample, except the values called `scalars`. */
fv_status fv_pieces_create(fv_instance *instance, int64_t n, int count, const fv_graph *graph,
                           const char *const *scalars, int n_scalars, fv_pieces **pieces);
void fv_pieces_destroy(fv_pieces **pieces);

/* The whole batch's data of a port; NULL: it is not cut. */
void *fv_pieces_whole(const fv_pieces *pieces, const fv_port *port);

/* Computes all pieces; `run` without offset and peers. */
fv_status fv_pieces_run(const fv_pieces *pieces, fv_accumulate *accumulate, const fv_run *run);
/* fv_instance_find_nonfinite of the first piece that has one. */
fv_status fv_pieces_find_nonfinite(const fv_pieces *pieces, const fv_run *run, char *name, size_t size);

#endif
