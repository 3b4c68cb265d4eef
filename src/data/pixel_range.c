/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "data/pixel_range.h"

#include <float.h>
#include <stdio.h>

enum { LOOKED_AT = 16, FEW_LEVELS = 32 };

void fv_pixel_range_merge(fv_pixel_range *range, const fv_pixel_range *more)
{
    if (more->images > 0) {
        if (range->images == 0 || more->low < range->low)
            range->low = more->low;
        if (range->images == 0 || more->high > range->high)
            range->high = more->high;
    }
    range->most = more->most > range->most ? more->most : range->most;
    range->images += more->images;
    range->deep += more->deep;
    range->level = more->level > range->level ? more->level : range->level;
    range->plain += more->plain;
}

static void add_floats(fv_pixel_range *range, const float *v, int64_t n)
{
    fv_pixel_range own = {.images = 1, .low = v[0], .high = v[0]};
    for (int64_t i = 1; i < n; i++) {
        own.low = v[i] < own.low ? v[i] : own.low;
        own.high = v[i] > own.high ? v[i] : own.high;
    }
    fv_pixel_range_merge(range, &own);
}

static void add_words(fv_pixel_range *range, const uint16_t *v, int64_t n)
{
    fv_pixel_range own = {.deep = 1};
    for (int64_t i = 0; i < n; i++)
        own.most = v[i] > own.most ? v[i] : own.most;
    fv_pixel_range_merge(range, &own);
}

static void add_bytes(fv_pixel_range *range, const uint8_t *v, int64_t n)
{
    uint8_t level = 0;
    for (int64_t i = 0; i < n; i++)
        level = v[i] > level ? v[i] : level;
    fv_pixel_range_merge(range, &(fv_pixel_range){.plain = 1, .level = level});
}

void fv_pixel_range_add(fv_pixel_range *range, const fv_image *image)
{
    const void *data = image->data;
    const int64_t n = image->h * image->w * image->c;
    if (n > 0 && image->depth == FV_DEPTH_F32)
        add_floats(range, data, n);
    else if (n > 0 && image->depth == FV_DEPTH_16)
        add_words(range, data, n);
    else if (n > 0)
        add_bytes(range, data, n);
}

/* The narrowest depth that cameras and programs have, that holds every value; 16: there is nothing odd. */
static bool deep_odd(const fv_pixel_range *range, char *text, size_t size)
{
    static const int depths[] = {8, 10, 12, 14};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        if (range->most >= 1 << depths[i])
            continue;
        snprintf(
            text, size,
            "16-bit pixels from 0 to %d at most, as of %d bits in a file of 16, whose full scale is 65535: they train "
            "as nearly black; multiply them by %d%s, or add --norm dataset, which measures their scale and keeps it "
            "in the model",
            range->most, depths[i], i ? 1 << (16 - depths[i]) : 257, i ? "" : ", save them with 8 bits");
        return true;
    }
    return false;
}

/* All black is another finding. */
static bool plain_odd(const fv_pixel_range *range, char *text, size_t size)
{
    if (range->plain == 0 || range->level == 0 || range->level >= FEW_LEVELS)
        return false;
    snprintf(text, size,
             "8-bit pixels from 0 to %d at most, whose full scale is 255, as of class indices or a mask: they train as "
             "nearly black; give the pictures themselves, multiply them by %d, or add --norm dataset, which measures "
             "their scale and keeps it in the model",
             range->level, 255 / range->level);
    return true;
}

bool fv_pixel_range_odd(const fv_pixel_range *range, char *text, size_t size)
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
    if (range->deep > 0 && deep_odd(range, text, size))
        return true;
    if (range->images == 0 && plain_odd(range, text, size))
        return true;
    if (range->images == 0 || (range->low >= -level && range->high <= 1.0f + level))
        return false;
    for (size_t i = sizeof scales / sizeof *scales; i-- > 0 && range->low >= -level;)
        cure = range->high <= scales[i].most ? scales[i].cure : cure;
    fv_text_format(text, size, "floating-point pixels from %g to %g, expected 0 to 1 (1 is full scale): %s",
                   (double)range->low, (double)range->high, cure);
    return true;
}

fv_status fv_dataset_pixel_range(fv_dataset *dataset, fv_pixel_range *range)
{
    const int64_t count = dataset->count, n = count < LOOKED_AT ? count : LOOKED_AT;
    fv_decode_options decode = dataset->decode;
    decode.keep_depth = true;
    *range = (fv_pixel_range){0};
    for (int64_t k = 0; k < n && range->level < FEW_LEVELS; k++) {
        fv_image image = {0};
        fv_image_error error = {.byte = -1};
        fv_status status = fv_dataset_fetch(dataset, k * count / n, &decode, NULL, &image, NULL, &error);
        if (status == FV_ERR_NO_MEMORY)
            return status;
        if (status != FV_OK)
            return FV_OK; /* will be told when its turn comes */
        fv_pixel_range_add(range, &image);
        fv_image_free(dataset->ctx, &image);
    }
    return FV_OK;
}
