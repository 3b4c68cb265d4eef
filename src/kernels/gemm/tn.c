/* SPDX-License-Identifier: Apache-2.0 */
/* The product over pixels: both operands advance by one row per step, as in the gradient to the weights. */
#include "kernels/gemm/tile.h"

typedef struct tn_tile {
    const fv_tn *g;
    int64_t row, col;   /* first row and column of c */
    int64_t columns;    /* valid columns */
    const float *a, *b; /* operands of the tile's first row and column */
} tn_tile;

/* Broadcast operands: consecutive floats (gathered == 0) or one offset per row. */
FV_INLINE void tn_tile_run(const tn_tile *x, const int rows, const int vectors, const int gathered)
{
    const fv_tn *g = x->g;
    vf acc[MR][NV];
    int64_t off[MR];
    float *c = g->c + x->row * g->c_step + x->col;
    for (int j = 0; j < vectors; j++) {
        int64_t left = x->columns - j * VF;
        FV_UNROLL
        for (int i = 0; i < rows; i++) {
            acc[i][j] = vf_zero();
            if (g->load && left > 0)
                acc[i][j] =
                    left >= VF ? vf_load(c + i * g->c_step + j * VF) : vf_load_n(c + i * g->c_step + j * VF, (int)left);
        }
    }
    FV_UNROLL
    for (int i = 0; i < rows; i++)
        off[i] = gathered ? g->a_col[x->row + i] : i;
    const int64_t a_step = g->a_step, b_step = g->b_step;
    for (int64_t r = 0; r < g->n_runs; r++) {
        const float *a = x->a + g->runs[r].a;
        const float *b = x->b + g->runs[r].b;
        for (int64_t k = g->runs[r].count; k > 0; k--) {
            vf bv[NV];
            FV_UNROLL
            for (int j = 0; j < vectors; j++)
                bv[j] = vf_load(b + j * VF);
            FV_UNROLL
            for (int i = 0; i < rows; i++) {
                vf av = vf_set1(a[gathered ? off[i] : i]);
                FV_UNROLL
                for (int j = 0; j < vectors; j++)
                    acc[i][j] = vf_fma(av, bv[j], acc[i][j]);
            }
            a += a_step;
            b += b_step;
        }
    }
    for (int j = 0; j < vectors; j++) {
        int64_t left = x->columns - j * VF;
        if (left <= 0)
            break;
        FV_UNROLL
        for (int i = 0; i < rows; i++) {
            if (left >= VF)
                vf_store(c + i * g->c_step + j * VF, acc[i][j]);
            else
                vf_store_n(c + i * g->c_step + j * VF, acc[i][j], (int)left);
        }
    }
}

FV_INLINE void tn_tile_rows(const tn_tile *x, int rows, const int vectors, const int gathered)
{
    switch (rows) {
#if MR >= 14
    case 14:
        tn_tile_run(x, 14, vectors, gathered);
        return;
    case 13:
        tn_tile_run(x, 13, vectors, gathered);
        return;
    case 12:
        tn_tile_run(x, 12, vectors, gathered);
        return;
    case 11:
        tn_tile_run(x, 11, vectors, gathered);
        return;
    case 10:
        tn_tile_run(x, 10, vectors, gathered);
        return;
    case 9:
        tn_tile_run(x, 9, vectors, gathered);
        return;
    case 8:
        tn_tile_run(x, 8, vectors, gathered);
        return;
    case 7:
        tn_tile_run(x, 7, vectors, gathered);
        return;
#endif
#if MR >= 6
    case 6:
        tn_tile_run(x, 6, vectors, gathered);
        return;
    case 5:
        tn_tile_run(x, 5, vectors, gathered);
        return;
#endif
    case 4:
        tn_tile_run(x, 4, vectors, gathered);
        return;
    case 3:
        tn_tile_run(x, 3, vectors, gathered);
        return;
    case 2:
        tn_tile_run(x, 2, vectors, gathered);
        return;
    default:
        tn_tile_run(x, 1, vectors, gathered);
        return;
    }
}

static __attribute__((noinline)) void tn_tile_nv(const tn_tile *x, int rows)
{
    tn_tile_rows(x, rows, NV, 0);
}
static __attribute__((noinline)) void tn_tile_2(const tn_tile *x, int rows)
{
    tn_tile_rows(x, rows, 2, 0);
}
static __attribute__((noinline)) void tn_tile_1(const tn_tile *x, int rows)
{
    tn_tile_rows(x, rows, 1, 0);
}
static __attribute__((noinline)) void tn_gather_nv(const tn_tile *x, int rows)
{
    tn_tile_rows(x, rows, NV, 1);
}
static __attribute__((noinline)) void tn_gather_2(const tn_tile *x, int rows)
{
    tn_tile_rows(x, rows, 2, 1);
}
static __attribute__((noinline)) void tn_gather_1(const tn_tile *x, int rows)
{
    tn_tile_rows(x, rows, 1, 1);
}

void FV_SYM(fv_gemm_tn)(const fv_tn *g)
{
    typedef void (*tile_fn)(const tn_tile *x, int rows);
    static const tile_fn plain[] = {tn_tile_1, tn_tile_2, tn_tile_nv};
    static const tile_fn gather[] = {tn_gather_1, tn_gather_2, tn_gather_nv};
    const int64_t tiles = (g->m + MR - 1) / MR, b_panel = g->b_panel > 0 ? g->b_panel : NR;
    const bool packed = g->a_tile > 0, gathered = !packed && g->a_col;
    for (int64_t col = 0; col < g->n; col += NR) {
        tn_tile x = {.g = g, .col = col, .columns = g->n - col < NR ? g->n - col : NR, .b = g->b + col / NR * b_panel};
        const int vectors = fv_tile_vectors(x.columns);
        const int which = vectors == NV ? 2 : vectors - 1;
        const tile_fn run = (gathered ? gather : plain)[which];
        for (int64_t t = 0; t < tiles; t++) {
            x.row = t * g->m / tiles;
            x.a = g->a + (packed ? t * g->a_tile : gathered ? 0 : x.row);
            run(&x, (int)((t + 1) * g->m / tiles - x.row));
        }
    }
}
