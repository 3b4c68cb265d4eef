/* SPDX-License-Identifier: Apache-2.0 */
/* Worse pictures: blur, noise, holes. */
#include <math.h>

#include "data/augment/augment.h"
#include "data/image/filter.h"
#include "kernels/math/math.h"

static fv_noise_key draw_key(fv_augment_call *call)
{
    fv_noise_key key;
    for (int i = 0; i < 4; i++)
        key.word[i] = fv_draw_word(&call->draw);
    return key;
}

static const fv_augment_param blur_params[] = {
    {"sigma", FV_PARAM_RANGE, {0.1, 2}, 0, 100, NULL, "deviation of the Gaussian, in pixels"},
    {0},
};

static fv_status blur_apply(fv_augment_call *call)
{
    const double sigma = fv_draw_range(&call->draw, call->arg[0]);
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_augment_note(call, "blur %.2f", sigma);
    return sigma > 0 ? fv_filter_gaussian(&call->canvas->work, &call->canvas->image, sigma) : FV_OK;
}

const fv_augment_op fv_augment_blur = {.name = "blur",
                                       .doc = "Gaussian blur",
                                       .stage = FV_STAGE_SAMPLE,
                                       .p = 0.5,
                                       .params = blur_params,
                                       .apply = blur_apply};

static const fv_augment_param noise_params[] = {
    {"sigma", FV_PARAM_RANGE, {0, 10}, 0, 255, NULL, "deviation, in grey levels of 255"},
    {0},
};

static fv_status noise_apply(fv_augment_call *call)
{
    const double sigma = fv_draw_range(&call->draw, call->arg[0]);
    const fv_noise_key key = draw_key(call);
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_augment_note(call, "noise %.1f", sigma);
    fv_filter_noise(call->canvas->work.ctx, &call->canvas->image, (float)sigma, &key);
    return FV_OK;
}

const fv_augment_op fv_augment_noise = {.name = "noise",
                                        .doc = "Gaussian noise, of its own for every channel of every pixel",
                                        .stage = FV_STAGE_SAMPLE,
                                        .cuts = true,
                                        .params = noise_params,
                                        .apply = noise_apply};

static const fv_augment_param salt_params[] = {
    {"share", FV_PARAM_RANGE, {0, 0.02}, 0, 1, NULL, "of the pixels, half of them black and half white"},
    {0},
};

static fv_status salt_apply(fv_augment_call *call)
{
    const double share = fv_draw_range(&call->draw, call->arg[0]);
    const fv_noise_key key = draw_key(call);
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_augment_note(call, "salt %.3f", share);
    fv_filter_salt_pepper(&call->canvas->image, (float)share, &key);
    return FV_OK;
}

const fv_augment_op fv_augment_salt = {.name = "salt",
                                       .doc = "salt-and-pepper noise",
                                       .stage = FV_STAGE_SAMPLE,
                                       .cuts = true,
                                       .params = salt_params,
                                       .apply = salt_apply};

static const char *const erase_fills[] = {"mean", "value", "noise", NULL};
static const fv_augment_param erase_params[] = {
    {"area", FV_PARAM_RANGE, {0.02, 0.33}, 0, 1, NULL, "share of the image, kept where no rectangle of the ratio fits"},
    {"ratio", FV_PARAM_RANGE, {0.3, 3.3}, 0.01, 100, NULL, "height by width, uniform in its logarithm"},
    {"fill", FV_PARAM_CHOICE, {0, 0}, 0, 2, erase_fills, "what the hole shows; mean is the model's"},
    {"value", FV_PARAM_NUMBER, {0, 0}, 0, 255, NULL, "grey level of fill=value"},
    {0},
};

/* A rectangle that does not fit becomes one of the same area along the whole side that it was too long for. */
static void fit_inside(const fv_image *image, double area, int64_t *h, int64_t *w)
{
    if (*h >= image->h) {
        *h = image->h;
        *w = (int64_t)(area / (double)*h + 0.5);
    }
    if (*w >= image->w) {
        *w = image->w;
        *h = (int64_t)(area / (double)*w + 0.5);
    }
    *h = *h < 1 ? 1 : *h > image->h ? image->h : *h;
    *w = *w < 1 ? 1 : *w;
}

/* Zhong et al., "Random erasing data augmentation", 2017: ten tries; there nothing is erased when none fits. */
static fv_status erase_apply(fv_augment_call *call)
{
    enum { TRIES = 10 };
    FV_TRY(fv_canvas_pixels(call->canvas));
    fv_image *image = &call->canvas->image;
    const fv_range log_ratio = {(double)fv_logf((float)call->arg[1].low), (double)fv_logf((float)call->arg[1].high)};
    for (int i = 0; i < TRIES; i++) {
        const double area = (double)(image->h * image->w) * fv_draw_range(&call->draw, call->arg[0]);
        const double shape = (double)fv_expf((float)fv_draw_range(&call->draw, log_ratio));
        int64_t h = (int64_t)(sqrt(area * shape) + 0.5), w = (int64_t)(sqrt(area / shape) + 0.5);
        const uint32_t down = fv_draw_word(&call->draw), right = fv_draw_word(&call->draw);
        const bool fits = h < image->h && w < image->w;
        if (h < 1 || w < 1 || (!fits && i < TRIES - 1))
            continue;
        if (!fits)
            fit_inside(image, area, &h, &w);
        const int64_t y = (int64_t)((uint64_t)down * (uint64_t)(image->h - h + 1) >> 32);
        const int64_t x = (int64_t)((uint64_t)right * (uint64_t)(image->w - w + 1) >> 32);
        const fv_noise_key key = draw_key(call);
        float level[16];
        for (int k = 0; k < 16; k++)
            level[k] = call->arg[2].low == 1 ? (float)call->arg[3].low : call->pipeline->mean[k] * 255.0f;
        fv_filter_erase(image, &(fv_resize_window){y, x, h, w}, level, call->arg[2].low == 2 ? &key : NULL);
        fv_augment_note(call, "erase %lldx%lld", (long long)w, (long long)h);
        return FV_OK;
    }
    return FV_OK;
}

const fv_augment_op fv_augment_erase = {.name = "erase",
                                        .doc = "a rectangle wiped out",
                                        .stage = FV_STAGE_SAMPLE,
                                        .p = 0.25,
                                        .params = erase_params,
                                        .apply = erase_apply};
