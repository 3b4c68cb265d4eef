/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/winograd/transform.h"

/* m is a constant wherever these are called. */
FV_INLINE void input_line(const int m, const vf *d, vf *v)
{
    if (m == 2)
        input_line_2(d, v);
    else if (m == 4)
        input_line_4(d, v);
    else
        input_line_6(d, v);
}

FV_INLINE void output_line(const int m, const vf *s, vf *y)
{
    if (m == 2)
        output_line_2(s, y);
    else if (m == 4)
        output_line_4(s, y);
    else
        output_line_6(s, y);
}

/* ---- patches to points ---- */

/* VF channels of a tile; of the last vector `lanes` are channels. */
FV_INLINE void input_vector(const int m, const fv_tiles *s, const tile_patch *p, int64_t c, const int lanes, float *v,
                            int64_t v_step)
{
    const int n = m + 2;
    vf line[8], point[8][8];
    for (int x = 0; x < n; x++) {
        const bool here = x >= p->x0 && x < p->x1;
        for (int y = 0; y < n; y++) {
            line[y] = here && y >= p->y0 && y < p->y1
                          ? tile_load(p->at + ((y - p->y0) * s->w + (x - p->x0)) * s->c + c, lanes)
                          : vf_zero();
        }
        vf column[8];
        input_line(m, line, column);
        for (int y = 0; y < n; y++)
            point[y][x] = column[y];
    }
    for (int y = 0; y < n; y++) {
        input_line(m, point[y], line);
        for (int x = 0; x < n; x++, v += v_step)
            tile_store(v, line[x], lanes);
    }
}

FV_INLINE void input_tiles(const int m, const fv_tiles *s, const float *src, int64_t first, int64_t count, int64_t c0,
                           int64_t c1, float *v, int64_t v_step)
{
    for (int64_t t = 0; t < count; t++, v += s->c) {
        const tile_patch p = tile_patch_of(s, src, first + t);
        int64_t c = c0;
        for (; c + VF <= c1; c += VF)
            input_vector(m, s, &p, c, VF, v + c, v_step);
        if (c < c1)
            input_vector(m, s, &p, c, (int)(c1 - c), v + c, v_step);
    }
}

static void input(const fv_tiles *s, const float *src, int64_t first, int64_t count, int64_t c0, int64_t c1, float *v,
                  int64_t v_step)
{
    if (s->m[0] == 2)
        input_tiles(2, s, src, first, count, c0, c1, v, v_step);
    else if (s->m[0] == 4)
        input_tiles(4, s, src, first, count, c0, c1, v, v_step);
    else
        input_tiles(6, s, src, first, count, c0, c1, v, v_step);
}

/* ---- points to pixels ---- */

FV_INLINE void output_vector(const int m, const fv_tiles *s, const fv_tile_end *end, const tile_square *to, int64_t k,
                             const int lanes, const float *sums, int64_t s_step, float *dst)
{
    const int n = m + 2;
    const vf bias = end->bias ? tile_load(end->bias + k, lanes) : vf_zero();
    vf line[8], pixel[6][8];
    for (int x = 0; x < n; x++) {
        for (int y = 0; y < n; y++)
            line[y] = tile_load(sums + (y * n + x) * s_step, lanes);
        vf column[6];
        output_line(m, line, column);
        for (int y = 0; y < m; y++)
            pixel[y][x] = column[y];
    }
    for (int y = 0; y < m; y++) {
        if (y >= to->rows)
            break;
        output_line(m, pixel[y], line);
        for (int x = 0; x < m; x++) {
            if (x >= to->cols)
                break;
            tile_finish(end, line[x], bias, to->at + (y * s->q + x) * s->k + k, lanes, dst);
        }
    }
}

FV_INLINE void output_tiles(const int m, const fv_tiles *s, const fv_tile_end *end, const float *sums, int64_t s_step,
                            int64_t first, int64_t count, int64_t k0, int64_t k1, float *dst)
{
    for (int64_t t = 0; t < count; t++, sums += s->k) {
        const tile_square to = tile_square_of(s, first + t);
        int64_t k = k0;
        for (; k + VF <= k1; k += VF)
            output_vector(m, s, end, &to, k, VF, sums + k, s_step, dst);
        if (k < k1)
            output_vector(m, s, end, &to, k, (int)(k1 - k), sums + k, s_step, dst);
    }
}

static void output(const fv_tiles *s, const fv_tile_end *end, const float *sums, int64_t s_step, int64_t first,
                   int64_t count, int64_t k0, int64_t k1, float *dst)
{
    if (s->m[0] == 2)
        output_tiles(2, s, end, sums, s_step, first, count, k0, k1, dst);
    else if (s->m[0] == 4)
        output_tiles(4, s, end, sums, s_step, first, count, k0, k1, dst);
    else
        output_tiles(6, s, end, sums, s_step, first, count, k0, k1, dst);
}

/* ---- filters ---- */

/* Filters whose transforms are computed beside each other. */
#define BESIDE 8

FV_INLINE void filter_some(const int n, const double (*g)[3], const float *tap, const int64_t tap_step[2], int count,
                           float *u, int64_t u_step, int64_t step)
{
    double f[9][BESIDE], row[3][BESIDE], sum[BESIDE];
    for (int i = 0; i < 9; i++)
        for (int b = 0; b < BESIDE; b++)
            f[i][b] = b < count ? (double)tap[i / 3 * tap_step[0] + i % 3 * tap_step[1] + b] : 0.0;
    for (int y = 0; y < n; y++) {
        for (int j = 0; j < 3; j++)
            for (int b = 0; b < BESIDE; b++)
                row[j][b] = g[y][0] * f[j][b] + g[y][1] * f[3 + j][b] + g[y][2] * f[6 + j][b];
        for (int x = 0; x < n; x++, u += u_step) {
            for (int b = 0; b < BESIDE; b++)
                sum[b] = row[0][b] * g[x][0] + row[1][b] * g[x][1] + row[2][b] * g[x][2];
            for (int b = 0; b < count; b++)
                u[b * step] = (float)sum[b];
        }
    }
}

static void filter(const fv_tiles *s, const float *tap, const int64_t tap_step[2], int64_t count, float *u,
                   int64_t u_step, int64_t step)
{
    for (int64_t at = 0; at < count; at += BESIDE, tap += BESIDE, u += BESIDE * step) {
        const int some = count - at < BESIDE ? (int)(count - at) : BESIDE;
        if (s->m[0] == 2)
            filter_some(4, filter_2, tap, tap_step, some, u, u_step, step);
        else if (s->m[0] == 4)
            filter_some(6, filter_4, tap, tap_step, some, u, u_step, step);
        else
            filter_some(8, filter_6, tap, tap_step, some, u, u_step, step);
    }
}

const fv_winograd_kernels FV_SYM(fv_winograd_kernels) = {.tiles = {.input = input, .output = output, .filter = filter}};
