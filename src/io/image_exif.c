/* SPDX-License-Identifier: Apache-2.0 */
/* EXIF orientation: finding it (Exif 2.32, tag 0x0112 of the first directory) and applying it. */
#include "io/image.h"

#include <string.h>

static uint32_t read_uint(const uint8_t *p, int bytes, bool big)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)p[i] << (8 * (big ? bytes - 1 - i : i));
    return value;
}

int fv_exif_orientation(const uint8_t *data, size_t size)
{
    if (size < 8 || (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "MM\0*", 4) != 0))
        return 1;
    bool big = data[0] == 'M';
    size_t at = read_uint(data + 4, 4, big);
    if (at > size - 2 || at < 8)
        return 1;
    uint32_t entries = read_uint(data + at, 2, big);
    at += 2;
    for (uint32_t i = 0; i < entries && size - at >= 12; i++, at += 12) {
        const uint8_t *entry = data + at;
        uint32_t type = read_uint(entry + 2, 2, big), count = read_uint(entry + 4, 4, big);
        if (read_uint(entry, 2, big) != 0x0112)
            continue;
        uint32_t value = type == 3 ? read_uint(entry + 8, 2, big) : type == 4 ? read_uint(entry + 8, 4, big) : 0;
        return count == 1 && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

fv_orientation fv_orientation_get(int orientation)
{
    static const fv_orientation how[9] = {
        [2] = {false, false, true}, [3] = {false, true, true}, [4] = {false, true, false}, [5] = {true, false, false},
        [6] = {true, true, false},  [7] = {true, true, true},  [8] = {true, false, true}};
    return how[orientation < 1 || orientation > 8 ? 1 : orientation];
}

fv_status fv_image_orient(fv_ctx *ctx, fv_image *image, int orientation)
{
    if (orientation < 2 || orientation > 8)
        return FV_OK;
    const int64_t sh = image->h, sw = image->w, c = image->c * (int64_t)fv_depth_bytes(image->depth);
    const fv_orientation how = fv_orientation_get(orientation);
    const bool swap = how.swap;
    const int64_t h = swap ? sw : sh, w = swap ? sh : sw;
    uint8_t *data = fv_malloc(ctx, (size_t)(h * w * c));
    if (!data)
        return FV_ERR_NO_MEMORY;
    uint8_t *dst = data;
    for (int64_t y = 0; y < h; y++) {
        for (int64_t x = 0; x < w; x++, dst += c) {
            int64_t row = swap ? x : y, col = swap ? y : x;
            row = how.flip_row ? sh - 1 - row : row;
            col = how.flip_col ? sw - 1 - col : col;
            const uint8_t *src = image->data + (row * sw + col) * c;
            for (int64_t k = 0; k < c; k++)
                dst[k] = src[k];
        }
    }
    fv_free(ctx, image->data);
    image->data = data;
    image->h = h;
    image->w = w;
    return FV_OK;
}
