/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of an image of any size becomes the network's input. */
#include <math.h>

#include "data/augment/augment.h"
#include "kernels/math/math.h"

/* The image resized so that its short side has `size` pixels, more where the input would not fit: a crop larger than
 * the resized image would have to invent pixels. */
static void scale_short_side(const fv_pipeline *p, int64_t h, int64_t w, int64_t size, fv_resize_spec *spec)
{
    const int64_t shorter = h < w ? h : w;
    while (h * size / shorter < p->h || w * size / shorter < p->w)
        size++;
    spec->h = h * size / shorter;
    spec->w = w * size / shorter;
}

void fv_frame_default(const fv_pipeline *p, int64_t h, int64_t w, fv_resize_spec *spec)
{
    *spec = (fv_resize_spec){.y1 = (double)h, .x1 = (double)w, .h = p->h, .w = p->w, .filter = p->filter};
    spec->antialias = p->antialias;
    if (p->resize == FV_RESIZE_SHORT_CROP)
        scale_short_side(p, h, w, p->resize_size, spec);
    /* Central, the odd pixel as Python's round(x / 2.0) has it: half to even. */
    int64_t y = (spec->h - p->h) / 2, x = (spec->w - p->w) / 2;
    y += ((spec->h - p->h) & 1) && (y & 1);
    x += ((spec->w - p->w) & 1) && (x & 1);
    spec->window = (fv_resize_window){y, x, p->h, p->w};
}

void fv_frame_view(const fv_pipeline *pipeline, const fv_image_view *view, int64_t h, int64_t w, fv_resize_spec *spec)
{
    fv_pipeline p = *pipeline;
    p.resize = FV_RESIZE_SHORT_CROP;
    p.resize_size = view->size;
    fv_frame_default(&p, h, w, spec);
    if (view->place == FV_VIEW_CENTER)
        return;
    spec->window.y = view->place & 2 ? spec->h - p.h : 0;
    spec->window.x = view->place & 1 ? spec->w - p.w : 0;
}

/* The whole of a box of the image, resized to the input. */
static void frame_box(const fv_pipeline *p, int64_t y, int64_t x, int64_t h, int64_t w, fv_resize_spec *spec)
{
    spec->y0 = (double)y;
    spec->x0 = (double)x;
    spec->y1 = (double)(y + h);
    spec->x1 = (double)(x + w);
    spec->h = p->h;
    spec->w = p->w;
    spec->window = (fv_resize_window){0, 0, p->h, p->w};
}

static const fv_augment_param rrc_params[] = {
    {"scale", FV_PARAM_RANGE, {0.08, 1}, 1e-4, 1, NULL, "share of the image's area"},
    {"ratio", FV_PARAM_RANGE, {3.0 / 4, 4.0 / 3}, 0.01, 100, NULL, "width by height, uniform in its logarithm"},
    {0},
};

static int64_t round_half_up(double x)
{
    return (int64_t)floor(x + 0.5);
}

/* Ten tries to fit a box of that area and ratio into the image; then the largest central one whose ratio is allowed. */
static void rrc_frame(fv_augment_call *call, int64_t h, int64_t w, fv_resize_spec *spec)
{
    const fv_range ratio = call->arg[1];
    const fv_range log_ratio = {(double)fv_logf((float)ratio.low), (double)fv_logf((float)ratio.high)};
    for (int i = 0; i < 10; i++) {
        const double area = (double)(h * w) * fv_draw_range(&call->draw, call->arg[0]);
        const double shape = (double)fv_expf((float)fv_draw_range(&call->draw, log_ratio));
        const int64_t bw = round_half_up(sqrt(area * shape)), bh = round_half_up(sqrt(area / shape));
        const uint32_t down = fv_draw_word(&call->draw), right = fv_draw_word(&call->draw);
        if (bw < 1 || bh < 1 || bw > w || bh > h)
            continue;
        const int64_t y = (int64_t)((uint64_t)down * (uint64_t)(h - bh + 1) >> 32);
        const int64_t x = (int64_t)((uint64_t)right * (uint64_t)(w - bw + 1) >> 32);
        frame_box(call->pipeline, y, x, bh, bw, spec);
        fv_augment_note(call, "rrc %lldx%lld at %lld,%lld", (long long)bw, (long long)bh, (long long)x, (long long)y);
        return;
    }
    int64_t bh = h, bw = w;
    if ((double)w / (double)h < ratio.low)
        bh = round_half_up((double)w / ratio.low);
    else if ((double)w / (double)h > ratio.high)
        bw = round_half_up((double)h * ratio.high);
    bh = bh < 1 ? 1 : bh > h ? h : bh;
    bw = bw < 1 ? 1 : bw > w ? w : bw;
    frame_box(call->pipeline, (h - bh) / 2, (w - bw) / 2, bh, bw, spec);
    fv_augment_note(call, "rrc central %lldx%lld", (long long)bw, (long long)bh);
}

const fv_augment_op fv_augment_rrc = {
    .name = "rrc",
    .doc = "random resized crop: a box of random area and shape, resized to the input (Szegedy et al., 2015)",
    .stage = FV_STAGE_FRAME,
    .params = rrc_params,
    .frame = rrc_frame,
};

static const fv_augment_param scale_crop_params[] = {
    {"short", FV_PARAM_WHOLES, {256, 480}, 1, 16384, NULL, "pixels of the short side after resizing"},
    {0},
};

/* He et al. ("Deep residual learning", 2015): the short side uniform in [256, 480], then a random crop. */
static void scale_crop_frame(fv_augment_call *call, int64_t h, int64_t w, fv_resize_spec *spec)
{
    const fv_pipeline *p = call->pipeline;
    scale_short_side(p, h, w, fv_draw_whole(&call->draw, call->arg[0]), spec);
    spec->window.y = fv_draw_below(&call->draw, spec->h - p->h + 1);
    spec->window.x = fv_draw_below(&call->draw, spec->w - p->w + 1);
    fv_augment_note(call, "short side %lld, crop at %lld,%lld", (long long)(spec->h < spec->w ? spec->h : spec->w),
                    (long long)spec->window.x, (long long)spec->window.y);
}

const fv_augment_op fv_augment_scale_crop = {
    .name = "scale_crop",
    .doc = "short side resized to a random length, then a random crop of the input's size (He et al., 2015)",
    .stage = FV_STAGE_FRAME,
    .params = scale_crop_params,
    .frame = scale_crop_frame,
};
