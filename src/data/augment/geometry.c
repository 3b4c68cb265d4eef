/* SPDX-License-Identifier: Apache-2.0 */
/* Moving pixels: crops, mirrors and warps. Angles are in degrees, counter-clockwise; lengths in shares of a side. */
#include <math.h>
#include <string.h>

#include "base/angle.h"
#include "data/augment/augment.h"
#include "data/image/filter.h"

static const char *const fills[] = {"constant", "edge", "reflect", "wrap", NULL};
static const char *const filters[] = {"bilinear", "nearest", "bicubic", NULL}; /* in the order of fv_filter */

#define FILL_PARAM                                                                                                     \
    {                                                                                                                  \
        "fill", FV_PARAM_CHOICE, {0, 0}, 0, 3, fills, "what lies outside the image"                                    \
    }
#define VALUE_PARAM                                                                                                    \
    {                                                                                                                  \
        "value", FV_PARAM_NUMBER, {0, 0}, 0, 255, NULL, "grey level of fill=constant"                                  \
    }
#define FILTER_PARAM                                                                                                   \
    {                                                                                                                  \
        "filter", FV_PARAM_CHOICE, {0, 0}, 0, 2, filters, "interpolation"                                              \
    }

/* A warp with the last three parameters of a call, which all warps share. */
static fv_warp begin_warp(const fv_range *arg)
{
    fv_warp warp = {0};
    fv_warp_identity(&warp);
    warp.fill = (fv_fill)arg[0].low;
    memset(warp.value, (int)arg[1].low, sizeof warp.value);
    warp.filter = (fv_filter)arg[2].low;
    return warp;
}

static void size_of(const fv_augment_call *call, double *h, double *w)
{
    *h = (double)call->canvas->image.h;
    *w = (double)call->canvas->image.w;
}

/* ---- whole pixels ---- */

static const fv_augment_param crop_params[] = {
    {"pad", FV_PARAM_WHOLE, {4, 4}, 0, 4096, NULL, "pixels added on each side before the crop"},
    FILL_PARAM,
    VALUE_PARAM,
    {0},
};

static fv_status crop_apply(fv_augment_call *call)
{
    fv_canvas *canvas = call->canvas;
    const int64_t pad = (int64_t)call->arg[0].low;
    const int64_t dy = fv_draw_below(&call->draw, 2 * pad + 1) - pad,
                  dx = fv_draw_below(&call->draw, 2 * pad + 1) - pad;
    fv_augment_note(call, "crop %+lld,%+lld", (long long)dx, (long long)dy);
    if (canvas->warped || canvas->mask.data || canvas->n_boxes > 0) {
        const fv_range rest[3] = {call->arg[1], call->arg[2], {0, 0}};
        fv_warp warp = begin_warp(rest);
        fv_warp_translate(&warp, -(double)dx, -(double)dy);
        return fv_canvas_warp(canvas, &warp);
    }
    if (dy == 0 && dx == 0)
        return FV_OK;
    fv_image old;
    FV_TRY(fv_canvas_turn(canvas, canvas->image.h, canvas->image.w, &old));
    const fv_range value = call->arg[2];
    uint8_t levels[16];
    memset(levels, (int)value.low, sizeof levels);
    fv_crop(&old, dy, dx, (fv_fill)call->arg[1].low, levels, &canvas->image);
    return FV_OK;
}

const fv_augment_op fv_augment_crop = {
    .name = "crop",
    .doc = "padding, then a random crop of the original size: a shift by whole pixels",
    .stage = FV_STAGE_SAMPLE,
    .params = crop_params,
    .apply = crop_apply,
};

static fv_status mirror(fv_augment_call *call, bool vertical)
{
    fv_canvas *canvas = call->canvas;
    fv_augment_note(call, vertical ? "vflip" : "hflip");
    if (!canvas->warped && !canvas->mask.data && canvas->n_boxes == 0) {
        FV_TRY(fv_canvas_pixels(canvas));
        (vertical ? fv_mirror_vertical : fv_mirror_horizontal)(&canvas->image);
        return FV_OK;
    }
    /* In the manner of the warp that it follows, so that the two can be one. */
    fv_warp warp = canvas->warped ? canvas->warp : (fv_warp){0};
    warp.k1 = warp.k2 = 0;
    fv_warp_identity(&warp);
    fv_warp_scale(&warp, vertical ? -1 : 1, vertical ? 1 : -1, (double)canvas->image.w / 2,
                  (double)canvas->image.h / 2);
    return fv_canvas_warp(canvas, &warp);
}

