/* SPDX-License-Identifier: Apache-2.0 */
/* Mean and standard deviation of the pixels of a data set, the same on any number of threads. */
#include "data/dataset.h"
#include "data/pixel_sums.h"

typedef struct job {
    fv_dataset *dataset;
    int64_t taken; /* samples looked at, spread evenly */
    pthread_mutex_t mutex;
    fv_pixel_sums sums;
    bool deep; /* there are images of more than 8 bits */
} job;

static fv_status add_sample(void *arg, int64_t t)
{
    job *j = arg;
    fv_image image = {0};
    fv_image_error error;
    fv_decode_notes notes = {0};
    fv_pixel_sums sums;
    const int64_t i =
        (int64_t)((__extension__(unsigned __int128) t * (uint64_t)j->dataset->count) / (uint64_t)j->taken);
    fv_decode_options decode = j->dataset->decode;
    decode.keep_depth = true; /* as training sees them */
    fv_status status = fv_dataset_fetch(j->dataset, i, &decode, NULL, &image, &notes, &error);
    if (status != FV_OK)
        return fv_error_is_quarantine(&error) || status == FV_ERR_DATA_TOO_LARGE ? FV_OK : status;
    fv_pixel_sums_image(&image, notes.alpha, &sums);
    const bool deep = image.depth != FV_DEPTH_8;
    fv_image_free(j->dataset->ctx, &image);
    pthread_mutex_lock(&j->mutex);
    j->deep |= deep;
    fv_pixel_sums_add(&j->sums, &sums);
    pthread_mutex_unlock(&j->mutex);
    return FV_OK;
}

fv_status fv_dataset_statistics(fv_dataset *dataset, int64_t limit, float mean[16], float std[16])
{
    job j = {.dataset = dataset, .taken = limit > 0 && limit < dataset->count ? limit : dataset->count};
    double means[FV_SUM_CHANNELS], deviations[FV_SUM_CHANNELS];
    pthread_mutex_init(&j.mutex, NULL);
    fv_status status = fv_data_each(dataset->ctx, "measured", "images", j.taken, add_sample, &j);
    pthread_mutex_destroy(&j.mutex);
    if (status != FV_OK)
        return status;
    const int channels = fv_pixel_sums_result(&j.sums, means, deviations);
    if (channels == 0)
        return fv_fail(dataset->ctx, FV_ERR_DATA_EMPTY, "%s: none of %lld images can be decoded", dataset->path,
                       (long long)j.taken);
    for (int k = 0; k < FV_SUM_CHANNELS; k++) {
        mean[k] = 0.0f;
        std[k] = 1.0f;
        if (k >= channels && (channels != 1 || k >= 3))
            continue; /* grey pictures for a network of three channels: each is the grey one */
        const int from = channels == 1 ? 0 : k;
        mean[k] = (float)means[from];
        const double least = j.deep ? 1.0 / 65535.0 : 1.0 / 255.0; /* never divide by zero */
        std[k] = (float)(deviations[from] > least ? deviations[from] : least);
    }
    return FV_OK;
}
