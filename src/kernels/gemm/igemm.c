/* SPDX-License-Identifier: Apache-2.0 */
/* The product with fixed B panels: rows of A are reached through offsets, so convolution runs on the image itself. */
#include "kernels/gemm/tile.h"

/* Floats that B is fetched ahead: one page. */
#define PREFETCH 1024
/* Steps of the inner index between fetches of what comes later, and floats of a line. */
#define STEPS 16
#define LINE  16

/* One register tile: where its rows are, and the panel it meets. */
typedef struct igemm_tile {
    const fv_igemm *g;
    const float *b;   /* panel */
    int64_t row, col; /* first row and column of dst */
    int64_t columns;  /* valid columns of the panel */
    /* Of what is read behind the panel: from where this tile's steps fetch it, and how much STEPS of them do. */
    const float *fetch;
    int64_t fetch_floats;
} igemm_tile;

FV_INLINE int64_t igemm_a_row(const fv_igemm *g, int64_t i)
{
    return g->a_row ? g->a_row[i] : i * g->a_step;
}
FV_INLINE int64_t igemm_dst_row(const fv_igemm *g, int64_t i)
{
    return g->dst_row ? g->dst_row[i] : i * g->dst_step;
}

FV_INLINE vf load_columns(const float *p, int64_t left)
{
    return left >= VF ? vf_load(p) : vf_load_n(p, (int)left);
}

FV_INLINE void igemm_start(const igemm_tile *x, vf acc[MR][NV], const int rows, const int vectors)
{
    const fv_igemm *g = x->g;
    for (int j = 0; j < vectors; j++) {
        int64_t col = x->col + j * VF, left = x->columns - j * VF;
        if (g->load && left > 0) {
            FV_UNROLL
            for (int i = 0; i < rows; i++)
                acc[i][j] = load_columns(g->dst + igemm_dst_row(g, x->row + i) + col, left);
        } else {
            vf start = g->bias && left > 0 ? load_columns(g->bias + col, left) : vf_zero();
            FV_UNROLL
            for (int i = 0; i < rows; i++)
                acc[i][j] = start;
        }
    }
}

FV_INLINE void igemm_finish(const igemm_tile *x, vf acc[MR][NV], const int rows, const int vectors)
{
    const fv_igemm *g = x->g;
    vf lo = vf_set1(g->lo), hi = vf_set1(g->hi);
    int64_t at[MR];
    FV_UNROLL
    for (int i = 0; i < rows; i++)
        at[i] = igemm_dst_row(g, x->row + i) + x->col;
    for (int j = 0; j < vectors; j++) {
        int64_t left = x->columns - j * VF;
        if (left <= 0)
            break;
        if (g->shift) {
            const vf shift = load_columns(g->shift + x->col + j * VF, left);
            FV_UNROLL
            for (int i = 0; i < rows; i++)
                acc[i][j] = vf_add(acc[i][j], shift);
        }
        if (g->add) {
            FV_UNROLL
            for (int i = 0; i < rows; i++)
                acc[i][j] = vf_add(acc[i][j], load_columns(g->add + at[i] + j * VF, left));
        }
        if (g->clamp) {
            FV_UNROLL
            for (int i = 0; i < rows; i++)
                acc[i][j] = vf_min(hi, vf_max(lo, acc[i][j]));
        }
        if (left >= VF) {
            FV_UNROLL
            for (int i = 0; i < rows; i++)
                vf_store(g->dst + at[i] + j * VF, acc[i][j]);
        } else {
            FV_UNROLL
            for (int i = 0; i < rows; i++)
                vf_store_n(g->dst + at[i] + j * VF, acc[i][j], (int)left);
        }
    }
}

/* Steps c .. c + steps of the inner index: each chain takes them in order. */
FV_INLINE void igemm_steps(const float *const p[MR], int64_t c, const float *b, int64_t b_step, vf acc[MR][NV],
                           const int rows, const int vectors, const int steps)
{
    vf bv[4][NV];
    FV_UNROLL
    for (int u = 0; u < steps; u++) {
        FV_UNROLL
        for (int j = 0; j < vectors; j++)
            bv[u][j] = vf_load(b + u * b_step + j * VF);
        /* Panels from memory that meet few rows: the hardware stops at the end of a page and starts anew. */
        FV_UNROLL
        for (int j = 0; j < vectors * VF; j += 16)
            __builtin_prefetch(b + u * b_step + j + PREFETCH);
    }
    FV_UNROLL
    for (int i = 0; i < rows; i++) {
        FV_UNROLL
        for (int u = 0; u < steps; u++) {
            const vf av = vf_set1(p[i][c + u]);
            FV_UNROLL
            for (int j = 0; j < vectors; j++)
                acc[i][j] = vf_fma(av, bv[u][j], acc[i][j]);
        }
    }
}

/* Lines of dst are far when their turn comes, and few stores can wait for them: they are fetched a tile before. */
FV_INLINE void igemm_fetch(const igemm_tile *x, int64_t row, const int rows, const int vectors)
{
    const fv_igemm *g = x->g;
    FV_UNROLL
    for (int i = 0; i < rows; i++) {
        const int64_t at = igemm_dst_row(g, row + i) + x->col;
        FV_UNROLL
        for (int j = 0; j < vectors * VF; j += 16) {
            __builtin_prefetch(g->dst + at + j, 1);
            if (g->add)
                __builtin_prefetch(g->add + at + j);
        }
    }
}