static fv_status hflip_apply(fv_augment_call *call)
{
    return mirror(call, false);
}

static fv_status vflip_apply(fv_augment_call *call)
{
    return mirror(call, true);
}

const fv_augment_op fv_augment_hflip = {
    .name = "hflip", .doc = "left and right exchanged", .stage = FV_STAGE_SAMPLE, .p = 0.5, .apply = hflip_apply};
const fv_augment_op fv_augment_vflip = {
    .name = "vflip", .doc = "top and bottom exchanged", .stage = FV_STAGE_SAMPLE, .p = 0.5, .apply = vflip_apply};

/* ---- warps ---- */

static const fv_augment_param rotate_params[] = {
    {"degrees", FV_PARAM_SPREAD, {-15, 15}, -360, 360, NULL, "angle, counter-clockwise"},
    FILL_PARAM,
    VALUE_PARAM,
    FILTER_PARAM,
    {0},
};

static fv_status rotate_apply(fv_augment_call *call)
{
    double h, w;
    size_of(call, &h, &w);
    const double degrees = fv_draw_range(&call->draw, call->arg[0]);
    fv_warp warp = begin_warp(call->arg + 1);
    fv_warp_rotate(&warp, degrees, w / 2, h / 2);
    fv_augment_note(call, "rotate %.1f", degrees);
    return fv_canvas_warp(call->canvas, &warp);
}

const fv_augment_op fv_augment_rotate = {
    .name = "rotate",
    .doc = "rotation about the center",
    .stage = FV_STAGE_SAMPLE,
    .params = rotate_params,
    .apply = rotate_apply,
};

static const fv_augment_param shift_params[] = {
    {"x", FV_PARAM_SPREAD, {-0.1, 0.1}, -1, 1, NULL, "to the right, in widths"},
    {"y", FV_PARAM_SPREAD, {-0.1, 0.1}, -1, 1, NULL, "down, in heights"},
    FILL_PARAM,
    VALUE_PARAM,
    FILTER_PARAM,
    {0},
};

/* By whole pixels: a shift needs no interpolation. */
static fv_status shift_apply(fv_augment_call *call)
{
    double h, w;
    size_of(call, &h, &w);
    const double x = floor(fv_draw_range(&call->draw, call->arg[0]) * w + 0.5);
    const double y = floor(fv_draw_range(&call->draw, call->arg[1]) * h + 0.5);
    fv_warp warp = begin_warp(call->arg + 2);
    fv_warp_translate(&warp, x, y);
    fv_augment_note(call, "shift %+.0f,%+.0f", x, y);
    return fv_canvas_warp(call->canvas, &warp);
}

const fv_augment_op fv_augment_shift = {
    .name = "shift",
    .doc = "translation by whole pixels",
    .stage = FV_STAGE_SAMPLE,
    .params = shift_params,
    .apply = shift_apply,
};

static const fv_augment_param stretch_params[] = {
    {"x", FV_PARAM_RANGE, {0.8, 1.25}, 0.01, 100, NULL, "factor of the width"},
    {"y", FV_PARAM_RANGE, {0.8, 1.25}, 0.01, 100, NULL, "factor of the height"},
    FILL_PARAM,
    VALUE_PARAM,
    FILTER_PARAM,
    {0},
};

static fv_status stretch_apply(fv_augment_call *call)
{
    double h, w;
    size_of(call, &h, &w);
    const double x = fv_draw_range(&call->draw, call->arg[0]), y = fv_draw_range(&call->draw, call->arg[1]);
    fv_warp warp = begin_warp(call->arg + 2);
    fv_warp_scale(&warp, y, x, w / 2, h / 2);
    fv_augment_note(call, "stretch %.2fx%.2f", x, y);
    return fv_canvas_warp(call->canvas, &warp);
}

const fv_augment_op fv_augment_stretch = {
    .name = "stretch",
    .doc = "the two sides scaled apart, about the center",
    .stage = FV_STAGE_SAMPLE,
    .params = stretch_params,
    .apply = stretch_apply,
};

