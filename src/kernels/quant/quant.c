/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/quant/end.h"

#if defined(__clang__)
#define FV_UNROLL _Pragma("unroll")
#else
#define FV_UNROLL _Pragma("GCC unroll 16")
#endif

/* Rows and vectors of the register tile: 19 of 32 registers, 15 of 16, 23 of 32. */
#if VF == 16
#define MR 8
#define NV 2
#elif VF == 8
#define MR 6
#define NV 2
#else
#define MR 4
#define NV 4
#endif
#define NR (NV * VF)

/* ---- the way back ---- */

FV_INLINE vi load_lanes(const int32_t *p, int64_t left)
{
    return left >= VF ? vi_load(p) : vi_load_n(p, (int)left);
}

/* Columns [j, j + left) of end. */
FV_INLINE end_lanes end_load(const fv_q_end *end, int64_t j, int64_t left)
{
    end_lanes e = end_set(load_lanes(end->mul + j, left), load_lanes(end->shift + j, left));
    e.slow |= end->once;
    return e;
}

static int32_t saturated(int64_t x)
{
    return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

static int32_t end_lane(int32_t x, int32_t mul, int32_t shift, bool once)
{
    shift = shift > 30 ? 30 : shift < -31 ? -31 : shift;
    if (once)
        return saturated(((int64_t)x * mul + (INT64_C(1) << (30 - shift))) >> (31 - shift));
    x = (int32_t)((uint32_t)x << (shift > 0 ? shift : 0));
    x = saturated(((int64_t)x * mul + (INT64_C(1) << 30)) >> 31);
    const int right = shift < 0 ? -shift : 0;
    const int64_t half = right > 0 ? (INT64_C(1) << (right - 1)) - (x < 0) : 0;
    return (int32_t)((x + half) >> right);
}

static __attribute__((noinline)) vi end_slow(const fv_q_end *end, int64_t j, int64_t left, vi x)
{
    int32_t lane[VF];
    vi_store(lane, x);
    for (int64_t i = 0; i < VF && i < left; i++)
        lane[i] = end_lane(lane[i], end->mul[j + i], end->shift[j + i], end->once);
    return vi_load(lane);
}

/* Sums of columns [j, j + left), stored at dst[at]. */
FV_INLINE void end_store(const fv_q_end *end, const end_lanes *e, int64_t j, int64_t left, vi x, void *dst, int64_t at)
{
    const int n = left >= VF ? VF : (int)left;
    if (end->factor) {
        const vf y = vf_mul(vf_mul(vi_to_vf(x), vf_set1(end->line)), vf_load_n(end->factor + j, n));
        vf_store_n((float *)dst + at, vf_add(y, vf_load_n(end->shifted + j, n)), n);
        return;
    }
    if (!end->mul) {
        vi_store_n((int32_t *)dst + at, x, n);
        return;
    }
    const vi y = e->slow ? end_slow(end, j, left, x) : end_twice(e, x);
    const vi z = vi_add(clamp_lanes(y, vi_set1(end->low), vi_set1(end->high)), vi_set1(end->zero));
    vi_store_u8_n((uint8_t *)dst + at, z, n);
}

/* ---- products ---- */

FV_INLINE void gemm_tile(const fv_q_gemm *g, const int32_t *panel, int64_t row, int64_t col, const int rows,
                         const int vectors)
{
    vi acc[MR][NV];
    const int32_t *b = panel;
    FV_UNROLL
    for (int v = 0; v < vectors; v++) {
        const int64_t left = g->n - col - v * VF;
        const vi start = left > 0 && g->end.bias ? load_lanes(g->end.bias + col + v * VF, left) : vi_set1(0);
        FV_UNROLL
        for (int i = 0; i < rows; i++)
            acc[i][v] = start;
    }
    for (int64_t r = 0; r < g->taps[0]; r++)
        for (int64_t s = 0; s < g->taps[1]; s++) {
            const int32_t *a = g->a + row * g->a_step + r * g->a_tap[0] + s * g->a_tap[1];
            for (int64_t t = 0; t < g->depth; t++, b += NR) {
                vi bv[NV];
                FV_UNROLL
                for (int v = 0; v < vectors; v++)
                    bv[v] = vi_load(b + v * VF);
                FV_UNROLL
                for (int i = 0; i < rows; i++) {
                    const vi av = vi_set1(a[i * g->a_step + t]);
                    FV_UNROLL
                    for (int v = 0; v < vectors; v++)
                        acc[i][v] = vi_add(acc[i][v], vi_madd(av, bv[v]));
                }
            }
        }
    for (int v = 0; v < vectors; v++) {
        const int64_t j = col + v * VF, left = g->n - j;
        if (left <= 0)
            break;
        end_lanes e = {0};
        if (g->end.mul)
            e = end_load(&g->end, j, left);
        for (int i = 0; i < rows; i++)
            end_store(&g->end, &e, j, left, acc[i][v], g->dst, (row + i) * g->dst_step + j);
    }
}

FV_INLINE void gemm_rows(const fv_q_gemm *g, const int32_t *b, int64_t row, int64_t col, int rows, const int vectors)
{
    switch (rows) {
#if MR >= 8
    case 8:
        gemm_tile(g, b, row, col, 8, vectors);
        return;
    case 7:
        gemm_tile(g, b, row, col, 7, vectors);
        return;
#endif
#if MR >= 6
    case 6:
        gemm_tile(g, b, row, col, 6, vectors);
        return;
    case 5:
        gemm_tile(g, b, row, col, 5, vectors);
        return;
#endif
    case 4:
        gemm_tile(g, b, row, col, 4, vectors);
        return;
    case 3:
        gemm_tile(g, b, row, col, 3, vectors);
        return;
    case 2:
        gemm_tile(g, b, row, col, 2, vectors);
        return;
    default:
        gemm_tile(g, b, row, col, 1, vectors);
        return;
    }
}

static __attribute__((noinline)) void gemm_rows_nv(const fv_q_gemm *g, const int32_t *b, int64_t row, int64_t col,
                                                   int rows)
{
    gemm_rows(g, b, row, col, rows, NV);
}
static __attribute__((noinline)) void gemm_rows_1(const fv_q_gemm *g, const int32_t *b, int64_t row, int64_t col,
                                                  int rows)
{
    gemm_rows(g, b, row, col, rows, 1);
}

/* Rows are spread evenly over the tiles. */
static void q_gemm(const fv_q_gemm *g)
{
    const int64_t tiles = (g->m + MR - 1) / MR, panel = g->taps[0] * g->taps[1] * g->depth * NR;
    for (int64_t col = 0; col < g->n; col += NR) {
        const int32_t *b = g->b + col / NR * panel;
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t row = t * g->m / tiles;
            const int rows = (int)((t + 1) * g->m / tiles - row);
            if (g->n - col > VF)
                gemm_rows_nv(g, b, row, col, rows);
            else
                gemm_rows_1(g, b, row, col, rows);
        }
    }
}

