/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/features.h"

#include <math.h>
#include <string.h>

#include "transfer/stages.h"

/* Floats of a run's inputs, as of a predictor's; images of a batch at most. */
enum { RUN_FLOATS = 1 << 17, MOST_IMAGES = 32 };

/* ---- what to compute ---- */

fv_status fv_features_cuts(fv_model *model, const fv_features_options *o, fv_cut **cuts, int *count)
{
    const fv_val **list = NULL;
    *cuts = NULL;
    if (!model->finished || model->input.id < 0)
        return fv_fail(model->ctx, model->finished ? FV_ERR_UNSUPPORTED : FV_ERR_ARGUMENT,
                       "model '%s': features are computed of one image, which it does not take", model->name);
    if (o->pool < 0 || o->pool >= FV_POOLING_COUNT || o->grid[0] < 0 || o->grid[1] < 0 || o->grid[0] > 64 ||
        o->grid[1] > 64)
        return fv_fail(model->ctx, FV_ERR_VALUE, "features: pooling %d to %lld x %lld cells: expected 1 to 64 of each",
                       (int)o->pool, (long long)o->grid[0], (long long)o->grid[1]);
    FV_TRY(fv_stages_find(model, o->layers, &list, count));
    *cuts = fv_calloc(model->ctx, (size_t)*count, sizeof **cuts);
    for (int i = 0; *cuts && i < *count; i++)
        (*cuts)[i] =
            (fv_cut){list[i]->name, o->pool, {o->grid[0] > 0 ? o->grid[0] : 1, o->grid[1] > 0 ? o->grid[1] : 1}};
    fv_free(model->ctx, list);
    return *cuts ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status describe(fv_features *f)
{
    f->stages = fv_calloc(f->ctx, (size_t)f->count, sizeof *f->stages);
    if (!f->stages)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < f->count; i++) {
        const fv_val *v = fv_graph_find(f->model->graph, f->cuts[i].value), *out = f->part->graph->outputs[i];
        const int64_t width = fv_shape_count(&out->shape);
        f->stages[i] = (fv_feature_stage){v->name, v->shape, out->shape,
                                          width,   f->width, v->shape.rank == 4 ? f->cuts[i].pool : FV_POOLING_NONE};
        /* cells of a grid may lie one after another along the channels */
        const int64_t *d = v->shape.dim;
        if (f->stages[i].pool != FV_POOLING_NONE)
            f->stages[i].features = (fv_shape){4,
                                               {1, f->cuts[i].grid[0] < d[1] ? f->cuts[i].grid[0] : d[1],
                                                f->cuts[i].grid[1] < d[2] ? f->cuts[i].grid[1] : d[2], d[3]}};
        if (!fv_size_add(f->width, width, &f->width))
            return fv_fail(f->ctx, FV_ERR_VALUE, "features: too many numbers in a row");
    }
    return FV_OK;
}

fv_status fv_features_create(fv_model *model, const fv_features_options *options, fv_features **features)
{
    static const fv_features_options none;
    const fv_features_options *o = options ? options : &none;
    fv_features *f = *features = fv_new(model->ctx, fv_features);
    if (!f)
        return FV_ERR_NO_MEMORY;
    f->ctx = model->ctx;
    f->model = model;
    f->most = o->batch_size;
    f->workers = o->workers;
    fv_status status = fv_features_cuts(model, o, &f->cuts, &f->count);
    if (status == FV_OK)
        status = fv_model_cut(model, f->cuts, f->count, &f->part);
    if (status == FV_OK) {
        f->part->unfolded = true; /* so that a layer's numbers do not depend on what else is asked for */
        status = describe(f);
    }
    if (status != FV_OK)
        fv_features_destroy(features);
    return status;
}

void fv_features_destroy(fv_features **features)
{
    fv_features *f = features ? *features : NULL;
    if (!f)
        return;
    fv_session_destroy(&f->session);
    fv_model_destroy(&f->part);
    fv_free(f->ctx, f->values);
    fv_free(f->ctx, f->cuts);
    fv_free(f->ctx, f->stages);
    fv_free(f->ctx, f);
    *features = NULL;
}

const fv_feature_stage *fv_features_stage(const fv_features *f, int i)
{
    return i >= 0 && i < f->count ? &f->stages[i] : NULL;
}

int64_t fv_features_width(const fv_features *f)
{
    return f->width;
}

bool fv_features_use(const fv_features *f, const char *tensor)
{
    return fv_model_slot(f->part, tensor) != NULL;
}

/* ---- running ---- */

int64_t fv_features_batch(const fv_features *f, int64_t samples)
{
    const fv_pipeline *p = &f->part->pipeline;
    const int64_t fit = RUN_FLOATS / (p->h * p->w * p->c);
    int64_t n = f->most > 0 ? f->most : fit < 1 ? 1 : fit < MOST_IMAGES ? fit : MOST_IMAGES;
    n = n < samples ? n : samples;
    return n < 1 || fv_model_check_batch(f->part, n) != FV_OK ? 1 : n;
}

fv_status fv_features_prepare(fv_features *f, int64_t batch)
{
    if (f->session && f->batch == batch)
        return FV_OK;
    fv_session_destroy(&f->session);
    fv_free(f->ctx, f->values);
    f->batch = batch;
    f->values = fv_calloc(f->ctx, (size_t)batch, (size_t)f->width * sizeof *f->values);
    if (!f->values)
        return FV_ERR_NO_MEMORY;
    return fv_session_create(f->part, batch, &f->session);
}

fv_status fv_features_rows(fv_features *f, const float *images, int64_t n, float *rows)
{
    const fv_pipeline *p = &f->part->pipeline;
    if (images != fv_session_input(f->session))
        memcpy(fv_session_input(f->session), images, (size_t)(n * p->h * p->w * p->c) * sizeof *images);
    FV_TRY(fv_session_run_n(f->session, n));
    for (int s = 0; s < f->count; s++) {
        const fv_feature_stage *stage = &f->stages[s];
        float *from = f->values + f->batch * stage->begin;
        FV_TRY(fv_session_get(f->session, stage->name, from, (size_t)(n * stage->width) * sizeof *from));
        for (int64_t i = 0; i < n; i++)
            memcpy(rows + i * f->width + stage->begin, from + i * stage->width, (size_t)stage->width * sizeof *from);
    }
    return FV_OK;
}

fv_status fv_features_run(fv_features *f, const fv_image *image, float *row)
{
    FV_TRY(fv_features_prepare(f, 1));
    FV_TRY(fv_pipeline_apply(f->ctx, &f->part->pipeline, image, fv_session_input(f->session)));
    FV_TRY(fv_features_rows(f, fv_session_input(f->session), 1, row));
    for (int64_t i = 0; i < f->width; i++)
        if (!isfinite(row[i]))
            return fv_fail(f->ctx, FV_ERR_DIVERGED, "model '%s': what it computes of the image is not finite",
                           f->model->name);
    return FV_OK;
}

fv_status fv_features_memory(fv_features *f, fv_dataset *dataset, fv_memory *memory)
{
    int64_t n = fv_features_batch(f, fv_dataset_count(dataset));
    for (;; n /= 2) {
        const fv_status status = fv_evaluate_memory(f->part, dataset, n, f->workers, memory);
        const int64_t rows = 2 * n * f->width * (int64_t)sizeof(float);
        memory->activations += rows;
        memory->total += rows;
        const bool over =
            status == FV_ERR_OVER_BUDGET || (status == FV_OK && memory->total > fv_ctx_memory_limit(f->ctx));
        if (!over || n == 1) {
            f->most = n;
            return status;
        }
    }
}
