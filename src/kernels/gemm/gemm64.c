/* SPDX-License-Identifier: Apache-2.0 */
/* Products in float64, for decompositions: a register tile, and a row of a symmetric matrix. */
#include "kernels/gemm/tile.h"

void FV_SYM(fv_gemm_tile64)(int64_t k, const double *a, const double *b, double *c, int64_t c_step)
{
    vd sum[MR64][NV64];
    FV_UNROLL
    for (int i = 0; i < MR64; i++) {
        FV_UNROLL
        for (int j = 0; j < NV64; j++)
            sum[i][j] = vd_load(c + i * c_step + j * VD);
    }
    for (int64_t t = 0; t < k; t++, a += MR64, b += NR64) {
        vd right[NV64];
        FV_UNROLL
        for (int j = 0; j < NV64; j++)
            right[j] = vd_load(b + j * VD);
        FV_UNROLL
        for (int i = 0; i < MR64; i++) {
            const vd left = vd_set1(a[i]);
            FV_UNROLL
            for (int j = 0; j < NV64; j++)
                sum[i][j] = vd_fma(left, right[j], sum[i][j]);
        }
    }
    FV_UNROLL
    for (int i = 0; i < MR64; i++) {
        FV_UNROLL
        for (int j = 0; j < NV64; j++)
            vd_store(c + i * c_step + j * VD, sum[i][j]);
    }
}

/* Parts of the sum that are added up apart from each other, on every instruction set: LANES / VD vectors. */
#define LANES 8

double FV_SYM(fv_gemm_row64)(int64_t n, const double *row, const double *u, double scale, double *to)
{
    double lane[LANES], sum = 0;
    const vd times = vd_set1(scale);
    vd part[LANES / VD];
    int64_t k = 0;
    FV_UNROLL
    for (int l = 0; l < LANES / VD; l++)
        part[l] = vd_zero();
    for (; k + LANES <= n; k += LANES) {
        FV_UNROLL
        for (int l = 0; l < LANES / VD; l++) {
            const vd x = vd_load(row + k + l * VD);
            part[l] = vd_fma(x, vd_load(u + k + l * VD), part[l]);
            vd_store(to + k + l * VD, vd_fma(x, times, vd_load(to + k + l * VD)));
        }
    }
    FV_UNROLL
    for (int l = 0; l < LANES / VD; l++)
        vd_store(lane + l * VD, part[l]);
    for (int l = 0; k < n; k++, l++) {
        lane[l] = fma(row[k], u[k], lane[l]);
        to[k] = fma(row[k], scale, to[k]);
    }
    for (int l = 0; l < LANES; l++)
        sum += lane[l];
    return sum;
}
