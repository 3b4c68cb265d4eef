/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data show: contact sheets of samples, of what augmentation makes of them, of files with findings. */
#include <stdlib.h>
#include <string.h>

#include "augment_text.h"
#include "data.h"
#include "output.h"
#include "sheet.h"
#include "watch.h"

enum {
    SUSPICIOUS_MAX = 400,
    SIDE = 224,
    EPOCHS = 4 /* shown where only steps are given */
};

static uint32_t mix(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

/* Sample i's place in the order of a seed. */
static uint32_t rank_of(const settings *c, int64_t i)
{
    return mix((uint32_t)i ^ mix((uint32_t)c->fit.seed + 0x9e3779b9u));
}

/* The `n` samples of a class (-1: any) that come first in the order of the seed, as numbers in `chosen`. */
static int64_t choose(const settings *c, const fv_dataset *data, int32_t label, int64_t n, int64_t *chosen)
{
    int64_t found = 0;
    for (int64_t i = 0; i < fv_dataset_count(data); i++) {
        if (label >= 0 && fv_dataset_label(data, i) != label)
            continue;
        int64_t at = found < n ? found++ : n;
        for (; at > 0 && rank_of(c, chosen[at - 1]) > rank_of(c, i); at--) {
            if (at < n)
                chosen[at] = chosen[at - 1];
        }
        if (at < n)
            chosen[at] = i;
    }
    return found;
}

/* The part of a path that tells files apart. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static fv_status add_sample(fv_ctx *ctx, sheet *s, fv_dataset *data, int64_t i)
{
    fv_image image;
    char name[1024];
    fv_dataset_sample_name(data, i, name, sizeof name);
    fv_status status = fv_dataset_image(data, i, &image, NULL);
    if (status == FV_ERR_NO_MEMORY)
        return status;
    status = sheet_add(s, status == FV_OK ? &image : NULL, base_name(name), status == FV_OK ? SHEET_BLACK : SHEET_RED);
    fv_image_free(ctx, &image);
    return status;
}

static int64_t count_class(const fv_dataset *data, int64_t k)
{
    int64_t n = 0;
    for (int64_t i = 0; i < fv_dataset_count(data); i++)
        n += k < 0 || fv_dataset_label(data, i) == k;
    return n;
}

/* A band per class. */
static fv_status show_samples(const settings *c, fv_ctx *ctx, sheet *s, fv_dataset *data)
{
    const bool classes = fv_dataset_task(data) == FV_TASK_CLASSIFY;
    int64_t total = 0;
    for (int64_t k = 0; k < (classes ? fv_dataset_classes(data) : 1); k++) {
        const int64_t n = count_class(data, classes ? k : -1);
        total += n < c->per_class ? n : c->per_class;
    }
    int64_t *chosen = malloc((size_t)(c->per_class + 1) * sizeof *chosen);
    fv_status status = chosen ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t k = 0; status == FV_OK && k < (classes ? fv_dataset_classes(data) : 1); k++) {
        const int64_t n = choose(c, data, classes ? (int32_t)k : -1, c->per_class, chosen);
        const int64_t all = count_class(data, classes ? k : -1);
        char heading[256];
        snprintf(heading, sizeof heading, "%.200s (%lld)", classes ? fv_dataset_class_name(data, k) : "samples",
                 (long long)all);
        status = sheet_band(s, heading);
        for (int64_t i = 0; i < n && status == FV_OK; i++) {
            status = add_sample(ctx, s, data, chosen[i]);
            if (status == FV_OK)
                status = watch_own("drew", "pictures", sheet_count(s), total);
        }
    }
    free(chosen);
    return status;
}

/* ---- augmented ---- */

