/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary that kernels are written in, once for all instruction sets.

   vf   VF floats (1 scalar, 4 NEON, 8 AVX2, 16 AVX-512)        vi   VF int32          vm   VF truth values
   vd   doubles: VF/2 lanes, 1 on scalar                        vd2  the VF doubles of one vf (two vd; one on scalar)
   v16  16 virtual lanes of floats: 16/VF vf; sums over them have one fixed order everywhere

   Rules that hold on every instruction set, so that results have the same bits everywhere:
   - vf_fma(a,b,c) = a*b + c and vf_fnma(a,b,c) = c - a*b round once. +, -, *, / and sqrt round as IEEE says. Denormals
   are kept.
   - vf_max(a,b) = a > b ? a : b, vf_min(a,b) = a < b ? a : b: equal operands or a NaN on either side give b.
   - vf_to_vi rounds to nearest even; NaN and values outside int32 give INT32_MIN.
   - halves (IEEE binary16, as uint16_t) become floats exactly; floats round to halves to nearest even, 65520 and more
   to infinity, and what is too small for a normal half to a denormal one.
   - comparisons with NaN are false. Shift counts are 0..31. vi arithmetic wraps.
   - loads and stores need no alignment; _n forms touch exactly the first n lanes (0 <= n <= VF), the rest read as 0.
   NaN payloads and signs are not promised. */
#ifndef FV_KERNELS_SIMD_H
#define FV_KERNELS_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FV_SYM_PASTE(name, isa)  name##_##isa
#define FV_SYM_EXPAND(name, isa) FV_SYM_PASTE(name, isa)
/* The name of a symbol of this instruction set: FV_SYM(fv_gemm_kernels) is fv_gemm_kernels_avx512 and so on. */
#define FV_SYM(name) FV_SYM_EXPAND(name, FV_KERNEL_ISA)

#if defined(FV_KERNEL_AVX512)
#include "kernels/simd/simd_avx512.h"
#elif defined(FV_KERNEL_AVX2)
#include "kernels/simd/simd_avx2.h"
#elif defined(FV_KERNEL_NEON)
#include "kernels/simd/simd_neon.h"
#elif defined(FV_KERNEL_SCALAR)
#include "kernels/simd/simd_scalar.h"
#else
#error "a kernel source is compiled through src/kernels/CMakeLists.txt, which names the instruction set"
#endif

/* The two halves of a pair of vd are only on scalar one. VD: lanes of a vd. */
#if VF == 1
#define VD       1
#define VD_PARTS 1
#else
#define VD       (VF / 2)
#define VD_PARTS 2
#endif

/* VF doubles: the widened form of one vf, in lane order. */
typedef struct vd2 {
    vd v[VD_PARTS];
} vd2;

#define V16_PARTS (16 / VF)
/* Lane i lives in v[i / VF], place i % VF. */
typedef struct v16 {
    vf v[V16_PARTS];
} v16;

#include "kernels/simd/simd_wide.h"

#endif
