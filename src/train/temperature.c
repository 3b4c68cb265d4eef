/* SPDX-License-Identifier: Apache-2.0 */
/* The temperature that outputs are divided by, so that a confidence is the share of right answers. */
#include <fovea/calibrate.h>

#include <math.h>
#include <string.h>

#include "data/loader.h"
#include "model/model.h"
#include "train/evaluate.h"

struct fv_logits {
    fv_ctx *ctx;
    fv_task task;
    int64_t classes, count, room; /* samples */
    float *rows;                  /* count x classes */
    int32_t *labels;              /* CLASSIFY */
    float *targets;               /* MULTILABEL: count x classes */
};

/* ---- collecting ---- */

static fv_status create(fv_ctx *ctx, fv_task task, int64_t classes, int64_t room, fv_logits **logits)
{
    fv_logits *l = *logits = fv_new(ctx, fv_logits);
    if (!l)
        return FV_ERR_NO_MEMORY;
    const size_t numbers = (size_t)(room * classes);
    *l = (fv_logits){.ctx = ctx, .task = task, .classes = classes, .room = room};
    l->rows = fv_calloc(ctx, numbers + 1, sizeof *l->rows);
    if (task == FV_TASK_CLASSIFY)
        l->labels = fv_calloc(ctx, (size_t)room + 1, sizeof *l->labels);
    else
        l->targets = fv_calloc(ctx, numbers + 1, sizeof *l->targets);
    return l->rows && (l->labels || l->targets) ? FV_OK : FV_ERR_NO_MEMORY;
}

void fv_logits_destroy(fv_logits **logits)
{
    fv_logits *l = logits ? *logits : NULL;
    if (!l)
        return;
    fv_free(l->ctx, l->rows);
    fv_free(l->ctx, l->labels);
    fv_free(l->ctx, l->targets);
    fv_free(l->ctx, l);
    *logits = NULL;
}

int64_t fv_logits_count(const fv_logits *l)
{
    return l->count;
}

/* One sample; `target` is of MULTILABEL. */
static fv_status add(fv_logits *l, const float *row, int32_t label, const float *target)
{
    const size_t bytes = (size_t)l->classes * sizeof *row;
    for (int64_t k = 0; k < l->classes; k++)
        if (!isfinite(row[k]))
            return fv_fail_hint(l->ctx,
                                fv_fail(l->ctx, FV_ERR_DIVERGED, "output %lld of sample %lld is not finite (%g)",
                                        (long long)k, (long long)l->count, (double)row[k]),
                                "train the model anew with a lower learning rate (`fovea train --lr`)");
    if (l->labels && (label < 0 || label >= l->classes))
        return fv_fail(l->ctx, FV_ERR_ARGUMENT, "sample %lld is of class %d: expected 0 to %lld", (long long)l->count,
                       (int)label, (long long)l->classes - 1);
    memcpy(l->rows + l->count * l->classes, row, bytes);
    if (l->labels)
        l->labels[l->count] = label;
    else
        memcpy(l->targets + l->count * l->classes, target, bytes);
    l->count++;
    return FV_OK;
}

static fv_status check_count(fv_ctx *ctx, int64_t count)
{
    if (count >= FV_CALIBRATE_LEAST)
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_DATA_EMPTY,
                                "%lld samples: a temperature needs at least %d: from fewer it is off by more than a "
                                "tenth, and 15 bins of confidence hold too few answers to tell",
                                (long long)count, FV_CALIBRATE_LEAST),
                        "take a larger split, or set more data aside (--val-split 0.2)");
}

fv_status fv_logits_from(fv_ctx *ctx, fv_task task, int64_t classes, int64_t n, const float *rows,
                         const int32_t *labels, const float *targets, fv_logits **logits)
{
    *logits = NULL;
    const bool one = task == FV_TASK_CLASSIFY;
    if ((!one && task != FV_TASK_MULTILABEL) || classes < 1 || (one ? !labels : !targets))
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "fv_logits_from: task %d with %lld classes: expected classes, and labels or targets", (int)task,
                       (long long)classes);
    FV_TRY(check_count(ctx, n));
    fv_status status = create(ctx, task, classes, n, logits);
    for (int64_t i = 0; status == FV_OK && i < n; i++)
        status = add(*logits, rows + i * classes, one ? labels[i] : 0, one ? NULL : targets + i * classes);
    if (status != FV_OK)
        fv_logits_destroy(logits);
    return status;
}

static fv_status collect(fv_logits *l, fv_session *session, fv_loader *loader, int64_t size)
{
    fv_batch b;
    FV_TRY(fv_loader_start(loader, 0, 0));
    for (;;) {
        FV_TRY(fv_loader_next(loader, &b));
        if (b.n == 0)
            return FV_OK;
        memcpy(fv_session_input(session), b.images, (size_t)(b.n * size) * sizeof *b.images);
        FV_TRY(fv_session_run_n(session, b.n));
        const float *output = fv_session_output(session, NULL);
        for (int64_t i = 0; i < b.n; i++)
            FV_TRY(add(l, output + i * l->classes, b.labels[i], b.targets ? b.targets + i * b.n_targets : NULL));
        FV_TRY(fv_watch(l->ctx, "scored", "images", l->count, l->room));
    }
}

