/* SPDX-License-Identifier: Apache-2.0 */
#include "data/pixel_sums.h"

#include <math.h>
#include <string.h>

#define UNIT 4294967296.0 /* 2^32 */

/* Whole numbers, so that the image's sums are exact and its share of full scale is rounded once. */
static void add_integers(const fv_image *image, int64_t kept, fv_channel_sum *of)
{
    const double full = image->depth == FV_DEPTH_16 ? 65535.0 : 255.0;
    const uint8_t *bytes = image->data;
    const uint16_t *words = (const uint16_t *)(const void *)image->data;
    for (int64_t k = 0; k < kept; k++) {
        uint64_t sum = 0;
        unsigned __int128 squares = 0;
        for (int64_t y = 0; y < image->h; y++) {
            uint64_t row = 0, row_squares = 0;
            for (int64_t i = y * image->w * image->c + k, x = 0; x < image->w; x++, i += image->c) {
                const uint64_t v = image->depth == FV_DEPTH_16 ? words[i] : bytes[i];
                row += v;
                row_squares += v * v;
            }
            sum += row;
            squares += row_squares;
        }
        of[k].sum = (fv_int128)((double)sum / full * UNIT + 0.5);
        of[k].squares = (fv_int128)((double)squares / (full * full) * UNIT + 0.5);
    }
}

static void add_floats(const fv_image *image, int64_t kept, fv_channel_sum *of)
{
    const float *values = (const float *)(const void *)image->data;
    for (int64_t k = 0; k < kept; k++) {
        double sum = 0.0, squares = 0.0;
        for (int64_t i = 0; i < image->h * image->w; i++) {
            const double v = (double)values[i * image->c + k];
            sum += v;
            squares += v * v;
        }
        of[k].sum = (fv_int128)(sum * UNIT + (sum < 0.0 ? -0.5 : 0.5));
        of[k].squares = (fv_int128)(squares * UNIT + 0.5);
    }
}

void fv_pixel_sums_image(const fv_image *image, bool alpha, fv_pixel_sums *sums)
{
    int64_t kept = image->c < FV_SUM_CHANNELS ? image->c : FV_SUM_CHANNELS;
    if (alpha && (kept == 2 || kept == 4))
        kept--;
    memset(sums, 0, sizeof *sums);
    sums->pixels[kept] = image->h * image->w;
    if (image->depth == FV_DEPTH_F32)
        add_floats(image, kept, sums->of[kept]);
    else
        add_integers(image, kept, sums->of[kept]);
}

void fv_pixel_sums_add(fv_pixel_sums *to, const fv_pixel_sums *from)
{
    for (int c = 1; c <= FV_SUM_CHANNELS; c++) {
        if (from->pixels[c] == 0)
            continue;
        to->pixels[c] += from->pixels[c];
        for (int k = 0; k < c; k++) {
            to->of[c][k].sum += from->of[c][k].sum;
            to->of[c][k].squares += from->of[c][k].squares;
        }
    }
}

int fv_pixel_sums_result(const fv_pixel_sums *sums, double mean[FV_SUM_CHANNELS], double std[FV_SUM_CHANNELS])
{
    int channels = 0;
    for (int c = 1; c <= FV_SUM_CHANNELS; c++)
        channels = sums->pixels[c] > 0 ? c : channels;
    for (int k = 0; k < channels; k++) {
        fv_channel_sum all = {0, 0};
        int64_t pixels = 0;
        for (int c = 1; c <= channels; c++) {
            if (sums->pixels[c] == 0 || (k >= c && c != 1))
                continue;
            const fv_channel_sum *of = &sums->of[c][c == 1 ? 0 : k];
            all.sum += of->sum;
            all.squares += of->squares;
            pixels += sums->pixels[c];
        }
        const double n = (double)pixels * UNIT, m = (double)all.sum / n, variance = (double)all.squares / n - m * m;
        mean[k] = m;
        std[k] = variance > 0.0 ? sqrt(variance) : 0.0;
    }
    return channels;
}
