/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "kernels/kernels.h"

/* One table per instruction set that CMakeLists.txt compiled, all from the list of families. */
#define FV_KERNEL_EXTERN(family, isa) extern const fv_##family##_kernels fv_##family##_kernels_##isa;
#define FV_KERNEL_ENTRY(family, isa)  .family = &fv_##family##_kernels_##isa,

FV_KERNEL_FAMILIES(FV_KERNEL_EXTERN, scalar)
static const fv_kernels kernels_scalar = {.isa = FV_ISA_SCALAR, FV_KERNEL_FAMILIES(FV_KERNEL_ENTRY, scalar)};

#ifdef FV_BUILD_NEON
FV_KERNEL_FAMILIES(FV_KERNEL_EXTERN, neon)
static const fv_kernels kernels_neon = {.isa = FV_ISA_NEON, FV_KERNEL_FAMILIES(FV_KERNEL_ENTRY, neon)};
#endif

#ifdef FV_BUILD_AVX2
FV_KERNEL_FAMILIES(FV_KERNEL_EXTERN, avx2)
static const fv_kernels kernels_avx2 = {.isa = FV_ISA_AVX2, FV_KERNEL_FAMILIES(FV_KERNEL_ENTRY, avx2)};
#endif

#ifdef FV_BUILD_AVX512
FV_KERNEL_FAMILIES(FV_KERNEL_EXTERN, avx512)
static const fv_kernels kernels_avx512 = {.isa = FV_ISA_AVX512, FV_KERNEL_FAMILIES(FV_KERNEL_ENTRY, avx512)};
#endif

static const fv_kernels *const kernels_table[FV_ISA_COUNT] = {
    [FV_ISA_SCALAR] = &kernels_scalar,
#ifdef FV_BUILD_NEON
    [FV_ISA_NEON] = &kernels_neon,
#endif
#ifdef FV_BUILD_AVX2
    [FV_ISA_AVX2] = &kernels_avx2,
#endif
#ifdef FV_BUILD_AVX512
    [FV_ISA_AVX512] = &kernels_avx512,
#endif
};

const fv_kernels *fv_kernels_get(fv_isa isa)
{
    if ((unsigned)isa >= FV_ISA_COUNT)
        return NULL;
    return kernels_table[isa];
}
