/* SPDX-License-Identifier: Apache-2.0 */
/* Colors whose result depends on the pixel alone. */
#include "data/image/color.h"

#include <math.h>
#include <string.h>

#include "data/image/pixels.h"
#include "kernels/math/math.h"

/* ---- one number to one number ---- */

typedef struct point {
    float (*apply)(const struct point *p, float v);
    float full, a, b;
    int bits;
    bool drop; /* the fraction of an 8-bit result, instead of rounding it */
} point;

static float store_level(const point *p, float v)
{
    const float y = p->apply(p, v);
    const float clamped = y > 0.0f ? y < p->full ? y : p->full : 0.0f;
    if (p->full == 1.0f)
        return clamped;
    return p->drop && p->full == 255.0f ? clamped : clamped + 0.5f;
}

/* Channel k through p; of 8 bits through a table. */
static void apply_channel(fv_image *image, const point *p, int64_t k)
{
    const int64_t c = image->c, n = image->h * image->w * c;
    if (image->depth == FV_DEPTH_8) {
        uint8_t table[256];
        for (int v = 0; v < 256; v++)
            table[v] = (uint8_t)store_level(p, (float)v);
        for (int64_t i = k; i < n; i += c)
            image->data[i] = table[image->data[i]];
    } else if (image->depth == FV_DEPTH_16) {
        uint16_t *data = (uint16_t *)(void *)image->data;
        for (int64_t i = k; i < n; i += c)
            data[i] = (uint16_t)store_level(p, (float)data[i]);
    } else {
        float *data = (float *)(void *)image->data;
        for (int64_t i = k; i < n; i += c)
            data[i] = store_level(p, data[i]);
    }
}

static void apply_all(fv_image *image, point p)
{
    p.full = fv_full_scale(image->depth);
    for (int64_t k = 0; k < fv_color_channels(image); k++)
        apply_channel(image, &p, k);
}

static float line(const point *p, float v)
{
    return p->a + p->b * v;
}

/* blend(a, v, b) */
static float blend(const point *p, float v)
{
    return p->a + p->b * (v - p->a);
}

static float inverted(const point *p, float v)
{
    return v >= p->a ? p->full - v : v;
}

static float power(const point *p, float v)
{
    const float x = v / p->full;
    /* Of 8 bits as torchvision counts: 255.999 levels, the fraction dropped. */
    const float most = p->full == 255.0f ? 255.999f : p->full;
    return x > 0.0f ? most * fv_expf(p->a * fv_logf(x)) : 0.0f;
}

static float fewer_bits(const point *p, float v)
{
    const int levels = p->full == 65535.0f ? 16 : 8, shift = levels - p->bits;
    const int level = (int)(p->full == 1.0f ? v * 255.0f : v);
    const float kept = level > 0 ? (float)(level >> shift << shift) : 0.0f; /* floats may lie outside full scale */
    return p->full == 1.0f ? kept / 255.0f : kept;
}

void fv_color_brightness(fv_image *image, float factor)
{
    if (factor != 1.0f)
        apply_all(image, (point){.apply = line, .b = factor, .drop = true});
}

void fv_color_invert(fv_image *image)
{
    apply_all(image, (point){.apply = inverted, .a = -INFINITY});
}

void fv_color_posterize(fv_image *image, int bits)
{
    apply_all(image, (point){.apply = fewer_bits, .bits = bits < 1 ? 1 : bits > 8 ? 8 : bits, .drop = true});
}

void fv_color_solarize(fv_image *image, float threshold)
{
    apply_all(image, (point){.apply = inverted, .a = threshold * fv_full_scale(image->depth) / 255.0f});
}

void fv_color_gamma(fv_image *image, float gamma)
{
    if (gamma != 1.0f)
        apply_all(image, (point){.apply = power, .a = gamma, .drop = true});
}

void fv_color_add(fv_image *image, const float *offset)
{
    const float full = fv_full_scale(image->depth);
    for (int64_t k = 0; k < fv_color_channels(image) && k < 16; k++) {
        const point p = {.apply = line, .full = full, .a = offset[k] * full / 255.0f, .b = 1.0f};
        if (offset[k] != 0.0f)
            apply_channel(image, &p, k);
    }
}

void fv_color_contrast(fv_image *image, float factor)
{
    const int64_t pixels = image->h * image->w, c = image->c;
    const bool colors = fv_has_colors(image);
    if (factor == 1.0f)
        return;
    point p = {.apply = blend, .full = fv_full_scale(image->depth), .b = factor, .drop = true};
    for (int64_t k = 0; k < fv_color_channels(image); k++) {
        if (k == 0 || !colors) {
            double sum = 0.0;
            for (int64_t i = 0; i < pixels; i++)
                sum += (double)(colors ? fv_luma(image, i * c) : fv_element(image, i * c + k));
            p.a = (float)(sum / (double)pixels);
            p.a = p.full == 1.0f ? p.a : floorf(p.a + 0.5f);
        }
        apply_channel(image, &p, k);
    }
}

