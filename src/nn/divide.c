/* SPDX-License-Identifier: Apache-2.0 */
/* Two halves of the matrix whose vectors are known, and what joins them: diag(d) + rho z z', the eigenvalues of which
 * are the roots of 1 + rho sum z[i]^2 / (d[i] - x), one between each two poles. */
#include "nn/divide.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"
#include "nn/gemm64.h"
#include "nn/ql.h"

/* The largest matrix that is not divided; rows of vectors that are made at once; turns of the search for a root. */
enum { LEAF = FV_QL_MOST, BATCH = 512, TURNS_MOST = 120 };

/* A row's part of the matrix: above, below, or both, as a turn of two rows leaves them. */
enum { UPPER, BOTH, LOWER, PARTS };

typedef struct root {
    int64_t pole;  /* the nearer one */
    double offset; /* from it */
    double value;
} root;

/* One eigenvalue of a joint matrix: a root, or what a half had. */
typedef struct entry {
    double value;
    int64_t root, row; /* root -1: the row of the block that stays */
} entry;

typedef struct join {
    fv_ctx *ctx;
    int64_t stride, begin, half, size; /* of the block: rows and columns from begin on */
    double rho;
    double *y, *w, *d; /* n x n: vectors, and room for them; values of the rows */
    double *z;         /* size: by row; then of the poles */
    int64_t *order;    /* rows by value; then those of the poles */
    char *part;
    int64_t poles, stay, first[PARTS + 1];
    double *pole, *square, *numerator; /* of the poles, ascending */
    int64_t *place;                    /* of a pole's row in w */
    root *roots;
    entry *entries;
    int64_t made;
    double *shares, *rows; /* BATCH x size */
    int64_t at;            /* the batch's first entry */
    int64_t *picked;       /* entries of the batch */
} join;

/* ---- the roots ---- */

/* The sum of the function at pole[origin] + x, below and above the gap behind pole j, and its derivatives. */
typedef struct sides {
    double below, above, d_below, d_above, size;
} sides;

static sides look(const join *j, int64_t gap, int64_t origin, double x)
{
    sides s = {0, 0, 0, 0, 1};
    for (int64_t i = 0; i < j->poles; i++) {
        const double apart = (j->pole[i] - j->pole[origin]) - x, term = j->square[i] / apart;
        if (i <= gap) {
            s.below += term;
            s.d_below += term / apart;
        } else {
            s.above += term;
            s.d_above += term / apart;
        }
        s.size += fabs(term);
    }
    return s;
}

/* The step to the root of c + s / (left - x) + t / (right - x), which has the sums' values and derivatives here. */
static double step_from(const sides *s, double f, double left, double right, bool last)
{
    if (last) {
        const double c = f - left * s->d_below;
        return c > 0 ? left + left * left * s->d_below / c : NAN;
    }
    const double c = f - left * s->d_below - right * s->d_above;
    const double a = (left + right) * f - left * right * (s->d_below + s->d_above), b = left * right * f;
    const double spread = sqrt(fabs(a * a - 4 * b * c));
    if (a <= 0)
        return c != 0 ? (a - spread) / (2 * c) : b / a;
    return 2 * b / (a + spread);
}

static void find_root(void *arg, int64_t task, int worker)
{
    const join *j = arg;
    const int64_t k = j->poles;
    const bool last = task == k - 1;
    double low = 0, high = 0, x;
    int64_t origin = task;
    (void)worker;
    if (last) {
        for (int64_t i = 0; i < k; i++)
            high += j->square[i];
        high *= 1 + 8 * DBL_EPSILON;
    } else {
        const double gap = j->pole[task + 1] - j->pole[task];
        const sides s = look(j, task, task, gap / 2);
        if (1 + s.below + s.above >= 0) {
            high = gap / 2;
        } else {
            origin = task + 1;
            low = -gap / 2;
        }
    }
    x = (low + high) / 2;
    for (int turn = 0; turn < TURNS_MOST; turn++) {
        const sides s = look(j, task, origin, x);
        const double f = 1 + s.below + s.above;
        if (fabs(f) <= 4 * DBL_EPSILON * s.size)
            break;
        if (f < 0)
            low = x;
        else
            high = x;
        const double left = (j->pole[task] - j->pole[origin]) - x;
        const double right = last ? 0 : (j->pole[task + 1] - j->pole[origin]) - x;
        double next = x + step_from(&s, f, left, right, last);
        if (!(next > low && next < high) || turn % 8 == 7)
            next = low == 0 ? high / 64 : high == 0 ? low / 64 : (low + high) / 2;
        if (next == x || next <= low || next >= high)
            break;
        x = next;
    }
    j->roots[task] = (root){origin, x, j->pole[origin] + x};
}

