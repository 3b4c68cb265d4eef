/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/winograd/transform.h"

/* m and n are constants wherever these are called; an axis of one point is left as it is. */
FV_INLINE void input_line(const int n, const vf *d, vf *v)
{
    if (n == 1)
        v[0] = d[0];
    else if (n == 4)
        input_4(d, v);
    else if (n == 6)
        input_6(d, v);
    else if (n == 8)
        input_8(d, v);
    else
        input_10(d, v);
}

FV_INLINE void output_line(const int m, const int n, const vf *s, vf *y)
{
    if (n == 1)
        y[0] = s[0];
    else if (n == 4)
        output_2_of_4(s, y);
    else if (n == 6 && m == 2)
        output_2_of_6(s, y);
    else if (n == 6)
        output_4_of_6(s, y);
    else if (n == 8)
        output_6_of_8(s, y);
    else
        output_4_of_10(s, y);
}

/* A filter of one column: as if columns were rows. */
static bool is_column(const fv_tiles *s)
{
    return s->n[1] == 1;
}

static void exchange(int *a, int *b)
{
    const int c = *a;
    *a = *b;
    *b = c;
}

/* ---- patches to points ---- */

/* VF channels of a tile, whose pixels lie `step` apart; of the last vector `lanes` are channels. */
FV_INLINE void input_vector(const int ny, const int nx, const tile_patch *p, const int64_t step[2], int64_t c,
                            const int lanes, float *v, int64_t v_step)
{
    vf line[POINTS_MAX], point[ny > 1 ? 8 : 1][POINTS_MAX];
    for (int x = 0; x < nx; x++) {
        const bool here = x >= p->x0 && x < p->x1;
        for (int y = 0; y < ny; y++) {
            line[y] = here && y >= p->y0 && y < p->y1
                          ? tile_load(p->at + (y - p->y0) * step[0] + (x - p->x0) * step[1] + c, lanes)
                          : vf_zero();
        }
        vf column[8];
        input_line(ny, line, column);
        for (int y = 0; y < ny; y++)
            point[y][x] = column[y];
    }
    for (int y = 0; y < ny; y++) {
        input_line(nx, point[y], line);
        for (int x = 0; x < nx; x++, v += v_step)
            tile_store(v, line[x], lanes);
    }
}

FV_INLINE void input_tiles(const int ny, const int nx, const fv_tiles *s, const float *src, int64_t first,
                           int64_t count, int64_t c0, int64_t c1, float *v, int64_t v_step)
{
    const bool column = ny == 1 && is_column(s);
    const int64_t step[2] = {column ? s->c : s->w * s->c, column ? s->w * s->c : s->c};
    for (int64_t t = 0; t < count; t++, v += s->c) {
        tile_patch p = tile_patch_of(s, src, first + t);
        if (column) {
            exchange(&p.y0, &p.x0);
            exchange(&p.y1, &p.x1);
        }
        int64_t c = c0;
        for (; c + VF <= c1; c += VF)
            input_vector(ny, nx, &p, step, c, VF, v + c, v_step);
        if (c < c1)
            input_vector(ny, nx, &p, step, c, (int)(c1 - c), v + c, v_step);
    }
}

static void input(const fv_tiles *s, const float *src, int64_t first, int64_t count, int64_t c0, int64_t c1, float *v,
                  int64_t v_step)
{
    const int64_t n = is_column(s) ? s->n[0] : s->n[1];
    const bool line = s->n[0] == 1 || s->n[1] == 1;
    if (line && n == 4)
        input_tiles(1, 4, s, src, first, count, c0, c1, v, v_step);
    else if (line && n == 6)
        input_tiles(1, 6, s, src, first, count, c0, c1, v, v_step);
    else if (line && n == 8)
        input_tiles(1, 8, s, src, first, count, c0, c1, v, v_step);
    else if (line)
        input_tiles(1, 10, s, src, first, count, c0, c1, v, v_step);
    else if (n == 4)
        input_tiles(4, 4, s, src, first, count, c0, c1, v, v_step);
    else if (n == 6)
        input_tiles(6, 6, s, src, first, count, c0, c1, v, v_step);
    else
        input_tiles(8, 8, s, src, first, count, c0, c1, v, v_step);
}

/* ---- points to pixels ---- */

/* Rows and columns of results, and how far apart they lie. */
FV_INLINE void output_vector(const int my, const int ny, const int mx, const int nx, const fv_tile_end *end,
                             const tile_square *to, const int64_t step[2], int64_t k, const int lanes,
                             const float *sums, int64_t s_step, float *dst)
{
    const vf bias = end->bias ? tile_load(end->bias + k, lanes) : vf_zero();
    vf line[POINTS_MAX], pixel[6][POINTS_MAX];
    for (int x = 0; x < nx; x++) {
        for (int y = 0; y < ny; y++)
            line[y] = tile_load(sums + (y * nx + x) * s_step, lanes);
        vf column[6];
        output_line(my, ny, line, column);
        for (int y = 0; y < my; y++)
            pixel[y][x] = column[y];
    }
    for (int y = 0; y < my; y++) {
        if (y >= to->rows)
            break;
        output_line(mx, nx, pixel[y], line);
        for (int x = 0; x < mx; x++) {
            if (x >= to->cols)
                break;
            tile_finish(end, line[x], bias, to->at + y * step[0] + x * step[1] + k, lanes, dst);
        }
    }
}

