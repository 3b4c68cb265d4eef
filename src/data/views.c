/* SPDX-License-Identifier: Apache-2.0 */
#include "data/views.h"

#include <string.h>

#include "base/text.h"
#include "data/pipeline.h"

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

int64_t fv_views_frames(const fv_views *views)
{
    return views->crops * (views->n_scales ? views->n_scales : 1);
}

int64_t fv_views_count(const fv_views *views)
{
    return fv_views_frames(views) * (views->mirrored ? 2 : 1);
}

bool fv_views_take(const fv_views *views, int64_t c)
{
    return fv_pipeline_takes(&views->pipeline, c);
}

/* The frame of a crop of an h x w image. The center's odd pixel goes where the pipeline's own frame has it. */
static void frame_crop(const fv_views *v, int64_t h, int64_t w, int64_t frame, fv_resize_spec *spec)
{
    fv_pipeline p = v->pipeline;
    const int64_t crop = v->crops == 5 ? frame % 5 : 4;
    p.resize = FV_RESIZE_SHORT_CROP;
    p.resize_size = v->scale[frame / v->crops];
    fv_frame_default(&p, h, w, spec);
    if (crop < 4) {
        spec->window.y = crop & 2 ? spec->h - p.h : 0;
        spec->window.x = crop & 1 ? spec->w - p.w : 0;
    }
}

static void mirror(const fv_pipeline *p, const float *src, float *dst)
{
    for (int64_t y = 0; y < p->h; y++) {
        for (int64_t x = 0; x < p->w; x++)
            memcpy(dst + (y * p->w + x) * p->c, src + (y * p->w + p->w - 1 - x) * p->c, (size_t)p->c * sizeof *dst);
    }
}

fv_status fv_views_store(fv_ctx *ctx, const fv_views *v, const fv_image *image, int64_t frame, float *dst)
{
    const fv_pipeline *p = &v->pipeline;
    fv_applier applier;
    fv_shot view;
    if (!image->data || image->h < 1 || image->w < 1 || !fv_pipeline_takes(p, image->c))
        return fv_fail(ctx, FV_ERR_DATA_FORMAT, "an image with %lld channels, which cannot be made the network's %lld",
                       (long long)image->c, (long long)p->c);
    FV_TRY(fv_applier_init(ctx, p, NULL, &applier));
    fv_shot_begin(&view, &applier, 0, 0, 0);
    fv_shot_whole(&view, image->h, image->w);
    if (v->n_scales)
        frame_crop(v, image->h, image->w, frame, &view.spec);
    fv_status status = fv_shot_pixels(&view, image);
    if (status == FV_OK)
        fv_shot_store(&view, dst);
    if (status == FV_OK && v->mirrored)
        mirror(p, dst, dst + p->h * p->w * p->c);
    fv_applier_free(&applier);
    return status;
}
