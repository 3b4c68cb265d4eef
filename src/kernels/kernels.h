/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel tables: one set of function pointers per family and instruction set. */
#ifndef FV_KERNELS_KERNELS_H
#define FV_KERNELS_KERNELS_H

#include "base/cpu.h"

struct fv_ctx;

/* One row per family. X(family, isa): the family lives in kernels/<family>/, describes its functions as
   `struct fv_<family>_kernels` in kernels/<family>/<family>.h, and defines `fv_<family>_kernels
   FV_SYM(fv_<family>_kernels)`. */
#define FV_KERNEL_FAMILIES(X, isa)                                                                                     \
    X(gemm, isa)                                                                                                       \
    X(winograd, isa)                                                                                                   \
    X(fft, isa)                                                                                                        \
    X(half, isa)                                                                                                       \
    X(math, isa)                                                                                                       \
    X(depthwise, isa)                                                                                                  \
    X(pool, isa)                                                                                                       \
    X(norm, isa)                                                                                                       \
    X(eltwise, isa)                                                                                                    \
    X(softmax, isa)                                                                                                    \
    X(reduce, isa)                                                                                                     \
    X(optim, isa)                                                                                                      \
    X(image, isa)                                                                                                      \
    X(jpeg, isa)                                                                                                       \
    X(quant, isa)

#define FV_KERNEL_TYPE(family, isa) typedef struct fv_##family##_kernels fv_##family##_kernels;
FV_KERNEL_FAMILIES(FV_KERNEL_TYPE, )
#undef FV_KERNEL_TYPE

/* All families of one instruction set. Include the header of a family to use its functions. */
#define FV_KERNEL_MEMBER(family, isa) const fv_##family##_kernels *family;
typedef struct fv_kernels {
    fv_isa isa;
    FV_KERNEL_FAMILIES(FV_KERNEL_MEMBER, )
} fv_kernels;
#undef FV_KERNEL_MEMBER

/* The kernels compiled for isa; NULL when this build has none. Says nothing about the processor: the caller checks
   fv_cpu.has[isa] first; who has a context takes fv_kernels_of. Constant data, may be called from any thread. */
const fv_kernels *fv_kernels_get(fv_isa isa);

/* The kernels that a context computes with: those of its instruction set. Never NULL. */
const fv_kernels *fv_kernels_of(const struct fv_ctx *ctx);

#endif