void fv_color_autocontrast(fv_image *image)
{
    const int64_t n = image->h * image->w * image->c;
    point p = {.apply = line, .full = fv_full_scale(image->depth), .drop = true};
    for (int64_t k = 0; k < fv_color_channels(image); k++) {
        float low = INFINITY, high = -INFINITY;
        for (int64_t i = k; i < n; i += image->c) {
            const float v = fv_element(image, i);
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
        if (!(high > low))
            continue;
        /* As Pillow has it, so that whole results stay whole. */
        p.b = p.full / (high - low);
        p.a = -low * p.b;
        apply_channel(image, &p, k);
    }
}

/* ---- pixels ---- */

void fv_color_grey(fv_image *image)
{
    fv_color_saturation(image, 0.0f);
}

static void saturate_u8(fv_image *image, float factor)
{
    uint8_t *p = image->data;
    for (int64_t i = 0; i < image->h * image->w; i++, p += image->c) {
        const float grey = (float)((int)(p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
        for (int k = 0; k < 3; k++) {
            float v = grey + factor * ((float)p[k] - grey);
            v = v > 0.0f ? v : 0.0f;
            p[k] = (uint8_t)(int)(v < 255.0f ? v : 255.0f);
        }
    }
}

void fv_color_saturation(fv_image *image, float factor)
{
    const int64_t n = image->h * image->w * image->c;
    if (!fv_has_colors(image) || factor == 1.0f)
        return;
    const point p = {.full = fv_full_scale(image->depth), .drop = true};
    if (image->depth == FV_DEPTH_8) {
        saturate_u8(image, factor);
        return;
    }
    for (int64_t i = 0; i < n; i += image->c) {
        point pixel = p;
        pixel.apply = blend;
        pixel.a = fv_luma(image, i);
        pixel.b = factor;
        for (int64_t k = 0; k < 3; k++)
            fv_put_element(image->depth, image->data, i + k, store_level(&pixel, fv_element(image, i + k)));
    }
}

enum { BLOCK = 64 };

/* high - chroma * clamp(min(at, 4 - at), 0, 1) with at = hue and more, modulo 6. */
static inline float channel(float high, float chroma, float hue, float more)
{
    float at = hue + more;
    at -= 6.0f * (float)(int32_t)(at * (1.0f / 6.0f));
    float share = at < 4.0f - at ? at : 4.0f - at;
    share = share > 0.0f ? share : 0.0f;
    share = share < 1.0f ? share : 1.0f;
    return high - chroma * share;
}

/* Hue of HSV turned by `sixths` of a turn, for a block of pixels in planes, full scale 1; branch-free, so that the
 * compiler can make vectors of it. */
static void turn_hue(float sixths, float *restrict r, float *restrict g, float *restrict b)
{
    for (int i = 0; i < BLOCK; i++) {
        const float red = r[i], green = g[i], blue = b[i];
        const float rg = red > green ? red : green, rg_low = red < green ? red : green;
        const float high = rg > blue ? rg : blue, low = rg_low < blue ? rg_low : blue, chroma = high - low;
        const float scale = 1.0f / (chroma > 0.0f ? chroma : 1.0f);
        const float from_red = (green - blue) * scale, from_green = 2.0f + (blue - red) * scale;
        const float from_blue = 4.0f + (red - green) * scale;
        const float others = high == green ? from_green : from_blue;
        const float hue = (high == red ? from_red : others) + (sixths + 6.0f);
        r[i] = channel(high, chroma, hue, 5.0f);
        g[i] = channel(high, chroma, hue, 3.0f);
        b[i] = channel(high, chroma, hue, 1.0f);
    }
}

void fv_color_hue(fv_image *image, float turns)
{
    const int64_t pixels = image->h * image->w, c = image->c;
    const float full = fv_full_scale(image->depth), part = 1.0f / full;
    /* 255.999 levels of 8 bits, the fraction dropped, as torchvision counts; the others round. */
    const float grow = image->depth == FV_DEPTH_8 ? 255.999f : full, half = image->depth == FV_DEPTH_16 ? 0.5f : 0.0f;
    const float sixths = (turns - floorf(turns)) * 6.0f;
    if (!fv_has_colors(image) || sixths == 0.0f)
        return;
    float plane[3][BLOCK] = {{0}};
    for (int64_t at = 0; at < pixels; at += BLOCK) {
        const int n = pixels - at < BLOCK ? (int)(pixels - at) : BLOCK;
        const uint8_t *bytes = image->depth == FV_DEPTH_8 ? image->data + at * c : NULL;
        for (int i = 0; i < n; i++)
            for (int k = 0; k < 3; k++)
                plane[k][i] = (bytes ? (float)bytes[i * c + k] : fv_element(image, (at + i) * c + k)) * part;
        turn_hue(sixths, plane[0], plane[1], plane[2]);
        for (int i = 0; bytes && i < n; i++)
            for (int k = 0; k < 3; k++)
                image->data[(at + i) * c + k] = (uint8_t)(int)(plane[k][i] * grow);
        for (int i = 0; !bytes && i < n; i++)
            for (int k = 0; k < 3; k++)
                fv_put_element(image->depth, image->data, (at + i) * c + k, plane[k][i] * grow + half);
    }
}
