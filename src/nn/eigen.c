/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/eigen.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/threads.h"

/* Elements of a row that one task works on. */
#define CHUNK 256

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

/* The square root of x^2 + y^2. */
static double length_of(double x, double y)
{
    const double a = fmax(fabs(x), fabs(y)), b = fmin(fabs(x), fabs(y));
    return a == 0 ? 0 : a * sqrt(1 + b / a * (b / a));
}

static int64_t chunks_of(int64_t n)
{
    return (n + CHUNK - 1) / CHUNK;
}

/* ---- to tridiagonal form: a = Q T Q' ---- */

typedef struct reduction {
    double *a;       /* n x n; row i keeps the i-th reflection's vector in its first i elements */
    int64_t n, size; /* size: of the part that is worked on */
    double *u, *p;   /* the reflection, and what it makes of the matrix */
    double h;
} reduction;

enum { ROWS = 16 }; /* that one task works on */

static void multiply_rows(void *arg, int64_t task, int worker)
{
    const reduction *r = arg;
    (void)worker;
    for (int64_t j = task * ROWS; j < (task + 1) * ROWS && j < r->size; j++)
        r->p[j] = dot(r->a + j * r->n, r->u, r->size) / r->h;
}

static void update_rows(void *arg, int64_t task, int worker)
{
    const reduction *r = arg;
    (void)worker;
    for (int64_t j = task * ROWS; j < (task + 1) * ROWS && j < r->size; j++) {
        double *row = r->a + j * r->n;
        const double uj = r->u[j], pj = r->p[j];
        for (int64_t k = 0; k < r->size; k++)
            row[k] -= uj * r->p[k] + pj * r->u[k];
    }
}

/* Reflections from the last row on; h[i] is half of |u|^2 of the i-th, 0: none. d, e: the diagonal and what stands
 * beside it (e[0] unused). */
static void tridiagonalize(fv_ctx *ctx, reduction *r, double *d, double *e, double *h)
{
    const int64_t n = r->n;
    for (int64_t i = n - 1; i > 0; i--) {
        double *row = r->a + i * n, scale = 0;
        h[i] = 0;
        for (int64_t k = 0; k < i; k++)
            scale += fabs(row[k]);
        d[i] = row[i];
        if (i == 1 || scale == 0) {
            e[i] = row[i - 1];
            continue;
        }
        for (int64_t k = 0; k < i; k++)
            r->u[k] = row[k] / scale;
        const double square = dot(r->u, r->u, i), last = r->u[i - 1], g = last >= 0 ? -sqrt(square) : sqrt(square);
        e[i] = scale * g;
        r->h = h[i] = square - last * g;
        r->u[i - 1] = last - g;
        r->size = i;
        const int64_t tasks = (i + ROWS - 1) / ROWS;
        fv_parallel(ctx, tasks, 0, multiply_rows, r);
        const double k = dot(r->u, r->p, i) / (2 * r->h);
        for (int64_t j = 0; j < i; j++)
            r->p[j] -= k * r->u[j];
        fv_parallel(ctx, tasks, 0, update_rows, r);
        memcpy(row, r->u, (size_t)i * sizeof *row);
    }
    d[0] = r->a[0];
    e[0] = 0;
}

/* ---- Q', whose row j is the j-th column of Q ---- */

typedef struct gathering {
    const double *a, *h;
    double *z, *w;
    int64_t n;
} gathering;

/* Columns of a chunk: z = H z for every reflection, the first that was made last. */
static void reflect_chunk(void *arg, int64_t task, int worker)
{
    const gathering *g = arg;
    const int64_t n = g->n, from = task * CHUNK, to = from + CHUNK < n ? from + CHUNK : n;
    double *w = g->w + from;
    (void)worker;
    for (int64_t i = n - 1; i > 1; i--) {
        if (g->h[i] == 0)
            continue;
        const double *u = g->a + i * n;
        memset(w, 0, (size_t)(to - from) * sizeof *w);
        for (int64_t j = 0; j < i; j++)
            for (int64_t k = 0; k < to - from; k++)
                w[k] += u[j] * g->z[j * n + from + k];
        for (int64_t j = 0; j < i; j++) {
            const double uj = u[j] / g->h[i];
            for (int64_t k = 0; k < to - from; k++)
                g->z[j * n + from + k] -= uj * w[k];
        }
    }
}

