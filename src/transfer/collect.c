/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a data set: a loader decodes ahead while the network runs, and rows go into the table batch by batch. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/loader.h"
#include "transfer/table.h"

typedef struct collection {
    fv_features *f;
    fv_dataset *data;
    fv_loader *loader;
    fv_feature_table *table;
    float *rows; /* of a batch */
} collection;

static fv_status check_finite(const collection *c, const char *name, const float *row)
{
    for (int s = 0; s < c->f->count; s++)
        for (int64_t i = 0; i < c->f->stages[s].width; i++)
            if (!isfinite(row[c->f->stages[s].begin + i]))
                return fv_fail_hint(c->f->ctx,
                                    fv_fail(c->f->ctx, FV_ERR_DIVERGED, "%s: '%s' of model '%s' is not finite", name,
                                            c->f->stages[s].name, c->f->model->name),
                                    "its weights or the pixels are too large for float32");
    return FV_OK;
}

static fv_status take_batch(collection *c, const fv_batch *batch)
{
    char name[4200];
    const bool classes = fv_dataset_task(c->data) == FV_TASK_CLASSIFY;
    FV_TRY(fv_features_rows(c->f, batch->images, batch->n, c->rows));
    for (int64_t i = 0; i < batch->n; i++) {
        const int64_t sample = batch->samples[i];
        const float *row = c->rows + i * c->f->width;
        fv_dataset_sample_name(c->data, sample, name, sizeof name);
        FV_TRY(check_finite(c, name, row));
        FV_TRY(fv_feature_table_add(c->table, name, classes ? fv_dataset_label(c->data, sample) : -1,
                                    fv_dataset_group(c->data, sample), row));
    }
    return FV_OK;
}

static fv_status set_about(collection *c)
{
    char digest[65];
    const int64_t n = fv_dataset_classes(c->data);
    const char **names = fv_calloc(c->f->ctx, (size_t)n + 1, sizeof *names);
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < n; i++)
        names[i] = fv_dataset_class_name(c->data, i);
    fv_status status = fv_feature_table_set_classes(c->table, names, n);
    fv_free(c->f->ctx, names);
    fv_model_sha256(c->f->model, digest);
    return status == FV_OK ? fv_feature_table_set_model(c->table, fv_model_name(c->f->model), digest) : status;
}

static fv_status collect(collection *c)
{
    const int64_t total = fv_dataset_count(c->data);
    int64_t done = 0;
    for (fv_batch batch;;) {
        FV_TRY(fv_loader_next(c->loader, &batch));
        if (batch.n == 0)
            break;
        FV_TRY(take_batch(c, &batch));
        done += batch.n;
        FV_TRY(fv_watch(c->f->ctx, "looked at", "images", done, total));
    }
    if (c->table->rows == 0)
        return fv_fail(c->f->ctx, FV_ERR_DATA_EMPTY, "none of the %lld images could be read", (long long)total);
    return set_about(c);
}

fv_status fv_features_collect(fv_features *f, fv_dataset *dataset, const fv_feature_table_options *options,
                              fv_feature_table **table)
{
    collection c = {.f = f, .data = dataset};
    *table = NULL;
    if (fv_dataset_count(dataset) == 0)
        return fv_fail(f->ctx, FV_ERR_DATA_EMPTY, "no samples to compute features of");
    fv_loader_options loader = {.batch_size = fv_features_batch(f, fv_dataset_count(dataset)), .workers = f->workers};
    fv_status status =
        fv_feature_table_create(f->ctx, f->stages, f->count, fv_dataset_count(dataset), options, &c.table);
    if (status == FV_OK)
        status = fv_features_prepare(f, loader.batch_size);
    for (; status == FV_ERR_OVER_BUDGET && loader.batch_size > 1; loader.batch_size /= 2)
        status = fv_features_prepare(f, loader.batch_size / 2);
    if (status == FV_OK) {
        c.rows = fv_calloc(f->ctx, (size_t)loader.batch_size, (size_t)f->width * sizeof *c.rows);
        status = c.rows ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (status == FV_OK)
        status = fv_loader_create(dataset, &f->part->pipeline, &loader, &c.loader);
    if (status == FV_OK)
        status = fv_loader_start(c.loader, 0, 0);
    if (status == FV_OK)
        status = collect(&c);
    fv_loader_destroy(&c.loader);
    fv_free(f->ctx, c.rows);
    if (status != FV_OK)
        fv_feature_table_destroy(&c.table);
    *table = c.table;
    return status;
}
