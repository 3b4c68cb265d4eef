/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures that look the same: a hash of 64 bits, the signs of the lowest frequencies of the picture at 32 x 32 (the
 * "pHash" of Zauner, 2010), finds candidates; grey pictures of 16 x 16, freed of brightness and contrast, decide.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/check/check.h"

enum { SIDE = 32, LOW = 8, FLAT = 4 };

#define PI 3.14159265358979323846

/* Light of a pixel, 0 to 255. */
static int light(const fv_image *image, int64_t i)
{
    const int64_t at = i * image->c, k = image->c >= 3 ? 1 : 0; /* green carries most of it */
    if (image->depth == FV_DEPTH_16)
        return ((const uint16_t *)(const void *)image->data)[at + k] >> 8;
    if (image->depth == FV_DEPTH_F32) {
        const float v = ((const float *)(const void *)image->data)[at + k];
        return v >= 1.0f ? 255 : v > 0.0f ? (int)(v * 255.0f + 0.5f) : 0;
    }
    const uint8_t *p = image->data + at;
    return image->c >= 3 ? (p[0] * 77 + p[1] * 150 + p[2] * 29) >> 8 : p[0];
}

/* The picture averaged over 32 x 32 areas. */
static void shrink(const fv_image *image, int grey[SIDE][SIDE])
{
    for (int y = 0; y < SIDE; y++) {
        const int64_t y0 = y * image->h / SIDE, y1 = (y + 1) * image->h / SIDE;
        for (int x = 0; x < SIDE; x++) {
            const int64_t x0 = x * image->w / SIDE, x1 = (x + 1) * image->w / SIDE;
            int64_t sum = 0, n = 0;
            for (int64_t v = y0; v < (y1 > y0 ? y1 : y0 + 1); v++) {
                for (int64_t u = x0; u < (x1 > x0 ? x1 : x0 + 1); u++, n++)
                    sum += light(image, v * image->w + u);
            }
            grey[y][x] = (int)((sum * 16 + n / 2) / n); /* sixteenths */
        }
    }
}

static int compare_double(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One bit per low frequency of the cosine transform: whether it is above the median of them. */
static uint64_t hash_of(int grey[SIDE][SIDE])
{
    double basis[LOW][SIDE], rows[SIDE][LOW], low[LOW * LOW], sorted[LOW * LOW];
    for (int f = 0; f < LOW; f++) {
        for (int i = 0; i < SIDE; i++)
            basis[f][i] = rint(cos(PI * (f + 1) * (2 * i + 1) / (2.0 * SIDE)) * 65536.0); /* the same everywhere */
    }
    for (int y = 0; y < SIDE; y++) {
        for (int f = 0; f < LOW; f++) {
            rows[y][f] = 0.0;
            for (int x = 0; x < SIDE; x++)
                rows[y][f] += basis[f][x] * grey[y][x];
        }
    }
    for (int g = 0; g < LOW; g++) {
        for (int f = 0; f < LOW; f++) {
            double sum = 0.0;
            for (int y = 0; y < SIDE; y++)
                sum += basis[g][y] * rows[y][f];
            low[g * LOW + f] = sum;
        }
    }
    memcpy(sorted, low, sizeof low);
    qsort(sorted, LOW * LOW, sizeof *sorted, compare_double);
    const double median = sorted[LOW * LOW / 2];
    uint64_t hash = 0;
    for (int i = 0; i < LOW * LOW; i++)
        hash |= (uint64_t)(low[i] > median) << i;
    return hash;
}

void fv_check_thumb_make(const fv_image *image, fv_check_thumb *thumb)
{
    int grey[SIDE][SIDE];
    shrink(image, grey);
    thumb->hash = hash_of(grey);
    for (int y = 0; y < FV_THUMB; y++) {
        for (int x = 0; x < FV_THUMB; x++) {
            const int sum =
                grey[2 * y][2 * x] + grey[2 * y][2 * x + 1] + grey[2 * y + 1][2 * x] + grey[2 * y + 1][2 * x + 1];
            thumb->grey[y * FV_THUMB + x] = (uint8_t)(sum / 64);
        }
    }
}

static void mean_and_deviation(const fv_check_thumb *t, double *mean, double *deviation)
{
    int64_t sum = 0, squares = 0;
    for (int i = 0; i < FV_THUMB * FV_THUMB; i++) {
        sum += t->grey[i];
        squares += t->grey[i] * t->grey[i];
    }
    const double n = FV_THUMB * FV_THUMB;
    *mean = (double)sum / n;
    *deviation = sqrt((double)squares / n - *mean * *mean);
}

double fv_check_thumb_distance(const fv_check_thumb *a, const fv_check_thumb *b)
{
    double ma, mb, da, db, sum = 0.0;
    mean_and_deviation(a, &ma, &da);
    mean_and_deviation(b, &mb, &db);
    if (da < FLAT || db < FLAT)
        return INFINITY;
    for (int i = 0; i < FV_THUMB * FV_THUMB; i++)
        sum += fabs((a->grey[i] - ma) / da - (b->grey[i] - mb) / db);
    return sum / (FV_THUMB * FV_THUMB);
}