/* pole i - root k, to float64's relative precision. */
static double apart(const join *j, int64_t i, int64_t k)
{
    return (j->pole[i] - j->pole[j->roots[k].pole]) - j->roots[k].offset;
}

/* The z whose matrix has exactly these roots: what makes the vectors orthogonal. */
static void find_numerator(void *arg, int64_t i, int worker)
{
    const join *j = arg;
    double product = apart(j, i, i);
    (void)worker;
    for (int64_t k = 0; k < j->poles; k++)
        if (k != i)
            product *= apart(j, i, k) / (j->pole[i] - j->pole[k]);
    j->numerator[i] = copysign(sqrt(fabs(product)), j->numerator[i]);
}

/* ---- what needs no root ---- */

static void turn_rows(const join *j, int64_t a, int64_t b, double c, double s)
{
    double *x = j->y + (j->begin + a) * j->stride + j->begin, *y = j->y + (j->begin + b) * j->stride + j->begin;
    for (int64_t k = 0; k < j->size; k++) {
        const double f = x[k];
        x[k] = c * f + s * y[k];
        y[k] = c * y[k] - s * f;
    }
    j->part[a] = j->part[b] = j->part[a] == j->part[b] ? j->part[a] : BOTH;
}

/* Rows that stay as they are go behind the poles' in `order`: those without a share in z, and of two as good as equal
 * ones the one from which a turn takes it. */
static void deflate(join *j)
{
    double most = 0;
    int64_t before = -1, kept = 0, behind = j->size;
    int64_t *rows = j->order, *result = rows + j->size;
    for (int64_t i = 0; i < j->size; i++)
        most = fmax(most, fmax(fabs(j->d[j->begin + i]), fabs(j->z[i])));
    const double least = 8 * DBL_EPSILON * most;
    for (int64_t i = 0; i < j->size; i++) {
        const int64_t row = rows[i];
        if (j->rho * fabs(j->z[row]) <= least) {
            result[--behind] = row;
            continue;
        }
        if (before >= 0) {
            double *d = j->d + j->begin, s = j->z[before], c = j->z[row];
            const double length = sqrt(c * c + s * s), gap = d[row] - d[before];
            c /= length;
            s = -s / length;
            if (fabs(gap * c * s) <= least) {
                j->z[row] = length;
                turn_rows(j, before, row, c, s);
                const double low = d[before] * c * c + d[row] * s * s;
                d[row] = d[before] * s * s + d[row] * c * c;
                d[before] = low;
                result[--behind] = before;
            } else {
                result[kept++] = before;
            }
        }
        before = row;
    }
    if (before >= 0)
        result[kept++] = before;
    j->poles = kept;
    j->stay = j->size - kept;
    memcpy(rows, result, (size_t)j->size * sizeof *rows);
}

/* ---- vectors ---- */

/* Rows of y to w: the poles' by their parts, then those that stay. */
static void gather(join *j)
{
    int64_t at = 0;
    for (int part = 0; part < PARTS; part++) {
        j->first[part] = at;
        for (int64_t i = 0; i < j->poles; i++)
            if (j->part[j->order[i]] == part)
                j->place[i] = at++;
    }
    j->first[PARTS] = at;
    for (int64_t i = 0; i < j->size; i++) {
        const int64_t to = i < j->poles ? j->place[i] : i;
        memcpy(j->w + to * j->stride, j->y + (j->begin + j->order[i]) * j->stride + j->begin,
               (size_t)j->size * sizeof *j->w);
    }
}

