/* SPDX-License-Identifier: Apache-2.0 */
#include "train/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "train/tally.h"

/* A cell of the confusion matrix that is not 0; key = truth * classes + said. */
typedef struct cell {
    int64_t key, count;
} cell;

typedef struct class_counts {
    int64_t samples, said, right;
} class_counts;

typedef struct bin_sums {
    int64_t count, right;
    double confidence;
} bin_sums;

/* Of one target: sums of the errors, and the truths' mean and squared distances from it as Welford has them. */
typedef struct target_sums {
    double error, absolute, squares, middle, spread;
} target_sums;

/* Answers for the curves: for each sample a row of them, and its class, or for each class whether it has it. */
typedef struct kept_answers {
    int64_t limit, capacity; /* bytes, samples */
    bool none;               /* there was no room */
    float *rows;
    int32_t *labels; /* CLASSIFY */
    bool *sets;      /* MULTILABEL: classes a sample */
} kept_answers;

struct fv_evaluation {
    fv_ctx *ctx;
    fv_task task;
    int64_t classes, count, capacity;
    fv_judged_sample *samples; /* the worst first, once it has ended */
    float *answer;             /* one sample's */
    class_counts *counts;      /* classes; but REGRESS */
    target_sums *sums;         /* classes; REGRESS */
    bin_sums bins[FV_CALIBRATION_BINS];
    kept_answers kept;
    cell *cells, *pairs; /* by key; those of different classes, the most frequent first */
    int64_t n_cells, n_pairs;
};

/* ---- making ---- */

fv_status fv_evaluation_create(fv_ctx *ctx, fv_task task, int64_t classes, fv_evaluation **evaluation)
{
    *evaluation = NULL;
    if ((unsigned)task >= FV_TASK_COUNT || classes < 1)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_evaluation_create: task %d with %lld classes", (int)task,
                       (long long)classes);
    fv_evaluation *e = fv_new(ctx, fv_evaluation);
    if (!e)
        return FV_ERR_NO_MEMORY;
    e->ctx = ctx;
    e->task = task;
    e->classes = classes;
    e->answer = fv_calloc(ctx, (size_t)classes, sizeof *e->answer);
    if (task == FV_TASK_REGRESS)
        e->sums = fv_calloc(ctx, (size_t)classes, sizeof *e->sums);
    else
        e->counts = fv_calloc(ctx, (size_t)classes, sizeof *e->counts);
    if (!e->answer || (!e->sums && !e->counts))
        fv_evaluation_destroy(&e);
    *evaluation = e;
    return e ? FV_OK : FV_ERR_NO_MEMORY;
}

static void free_cells(fv_evaluation *e)
{
    fv_free(e->ctx, e->cells);
    fv_free(e->ctx, e->pairs);
    e->cells = e->pairs = NULL;
    e->n_cells = e->n_pairs = 0;
}

static void free_kept(fv_evaluation *e)
{
    fv_free(e->ctx, e->kept.rows);
    fv_free(e->ctx, e->kept.labels);
    fv_free(e->ctx, e->kept.sets);
    e->kept = (kept_answers){.limit = e->kept.limit};
}

void fv_evaluation_destroy(fv_evaluation **evaluation)
{
    fv_evaluation *e = evaluation ? *evaluation : NULL;
    if (!e)
        return;
    free_cells(e);
    free_kept(e);
    fv_free(e->ctx, e->samples);
    fv_free(e->ctx, e->answer);
    fv_free(e->ctx, e->counts);
    fv_free(e->ctx, e->sums);
    fv_free(e->ctx, e);
    *evaluation = NULL;
}

void fv_evaluation_swap(fv_evaluation *a, fv_evaluation *b)
{
    const fv_evaluation kept = *a;
    *a = *b;
    *b = kept;
}

/* ---- filling ---- */

fv_status fv_evaluation_begin(fv_evaluation *e, fv_task task, int64_t classes)
{
    if (e->task != task || e->classes != classes)
        return fv_fail(
            e->ctx, FV_ERR_ARGUMENT,
            "the findings are for a model that is asked for %s and has %lld outputs, this one for %s and has "
            "%lld",
            fv_task_names()[e->task], (long long)e->classes, fv_task_names()[task], (long long)classes);
    free_cells(e);
    free_kept(e);
    e->count = 0;
    memset(e->bins, 0, sizeof e->bins);
    if (e->counts)
        memset(e->counts, 0, (size_t)classes * sizeof *e->counts);
    if (e->sums)
        memset(e->sums, 0, (size_t)classes * sizeof *e->sums);
    return FV_OK;
}

