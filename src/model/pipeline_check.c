/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller may write into a pipeline, before anything is made of it or written to a file; other sizes of it. */
#include <math.h>

#include "model/model.h"

#define STD_LEAST  1e-30f
#define REAL_MOST  1e30f
#define SIZE_MOST  ((int64_t)1 << 20)
#define TILES_MOST 64

static fv_status check_choices(fv_ctx *ctx, const fv_pipeline *p)
{
    const struct {
        const char *name;
        int value, count;
    } choices[] = {{"resize", (int)p->resize, FV_RESIZE_SHORT_CROP + 1},
                   {"filter", (int)p->filter, FV_FILTER_COUNT},
                   {"contrast", (int)p->contrast, FV_CONTRAST_CLAHE + 1}};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (choices[i].value < 0 || choices[i].value >= choices[i].count)
            return fv_fail(ctx, FV_ERR_ARGUMENT, "pipeline: %s %d does not exist: expected 0 to %d", choices[i].name,
                           choices[i].value, choices[i].count - 1);
    return FV_OK;
}

static bool is_real(float x)
{
    return x > -REAL_MOST && x < REAL_MOST; /* not NaN */
}

static fv_status check_channels(fv_ctx *ctx, const fv_pipeline *p)
{
    if (p->bgr && p->c != 3)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "pipeline: bgr: the input has %lld channels, and 3 can be in that order",
                       (long long)p->c);
    for (int64_t i = 0; i < p->c; i++)
        if (!is_real(p->mean[i]) || !is_real(p->std[i]) || p->std[i] < STD_LEAST)
            return fv_fail(ctx, FV_ERR_ARGUMENT,
                           "pipeline: channel %lld has mean %g and standard deviation %g: expected finite numbers, the "
                           "second at least %g",
                           (long long)i, (double)p->mean[i], (double)p->std[i], (double)STD_LEAST);
    for (int i = 0; i < 3; i++)
        if (!is_real(p->pca_value[i]) || p->pca_value[i] < 0.0f)
            return fv_fail(ctx, FV_ERR_ARGUMENT, "pipeline: pca_value[%d] is %g: expected a finite number from 0", i,
                           (double)p->pca_value[i]);
    for (int i = 0; i < 9; i++)
        if (!is_real(p->pca_axis[i]))
            return fv_fail(ctx, FV_ERR_ARGUMENT, "pipeline: pca_axis[%d] is %g: expected a finite number", i,
                           (double)p->pca_axis[i]);
    return FV_OK;
}

fv_status fv_pipeline_check(fv_ctx *ctx, const fv_pipeline *p)
{
    if (p->h < 1 || p->w < 1 || p->h > INT32_MAX || p->w > INT32_MAX)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "pipeline: an input of %lld x %lld pixels", (long long)p->h,
                       (long long)p->w);
    if (p->c < 1 || p->c > FV_MAX_CHANNELS)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "pipeline: %lld channels: images can have 1 to %d", (long long)p->c,
                       FV_MAX_CHANNELS);
    FV_TRY(check_choices(ctx, p));
    FV_TRY(check_channels(ctx, p));
    if (p->resize == FV_RESIZE_SHORT_CROP && (p->resize_size < 1 || p->resize_size > SIZE_MOST))
        return fv_fail(ctx, FV_ERR_ARGUMENT, "pipeline: short side %lld: expected 1 to %lld", (long long)p->resize_size,
                       (long long)SIZE_MOST);
    for (int i = 0; i < 2; i++)
        if (p->clahe_tiles[i] < 0 || p->clahe_tiles[i] > TILES_MOST)
            return fv_fail(ctx, FV_ERR_ARGUMENT, "pipeline: CLAHE of %d x %d tiles: expected 1 to %d, or 0 for 8",
                           p->clahe_tiles[0], p->clahe_tiles[1], TILES_MOST);
    if (!is_real(p->clahe_clip) || p->clahe_clip < 0.0f)
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "pipeline: CLAHE's limit is %g: expected a finite number above 0, or 0 for 2",
                       (double)p->clahe_clip);
    return FV_OK;
}

void fv_pipeline_set_size(fv_pipeline *p, int64_t h, int64_t w)
{
    const int64_t before = p->h > p->w ? p->h : p->w, side = h > w ? h : w;
    p->h = h;
    p->w = w;
    if (p->resize == FV_RESIZE_SHORT_CROP && side != before) {
        p->resize_size = (p->resize_size * side + before / 2) / before;
        p->resize_size = p->resize_size < side ? side : p->resize_size;
    }
}
