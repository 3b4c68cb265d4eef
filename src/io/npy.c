/* SPDX-License-Identifier: Apache-2.0 */
/* NPY images: height x width, or height x width x channels of any number. */
#include "io/npy.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static uint64_t read_item(const uint8_t *src, int bytes, bool big)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)src[i] << (8 * (big ? bytes - 1 - i : i));
    return v;
}

static void convert_floats(const fv_npy *npy, const uint8_t *src, int64_t n, float *dst)
{
    for (int64_t i = 0; i < n; i++, src += npy->item_bytes) {
        const uint64_t bits = read_item(src, npy->item_bytes, npy->big);
        if (npy->item_bytes == 2) {
            const uint16_t half = (uint16_t)bits;
            dst[i] = (float)fv_dtype_get(FV_F16, &half, 0);
        } else if (npy->item_bytes == 4) {
            const uint32_t low = (uint32_t)bits;
            memcpy(&dst[i], &low, sizeof low);
        } else {
            double wide;
            memcpy(&wide, &bits, sizeof wide);
            /* Behind the largest float a conversion would be undefined. */
            dst[i] = wide > 3.4028234663852886e38    ? __builtin_inff()
                     : wide < -3.4028234663852886e38 ? -__builtin_inff()
                                                     : (float)wide;
        }
    }
}

void fv_npy_convert(const fv_npy *npy, const uint8_t *src, int64_t n, void *dst)
{
    if (npy->kind == 'f') {
        convert_floats(npy, src, n, dst);
    } else if (npy->kind == 'b') {
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)dst)[i] = src[i] ? 255 : 0;
    } else if (npy->item_bytes == 1) {
        memcpy(dst, src, (size_t)n);
    } else {
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)dst)[i] = (uint16_t)read_item(src + 2 * i, 2, npy->big);
    }
}

fv_status fv_npy_check_pixels(fv_image_job *job, const fv_npy *npy, fv_depth *depth)
{
    const bool small = npy->kind == 'b' || (npy->kind == 'u' && npy->item_bytes == 1);
    if (!small && npy->kind != 'f' && !(npy->kind == 'u' && npy->item_bytes == 2))
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_NOT_FINITE, -1,
                             "an NPY array of dtype '%c%d' has no scale of brightness: save it as uint8, uint16 "
                             "(0 to 65535) or float32 (0 to 1)",
                             npy->kind, npy->item_bytes);
    *depth = small ? FV_DEPTH_8 : npy->kind == 'f' ? FV_DEPTH_F32 : FV_DEPTH_16;
    return FV_OK;
}

bool fv_npy_channels_first(const int64_t dims[3])
{
    enum { SIDE = 8 };
    if (dims[1] < SIDE || dims[2] < SIDE)
        return false;
    return dims[0] == 3 || dims[0] == 4 || (dims[1] == dims[2] && dims[0] < dims[1] && dims[2] > 2 * SIDE);
}

static fv_status check_shape(fv_image_job *job, const fv_npy *npy)
{
    if (npy->n_dims != 2 && npy->n_dims != 3) {
        char shape[128] = "";
        for (int i = 0, used = 0; i < npy->n_dims; i++)
            used += snprintf(shape + used, sizeof shape - (size_t)used, "%s%lld", i ? ", " : "",
                             (long long)(npy->dims[i] % 1000000000));
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, -1,
                             "an NPY array of shape (%s) is no image: expected (height, width) or (height, width, "
                             "channels)",
                             shape);
    }
    FV_TRY(fv_image_check_size(job, npy->dims[0], npy->dims[1]));
    if (npy->n_dims == 3 && fv_npy_channels_first(npy->dims))
        return fv_image_fail(
            job, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, -1,
            "an NPY array of shape (%lld, %lld, %lld) has its channels first, expected (height, width, "
            "channels): save x.transpose(1, 2, 0)",
            (long long)npy->dims[0], (long long)npy->dims[1], (long long)npy->dims[2]);
    if (npy->n_dims == 3 && npy->dims[2] < 1)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TINY, -1,
                             "an NPY array of 0 channels: there is no image");
    return FV_OK;
}

/* From first index fastest to last index fastest. */
static fv_status reorder(fv_image_job *job, size_t item)
{
    const fv_image *from = &job->image;
    const int64_t h = from->h, w = from->w, c = from->c;
    FV_TRY(fv_image_afford(job, h * w * c * (int64_t)item));
    uint8_t *data = fv_malloc(job->ctx, (size_t)(h * w * c) * item);
    if (!data)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for the image");
    uint8_t *dst = data;
    for (int64_t y = 0; y < h; y++) {
        for (int64_t x = 0; x < w; x++) {
            for (int64_t k = 0; k < c; k++, dst += item)
                memcpy(dst, from->data + (size_t)((k * w + x) * h + y) * item, item);
        }
    }
    fv_free(job->ctx, job->image.data);
    job->image.data = data;
    return FV_OK;
}

static fv_status npy_decode(fv_image_job *job)
{
    fv_npy npy;
    fv_depth depth;
    FV_TRY(fv_npy_parse(job, job->data, job->size, &npy));
    FV_TRY(fv_npy_check_pixels(job, &npy, &depth));
    FV_TRY(check_shape(job, &npy));
    const int64_t have = (int64_t)(job->size - npy.data);
    if (npy.data_bytes > have && !(job->options.salvage && npy.data_bytes / 2 <= have))
        return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, npy.data_bytes / 2 > have ? FV_FAULT_NPY : FV_FAULT_TRUNCATED,
                             (int64_t)job->size,
                             "truncated NPY at byte %zu of %zu: the shape of the header needs %lld bytes", job->size,
                             job->size, (long long)npy.data_bytes);
    const int64_t c = npy.n_dims == 3 ? npy.dims[2] : 1;
    FV_TRY(fv_image_alloc(job, npy.dims[0], npy.dims[1], c, depth));
    const int64_t n = npy.data_bytes <= have ? npy.elements : have / npy.item_bytes;
    memset(job->image.data, 0, (size_t)npy.elements * fv_depth_bytes(depth));
    fv_npy_convert(&npy, job->data + npy.data, n, job->image.data);
    if (npy.fortran)
        FV_TRY(reorder(job, fv_depth_bytes(depth)));
    job->notes.grey = c == 1;
    job->notes.sixteen_bit = depth == FV_DEPTH_16;
    job->notes.float_pixels = depth == FV_DEPTH_F32;
    FV_TRY(fv_image_check_finite(job));
    if (n < npy.elements)
        return fv_image_truncated(job, "NPY", (int64_t)job->size, npy.fortran ? 0 : n / (job->image.w * c));
    if (npy.data_bytes < have)
        fv_image_warn(job, "bytes behind the array");
    return FV_OK;
}

const fv_image_format fv_image_npy = {
    .name = "npy", .title = "NPY", .extensions = " npy ", .sniff = fv_npy_sniff, .decode = npy_decode};
