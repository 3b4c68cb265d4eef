/* SPDX-License-Identifier: Apache-2.0 */
/* Mixing the samples of a batch. Sample i is mixed with sample i - 1 (the first with the last): a batch is in random
 * order already, and one saved sample is enough to work in place. */
#include <math.h>
#include <string.h>

#include "data/augment/augment.h"

static const fv_augment_param mix_params[] = {
    {"alpha", FV_PARAM_NUMBER, {0.2, 0.2}, 0.001, 100, NULL, "of Beta(alpha, alpha), which the share is drawn from"},
    {0},
};

/* row i = share * row i + (1 - share) * row i - 1, in place: backwards, the last row kept for the first. */
static void blend_rows(float *rows, int64_t n, int64_t size, float share, float *saved)
{
    memcpy(saved, rows + (n - 1) * size, (size_t)size * sizeof(float));
    for (int64_t i = n - 1; i >= 0; i--) {
        float *row = rows + i * size;
        const float *other = i > 0 ? row - size : saved;
        for (int64_t k = 0; k < size; k++)
            row[k] = share * row[k] + (1.0f - share) * other[k];
    }
}

/* Zhang et al., "mixup: Beyond empirical risk minimization", 2017. */
static void mixup_mix(fv_draw *draw, const fv_range *arg, const fv_mix *mix)
{
    const float share = (float)fv_draw_beta(draw, arg[0].low);
    blend_rows(mix->images, mix->n, mix->h * mix->w * mix->c, share, mix->lines);
    blend_rows(mix->targets, mix->n, mix->n_targets, share, mix->lines);
}

const fv_augment_op fv_augment_mixup = {
    .name = "mixup",
    .doc = "each image blended with its neighbor in the batch, the labels too",
    .stage = FV_STAGE_BATCH,
    .params = mix_params,
    .mix = mixup_mix,
};

static const fv_augment_param cutmix_params[] = {
    {"alpha", FV_PARAM_NUMBER, {1, 1}, 0.001, 100, NULL, "of Beta(alpha, alpha), which the share is drawn from"},
    {0},
};

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* Yun et al., "CutMix: Regularization strategy to train strong classifiers with localizable features", 2019. */
static void cutmix_mix(fv_draw *draw, const fv_range *arg, const fv_mix *mix)
{
    const double side = sqrt(1.0 - fv_draw_beta(draw, arg[0].low));
    const int64_t bh = (int64_t)((double)mix->h * side), bw = (int64_t)((double)mix->w * side);
    const int64_t cy = fv_draw_below(draw, mix->h), cx = fv_draw_below(draw, mix->w);
    const int64_t y0 = clamp(cy - bh / 2, 0, mix->h), y1 = clamp(cy + bh / 2, 0, mix->h);
    const int64_t x0 = clamp(cx - bw / 2, 0, mix->w), x1 = clamp(cx + bw / 2, 0, mix->w);
    const int64_t line = mix->w * mix->c, size = mix->h * line, part = (x1 - x0) * mix->c;
    const float share = 1.0f - (float)((y1 - y0) * (x1 - x0)) / (float)(mix->h * mix->w);
    memcpy(mix->lines, mix->images + (mix->n - 1) * size, (size_t)size * sizeof(float));
    for (int64_t i = mix->n - 1; i >= 0; i--) {
        float *image = mix->images + i * size;
        const float *other = i > 0 ? image - size : mix->lines;
        for (int64_t y = y0; y < y1 && part > 0; y++)
            memcpy(image + y * line + x0 * mix->c, other + y * line + x0 * mix->c, (size_t)part * sizeof(float));
    }
    blend_rows(mix->targets, mix->n, mix->n_targets, share, mix->lines);
}

const fv_augment_op fv_augment_cutmix = {
    .name = "cutmix",
    .doc = "a box of each image replaced by its neighbor's in the batch, the labels by area",
    .stage = FV_STAGE_BATCH,
    .params = cutmix_params,
    .mix = cutmix_mix,
};