fv_status fv_logits_create(fv_model *model, fv_dataset *dataset, int64_t batch_size, int workers, fv_logits **logits)
{
    fv_ctx *ctx = model->ctx;
    fv_session *session = NULL;
    fv_loader *loader = NULL;
    const int64_t count = fv_dataset_count(dataset);
    *logits = NULL;
    FV_TRY(fv_model_need_plain(model, "fv_logits_create"));
    if (model->task == FV_TASK_REGRESS)
        return fv_fail(ctx, FV_ERR_CONFLICT,
                       "model '%s' predicts numbers: a temperature is of probabilities, and it gives none",
                       model->name);
    if (fv_dataset_classes(dataset) > model->n_classes)
        return fv_fail_classes(model, dataset);
    FV_TRY(fv_task_check(model, dataset));
    FV_TRY(check_count(ctx, count));
    const int64_t wanted = batch_size > 0 ? batch_size : 64, batch = wanted < count ? wanted : count;
    const fv_pipeline *p = &model->pipeline;
    const fv_loader_options options = {
        .batch_size = batch, .workers = workers, .targets = model->task == FV_TASK_MULTILABEL ? model->n_classes : 0};
    fv_status status = create(ctx, model->task, model->n_classes, count, logits);
    if (status == FV_OK)
        status = fv_session_create(model, batch, &session);
    if (status == FV_OK)
        status = fv_loader_create(dataset, p, &options, &loader);
    if (status == FV_OK)
        status = collect(*logits, session, loader, p->h * p->w * p->c);
    fv_loader_destroy(&loader);
    fv_session_destroy(&session);
    if (status == FV_OK) /* files that could not be read are not among them */
        status = check_count(ctx, (*logits)->count);
    if (status != FV_OK)
        fv_logits_destroy(logits);
    return status;
}

/* ---- the temperature ---- */

/* exp(x) for x <= 0 of float64 operations alone: the same bits everywhere, which the C library does not promise. x = k
 * ln 2 + r, |r| <= ln 2 / 2, and 13 terms of the series, whose rest is below 2^-53. */
static double exp_below(double x)
{
    static const double high = 0x1.62e42feep-1, low = 0x1.a39ef35793c76p-33;
    if (x < -700)
        return 0;
    const double k = rint(x * 1.4426950408889634), r = (x - k * high) - k * low;
    double sum = 1;
    for (int n = 13; n > 0; n--)
        sum = 1 + sum * r / n;
    return ldexp(sum, (int)k);
}

/* First and second derivative, by b = 1 / T, of one sample's negative log-likelihood. */
typedef struct slope {
    double first, second;
} slope;

/* E[z] - z_label and the variance of z, for z drawn by softmax(b z). */
static slope slope_of_class(const float *z, int64_t classes, int32_t label, double b)
{
    double max = (double)z[0], sum = 0, mean = 0, squares = 0;
    for (int64_t k = 1; k < classes; k++)
        max = (double)z[k] > max ? (double)z[k] : max;
    for (int64_t k = 0; k < classes; k++) { /* distances from the largest, so that no squares cancel */
        const double d = (double)z[k] - max, e = exp_below(b * d);
        sum += e;
        mean += e * d;
        squares += e * d * d;
    }
    mean /= sum;
    return (slope){mean + (max - (double)z[label]), squares / sum - mean * mean};
}

/* Sums over the classes of (s - t) z and s (1 - s) z^2, s = sigmoid(b z). */
static slope slope_of_classes(const float *z, const float *target, int64_t classes, double b)
{
    slope all = {0, 0};
    for (int64_t k = 0; k < classes; k++) {
        const double size = fabs((double)z[k]), e = exp_below(-b * size), off = e / (1 + e);
        const bool right = (target[k] > 0.5f) == (z[k] > 0);
        all.first += right ? -off * size : size - off * size;
        all.second += off * (1 - off) * size * size;
    }
    return all;
}

/* Means over the samples. */
static slope slope_at(const fv_logits *l, double b)
{
    slope all = {0, 0};
    for (int64_t i = 0; i < l->count; i++) {
        const float *z = l->rows + i * l->classes;
        const slope s = l->labels ? slope_of_class(z, l->classes, l->labels[i], b)
                                  : slope_of_classes(z, l->targets + i * l->classes, l->classes, b);
        all.first += s.first;
        all.second += s.second;
    }
    return (slope){all.first / (double)l->count, all.second / (double)l->count};
}

/* Whether some answer is on the wrong side: without one, ever smaller temperatures fit ever better. */
static bool any_wrong(const fv_logits *l)
{
    for (int64_t i = 0; i < l->count; i++) {
        const float *z = l->rows + i * l->classes;
        for (int64_t k = 0; k < l->classes; k++)
            if (l->labels ? z[k] > z[l->labels[i]] : z[k] != 0 && (z[k] > 0) != (l->targets[i * l->classes + k] > 0.5f))
                return true;
    }
    return false;
}