/* ---- QL on the tridiagonal matrix; what it does to the columns of Q is done to rows of Q' ---- */

typedef struct turning {
    double *z, *c, *s; /* turn i is of rows i and i + 1 */
    int64_t n, from, to;
} turning;

static void turn_chunk(void *arg, int64_t task, int worker)
{
    const turning *t = arg;
    const int64_t begin = task * CHUNK, end = begin + CHUNK < t->n ? begin + CHUNK : t->n;
    (void)worker;
    for (int64_t i = t->to - 1; i >= t->from; i--) {
        double *x = t->z + i * t->n, *y = x + t->n;
        const double c = t->c[i], s = t->s[i];
        for (int64_t k = begin; k < end; k++) {
            const double f = y[k];
            y[k] = s * x[k] + c * f;
            x[k] = c * x[k] - s * f;
        }
    }
}

/* One implicit step on rows l to m. */
static void step_ql(turning *t, double *d, double *e, int64_t l, int64_t m)
{
    double g = (d[l + 1] - d[l]) / (2 * e[l]), r = length_of(g, 1), s = 1, c = 1, p = 0;
    g = d[m] - d[l] + e[l] / (g + (g >= 0 ? r : -r));
    t->to = m;
    int64_t i = m - 1;
    for (; i >= l; i--) {
        const double f = s * e[i], b = c * e[i];
        r = length_of(f, g);
        e[i + 1] = r;
        if (r == 0) {
            d[i + 1] -= p;
            e[m] = 0;
            break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        t->c[i] = c;
        t->s[i] = s;
    }
    t->from = i + 1;
    if (i >= l)
        return;
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

static fv_status run_ql(fv_ctx *ctx, turning *t, double *d, double *e)
{
    const int64_t n = t->n;
    for (int64_t i = 1; i < n; i++)
        e[i - 1] = e[i];
    e[n - 1] = 0;
    for (int64_t l = 0; l < n; l++) {
        for (int tries = 0;; tries++) {
            int64_t m = l;
            for (; m + 1 < n; m++)
                if (fabs(e[m]) <= DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])))
                    break;
            if (m == l)
                break;
            if (tries == 60 || !isfinite(d[l]))
                return fv_fail(ctx, FV_ERR_INTERNAL, "the eigenvalues of a %lldx%lld matrix were not found",
                               (long long)n, (long long)n);
            step_ql(t, d, e, l, m);
            fv_parallel(ctx, chunks_of(n), 0, turn_chunk, t);
        }
    }
    return FV_OK;
}

/* ---- in order ---- */

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        const double t = a[k];
        a[k] = b[k];
        b[k] = t;
    }
}

/* Descending; equal ones in the order in which they were found. */
static void sort_vectors(double *values, double *vectors, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t most = i, at = 0;
        for (int64_t j = i + 1; j < n; j++)
            most = values[j] > values[most] ? j : most;
        if (most != i) {
            swap_rows(vectors + i * n, vectors + most * n, n);
            const double t = values[i];
            values[i] = values[most];
            values[most] = t;
        }
        double *v = vectors + i * n;
        for (int64_t k = 1; k < n; k++)
            at = fabs(v[k]) > fabs(v[at]) ? k : at;
        const bool turned = v[at] < 0;
        for (int64_t k = 0; turned && k < n; k++)
            v[k] = -v[k];
    }
}

fv_status fv_eigen_symmetric(fv_ctx *ctx, double *a, int64_t n, double *values, double *vectors)
{
    double *room = fv_calloc(ctx, (size_t)n * 6, sizeof *room);
    if (!room)
        return FV_ERR_NO_MEMORY;
    double *e = room, *h = room + n;
    reduction r = {.a = a, .n = n, .u = room + 2 * n, .p = room + 3 * n};
    tridiagonalize(ctx, &r, values, e, h);
    memset(vectors, 0, (size_t)(n * n) * sizeof *vectors);
    for (int64_t i = 0; i < n; i++)
        vectors[i * n + i] = 1;
    gathering g = {.a = a, .h = h, .z = vectors, .w = room + 2 * n, .n = n};
    fv_parallel(ctx, chunks_of(n), 0, reflect_chunk, &g);
    turning t = {.z = vectors, .c = room + 4 * n, .s = room + 5 * n, .n = n};
    const fv_status status = run_ql(ctx, &t, values, e);
    if (status == FV_OK)
        sort_vectors(values, vectors, n);
    fv_free(ctx, room);
    return status;
}

