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

FV_INLINE vf load(const float *p, const int lanes)
{
    return lanes == VF ? vf_load(p) : vf_load_n(p, lanes);
}

/* ---- patches to points ---- */

/* Where the patch of a tile begins, and which of its rows and columns lie in the image. */
typedef struct patch {
    const float *at; /* of row y0, column x0 of the patch */
    int y0, y1, x0, x1;
} patch;

static int clip(int64_t i, int n)
{
    return i < 0 ? 0 : i > n ? n : (int)i;
}

static patch patch_of(const fv_winograd_shape *s, const float *src, int64_t tile)
{
    const int n = (int)s->m + 2;
    const int64_t image = tile / (s->tiles_y * s->tiles_x), place = tile % (s->tiles_y * s->tiles_x);
    const int64_t y = place / s->tiles_x * s->m - s->pad[0], x = place % s->tiles_x * s->m - s->pad[1];
    patch p = {.y0 = clip(-y, n), .y1 = clip(s->h - y, n), .x0 = clip(-x, n), .x1 = clip(s->w - x, n)};
    if (p.y0 >= p.y1 || p.x0 >= p.x1) /* nothing of it */
        return (patch){.at = src};
    p.at = src + ((image * s->h + y + p.y0) * s->w + x + p.x0) * s->c;
    return p;
}

/* VF channels of a tile; of the last vector `lanes` are channels. */
FV_INLINE void input_vector(const int m, const fv_winograd_shape *s, const patch *p, int64_t c, const int lanes,
                            float *v, int64_t v_step)
{
    const int n = m + 2;
    vf line[8], point[8][8];
    for (int x = 0; x < n; x++) {
        const bool here = x >= p->x0 && x < p->x1;
        for (int y = 0; y < n; y++) {
            line[y] = here && y >= p->y0 && y < p->y1
                          ? load(p->at + ((y - p->y0) * s->w + (x - p->x0)) * s->c + c, lanes)
                          : vf_zero();
        }
        vf column[8];
        input_line(m, line, column);
        for (int y = 0; y < n; y++)
            point[y][x] = column[y];
    }
    for (int y = 0; y < n; y++) {
        input_line(m, point[y], line);
        for (int x = 0; x < n; x++, v += v_step) {
            if (lanes == VF)
                vf_store(v, line[x]);
            else
                vf_store_n(v, line[x], lanes);
        }
    }
}

FV_INLINE void input_tiles(const int m, const fv_winograd_shape *s, const float *src, int64_t first, int64_t count,
                           int64_t c0, int64_t c1, float *v, int64_t v_step)
{
    for (int64_t t = 0; t < count; t++, v += s->c) {
        const patch p = patch_of(s, src, first + t);
        int64_t c = c0;
        for (; c + VF <= c1; c += VF)
            input_vector(m, s, &p, c, VF, v + c, v_step);
        if (c < c1)
            input_vector(m, s, &p, c, (int)(c1 - c), v + c, v_step);
    }
}

static void input(const fv_winograd_shape *s, const float *src, int64_t first, int64_t count, int64_t c0, int64_t c1,
                  float *v, int64_t v_step)
{
    if (s->m == 2)
        input_tiles(2, s, src, first, count, c0, c1, v, v_step);
    else if (s->m == 4)
        input_tiles(4, s, src, first, count, c0, c1, v, v_step);
    else
        input_tiles(6, s, src, first, count, c0, c1, v, v_step);
}

/* ---- points to pixels ---- */

/* Pixel 0 of a tile's results, and how many rows and columns of them there are. */
typedef struct square {
    int64_t at;
    int rows, cols;
} square;

static square square_of(const fv_winograd_shape *s, int64_t tile)
{
    const int64_t image = tile / (s->tiles_y * s->tiles_x), place = tile % (s->tiles_y * s->tiles_x);
    const int64_t y = place / s->tiles_x * s->m, x = place % s->tiles_x * s->m;
    return (square){.at = ((image * s->p + y) * s->q + x) * s->k,
                    .rows = clip(s->p - y, (int)s->m),
                    .cols = clip(s->q - x, (int)s->m)};
}

FV_INLINE void output_vector(const int m, const fv_winograd_shape *s, const fv_winograd_end *end, const square *to,
                             int64_t k, const int lanes, const float *sums, int64_t s_step, float *dst)
{
    const int n = m + 2;
    const vf bias = end->bias ? load(end->bias + k, lanes) : vf_zero();
    const vf lo = vf_set1(end->lo), hi = vf_set1(end->hi);
    vf line[8], pixel[6][8];
    for (int x = 0; x < n; x++) {
        for (int y = 0; y < n; y++)
            line[y] = load(sums + (y * n + x) * s_step, lanes);
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
            const int64_t at = to->at + (y * s->q + x) * s->k + k;
            vf sum = vf_add(line[x], bias);
            if (end->add)
                sum = vf_add(sum, load(end->add + at, lanes));
            if (end->clamp)
                sum = vf_min(hi, vf_max(lo, sum));
            if (lanes == VF)
                vf_store(dst + at, sum);
            else
                vf_store_n(dst + at, sum, lanes);
        }
    }
}

FV_INLINE void output_tiles(const int m, const fv_winograd_shape *s, const fv_winograd_end *end, const float *sums,
                            int64_t s_step, int64_t first, int64_t count, int64_t k0, int64_t k1, float *dst)
{
    for (int64_t t = 0; t < count; t++, sums += s->k) {
        const square to = square_of(s, first + t);
        int64_t k = k0;
        for (; k + VF <= k1; k += VF)
            output_vector(m, s, end, &to, k, VF, sums + k, s_step, dst);
        if (k < k1)
            output_vector(m, s, end, &to, k, (int)(k1 - k), sums + k, s_step, dst);
    }
}

static void output(const fv_winograd_shape *s, const fv_winograd_end *end, const float *sums, int64_t s_step,
                   int64_t first, int64_t count, int64_t k0, int64_t k1, float *dst)
{
    if (s->m == 2)
        output_tiles(2, s, end, sums, s_step, first, count, k0, k1, dst);
    else if (s->m == 4)
        output_tiles(4, s, end, sums, s_step, first, count, k0, k1, dst);
    else
        output_tiles(6, s, end, sums, s_step, first, count, k0, k1, dst);
}

/* ---- filters ---- */

/* Filters whose transforms are computed beside each other. */
#define BESIDE 8

FV_INLINE void filter_some(const int n, const double (*g)[3], const float *const tap[9], int64_t at, int count,
                           float *u, int64_t u_step, int64_t step)
{
    double f[9][BESIDE], row[3][BESIDE], sum[BESIDE];
    for (int i = 0; i < 9; i++)
        for (int b = 0; b < BESIDE; b++)
            f[i][b] = b < count ? (double)tap[i][at + b] : 0.0;
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

static void filter(int64_t m, const float *const tap[9], int64_t count, float *u, int64_t u_step, int64_t step)
{
    for (int64_t at = 0; at < count; at += BESIDE, u += BESIDE * step) {
        const int some = count - at < BESIDE ? (int)(count - at) : BESIDE;
        if (m == 2)
            filter_some(4, filter_2, tap, at, some, u, u_step, step);
        else if (m == 4)
            filter_some(6, filter_4, tap, at, some, u, u_step, step);
        else
            filter_some(8, filter_6, tap, at, some, u, u_step, step);
    }
}

const fv_winograd_kernels FV_SYM(fv_winograd_kernels) = {.input = input, .output = output, .filter = filter};
