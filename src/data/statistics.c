/* SPDX-License-Identifier: Apache-2.0 */
/* Mean and standard deviation of pixels, from exact integer sums: the same on any number of threads. */
#include <math.h>

#include "data/dataset.h"

typedef struct sums {
    fv_dataset *dataset;
    int64_t taken; /* samples looked at, spread evenly */
    pthread_mutex_t mutex;
    uint64_t sum[3], squares[3], count;
} sums;

static void add_pixels(const fv_image *image, uint64_t sum[3], uint64_t squares[3])
{
    uint64_t histogram[3][256] = {{0}};
    const uint8_t *p = image->data;
    for (int64_t i = 0; i < image->h * image->w; i++, p += image->c) {
        for (int64_t k = 0; k < 3; k++)
            histogram[k][p[image->c >= 3 ? k : 0]]++;
    }
    for (int k = 0; k < 3; k++) {
        for (uint64_t v = 0; v < 256; v++) {
            sum[k] += histogram[k][v] * v;
            squares[k] += histogram[k][v] * v * v;
        }
    }
}

static fv_status add_sample(void *arg, int64_t t)
{
    sums *s = arg;
    const fv_source *source = s->dataset->source;
    const int64_t i =
        (int64_t)((__extension__(unsigned __int128) t * (uint64_t)s->dataset->count) / (uint64_t)s->taken);
    uint64_t sum[3] = {0}, squares[3] = {0};
    fv_image image = {.h = source->h, .w = source->w, .c = source->c};
    if (source->pixels) {
        image.data = (uint8_t *)source->pixels + s->dataset->index[i] * image.h * image.w * image.c;
        add_pixels(&image, sum, squares);
    } else {
        fv_image_error error;
        fv_status status = fv_dataset_fetch(s->dataset, i, NULL, NULL, &image, NULL, &error);
        if (status != FV_OK)
            return fv_error_is_quarantine(&error) || status == FV_ERR_DATA_TOO_LARGE ? FV_OK : status;
        add_pixels(&image, sum, squares);
    }
    pthread_mutex_lock(&s->mutex);
    for (int k = 0; k < 3; k++) {
        s->sum[k] += sum[k];
        s->squares[k] += squares[k];
    }
    s->count += (uint64_t)(image.h * image.w);
    pthread_mutex_unlock(&s->mutex);
    if (!source->pixels)
        fv_image_free(s->dataset->ctx, &image);
    return FV_OK;
}

fv_status fv_dataset_statistics(fv_dataset *dataset, int64_t limit, float mean[16], float std[16])
{
    sums s = {.dataset = dataset, .taken = limit > 0 && limit < dataset->count ? limit : dataset->count};
    pthread_mutex_init(&s.mutex, NULL);
    fv_status status = fv_data_each(dataset->ctx, s.taken, add_sample, &s);
    pthread_mutex_destroy(&s.mutex);
    if (status != FV_OK)
        return status;
    if (s.count == 0)
        return fv_fail(dataset->ctx, FV_ERR_DATA_EMPTY, "%s: none of %lld images can be decoded", dataset->path,
                       (long long)s.taken);
    for (int k = 0; k < 16; k++) {
        mean[k] = 0.0f;
        std[k] = 1.0f;
        if (k >= 3)
            continue;
        const double n = (double)s.count, m = (double)s.sum[k] / n, variance = (double)s.squares[k] / n - m * m;
        const double deviation = variance > 1.0 ? sqrt(variance) : 1.0; /* constant images must not divide by zero */
        mean[k] = (float)(m / 255.0);
        std[k] = (float)(deviation / 255.0);
    }
    return FV_OK;
}
