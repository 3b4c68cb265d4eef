/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution as a product without an im2col buffer, forward and gradient to the data: one engine, several solvers.
 *
 * Both directions are the same computation. Positions of a p x q grid read an image at (p * step + ty, q * step + tx)
 * for a list of taps (ty, tx), 0 outside the image, and every tap has a matrix depth x cols of weights. Forward there
 * is one grid and the taps are the filter's; the gradient to the data has one grid per stride phase of its pixels, with
 * the taps that meet the phase. Chains run over (tap, depth) in increasing order, from the bias or 0.
 */
#ifndef FV_BACKEND_CPU_CONV_IGEMM_H
#define FV_BACKEND_CPU_CONV_IGEMM_H

#include "backend/solver.h"
#include "ops/conv_geom.h"

/* Stride phases that a gradient may have. */
#define FV_CONV_PHASES_MAX 64

typedef enum fv_conv_direction { FV_CONV_FORWARD, FV_CONV_BWD_DATA } fv_conv_direction;

/* Geometry of a convolution with 1x1 filters, stride 1 and no padding, seen as one column of pixels. */
fv_conv_geom fv_conv_geom_flat(const fv_conv_geom *geom);
/* Whether it is one. */
bool fv_conv_is_flat(const fv_conv_geom *geom);

/* What else goes into dst. */
typedef struct fv_conv_epilogue {
    const float *bias;  /* per output channel; NULL: chains start at 0 */
    const float *shift; /* per output channel, added to the finished chains; NULL: nothing */
    const float *add;   /* added to the finished chains; NULL: nothing */
    int32_t activation; /* fv_activation: none, relu, relu6 */
} fv_conv_epilogue;

/* arg of a solver: which convolution the node is or belongs to, which direction of it, and what is done to dst. */
typedef struct fv_conv_use {
    fv_conv_direction direction;
    fv_conv_geom (*geom)(const fv_node *node);
    fv_conv_epilogue (*epilogue)(const fv_call *call); /* NULL: the product alone */
} fv_conv_use;

/*
 * Hooks of a solver whose arg is a fv_conv_use; prepare keeps what it makes in plan->data. A call's inputs are src (of
 * a gradient d_dst) and the weights [k][r][s][c / groups], which pack rearranges.
 */
const char *fv_conv_igemm_reject(const fv_solver *self, const fv_problem *problem);
double fv_conv_igemm_cost(const fv_solver *self, const fv_problem *problem);
fv_status fv_conv_igemm_prepare(fv_plan *plan);
void fv_conv_igemm_release(fv_plan *plan);
size_t fv_conv_igemm_packed_bytes(const fv_plan *plan);
size_t fv_conv_igemm_workspace_bytes(const fv_plan *plan);
void fv_conv_igemm_pack(const fv_plan *plan, const fv_call *call, void *packed);
void fv_conv_igemm_run(const fv_plan *plan, const fv_call *call);

#endif
