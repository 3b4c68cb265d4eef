/* SPDX-License-Identifier: Apache-2.0 */
/* What ranges are observed on, and what models are scored on. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "quantize.h"
#include "walk.h"

/* Files of a folder. */
typedef struct file_list {
    char **path;
    int64_t count;
} file_list;

static fv_status add_file(void *user, const char *path)
{
    file_list *l = user;
    char **list = realloc(l->path, ((size_t)l->count + 1) * sizeof *list);
    if (list)
        l->path = list;
    if (!list || !(list[l->count] = strdup(path)))
        return complain(FV_ERR_NO_MEMORY, "name a folder with fewer files", "no memory for the names of %lld files",
                        (long long)l->count);
    l->count++;
    return FV_OK;
}

static fv_status nothing_put_off(void *user)
{
    (void)user;
    return FV_OK;
}

static bool never_enough(void *user)
{
    (void)user;
    return false;
}

/* A folder of images without classes will do, too. `status` is what it was refused with. */
static fv_status open_folder(fv_ctx *ctx, const settings *c, const fv_decode_options *decode, fv_status status,
                             quantize_job *j)
{
    file_list l = {NULL, 0};
    struct stat st;
    if (stat(c->data, &st) != 0 || !S_ISDIR(st.st_mode))
        return status;
    const fv_status walked = walk_folder(&(walk){add_file, nothing_put_off, never_enough}, &l, c->data);
    if (walked == FV_OK && l.count > 0)
        status = fv_dataset_files(ctx, (const char *const *)l.path, l.count, decode, &j->images);
    for (int64_t i = 0; i < l.count; i++)
        free(l.path[i]);
    free(l.path);
    return walked == FV_OK ? status : walked;
}

fv_status quantize_open_images(fv_ctx *ctx, const settings *c, quantize_job *j)
{
    fv_dataset_options o = data_options(c);
    o.split = c->split;
    o.decode.keep_depth = true;
    o.decode = fv_pipeline_decoding(fv_model_pipeline(j->model), &o.decode);
    fv_status status = fv_dataset_open(ctx, c->data, &o, &j->images);
    if (status == FV_ERR_DATA_EMPTY && !c->split)
        status = open_folder(ctx, c, &o.decode, status, j);
    FV_TRY(status);
    return fv_dataset_count(j->images) > c->samples ? fv_dataset_keep(j->images, c->samples, (uint64_t)c->fit.seed)
                                                    : FV_OK;
}

fv_status quantize_open_labeled(fv_ctx *ctx, const settings *c, quantize_job *j)
{
    static const char *const order[] = {"val", "test"};
    const bool asked = option_given("max-drop");
    bool has = c->val_split > 0;
    if (j->images && fv_dataset_classes(j->images) == 0)
        return asked
                   ? complain(FV_ERR_DATA, "name data with classes", "%s: --max-drop needs images with labels", c->data)
                   : FV_OK;
    snprintf(j->split, sizeof j->split, "val");
    for (int i = 0; i < 2 && !has; i++) {
        snprintf(j->split, sizeof j->split, "%s", order[i]);
        FV_TRY(fv_dataset_has_split(ctx, c->data, j->split, &has));
    }
    if (c->val_samples == 0 || fv_model_task(j->model) != FV_TASK_CLASSIFY)
        return FV_OK;
    if (!has && !asked) {
        note("%s has neither a val nor a test split: the accuracy is not measured (--val-split 0.2 makes one)",
             c->data);
        return FV_OK;
    }
    if (!has) {
        warn("%s has neither a val nor a test split: the accuracy is that on the calibration images, which flatters it",
             c->data);
        snprintf(j->split, sizeof j->split, "train");
    }
    settings own = *c;
    own.model = j->name;
    const fv_status status = data_open(ctx, &own, j->split, j->model, &j->labeled);
    if (status != FV_OK && !asked) {
        note("the accuracy is not measured: %s", fv_ctx_error(ctx));
        fv_dataset_destroy(&j->labeled);
        return FV_OK;
    }
    FV_TRY(status);
    if (fv_dataset_count(j->labeled) > c->val_samples)
        FV_TRY(fv_dataset_keep(j->labeled, c->val_samples, (uint64_t)c->fit.seed));
    j->n_labeled = fv_dataset_count(j->labeled);
    return FV_OK;
}
