/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine is and how fast it is at what networks need. */
#ifndef FOVEA_MACHINE_H
#define FOVEA_MACHINE_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A cache as one core sees it. */
typedef struct fv_machine_cache {
    int64_t bytes; /* 0: not there, or not known */
    int shared_by; /* processors that use it; 0: not known */
} fv_machine_cache;

typedef struct fv_machine {
    fv_machine_cache cache[3]; /* L1 for data, L2, L3 */
    /** 1e9 float32 operations a second, a multiply-add being two: fused multiply-adds on registers of the context's
     * instruction set, on one thread and on all of the context's. No network is faster. */
    double gflops_one, gflops_all;
    /** 1e9 bytes a second, read and written, when all threads copy what no cache holds. */
    double copy_gb_per_s;
} fv_machine;

/** Measures for a fraction of a second, the best of some rounds. NO_MEMORY; else OK. */
FV_API fv_status fv_machine_measure(fv_ctx *ctx, fv_machine *machine);
/** gflops_all alone, in some hundredths of a second: the best of many short rounds. NO_MEMORY. */
FV_API fv_status fv_machine_roof(fv_ctx *ctx, double *gflops);

#ifdef __cplusplus
}
#endif
#endif
