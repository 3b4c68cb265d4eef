/* SPDX-License-Identifier: Apache-2.0 */
/* One class against the rest, from the highest threshold on. */
#include <math.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "train/evaluation.h"

typedef struct scored {
    float score;
    bool has;
} scored;

static int descending(const void *a, const void *b)
{
    const float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return x > y ? -1 : x < y;
}

static int64_t sort_answers(const fv_evaluation *e, int64_t k, scored *list)
{
    const int64_t n = fv_evaluation_count(e), classes = fv_evaluation_classes(e);
    const float *answers = fv_evaluation_answers(e);
    int64_t positives = 0;
    for (int64_t i = 0; i < n; i++) {
        list[i] = (scored){answers[i * classes + k], fv_evaluation_has(e, i, k)};
        positives += list[i].has;
    }
    qsort(list, (size_t)n, sizeof *list, descending);
    return positives;
}

static int64_t list_points(const scored *list, int64_t n, int64_t positives, fv_curve_point *points)
{
    int64_t count = 0, right = 0, wrong = 0;
    points[count++] = (fv_curve_point){INFINITY, 0, 0, 1};
    for (int64_t i = 0; i < n;) {
        const float score = list[i].score;
        for (; i < n && list[i].score == score; i++) {
            right += list[i].has;
            wrong += !list[i].has;
        }
        points[count++] =
            (fv_curve_point){(double)score, (double)right / (double)positives, (double)wrong / (double)(n - positives),
                             (double)right / (double)(right + wrong)};
    }
    return count;
}

fv_status fv_evaluation_curve(const fv_evaluation *e, int64_t k, fv_curve_point **points, int64_t *count)
{
    const int64_t n = fv_evaluation_count(e);
    *points = NULL;
    *count = 0;
    if (!fv_evaluation_has_curves(e) || k < 0 || k >= fv_evaluation_classes(e))
        return FV_OK;
    fv_ctx *ctx = fv_evaluation_ctx(e);
    scored *list = fv_malloc(ctx, (size_t)n * sizeof *list);
    if (!list)
        return FV_ERR_NO_MEMORY;
    const int64_t positives = sort_answers(e, k, list);
    fv_status status = FV_OK;
    if (positives > 0 && positives < n) {
        *points = fv_malloc(ctx, ((size_t)n + 1) * sizeof **points);
        status = *points ? FV_OK : FV_ERR_NO_MEMORY;
        if (*points)
            *count = list_points(list, n, positives, *points);
    }
    fv_free(ctx, list);
    return status;
}

void fv_curve_free(const fv_evaluation *e, fv_curve_point **points)
{
    fv_free(fv_evaluation_ctx(e), *points);
    *points = NULL;
}

fv_status fv_evaluation_areas(const fv_evaluation *e, int64_t k, double *roc_auc, double *average_precision)
{
    fv_curve_point *p;
    int64_t n;
    *roc_auc = *average_precision = NAN;
    FV_TRY(fv_evaluation_curve(e, k, &p, &n));
    if (!p)
        return FV_OK;
    *roc_auc = *average_precision = 0;
    for (int64_t i = 1; i < n; i++) {
        *roc_auc += (p[i].false_rate - p[i - 1].false_rate) * (p[i].recall + p[i - 1].recall) / 2;
        *average_precision += (p[i].recall - p[i - 1].recall) * p[i].precision;
    }
    fv_curve_free(e, &p);
    return FV_OK;
}
