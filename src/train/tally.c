/* SPDX-License-Identifier: Apache-2.0 */
#include "train/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "kernels/math/math.h"
#include "model/model.h"
#include "train/evaluation.h"

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

int64_t fv_count_right(fv_task task, const float *logits, int64_t classes, const fv_batch *batch)
{
    int64_t right = 0;
    for (int64_t i = 0; i < batch->n && task != FV_TASK_REGRESS; i++) {
        const float *row = logits + i * classes;
        right += task == FV_TASK_CLASSIFY ? fv_rank_of(row, classes, batch->labels[i]) == 0
                                          : fv_all_right(row, batch->targets + i * batch->n_targets, classes, 0.0f);
    }
    return right;
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
                                "its weights or the pixels are too large for float32; train it anew with a lower "
                                "learning rate (`fovea train --lr`), or look at the image");
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

void fv_temper(const float *output, int64_t count, double temperature, float *tempered)
{
    for (int64_t i = 0; i < count; i++)
        tempered[i] = (float)((double)output[i] / temperature);
}

void fv_model_answer(const fv_model *model, const float *output, int64_t count, float *answer)
{
    int64_t top = 0;
    if (model->card.temperature == 0) {
        fv_task_answer(model->task, output, count, answer);
        return;
    }
    for (int64_t i = 1; i < count; i++)
        top = output[i] > output[top] ? i : top;
    fv_temper(output, count, model->card.temperature, answer);
    fv_task_answer(model->task, answer, count, answer);
    for (int64_t i = 0; model->task == FV_TASK_CLASSIFY && i < top; i++)
        if (answer[i] >= answer[top]) /* they were apart, and the first of equals is what is said */
            answer[i] = nextafterf(answer[top], 0.0f);
}

fv_status fv_task_check(fv_model *model, const fv_dataset *dataset)
{
    static const char *const kinds[FV_TASK_COUNT + 1] = {"one class each", "several classes each", "numbers",
                                                         "no labels"};
    static const char *const tasks[FV_TASK_COUNT] = {"classifies", "knows several classes at once", "predicts numbers"};
    const fv_task task = fv_model_task(model);
    const fv_task kind = fv_dataset_task(dataset);
    if (task == kind)
        return FV_OK;
    return fv_fail_hint(model->ctx,
                        fv_fail(model->ctx, FV_ERR_CONFLICT, "model '%s' %s, but the data's samples have %s",
                                fv_model_name(model), tasks[task], kinds[kind]),
                        "give data of the kind that the model was trained on, or say with --task how labels are read");
}

/* ---- of one sample: measure_NAME of the rows whose number is a mean ---- */

/* A sample's scores, and what is true of it. */
typedef struct scored_sample {
    fv_task task;
    int64_t classes;
    const float *scores;
    const float *tempered; /* what losses are of: scores, or logits by a temperature */
    bool logits;
    int32_t label;
    const float *target;
} scored_sample;

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

static double squared_error(const float *values, const float *target, int64_t count)
{
    double squares = 0;
    for (int64_t k = 0; k < count; k++) {
        const double d = (double)values[k] - (double)target[k];
        squares += d * d;
    }
    return squares / (double)count;
}

static double measure_loss(const scored_sample *s)
{
    if (s->task == FV_TASK_REGRESS)
        return squared_error(s->scores, s->target, s->classes);
    if (s->task == FV_TASK_MULTILABEL)
        return sigmoid_cross_entropy(s->tempered, s->logits, s->target, s->classes);
    return s->logits ? cross_entropy(s->tempered, s->classes, s->label) : minus_log(s->scores[s->label]);
}

static double measure_top1(const scored_sample *s)
{
    if (s->task == FV_TASK_MULTILABEL)
        return fv_all_right(s->scores, s->target, s->classes, s->logits ? 0.0f : 0.5f);
    return fv_rank_of(s->scores, s->classes, s->label) == 0;
}

static double measure_top5(const scored_sample *s)
{
    return fv_rank_of(s->scores, s->classes, s->label) < 5;
}

static double measure_mae(const scored_sample *s)
{
    double absolute = 0;
    for (int64_t k = 0; k < s->classes; k++)
        absolute += fabs((double)s->scores[k] - (double)s->target[k]);
    return absolute / (double)s->classes;
}

/* ---- of all samples: measure_NAME of the rows whose number is of the whole ---- */

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

static fv_status measure_mean_ap(const fv_tally *t, double *value)
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
    *value = classes ? sum / (double)classes : NAN;
    return FV_OK;
}

/* ---- the table ---- */

static const struct {
    double (*mean)(const scored_sample *sample);
    fv_status (*whole)(const fv_tally *tally, double *value); /* of the rows that were kept */
} measures[] = {
#define FV_METRIC(name, how, ...) {.how = measure_##name},
#include <fovea/metrics.def>
};

