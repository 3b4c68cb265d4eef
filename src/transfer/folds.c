/* SPDX-License-Identifier: Apache-2.0 */
/* Stratified folds: who is in which, and accuracies over them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "base/random.h"
#include "transfer/solve.h"

/* ---- who is in which ---- */

/* What stays together: rows of a group, or one row; it counts for the class of its first row. */
typedef struct unit {
    uint64_t group;
    int64_t first; /* row */
    int32_t y;
} unit;

static int by_group(const void *a, const void *b)
{
    const unit *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int by_first(const void *a, const void *b)
{
    const unit *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* The units of all rows, by their first row; *of, by row: its unit's first row. */
static int64_t make_units(const int32_t *y, const uint64_t *groups, int64_t n, unit *units, int64_t *of)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        units[i] = (unit){groups ? groups[i] : 0, i, y[i]};
    if (groups)
        qsort(units, (size_t)n, sizeof *units, by_group);
    for (int64_t i = 0; i < n; i++) {
        const bool same = i > 0 && units[i].group != 0 && units[i].group == units[count - 1].group;
        of[units[i].first] = same ? units[count - 1].first : units[i].first;
        if (!same)
            units[count++] = units[i];
    }
    qsort(units, (size_t)count, sizeof *units, by_first);
    return count;
}

/* Deals the units of a class: in an order drawn by the seed, to one fold after another, from where the class before
 * ended. */
static int64_t deal_class(const unit *units, int64_t count, int32_t y, int folds, uint64_t seed, int64_t *room,
                          int32_t *fold, int *next)
{
    int64_t *members = room, *order = room + count, n = 0;
    for (int64_t i = 0; i < count; i++)
        if (units[i].y == y)
            members[n++] = units[i].first;
    fv_permutation(seed, FV_RANDOM_FOLDS, UINT64_C(1) << 32 | (uint32_t)y, n, order);
    for (int64_t i = 0; i < n; i++) {
        fold[members[order[i]]] = *next;
        *next = (*next + 1) % folds;
    }
    return n;
}

fv_status fv_linear_split(fv_ctx *ctx, const int32_t *y, const uint64_t *groups, int64_t n, int64_t classes, int folds,
                          uint64_t seed, int32_t *fold)
{
    if (folds < 2 || folds > FV_FOLDS_MAX || folds > n)
        return fv_fail(ctx, FV_ERR_VALUE, "%d folds of %lld rows: expected 2 to %d, no more than rows", folds,
                       (long long)n, FV_FOLDS_MAX);
    for (int64_t i = 0; i < n; i++)
        if (y[i] < 0 || y[i] >= classes)
            return fv_fail(ctx, FV_ERR_VALUE, "folds: row %lld has class %d: expected 0 to %lld", (long long)i,
                           (int)y[i], (long long)classes - 1);
    unit *units = fv_calloc(ctx, (size_t)n, sizeof *units);
    int64_t *of = fv_calloc(ctx, (size_t)n, sizeof *of), *room = fv_calloc(ctx, 2 * (size_t)n, sizeof *room);
    fv_status status = units && of && room ? FV_OK : FV_ERR_NO_MEMORY;
    const int64_t count = status == FV_OK ? make_units(y, groups, n, units, of) : 0;
    int next = 0;
    for (int64_t k = 0; status == FV_OK && k < classes; k++) {
        const int64_t of_class = deal_class(units, count, (int32_t)k, folds, seed, room, fold, &next);
        if (of_class < 2)
            status = fv_fail(ctx, FV_ERR_VALUE,
                             "class %lld has %lld %s: folds need two of each, to learn from one and ask of the other",
                             (long long)k, (long long)of_class, groups ? "sample or group of them" : "sample");
    }
    for (int64_t i = 0; status == FV_OK && i < n; i++)
        fold[i] = fold[of[i]];
    fv_free(ctx, units);
    fv_free(ctx, of);
    fv_free(ctx, room);
    return status;
}

/* ---- accuracies ---- */

static fv_status score_fold(fv_ctx *ctx, const fv_linear_data *d, const fv_linear_options *o, const int32_t *fold,
                            int k, int64_t *rows, fv_linear_score *score)
{
    fv_linear_data part = *d;
    fv_linear *l = NULL;
    int64_t right = 0, asked = 0, iterations;
    part.rows = rows;
    part.n = 0;
    for (int64_t i = 0; i < d->n; i++)
        if (fold[i] != k)
            rows[part.n++] = i;
    FV_TRY(fv_linear_fit(ctx, &part, o, &l));
    for (int64_t i = 0; i < d->n; i++) {
        int32_t said;
        if (fold[i] != k)
            continue;
        fv_linear_predict(l, d->x + i * d->width, 1, &said, NULL);
        right += said == d->y[i];
        asked++;
    }
    score->accuracy[k] = asked > 0 ? (double)right / (double)asked : 0;
    score->unconverged += !fv_linear_converged(l, &iterations);
    score->iterations += iterations;
    fv_linear_destroy(&l);
    return asked > 0 ? FV_OK : fv_fail(ctx, FV_ERR_VALUE, "fold %d has no rows", k);
}

fv_status fv_linear_folds(fv_ctx *ctx, const fv_linear_data *d, const fv_linear_options *o, const int32_t *fold,
                          int folds, fv_linear_score *score)
{
    *score = (fv_linear_score){.mean = 0};
    if (folds < 2 || folds > FV_FOLDS_MAX || d->rows)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_linear_folds: %d folds: expected 2 to %d, and all rows", folds,
                       FV_FOLDS_MAX);
    int64_t *rows = fv_calloc(ctx, (size_t)d->n + 1, sizeof *rows);
    fv_status status = rows ? FV_OK : FV_ERR_NO_MEMORY;
    double squares = 0;
    for (int k = 0; status == FV_OK && k < folds; k++) {
        status = score_fold(ctx, d, o, fold, k, rows, score);
        if (status == FV_OK)
            status = fv_watch(ctx, "fitted", "folds", k + 1, folds);
    }
    fv_free(ctx, rows);
    FV_TRY(status);
    for (int k = 0; k < folds; k++)
        score->mean += score->accuracy[k] / folds;
    for (int k = 0; k < folds; k++)
        squares += (score->accuracy[k] - score->mean) * (score->accuracy[k] - score->mean);
    score->deviation = sqrt(squares / (folds - 1));
    return FV_OK;
}
