/* SPDX-License-Identifier: Apache-2.0 */
#include "train/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "kernels/math/math.h"
#include "model/model.h"

/* The smallest normal float: what a probability of 0 counts as. */
#define TINY 1.17549435e-38f

int fv_rank_of(const float *scores, int64_t classes, int64_t label)
{
    int64_t rank = 0;
    for (int64_t i = 0; i < classes; i++)
        rank += scores[i] > scores[label] || (scores[i] == scores[label] && i < label);
    return (int)rank;
}

bool fv_all_right(const float *scores, const float *target, int64_t classes, float threshold)
{
    for (int64_t k = 0; k < classes; k++)
        if ((scores[k] > threshold) != (target[k] > 0.5f))
            return false;
    return true;
}

bool fv_task_answers(fv_task task, const float *output, int64_t count)
{
    bool good = true;
    for (int64_t i = 0; i < count; i++) /* -Inf is a class that is ruled out */
        good &= task == FV_TASK_REGRESS ? isfinite(output[i]) : !isnan(output[i]) && output[i] < INFINITY;
    return good;
}

fv_status fv_answer_check(const fv_model *model, const float *answer, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(answer[i]))
            return fv_fail_hint(model->ctx,
                                fv_fail(model->ctx, FV_ERR_DIVERGED,
                                        "model '%s' has no answer: what it computes for '%s' is not finite (%g)",
                                        model->name, model->class_names[i], (double)answer[i]),
                                "its weights or the pixels are too large for float32; train it anew with a lower --lr, "
                                "or look at the image");
    }
    return FV_OK;
}

void fv_task_answer(fv_task task, const float *output, int64_t count, float *answer)
{
    if (!fv_task_answers(task, output, count)) {
        for (int64_t i = 0; i < count; i++)
            answer[i] = NAN;
        return;
    }
    if (task == FV_TASK_CLASSIFY)
        fv_softmax(output, count, answer);
    for (int64_t i = 0; task != FV_TASK_CLASSIFY && i < count; i++)
        answer[i] = task == FV_TASK_MULTILABEL ? fv_sigmoidf(output[i]) : output[i];
}

fv_status fv_task_check(fv_model *model, const fv_dataset *dataset)
{
    _Static_assert((int)FV_TASK_COUNT == (int)FV_TASK_COUNT && (int)FV_TASK_REGRESS == (int)FV_TASK_REGRESS &&
                       (int)FV_TASK_MULTILABEL == (int)FV_TASK_MULTILABEL,
                   "a task for each kind of label");
    static const char *const kinds[] = {"one class each", "several classes each", "numbers"};
    static const char *const tasks[] = {"classifies", "knows several classes at once", "predicts numbers"};
    const fv_task task = fv_model_task(model);
    const fv_task kind = fv_dataset_task(dataset);
    if ((int)task == (int)kind)
        return FV_OK;
    return fv_fail_hint(model->ctx,
                        fv_fail(model->ctx, FV_ERR_CONFLICT, "model '%s' %s, but the data's samples have %s",
                                fv_model_name(model), tasks[task], kinds[kind]),
                        "give data of the kind that the model was trained on, or say with --task how labels are read");
}

void fv_tally_begin(fv_ctx *ctx, fv_task task, int64_t classes, fv_tally *tally)
{
    *tally = (fv_tally){.ctx = ctx, .task = task, .classes = classes};
}

/* ---- losses of one sample ---- */

static double minus_log(float p)
{
    return -(double)fv_logf(p > TINY ? p : TINY);
}

/* -log softmax(logits)[label], summed in float64 in order: the same for any batch size and on any machine. */
static double cross_entropy(const float *logits, int64_t classes, int64_t label)
{
    double max = (double)logits[0], sum = 0;
    for (int64_t i = 1; i < classes; i++)
        max = (double)logits[i] > max ? (double)logits[i] : max;
    for (int64_t i = 0; i < classes; i++)
        sum += (double)fv_expf(logits[i] - (float)max);
    return (double)fv_logf((float)sum) + max - (double)logits[label];
}

static double sigmoid_cross_entropy(const float *scores, bool logits, const float *target, int64_t classes)
{
    double sum = 0;
    for (int64_t k = 0; k < classes; k++) {
        const float x = scores[k], t = target[k];
        if (logits)
            sum += (x > 0 ? (double)x : 0.0) - (double)x * (double)t + (double)fv_log1pf(fv_expf(-fabsf(x)));
        else
            sum += (double)t * minus_log(x) + (1.0 - (double)t) * minus_log(1.0f - x);
    }
    return sum / (double)classes;
}

/* ---- adding ---- */

