/* SPDX-License-Identifier: Apache-2.0 */
#include "data/views.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *name;
    int crops;
    bool mirrored;
} kinds[] = {{"none", 1, false}, {"flip", 1, true}, {"5crop", 5, false}, {"10crop", 5, true}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int64_t longer_side(const fv_pipeline *p)
{
    return p->h > p->w ? p->h : p->w;
}

static fv_status parse_kind(fv_ctx *ctx, const char *tta, fv_views *v)
{
    const char *names[KINDS + 1] = {0};
    for (int i = 0; i < KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(kinds[i].name, tta) == 0) {
            v->crops = kinds[i].crops;
            v->mirrored = kinds[i].mirrored;
            return FV_OK;
        }
    }
    const char *nearest = fv_text_nearest(tta, names);
    return fv_fail(ctx, FV_ERR_VALUE, "--tta %s: expected none, flip, 5crop or 10crop%s%s%s", tta,
                   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static fv_status parse_scales(fv_ctx *ctx, const char *scales, fv_views *v)
{
    const int64_t least = longer_side(&v->pipeline);
    for (const char *at = scales; at;) {
        char item[24];
        const size_t n = strcspn(at, ",");
        int64_t size = 0;
        if (v->n_scales == FV_VIEWS_SCALES)
            return fv_fail(ctx, FV_ERR_VALUE, "--tta-scales %s: more than %d scales", scales, FV_VIEWS_SCALES);
        if (n < sizeof item) {
            memcpy(item, at, n);
            item[n] = '\0';
        }
        if (n == 0 || n >= sizeof item || !fv_text_to_int(item, &size) || size < 1 || size > 16384)
            return fv_fail(ctx, FV_ERR_VALUE,
                           "--tta-scales %s: '%.*s': expected whole numbers of pixels up to 16384, separated by commas",
                           scales, (int)(n < 40 ? n : 40), at);
        if (size < least)
            return fv_fail_hint(ctx,
                                fv_fail(ctx, FV_ERR_VALUE,
                                        "--tta-scales %s: a short side of %lld pixels has no room for crops of "
                                        "%lld x %lld, the network's input",
                                        scales, (long long)size, (long long)v->pipeline.h, (long long)v->pipeline.w),
                                "give scales from %lld on", (long long)least);
        v->scale[v->n_scales++] = size;
        at = at[n] ? at + n + 1 : NULL;
    }
    return FV_OK;
}

fv_status fv_views_parse(fv_ctx *ctx, const fv_pipeline *pipeline, const char *tta, const char *scales, fv_views *views)
{
    *views = (fv_views){.pipeline = *pipeline};
    FV_TRY(parse_kind(ctx, tta ? tta : "none", views));
    if (scales)
        return parse_scales(ctx, scales, views);
    if (views->crops == 1)
        return FV_OK;
    views->n_scales = 1;
    views->scale[0] = pipeline->resize == FV_RESIZE_SHORT_CROP ? pipeline->resize_size : longer_side(pipeline);
    if (views->scale[0] == pipeline->h && pipeline->h == pipeline->w)
        fv_log(
            ctx, FV_LOG_WARN, "data",
            "--tta %s at %lld, the input's own size: the crops of a square image are all the same; --tta-scales %lld "
            "would make them differ",
            tta, (long long)pipeline->h, (long long)(pipeline->h * 8 / 7));
    return FV_OK;
}

fv_views fv_views_plain(const fv_pipeline *pipeline)
{
    return (fv_views){.pipeline = *pipeline, .crops = 1};
}

int64_t fv_views_frames(const fv_views *views)
{
    return views->crops * (views->n_scales ? views->n_scales : 1);
}

int64_t fv_views_count(const fv_views *views)
{
    return fv_views_frames(views) * (views->mirrored ? 2 : 1);
}

fv_image_view fv_views_at(const fv_views *v, int64_t frame)
{
    if (v->n_scales == 0)
        return (fv_image_view){0};
    return (fv_image_view){v->scale[frame / v->crops], v->crops == 5 ? (fv_view_place)(frame % 5) : FV_VIEW_CENTER};
}

/* ---- image to network inputs ---- */

bool fv_views_size(const fv_views *views, int n, int64_t *size)
{
    *size = 0;
    for (int i = 0; i < n; i++) {
        const fv_pipeline *p = &views[i].pipeline;
        int64_t one = 0;
        if (!fv_size_mul(p->h, p->w, &one) || !fv_size_mul(one, p->c, &one) ||
            !fv_size_mul(one, fv_views_count(&views[i]), &one) || !fv_size_add(*size, one, size))
            return false;
    }
    return true;
}

fv_status fv_intake_init(fv_ctx *ctx, const fv_views *views, int n, const fv_augment *augment, fv_intake *intake)
{
    *intake = (fv_intake){.ctx = ctx, .views = views};
    intake->appliers = fv_calloc(ctx, (size_t)n, sizeof *intake->appliers);
    if (!intake->appliers)
        return FV_ERR_NO_MEMORY;
    for (; intake->n < n; intake->n++)
        FV_TRY(fv_applier_init(ctx, &views[intake->n].pipeline, augment, &intake->appliers[intake->n]));
    return FV_OK;
}

void fv_intake_free(fv_intake *intake)
{
    for (int i = 0; i < intake->n; i++)
        fv_applier_free(&intake->appliers[i]);
    fv_free(intake->ctx, intake->appliers);
    *intake = (fv_intake){.ctx = intake->ctx};
}

static void begin_view(fv_intake *in, int network, int64_t frame)
{
    const fv_augment_key key = in->shot.key;
    fv_shot_begin(&in->shot, &in->appliers[network], key.seed, key.epoch, key.sample);
    in->shot.view = fv_views_at(&in->views[network], frame);
}

fv_image_request *fv_intake_begin(fv_intake *in, uint64_t seed, uint64_t epoch, uint64_t sample)
{
    in->shot.key = (fv_augment_key){.seed = seed, .epoch = epoch, .sample = sample};
    begin_view(in, 0, 0);
    return in->n == 1 && fv_views_frames(&in->views[0]) == 1 ? &in->shot.request : NULL;
}

static void mirror(const fv_pipeline *p, const float *src, float *dst)
{
    for (int64_t y = 0; y < p->h; y++) {
        for (int64_t x = 0; x < p->w; x++)
            memcpy(dst + (y * p->w + x) * p->c, src + (y * p->w + p->w - 1 - x) * p->c, (size_t)p->c * sizeof *dst);
    }
}

static fv_status fail_channels(const fv_image *image, const fv_pipeline *p, fv_image_error *error)
{
    const bool bands = image->bands && image->c == 4;
    *error = (fv_image_error){.status = FV_ERR_DATA_FORMAT, .fault = FV_FAULT_CHANNELS, .byte = -1};
    snprintf(error->text, sizeof error->text,
             "an image with %lld channels%s, which cannot be made the network's %lld%s", (long long)image->c,
             bands ? ", the last of them not declared as opacity" : "", (long long)p->c,
             bands ? "; --in-chans 4 takes all of them" : "");
    return error->status;
}

/* The view that has been begun, and its mirror image. */
static fv_status store_view(fv_intake *in, const fv_views *v, const fv_image *image, float *dst, fv_image_error *error)
{
    const fv_pipeline *p = &v->pipeline;
    if (in->shot.request.full_h == 0) /* no decoder has answered: the image is whole */
        fv_shot_whole(&in->shot, image->h, image->w);
    if (fv_shot_pixels(&in->shot, image) != FV_OK) {
        *error = (fv_image_error){.status = FV_ERR_NO_MEMORY, .byte = -1, .text = "no memory for resizing"};
        return FV_ERR_NO_MEMORY;
    }
    fv_shot_store(&in->shot, dst);
    if (v->mirrored)
        mirror(p, dst, dst + p->h * p->w * p->c);
    return FV_OK;
}

fv_status fv_intake_store(fv_intake *in, const fv_image *image, float *dst, fv_image_error *error)
{
    for (int i = 0; i < in->n; i++) {
        if (!image->data || image->h < 1 || image->w < 1 || !fv_pipeline_takes(&in->views[i].pipeline, image))
            return fail_channels(image, &in->views[i].pipeline, error);
    }
    for (int i = 0; i < in->n; i++) {
        const fv_views *v = &in->views[i];
        const fv_pipeline *p = &v->pipeline;
        for (int64_t frame = 0; frame < fv_views_frames(v); frame++) {
            if (i > 0 || frame > 0)
                begin_view(in, i, frame);
            FV_TRY(store_view(in, v, image, dst, error));
            dst += p->h * p->w * p->c * (v->mirrored ? 2 : 1);
        }
    }
    return FV_OK;
}
