/* SPDX-License-Identifier: Apache-2.0 */
/* The rows nearest to one, by the cosine of the angle between them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/solve.h"
#include "transfer/table.h"

/* Rows that are looked at together. */
enum { TOGETHER = 64 };

typedef struct search {
    const fv_feature_table *t;
    int stage;
    int64_t width;
    const float *query;
    double length; /* of the query */
    fv_match *all; /* of every row, the nearest first once sorted */
    float *rows;   /* TOGETHER */
    double *wide;  /* the query, and a row */
} search;

static void widen(const float *from, int64_t n, double *to)
{
    for (int64_t j = 0; j < n; j++)
        to[j] = (double)from[j];
}

static fv_status measure(search *s)
{
    double *query = s->wide, *wide = s->wide + s->width;
    widen(s->query, s->width, query);
    s->length = sqrt(fv_dot64(query, query, s->width));
    for (int64_t at = 0; at < s->t->rows; at += TOGETHER) {
        const int64_t n = s->t->rows - at < TOGETHER ? s->t->rows - at : TOGETHER;
        FV_TRY(fv_feature_table_get(s->t, s->stage, at, n, s->rows));
        for (int64_t i = 0; i < n; i++) {
            const float *row = s->rows + i * s->width;
            widen(row, s->width, wide);
            const double lengths = s->length * sqrt(fv_dot64(wide, wide, s->width));
            const bool same = memcmp(row, s->query, (size_t)s->width * sizeof *row) == 0;
            const double cosine = lengths > 0 ? fv_dot64(query, wide, s->width) / lengths : 0;
            s->all[at + i] = (fv_match){at + i, same ? 1 : cosine < 1 ? cosine : 1, -1, same};
        }
    }
    return FV_OK;
}

/* The nearest first, rows of the query's own numbers before others; equals in the table's order. */
static int by_similarity(const void *a, const void *b)
{
    const fv_match *x = a, *y = b;
    if (x->same != y->same)
        return x->same ? -1 : 1;
    if (x->similarity != y->similarity)
        return x->similarity > y->similarity ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Rows with the numbers of one before them are copies of it: they have its similarity, so that they stand behind it. */
static fv_status mark_copy(search *s, fv_match *list, int64_t i)
{
    float *one = s->rows, *other = s->rows + s->width;
    FV_TRY(fv_feature_table_get(s->t, s->stage, list[i].row, 1, one));
    for (int64_t k = i - 1; k >= 0 && list[k].similarity == list[i].similarity && list[k].same == list[i].same; k--) {
        if (list[k].copy_of >= 0)
            continue;
        FV_TRY(fv_feature_table_get(s->t, s->stage, list[k].row, 1, other));
        if (memcmp(one, other, (size_t)s->width * sizeof *one) == 0) {
            list[i].copy_of = list[k].row;
            return FV_OK;
        }
    }
    return FV_OK;
}

static fv_status choose(search *s, int64_t without, int64_t most, int64_t *count)
{
    int64_t n = 0, apart = 0;
    qsort(s->all, (size_t)s->t->rows, sizeof *s->all, by_similarity);
    for (int64_t i = 0; i < s->t->rows; i++) {
        if (s->all[i].row == without)
            continue;
        s->all[n] = s->all[i];
        FV_TRY(mark_copy(s, s->all, n));
        apart += s->all[n].copy_of < 0;
        if (apart > most)
            break;
        n++;
    }
    *count = n;
    return FV_OK;
}

fv_status fv_feature_table_nearest(const fv_feature_table *t, int stage, const float *query, int64_t without,
                                   int64_t most, fv_match **matches, int64_t *count)
{
    const fv_feature_stage *about = fv_feature_table_stage(t, stage);
    *matches = NULL;
    *count = 0;
    if (!about || most < 1)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "the nearest %lld rows of stage %d: expected 1 or more of %d stages",
                       (long long)most, stage, t->count);
    search s = {.t = t, .stage = stage, .width = about->width, .query = query};
    s.all = fv_calloc(t->ctx, (size_t)t->rows + 1, sizeof *s.all);
    s.rows = fv_calloc(t->ctx, TOGETHER, (size_t)s.width * sizeof *s.rows);
    s.wide = fv_calloc(t->ctx, 2, (size_t)s.width * sizeof *s.wide);
    fv_status status = s.all && s.rows && s.wide ? measure(&s) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = choose(&s, without, most, count);
    fv_free(t->ctx, s.rows);
    fv_free(t->ctx, s.wide);
    if (status != FV_OK) {
        fv_free(t->ctx, s.all);
        s.all = NULL;
    }
    *matches = s.all;
    return status;
}

void fv_matches_free(const fv_feature_table *t, fv_match *matches)
{
    fv_free(t->ctx, matches);
}
