/* SPDX-License-Identifier: Apache-2.0 */
/* Views, passes and models together, for images that have become network inputs. */
#include "train/predictor.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "train/evaluate.h"

/* Floats of a run's inputs; their activations are some ten times as many. */
enum { RUN_FLOATS = 1 << 17 };

/* ---- making ---- */

static fv_status fail_other_classes(const fv_model *first, const fv_model *other)
{
    const fv_model *models[2] = {first, other};
    fv_str list[2] = {{.ctx = first->ctx}, {.ctx = first->ctx}};
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < models[k]->n_classes && i < 10; i++)
            fv_str_printf(&list[k], "%s%s", i ? ", " : "", models[k]->class_names[i]);
        if (models[k]->n_classes > 10)
            fv_str_append(&list[k], ", ...");
    }
    fv_status status =
        fv_fail_hint(first->ctx,
                     fv_fail(first->ctx, FV_ERR_DATA_CLASSES,
                             "models that answer together must know the same classes: '%s' has %lld (%s), '%s' has "
                             "%lld (%s)",
                             first->name, (long long)first->n_classes, fv_str_get(&list[0]), other->name,
                             (long long)other->n_classes, fv_str_get(&list[1])),
                     "use models trained on the same classes");
    fv_str_free(&list[0]);
    fv_str_free(&list[1]);
    return status;
}

static fv_status match_classes(const fv_model *first, fv_member *m)
{
    const fv_model *model = m->model;
    m->place = fv_malloc(model->ctx, (size_t)model->n_classes * sizeof *m->place);
    if (!m->place)
        return FV_ERR_NO_MEMORY;
    if (model->n_classes != first->n_classes)
        return fail_other_classes(first, model);
    for (int64_t i = 0; i < model->n_classes; i++) {
        int64_t at = i; /* mostly the same order */
        if (strcmp(model->class_names[i], first->class_names[i]) != 0)
            for (at = 0; at < first->n_classes && strcmp(model->class_names[i], first->class_names[at]) != 0;)
                at++;
        if (at == first->n_classes)
            return fail_other_classes(first, model);
        m->place[i] = at;
    }
    return FV_OK;
}

/* As many rows as make the runs of `rows` equally large, none above `most`. */
static int64_t even_batch(int64_t rows, int64_t most)
{
    const int64_t runs = (rows + most - 1) / most;
    return (rows + runs - 1) / runs;
}

static fv_status open_member(fv_predictor *p, const fv_predictor_options *o, fv_member *m, fv_views *views)
{
    const fv_model *first = p->members[0].model;
    if (m->model->task != first->task)
        return fv_fail(p->ctx, FV_ERR_CONFLICT, "models that answer together must have one task: '%s' has %s, '%s' %s",
                       first->name, fv_task_names()[first->task], m->model->name, fv_task_names()[m->model->task]);
    if (m->model->pipeline.ignore_exif != first->pipeline.ignore_exif)
        return fv_fail_hint(p->ctx,
                            fv_fail(p->ctx, FV_ERR_CONFLICT,
                                    "models that answer together must decode alike: '%s' turns images as their EXIF "
                                    "orientation says, '%s' does not",
                                    first->pipeline.ignore_exif ? m->model->name : first->name,
                                    first->pipeline.ignore_exif ? first->name : m->model->name),
                            "use models trained with the same --ignore-exif");
    FV_TRY(match_classes(first, m));
    FV_TRY(fv_views_parse(p->ctx, &m->model->pipeline, o->tta, o->scales, views));
    const fv_pipeline *pipeline = &m->model->pipeline;
    m->views = fv_views_count(views);
    m->size = pipeline->h * pipeline->w * pipeline->c;
    m->inputs = p->size;
    if (!fv_views_size(p->views, p->count, &p->size)) /* of those behind it nothing is counted yet */
        return fv_fail(p->ctx, FV_ERR_VALUE, "pipeline: an input of that size cannot be");
    m->weight /= (double)m->views;
    p->forwards += m->views * p->passes;
    return FV_OK;
}

/* Rows of a run: one image of a large network keeps all threads busy, and what is computed of it stays in the cache;
 * small networks have many, so that their kernels outlast the calls. */
static int64_t most_rows(const fv_predictor *p, const fv_member *m)
{
    const int64_t fit = RUN_FLOATS / m->size;
    if (p->most > 0)
        return p->most;
    return fit < 1 ? 1 : fit > FV_PREDICTOR_ROWS ? FV_PREDICTOR_ROWS : fit;
}