FV_INLINE void igemm_tile_run(const igemm_tile *x, const int rows, const int vectors)
{
    const fv_igemm *g = x->g;
    const int64_t b_step = g->b_step;
    const int steps = fv_tile_steps(vectors);
    const float *p[MR];
    vf acc[MR][NV];
    igemm_start(x, acc, rows, vectors);
    if (x->row == 0)
        igemm_fetch(x, 0, rows, vectors);
    igemm_fetch(x, x->row + 2 * rows <= g->m ? x->row + rows : g->m - rows, rows, vectors);
    FV_UNROLL
    for (int i = 0; i < rows; i++)
        p[i] = g->a + igemm_a_row(g, x->row + i);
    /* The first panel meets rows that no one has read yet; the next tile's are fetched meanwhile, a line per row. */
    const int64_t ahead = x->col == 0 && !g->a_row && g->taps == 1 ? rows * g->a_step : 0;
    const float *fetch = x->fetch, *fetched = fetch;
    for (int64_t t = 0; t < g->taps; t++) {
        const float *b = x->b + (g->b_tap ? g->b_tap[t] : t * g->depth * b_step);
        int64_t c = g->a_tap ? g->a_tap[t] : t * g->depth;
        const int64_t end = c + g->depth;
        if (ahead || fetch) {
            for (; c + STEPS <= end; b += STEPS * b_step, c += STEPS) {
                if (ahead) {
                    FV_UNROLL
                    for (int i = 0; i < rows; i++)
                        __builtin_prefetch(p[i] + c + ahead);
                }
                for (fetch += x->fetch_floats; fetched < fetch; fetched += LINE)
                    __builtin_prefetch(fetched, 0, 2);
                for (int u = 0; u < STEPS; u += steps)
                    igemm_steps(p, c + u, b + u * b_step, b_step, acc, rows, vectors, steps);
            }
        }
        for (; c + steps <= end; c += steps, b += steps * b_step)
            igemm_steps(p, c, b, b_step, acc, rows, vectors, steps);
        for (; c < end; c++, b += b_step)
            igemm_steps(p, c, b, b_step, acc, rows, vectors, 1);
    }
    igemm_finish(x, acc, rows, vectors);
}

FV_INLINE void igemm_tile_rows(const igemm_tile *x, int rows, const int vectors)
{
    switch (rows) {
#if MR >= 14
    case 14:
        igemm_tile_run(x, 14, vectors);
        return;
    case 13:
        igemm_tile_run(x, 13, vectors);
        return;
    case 12:
        igemm_tile_run(x, 12, vectors);
        return;
    case 11:
        igemm_tile_run(x, 11, vectors);
        return;
    case 10:
        igemm_tile_run(x, 10, vectors);
        return;
    case 9:
        igemm_tile_run(x, 9, vectors);
        return;
    case 8:
        igemm_tile_run(x, 8, vectors);
        return;
    case 7:
        igemm_tile_run(x, 7, vectors);
        return;
#endif
#if MR >= 6
    case 6:
        igemm_tile_run(x, 6, vectors);
        return;
    case 5:
        igemm_tile_run(x, 5, vectors);
        return;
#endif
    case 4:
        igemm_tile_run(x, 4, vectors);
        return;
    case 3:
        igemm_tile_run(x, 3, vectors);
        return;
    case 2:
        igemm_tile_run(x, 2, vectors);
        return;
    default:
        igemm_tile_run(x, 1, vectors);
        return;
    }
}

/* Kept apart from each other: one function with every instance in it makes the compilers spill. */
static __attribute__((noinline)) void igemm_tile_nv(const igemm_tile *x, int rows)
{
    igemm_tile_rows(x, rows, NV);
}
static __attribute__((noinline)) void igemm_tile_2(const igemm_tile *x, int rows)
{
    igemm_tile_rows(x, rows, 2);
}
static __attribute__((noinline)) void igemm_tile_1(const igemm_tile *x, int rows)
{
    igemm_tile_rows(x, rows, 1);
}

void FV_SYM(fv_gemm_igemm)(const fv_igemm *g)
{
    /* Rows are spread evenly: 49 rows run as 13 + 12 + 12 + 12 and not as three full tiles and a thin one. */
    const int64_t tiles = (g->m + MR - 1) / MR, floats = g->taps * g->depth * NR;
    const bool packed = g->b_step == NR && !g->b_tap;
    for (int64_t col = 0; col < g->n; col += NR) {
        igemm_tile x = {.g = g, .b = g->b + col / NR * g->b_panel, .col = col};
        x.columns = g->n - col < NR ? g->n - col : NR;
        const int vectors = fv_tile_vectors(x.columns);
        for (int64_t t = 0; t < tiles; t++) {
            x.row = t * g->m / tiles;
            int rows = (int)((t + 1) * g->m / tiles - x.row);
            /* A panel from memory comes while the tiles behind the first meet the one before it, which is near then. */
            if (packed && t > 0) {
                x.fetch = x.b + (col + NR < g->n ? g->b_panel : floats) + (t - 1) * floats / (tiles - 1);
                x.fetch_floats = STEPS * NR / (tiles - 1);
            }
            if (vectors == NV)
                igemm_tile_nv(&x, rows);
            else if (vectors == 2)
                igemm_tile_2(&x, rows);
            else
                igemm_tile_1(&x, rows);
        }
    }
}
