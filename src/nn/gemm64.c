/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/gemm64.h"

#include "base/threads.h"
#include "kernels/gemm/gemm.h"
#include "kernels/kernels.h"

/* Steps that are packed at once, and tiles of rows that one task works on: what they hold stays in the second cache. */
enum { DEPTH = 256, TILES = 16, EDGE = 8 * 32 };

typedef struct product {
    const fv_gemm64 *g;
    const fv_gemm_kernels *kernels;
    double *a, *b; /* packed: tiles of rows, panels of columns, DEPTH steps each */
    int64_t from, depth;
} product;

static double element(const fv_matrix64 *m, int64_t i, int64_t j)
{
    const int64_t at = i * m->row + j * m->column;
    return m->d ? m->d[at] : (double)m->f[at];
}

static int64_t tiles_of(int64_t count, int size)
{
    return (count + size - 1) / size;
}

static void pack_rows(void *arg, int64_t task, int worker)
{
    const product *p = arg;
    const int mr = p->kernels->mr64;
    double *to = p->a + task * mr * DEPTH;
    (void)worker;
    for (int r = 0; r < mr; r++) {
        const int64_t i = task * mr + r;
        for (int64_t t = 0; t < p->depth; t++)
            to[t * mr + r] = i < p->g->m ? p->g->sign * element(&p->g->a, i, p->from + t) : 0;
    }
}

static void pack_columns(void *arg, int64_t task, int worker)
{
    const product *p = arg;
    const int nr = p->kernels->nr64;
    const int64_t left = p->g->n - task * nr, count = left < nr ? left : nr;
    double *to = p->b + task * nr * DEPTH;
    (void)worker;
    for (int64_t t = 0; t < p->depth; t++)
        for (int j = 0; j < nr; j++)
            to[t * nr + j] = j < count ? element(&p->g->b, p->from + t, task * nr + j) : 0;
}

/* A tile at the edge of c is computed beside it. */
static void edge_tile(const product *p, const double *a, const double *b, double *c, int64_t rows, int64_t columns)
{
    double tile[EDGE];
    const int nr = p->kernels->nr64;
    for (int64_t i = 0; i < p->kernels->mr64; i++)
        for (int64_t j = 0; j < nr; j++)
            tile[i * nr + j] = i < rows && j < columns ? c[i * p->g->c_step + j] : 0;
    p->kernels->tile64(p->depth, a, b, tile, nr);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            c[i * p->g->c_step + j] = tile[i * nr + j];
}

static void multiply_tiles(void *arg, int64_t task, int worker)
{
    const product *p = arg;
    const fv_gemm64 *g = p->g;
    const int mr = p->kernels->mr64, nr = p->kernels->nr64;
    const int64_t tiles = tiles_of(g->m, mr), end = (task + 1) * TILES < tiles ? (task + 1) * TILES : tiles;
    (void)worker;
    for (int64_t panel = 0; panel * nr < g->n; panel++)
        for (int64_t tile = task * TILES; tile < end; tile++) {
            const int64_t i = tile * mr, j = panel * nr;
            const double *a = p->a + i * DEPTH, *b = p->b + j * DEPTH;
            double *c = g->c + i * g->c_step + j;
            const int64_t rows = g->m - i < mr ? g->m - i : mr, columns = g->n - j < nr ? g->n - j : nr;
            if (g->lower && j > i + rows - 1)
                continue;
            if (rows == mr && columns == nr)
                p->kernels->tile64(p->depth, a, b, c, g->c_step);
            else
                edge_tile(p, a, b, c, rows, columns);
        }
}

int64_t fv_gemm64_bytes(int64_t m, int64_t n)
{
    return (m + n + 64) * DEPTH * (int64_t)sizeof(double);
}

fv_status fv_gemm64_run(fv_ctx *ctx, const fv_gemm64 *g)
{
    const fv_gemm_kernels *kernels = fv_kernels_of(ctx)->gemm;
    const int64_t rows = tiles_of(g->m, kernels->mr64), columns = tiles_of(g->n, kernels->nr64);
    if (rows == 0 || columns == 0 || g->k == 0)
        return FV_OK;
    product p = {.g = g, .kernels = kernels};
    p.a = fv_malloc(ctx, (size_t)((rows * kernels->mr64 + columns * kernels->nr64) * DEPTH) * sizeof *p.a);
    if (!p.a)
        return FV_ERR_NO_MEMORY;
    p.b = p.a + rows * kernels->mr64 * DEPTH;
    for (; p.from < g->k; p.from += DEPTH) {
        p.depth = g->k - p.from < DEPTH ? g->k - p.from : DEPTH;
        fv_parallel(ctx, rows, 0, pack_rows, &p);
        fv_parallel(ctx, columns, 0, pack_columns, &p);
        fv_parallel(ctx, tiles_of(rows, TILES), 0, multiply_tiles, &p);
    }
    fv_free(ctx, p.a);
    return FV_OK;
}
