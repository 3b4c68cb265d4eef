/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products, all but two of float32: the inside of convolution and dense layers, forward and both gradients.

   Every element of a result is one chain of fused multiply-adds over its inner index in increasing order, from one
   start value. A chain may be cut anywhere: a call that stores and a later call with .load set continue it with the
   same bits. So results depend neither on tile sizes, nor on the instruction set, nor on how callers split rows,
   columns or depth.

   Single-threaded; nothing is allocated. Offsets, steps and sizes count floats. No alignment is needed. Operands may
   not overlap. */
#ifndef FV_KERNELS_GEMM_GEMM_H
#define FV_KERNELS_GEMM_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* Columns that a panel of B has at most, over all instruction sets. */
#define FV_GEMM_NR_MAX 32

/*
 * For i < m, j < n:
 *     dst[i][j] = act(start[j] + sum over t < taps, then c < depth, of a[t][i][c] * b[t][c][j] + shift[j] + add[i][j])
 *
 * - a[t][i][c] at a + (a_row ? a_row[i] : i * a_step) + (a_tap ? a_tap[t] : t * depth) + c. A convolution needs no
 *   im2col buffer: rows are pixels of a zero-padded image and taps are filter positions.
 * - b[t][c][j] at b + (j / nr) * b_panel + (b_tap ? b_tap[t] : t * depth * b_step) + c * b_step + j % nr, nr being the
 *   table's. Packed panels: b_step = nr. A plain row-major matrix serves too: b_panel = nr, b_step = its row step.
 *   All nr columns of a panel are read, also those from n on: up to nr - 1 floats behind the last one.
 * - dst, add: row i at + (dst_row ? dst_row[i] : i * dst_step).
 * - start: dst itself when load, else bias[j], else 0.
 * - shift: NULL, or summed to the finished chain: the bias of an operator whose chains start at 0.
 * - add: NULL, or summed to that: a residual connection.
 * - act: when clamp, x < lo becomes lo, then x > hi becomes hi; NaN stays NaN. Relu is lo = 0, hi = infinity.
 */
typedef struct fv_igemm {
    int64_t m, n;
    int64_t taps, depth;
    const float *a;
    const int64_t *a_row, *a_tap;
    int64_t a_step;
    const float *b;
    const int64_t *b_tap;
    int64_t b_panel, b_step;
    const float *bias, *shift;
    float *dst;
    const int64_t *dst_row;
    int64_t dst_step;
    const float *add;
    bool load, clamp;
    float lo, hi;
} fv_igemm;

/* One stretch of the inner index of fv_tn: count steps beginning at a + .a and b + .b. */
typedef struct fv_tn_run {
    int64_t a, b, count;
} fv_tn_run;

/*
 * For i < m, j < n:
 *     c[i][j] = (load ? c[i][j] : 0) + sum over the runs in order, then k < count, of A[k][i] * B[k][j]
 *
 * - A[k][i] at a + run.a + k * a_step + (a_col ? a_col[i] : i). When a_tile > 0 as tn_pack lays it out: tiles of rows
 *   lie a_tile floats apart, a_step is the table's tn_step, and a_col is not read.
 * - B[k][j] at b + run.b + k * b_step + j; up to FV_GEMM_NR_MAX - 1 floats behind the last one are read. When b_panel >
 *   0 as pack lays it out: at (j / nr) * b_panel + j % nr in the place of j.
 * - c: row i at c + i * c_step.
 */
typedef struct fv_tn {
    int64_t m, n;
    const float *a;
    const int64_t *a_col;
    int64_t a_step, a_tile;
    const float *b;
    int64_t b_step, b_panel;
    const fv_tn_run *runs;
    int64_t n_runs;
    float *c;
    int64_t c_step;
    bool load;
} fv_tn;

typedef struct fv_gemm_kernels {
    int mr, nr;  /* rows and columns of the register tile of igemm; nr is the width of a packed panel */
    int tn_mr;   /* rows of the register tile of tn; its columns are nr */
    int tn_step; /* floats from step to step of a packed tile of tn, at least tn_mr */
    void (*igemm)(const fv_igemm *g);
    void (*tn)(const fv_tn *g);

    /* Packs a k x n matrix with element (i, j) at src + i * k_step + j * n_step into panels of nr columns: element (i,
       j) goes to dst + (j / nr) * dst_panel + i * nr + j % nr. Columns from n to the end of the last panel become 0.
       Fast when k_step or n_step is 1. */
    void (*pack)(float *dst, int64_t dst_panel, const float *src, int64_t k, int64_t n, int64_t k_step, int64_t n_step);

    /* Packs the k x m matrix with element (i, j) at src + i * k_step + j for the rows j of tn: they are dealt evenly to
       tiles = ceil(m / tn_mr) tiles, of which tile t begins with row t * m / tiles; element (i, j) of tile t goes to
       dst + t * dst_tile + i * tn_step + (j - its first row). Whole steps are written; up to tn_step - 1 floats behind
       the last element are read, and what the rest of a step holds is unspecified. */
    void (*tn_pack)(float *dst, int64_t dst_tile, const float *src, int64_t k, int64_t m, int64_t k_step);

    /* c[i * c_step + j] += sum over t < k of a[t * mr64 + i] * b[t * nr64 + j] in float64, for i < mr64, j < nr64: each
       element one chain in increasing order of t. */
    int mr64, nr64;
    void (*tile64)(int64_t k, const double *a, const double *b, double *c, int64_t c_step);

    /* to[k] += scale * row[k] for k < n, and the sum of row[k] * u[k]: of eight chains, of the k that are equal modulo
       8, added up in order. Float64, fused. */
    double (*row64)(int64_t n, const double *row, const double *u, double scale, double *to);

    /* Runs rounds of independent fused multiply-adds on registers and returns how many floating-point operations they
       were (a multiply-add is two): the roof that the products are measured against. *sink takes a value so that the
       work cannot be dropped. */
    int64_t (*peak)(int64_t rounds, float *sink);
} fv_gemm_kernels;

#endif
