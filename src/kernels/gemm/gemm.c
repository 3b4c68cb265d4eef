/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the family, and the roof that it is measured against. */
#include "kernels/gemm/tile.h"

/* Enough chains to hide the latency of a multiply-add on two ports, few enough for 16 registers. */
#define PEAK_CHAINS 12

static int64_t gemm_peak(int64_t rounds, float *sink)
{
    vf acc[PEAK_CHAINS];
    const vf scale = vf_set1(0.999f), step = vf_set1(*sink);
    for (int i = 0; i < PEAK_CHAINS; i++)
        acc[i] = vf_set1((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        FV_UNROLL
        for (int i = 0; i < PEAK_CHAINS; i++)
            acc[i] = vf_fma(acc[i], scale, step);
    }
    vf sum = acc[0];
    for (int i = 1; i < PEAK_CHAINS; i++)
        sum = vf_add(sum, acc[i]);
    *sink = vf_sum(sum);
    return rounds * PEAK_CHAINS * VF * 2;
}

extern const fv_gemm_kernels FV_SYM(fv_gemm_kernels);
const fv_gemm_kernels FV_SYM(fv_gemm_kernels) = {
    .mr = MR,
    .nr = NR,
    .tn_mr = MR,
    .tn_step = MR_STEP,
    .igemm = FV_SYM(fv_gemm_igemm),
    .tn = FV_SYM(fv_gemm_tn),
    .tn_pack = FV_SYM(fv_gemm_tn_pack),
    .pack = FV_SYM(fv_gemm_pack),
    .mr64 = MR64,
    .nr64 = NR64,
    .tile64 = FV_SYM(fv_gemm_tile64),
    .row64 = FV_SYM(fv_gemm_row64),
    .peak = gemm_peak,
};
