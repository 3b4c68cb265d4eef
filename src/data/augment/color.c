/* SPDX-License-Identifier: Apache-2.0 */
/* Light and color. */
#include "data/augment/augment.h"
#include "data/image/color.h"

/* Operators that turn one drawn number into a call. */
static fv_status with_number(fv_augment_call *call, const char *what, void (*change)(fv_image *image, float value))
{
    const double value = fv_draw_range(&call->draw, call->arg[0]);
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_augment_note(call, "%s %.2f", what, value);
    change(&call->canvas->image, (float)value);
    return FV_OK;
}

static fv_status without_number(fv_augment_call *call, const char *what, void (*change)(fv_image *image))
{
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_augment_note(call, "%s", what);
    change(&call->canvas->image);
    return FV_OK;
}

static const fv_augment_param factor_params[] = {
    {"factor", FV_PARAM_RANGE, {0.6, 1.4}, 0, 100, NULL, "1 leaves the image as it is"},
    {0},
};
static const fv_augment_param hue_params[] = {
    {"turn", FV_PARAM_SPREAD, {-0.1, 0.1}, -0.5, 0.5, NULL, "of the color circle"},
    {0},
};
static const fv_augment_param gamma_params[] = {
    {"gamma", FV_PARAM_RANGE, {0.7, 1.4}, 0.01, 100, NULL, "exponent"},
    {0},
};
static const fv_augment_param posterize_params[] = {
    {"bits", FV_PARAM_WHOLES, {4, 8}, 1, 8, NULL, "kept of 8"},
    {0},
};
static const fv_augment_param solarize_params[] = {
    {"threshold", FV_PARAM_RANGE, {128, 255}, 0, 255, NULL, "grey levels from there on are inverted"},
    {0},
};

static fv_status brightness_apply(fv_augment_call *call)
{
    return with_number(call, "brightness", fv_color_brightness);
}

static fv_status contrast_apply(fv_augment_call *call)
{
    return with_number(call, "contrast", fv_color_contrast);
}

static fv_status saturation_apply(fv_augment_call *call)
{
    return with_number(call, "saturation", fv_color_saturation);
}

static fv_status hue_apply(fv_augment_call *call)
{
    return with_number(call, "hue", fv_color_hue);
}

static fv_status gamma_apply(fv_augment_call *call)
{
    return with_number(call, "gamma", fv_color_gamma);
}

static fv_status solarize_apply(fv_augment_call *call)
{
    return with_number(call, "solarize", fv_color_solarize);
}

static fv_status posterize_apply(fv_augment_call *call)
{
    const int bits = (int)fv_draw_whole(&call->draw, call->arg[0]);
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_augment_note(call, "posterize %d", bits);
    fv_color_posterize(&call->canvas->image, bits);
    return FV_OK;
}

static fv_status grey_apply(fv_augment_call *call)
{
    return without_number(call, "grey", fv_color_grey);
}

static fv_status invert_apply(fv_augment_call *call)
{
    return without_number(call, "invert", fv_color_invert);
}

static fv_status autocontrast_apply(fv_augment_call *call)
{
    return without_number(call, "autocontrast", fv_color_autocontrast);
}

static fv_status equalize_apply(fv_augment_call *call)
{
    return without_number(call, "equalize", fv_color_equalize);
}

#define STEP(word, text, share, list)                                                                                  \
    const fv_augment_op fv_augment_##word = {.name = #word,                                                            \
                                             .doc = text,                                                              \
                                             .stage = FV_STAGE_SAMPLE,                                                 \
                                             .cuts = true,                                                             \
                                             .p = share,                                                               \
                                             .params = list,                                                           \
                                             .apply = word##_apply};

STEP(brightness, "all channels multiplied", 1, factor_params)
STEP(contrast, "distance from the mean grey multiplied", 1, factor_params)
STEP(saturation, "distance from each pixel's grey multiplied", 1, factor_params)
STEP(hue, "colors turned around the circle of hues", 1, hue_params)
STEP(gamma, "levels to the power of gamma", 1, gamma_params)
STEP(posterize, "fewer levels", 0.2, posterize_params)
STEP(solarize, "bright levels inverted", 0.2, solarize_params)
STEP(grey, "colors taken away", 0.2, NULL)
STEP(invert, "levels inverted", 0.2, NULL)
STEP(autocontrast, "levels stretched to the full scale", 0.5, NULL)
STEP(equalize, "histogram made flat", 0.5, NULL)