static void find_shares(void *arg, int64_t task, int worker)
{
    const join *j = arg;
    const int64_t k = j->entries[j->picked[task]].root;
    double *row = j->shares + task * j->size, sum = 0;
    (void)worker;
    for (int64_t i = 0; i < j->poles; i++) {
        const double share = j->numerator[i] / apart(j, i, k);
        row[j->place[i]] = share;
        sum += share * share;
    }
    const double length = sqrt(sum);
    for (int64_t i = 0; i < j->poles; i++)
        row[i] /= length;
}

/* The vectors of a batch of roots, to where they belong. */
static fv_status make_batch(join *j, int64_t count, double *to, int64_t from_column)
{
    const int64_t middle = j->first[LOWER], both = j->first[BOTH];
    fv_parallel(j->ctx, count, 0, find_shares, j);
    memset(j->rows, 0, (size_t)(count * j->size) * sizeof *j->rows);
    for (int side = 0; side < 2; side++) {
        const int64_t first = side ? both : 0, column = side ? j->half : 0;
        const fv_gemm64 g = {.m = count,
                             .n = side ? j->size - j->half : j->half,
                             .k = (side ? j->poles : middle) - first,
                             .a = {.d = j->shares + first, .row = j->size, .column = 1},
                             .b = {.d = j->w + first * j->stride + column, .row = j->stride, .column = 1},
                             .c = j->rows + column,
                             .c_step = j->size,
                             .sign = 1};
        FV_TRY(fv_gemm64_run(j->ctx, &g));
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(to + j->picked[i] * j->stride + from_column, j->rows + i * j->size, (size_t)j->size * sizeof *j->rows);
    return FV_OK;
}

static fv_status make_vectors(join *j, int64_t count)
{
    double *to = j->y + j->begin * j->stride;
    int64_t picked = 0;
    gather(j);
    for (int64_t i = 0; i < count; i++) {
        const entry *e = &j->entries[i];
        if (e->root < 0)
            memcpy(to + i * j->stride + j->begin, j->w + e->row * j->stride, (size_t)j->size * sizeof *to);
        else
            j->picked[picked++] = i;
        if (picked == BATCH || (i == count - 1 && picked)) {
            FV_TRY(make_batch(j, picked, to, j->begin));
            picked = 0;
        }
    }
    return FV_OK;
}

/* ---- joining ---- */

static int by_value(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void sort_rows(join *j)
{
    for (int64_t i = 0; i < j->size; i++)
        j->entries[i] = (entry){-j->d[j->begin + i], -1, i};
    qsort(j->entries, (size_t)j->size, sizeof *j->entries, by_value);
    for (int64_t i = 0; i < j->size; i++)
        j->order[i] = j->entries[i].row;
}

/* The eigenvalues of the whole, descending, in `entries`. */
static void find_values(join *j, double coupling)
{
    const double *y = j->y + j->begin * j->stride + j->begin, sign = coupling < 0 ? -1 : 1;
    for (int64_t i = 0; i < j->size; i++) {
        const bool below = i >= j->half;
        j->z[i] = (below ? sign : 1) * y[i * j->stride + j->half - !below] * sqrt(0.5);
        j->part[i] = below ? LOWER : UPPER;
    }
    j->rho = 2 * fabs(coupling);
    sort_rows(j);
    deflate(j);
    for (int64_t i = 0; i < j->poles; i++) {
        const double z = j->z[j->order[i]];
        j->pole[i] = j->d[j->begin + j->order[i]];
        j->square[i] = j->rho * z * z;
        j->numerator[i] = z;
    }
    fv_parallel(j->ctx, j->poles, 0, find_root, j);
    fv_parallel(j->ctx, j->poles, 0, find_numerator, j);
    for (int64_t i = 0; i < j->size; i++)
        j->entries[i] = i < j->poles ? (entry){j->roots[i].value, i, i} : (entry){j->d[j->begin + j->order[i]], -1, i};
    qsort(j->entries, (size_t)j->size, sizeof *j->entries, by_value);
}

typedef struct task {
    join j;
    const double *e;
    fv_count_choice choose;
    void *arg;
    double *values, *turns; /* turns: 2 x LEAF */
    int64_t *count;
} task;

static fv_status solve_leaf(task *t, int64_t begin, int64_t size)
{
    join *j = &t->j;
    double beside[LEAF + 1];
    double *block = j->y + begin * j->stride + begin;
    for (int64_t i = 0; i < size; i++) {
        block[i * j->stride + i] = 1;
        beside[i] = i + 1 < size ? t->e[begin + i + 1] : 0;
    }
    return fv_ql(j->ctx, j->d + begin, beside, size, block, j->stride);
}

static fv_status solve(task *t, int64_t begin, int64_t size)
{
    join *j = &t->j;
    if (size <= LEAF)
        return solve_leaf(t, begin, size);
    const int64_t half = size / 2;
    const double coupling = t->e[begin + half];
    j->d[begin + half - 1] -= fabs(coupling);
    j->d[begin + half] -= fabs(coupling);
    FV_TRY(solve(t, begin, half));
    FV_TRY(solve(t, begin + half, size - half));
    j->begin = begin;
    j->half = half;
    j->size = size;
    find_values(j, coupling);
    if (size < j->stride) {
        FV_TRY(make_vectors(j, size));
        for (int64_t i = 0; i < size; i++)
            j->d[begin + i] = j->entries[i].value;
    }
    return FV_OK;
}

/* A matrix that is one leaf: its rows in order. */
static void sort_leaf(task *t, int64_t n)
{
    join *j = &t->j;
    memcpy(j->w, j->y, (size_t)(n * n) * sizeof *j->w);
    for (int64_t i = 0; i < n; i++)
        j->entries[i] = (entry){j->d[i], -1, i};
    qsort(j->entries, (size_t)n, sizeof *j->entries, by_value);
}

static fv_status run(task *t, int64_t n)
{
    join *j = &t->j;
    memset(j->y, 0, (size_t)(n * n) * sizeof *j->y);
    FV_TRY(solve(t, 0, n));
    if (n <= LEAF)
        sort_leaf(t, n);
    for (int64_t i = 0; i < n; i++)
        t->values[i] = j->entries[i].value;
    *t->count = t->choose(t->arg, t->values, n);
    if (n > LEAF)
        return make_vectors(j, *t->count);
    for (int64_t i = 0; i < *t->count; i++)
        memcpy(j->y + i * n, j->w + j->entries[i].row * n, (size_t)n * sizeof *j->y);
    return FV_OK;
}

static int64_t batch_of(int64_t n)
{
    return n < BATCH ? n : BATCH;
}

int64_t fv_divide_bytes(int64_t n)
{
    return (n * n + 2 * batch_of(n) * n + 16 * n) * (int64_t)sizeof(double) + fv_gemm64_bytes(BATCH, n);
}

fv_status fv_divide_tridiagonal(fv_ctx *ctx, double *d, double *e, int64_t n, fv_count_choice choose, void *arg,
                                double *values, double *vectors, int64_t *count)
{
    double *room = fv_malloc(ctx, (size_t)(n * n + 2 * batch_of(n) * n + 4 * n) * sizeof *room);
    int64_t *numbers = fv_malloc(ctx, (size_t)(4 * n) * sizeof *numbers);
    root *roots = fv_malloc(ctx, (size_t)n * sizeof *roots);
    entry *entries = fv_malloc(ctx, (size_t)n * sizeof *entries);
    char *part = fv_malloc(ctx, (size_t)n);
    fv_status status = room && numbers && roots && entries && part ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        double *small = room + n * n;
        task t = {.j = {.ctx = ctx,
                        .stride = n,
                        .y = vectors,
                        .w = room,
                        .d = d,
                        .z = small,
                        .pole = small + n,
                        .square = small + 2 * n,
                        .numerator = small + 3 * n,
                        .shares = small + 4 * n,
                        .rows = small + 4 * n + batch_of(n) * n,
                        .order = numbers,
                        .place = numbers + 2 * n,
                        .picked = numbers + 3 * n,
                        .part = part,
                        .roots = roots,
                        .entries = entries},
                  .e = e,
                  .choose = choose,
                  .arg = arg,
                  .values = values,
                  .count = count};
        status = run(&t, n);
    }
    fv_free(ctx, room);
    fv_free(ctx, numbers);
    fv_free(ctx, roots);
    fv_free(ctx, entries);
    fv_free(ctx, part);
    return status;
}