/* ---- depthwise ---- */

FV_INLINE void depthwise_pixels(const fv_q_depthwise *d, const end_lanes *e, int64_t i, int64_t j, const int pixels)
{
    const int64_t left = d->c - j;
    vi acc[4];
    FV_UNROLL
    for (int x = 0; x < pixels; x++)
        acc[x] = d->end.bias ? load_lanes(d->end.bias + j, left) : vi_set1(0);
    const int32_t *b = d->b + j;
    for (int64_t r = 0; r < d->taps[0]; r++) {
        const int32_t *a = d->a + i * d->a_step + r * d->a_tap[0] + j;
        for (int64_t s = 0; s < d->taps[1]; s++, a += d->a_tap[1], b += d->b_step) {
            const vi bv = vi_load(b);
            FV_UNROLL
            for (int x = 0; x < pixels; x++)
                acc[x] = vi_add(acc[x], vi_madd(vi_load(a + x * d->a_step), bv));
        }
    }
    FV_UNROLL
    for (int x = 0; x < pixels; x++)
        end_store(&d->end, e, j, left, acc[x], d->dst, (i + x) * d->dst_step + j);
}

static void q_depthwise(const fv_q_depthwise *d)
{
    for (int64_t j = 0; j < d->c; j += VF) {
        end_lanes e = {0};
        if (d->end.mul)
            e = end_load(&d->end, j, d->c - j);
        int64_t i = 0;
        for (; i + 4 <= d->m; i += 4)
            depthwise_pixels(d, &e, i, j, 4);
        for (; i < d->m; i++)
            depthwise_pixels(d, &e, i, j, 1);
    }
}

/* ---- bytes as pairs ---- */

static void q_widen(fv_q_byte byte, int64_t c, const uint8_t *src, int32_t *dst)
{
    const vi flip = vi_set1(byte.flip << 16 | byte.flip);
    const vi zero = vi_set1((int32_t)((uint32_t)byte.zero << 16 | ((uint32_t)byte.zero & 0xffff)));
    for (int64_t j = 0; j < c; j += 2 * VF)
        vi_store(dst + j / 2, vi_sub_pairs(vi_xor(vi_load_pairs(src + j), flip), zero));
    if (c % 2)
        dst[c / 2] &= 0xffff;
}

static void q_widen_columns(fv_q_byte byte, int64_t c, const uint8_t *first, const uint8_t *second, int32_t *dst)
{
    const vi flip = vi_set1(byte.flip), zero = vi_set1(byte.zero), low = vi_set1(0xffff);
    for (int64_t j = 0; j < c; j += VF) {
        vi x = vi_set1(0);
        if (first)
            x = vi_and(vi_sub(vi_xor(vi_load_u8(first + j), flip), zero), low);
        if (second)
            x = vi_or(x, vi_shl(vi_sub(vi_xor(vi_load_u8(second + j), flip), zero), 16));
        vi_store(dst + j, x);
    }
}

extern const fv_quant_kernels FV_SYM(fv_quant_kernels);
const fv_quant_kernels FV_SYM(fv_quant_kernels) = {.nr = NR,
                                                   .gemm = q_gemm,
                                                   .depthwise = q_depthwise,
                                                   .widen = q_widen,
                                                   .widen_columns = q_widen_columns,
                                                   .add = FV_SYM(fv_quant_add),
                                                   .mul = FV_SYM(fv_quant_mul),
                                                   .max = FV_SYM(fv_quant_max),
                                                   .sum = FV_SYM(fv_quant_sum),
                                                   .quantize = FV_SYM(fv_quant_quantize),
                                                   .range = FV_SYM(fv_quant_range),
                                                   .quantize_sample = FV_SYM(fv_quant_quantize_sample)};
