/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions with stride 1 by transforms of tiles (kernels/tiles.h), forward and gradient to the data, whose filters
 * are turned by half a turn: one engine, which solvers give their transforms and the sizes of their tiles. Of a block
 * of tiles all points are made, each point is one product of the block's tiles with the packed filters, and the sums
 * become pixels. Either every worker has blocks of its own, in its scratch, or all share one block at a time.
 *
 * Bits: of the transforms, and between them chains over the input channels from 0. Complex sums are two chains: the
 * real one over products of real parts and then of imaginary ones, the imaginary one over imaginary parts of the image
 * times real ones of the filters and then the other way round. The bias, the residual and the activation come after the
 * transform back.
 *
 * What is stored as halves: conv_tiles_half.h.
 */
#ifndef FV_BACKEND_CPU_CONV_TILES_H
#define FV_BACKEND_CPU_CONV_TILES_H

#include "backend/cpu/conv_igemm.h"
#include "kernels/tiles.h"

/* What a solver chooses for a problem. */
typedef struct fv_conv_tiles_use {
    const fv_tile_kernels *kernels;
    int64_t m[2];   /* rows and columns of a tile of results */
    int64_t points; /* of a tile */
    bool complex;   /* they are complex numbers */
    bool half;      /* filters are stored as halves, for the cost */
    double flops;   /* of the transform of a tile of one channel, for the cost */
} fv_conv_tiles_use;

/* For reject, of a solver whose arg begins with a fv_conv_use: what the engine does not do. */
const char *fv_conv_tiles_reject(const fv_solver *self, const fv_problem *problem);
/* Results, channels and padding of a convolution as the transforms see it, without its tiles. */
fv_tiles fv_conv_tiles_shape(const fv_conv_use *use, const fv_node *node);
/* What these tiles take, as fv_solver.cost counts: for so many samples. */
double fv_conv_tiles_cost(const fv_tiles *shape, const fv_conv_tiles_use *tiles, int64_t samples);
/* fv_solver.probe, for what is stored as halves. */
fv_status fv_conv_tiles_probe(const fv_solver *self, const fv_problem *problem, fv_str *text);
/* From the solver's prepare; the other hooks are the solver's own. */
fv_status fv_conv_tiles_prepare(fv_plan *plan, const fv_conv_tiles_use *tiles);
void fv_conv_tiles_release(fv_plan *plan);
size_t fv_conv_tiles_packed_bytes(const fv_plan *plan);
void fv_conv_tiles_pack(const fv_plan *plan, const fv_call *call, void *packed);
size_t fv_conv_tiles_workspace_bytes(const fv_plan *plan);
void fv_conv_tiles_run(const fv_plan *plan, const fv_call *call);

/* The fv_conv_use of a forward solver and of a backward one. */
fv_conv_epilogue fv_conv_tiles_epilogue(const fv_call *call);
#define FV_CONV_TILES_FORWARD                                                                                          \
    {                                                                                                                  \
        FV_CONV_FORWARD, fv_conv_geom_forward, fv_conv_tiles_epilogue                                                  \
    }
#define FV_CONV_TILES_BACKWARD                                                                                         \
    {                                                                                                                  \
        FV_CONV_BWD_DATA, fv_conv_geom_bwd_data, NULL                                                                  \
    }

/* A row of a table of solvers. */
#define FV_CONV_TILES_ROW(name_, op_, bits_, version_, error_, half_error_, arg_, reject_, cost_, prepare_)            \
    {                                                                                                                  \
        .name = name_, .op = op_, .version = version_, .bits = bits_, .error = error_, .half_error = half_error_,      \
        .arg = &(arg_), .packs = 1 << 1, .reject = reject_, .cost = cost_, .probe = fv_conv_tiles_probe,               \
        .prepare = prepare_, .release = fv_conv_tiles_release, .packed_bytes = fv_conv_tiles_packed_bytes,             \
        .pack = fv_conv_tiles_pack, .workspace_bytes = fv_conv_tiles_workspace_bytes, .run = fv_conv_tiles_run         \
    }

#endif
