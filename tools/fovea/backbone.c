/* SPDX-License-Identifier: Apache-2.0 */
#include "backbone.h"

#include <stdlib.h>
#include <string.h>

#include "class_names.h"
#include "memory_text.h"

fv_features_options backbone_options(const settings *c, fv_pooling usual)
{
    return (fv_features_options){.layers = c->layer,
                                 .pool = c->feature_pool > 0 ? (fv_pooling)(c->feature_pool - 1) : usual,
                                 .grid = {c->grid[0], c->grid[1]},
                                 .batch_size = c->fit.batch_size,
                                 .workers = (int)c->fit.workers};
}

/* Tensors that are not there, or have another shape, do no harm where the layers asked for do without them. */
static int count_missing(const fv_load_report *report, const backbone *b, bool head, const char **first)
{
    int missing = 0;
    for (int i = 0; i < fv_load_report_count(report); i++) {
        const fv_load_row *row = fv_load_report_row(report, i);
        if ((row->verdict == FV_MISSING || row->verdict == FV_SHAPE_MISMATCH) && row->head == head &&
            fv_features_use(b->features, row->name))
            *first = missing++ ? *first : row->name;
    }
    return missing;
}

/* The stages but the last one, by name. */
static fv_status drop_last_stage(backbone *b)
{
    const fv_feature_stage *s;
    size_t size;
    char *names = NULL;
    FILE *out = open_memstream(&names, &size);
    if (!out)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; (s = fv_features_stage(b->features, i)) && fv_features_stage(b->features, i + 1); i++)
        fprintf(out, "%s%s", i ? "," : "", s->name);
    if (fclose(out) != 0) {
        free(names);
        return FV_ERR_NO_MEMORY;
    }
    fv_features_destroy(&b->features);
    free(b->layers);
    b->options.layers = b->layers = names;
    return fv_features_create(b->model, &b->options, &b->features);
}

/* A backbone has no last layer: `all` are the stages before it. */
static fv_status leave_out_head(const settings *c, const fv_load_report *report, backbone *b)
{
    const char *first, *other;
    if (!c->layer || strcmp(c->layer, "all") != 0 || count_missing(report, b, true, &first) == 0)
        return FV_OK;
    while (fv_features_stage(b->features, 1) && count_missing(report, b, true, &other) > 0)
        FV_TRY(drop_last_stage(b));
    note("%s: without '%s': all are the stages before it", c->weights, first);
    return FV_OK;
}

static fv_status check_weights(const settings *c, const fv_load_report *report, backbone *b)
{
    const char *first;
    int missing = count_missing(report, b, false, &first);
    if (missing == 0) {
        FV_TRY(leave_out_head(c, report, b));
        missing = count_missing(report, b, true, &first);
    }
    if (missing == 0)
        return FV_OK;
    return complain(
        FV_ERR_MODEL_MISMATCH, "name the architecture of these weights with --model, or a layer before that",
        "%s: %d %s not there, or of another shape than in %s; the first is '%s'", c->weights, missing,
        missing == 1 ? "tensor that the layers need is" : "tensors that the layers need are", c->model, first);
}

static fv_status open_with_weights(const settings *c, backbone *b)
{
    fv_load_report *report = NULL;
    fv_status status = fv_model_load_weights(b->model, c->weights, true, &report);
    if (status == FV_OK)
        status = fv_features_create(b->model, &b->options, &b->features);
    if (status == FV_OK)
        status = check_weights(c, report, b);
    fv_load_report_destroy(&report);
    return status;
}

fv_status backbone_open(fv_ctx *ctx, const settings *c, const fv_features_options *options, backbone *b)
{
    bool loaded;
    const fv_zoo_options zoo = {.img_size = {c->img_size[0], c->img_size[1]}, .dropout = -1};
    b->options = *options;
    FV_TRY(model_open(ctx, c, c->model, &zoo, &b->model, &loaded));
    model_note_pixels(c->model, b->model);
    if (!loaded && !c->weights)
        return complain(FV_ERR_MODEL, "give a model file (.safetensors) that was trained, or --weights FILE for it",
                        "%s is an architecture without weights", c->model);
    if (!loaded)
        return open_with_weights(c, b);
    return fv_features_create(b->model, options, &b->features);
}

void backbone_close(backbone *b)
{
    fv_features_destroy(&b->features);
    fv_model_destroy(&b->model);
    free(b->layers);
    b->layers = NULL;
}

fv_status backbone_data(fv_ctx *ctx, settings *c, const backbone *b, const char *usual, const char **named,
                        fv_dataset **data)
{
    static const char *const order[] = {"train", "val", "test"};
    bool has = false;
    *named = c->split ? c->split : usual;
    for (int i = 0; !*named && i < 3; i++) {
        FV_TRY(fv_dataset_has_split(ctx, c->data, order[i], &has));
        *named = has || i == 2 ? order[i] : NULL;
    }
    settings one = *c;
    one.ignore_exif |= fv_model_pipeline(b->model)->ignore_exif;
    return data_open(ctx, &one, *named, NULL, data);
}

fv_status backbone_need_classes(const settings *c, const fv_dataset *data)
{
    char classes[64];
    if (fv_dataset_task(data) != FV_TASK_CLASSIFY)
        return complain(FV_ERR_CONFLICT, "use data with one class for each image",
                        "%s: linear classifiers tell classes apart, and its labels are of another kind (%s)", c->data,
                        fv_task_names()[fv_dataset_task(data)]);
    if (fv_dataset_classes(data) >= 2)
        return FV_OK;
    return complain(FV_ERR_DATA, "give a folder with a subfolder of images for each class (`fovea help data`)",
                    "%s: %s: expected two or more to tell apart", c->data,
                    count_of(fv_dataset_classes(data), "class", "classes", classes));
}

fv_status backbone_rows(fv_ctx *ctx, const settings *c, backbone *b, fv_dataset *data, const char *folder,
                        fv_feature_table **table)
{
    fv_memory plan;
    const int64_t limit = fv_ctx_memory_limit(ctx);
    const int64_t rows = fv_dataset_count(data) * fv_features_width(b->features) * (int64_t)sizeof(float);
    FV_TRY(fv_features_memory(b->features, data, &plan));
    const int64_t left = (limit - plan.total) / 2, kept = rows <= left ? rows : 0;
    plan.data += kept;
    plan.total += kept;
    if (c->verbose || plan.total > limit)
        FV_TRY(memory_tell(ctx, "features", &plan, "use a smaller --batch-size, or raise --memory"));
    if (!kept)
        note("rows of %lld numbers for %lld images take %.1f MB: they are kept in a file in %s until the end",
             (long long)fv_features_width(b->features), (long long)fv_dataset_count(data), (double)rows / 1048576,
             folder ? folder : "TMPDIR");
    return fv_features_collect(b->features, data, &(fv_feature_table_options){kept ? left : -1, folder}, table);
}