static fv_status keep_row(fv_tally *t, const float *scores, const float *target)
{
    const size_t n = (size_t)t->classes;
    if (t->samples == t->capacity) {
        const int64_t capacity = t->capacity ? 2 * t->capacity : 256;
        float *rows = fv_realloc(t->ctx, t->rows, (size_t)capacity * 2 * n * sizeof *rows);
        if (!rows)
            return FV_ERR_NO_MEMORY;
        t->rows = rows;
        t->capacity = capacity;
    }
    float *row = t->rows + (size_t)t->samples * 2 * n;
    memcpy(row, scores, n * sizeof *row);
    memcpy(row + n, target, n * sizeof *row);
    return FV_OK;
}

static void add_values(fv_tally *t, const float *values, const float *target)
{
    double squares = 0, absolute = 0;
    for (int64_t k = 0; k < t->classes; k++) {
        const double d = (double)values[k] - (double)target[k];
        squares += d * d;
        absolute += fabs(d);
    }
    t->loss += squares / (double)t->classes;
    t->absolute += absolute / (double)t->classes;
}

fv_status fv_tally_add(fv_tally *t, int64_t sample, const float *scores, bool logits, int32_t label,
                       const float *target)
{
    if (!fv_task_answers(t->task, scores, t->classes) && t->lost++ == 0)
        t->first_lost = sample;
    if (t->task == FV_TASK_CLASSIFY) {
        const int rank = fv_rank_of(scores, t->classes, label);
        t->top1 += rank == 0;
        t->top5 += rank < 5;
        t->loss += logits ? cross_entropy(scores, t->classes, label) : minus_log(scores[label]);
    } else if (t->task == FV_TASK_MULTILABEL) {
        FV_TRY(keep_row(t, scores, target));
        t->top1 += fv_all_right(scores, target, t->classes, logits ? 0.0f : 0.5f);
        t->loss += sigmoid_cross_entropy(scores, logits, target, t->classes);
    } else {
        add_values(t, scores, target);
    }
    t->samples++;
    return FV_OK;
}

/* ---- average precision ---- */

typedef struct scored {
    float score, truth;
} scored;

static int descending(const void *a, const void *b)
{
    const float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return x > y ? -1 : x < y;
}

/* Sum over the thresholds of (recall gained) x (precision); samples of one score share a threshold. NaN: no sample has
 * the class. */
static double average_precision(scored *s, int64_t n)
{
    int64_t positives = 0, found = 0, seen = 0;
    double sum = 0;
    qsort(s, (size_t)n, sizeof *s, descending);
    for (int64_t i = 0; i < n; i++)
        positives += s[i].truth > 0.5f;
    while (seen < n) {
        int64_t gained = 0;
        const float score = s[seen].score;
        do
            gained += s[seen++].truth > 0.5f;
        while (seen < n && s[seen].score == score);
        found += gained;
        sum += (double)gained * ((double)found / (double)seen);
    }
    return positives ? sum / (double)positives : NAN;
}

static fv_status mean_average_precision(const fv_tally *t, double *mean)
{
    const size_t width = (size_t)t->classes;
    int64_t classes = 0;
    double sum = 0;
    scored *column = fv_malloc(t->ctx, (size_t)t->samples * sizeof *column);
    if (!column)
        return FV_ERR_NO_MEMORY;
    for (size_t k = 0; k < width; k++) {
        for (int64_t i = 0; i < t->samples; i++)
            column[i] = (scored){t->rows[(size_t)i * 2 * width + k], t->rows[(size_t)i * 2 * width + width + k]};
        const double ap = average_precision(column, t->samples);
        if (!isnan(ap)) {
            sum += ap;
            classes++;
        }
    }
    fv_free(t->ctx, column);
    *mean = classes ? sum / (double)classes : NAN;
    return FV_OK;
}

fv_status fv_tally_end(fv_tally *t, fv_metrics *metrics)
{
    fv_status status = FV_OK;
    if (metrics) {
        const double n = (double)t->samples;
        *metrics = (fv_metrics){.samples = t->samples, .task = t->task, .mae = NAN, .mean_ap = NAN};
        metrics->lost = t->lost;
        metrics->first_lost = t->lost ? t->first_lost : -1;
        metrics->top1 = t->task == FV_TASK_REGRESS ? NAN : t->samples ? (double)t->top1 / n : 0;
        metrics->top5 = t->task != FV_TASK_CLASSIFY ? NAN : t->samples ? (double)t->top5 / n : 0;
        metrics->loss = t->samples ? t->loss / n : 0;
        if (t->task == FV_TASK_REGRESS && t->samples)
            metrics->mae = t->absolute / n;
        if (t->task == FV_TASK_MULTILABEL && t->samples)
            status = mean_average_precision(t, &metrics->mean_ap);
        if (t->lost) /* where nothing compares, everything would seem right */
            metrics->top1 = metrics->top5 = metrics->loss = metrics->mae = metrics->mean_ap = NAN;
    }
    fv_free(t->ctx, t->rows);
    *t = (fv_tally){0};
    return status;
}
