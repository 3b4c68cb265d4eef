/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/low_rank.h"

#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "nn/eigen.h"
#include "nn/gemm64.h"

/* Components, or rows, that are worked on at once. */
enum { BATCH = 256 };

/* The matrix as the one of its sides that is shorter sees it: n rows of m elements. */
typedef struct side {
    const float *a;
    int64_t n, m, step_n, step_m;
    const double *vectors;
    fv_low_rank *f;
    double *rows; /* BATCH x the longer side */
    int64_t from;
    fv_rank_choice choose;
    void *arg;
} side;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static fv_matrix64 matrix_of(const side *s)
{
    return (fv_matrix64){.f = s->a, .row = s->step_n, .column = s->step_m};
}

/* a a', the lower half. */
static fv_status find_gram(fv_ctx *ctx, const side *s, double *gram)
{
    memset(gram, 0, (size_t)(s->n * s->n) * sizeof *gram);
    const fv_gemm64 g = {.m = s->n,
                         .n = s->n,
                         .k = s->m,
                         .a = matrix_of(s),
                         .b = {.f = s->a, .row = s->step_m, .column = s->step_n},
                         .c = gram,
                         .c_step = s->n,
                         .sign = 1,
                         .lower = true};
    return fv_gemm64_run(ctx, &g);
}

/* Singular values from the eigenvalues; how many vectors are wanted. */
static int64_t take_values(void *arg, const double *values, int64_t n)
{
    side *s = arg;
    for (int64_t i = 0; i < n; i++)
        s->f->singular[i] = values[i] > 0 ? sqrt(values[i]) : 0;
    return s->f->rank = s->choose(s->arg, s->f->singular, n);
}

/* The square root of a singular value, for each half; where nothing is left of it the halves are not evened out. */
static double share_of(const fv_low_rank *f, int64_t q)
{
    return f->singular[q] > 1e-7 * f->singular[0] ? sqrt(f->singular[q]) : 1;
}

/* With v the vectors of the shorter side, a = sum over q of v[q] (v[q] a): each half gets the square root of the
 * singular value. */
static void store_component(void *arg, int64_t task, int worker)
{
    const side *s = arg;
    const fv_low_rank *f = s->f;
    const int64_t q = s->from + task;
    const double *v = s->vectors + q * s->n, *other = s->rows + task * s->m, root = share_of(f, q);
    const bool flat = s->step_n != 1; /* the shorter side is the rows: right is the long half */
    float *near = flat ? f->left : f->right, *far = flat ? f->right : f->left;
    (void)worker;
    for (int64_t i = 0; i < s->n; i++)
        near[flat ? i * f->rank + q : q * s->n + i] = (float)(v[i] * root);
    for (int64_t k = 0; k < s->m; k++)
        far[flat ? q * s->m + k : k * f->rank + q] = (float)(other[k] / root);
}

static fv_status find_components(fv_ctx *ctx, side *s)
{
    for (s->from = 0; s->from < s->f->rank; s->from += BATCH) {
        const int64_t count = smaller(s->f->rank - s->from, BATCH);
        memset(s->rows, 0, (size_t)(count * s->m) * sizeof *s->rows);
        const fv_gemm64 g = {.m = count,
                             .n = s->m,
                             .k = s->n,
                             .a = {.d = s->vectors + s->from * s->n, .row = s->n, .column = 1},
                             .b = matrix_of(s),
                             .c = s->rows,
                             .c_step = s->m,
                             .sign = 1};
        FV_TRY(fv_gemm64_run(ctx, &g));
        fv_parallel(ctx, count, 0, store_component, s);
    }
    return FV_OK;
}

/* |a - left right| / |a|, of what the halves are as floats. */
static fv_status measure(fv_ctx *ctx, const float *a, double *room, fv_low_rank *f)
{
    double wrong = 0, all = 0;
    for (int64_t from = 0; from < f->rows; from += BATCH) {
        const int64_t count = smaller(f->rows - from, BATCH), numbers = count * f->columns;
        const float *rows = a + from * f->columns;
        for (int64_t i = 0; i < numbers; i++) {
            room[i] = (double)rows[i];
            all += room[i] * room[i];
        }
        const fv_gemm64 g = {.m = count,
                             .n = f->columns,
                             .k = f->rank,
                             .a = {.f = f->left + from * f->rank, .row = f->rank, .column = 1},
                             .b = {.f = f->right, .row = f->columns, .column = 1},
                             .c = room,
                             .c_step = f->columns,
                             .sign = -1};
        FV_TRY(fv_gemm64_run(ctx, &g));
        for (int64_t i = 0; i < numbers; i++)
            wrong += room[i] * room[i];
    }
    f->error = all > 0 ? sqrt(wrong / all) : 0;
    return FV_OK;
}

static fv_status make_halves(fv_ctx *ctx, side *s)
{
    fv_low_rank *f = s->f;
    const int64_t longer = f->rows > f->columns ? f->rows : f->columns;
    f->left = fv_malloc(ctx, (size_t)(f->rows * f->rank) * sizeof(float));
    f->right = fv_malloc(ctx, (size_t)(f->rank * f->columns) * sizeof(float));
    s->rows = fv_malloc(ctx, (size_t)(BATCH * longer) * sizeof *s->rows);
    fv_status status = f->left && f->right && s->rows ? find_components(ctx, s) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = measure(ctx, s->a, s->rows, f);
    fv_free(ctx, s->rows);
    return status;
}

int64_t fv_low_rank_bytes(int64_t rows, int64_t columns)
{
    const int64_t n = rows < columns ? rows : columns, m = rows + columns - n;
    const int64_t first = 8 * (2 * n * n + 2 * n) + fv_eigen_bytes(n);
    const int64_t second = 8 * (n * n + n + BATCH * m) + fv_gemm64_bytes(BATCH, m) + 4 * n * (rows + columns);
    return first > second ? first : second;
}

fv_status fv_low_rank_find(fv_ctx *ctx, const float *a, int64_t rows, int64_t columns, fv_rank_choice choose, void *arg,
                           fv_low_rank *found)
{
    const bool flat = rows <= columns;
    const int64_t n = flat ? rows : columns;
    side s = {.a = a,
              .n = n,
              .m = flat ? columns : rows,
              .step_n = flat ? columns : 1,
              .step_m = flat ? 1 : columns,
              .f = found,
              .choose = choose,
              .arg = arg};
    *found = (fv_low_rank){.rows = rows, .columns = columns};
    double *gram = fv_malloc(ctx, (size_t)(n * n) * sizeof *gram), *values = fv_malloc(ctx, (size_t)n * sizeof *values);
    double *vectors = fv_malloc(ctx, (size_t)(n * n) * sizeof *vectors);
    found->singular = fv_malloc(ctx, (size_t)n * sizeof *found->singular);
    fv_status status = gram && values && vectors && found->singular ? find_gram(ctx, &s, gram) : FV_ERR_NO_MEMORY;
    int64_t count;
    if (status == FV_OK)
        status = fv_eigen_symmetric(ctx, gram, n, take_values, &s, values, vectors, &count);
    fv_free(ctx, gram);
    s.vectors = vectors;
    if (status == FV_OK)
        status = make_halves(ctx, &s);
    fv_free(ctx, values);
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
