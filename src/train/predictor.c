/* SPDX-License-Identifier: Apache-2.0 */
/* Views, passes and models together. Images go through in rounds: decoded and cut into views by all threads, then run
 * in batches that may hold views of several images. */
#include <fovea/predict.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/views.h"
#include "model/model.h"
#include "train/evaluate.h"

/* Rows of a session in which dropout works: the pass's place in a group of these is its row. */
enum { PASS_GROUP = 16 };
/* Views of a data set's images that go through together, at least; rows of a run at most, unless the caller says. */
enum { ROUND_VIEWS = 64, DEFAULT_BATCH = 32 };

typedef struct member {
    fv_model *model;
    fv_views views;
    fv_session *session;
    int64_t batch, size; /* rows of a run; floats of an input */
    int64_t inputs;      /* with dropout: where its views begin among all members' */
    double weight;       /* by the number of views */
    int64_t *place;      /* of its classes among the first member's */
} member;

/* What is kept of the passes behind us, for one class: memory does not grow with their number. */
typedef struct spread {
    double sum, middle,
        squares; /* of the answers; their mean, and their squared distances from it, as Welford has it */
} spread;

struct fv_predictor {
    fv_ctx *ctx;
    member *members;
    int count;
    fv_task task;
    int64_t classes, passes, forwards;
    bool dropout, mean_logits;
    uint64_t seed;
    int64_t most;      /* rows of a run at most */
    int64_t round;     /* images that go through together; 0: nothing is prepared */
    float *inputs;     /* views of a round, for one member at a time; with dropout of one image, for all members */
    double *sums;      /* round x classes; with dropout of one image, PASS_GROUP x classes */
    spread *spreads;   /* with dropout: classes */
    float *answer;     /* one row's */
    float *mean, *std; /* round x classes */
};

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

static fv_status match_classes(const fv_model *first, member *m)
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

static fv_status open_member(fv_predictor *p, const fv_predictor_options *o, member *m)
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
    FV_TRY(fv_views_parse(p->ctx, &m->model->pipeline, o->tta, o->scales, &m->views));
    const fv_pipeline *pipeline = &m->model->pipeline;
    m->size = pipeline->h * pipeline->w * pipeline->c;
    m->weight /= (double)fv_views_count(&m->views);
    p->forwards += fv_views_count(&m->views) * p->passes;
    return FV_OK;
}

static fv_status open_session(fv_predictor *p, member *m)
{
    const int64_t rows = p->dropout ? PASS_GROUP : p->round * fv_views_count(&m->views);
    const int64_t batch = p->dropout && p->passes < PASS_GROUP ? p->passes : even_batch(rows, p->most);
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
                        "train it with --drop, or leave --mc-dropout out");
}

static void free_round(fv_predictor *p)
{
    fv_free(p->ctx, p->inputs);
    fv_free(p->ctx, p->sums);
    fv_free(p->ctx, p->spreads);
    fv_free(p->ctx, p->mean);
    fv_free(p->ctx, p->std);
    p->inputs = p->mean = p->std = NULL;
    p->sums = NULL;
    p->spreads = NULL;
    p->round = 0;
}

