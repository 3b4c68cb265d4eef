/* SPDX-License-Identifier: Apache-2.0 */
/* How the planner chooses who computes what. */
#ifndef FOVEA_PLAN_H
#define FOVEA_PLAN_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the planner chooses who computes what in a context. All zero: the default. */
typedef struct fv_plan_options {
    /**
     * NULL or "cost": the cheapest by the cost model, the same on every machine. "measure": the fastest on this machine
     * among solvers of the same bits. "measure-all": among all, which may change bits; they then belong to the plan
     * recorded with the run. Else a file of recorded choices, lines "problem => solver\@version": they win, and the
     * cost model chooses for problems that it does not list.
     */
    const char *plan;
    int effort;        /* of measuring: 1 quick, 2 (also 0), 3 patient */
    int64_t workspace; /* bytes of packed weights and scratch that one operator may need; 0: any. Bits stay */
    /** "gemm", "igemm", ...: of solvers that accept, those of this name or class of bits; "direct": no fast
     * convolution, every sum as it is written; NULL: any. */
    const char *algorithm;
} fv_plan_options;

/**
 * Sets it for everything that is compiled in the context from here on. VALUE for an unknown algorithm (the message
 * lists them) or an impossible number, UNSUPPORTED for measuring on a device other than the processor, NOT_FOUND or
 * SYNTAX for a file; the context then stays as it was.
 */
FV_API fv_status fv_ctx_plan(fv_ctx *ctx, const fv_plan_options *options);

#ifdef __cplusplus
}
#endif
#endif