/* ---- matrices of low rank ---- */

/* A matrix as the one of its sides that is shorter sees it: n rows of m elements. */
typedef struct side {
    const float *a;
    int64_t n, m, step_n, step_m;
    double *gram, *part; /* n x n; n x PART */
    int64_t from, width;
    const double *vectors;
    float *left, *right;
    int64_t rank;
    const double *singular;
} side;

enum { PART = 512, TILE = 4 };

static void take_rows(void *arg, int64_t task, int worker)
{
    const side *s = arg;
    (void)worker;
    for (int64_t k = 0; k < s->width; k++)
        s->part[task * PART + k] = (double)s->a[task * s->step_n + (s->from + k) * s->step_m];
}

/* TILE rows of the lower half. */
static void add_products(void *arg, int64_t task, int worker)
{
    const side *s = arg;
    const int64_t first = task * TILE, end = first + TILE < s->n ? first + TILE : s->n;
    (void)worker;
    for (int64_t j = 0; j < end; j++)
        for (int64_t i = j > first ? j : first; i < end; i++)
            s->gram[i * s->n + j] += dot(s->part + i * PART, s->part + j * PART, s->width);
}

static void find_gram(fv_ctx *ctx, side *s)
{
    memset(s->gram, 0, (size_t)(s->n * s->n) * sizeof *s->gram);
    for (s->from = 0; s->from < s->m; s->from += PART) {
        s->width = s->m - s->from < PART ? s->m - s->from : PART;
        fv_parallel(ctx, s->n, 0, take_rows, s);
        fv_parallel(ctx, (s->n + TILE - 1) / TILE, 0, add_products, s);
    }
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = i + 1; j < s->n; j++)
            s->gram[i * s->n + j] = s->gram[j * s->n + i];
}

/* The square root of a singular value, for each half; where nothing is left of it the halves are not evened out. */
static double share_of(const side *s, int64_t q)
{
    return s->singular[q] > 1e-7 * s->singular[0] ? sqrt(s->singular[q]) : 1;
}

/* Component q of the other side: the vector times the matrix, in order of its rows, a chunk at a time. With v the
 * vectors of the shorter side, a = sum over q of v[q] (v[q] a): each half gets the square root of the singular value.
 */
static void find_component(void *arg, int64_t q, int worker)
{
    const side *s = arg;
    const double *v = s->vectors + q * s->n, root = share_of(s, q);
    const bool flat = s->step_n != 1; /* the shorter side is the rows: right is the long half */
    float *near = flat ? s->left : s->right, *far = flat ? s->right : s->left;
    (void)worker;
    for (int64_t i = 0; i < s->n; i++)
        near[flat ? i * s->rank + q : q * s->n + i] = (float)(v[i] * root);
    for (int64_t from = 0; from < s->m; from += CHUNK) {
        const int64_t width = s->m - from < CHUNK ? s->m - from : CHUNK;
        double sum[CHUNK] = {0};
        for (int64_t i = 0; i < s->n; i++)
            for (int64_t k = 0; k < width; k++)
                sum[k] += v[i] * (double)s->a[i * s->step_n + (from + k) * s->step_m];
        for (int64_t k = 0; k < width; k++)
            far[flat ? q * s->m + from + k : (from + k) * s->rank + q] = (float)(sum[k] / root);
    }
}

/* |a - left right| / |a|, row by row. */
typedef struct apart {
    const float *a;
    const fv_low_rank *f;
    double *wrong, *all; /* by row */
} apart;