/* ---- brightness, contrast, saturation and hue in random order ---- */

static const fv_augment_param jitter_params[] = {
    {"brightness", FV_PARAM_NUMBER, {0.4, 0.4}, 0, 1, NULL, "factor from 1 - x to 1 + x"},
    {"contrast", FV_PARAM_NUMBER, {0.4, 0.4}, 0, 1, NULL, "the same"},
    {"saturation", FV_PARAM_NUMBER, {0.4, 0.4}, 0, 1, NULL, "the same"},
    {"hue", FV_PARAM_NUMBER, {0, 0}, 0, 0.5, NULL, "turns from -x to x"},
    {0},
};

static fv_status jitter_apply(fv_augment_call *call)
{
    static const struct {
        const char *name;
        void (*change)(fv_image *image, float value);
        double middle;
    } parts[4] = {{"brightness", fv_color_brightness, 1},
                  {"contrast", fv_color_contrast, 1},
                  {"saturation", fv_color_saturation, 1},
                  {"hue", fv_color_hue, 0}};
    int order[4] = {0, 1, 2, 3};
    double value[4];
    FV_TRY(fv_canvas_pixels(call->canvas));
    for (int i = 0; i < 4; i++) {
        const double x = call->arg[i].low;
        value[i] = fv_draw_uniform(&call->draw, parts[i].middle - x, parts[i].middle + x);
        const int64_t k = i + fv_draw_below(&call->draw, 4 - i), swap = order[i];
        order[i] = order[k];
        order[k] = (int)swap;
    }
    for (int i = 0; i < 4; i++) {
        const int k = order[i];
        if (call->arg[k].low == 0)
            continue;
        fv_augment_note(call, "%s %.2f", parts[k].name, value[k]);
        parts[k].change(&call->canvas->image, (float)value[k]);
    }
    return FV_OK;
}

STEP(jitter, "brightness, contrast, saturation and hue, in random order", 1, jitter_params)

/* ---- the others ---- */

static const fv_augment_param pca_params[] = {
    {"sigma", FV_PARAM_NUMBER, {0.1, 0.1}, 0, 10, NULL, "deviation of the factors of the eigenvalues"},
    {0},
};

/* Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012: the sum over components
 * of axis * eigenvalue * alpha, alpha ~ N(0, sigma), is added to every pixel; in units of full scale. */
static fv_status pca_apply(fv_augment_call *call)
{
    const fv_pipeline *p = call->pipeline;
    float offset[16] = {0};
    FV_TRY(fv_canvas_pixels(call->canvas));
    for (int i = 0; i < 3; i++) {
        const float amount = (float)(fv_draw_normal(&call->draw) * call->arg[0].low) * p->pca_value[i];
        for (int k = 0; k < 3; k++)
            offset[k] += amount * p->pca_axis[3 * i + k] * 255.0f;
    }
    if (call->canvas->image.c != 3)
        return FV_OK;
    fv_augment_note(call, "pca %+.1f,%+.1f,%+.1f", (double)offset[0], (double)offset[1], (double)offset[2]);
    fv_color_add(&call->canvas->image, offset);
    return FV_OK;
}

STEP(pca, "an offset along the principal components of the training set's colors", 1, pca_params)

static const fv_augment_param clahe_params[] = {
    {"tiles", FV_PARAM_WHOLE, {8, 8}, 1, 64, NULL, "tiles along each side"},
    {"clip", FV_PARAM_NUMBER, {2, 2}, 0, 1000, NULL, "limit of a histogram's bar, in means; 0: none"},
    {0},
};

static fv_status clahe_apply(fv_augment_call *call)
{
    const int tiles = (int)call->arg[0].low;
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_augment_note(call, "clahe");
    return fv_color_clahe(&call->canvas->work, &call->canvas->image, tiles, tiles, (float)call->arg[1].low);
}

STEP(clahe, "contrast-limited adaptive histogram equalization", 0.5, clahe_params)

static fv_status sharpness_apply(fv_augment_call *call)
{
    const double factor = fv_draw_range(&call->draw, call->arg[0]);
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_augment_note(call, "sharpness %.2f", factor);
    return fv_color_sharpness(&call->canvas->work, &call->canvas->image, (float)factor);
}

STEP(sharpness, "distance from the smoothed image multiplied", 1, factor_params)