/* Where the derivative is 0: Newton's step where it stays within the bracket, else half of it. */
static double find_root(const fv_logits *l, slope *at)
{
    double low = 0, high = INFINITY, b = 1;
    for (int i = 0; i < 300; i++) {
        *at = slope_at(l, b);
        if (at->first == 0)
            return b;
        *(at->first < 0 ? &low : &high) = b;
        double next = at->second > 0 ? b - at->first / at->second : -1;
        if (isinf(high)) {
            next = next > b && next < 8 * b ? next : 2 * b;
        } else if (!(next > low && next < high)) {
            next = low > 0 ? sqrt(low * high) : high / 2;
        }
        const bool there = fabs(next - b) <= 1e-12 * b;
        b = next;
        if (there)
            return b;
        if (b < 0.5 / FV_TEMPERATURE_MOST || b > 2 / FV_TEMPERATURE_LEAST)
            return b;
    }
    return b;
}

fv_status fv_logits_temperature(const fv_logits *l, double *temperature, double *error)
{
    slope at;
    *temperature = 1;
    if (!any_wrong(l))
        return fv_fail_hint(l->ctx,
                            fv_fail(l->ctx, FV_ERR_DATA,
                                    "all %lld answers are right: the lower the temperature, the better it fits, and "
                                    "none is best",
                                    (long long)l->count),
                            "take more or harder samples than these, which the model was not trained on");
    if (slope_at(l, 0).first >= 0)
        return fv_fail_hint(l->ctx,
                            fv_fail(l->ctx, FV_ERR_DATA,
                                    "the labels of %lld samples fit what the model says no better than chance: no "
                                    "temperature makes its answers probabilities",
                                    (long long)l->count),
                            "is it the right model, and are the labels right? `fovea eval` shows which are confused");
    const double b = find_root(l, &at);
    if (!(1 / b >= FV_TEMPERATURE_LEAST && 1 / b <= FV_TEMPERATURE_MOST))
        return fv_fail(l->ctx, FV_ERR_DATA, "the temperature would be %.3g: expected 1e-6 to 1e6", 1 / b);
    *temperature = 1 / b;
    if (error)
        *error = 1 / sqrt((double)l->count * at.second) / (b * b);
    return FV_OK;
}

/* ---- what answers are worth ---- */

static double brier_of(const fv_logits *l, int64_t i, const float *answer)
{
    double sum = 0;
    for (int64_t k = 0; k < l->classes; k++) {
        const double truth = l->labels ? l->labels[i] == k : l->targets[i * l->classes + k] > 0.5f;
        sum += ((double)answer[k] - truth) * ((double)answer[k] - truth);
    }
    return l->labels ? sum : sum / (double)l->classes;
}

static fv_status score(const fv_logits *l, double temperature, float *answer, fv_tally *tally, double *brier)
{
    for (int64_t i = 0; i < l->count; i++) {
        const float *z = l->rows + i * l->classes;
        FV_TRY(fv_tally_add(tally, i, z, true, l->labels ? l->labels[i] : -1,
                            l->targets ? l->targets + i * l->classes : NULL));
        fv_temper(z, l->classes, temperature, answer);
        fv_task_answer(l->task, answer, l->classes, answer);
        *brier += brier_of(l, i, answer);
    }
    return FV_OK;
}

fv_status fv_logits_reliability(const fv_logits *l, double temperature, fv_reliability *r)
{
    fv_evaluation *findings = NULL;
    fv_tally tally;
    fv_metrics m;
    double brier = 0;
    *r = (fv_reliability){.samples = l->count};
    if (!(temperature >= FV_TEMPERATURE_LEAST && temperature <= FV_TEMPERATURE_MOST))
        return fv_fail(l->ctx, FV_ERR_ARGUMENT, "fv_logits_reliability: temperature %g: expected 1e-6 to 1e6",
                       temperature);
    float *answer = fv_calloc(l->ctx, (size_t)l->classes, sizeof *answer);
    fv_status status = answer ? fv_evaluation_create(l->ctx, l->task, l->classes, &findings) : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        fv_tally_begin(l->ctx, l->task, l->classes, findings, &tally);
        tally.temperature = temperature;
        status = score(l, temperature, answer, &tally, &brier);
        const fv_status ended = fv_tally_end(&tally, status == FV_OK ? &m : NULL);
        status = status == FV_OK ? ended : status;
    }
    if (status == FV_OK)
        *r = (fv_reliability){.samples = l->count,
                              .calibration_error = fv_evaluation_calibration_error(findings),
                              .loss = m.loss,
                              .brier = brier / (double)l->count,
                              .top1 = m.top1};
    fv_evaluation_destroy(&findings);
    fv_free(l->ctx, answer);
    return status;
}