static void measure_row(void *arg, int64_t i, int worker)
{
    const apart *s = arg;
    const fv_low_rank *f = s->f;
    double wrong = 0, all = 0;
    (void)worker;
    for (int64_t from = 0; from < f->columns; from += CHUNK) {
        const int64_t width = f->columns - from < CHUNK ? f->columns - from : CHUNK;
        double sum[CHUNK] = {0};
        for (int64_t q = 0; q < f->rank; q++)
            for (int64_t k = 0; k < width; k++)
                sum[k] += (double)f->left[i * f->rank + q] * (double)f->right[q * f->columns + from + k];
        for (int64_t k = 0; k < width; k++) {
            const double x = (double)s->a[i * f->columns + from + k], gap = x - sum[k];
            wrong += gap * gap;
            all += x * x;
        }
    }
    s->wrong[i] = wrong;
    s->all[i] = all;
}

static fv_status measure(fv_ctx *ctx, const float *a, fv_low_rank *f)
{
    double *sums = fv_malloc(ctx, (size_t)f->rows * 2 * sizeof *sums), wrong = 0, all = 0;
    if (!sums)
        return FV_ERR_NO_MEMORY;
    apart s = {a, f, sums, sums + f->rows};
    fv_parallel(ctx, f->rows, 0, measure_row, &s);
    for (int64_t i = 0; i < f->rows; i++) {
        wrong += s.wrong[i];
        all += s.all[i];
    }
    f->error = all > 0 ? sqrt(wrong / all) : 0;
    fv_free(ctx, sums);
    return FV_OK;
}

int64_t fv_low_rank_bytes(int64_t rows, int64_t columns)
{
    const int64_t n = rows < columns ? rows : columns;
    return 8 * (2 * n * n + PART * n + 8 * n) + 4 * n * (rows + columns);
}

static fv_status make_halves(fv_ctx *ctx, const float *a, side *s, fv_low_rank *f)
{
    f->left = fv_malloc(ctx, (size_t)(f->rows * f->rank) * sizeof(float));
    f->right = fv_malloc(ctx, (size_t)(f->rank * f->columns) * sizeof(float));
    if (!f->left || !f->right)
        return FV_ERR_NO_MEMORY;
    s->left = f->left;
    s->right = f->right;
    s->rank = f->rank;
    s->singular = f->singular;
    fv_parallel(ctx, f->rank, 0, find_component, s);
    return measure(ctx, a, f);
}

fv_status fv_low_rank_find(fv_ctx *ctx, const float *a, int64_t rows, int64_t columns, fv_rank_choice choose, void *arg,
                           fv_low_rank *found)
{
    const bool flat = rows <= columns;
    side s = {.a = a,
              .n = flat ? rows : columns,
              .m = flat ? columns : rows,
              .step_n = flat ? columns : 1,
              .step_m = flat ? 1 : columns};
    *found = (fv_low_rank){.rows = rows, .columns = columns};
    s.gram = fv_malloc(ctx, (size_t)(s.n * s.n) * sizeof *s.gram);
    s.part = fv_malloc(ctx, (size_t)(s.n * PART) * sizeof *s.part);
    double *vectors = fv_malloc(ctx, (size_t)(s.n * s.n) * sizeof *vectors);
    found->singular = fv_malloc(ctx, (size_t)s.n * sizeof *found->singular);
    fv_status status = s.gram && s.part && vectors && found->singular ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        find_gram(ctx, &s);
        status = fv_eigen_symmetric(ctx, s.gram, s.n, found->singular, vectors);
    }
    if (status == FV_OK) {
        for (int64_t i = 0; i < s.n; i++)
            found->singular[i] = found->singular[i] > 0 ? sqrt(found->singular[i]) : 0;
        found->rank = choose(arg, found->singular, s.n);
        s.vectors = vectors;
        status = make_halves(ctx, a, &s, found);
    }
    fv_free(ctx, s.gram);
    fv_free(ctx, s.part);
    fv_free(ctx, vectors);
    if (status != FV_OK)
        fv_low_rank_clear(ctx, found);
    return status;
}

void fv_low_rank_clear(fv_ctx *ctx, fv_low_rank *found)
{
    fv_free(ctx, found->singular);
    fv_free(ctx, found->left);
    fv_free(ctx, found->right);
    *found = (fv_low_rank){.rows = 0};
}
