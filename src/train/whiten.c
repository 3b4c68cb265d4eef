/* SPDX-License-Identifier: Apache-2.0 */
#include <fovea/whiten.h>

#include <math.h>
#include <string.h>

#include "data/loader.h"
#include "model/model.h"
#include "nn/eigen.h"

enum { SAMPLES = 5000, BATCH = 64, PATCHES = 1 << 18 };
#define EPS 5e-4

typedef struct whitening {
    fv_ctx *ctx;
    fv_model *model;
    const fv_slot *slot;
    const fv_node *layer;
    int64_t h, w, c, r, s, n; /* of the image and the filters; n = r s c */
    int64_t step;             /* every so many places one patch is taken */
    double *patch, *moments;  /* n, and the lower half of n x n */
    double *values, *vectors;
    fv_whiten_report report;
} whitening;

/* ---- patches ---- */

static void take_patch(whitening *t, const float *image, int64_t y, int64_t x)
{
    const int64_t row = t->s * t->c;
    for (int64_t i = 0; i < t->r; i++)
        for (int64_t k = 0; k < row; k++)
            t->patch[i * row + k] = (double)image[((y + i) * t->w + x) * t->c + k];
    for (int64_t i = 0; i < t->n; i++)
        for (int64_t k = 0; k <= i; k++)
            t->moments[i * t->n + k] += t->patch[i] * t->patch[k];
    t->report.patches++;
}

/* Places are taken in turn over all images, so that each image gives others. */
static void take_image(whitening *t, const float *image, int64_t *place)
{
    const int64_t rows = t->h - t->r + 1, columns = t->w - t->s + 1, places = rows * columns;
    for (; *place < places; *place += t->step)
        take_patch(t, image, *place / columns, *place % columns);
    *place -= places;
}

static fv_status take_images(whitening *t, fv_loader *loader, int64_t samples)
{
    fv_batch batch;
    int64_t place = 0;
    FV_TRY(fv_loader_start(loader, 0, 0));
    while (t->report.samples < samples) {
        FV_TRY(fv_loader_next(loader, &batch));
        if (batch.n == 0)
            break;
        for (int64_t i = 0; i < batch.n && t->report.samples < samples; i++, t->report.samples++)
            take_image(t, batch.images + i * t->h * t->w * t->c, &place);
        FV_TRY(fv_watch(t->ctx, "looked at", "images", t->report.samples, samples));
    }
    if (t->report.patches == 0)
        return fv_fail(t->ctx, FV_ERR_DATA_EMPTY, "no image of the training set can be read");
    for (int64_t i = 0; i < t->n * t->n; i++)
        t->moments[i] /= (double)t->report.patches;
    return FV_OK;
}

/* ---- filters ---- */

static int64_t all_of_them(void *arg, const double *values, int64_t n)
{
    (void)arg;
    (void)values;
    return n;
}

static fv_status set_filters(whitening *t, double eps)
{
    int64_t count;
    fv_whiten_report *r = &t->report;
    FV_TRY(fv_eigen_symmetric(t->ctx, t->moments, t->n, all_of_them, NULL, t->values, t->vectors, &count));
    r->largest = t->values[0];
    r->smallest = t->values[r->directions - 1] > 0 ? t->values[r->directions - 1] : 0;
    if (!(r->largest > 0))
        return fv_fail_hint(
            t->ctx,
            fv_fail(t->ctx, FV_ERR_CONFLICT, "the training images are all zero for the network: nothing to whiten"),
            "see `fovea data check`, and --mean and --std");
    for (int64_t k = 0; k < r->filters; k++) {
        const double *v = t->vectors + k / 2 * t->n, value = t->values[k / 2] > 0 ? t->values[k / 2] : 0;
        const double scale = (k % 2 ? -1 : 1) / sqrt(value + eps);
        for (int64_t i = 0; i < t->n; i++)
            fv_slot_data(t->slot)[k * t->n + i] = (float)(v[i] * scale);
    }
    for (int32_t i = 0; i < t->layer->n_in; i++) {
        const fv_slot *bias = t->layer->in[i] ? fv_model_slot_of(t->model, t->layer->in[i]->id) : NULL;
        if (bias && bias->kind == FV_SLOT_BIAS)
            memset(fv_slot_data(bias), 0, (size_t)r->filters * sizeof(float));
    }
    return FV_OK;
}