int64_t fv_predictor_rows(const fv_predictor *p, const fv_member *m, int64_t round)
{
    const int64_t rows = p->dropout ? FV_PASS_GROUP : round * m->views;
    return p->dropout && p->passes < FV_PASS_GROUP ? p->passes : even_batch(rows, most_rows(p, m));
}

static fv_status open_session(fv_predictor *p, fv_member *m)
{
    const int64_t batch = fv_predictor_rows(p, m, p->round);
    if (m->session && m->batch == batch)
        return FV_OK;
    fv_session_destroy(&m->session);
    m->batch = batch;
    if (!p->dropout)
        return fv_session_create(m->model, batch, &m->session);
    FV_TRY(fv_session_create_sampling(m->model, batch, &m->session));
    if (fv_session_is_random(m->session))
        return FV_OK;
    return fv_fail_hint(p->ctx,
                        fv_fail(p->ctx, FV_ERR_CONFLICT,
                                "--mc-dropout %lld: model '%s' has no dropout, so every pass would be the same",
                                (long long)p->passes, m->model->name),
                        "train it with dropout (`fovea train --drop`), or leave --mc-dropout out");
}

static void free_round(fv_predictor *p)
{
    fv_free(p->ctx, p->sums);
    fv_free(p->ctx, p->mean);
    fv_free(p->ctx, p->std);
    p->mean = p->std = NULL;
    p->sums = NULL;
    p->round = 0;
}

fv_status fv_predictor_prepare(fv_predictor *p, int64_t round)
{
    const size_t n = (size_t)round, classes = (size_t)p->classes;
    if (p->round == round)
        return FV_OK;
    free_round(p);
    p->round = round;
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < p->count; i++)
        status = open_session(p, &p->members[i]);
    if (status == FV_OK) {
        p->sums = fv_calloc(p->ctx, p->dropout ? FV_PASS_GROUP : n, classes * sizeof *p->sums);
        p->mean = fv_calloc(p->ctx, n, classes * sizeof *p->mean);
        p->std = fv_calloc(p->ctx, n, classes * sizeof *p->std);
        status = p->sums && p->mean && p->std ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (status != FV_OK)
        free_round(p);
    return status;
}

static fv_status set_weights(fv_predictor *p, const double *weights)
{
    double sum = 0;
    for (int i = 0; i < p->count; i++) {
        const double w = weights ? weights[i] : 1.0;
        if (!(w >= 0 && w < 1e30))
            return fv_fail(p->ctx, FV_ERR_VALUE, "--ensemble-weights: %g: expected numbers from 0 on", w);
        p->members[i].weight = w;
        sum += w;
    }
    if (sum <= 0)
        return fv_fail(p->ctx, FV_ERR_VALUE, "--ensemble-weights: all are 0: expected at least one above");
    for (int i = 0; i < p->count; i++)
        p->members[i].weight /= sum;
    return FV_OK;
}

static fv_status open_members(fv_predictor *p, const fv_predictor_options *o)
{
    FV_TRY(set_weights(p, o->weights));
    for (int i = 0; i < p->count; i++)
        FV_TRY(open_member(p, o, &p->members[i], &p->views[i]));
    FV_TRY(fv_intake_init(p->ctx, p->views, p->count, NULL, &p->intake));
    p->answer = fv_malloc(p->ctx, (size_t)p->classes * sizeof *p->answer);
    p->spreads = p->dropout ? fv_calloc(p->ctx, (size_t)p->classes, sizeof *p->spreads) : NULL;
    p->inputs = fv_calloc(p->ctx, (size_t)p->size, sizeof *p->inputs);
    if (!p->answer || !p->inputs || (p->dropout && !p->spreads))
        return FV_ERR_NO_MEMORY;
    return fv_predictor_prepare(p, 1);
}