/* What the network would see: the model's rule, else a square that shows the steps. */
static fv_status find_pipeline(const settings *c, fv_ctx *ctx, fv_dataset *data, fv_pipeline *p)
{
    fv_model *model = NULL;
    bool loaded;
    if (option_given("model")) {
        FV_TRY(model_open(ctx, c, c->model, NULL, &model, &loaded));
        model_note_pixels(c->model, model);
        *p = *fv_model_pipeline(model);
        fv_model_destroy(&model);
        return FV_OK;
    }
    int64_t h, w, channels;
    fv_dataset_size(data, &h, &w, &channels);
    const bool bands = channels == 2 || channels > 4; /* neither grey nor color */
    *p = (fv_pipeline){.h = h ? h : SIDE,
                       .w = w ? w : SIDE,
                       .c = bands           ? channels
                            : channels == 1 ? 1
                                            : 3,
                       .resize = FV_RESIZE_SHORT_CROP,
                       .antialias = true,
                       .ignore_exif = c->ignore_exif};
    p->resize_size = p->h > p->w ? p->h : p->w;
    for (int k = 0; k < 16; k++)
        p->std[k] = 1.0f;
    return FV_OK;
}

/* Sample i as epochs 0, 1, ... would see it, with what was drawn below. */
static fv_status show_epochs(const settings *c, fv_ctx *ctx, sheet *s, fv_dataset *data, const fv_pipeline *p,
                             const fv_augment *augment, int64_t i)
{
    fv_status status = FV_OK;
    char name[1024];
    fv_dataset_sample_name(data, i, name, sizeof name);
    FV_TRY(sheet_band(s, name));
    FV_TRY(add_sample(ctx, s, data, i));
    for (int64_t epoch = 0; epoch < c->augmented && status == FV_OK; epoch++) {
        fv_sample sample = {0};
        char text[512] = "";
        FV_TRY(fv_dataset_image(data, i, &sample.image, NULL));
        status = fv_augment_apply(ctx, augment, p, (uint64_t)c->fit.seed, (uint64_t)epoch, (uint64_t)i, &sample, text,
                                  sizeof text);
        if (status == FV_OK)
            status = sheet_add(s, &sample.image, text[0] ? text : "as it is", SHEET_BLACK);
        fv_image_free(ctx, &sample.image);
    }
    return status;
}

static fv_status show_augmented(const settings *c, fv_ctx *ctx, sheet *s, fv_dataset *data)
{
    fv_augment *augment = NULL;
    fv_pipeline p;
    char *text = NULL;
    int64_t chosen[64];
    const int64_t n = choose(c, data, -1, c->per_class < 64 ? c->per_class : 64, chosen);
    FV_TRY(find_pipeline(c, ctx, data, &p));
    fv_status status = augment_text(c, &text);
    if (status == FV_OK)
        status = fv_augment_create(ctx, text, &augment);
    if (status == FV_OK && fv_augment_has(augment, "pca") && !(p.pca_value[0] > 0))
        status = fv_dataset_color_axes(data, 1000, p.pca_value, p.pca_axis);
    if (status == FV_OK && (fv_augment_has(augment, "mixup") || fv_augment_has(augment, "cutmix")))
        warn("mixup and cutmix mix the images of a batch, which this sheet does not show");
    for (int64_t i = 0; i < n && status == FV_OK; i++) {
        status = show_epochs(c, ctx, s, data, &p, augment, chosen[i]);
        if (status == FV_OK)
            status = watch_own("drew", "samples", i + 1, n);
    }
    fv_augment_destroy(&augment);
    free(text);
    return status;
}

/* ---- suspicious ---- */

