/* SPDX-License-Identifier: Apache-2.0 */
/* Depths: from 16 bits and floats to the 8 bits of callers that want no more, and numbers that are none. */
#include "io/image.h"

#include <math.h>
#include <string.h>

static int64_t samples(const fv_image *image)
{
    return image->h * image->w * image->c;
}

fv_status fv_image_reduce(fv_image_job *job)
{
    fv_image *image = &job->image;
    if (image->depth == FV_DEPTH_8 || job->options.keep_depth)
        return FV_OK;
    const int64_t n = samples(image);
    uint8_t *data = fv_malloc(job->ctx, (size_t)n);
    if (!data)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for %lld samples", (long long)n);
    if (image->depth == FV_DEPTH_16) {
        const uint16_t *v = (const uint16_t *)image->data;
        for (int64_t i = 0; i < n; i++)
            data[i] = (uint8_t)((v[i] * 255u + 32767u) / 65535u);
    } else {
        const float *v = (const float *)image->data;
        for (int64_t i = 0; i < n; i++) {
            const float in = v[i] > 0.0f ? (v[i] < 1.0f ? v[i] : 1.0f) : 0.0f;
            data[i] = (uint8_t)(in * 255.0f + 0.5f);
        }
    }
    fv_free(job->ctx, image->data);
    image->data = data;
    image->depth = FV_DEPTH_8;
    return FV_OK;
}

fv_status fv_image_check_finite(fv_image_job *job)
{
    const fv_image *image = &job->image;
    if (image->depth != FV_DEPTH_F32)
        return FV_OK;
    const float *v = (const float *)image->data;
    const int64_t n = samples(image);
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(v[i])) {
            job->notes.clipped |= v[i] < 0.0f || v[i] > 1.0f;
            continue;
        }
        const int64_t pixel = i / image->c;
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_NOT_FINITE, -1,
                             "%s at row %lld, column %lld, channel %lld (value %lld of %lld): pixels must be finite",
                             isnan(v[i]) ? "NaN" : "infinity", (long long)(pixel / image->w),
                             (long long)(pixel % image->w), (long long)(i % image->c), (long long)i, (long long)n);
    }
    return FV_OK;
}

int fv_image_level(const fv_image *image, int64_t pixel, int k)
{
    const int64_t at = pixel * image->c + (image->c >= 3 ? k : 0);
    if (image->depth == FV_DEPTH_16)
        return ((const uint16_t *)(const void *)image->data)[at] >> 8;
    if (image->depth == FV_DEPTH_F32) {
        const float v = ((const float *)(const void *)image->data)[at];
        return v >= 1.0f ? 255 : v > 0.0f ? (int)(v * 255.0f + 0.5f) : 0;
    }
    return image->data[at];
}
