/* SPDX-License-Identifier: Apache-2.0 */
/* Noise, erasing, mirrors and crops. */
#include "data/image/filter.h"

#include <string.h>

#include "base/ctx.h"
#include "base/random.h"
#include "data/image/pixels.h"
#include "kernels/image/image.h"
#include "kernels/kernels.h"

static void noise_block(const fv_noise_key *key, int64_t block, uint32_t out[4])
{
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)((uint64_t)block >> 32), key->word[2], key->word[3]};
    fv_philox4x32(counter, key->word, out);
}

enum { NORMALS = 1024 }; /* drawn at once */

void fv_filter_noise(fv_ctx *ctx, fv_image *image, float sigma, const fv_noise_key *key)
{
    const fv_image_kernels *kernels = fv_kernels_of(ctx)->image;
    const int64_t n = image->h * image->w * image->c;
    const float scale = fv_from_level(image->depth, sigma);
    float normal[NORMALS];
    for (int64_t at = 0; at < n; at += NORMALS) {
        const int64_t count = n - at < NORMALS ? n - at : NORMALS;
        kernels->normals(key->word, (uint64_t)at, (count + 63) / 64 * 64, normal);
        for (int64_t i = 3; image->c == 4 && i < count; i += 4)
            normal[i] = 0.0f;
        if (image->depth == FV_DEPTH_8) {
            kernels->add_noise(count, scale, normal, image->data + at);
            continue;
        }
        for (int64_t i = 0; i < count; i++)
            if (normal[i] != 0.0f)
                fv_round_element(image->depth, image->data, at + i, fv_element(image, at + i) + scale * normal[i]);
    }
}

void fv_filter_salt_pepper(fv_image *image, float amount, const fv_noise_key *key)
{
    const int64_t pixels = image->h * image->w;
    const float full = fv_full_scale(image->depth);
    uint32_t word[4];
    for (int64_t i = 0; i < pixels; i++) {
        if (i % 4 == 0)
            noise_block(key, i / 4, word);
        if (!(fv_uniform(word[i % 4]) < amount))
            continue;
        /* The lowest bit has no part in the uniform number. */
        for (int64_t k = 0; k < fv_color_channels(image); k++)
            fv_put_element(image->depth, image->data, i * image->c + k, word[i % 4] & 1 ? full : 0.0f);
    }
}

void fv_filter_erase(fv_image *image, const fv_resize_window *window, const float *value, const fv_noise_key *key)
{
    const int64_t c = image->c, y0 = window->y > 0 ? window->y : 0, x0 = window->x > 0 ? window->x : 0;
    const int64_t y1 = window->y + window->h < image->h ? window->y + window->h : image->h;
    const int64_t x1 = window->x + window->w < image->w ? window->x + window->w : image->w;
    int64_t drawn = 0;
    uint32_t word[4];
    for (int64_t y = y0; y < y1; y++) {
        for (int64_t i = (y * image->w + x0) * c; i < (y * image->w + x1) * c; i++) {
            float level = value ? value[i % c < 16 ? i % c : 15] : 0.0f;
            if (key) {
                if (drawn % 16 == 0)
                    noise_block(key, drawn / 16, word);
                level = (float)(word[drawn / 4 % 4] >> 8 * (drawn % 4) & 255u);
                drawn++;
            }
            if (c == 4 && i % 4 == 3)
                continue;
            const float v = fv_from_level(image->depth, level);
            if (image->depth == FV_DEPTH_F32)
                fv_put_element(image->depth, image->data, i, v);
            else
                fv_round_element(image->depth, image->data, i, v);
        }
    }
}

static void swap(uint8_t *restrict a, uint8_t *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

void fv_mirror_horizontal(fv_image *image)
{
    const size_t pixel = (size_t)image->c * fv_depth_bytes(image->depth);
    for (int64_t y = 0; y < image->h; y++) {
        uint8_t *left = image->data + (size_t)(y * image->w) * pixel, *right = left + (size_t)image->w * pixel;
        for (int64_t x = 0; x < image->w / 2; x++) {
            right -= pixel;
            swap(left, right, pixel);
            left += pixel;
        }
    }
}

void fv_mirror_vertical(fv_image *image)
{
    const size_t row = (size_t)(image->w * image->c) * fv_depth_bytes(image->depth);
    for (int64_t y = 0; y < image->h / 2; y++)
        swap(image->data + (size_t)y * row, image->data + (size_t)(image->h - 1 - y) * row, row);
}

void fv_crop(const fv_image *src, int64_t y, int64_t x, fv_fill fill, const uint8_t *value, fv_image *dst)
{
    const int64_t c = src->c;
    const size_t pixel = (size_t)c * fv_depth_bytes(src->depth);
    dst->c = c;
    dst->depth = src->depth;
    for (int64_t i = 0; i < dst->h; i++) {
        const int64_t from = fv_fill_index(y + i, src->h, fill);
        for (int64_t j = 0; j < dst->w;) {
            uint8_t *to = dst->data + (size_t)(i * dst->w + j) * pixel;
            const int64_t at = fv_fill_index(x + j, src->w, fill);
            if (from < 0 || at < 0) {
                for (int64_t k = 0; k < c; k++)
                    fv_put_element(src->depth, to, k, fv_from_level(src->depth, value ? value[k < 16 ? k : 15] : 0));
                j++;
                continue;
            }
            /* Inside the image a whole run of pixels at once. */
            int64_t run = 1;
            if (x + j == at)
                run = src->w - at < dst->w - j ? src->w - at : dst->w - j;
            memcpy(to, src->data + (size_t)(from * src->w + at) * pixel, (size_t)run * pixel);
            j += run;
        }
    }
}
