/* SPDX-License-Identifier: Apache-2.0 */
/* Register tiles per instruction set, shared by the sources of this family. */
#ifndef FV_KERNELS_GEMM_TILE_H
#define FV_KERNELS_GEMM_TILE_H

#include "kernels/gemm/gemm.h"
#include "kernels/simd/simd.h"

/* MR x NV accumulators + NV vectors of B + one broadcast of A must fit the registers: 31 of 32, 15 of 16, 29 of 32. */
#if VF == 16
#define MR 14
#define NV 2
#elif VF == 8
#define MR 6
#define NV 2
#elif VF == 4
#define MR 6
#define NV 4
#else
#define MR 4
#define NV 4
#endif
#define NR (NV * VF)
/* The same in float64. */
#if VF == 16
#define MR64 8
#elif VF == 4
#define MR64 6
#else
#define MR64 4
#endif
#define NV64 3
#define NR64 (NV64 * VD)
/* Floats of one step of a packed tile of rows: whole vectors. */
#define MR_STEP ((MR + VF - 1) / VF * VF)

/* Tiles are written once with the row and vector counts as parameters and become constants by inlining. */
#define FV_INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define FV_UNROLL _Pragma("unroll")
#else
#define FV_UNROLL _Pragma("GCC unroll 16")
#endif

/* Steps of the inner index per turn of the loop over it: as many as have their vectors of B in registers beside the
   sums. More than one lets several loads from a row share its address. */
FV_INLINE int fv_tile_steps(const int vectors)
{
    if (VF < 16)
        return 1;
    return vectors == 1 ? 4 : 2;
}

/* Vectors that a panel with this many columns left needs; counts between are rounded up to one of these. */
FV_INLINE int fv_tile_vectors(int64_t columns)
{
    if (columns <= VF)
        return 1;
    return columns <= 2 * VF ? 2 : NV;
}

void FV_SYM(fv_gemm_igemm)(const fv_igemm *g);
void FV_SYM(fv_gemm_tn)(const fv_tn *g);
void FV_SYM(fv_gemm_tile64)(int64_t k, const double *a, const double *b, double *c, int64_t c_step);
double FV_SYM(fv_gemm_row64)(int64_t n, const double *row, const double *u, double scale, double *to);
void FV_SYM(fv_gemm_tn_pack)(float *dst, int64_t dst_tile, const float *src, int64_t k, int64_t m, int64_t k_step);
void FV_SYM(fv_gemm_pack)(float *dst, int64_t dst_panel, const float *src, int64_t k, int64_t n, int64_t k_step,
                          int64_t n_step);

#endif
