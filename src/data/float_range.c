/* SPDX-License-Identifier: Apache-2.0 */
#include "data/float_range.h"

#include <float.h>
#include <stdio.h>

enum { LOOKED_AT = 16 };

void fv_float_range_merge(fv_float_range *range, const fv_float_range *more)
{
    if (more->images == 0)
        return;
    if (range->images == 0 || more->low < range->low)
        range->low = more->low;
    if (range->images == 0 || more->high > range->high)
        range->high = more->high;
    range->images += more->images;
}

void fv_float_range_add(fv_float_range *range, const fv_image *image)
{
    const float *v = (const float *)(const void *)image->data;
    const int64_t n = image->h * image->w * image->c;
    if (image->depth != FV_DEPTH_F32 || n == 0)
        return;
    fv_float_range own = {1, v[0], v[0]};
    for (int64_t i = 1; i < n; i++) {
        own.low = v[i] < own.low ? v[i] : own.low;
        own.high = v[i] > own.high ? v[i] : own.high;
    }
    fv_float_range_merge(range, &own);
}

bool fv_float_range_odd(const fv_float_range *range, char *text, size_t size)
{
    static const float level = 1.0f / 255.0f;
    static const struct {
        float most;
        const char *cure;
    } scales[] = {{255.5f, "divide them by 255, or save them as uint8"},
                  {4095.5f, "divide them by their full scale (4095 for 12 bits)"},
                  {65535.5f, "divide them by 65535, or save them as uint16"},
                  {FLT_MAX, "divide them by their full scale"}};
    const char *cure = "save them without standardizing (--norm does that, and keeps it in the model)";
    if (range->images == 0 || (range->low >= -level && range->high <= 1.0f + level))
        return false;
    for (size_t i = sizeof scales / sizeof *scales; i-- > 0 && range->low >= -level;)
        cure = range->high <= scales[i].most ? scales[i].cure : cure;
    snprintf(text, size, "floating-point pixels from %g to %g, expected 0 to 1 (1 is full scale): %s",
             (double)range->low, (double)range->high, cure);
    return true;
}

fv_status fv_dataset_float_range(fv_dataset *dataset, fv_float_range *range)
{
    const int64_t count = dataset->count, n = count < LOOKED_AT ? count : LOOKED_AT;
    fv_decode_options decode = dataset->decode;
    decode.keep_depth = true;
    *range = (fv_float_range){0};
    for (int64_t k = 0; k < n && range->images == k; k++) {
        fv_image image = {0};
        fv_image_error error = {.byte = -1};
        fv_status status = fv_dataset_fetch(dataset, k * count / n, &decode, NULL, &image, NULL, &error);
        if (status == FV_ERR_NO_MEMORY)
            return status;
        if (status != FV_OK)
            return FV_OK; /* will be told when its turn comes */
        fv_float_range_add(range, &image);
        fv_image_free(dataset->ctx, &image);
    }
    return FV_OK;
}
