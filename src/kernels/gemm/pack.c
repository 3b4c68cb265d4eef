/* SPDX-License-Identifier: Apache-2.0 */
/* Packing of B into panels, and of tn's rows into tiles. */
#include "kernels/gemm/tile.h"

/* Rows are contiguous in the source: copy NR floats at a time. */
static void pack_rows(float *dst, const float *src, int64_t k, int64_t columns, int64_t k_step)
{
    for (int64_t i = 0; i < k; i++, dst += NR, src += k_step) {
        FV_UNROLL
        for (int j = 0; j < NV; j++) {
            int64_t left = columns - j * VF;
            vf v = left >= VF ? vf_load(src + j * VF) : left > 0 ? vf_load_n(src + j * VF, (int)left) : vf_zero();
            vf_store(dst + j * VF, v);
        }
    }
}

/* Columns are contiguous in the source: transpose VF x VF blocks in registers. */
static void pack_columns(float *dst, const float *src, int64_t k, int64_t columns, int64_t n_step)
{
    for (int j = 0; j < NV; j++) {
        int64_t left = columns - j * VF;
        const int lanes = left >= VF ? VF : left > 0 ? (int)left : 0;
        const float *s = src + j * VF * n_step;
        for (int64_t i = 0; i < k; i += VF) {
            const int rows = k - i < VF ? (int)(k - i) : VF;
            vf r[VF];
            if (lanes == VF && rows == VF) {
                FV_UNROLL
                for (int q = 0; q < VF; q++)
                    r[q] = vf_load(s + q * n_step + i);
            } else {
                for (int q = 0; q < VF; q++)
                    r[q] = q < lanes ? vf_load_n(s + q * n_step + i, rows) : vf_zero();
            }
            vf_transpose(r);
            for (int q = 0; q < rows; q++)
                vf_store(dst + (i + q) * NR + j * VF, r[q]);
        }
    }
}

static void pack_any(float *dst, const float *src, int64_t k, int64_t columns, int64_t k_step, int64_t n_step)
{
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < NR; j++)
            dst[i * NR + j] = j < columns ? src[i * k_step + j * n_step] : 0.0f;
}

/* Rows taken at a time over all panels, so that a row of a wide matrix is left only when it has been read. */
#define PACK_ROWS 64

void FV_SYM(fv_gemm_pack)(float *dst, int64_t dst_panel, const float *src, int64_t k, int64_t n, int64_t k_step,
                          int64_t n_step)
{
    const int64_t rows = n_step == 1 ? PACK_ROWS : k;
    for (int64_t row = 0; row < k; row += rows) {
        const int64_t count = k - row < rows ? k - row : rows;
        for (int64_t col = 0; col < n; col += NR) {
            const int64_t columns = n - col < NR ? n - col : NR;
            float *to = dst + col / NR * dst_panel + row * NR;
            const float *from = src + row * k_step + col * n_step;
            if (n_step == 1)
                pack_rows(to, from, count, columns, k_step);
            else if (k_step == 1)
                pack_columns(to, from, count, columns, n_step);
            else
                pack_any(to, from, count, columns, k_step, n_step);
        }
    }
}

/* Steps taken at a time over all tiles: their rows of the source stay in the nearest cache. */
#define PACK_STEPS 16

void FV_SYM(fv_gemm_tn_pack)(float *dst, int64_t dst_tile, const float *src, int64_t k, int64_t m, int64_t k_step)
{
    const int64_t tiles = (m + MR - 1) / MR;
    for (int64_t begin = 0; begin < k; begin += PACK_STEPS) {
        const int64_t end = k - begin < PACK_STEPS ? k : begin + PACK_STEPS;
        for (int64_t t = 0; t < tiles; t++) {
            const float *from = src + t * m / tiles;
            float *to = dst + t * dst_tile;
            /* A short tile reads on into the next row; behind the last one there may be what another thread writes. */
            const int64_t there = src + m - from, whole = there < MR_STEP && end == k ? end - 1 : end;
            for (int64_t i = begin; i < whole; i++) {
                FV_UNROLL
                for (int j = 0; j < MR_STEP; j += VF)
                    vf_store(to + i * MR_STEP + j, vf_load(from + i * k_step + j));
            }
            for (int j = 0; whole < end && j < MR_STEP; j += VF) {
                const int64_t n = there - j;
                vf v = n >= VF ? vf_load(from + whole * k_step + j)
                       : n > 0 ? vf_load_n(from + whole * k_step + j, (int)n)
                               : vf_zero();
                vf_store(to + whole * MR_STEP + j, v);
            }
        }
    }
}
