/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of the gemm family broken on purpose: each wraps the right one of the scalar table, whose bits are
 * everyone's. */
#include "fvcheck.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/gemm/gemm.h"

static fv_gemm_kernels broken_table;
static const fv_gemm_kernels *right;

static fv_gemm_kernels *broken_begin(fv_kernels *k)
{
    right = k->gemm;
    broken_table = *k->gemm;
    k->gemm = &broken_table;
    return &broken_table;
}

static void igemm_overwrites(const fv_igemm *g)
{
    right->igemm(g);
    int64_t last = g->dst_row ? 0 : (g->m - 1) * g->dst_step;
    for (int64_t i = 0; g->dst_row && i < g->m; i++)
        last = g->dst_row[i] > last ? g->dst_row[i] : last;
    g->dst[last + g->n] = 0.0f;
}

static void igemm_short_tail(const fv_igemm *g)
{
    fv_igemm h = *g;
    if (h.n > 1)
        h.n--;
    right->igemm(&h);
}

static void igemm_off_by_one(const fv_igemm *g)
{
    fv_igemm h = *g;
    if (h.taps == 1 && h.depth > 1)
        h.depth--;
    right->igemm(&h);
}

/* Same sum, other order: the inner index in two chains that are added. */
static void igemm_other_order(const fv_igemm *g)
{
    fv_igemm h = *g;
    if (h.taps != 1 || h.depth < 2 || h.add || h.shift) {
        right->igemm(g);
        return;
    }
    int64_t half = h.depth / 2;
    int64_t size = 0;
    for (int64_t i = 0; i < g->m; i++) {
        int64_t end = (g->dst_row ? g->dst_row[i] : i * g->dst_step) + g->n;
        size = end > size ? end : size;
    }
    float *first = calloc((size_t)size, sizeof(float));
    if (!first)
        exit(2);
    int64_t a_tap = g->a_tap ? g->a_tap[0] : 0, b_tap = g->b_tap ? g->b_tap[0] : 0;
    h.a_tap = h.b_tap = NULL;
    h.a += a_tap;
    h.b += b_tap;
    fv_igemm low = h;
    low.dst = first;
    low.depth = half;
    low.load = low.clamp = false;
    low.bias = NULL;
    right->igemm(&low);
    h.a += half;
    h.b += half * h.b_step;
    h.depth -= half;
    h.add = first;
    right->igemm(&h);
    free(first);
}

static void igemm_swallows_nan(const fv_igemm *g)
{
    right->igemm(g);
    for (int64_t i = 0; g->clamp && i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            float *p = &g->dst[(g->dst_row ? g->dst_row[i] : i * g->dst_step) + j];
            *p = isnan(*p) ? g->lo : *p;
        }
}

static void igemm_reads_far(const fv_igemm *g)
{
    int64_t panels = (g->n + right->nr - 1) / right->nr;
    const volatile float *far =
        g->b + panels * g->b_panel + (g->b_step == right->nr ? 0 : g->taps * g->depth * g->b_step) + 128 + 4096;
    (void)*far;
    right->igemm(g);
}

static void igemm_ignores_load(const fv_igemm *g)
{
    fv_igemm h = *g;
    h.load = false;
    right->igemm(&h);
}

static void tn_skips_run(const fv_tn *g)
{
    fv_tn h = *g;
    if (h.n_runs > 1)
        h.n_runs--;
    right->tn(&h);
}

static void tn_overwrites(const fv_tn *g)
{
    right->tn(g);
    g->c[(g->m - 1) * g->c_step + g->n] = 1.0f;
}

static void tn_ignores_columns(const fv_tn *g)
{
    fv_tn h = *g;
    h.a_col = NULL;
    right->tn(&h);
}

/* Takes packed tiles for as many rows each as there can be. */
static void tn_full_tiles(float *dst, int64_t dst_tile, const float *src, int64_t k, int64_t m, int64_t k_step)
{
    right->tn_pack(dst, dst_tile, src, k, m, k_step);
    for (int64_t i = 0; m > right->tn_mr && i < k; i++)
        dst[dst_tile + i * right->tn_step] = src[i * k_step + right->tn_mr];
}

static void tn_one_panel(const fv_tn *g)
{
    fv_tn h = *g;
    h.b_panel = 0;
    right->tn(&h);
}

static void pack_no_zeros(float *dst, int64_t dst_panel, const float *src, int64_t k, int64_t n, int64_t k_step,
                          int64_t n_step)
{
    right->pack(dst, dst_panel, src, k, n, k_step, n_step);
    if (n % right->nr)
        dst[n / right->nr * dst_panel + right->nr - 1] = 1.0f;
}