fv_status fv_predictor_create(fv_model *const *models, int count, const fv_predictor_options *options,
                              fv_predictor **predictor)
{
    static const fv_predictor_options none;
    const fv_predictor_options *o = options ? options : &none;
    *predictor = NULL;
    fv_ctx *ctx = models[0]->ctx;
    if (count < 1)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_predictor_create: %d models", count);
    if (o->mc_dropout < 0 || o->mc_dropout > 1000000)
        return fv_fail(ctx, FV_ERR_VALUE, "--mc-dropout %lld: expected 0 to 1000000 passes", (long long)o->mc_dropout);
    for (int i = 0; i < count; i++)
        FV_TRY(fv_model_need_plain(models[i], "fv_predictor_create"));
    fv_predictor *p = fv_new(ctx, fv_predictor);
    if (!p)
        return FV_ERR_NO_MEMORY;
    p->ctx = ctx;
    p->task = models[0]->task;
    p->classes = models[0]->n_classes;
    p->dropout = o->mc_dropout > 0;
    p->passes = p->dropout ? o->mc_dropout : 1;
    p->mean_logits = o->mean_logits;
    p->seed = o->seed;
    p->most = p->dropout ? FV_PASS_GROUP : o->batch_size;
    p->workers = o->workers;
    p->intake.ctx = ctx;
    p->members = fv_calloc(ctx, (size_t)count, sizeof *p->members);
    p->views = fv_calloc(ctx, (size_t)count, sizeof *p->views);
    p->count = p->members ? count : 0;
    for (int i = 0; i < p->count; i++)
        p->members[i].model = models[i];
    fv_status status = p->members && p->views ? open_members(p, o) : FV_ERR_NO_MEMORY;
    if (status != FV_OK)
        fv_predictor_destroy(&p);
    *predictor = p;
    return status;
}

void fv_predictor_destroy(fv_predictor **predictor)
{
    fv_predictor *p = predictor ? *predictor : NULL;
    if (!p)
        return;
    fv_predictor_stop(p);
    for (int i = 0; i < p->count; i++) {
        fv_session_destroy(&p->members[i].session);
        fv_free(p->ctx, p->members[i].place);
    }
    free_round(p);
    fv_intake_free(&p->intake);
    fv_free(p->ctx, p->members);
    fv_free(p->ctx, p->views);
    fv_free(p->ctx, p->inputs);
    fv_free(p->ctx, p->spreads);
    fv_free(p->ctx, p->answer);
    fv_free(p->ctx, p);
    *predictor = NULL;
}

int64_t fv_predictor_classes(const fv_predictor *predictor)
{
    return predictor->classes;
}

int64_t fv_predictor_forwards(const fv_predictor *predictor)
{
    return predictor->forwards;
}

/* ---- one round ---- */

/* Adds a row of the network's output to a sum of classes. */
static void add_row(fv_predictor *p, const fv_member *m, const float *output, double *sum)
{
    if (!p->mean_logits)
        fv_model_answer(m->model, output, p->classes, p->answer);
    else
        fv_task_answer(FV_TASK_REGRESS, output, p->classes, p->answer);
    if (p->mean_logits && m->model->card.temperature > 0)
        fv_temper(p->answer, p->classes, m->model->card.temperature, p->answer);
    for (int64_t k = 0; k < p->classes; k++)
        sum[m->place[k]] += m->weight * (double)p->answer[k];
}

/* Means of outputs become an answer. */
static void answer_means(fv_predictor *p, double *sum)
{
    for (int64_t k = 0; k < p->classes; k++)
        p->answer[k] = (float)sum[k];
    fv_task_answer(p->task, p->answer, p->classes, p->answer);
    for (int64_t k = 0; k < p->classes; k++)
        sum[k] = (double)p->answer[k];
}

/* The member's views of `count` images, in runs that may hold views of several images. */
static fv_status run_views(fv_predictor *p, const fv_member *m, const float *inputs, int64_t count)
{
    const int64_t rows = count * m->views;
    for (int64_t at = 0; at < rows; at += m->batch) {
        const int64_t n = rows - at < m->batch ? rows - at : m->batch;
        float *to = fv_session_input(m->session);
        for (int64_t i = at; i < at + n; i++, to += m->size)
            memcpy(to, inputs + i / m->views * p->size + m->inputs + i % m->views * m->size,
                   (size_t)m->size * sizeof *to);
        FV_TRY(fv_session_run_n(m->session, n));
        const float *output = fv_session_output(m->session, NULL);
        for (int64_t i = 0; i < n; i++)
            add_row(p, m, output + i * p->classes, p->sums + (at + i) / m->views * p->classes);
    }
    return FV_OK;
}

/* Answers for `count` images, in p->mean and p->std, without dropout. */
static fv_status run_once(fv_predictor *p, const float *inputs, int64_t count)
{
    memset(p->sums, 0, (size_t)(count * p->classes) * sizeof *p->sums);
    for (int i = 0; i < p->count; i++)
        FV_TRY(run_views(p, &p->members[i], inputs, count));
    for (int64_t i = 0; p->mean_logits && i < count; i++)
        answer_means(p, p->sums + i * p->classes);
    for (int64_t k = 0; k < count * p->classes; k++) {
        p->mean[k] = (float)p->sums[k];
        p->std[k] = 0.0f;
    }
    return FV_OK;
}