static const fv_augment_param shear_params[] = {
    {"x", FV_PARAM_SPREAD, {-10, 10}, -89, 89, NULL, "angle of the vertical lines"},
    {"y", FV_PARAM_SPREAD, {0, 0}, -89, 89, NULL, "angle of the horizontal lines"},
    FILL_PARAM,
    VALUE_PARAM,
    FILTER_PARAM,
    {0},
};

static fv_status shear_apply(fv_augment_call *call)
{
    double h, w;
    size_of(call, &h, &w);
    const double x = fv_draw_range(&call->draw, call->arg[0]), y = fv_draw_range(&call->draw, call->arg[1]);
    fv_warp warp = begin_warp(call->arg + 2);
    double sx, cx, sy, cy;
    fv_sincos_turns(x / 360, &sx, &cx);
    fv_sincos_turns(y / 360, &sy, &cy);
    const double kx = sx / cx, ky = sy / cy;
    if (kx * ky > 0.99) { /* the image would become a line, or be mirrored */
        fv_augment_note(call, "shear %.1f,%.1f left out", x, y);
        return FV_OK;
    }
    fv_warp_shear(&warp, ky, kx, w / 2, h / 2);
    fv_augment_note(call, "shear %.1f,%.1f", x, y);
    return fv_canvas_warp(call->canvas, &warp);
}

const fv_augment_op fv_augment_shear = {
    .name = "shear",
    .doc = "slanting about the center",
    .stage = FV_STAGE_SAMPLE,
    .params = shear_params,
    .apply = shear_apply,
};

static const fv_augment_param perspective_params[] = {
    {"amount", FV_PARAM_NUMBER, {0.2, 0.2}, 0, 0.99, NULL, "farthest that a corner moves in, in half sides"},
    FILL_PARAM,
    VALUE_PARAM,
    FILTER_PARAM,
    {0},
};

static fv_status perspective_apply(fv_augment_call *call)
{
    double h, w, corner[8];
    size_of(call, &h, &w);
    /* Corners in the order top left, top right, bottom right, bottom left, as x and y. */
    static const double outward[8] = {-1, -1, 1, -1, 1, 1, -1, 1};
    const double amount = call->arg[0].low;
    for (int i = 0; i < 8; i++)
        corner[i] = -outward[i] * fv_draw_uniform(&call->draw, 0, amount) * (i % 2 ? h : w) / 2;
    fv_warp warp = begin_warp(call->arg + 1);
    if (!fv_warp_perspective(&warp, call->canvas->image.h, call->canvas->image.w, corner))
        return FV_OK; /* corners on one line */
    fv_augment_note(call, "perspective %.0f,%.0f %.0f,%.0f %.0f,%.0f %.0f,%.0f", corner[0], corner[1], corner[2],
                    corner[3], corner[4], corner[5], corner[6], corner[7]);
    return fv_canvas_warp(call->canvas, &warp);
}

const fv_augment_op fv_augment_perspective = {
    .name = "perspective",
    .doc = "the four corners moved inward, each by itself",
    .stage = FV_STAGE_SAMPLE,
    .params = perspective_params,
    .apply = perspective_apply,
};

static const fv_augment_param lens_params[] = {
    {"k1", FV_PARAM_SPREAD, {-0.2, 0.2}, -1, 1, NULL, "of r^2; above 0 barrel, below 0 pincushion"},
    {"k2", FV_PARAM_SPREAD, {0, 0}, -1, 1, NULL, "of r^4"},
    FILL_PARAM,
    VALUE_PARAM,
    FILTER_PARAM,
    {0},
};

static fv_status lens_apply(fv_augment_call *call)
{
    fv_warp warp = begin_warp(call->arg + 2);
    warp.k1 = fv_draw_range(&call->draw, call->arg[0]);
    warp.k2 = fv_draw_range(&call->draw, call->arg[1]);
    fv_augment_note(call, "lens %.3f,%.3f", warp.k1, warp.k2);
    return fv_canvas_warp(call->canvas, &warp);
}

const fv_augment_op fv_augment_lens = {
    .name = "lens",
    .doc = "radial distortion r (1 + k1 r^2 + k2 r^4), r in half diagonals",
    .stage = FV_STAGE_SAMPLE,
    .params = lens_params,
    .apply = lens_apply,
};
