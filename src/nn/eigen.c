/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/eigen.h"

#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "kernels/gemm/gemm.h"
#include "kernels/kernels.h"
#include "nn/gemm64.h"

/* Eight chains and their sum: the same wherever it runs. */
static double dot(const double *x, const double *y, int64_t n)
{
    double lane[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++)
            lane[l] += x[i + l] * y[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += x[i] * y[i];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* ---- to tridiagonal form: a = Q T Q' ---- */

/* Reflections that are made before the rest of the matrix takes them in; parts of a product with it. */
enum { PANEL = 32, PARTS = 8, CHUNK = 256 };

typedef struct reduction {
    double *a; /* n x n, of which the lower half counts; row i keeps the i-th reflection's vector u in front of i */
    int64_t n;
    double *u, *w; /* PANEL x n: reflections, and what the matrix loses by each: u w' + w u' */
    double *part;  /* PARTS x n: what parts of the rows make of u */
    int64_t made, size;
    double (*row64)(int64_t n, const double *row, const double *u, double scale, double *to);
    double *h; /* by row: half of |u|^2; 0: no reflection */
} reduction;

/* The row where a part begins: all have about as many elements of the lower half. */
static int64_t part_begin(const reduction *r, int64_t part)
{
    return (int64_t)((double)r->size * sqrt((double)part / PARTS));
}

/* Rows of the lower half times the last reflection, and their columns times it, which are the upper half's rows. */
static void multiply_part(void *arg, int64_t part, int worker)
{
    const reduction *r = arg;
    const int64_t begin = part_begin(r, part), end = part + 1 < PARTS ? part_begin(r, part + 1) : r->size;
    const double *u = r->u + r->made * r->n;
    double *to = r->part + part * r->n;
    (void)worker;
    memset(to, 0, (size_t)end * sizeof *to);
    for (int64_t j = begin; j < end; j++) {
        const double *row = r->a + j * r->n;
        to[j] += row[j] * u[j] + r->row64(j, row, u, u[j], to);
    }
}

static void add_parts(void *arg, int64_t task, int worker)
{
    const reduction *r = arg;
    double *w = r->w + r->made * r->n;
    (void)worker;
    for (int64_t k = task * CHUNK; k < (task + 1) * CHUNK && k < r->size; k++) {
        double sum = 0;
        for (int64_t part = 0; part < PARTS; part++)
            sum += k < (part + 1 < PARTS ? part_begin(r, part + 1) : r->size) ? r->part[part * r->n + k] : 0;
        w[k] = sum;
    }
}

/* What the reflections of the panel do to row i, which the matrix has not taken in yet. */
static void bring_up_to_date(const reduction *r, int64_t i)
{
    double *row = r->a + i * r->n;
    for (int64_t q = 0; q < r->made; q++) {
        const double *u = r->u + q * r->n, *w = r->w + q * r->n, ui = u[i], wi = w[i];
        for (int64_t k = 0; k <= i; k++)
            row[k] -= ui * w[k] + wi * u[k];
    }
}

/* The reflection that leaves nothing of row i but its last element in front of the diagonal. */
static void reflect_row(fv_ctx *ctx, reduction *r, int64_t i, double *e)
{
    double *row = r->a + i * r->n, *u = r->u + r->made * r->n, *w = r->w + r->made * r->n, scale = 0;
    r->h[i] = 0;
    for (int64_t k = 0; k < i; k++)
        scale += fabs(row[k]);
    e[i] = row[i - 1];
    if (i == 1 || scale == 0)
        return;
    for (int64_t k = 0; k < i; k++)
        u[k] = row[k] / scale;
    const double square = dot(u, u, i), last = u[i - 1], g = last >= 0 ? -sqrt(square) : sqrt(square);
    e[i] = scale * g;
    r->h[i] = square - last * g;
    u[i - 1] = last - g;
    r->size = i;
    fv_parallel(ctx, PARTS, 0, multiply_part, r);
    fv_parallel(ctx, (i + CHUNK - 1) / CHUNK, 0, add_parts, r);
    for (int64_t q = 0; q < r->made; q++) {
        const double *v = r->u + q * r->n, *x = r->w + q * r->n, a = dot(x, u, i), b = dot(v, u, i);
        for (int64_t k = 0; k < i; k++)
            w[k] -= v[k] * a + x[k] * b;
    }
    for (int64_t k = 0; k < i; k++)
        w[k] /= r->h[i];
    const double share = dot(u, w, i) / (2 * r->h[i]);
    for (int64_t k = 0; k < i; k++)
        w[k] -= share * u[k];
    memcpy(row, u, (size_t)i * sizeof *row);
    r->made++;
}

/* Reflections from the last row on. d, e: the diagonal and what stands beside it (e[0] unused). */
static fv_status tridiagonalize(fv_ctx *ctx, reduction *r, double *d, double *e)
{
    const int64_t n = r->n;
    for (int64_t top = n - 1; top > 0; top -= PANEL) {
        const int64_t rest = top - PANEL + 1 > 1 ? top - PANEL + 1 : 1;
        r->made = 0;
        for (int64_t i = top; i >= rest; i--) {
            bring_up_to_date(r, i);
            d[i] = r->a[i * n + i];
            reflect_row(ctx, r, i, e);
        }
        for (int turn = 0; turn < 2; turn++) {
            const fv_gemm64 g = {.m = rest,
                                 .n = rest,
                                 .k = r->made,
                                 .a = {.d = turn ? r->w : r->u, .row = 1, .column = n},
                                 .b = {.d = turn ? r->u : r->w, .row = n, .column = 1},
                                 .c = r->a,
                                 .c_step = n,
                                 .sign = -1,
                                 .lower = true};
            FV_TRY(fv_gemm64_run(ctx, &g));
        }
    }
    d[0] = r->a[0];
    e[0] = 0;
    return FV_OK;
}

/* ---- back: rows y become y Q' ---- */

/* With the reflections of rows first to first + count - 1 (those that there are), the lowest first: their product is
 * 1 - U' T U, T upper triangular (Schreiber and Van Loan, 1989). */
static int64_t gather_panel(const reduction *r, int64_t first, int64_t last, double *t)
{
    double dots[PANEL];
    int64_t made = 0;
    for (int64_t i = first; i <= last; i++) {
        if (r->h[i] == 0)
            continue;
        double *u = r->u + made * r->n;
        memcpy(u, r->a + i * r->n, (size_t)i * sizeof *u);
        memset(u + i, 0, (size_t)(r->n - i) * sizeof *u);
        for (int64_t q = 0; q < made; q++)
            dots[q] = dot(r->u + q * r->n, u, i);
        for (int64_t q = 0; q < made; q++) {
            double sum = 0;
            for (int64_t p = q; p < made; p++)
                sum += t[q * PANEL + p] * dots[p];
            t[q * PANEL + made] = -sum / r->h[i];
        }
        for (int64_t q = 0; q < made; q++)
            t[made * PANEL + q] = 0;
        t[made * PANEL + made] = 1 / r->h[i];
        made++;
    }
    return made;
}

static fv_status turn_back(fv_ctx *ctx, reduction *r, double *rows, int64_t count)
{
    const int64_t n = r->n;
    double t[PANEL * PANEL] = {0};
    double *room = fv_malloc(ctx, (size_t)(2 * count * PANEL) * sizeof *room);
    if (!room)
        return FV_ERR_NO_MEMORY;
    double *shares = room, *turned = room + count * PANEL;
    fv_status status = FV_OK;
    for (int64_t first = 2; status == FV_OK && first < n; first += PANEL) {
        const int64_t last = first + PANEL - 1 < n - 1 ? first + PANEL - 1 : n - 1;
        const int64_t made = gather_panel(r, first, last, t);
        memset(room, 0, (size_t)(2 * count * PANEL) * sizeof *room);
        const fv_matrix64 u = {.d = r->u, .row = n, .column = 1}, across = {.d = r->u, .row = 1, .column = n};
        const fv_matrix64 y = {.d = rows, .row = n, .column = 1}, s = {.d = shares, .row = PANEL, .column = 1};
        const fv_gemm64 steps[] = {
            {.m = count, .n = made, .k = last, .a = y, .b = across, .c = shares, .c_step = PANEL, .sign = 1},
            {.m = count,
             .n = made,
             .k = made,
             .a = s,
             .b = {.d = t, .row = PANEL, .column = 1},
             .c = turned,
             .c_step = PANEL,
             .sign = 1},
            {.m = count,
             .n = last,
             .k = made,
             .a = {.d = turned, .row = PANEL, .column = 1},
             .b = u,
             .c = rows,
             .c_step = n,
             .sign = -1}};
        for (int i = 0; status == FV_OK && i < 3; i++)
            status = fv_gemm64_run(ctx, &steps[i]);
    }
    fv_free(ctx, room);
    return status;
}

/* ---- both ---- */

/* The largest component above 0. */
static void turn_signs(double *vectors, int64_t count, int64_t n)
{
    for (int64_t i = 0; i < count; i++) {
        double *v = vectors + i * n;
        int64_t at = 0;
        for (int64_t k = 1; k < n; k++)
            at = fabs(v[k]) > fabs(v[at]) ? k : at;
        const bool turned = v[at] < 0;
        for (int64_t k = 0; turned && k < n; k++)
            v[k] = -v[k];
    }
}

int64_t fv_eigen_bytes(int64_t n)
{
    return (2 * PANEL + PARTS + 3) * n * (int64_t)sizeof(double) + fv_gemm64_bytes(n, n) + fv_divide_bytes(n);
}

fv_status fv_eigen_symmetric(fv_ctx *ctx, double *a, int64_t n, fv_count_choice choose, void *arg, double *values,
                             double *vectors, int64_t *count)
{
    double *room = fv_calloc(ctx, (size_t)n * (2 * PANEL + PARTS + 3), sizeof *room);
    if (!room)
        return FV_ERR_NO_MEMORY;
    double *d = room, *e = room + n;
    reduction r = {.a = a,
                   .n = n,
                   .h = room + 2 * n,
                   .u = room + 3 * n,
                   .w = room + (3 + PANEL) * n,
                   .part = room + (3 + 2 * PANEL) * n,
                   .row64 = fv_kernels_of(ctx)->gemm->row64};
    fv_status status = tridiagonalize(ctx, &r, d, e);
    if (status == FV_OK)
        status = fv_divide_tridiagonal(ctx, d, e, n, choose, arg, values, vectors, count);
    if (status == FV_OK)
        status = turn_back(ctx, &r, vectors, *count);
    if (status == FV_OK)
        turn_signs(vectors, *count, n);
    fv_free(ctx, room);
    return status;
}
