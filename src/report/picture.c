/* SPDX-License-Identifier: Apache-2.0 */
#include "report/picture.h"

#include <string.h>

#include <zlib.h>

static void put_base64(fv_str *out, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t v =
            (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0u);
        const char four[4] = {digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
                              left > 2 ? digits[v & 63] : '='};
        fv_str_append_n(out, four, 4);
    }
}

void fv_put_data(fv_str *out, const char *type, const void *data, size_t size)
{
    fv_str_printf(out, "data:%s;base64,", type);
    put_base64(out, data, size);
}

static uint8_t *put_u32(uint8_t *p, size_t v)
{
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(v >> (24 - 8 * i));
    return p;
}

static uint8_t *put_chunk(uint8_t *p, const char *type, const uint8_t *data, size_t size)
{
    p = put_u32(p, size);
    memcpy(p, type, 4);
    if (size > 0)
        memcpy(p + 4, data, size);
    return put_u32(p + 4 + size, crc32(0, p, (uInt)size + 4));
}

fv_status fv_picture_png(fv_str *out, const fv_picture *picture)
{
    const int h = picture->h, w = picture->w;
    const size_t stride = (size_t)w * 3, raw_size = (size_t)h * (stride + 1);
    uLongf packed = compressBound((uLong)raw_size);
    uint8_t *raw = fv_malloc(out->ctx, raw_size), *data = fv_malloc(out->ctx, packed),
            *file = fv_malloc(out->ctx, packed + 128);
    fv_status status = raw && data && file ? FV_OK : FV_ERR_NO_MEMORY;
    for (int y = 0; y < h && status == FV_OK; y++) {
        raw[(size_t)y * (stride + 1)] = 0; /* no filter */
        memcpy(raw + (size_t)y * (stride + 1) + 1, picture->rgb + (size_t)y * stride, stride);
    }
    if (status == FV_OK && compress2(data, &packed, raw, (uLong)raw_size, 9) != Z_OK)
        status = fv_fail_memory(out->ctx, raw_size, "a small picture");
    if (status == FV_OK) {
        uint8_t header[13] = {0}, *p = file;
        put_u32(put_u32(header, (size_t)w), (size_t)h);
        header[8] = 8;
        header[9] = 2;
        memcpy(p, "\x89PNG\r\n\x1A\n", 8);
        p = put_chunk(p + 8, "IHDR", header, sizeof header);
        p = put_chunk(p, "IDAT", data, packed);
        p = put_chunk(p, "IEND", NULL, 0);
        fv_str_append_n(out, file, (size_t)(p - file));
    }
    fv_free(out->ctx, raw);
    fv_free(out->ctx, data);
    fv_free(out->ctx, file);
    return status;
}

fv_picture fv_picture_shrink(const fv_image *image, uint8_t *rgb)
{
    const int64_t side = image->h > image->w ? image->h : image->w,
                  kept = side < FV_PICTURE_SIDE ? side : FV_PICTURE_SIDE;
    const int h = (int)(image->h * kept / side > 0 ? image->h * kept / side : 1),
              w = (int)(image->w * kept / side > 0 ? image->w * kept / side : 1);
    for (int y = 0; y < h; y++) {
        const int64_t y0 = y * image->h / h, y1 = (y + 1) * image->h / h;
        for (int x = 0; x < w; x++) {
            const int64_t x0 = x * image->w / w, x1 = (x + 1) * image->w / w, n = (y1 - y0) * (x1 - x0);
            for (int k = 0; k < 3; k++) {
                int64_t sum = 0;
                for (int64_t v = y0; v < y1; v++) {
                    for (int64_t u = x0; u < x1; u++)
                        sum += fv_image_level(image, v * image->w + u, k);
                }
                rgb[(y * w + x) * 3 + k] = (uint8_t)((sum + n / 2) / n);
            }
        }
    }
    return (fv_picture){rgb, h, w};
}

fv_status fv_put_pixels(fv_str *out, const fv_picture *picture, const char *attributes)
{
    fv_str file = {.ctx = out->ctx};
    fv_status status = fv_picture_png(&file, picture);
    if (status == FV_OK)
        status = fv_str_status(&file);
    fv_str_printf(out, "<img alt=\"\"%s src=\"", attributes);
    fv_put_data(out, "image/png", file.data, status == FV_OK ? file.size : 0);
    fv_str_append(out, "\">");
    fv_str_free(&file);
    return status;
}

fv_status fv_put_picture(fv_str *out, const fv_image *image)
{
    uint8_t rgb[FV_PICTURE_SIDE * FV_PICTURE_SIDE * 3];
    const fv_picture picture = fv_picture_shrink(image, rgb);
    return fv_put_pixels(out, &picture, "");
}