static void pack_drops_row(float *dst, int64_t dst_panel, const float *src, int64_t k, int64_t n, int64_t k_step,
                           int64_t n_step)
{
    right->pack(dst, dst_panel, src, k > 1 ? k - 1 : k, n, k_step, n_step);
}

static void install_overwrites(fv_kernels *k)
{
    broken_begin(k)->igemm = igemm_overwrites;
}
static void install_short_tail(fv_kernels *k)
{
    broken_begin(k)->igemm = igemm_short_tail;
}
static void install_off_by_one(fv_kernels *k)
{
    broken_begin(k)->igemm = igemm_off_by_one;
}
static void install_other_order(fv_kernels *k)
{
    broken_begin(k)->igemm = igemm_other_order;
}
static void install_swallows_nan(fv_kernels *k)
{
    broken_begin(k)->igemm = igemm_swallows_nan;
}
static void install_reads_far(fv_kernels *k)
{
    broken_begin(k)->igemm = igemm_reads_far;
}
static void install_ignores_load(fv_kernels *k)
{
    broken_begin(k)->igemm = igemm_ignores_load;
}
static void install_skips_run(fv_kernels *k)
{
    broken_begin(k)->tn = tn_skips_run;
}
static void install_tn_overwrites(fv_kernels *k)
{
    broken_begin(k)->tn = tn_overwrites;
}
static void install_tn_columns(fv_kernels *k)
{
    broken_begin(k)->tn = tn_ignores_columns;
}
static void install_tn_full_tiles(fv_kernels *k)
{
    broken_begin(k)->tn_pack = tn_full_tiles;
}
static void install_tn_one_panel(fv_kernels *k)
{
    broken_begin(k)->tn = tn_one_panel;
}
static void install_pack_no_zeros(fv_kernels *k)
{
    broken_begin(k)->pack = pack_no_zeros;
}
static void install_pack_drops_row(fv_kernels *k)
{
    broken_begin(k)->pack = pack_drops_row;
}

static void tile64_rounds_twice(int64_t k, const double *a, const double *b, double *c, int64_t c_step)
{
    for (int i = 0; i < right->mr64; i++)
        for (int j = 0; j < right->nr64; j++)
            for (int64_t t = 0; t < k; t++)
                c[i * c_step + j] += a[t * right->mr64 + i] * b[t * right->nr64 + j];
}
static void install_tile64_rounds_twice(fv_kernels *k)
{
    broken_begin(k)->tile64 = tile64_rounds_twice;
}
static double row64_short_tail(int64_t n, const double *row, const double *u, double scale, double *to)
{
    return right->row64(n - n % 8, row, u, scale, to);
}
static void install_row64_short_tail(fv_kernels *k)
{
    broken_begin(k)->row64 = row64_short_tail;
}

const fv_broken fv_broken_gemm[] = {{"gemm.igemm: writes one column too many", "gemm.igemm", install_overwrites},
                                    {"gemm.igemm: leaves out the last column", "gemm.igemm", install_short_tail},
                                    {"gemm.igemm: leaves out the last step", "gemm.igemm", install_off_by_one},
                                    {"gemm.igemm: adds two chains", "gemm.igemm", install_other_order},
                                    {"gemm.igemm: swallows NaN", "gemm.igemm", install_swallows_nan},
                                    {"gemm.igemm: reads behind the tail", "gemm.igemm", install_reads_far},
                                    {"gemm.igemm: does not continue a chain", "gemm.igemm_cut", install_ignores_load},
                                    {"gemm.tn: leaves out the last run", "gemm.tn", install_skips_run},
                                    {"gemm.tn: writes one element too many", "gemm.tn", install_tn_overwrites},
                                    {"gemm.tn: ignores the offsets of A", "gemm.tn", install_tn_columns},
                                    {"gemm.tn: ignores panels of B", "gemm.tn", install_tn_one_panel},
                                    {"gemm.tn_pack: fills the first tile", "gemm.tn_pack", install_tn_full_tiles},
                                    {"gemm.pack: last panel not zero-filled", "gemm.pack", install_pack_no_zeros},
                                    {"gemm.pack: drops the last row", "gemm.pack", install_pack_drops_row},
                                    {"gemm.tile64: rounds products", "gemm.tile64", install_tile64_rounds_twice},
                                    {"gemm.row64: leaves out the tail", "gemm.row64", install_row64_short_tail},
                                    {NULL, NULL, NULL}};
