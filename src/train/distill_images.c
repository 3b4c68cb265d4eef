/* SPDX-License-Identifier: Apache-2.0 */
/* The student's images as a teacher wants them: back to pixels, and forward again. */
#include <string.h>

#include "train/distill.h"

static bool same_contrast(const fv_pipeline *a, const fv_pipeline *b)
{
    if (a->contrast != b->contrast || a->contrast != FV_CONTRAST_CLAHE)
        return a->contrast == b->contrast;
    const float clip[2] = {a->clahe_clip > 0 ? a->clahe_clip : 2, b->clahe_clip > 0 ? b->clahe_clip : 2};
    bool same = clip[0] == clip[1];
    for (int i = 0; i < 2; i++)
        same = same && (a->clahe_tiles[i] ? a->clahe_tiles[i] : 8) == (b->clahe_tiles[i] ? b->clahe_tiles[i] : 8);
    return same;
}

static bool same_floats(const fv_pipeline *a, const fv_pipeline *b)
{
    const size_t bytes = (size_t)a->c * sizeof *a->mean;
    return a->h == b->h && a->w == b->w && a->c == b->c && (a->bgr == b->bgr || a->c != 3) &&
           memcmp(a->mean, b->mean, bytes) == 0 && memcmp(a->std, b->std, bytes) == 0;
}

void fv_image_map_free(fv_image_map *map)
{
    fv_scratch_free(&map->space);
    fv_scratch_free(&map->work);
}

fv_status fv_image_map_make(fv_ctx *ctx, const char *name, const fv_pipeline *from, const fv_pipeline *to,
                            fv_image_map *map)
{
    fv_image_map_free(map);
    *map = (fv_image_map){.from = *from, .to = *to, .same = same_floats(from, to), .space.ctx = ctx, .work.ctx = ctx};
    if (from->c != to->c && from->c != 1 && !(from->c == 3 && to->c == 1))
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_CONFLICT,
                                    "teacher %s takes images of %lld channels, the student's have %lld", name,
                                    (long long)to->c, (long long)from->c),
                            "use a teacher of the same images");
    if (!same_contrast(from, to))
        return fv_fail_hint(
            ctx,
            fv_fail(
                ctx, FV_ERR_CONFLICT,
                "teacher %s and the student equalize contrast differently: neither's images can be made the other's",
                name),
            "give the student what the teacher has: --contrast");
    if (from->standardize != to->standardize || (from->standardize && !map->same))
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_CONFLICT, "teacher %s %s: such images cannot be made others", name,
                                    from->standardize == to->standardize
                                        ? "takes images of another size or color than the student's, each of which is "
                                          "standardized by itself"
                                    : from->standardize ? "takes images as they are, the student's are each "
                                                          "standardized by itself"
                                                        : "takes images each standardized by itself, the student's "
                                                          "are not"),
                            "give the student what the teacher has: --norm, --img-size");
    if (from->h * to->w != to->h * from->w)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_CONFLICT,
                                    "teacher %s takes images of %lld x %lld, the student's are %lld x %lld: of other "
                                    "proportions",
                                    name, (long long)to->h, (long long)to->w, (long long)from->h, (long long)from->w),
                            "give the student the teacher's, --img-size %lldx%lld, or a multiple", (long long)to->h,
                            (long long)to->w);
    return FV_OK;
}

/* Which of red, green and blue channel k of a network is. */
static int64_t color_of(const fv_pipeline *p, int64_t k)
{
    return p->bgr && p->c == 3 ? 2 - k : k;
}

/* Pixels in units of full scale, of as many channels as the teacher has. */
static void to_pixels(const fv_pipeline *from, int64_t c, const float *src, float *dst)
{
    static const float luma[3] = {0.299f, 0.587f, 0.114f};
    const int64_t n = from->h * from->w;
    for (int64_t i = 0; i < n; i++, src += from->c, dst += c) {
        float pixel[FV_MAX_CHANNELS];
        for (int64_t k = 0; k < from->c; k++) {
            const int64_t color = color_of(from, k);
            pixel[color] = src[k] * from->std[color] + from->mean[color];
        }
        if (from->c == 3 && c == 1)
            pixel[0] = luma[0] * pixel[0] + luma[1] * pixel[1] + luma[2] * pixel[2];
        for (int64_t k = 0; k < c; k++)
            dst[k] = pixel[from->c == 1 ? 0 : k];
    }
}

static void from_pixels(const fv_pipeline *to, const float *src, float *dst)
{
    const int64_t n = to->h * to->w;
    for (int64_t i = 0; i < n; i++, src += to->c, dst += to->c)
        for (int64_t k = 0; k < to->c; k++) {
            const int64_t color = color_of(to, k);
            dst[k] = (src[color] - to->mean[color]) / to->std[color];
        }
}

fv_status fv_image_map_run(fv_image_map *map, const float *src, float *dst)
{
    const fv_pipeline *from = &map->from, *to = &map->to;
    const size_t floats = (size_t)(from->h * from->w * to->c), wanted = (size_t)(to->h * to->w * to->c);
    if (map->same) {
        memcpy(dst, src, wanted * sizeof *dst);
        return FV_OK;
    }
    float *pixels = fv_scratch_get(&map->space, (floats + wanted) * sizeof *pixels);
    if (!pixels)
        return FV_ERR_NO_MEMORY;
    to_pixels(from, to->c, src, pixels);
    if (from->h != to->h || from->w != to->w) {
        const fv_image image = {
            .data = (uint8_t *)pixels, .h = from->h, .w = from->w, .c = to->c, .depth = FV_DEPTH_F32};
        const fv_resize_spec spec = fv_resize_whole(&image, to->h, to->w, to->filter, to->antialias);
        FV_TRY(fv_resize(&map->work, &image, &spec, (uint8_t *)(pixels + floats)));
        pixels += floats;
    }
    from_pixels(to, pixels, dst);
    return FV_OK;
}