static fv_status show_suspicious(settings *c, fv_ctx *ctx, sheet *s, const char *path)
{
    static const char *const verdicts[] = {"reject", "quarantine", "warn", "convert"};
    fv_check_report *r = NULL;
    FV_TRY(data_look(c, ctx, path, &r));
    fv_status status = FV_OK;
    int shown = 0, verdict = -1;
    for (int64_t i = 0; i < fv_check_report_count(r) && status == FV_OK && shown < SUSPICIOUS_MAX; i++) {
        const fv_finding *f = fv_check_report_row(r, i);
        fv_image image;
        char text[2048];
        if (f->sample < 0)
            continue;
        if (verdict != (int)f->verdict)
            status = sheet_band(s, verdicts[f->verdict]);
        verdict = (int)f->verdict;
        if (status != FV_OK)
            break;
        status = fv_check_report_image(r, f->sample, &image);
        if (status == FV_ERR_NO_MEMORY)
            break;
        snprintf(text, sizeof text, "%.200s\n%s", base_name(f->file), f->detail);
        status = sheet_add(s, status == FV_OK ? &image : NULL, text,
                           f->verdict <= FV_VERDICT_QUARANTINE ? SHEET_RED : SHEET_BLACK);
        fv_image_free(ctx, &image);
        shown++;
        if (status == FV_OK)
            status = watch_own("drew", "pictures", shown, 0);
    }
    fv_check_report_destroy(&r);
    if (status == FV_OK && shown == 0)
        return complain(FV_ERR_DATA_EMPTY, "`fovea data show` without --suspicious shows samples",
                        "%s: no image has a finding: there is nothing to show", path);
    return status;
}

static fv_status show(settings *c, fv_ctx *ctx, sheet *s, const char *path)
{
    fv_dataset *data = NULL;
    char text[64];
    if (c->suspicious) {
        FV_TRY(show_suspicious(c, ctx, s, path));
    } else {
        c->data = path;
        FV_TRY(data_open(ctx, c, c->split, NULL, &data));
        fv_status status = c->augmented > 0 ? show_augmented(c, ctx, s, data) : show_samples(c, ctx, s, data);
        fv_dataset_destroy(&data);
        FV_TRY(status);
    }
    FV_TRY(sheet_write(s, ctx, c->output));
    note("%s: %s", c->output, count_of(sheet_count(s), "picture", "pictures", text));
    return FV_OK;
}

/* Refuses what nothing would look at; steps of augmentation ask to be shown. */
static fv_status check_flags(settings *c)
{
    static const char *const of_samples[] = {"split", "seed", "per-class", "augmented"};
    const char *steps = augment_given(c);
    if (!c->output)
        return complain(FV_ERR_USAGE, NULL, "fovea data show: --output FILE.png is missing");
    for (size_t i = 0; c->suspicious && i < sizeof of_samples / sizeof *of_samples; i++)
        if (option_given(of_samples[i]))
            return complain(FV_ERR_CONFLICT, "give one of them", "fovea data show: --suspicious and --%s",
                            of_samples[i]);
    if (c->suspicious && steps)
        return complain(FV_ERR_CONFLICT, "give one of them", "fovea data show: --suspicious and --%s", steps);
    if (!c->suspicious && c->dups)
        return complain(FV_ERR_CONFLICT, "add --suspicious, or drop it", "fovea data show: --dups has no effect here");
    if (steps && option_given("augmented") && c->augmented == 0)
        return complain(FV_ERR_CONFLICT, "drop one of the two", "fovea data show: --%s and --augmented 0", steps);
    if (steps && c->augmented == 0) {
        c->augmented = EPOCHS;
        note("--augmented %d: each sample as so many epochs would see it", EPOCHS);
    }
    if (!c->suspicious && c->augmented == 0 && option_given("model"))
        return complain(FV_ERR_CONFLICT, "add --augmented N or --suspicious, or drop it",
                        "fovea data show: --model has no effect on samples as they are");
    return 0;
}

fv_status data_show(settings *c, fv_ctx *ctx)
{
    const char *path = data_path(c, "show");
    if (!path)
        return FV_ERR_USAGE;
    FV_TRY(check_flags(c));
    FV_TRY(output_check(c, path, "output", c->output, OUTPUT_SHEET));
    sheet *s = sheet_create(c->suspicious ? 6 : c->augmented > 0 ? 9 : 0);
    fv_status status = s ? show(c, ctx, s, path) : FV_ERR_NO_MEMORY;
    sheet_destroy(s);
    return report(ctx, status);
}