/* Tiles of m x m results from n x n points, or of a line of them. */
FV_INLINE void output_tiles(const bool line, const int m, const int n, const fv_tiles *s, const fv_tile_end *end,
                            const float *sums, int64_t s_step, int64_t first, int64_t count, int64_t k0, int64_t k1,
                            float *dst)
{
    const int my = line ? 1 : m, ny = line ? 1 : n;
    const bool column = line && is_column(s);
    const int64_t step[2] = {column ? s->k : s->q * s->k, column ? s->q * s->k : s->k};
    for (int64_t t = 0; t < count; t++, sums += s->k) {
        tile_square to = tile_square_of(s, first + t);
        if (column)
            exchange(&to.rows, &to.cols);
        int64_t k = k0;
        for (; k + VF <= k1; k += VF)
            output_vector(my, ny, m, n, end, &to, step, k, VF, sums + k, s_step, dst);
        if (k < k1)
            output_vector(my, ny, m, n, end, &to, step, k, (int)(k1 - k), sums + k, s_step, dst);
    }
}

static void output(const fv_tiles *s, const fv_tile_end *end, const float *sums, int64_t s_step, int64_t first,
                   int64_t count, int64_t k0, int64_t k1, float *dst)
{
    const int64_t m = is_column(s) ? s->m[0] : s->m[1], n = is_column(s) ? s->n[0] : s->n[1];
    const bool line = s->n[0] == 1 || s->n[1] == 1;
    if (line && n == 4)
        output_tiles(true, 2, 4, s, end, sums, s_step, first, count, k0, k1, dst);
    else if (line && n == 6)
        output_tiles(true, 4, 6, s, end, sums, s_step, first, count, k0, k1, dst);
    else if (line && n == 8)
        output_tiles(true, 6, 8, s, end, sums, s_step, first, count, k0, k1, dst);
    else if (line)
        output_tiles(true, 4, 10, s, end, sums, s_step, first, count, k0, k1, dst);
    else if (n == 4)
        output_tiles(false, 2, 4, s, end, sums, s_step, first, count, k0, k1, dst);
    else if (n == 6 && m == 2)
        output_tiles(false, 2, 6, s, end, sums, s_step, first, count, k0, k1, dst);
    else if (n == 6)
        output_tiles(false, 4, 6, s, end, sums, s_step, first, count, k0, k1, dst);
    else
        output_tiles(false, 6, 8, s, end, sums, s_step, first, count, k0, k1, dst);
}

/* ---- filters ---- */

/* Of one axis: rows of G, or what leaves an axis of one point as it is. */
typedef struct axis {
    int n, taps;
    double g[POINTS_MAX][TAPS_MAX];
} axis;

static void axis_of(const fv_tiles *s, int i, axis *a)
{
    a->n = (int)s->n[i];
    a->taps = (int)(s->n[i] - s->m[i] + 1);
    a->g[0][0] = 1.0;
    if (a->n > 1)
        filter_rows(a->n, a->taps, a->g);
}

/* The sum of g[i] f[i], i in increasing order. */
FV_INLINE vd2 filter_dot(const int taps, const double *g, const vd2 *f)
{
    vd2 sum = vd2_mul(vd2_set1(g[0]), f[0]);
    for (int i = 1; i < taps; i++)
        sum = vd2_add(sum, vd2_mul(vd2_set1(g[i]), f[i]));
    return sum;
}

/* Of `count` filters, at most VF, beside each other. */
FV_INLINE void filter_some(const int ry, const int rx, const axis *gy, const axis *gx, const float *tap,
                           const int64_t tap_step[2], const int count, float *u, int64_t u_step, int64_t step)
{
    vd2 f[TAPS_MAX][TAPS_MAX], row[TAPS_MAX]; /* f by column, then row */
    for (int x = 0; x < rx; x++)
        for (int y = 0; y < ry; y++) {
            const float *at = tap + y * tap_step[0] + x * tap_step[1];
            f[x][y] = vf_to_vd2(count == VF ? vf_load(at) : vf_load_n(at, count));
        }
    for (int y = 0; y < gy->n; y++) {
        for (int x = 0; x < rx; x++)
            row[x] = filter_dot(ry, gy->g[y], f[x]);
        for (int x = 0; x < gx->n; x++, u += u_step) {
            const vf sum = vd2_to_vf(filter_dot(rx, gx->g[x], row));
            float lane[VF];
            if (step == 1 && count == VF) {
                vf_store(u, sum);
                continue;
            }
            vf_store(lane, sum);
            for (int i = 0; i < count; i++)
                u[i * step] = lane[i];
        }
    }
}

static void filter(const fv_tiles *s, const float *tap, const int64_t tap_step[2], int64_t count, float *u,
                   int64_t u_step, int64_t step)
{
    const bool column = is_column(s);
    const int64_t steps[2] = {tap_step[column], tap_step[!column]};
    axis y, x;
    axis_of(s, column, &y);
    axis_of(s, !column, &x);
    for (int64_t at = 0; at < count; at += VF, tap += VF, u += VF * step) {
        const int some = count - at < VF ? (int)(count - at) : VF;
        if (y.taps == 3)
            filter_some(3, 3, &y, &x, tap, steps, some, u, u_step, step);
        else if (y.taps == 5)
            filter_some(5, 5, &y, &x, tap, steps, some, u, u_step, step);
        else if (x.taps == 3)
            filter_some(1, 3, &y, &x, tap, steps, some, u, u_step, step);
        else
            filter_some(1, 7, &y, &x, tap, steps, some, u, u_step, step);
    }
}

const fv_winograd_kernels FV_SYM(fv_winograd_kernels) = {.tiles = {.input = input, .output = output, .filter = filter}};