static bool is_measured(const fv_tally *t, int metric)
{
    int count;
    return fv_metric_list(&count)[metric].called[t->task] != NULL;
}

void fv_tally_begin(fv_ctx *ctx, fv_task task, int64_t classes, fv_evaluation *findings, fv_tally *tally)
{
    *tally = (fv_tally){.ctx = ctx, .task = task, .classes = classes, .findings = findings};
    for (int i = 0; i < FV_METRIC_COUNT; i++)
        tally->keeps_rows |= measures[i].whole && is_measured(tally, i);
}

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

/* Whether all samples have one answer, and whether one label; and how many have each. */
static fv_status count_classes(fv_tally *t, const float *scores, int32_t label)
{
    int64_t best = 0;
    if (!t->counts)
        t->counts = fv_calloc(t->ctx, 2 * (size_t)t->classes + 1, sizeof *t->counts);
    if (!t->counts)
        return FV_ERR_NO_MEMORY;
    for (int64_t k = 1; k < t->classes; k++)
        best = scores[k] > scores[best] ? k : best;
    t->answer = t->samples == 0 || t->answer == best ? best : -1;
    t->label = t->samples == 0 || t->label == label ? label : -1;
    t->counts[best]++;
    if (label >= 0 && label < t->classes)
        t->counts[t->classes + label]++;
    return FV_OK;
}

fv_status fv_tally_add(fv_tally *t, int64_t sample, const float *scores, bool logits, int32_t label,
                       const float *target)
{
    const bool tempers = logits && t->temperature > 0;
    if (tempers && !t->tempered)
        t->tempered = fv_calloc(t->ctx, (size_t)t->classes, sizeof *t->tempered);
    if (tempers && !t->tempered)
        return FV_ERR_NO_MEMORY;
    if (tempers)
        fv_temper(scores, t->classes, t->temperature, t->tempered);
    const float *tempered = tempers ? t->tempered : scores;
    const scored_sample s = {t->task, t->classes, scores, tempered, logits, label, target};
    const bool lost = !fv_task_answers(t->task, scores, t->classes);
    if (lost && t->lost++ == 0)
        t->first_lost = sample;
    if (t->findings && !lost)
        FV_TRY(
            fv_evaluation_add(t->findings, sample, scores, logits ? tempered : NULL, label, target, measure_loss(&s)));
    if (t->task == FV_TASK_CLASSIFY)
        FV_TRY(count_classes(t, scores, label));
    if (t->keeps_rows)
        FV_TRY(keep_row(t, scores, target));
    for (int i = 0; i < FV_METRIC_COUNT; i++)
        if (measures[i].mean && is_measured(t, i))
            t->sum[i] += measures[i].mean(&s);
    t->samples++;
    return FV_OK;
}

/* NaN where nothing is measured, and with lost samples: where nothing compares, everything would seem right. */
static fv_status measure(const fv_tally *t, int metric, double *value)
{
    *value = NAN;
    if (!is_measured(t, metric) || t->lost)
        return FV_OK;
    if (measures[metric].whole)
        return t->samples ? measures[metric].whole(t, value) : FV_OK;
    *value = t->samples ? t->sum[metric] / (double)t->samples : 0;
    return FV_OK;
}

static void find_unanswered(const fv_tally *t, fv_metrics *m)
{
    enum { FEW = 5 };
    m->never_class = -1;
    for (int64_t k = 0; t->counts && !t->lost && k < t->classes; k++)
        if (t->counts[k] == 0 && t->counts[t->classes + k] >= FEW && m->never++ == 0)
            m->never_class = k;
}

fv_status fv_tally_end(fv_tally *t, fv_metrics *metrics)
{
    fv_status status = FV_OK;
    int count;
    const fv_metric *list = fv_metric_list(&count);
    if (metrics) {
        *metrics = (fv_metrics){.samples = t->samples, .task = t->task, .lost = t->lost};
        metrics->first_lost = t->lost ? t->first_lost : -1;
        const bool one = t->task == FV_TASK_CLASSIFY && t->samples > 0 && !t->lost && t->label < 0;
        metrics->one_class = one ? t->answer : -1;
        find_unanswered(t, metrics);
    }
    for (int i = 0; metrics && status == FV_OK && i < count; i++)
        status = measure(t, i, (double *)((char *)metrics + list[i].offset));
    if (metrics && t->findings && status == FV_OK)
        status = fv_evaluation_end(t->findings);
    fv_free(t->ctx, t->rows);
    fv_free(t->ctx, t->counts);
    fv_free(t->ctx, t->tempered);
    *t = (fv_tally){0};
    return status;
}