static fv_judged_sample *new_sample(fv_evaluation *e)
{
    if (e->count == e->capacity) {
        const int64_t capacity = e->capacity ? 2 * e->capacity : 256;
        fv_judged_sample *samples = fv_realloc(e->ctx, e->samples, (size_t)capacity * sizeof *samples);
        if (!samples)
            return NULL;
        e->samples = samples;
        e->capacity = capacity;
    }
    return &e->samples[e->count];
}

static fv_status grow(fv_ctx *ctx, void *list, size_t bytes)
{
    void **at = list;
    void *larger = fv_realloc(ctx, *at, bytes);
    if (larger)
        *at = larger;
    return larger ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status keep_answers(fv_evaluation *e, int32_t label, const float *target)
{
    kept_answers *k = &e->kept;
    const size_t n = (size_t)e->classes, each = n * (sizeof(float) + 1);
    if (k->limit <= 0 || k->none || e->task == FV_TASK_REGRESS)
        return FV_OK;
    if (e->count == k->capacity) {
        const int64_t most = k->limit / (int64_t)each, capacity = k->capacity ? 2 * k->capacity : 256;
        if (e->count == most || most == 0) {
            free_kept(e);
            k->none = true;
            return FV_OK;
        }
        k->capacity = capacity < most ? capacity : most;
        FV_TRY(grow(e->ctx, &k->rows, (size_t)k->capacity * n * sizeof *k->rows));
        if (e->task == FV_TASK_CLASSIFY)
            FV_TRY(grow(e->ctx, &k->labels, (size_t)k->capacity * sizeof *k->labels));
        else
            FV_TRY(grow(e->ctx, &k->sets, (size_t)k->capacity * n * sizeof *k->sets));
    }
    memcpy(k->rows + (size_t)e->count * n, e->answer, n * sizeof *k->rows);
    if (k->labels)
        k->labels[e->count] = label;
    for (size_t i = 0; k->sets && i < n; i++)
        k->sets[(size_t)e->count * n + i] = target[i] > 0.5f;
    return FV_OK;
}

void fv_evaluation_keep_answers(fv_evaluation *e, int64_t bytes)
{
    e->kept.limit = bytes;
}

bool fv_evaluation_has_curves(const fv_evaluation *e)
{
    return e->kept.rows && e->count > 0;
}

const float *fv_evaluation_answers(const fv_evaluation *e)
{
    return e->kept.rows;
}

bool fv_evaluation_has(const fv_evaluation *e, int64_t i, int64_t k)
{
    return e->kept.labels ? e->kept.labels[i] == k : e->kept.sets[i * e->classes + k];
}

fv_ctx *fv_evaluation_ctx(const fv_evaluation *e)
{
    return e->ctx;
}

static void add_to_bin(fv_evaluation *e, float confidence, bool right)
{
    /* Bins are open at their low end: a confidence of exactly 1/15 belongs to the first. */
    int b = (int)ceil((double)confidence * FV_CALIBRATION_BINS) - 1;
    b = b < 0 ? 0 : b >= FV_CALIBRATION_BINS ? FV_CALIBRATION_BINS - 1 : b;
    e->bins[b].count++;
    e->bins[b].right += right;
    e->bins[b].confidence += (double)confidence;
}

static void add_class(fv_evaluation *e, fv_judged_sample *s, const float *scores, int32_t label)
{
    int64_t said = 0;
    for (int64_t k = 1; k < e->classes; k++)
        said = scores[k] > scores[said] ? k : said;
    s->truth = label;
    s->said = (int32_t)said;
    s->confidence = e->answer[said];
    s->truth_confidence = e->answer[label];
    s->right = said == label;
    e->counts[label].samples++;
    e->counts[said].said++;
    e->counts[said].right += s->right;
    add_to_bin(e, s->confidence, s->right);
}

static void add_classes(fv_evaluation *e, fv_judged_sample *s, const float *scores, float threshold,
                        const float *target)
{
    for (int64_t k = 0; k < e->classes; k++) {
        const bool has = target[k] > 0.5f, said = scores[k] > threshold;
        e->counts[k].samples += has;
        e->counts[k].said += said;
        e->counts[k].right += has && said;
        s->truth += has && !said;
        s->said += said && !has;
        add_to_bin(e, e->answer[k], has);
    }
    s->right = fv_all_right(scores, target, e->classes, threshold);
}

static void add_values(fv_evaluation *e, const float *target)
{
    for (int64_t k = 0; k < e->classes; k++) {
        target_sums *t = &e->sums[k];
        const double error = (double)e->answer[k] - (double)target[k], off = (double)target[k] - t->middle;
        t->error += error;
        t->absolute += fabs(error);
        t->squares += error * error;
        t->middle += off / (double)(e->count + 1);
        t->spread += off * ((double)target[k] - t->middle);
    }
}

fv_status fv_evaluation_add(fv_evaluation *e, int64_t sample, const float *scores, const float *logits, int32_t label,
                            const float *target, double loss)
{
    fv_judged_sample *s = new_sample(e);
    if (!s)
        return FV_ERR_NO_MEMORY;
    *s = (fv_judged_sample){.sample = sample, .loss = (float)loss};
    if (logits)
        fv_task_answer(e->task, logits, e->classes, e->answer);
    else
        memcpy(e->answer, scores, (size_t)e->classes * sizeof *e->answer);
    if (e->task == FV_TASK_CLASSIFY)
        add_class(e, s, scores, label);
    else if (e->task == FV_TASK_MULTILABEL)
        add_classes(e, s, scores, logits ? 0.0f : 0.5f, target);
    else
        add_values(e, target);
    FV_TRY(keep_answers(e, label, target));
    e->count++;
    return FV_OK;
}

static int by_loss(const void *a, const void *b)
{
    const fv_judged_sample *x = a, *y = b;
    if (x->loss != y->loss)
        return x->loss > y->loss ? -1 : 1;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static int by_key(const void *a, const void *b)
{
    const cell *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static int by_count(const void *a, const void *b)
{
    const cell *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return by_key(a, b);
}

/* The cells from the samples: the matrix of 20,000 classes would not fit in memory, those of its cells that are used
 * do.
 */
static fv_status count_cells(fv_evaluation *e)
{
    const size_t n = (size_t)e->count;
    e->cells = fv_malloc(e->ctx, (n + 1) * sizeof *e->cells);
    e->pairs = fv_malloc(e->ctx, (n + 1) * sizeof *e->pairs);
    if (!e->cells || !e->pairs)
        return FV_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        e->cells[i] = (cell){e->samples[i].truth * e->classes + e->samples[i].said, 1};
    qsort(e->cells, n, sizeof *e->cells, by_key);
    for (size_t i = 0; i < n; i++) {
        if (e->n_cells > 0 && e->cells[e->n_cells - 1].key == e->cells[i].key)
            e->cells[e->n_cells - 1].count++;
        else
            e->cells[e->n_cells++] = e->cells[i];
    }
    for (int64_t i = 0; i < e->n_cells; i++)
        if (e->cells[i].key / e->classes != e->cells[i].key % e->classes)
            e->pairs[e->n_pairs++] = e->cells[i];
    qsort(e->pairs, (size_t)e->n_pairs, sizeof *e->pairs, by_count);
    return FV_OK;
}

fv_status fv_evaluation_end(fv_evaluation *e)
{
    if (e->count == 0)
        return FV_OK;
    qsort(e->samples, (size_t)e->count, sizeof *e->samples, by_loss);
    return e->task == FV_TASK_CLASSIFY ? count_cells(e) : FV_OK;
}

/* ---- reading ---- */

fv_task fv_evaluation_task(const fv_evaluation *e)
{
    return e->task;
}

int64_t fv_evaluation_classes(const fv_evaluation *e)
{
    return e->classes;
}

int64_t fv_evaluation_count(const fv_evaluation *e)
{
    return e->count;
}

const fv_judged_sample *fv_evaluation_worst(const fv_evaluation *e, int64_t i)
{
    return i >= 0 && i < e->count ? &e->samples[i] : NULL;
}

static double share(int64_t part, int64_t all)
{
    return all > 0 ? (double)part / (double)all : 0.0;
}

void fv_evaluation_class(const fv_evaluation *e, int64_t k, fv_class_score *score)
{
    *score = (fv_class_score){.precision = NAN, .recall = NAN, .f1 = NAN};
    if (!e->counts || k < 0 || k >= e->classes)
        return;
    const class_counts *c = &e->counts[k];
    score->samples = c->samples;
    score->said = c->said;
    score->right = c->right;
    if (c->samples + c->said == 0)
        return;
    score->precision = share(c->right, c->said);
    score->recall = share(c->right, c->samples);
    score->f1 = share(2 * c->right, c->said + c->samples);
}

static void add_score(fv_class_score *mean, const fv_class_score *score, double weight)
{
    mean->precision += weight * score->precision;
    mean->recall += weight * score->recall;
    mean->f1 += weight * score->f1;
}

static int by_f1(const void *a, const void *b)
{
    const fv_ranked_class *x = a, *y = b;
    if (x->f1 != y->f1)
        return x->f1 < y->f1 ? -1 : 1;
    return x->class_index < y->class_index ? -1 : x->class_index > y->class_index;
}

int64_t fv_evaluation_ranking(const fv_evaluation *e, fv_ranked_class *rows)
{
    int64_t n = 0;
    for (int64_t k = 0; k < fv_evaluation_classes(e); k++) {
        fv_class_score s;
        fv_evaluation_class(e, k, &s);
        if (s.samples + s.said > 0)
            rows[n++] = (fv_ranked_class){k, s.f1};
    }
    qsort(rows, (size_t)n, sizeof *rows, by_f1);
    return n;
}

void fv_evaluation_means(const fv_evaluation *e, fv_class_score *macro, fv_class_score *weighted)
{
    fv_class_score means[2] = {{0}, {0}}, score;
    double weights[2] = {0, 0};
    for (int64_t k = 0; k < e->classes; k++) {
        fv_evaluation_class(e, k, &score);
        const double weight[2] = {score.samples + score.said > 0, (double)score.samples};
        for (int m = 0; m < 2; m++) {
            means[m].samples += score.samples;
            means[m].said += score.said;
            means[m].right += score.right;
            weights[m] += weight[m];
            if (weight[m] > 0)
                add_score(&means[m], &score, weight[m]);
        }
    }
    for (int m = 0; m < 2; m++) {
        means[m].precision /= weights[m]; /* 0 / 0: there is no class to speak of */
        means[m].recall /= weights[m];
        means[m].f1 /= weights[m];
    }
    *macro = means[0];
    *weighted = means[1];
}

int64_t fv_evaluation_confusion(const fv_evaluation *e, int64_t truth, int64_t said)
{
    const cell wanted = {truth * e->classes + said, 0};
    if (truth < 0 || said < 0 || truth >= e->classes || said >= e->classes || e->n_cells == 0)
        return 0;
    const cell *found = bsearch(&wanted, e->cells, (size_t)e->n_cells, sizeof *e->cells, by_key);
    return found ? found->count : 0;
}

bool fv_evaluation_pair(const fv_evaluation *e, int64_t i, fv_confused_pair *pair)
{
    if (i < 0 || i >= e->n_pairs)
        return false;
    *pair = (fv_confused_pair){e->pairs[i].key / e->classes, e->pairs[i].key % e->classes, e->pairs[i].count};
    return true;
}

void fv_evaluation_bin(const fv_evaluation *e, int bin, fv_calibration_bin *result)
{
    const bin_sums *b = &e->bins[bin];
    *result = (fv_calibration_bin){.low = (double)bin / FV_CALIBRATION_BINS,
                                   .high = (double)(bin + 1) / FV_CALIBRATION_BINS,
                                   .count = b->count,
                                   .confidence = NAN,
                                   .accuracy = NAN};
    if (b->count == 0)
        return;
    result->confidence = b->confidence / (double)b->count;
    result->accuracy = share(b->right, b->count);
}

double fv_evaluation_calibration_error(const fv_evaluation *e)
{
    int64_t all = 0;
    double sum = 0;
    for (int i = 0; i < FV_CALIBRATION_BINS; i++) {
        const bin_sums *b = &e->bins[i];
        all += b->count;
        sum += fabs((double)b->right - b->confidence);
    }
    return all > 0 ? sum / (double)all : NAN;
}

void fv_evaluation_target(const fv_evaluation *e, int64_t target, fv_target_score *score)
{
    *score = (fv_target_score){NAN, NAN, NAN, NAN};
    if (!e->sums || target < 0 || target >= e->classes || e->count == 0)
        return;
    const target_sums *t = &e->sums[target];
    const double n = (double)e->count;
    *score = (fv_target_score){t->absolute / n, sqrt(t->squares / n), t->error / n,
                               t->spread > 0 ? 1 - t->squares / t->spread : NAN};
}
