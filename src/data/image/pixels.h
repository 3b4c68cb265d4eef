/* SPDX-License-Identifier: Apache-2.0 */
/* Single elements of images of any depth, for code whose speed does not hang on them. */
#ifndef FV_DATA_PIXELS_H
#define FV_DATA_PIXELS_H

#include <fovea/data.h>

/* 255, 65535, 1 */
static inline float fv_full_scale(fv_depth depth)
{
    return depth == FV_DEPTH_8 ? 255.0f : depth == FV_DEPTH_16 ? 65535.0f : 1.0f;
}

/* Levels on the scale of 8 bits in units of the depth. */
static inline float fv_from_level(fv_depth depth, float level)
{
    return depth == FV_DEPTH_8 ? level : depth == FV_DEPTH_16 ? level * 257.0f : level / 255.0f;
}

/* Element i (a channel of a pixel) in the depth's own units. */
static inline float fv_element(const fv_image *image, int64_t i)
{
    if (image->depth == FV_DEPTH_8)
        return (float)image->data[i];
    if (image->depth == FV_DEPTH_16)
        return (float)((const uint16_t *)(const void *)image->data)[i];
    return ((const float *)(const void *)image->data)[i];
}

/* v, which lies within the depth's range, as element i; integers drop the fraction. */
static inline void fv_put_element(fv_depth depth, uint8_t *data, int64_t i, float v)
{
    if (depth == FV_DEPTH_8)
        data[i] = (uint8_t)v;
    else if (depth == FV_DEPTH_16)
        ((uint16_t *)(void *)data)[i] = (uint16_t)v;
    else
        ((float *)(void *)data)[i] = v;
}

/* The same for any v: clamped; integers round to nearest. */
static inline void fv_round_element(fv_depth depth, uint8_t *data, int64_t i, float v)
{
    const float full = fv_full_scale(depth), clamped = v > 0.0f ? v < full ? v : full : 0.0f;
    fv_put_element(depth, data, i, depth == FV_DEPTH_F32 ? clamped : clamped + 0.5f);
}

/* Channels that are colors: the fourth of four is transparency. */
static inline int64_t fv_color_channels(const fv_image *image)
{
    return image->c == 4 ? 3 : image->c;
}

static inline bool fv_has_colors(const fv_image *image)
{
    return image->c == 3 || image->c == 4;
}

/* Luma of the pixel whose first element is i, in the depth's units, whole for integers. */
static inline float fv_luma(const fv_image *image, int64_t i)
{
    const float r = fv_element(image, i), g = fv_element(image, i + 1), b = fv_element(image, i + 2);
    if (image->depth == FV_DEPTH_F32)
        return r * (19595.0f / 65536.0f) + g * (38470.0f / 65536.0f) + b * (7471.0f / 65536.0f);
    return (float)(((uint32_t)r * 19595u + (uint32_t)g * 38470u + (uint32_t)b * 7471u + 0x8000u) >> 16);
}

#endif