/* Makes room for `round` images at a time, and sessions that fit them. */
static fv_status prepare(fv_predictor *p, int64_t round)
{
    const size_t n = (size_t)round, classes = (size_t)p->classes;
    int64_t most = 0, all = 0;
    if (p->round == round)
        return FV_OK;
    free_round(p);
    p->round = round;
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < p->count; i++) {
        const int64_t size = fv_views_count(&p->members[i].views) * p->members[i].size;
        most = size > most ? size : most;
        p->members[i].inputs = all;
        all += size;
        status = open_session(p, &p->members[i]);
    }
    if (status == FV_OK) {
        p->inputs = p->dropout ? fv_calloc(p->ctx, (size_t)all, sizeof *p->inputs)
                               : fv_calloc(p->ctx, n, (size_t)most * sizeof *p->inputs);
        p->sums = fv_calloc(p->ctx, p->dropout ? PASS_GROUP : n, classes * sizeof *p->sums);
        p->spreads = p->dropout ? fv_calloc(p->ctx, classes, sizeof *p->spreads) : NULL;
        p->mean = fv_calloc(p->ctx, n, classes * sizeof *p->mean);
        p->std = fv_calloc(p->ctx, n, classes * sizeof *p->std);
        status = p->inputs && p->sums && (p->spreads || !p->dropout) && p->mean && p->std ? FV_OK : FV_ERR_NO_MEMORY;
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
        FV_TRY(open_member(p, o, &p->members[i]));
    p->answer = fv_malloc(p->ctx, (size_t)p->classes * sizeof *p->answer);
    return p->answer ? prepare(p, 1) : FV_ERR_NO_MEMORY;
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
    p->most = p->dropout ? PASS_GROUP : o->batch_size > 0 ? o->batch_size : DEFAULT_BATCH;
    p->members = fv_calloc(ctx, (size_t)count, sizeof *p->members);
    p->count = p->members ? count : 0;
    for (int i = 0; i < p->count; i++)
        p->members[i].model = models[i];
    fv_status status = p->members ? open_members(p, o) : FV_ERR_NO_MEMORY;
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
    for (int i = 0; i < p->count; i++) {
        fv_session_destroy(&p->members[i].session);
        fv_free(p->ctx, p->members[i].place);
    }
    fv_free(p->ctx, p->members);
    free_round(p);
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

/* An image of a round. */
typedef struct round_image {
    fv_image image;
    int64_t sample;
    fv_image_error error;
} round_image;

typedef struct cut_job {
    const fv_predictor *p;
    const member *m;
    const round_image *images;
    float *to;
} cut_job;

static fv_status cut(void *arg, int64_t i)
{
    const cut_job *job = arg;
    const fv_views *v = &job->m->views;
    const int64_t frames = fv_views_frames(v), step = fv_views_count(v) / frames;
    return fv_views_store(job->p->ctx, v, &job->images[i / frames].image, i % frames,
                          job->to + i * step * job->m->size);
}

/* The views that a member has of `count` images. */
static fv_status cut_views(const fv_predictor *p, const member *m, const round_image *images, int64_t count, float *to)
{
    cut_job job = {p, m, images, to};
    return fv_data_each(p->ctx, count * fv_views_frames(&m->views), cut, &job);
}

/* Adds a row of the network's output to a sum of classes. */
static void add_row(fv_predictor *p, const member *m, const float *output, double *sum)
{
    fv_task_answer(p->mean_logits ? FV_TASK_REGRESS : p->task, output, p->classes, p->answer);
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

static fv_status run_views(fv_predictor *p, const member *m, int64_t count)
{
    const int64_t views = fv_views_count(&m->views), rows = count * views;
    for (int64_t at = 0; at < rows; at += m->batch) {
        const int64_t n = rows - at < m->batch ? rows - at : m->batch;
        memcpy(fv_session_input(m->session), p->inputs + at * m->size, (size_t)(n * m->size) * sizeof *p->inputs);
        FV_TRY(fv_session_run(m->session));
        const float *output = fv_session_output(m->session, NULL);
        for (int64_t i = 0; i < n; i++)
            add_row(p, m, output + i * p->classes, p->sums + (at + i) / views * p->classes);
    }
    return FV_OK;
}

/* Answers for `count` images, in p->mean and p->std, without dropout. */
static fv_status run_once(fv_predictor *p, const round_image *images, int64_t count)
{
    memset(p->sums, 0, (size_t)(count * p->classes) * sizeof *p->sums);
    for (int i = 0; i < p->count; i++) {
        FV_TRY(cut_views(p, &p->members[i], images, count, p->inputs));
        FV_TRY(run_views(p, &p->members[i], count));
    }
    for (int64_t i = 0; p->mean_logits && i < count; i++)
        answer_means(p, p->sums + i * p->classes);
    for (int64_t k = 0; k < count * p->classes; k++) {
        p->mean[k] = (float)p->sums[k];
        p->std[k] = 0.0f;
    }
    return FV_OK;
}

/* Passes `first` to first + n - 1 of one view of an image: pass t is row t % PASS_GROUP of run t / PASS_GROUP. */
static fv_status run_group(fv_predictor *p, int at, int64_t view, uint64_t sample, int64_t first, int64_t n)
{
    const member *m = &p->members[at];
    const float *input = p->inputs + m->inputs + view * m->size;
    uint32_t word[4];
    fv_philox(p->seed, FV_RANDOM_PASSES, sample, (uint64_t)at, word);
    const uint64_t key = (uint64_t)word[1] << 32 | word[0];
    for (int64_t i = 0; i < n; i++)
        memcpy(fv_session_input(m->session) + i * m->size, input, (size_t)m->size * sizeof *input);
    FV_TRY(fv_session_sample(m->session, key, (uint64_t)view << 20 | (uint64_t)(first / PASS_GROUP)));
    const float *output = fv_session_output(m->session, NULL);
    for (int64_t i = 0; i < n; i++)
        add_row(p, m, output + i * p->classes, p->sums + i * p->classes);
    return FV_OK;
}

/* The answer of pass t joins those before it. */
static void take_pass(fv_predictor *p, int64_t t, const double *answer)
{
    for (int64_t k = 0; k < p->classes; k++) {
        spread *s = &p->spreads[k];
        const double off = answer[k] - s->middle;
        s->sum += answer[k];
        s->middle += off / (double)(t + 1);
        s->squares += off * (answer[k] - s->middle);
    }
}

/* The mean over the passes of an image, and the deviation of one pass from it. */
static fv_status run_passes(fv_predictor *p, const round_image *image, float *mean, float *std)
{
    const int64_t all = p->passes;
    memset(p->spreads, 0, (size_t)p->classes * sizeof *p->spreads);
    for (int i = 0; i < p->count; i++)
        FV_TRY(cut_views(p, &p->members[i], image, 1, p->inputs + p->members[i].inputs));
    for (int64_t first = 0; first < all; first += PASS_GROUP) {
        const int64_t n = all - first < PASS_GROUP ? all - first : PASS_GROUP;
        memset(p->sums, 0, (size_t)(n * p->classes) * sizeof *p->sums);
        for (int i = 0; i < p->count; i++)
            for (int64_t v = 0; v < fv_views_count(&p->members[i].views); v++)
                FV_TRY(run_group(p, i, v, (uint64_t)image->sample, first, n));
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

/* Answers for `count` images, in p->mean and p->std. */
static fv_status run_round(fv_predictor *p, const round_image *images, int64_t count)
{
    if (!p->dropout)
        return run_once(p, images, count);
    for (int64_t i = 0; i < count; i++)
        FV_TRY(run_passes(p, &images[i], p->mean + i * p->classes, p->std + i * p->classes));
    return FV_OK;
}

fv_status fv_predictor_run(fv_predictor *p, const fv_image *image, uint64_t sample, float *mean, float *std)
{
    const round_image one = {.image = *image, .sample = (int64_t)sample};
    FV_TRY(prepare(p, 1));
    FV_TRY(run_round(p, &one, 1));
    FV_TRY(fv_answer_check(p->members[0].model, p->mean, p->classes));
    memcpy(mean, p->mean, (size_t)p->classes * sizeof *mean);
    if (std)
        memcpy(std, p->std, (size_t)p->classes * sizeof *std);
    return FV_OK;
}

/* ---- data sets ---- */

typedef struct decode_job {
    const fv_predictor *p;
    fv_dataset *dataset;
    round_image *images;
} decode_job;

static bool check_channels(const fv_predictor *p, round_image *r)
{
    for (int i = 0; i < p->count; i++) {
        if (fv_views_take(&p->members[i].views, r->image.c))
            continue;
        r->error = (fv_image_error){.status = FV_ERR_DATA_FORMAT, .fault = FV_FAULT_CHANNELS, .byte = -1};
        snprintf(r->error.text, sizeof r->error.text, "%lld channels, which cannot be made the network's %lld",
                 (long long)r->image.c, (long long)p->members[i].model->pipeline.c);
        return false;
    }
    return true;
}

static fv_status decode(void *arg, int64_t i)
{
    decode_job *job = arg;
    round_image *r = &job->images[i];
    if (fv_dataset_is_bad(job->dataset, r->sample)) {
        r->error.status = FV_ERR_DATA_FORMAT;
        return FV_OK;
    }
    const fv_decode_options decoding = fv_pipeline_decoding(&job->p->members[0].model->pipeline, &job->dataset->decode);
    if (fv_dataset_fetch(job->dataset, r->sample, &decoding, NULL, &r->image, NULL, &r->error) == FV_OK &&
        check_channels(job->p, r))
        return FV_OK;
    return fv_error_is_quarantine(&r->error) ? fv_dataset_quarantine(job->dataset, r->sample, &r->error) : FV_OK;
}

/* What could not be decoded leaves the round; what is a reason to stop stops. */
static fv_status sort_out(fv_dataset *d, round_image *images, int64_t *count, int64_t *quarantined)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < *count; i++) {
        bool first = false;
        if (images[i].error.status == FV_OK) {
            const round_image good = images[i];
            images[i].image = (fv_image){0};
            images[kept++] = good;
            continue;
        }
        if (!fv_error_is_quarantine(&images[i].error)) {
            char name[1024];
            fv_dataset_sample_name(d, images[i].sample, name, sizeof name);
            return fv_fail(d->ctx, images[i].error.status, "%s/%s: %s", d->path, name, images[i].error.text);
        }
        fv_status status = fv_dataset_tell_bad(d, images[i].sample, &first);
        *quarantined += first;
        FV_TRY(status);
    }
    *count = kept;
    return FV_OK;
}

static fv_status score_round(fv_predictor *p, fv_dataset *d, round_image *images, int64_t count, float *target,
                             fv_tally *tally, int64_t *quarantined)
{
    decode_job job = {.p = p, .dataset = d, .images = images};
    FV_TRY(fv_data_each(p->ctx, count, decode, &job));
    FV_TRY(sort_out(d, images, &count, quarantined));
    if (count > 0)
        FV_TRY(run_round(p, images, count));
    for (int64_t i = 0; i < count; i++) {
        fv_dataset_target(d, images[i].sample, target, p->classes);
        FV_TRY(fv_tally_add(tally, images[i].sample, p->mean + i * p->classes, false,
                            fv_dataset_label(d, images[i].sample), target));
    }
    return FV_OK;
}

static fv_status score(fv_predictor *p, fv_dataset *d, round_image *images, float *target, fv_tally *tally,
                       int64_t *quarantined)
{
    const int64_t total = fv_dataset_count(d);
    fv_status status = FV_OK;
    for (int64_t at = 0; status == FV_OK && at < total; at += p->round) {
        const int64_t count = total - at < p->round ? total - at : p->round;
        for (int64_t i = 0; i < count; i++)
            images[i] = (round_image){.sample = at + i};
        status = score_round(p, d, images, count, target, tally, quarantined);
        for (int64_t i = 0; i < count; i++)
            fv_image_free(p->ctx, &images[i].image);
    }
    return status == FV_OK && d->csv_due ? fv_dataset_write_quarantine(d) : status;
}

fv_status fv_predictor_evaluate(fv_predictor *p, fv_dataset *dataset, fv_metrics *metrics)
{
    const double start = fv_time_monotonic();
    fv_tally tally;
    int64_t quarantined = 0;
    *metrics = (fv_metrics){0};
    if (fv_dataset_classes(dataset) > p->classes)
        return fv_fail_classes(p->members[0].model, dataset);
    FV_TRY(fv_task_check(p->members[0].model, dataset));
    if (fv_dataset_count(dataset) == 0)
        return fv_fail(p->ctx, FV_ERR_DATA_EMPTY, "no samples to evaluate on");
    const int64_t views = fv_views_count(&p->members[0].views);
    FV_TRY(prepare(p, (ROUND_VIEWS + views - 1) / views));
    round_image *images = fv_calloc(p->ctx, (size_t)p->round, sizeof *images);
    float *target = fv_malloc(p->ctx, (size_t)p->classes * sizeof *target);
    fv_tally_begin(p->ctx, p->task, p->classes, &tally);
    fv_status status = images && target ? score(p, dataset, images, target, &tally, &quarantined) : FV_ERR_NO_MEMORY;
    fv_status ended = fv_tally_end(&tally, status == FV_OK ? metrics : NULL);
    fv_free(p->ctx, images);
    fv_free(p->ctx, target);
    metrics->quarantined = quarantined;
    metrics->img_per_s = (double)metrics->samples / (fv_time_monotonic() - start);
    return status != FV_OK ? status : ended;
}