/* ---- what is whitened ---- */

static fv_status find_layer(whitening *t)
{
    const fv_model *m = t->model;
    fv_whiten_report *r = &t->report;
    FV_TRY(fv_model_need_plain(m, "fv_model_whiten"));
    t->slot = fv_model_first_filters(m, &t->layer);
    if (!t->slot || t->layer->in[0]->id != m->input.id)
        return fv_fail(t->ctx, FV_ERR_UNSUPPORTED, "model '%s': no convolution reads the image: nothing to whiten",
                       m->name);
    const int64_t *d = t->slot->shape.dim;
    t->h = m->pipeline.h;
    t->w = m->pipeline.w;
    t->c = m->pipeline.c;
    if (d[3] != t->c)
        return fv_fail(t->ctx, FV_ERR_UNSUPPORTED, "model '%s': '%s' is in groups: it cannot be whitened", m->name,
                       t->slot->name);
    t->r = d[1];
    t->s = d[2];
    t->n = d[1] * d[2] * d[3];
    *r = (fv_whiten_report){t->slot->name, d[0], d[1], d[2], d[3], .directions = (d[0] + 1) / 2};
    if (r->directions > t->n || t->r > t->h || t->s > t->w)
        return fv_fail_hint(t->ctx,
                            fv_fail(t->ctx, FV_ERR_VALUE,
                                    "model '%s': '%s' has %lld filters, but patches of %lldx%lldx%lld have only %lld "
                                    "directions, of two filters each",
                                    m->name, t->slot->name, (long long)d[0], (long long)t->r, (long long)t->s,
                                    (long long)t->c, (long long)t->n),
                            "a network of your own (.yaml) may begin with fewer filters, or larger ones");
    return FV_OK;
}

static fv_status open_whitening(whitening *t, int64_t samples)
{
    const int64_t places = (t->h - t->r + 1) * (t->w - t->s + 1);
    const size_t square = (size_t)(t->n * t->n) * sizeof(double);
    t->step = (samples * places + PATCHES - 1) / PATCHES;
    t->patch = fv_malloc(t->ctx, (size_t)t->n * sizeof(double));
    t->moments = fv_calloc(t->ctx, 1, square);
    t->values = fv_malloc(t->ctx, (size_t)t->n * sizeof(double));
    t->vectors = fv_malloc(t->ctx, square);
    return t->patch && t->moments && t->values && t->vectors ? FV_OK : FV_ERR_NO_MEMORY;
}

static void close_whitening(whitening *t)
{
    void *const parts[] = {t->patch, t->moments, t->values, t->vectors};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fv_free(t->ctx, parts[i]);
}

fv_status fv_model_whiten(fv_model *model, fv_dataset *train, const fv_whiten_options *options,
                          fv_whiten_report *report)
{
    const fv_whiten_options o = options ? *options : (fv_whiten_options){0};
    const int64_t asked = o.samples > 0 ? o.samples : SAMPLES, count = fv_dataset_count(train);
    const int64_t samples = asked < count ? asked : count;
    const fv_loader_options loading = {.batch_size = BATCH, .shuffle = true, .seed = o.seed, .workers = o.workers};
    fv_loader *loader = NULL;
    whitening t = {.ctx = model->ctx, .model = model};
    FV_TRY(find_layer(&t));
    fv_status status = open_whitening(&t, samples);
    if (status == FV_OK)
        status = fv_loader_create(train, &model->pipeline, &loading, &loader);
    if (status == FV_OK)
        status = take_images(&t, loader, samples);
    if (status == FV_OK)
        status = set_filters(&t, o.eps > 0 ? o.eps : EPS);
    fv_loader_destroy(&loader);
    close_whitening(&t);
    fv_model_touch(model);
    if (report && status == FV_OK)
        *report = t.report;
    return status;
}