/* Passes `first` to first + n - 1 of one view of an image: pass t is row t % FV_PASS_GROUP of run t / FV_PASS_GROUP. */
static fv_status run_group(fv_predictor *p, int at, int64_t view, const float *input, uint64_t sample, int64_t first,
                           int64_t n)
{
    const fv_member *m = &p->members[at];
    uint32_t word[4];
    fv_philox(p->seed, FV_RANDOM_PASSES, sample, (uint64_t)at, word);
    const uint64_t key = (uint64_t)word[1] << 32 | word[0];
    for (int64_t i = 0; i < n; i++)
        memcpy(fv_session_input(m->session) + i * m->size, input, (size_t)m->size * sizeof *input);
    FV_TRY(fv_session_sample(m->session, key, (uint64_t)view << 20 | (uint64_t)(first / FV_PASS_GROUP)));
    const float *output = fv_session_output(m->session, NULL);
    for (int64_t i = 0; i < n; i++)
        add_row(p, m, output + i * p->classes, p->sums + i * p->classes);
    return FV_OK;
}

/* The answer of pass t joins those before it. */
static void take_pass(fv_predictor *p, int64_t t, const double *answer)
{
    for (int64_t k = 0; k < p->classes; k++) {
        fv_spread *s = &p->spreads[k];
        const double off = answer[k] - s->middle;
        s->sum += answer[k];
        s->middle += off / (double)(t + 1);
        s->squares += off * (answer[k] - s->middle);
    }
}

/* The mean over the passes of an image, and the deviation of one pass from it. */
static fv_status run_passes(fv_predictor *p, const float *inputs, uint64_t sample, float *mean, float *std)
{
    const int64_t all = p->passes;
    memset(p->spreads, 0, (size_t)p->classes * sizeof *p->spreads);
    for (int64_t first = 0; first < all; first += FV_PASS_GROUP) {
        const int64_t n = all - first < FV_PASS_GROUP ? all - first : FV_PASS_GROUP;
        memset(p->sums, 0, (size_t)(n * p->classes) * sizeof *p->sums);
        for (int i = 0; i < p->count; i++)
            for (int64_t v = 0; v < p->members[i].views; v++)
                FV_TRY(run_group(p, i, v, inputs + p->members[i].inputs + v * p->members[i].size, sample, first, n));
        for (int64_t t = 0; t < n; t++) {
            if (p->mean_logits)
                answer_means(p, p->sums + t * p->classes);
            take_pass(p, first + t, p->sums + t * p->classes);
        }
    }
    for (int64_t k = 0; k < p->classes; k++) {
        mean[k] = (float)(p->spreads[k].sum / (double)all);
        std[k] = all > 1 ? (float)sqrt(p->spreads[k].squares / (double)(all - 1)) : 0.0f;
    }
    return FV_OK;
}

fv_status fv_predictor_round(fv_predictor *p, const float *inputs, int64_t count, const int64_t *samples,
                             uint64_t first)
{
    if (!p->dropout)
        return run_once(p, inputs, count);
    for (int64_t i = 0; i < count; i++)
        FV_TRY(run_passes(p, inputs + i * p->size, first + (uint64_t)samples[i], p->mean + i * p->classes,
                          p->std + i * p->classes));
    return FV_OK;
}

fv_status fv_predictor_run(fv_predictor *p, const fv_image *image, uint64_t sample, float *mean, float *std)
{
    fv_image_error error;
    FV_TRY(fv_predictor_prepare(p, 1));
    (void)fv_intake_begin(&p->intake, 0, 0, 0);
    if (fv_intake_store(&p->intake, image, p->inputs, &error) != FV_OK)
        return fv_fail(p->ctx, error.status, "%s", error.text);
    FV_TRY(fv_predictor_round(p, p->inputs, 1, &(int64_t){0}, sample));
    FV_TRY(fv_answer_check(p->members[0].model, p->mean, p->classes));
    memcpy(mean, p->mean, (size_t)p->classes * sizeof *mean);
    if (std)
        memcpy(std, p->std, (size_t)p->classes * sizeof *std);
    return FV_OK;
}
