/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of optimizers share. A step changes a parameter in place, element by element, and has no outputs. Its
 * operands are wei, d_wei, run, scale and then the optimizer's memory, tensors of wei's shape that start as zeros and
 * are changed in place too. run[0] is the learning rate, run[1] the number of the step, from 1, and run[2], where it is
 * there, the momentum (or beta1) of this step in the place of the attribute; they are float64 whatever wei is, since 1
 * - 0.999^t has few digits left in float32. The optional scale multiplies d_wei first (clipping); without it nothing is
 * multiplied.
 */
#ifndef FV_OPS_STEP_H
#define FV_OPS_STEP_H

#include "ops/ref.h"

enum { FV_STEP_WEI, FV_STEP_GRAD, FV_STEP_RUN, FV_STEP_SCALE, FV_STEP_MEMORY };

#define FV_STEP_DECAY_ROW(type)                                                                                        \
    {                                                                                                                  \
        "weight_decay", FV_ATTR_REAL, offsetof(type, weight_decay), 0, 0, 1e3, NULL,                                   \
            "Weight decay; 0 where the parameter is exempt."                                                           \
    }

/* Operand i is a run. */
fv_status fv_step_run(fv_ctx *ctx, const fv_node *node, int i);
/* Checks everything but the memory. */
fv_status fv_step_infer(fv_ctx *ctx, const fv_node *node);
/* Operand FV_STEP_MEMORY + i is of wei's shape; it is there exactly when `needed`, which `why` explains. */
fv_status fv_step_memory(fv_ctx *ctx, const fv_node *node, int i, bool needed, const char *why);
/* Operands once, and those that are updated once more; `flops` operations per element. */
fv_cost fv_step_cost(const fv_node *node, double flops);

/* beta^t by squaring: plain multiplications, the same bits everywhere. */
static inline double fv_step_power(double beta, int64_t t)
{
    double result = 1;
    for (; t > 0; t >>= 1, beta *= beta)
        if (t & 1)
            result *= beta;
    return result;
}

static inline double fv_step_rate(const fv_call *call)
{
    return ((const double *)call->in[FV_STEP_RUN])[0];
}

static inline int64_t fv_step_number(const fv_call *call)
{
    return (int64_t)((const double *)call->in[FV_STEP_RUN])[1];
}

/* The momentum of this step, by operand `run`; 0 where the node has none. */
static inline double fv_step_momentum(const fv_call *call, int run, double own)
{
    const bool cycled = call->node->in[run]->shape.dim[0] > 2 && own > 0;
    return cycled ? ((const double *)call->in[run])[2] : own;
}

/* What d_wei is multiplied by. */
static inline double fv_step_scale(const fv_call *call)
{
    const void *scale = fv_call_in(call, FV_STEP_SCALE);
    return scale ? fv_get(fv_call_dtype(call), scale, 0) : 1.0;
}

#endif
