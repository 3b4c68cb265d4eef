/* SPDX-License-Identifier: Apache-2.0 */
#include "formats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quantize.h"
#include "watch.h"

static fv_status make_folder(formats *f)
{
    const char *base = getenv("TMPDIR");
    const int n = snprintf(f->folder, sizeof f->folder, "%s/fovea-formats-XXXXXX", base && *base ? base : "/tmp");
    if (n > 0 && (size_t)n < sizeof f->folder && mkdtemp(f->folder))
        return FV_OK;
    const fv_status status =
        complain(FV_ERR_IO, "set TMPDIR to a folder that can be written to",
                 "cannot make a folder for the formats in %s: %s", base && *base ? base : "/tmp", strerror(errno));
    f->folder[0] = '\0';
    return status;
}

static fv_status save(formats *f, fv_model *model, const char *name, const char *what)
{
    const int i = f->count;
    char path[sizeof f->path[0]];
    snprintf(path, sizeof path, "%.300s/%.40s.safetensors", f->folder, name);
    memcpy(f->path[i], path, sizeof path);
    f->format[i].name = name;
    f->format[i].what = what;
    f->count++; /* part of a file goes with the folder, too */
    return fv_model_save(model, f->path[i]);
}

static fv_status make_one(settings *c, quantize_job *j, const quantize_format *format, formats *f)
{
    j->format = format;
    fv_status status = quantize_make(c, j);
    if (status == FV_OK)
        status = save(f, j->made, format->name, format->honest);
    fv_quantizer_destroy(&j->quantizer);
    fv_model_destroy(&j->made);
    return status;
}

static fv_status make_all(fv_ctx *ctx, settings *c, quantize_job *j, formats *f)
{
    settings own = *c;
    own.model = j->name;
    own.split = NULL;
    FV_TRY(model_open_trained(ctx, &own, &j->model));
    if (c->data)
        FV_TRY(quantize_open_images(ctx, &own, j));
    FV_TRY(fv_model_round(j->model, FV_STORAGE_FLOAT32, NULL, NULL));
    FV_TRY(save(f, j->model, "float32", "weights are float32 in the file too"));
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (quantize_formats[i].calibrates && !c->data)
            note("%s is left out: the ranges of its values are taken from the images of --data",
                 quantize_formats[i].name);
        else
            FV_TRY(make_one(&own, j, &quantize_formats[i], f));
    }
    return FV_OK;
}

fv_status formats_make(settings *c, const char *model, formats *f)
{
    fv_ctx *ctx;
    quantize_job j = {.name = model};
    *f = (formats){.count = 0};
    FV_TRY(make_folder(f));
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    watch_begin(c, ctx);
    status = report(ctx, make_all(ctx, c, &j, f));
    watch_end();
    fv_dataset_destroy(&j.images);
    fv_model_destroy(&j.model);
    fv_ctx_destroy(&ctx);
    return status;
}

void formats_forget(formats *f)
{
    for (int i = 0; i < f->count; i++)
        (void)unlink(f->path[i]);
    if (f->folder[0])
        (void)rmdir(f->folder);
    *f = (formats){.count = 0};
}
